//! AWS adapters of Firedrill: reads and undo calls.
//!
//! One file and one feature per service: each carries out a port of `firedrill_drills`, one operation and one page at a
//! time. It translates and decides nothing. [`lambda`] serves.
//!
//! The calls that inject a failure are not here: they are a crate of their own, on which the watchdog does not depend.
//!
//! No adapter sends a mutating call twice, none spawns a task that nobody awaits, and only [`clock`] reads a clock.

pub mod clock;
pub mod config;

#[cfg(feature = "autoscaling")]
mod autoscaling;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "dynamodb")]
pub mod cloud;
#[cfg(feature = "cloudfront")]
pub mod cloudfront;
#[cfg(feature = "cloudwatch")]
mod cloudwatch;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "ec2")]
mod ec2;
#[cfg(feature = "elbv2")]
mod elbv2;
#[cfg(feature = "client")]
pub mod error;
#[cfg(feature = "kms")]
mod kms;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "lambda-api")]
mod lambda_api;
#[cfg(feature = "client")]
mod page;
#[cfg(feature = "http")]
pub mod prober;
#[cfg(feature = "rds")]
mod rds;
#[cfg(feature = "route53")]
mod route53;
#[cfg(feature = "sns")]
mod sns;
