//! What a scorecard says, as a function of what was read and of the moment.

mod answers;
mod cadence;
mod calendar;
mod common;
mod declarations;
mod export;
mod expressions;
mod limits;
mod losses;
mod results;
mod retired;
mod schedules;
mod stages;
mod year;
