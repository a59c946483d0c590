//! Whole failovers: alarms, the functions behind them, CDN and database, on local AWS with the real binaries.

mod drills;
mod fixture;
mod function_alarm;
mod function_cdn;
mod function_db;
mod function_order;
mod function_ways;
