//! What is read, written and told: on ports in memory, each call of which can be made to fail.

mod common;
mod cost;
mod files;
#[path = "../pages/fixture.rs"]
mod fixture;
mod metrics;
mod notices;
mod reading;
mod schema;
mod told;
mod world;
