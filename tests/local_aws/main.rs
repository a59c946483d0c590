//! Whole drills: the real binary, under a real Lambda runtime API, deployed with the template that users
//! deploy, speaking the real protocols to local AWS.

mod failures;
mod fixture;
mod groups;
mod long;
mod refusals;
mod runs;
mod standins;
mod watchdog;
