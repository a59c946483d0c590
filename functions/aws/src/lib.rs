//! AWS adapters of Firedrill: the only crate that names `aws_sdk_*`.
//!
//! One file and one feature per service. An adapter has only the calls that Firedrill needs, reads every
//! page of an answer, and never sends an empty list of ids: EC2 takes one for *all instances*. A failed
//! call becomes a `Failure`, which says what the answer proves. `firedrill_core` makes the decisions.
//!
//! The calls that inject a failure are behind the feature `inject`. The watchdog is built without it.
//!
//! No adapter sends a mutating call twice, none spawns a task that nobody awaits, and only
//! [`clock`] reads a clock.

pub mod clock;
pub mod config;

#[cfg(any(feature = "undo-cdn", feature = "undo-db"))]
pub mod alarm;
#[cfg(feature = "autoscaling")]
pub mod autoscaling;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "cloudfront")]
pub mod cloudfront;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "ec2")]
pub mod ec2;
#[cfg(feature = "elbv2")]
pub mod elbv2;
#[cfg(feature = "client")]
pub mod error;
#[cfg(any(feature = "failover-cdn", feature = "failover-db"))]
pub mod failover;
#[cfg(feature = "undo-instance")]
pub mod instance;
#[cfg(any(feature = "undo-instance", feature = "undo-cdn", feature = "undo-db"))]
mod interval;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "lambda-api")]
pub mod lambda_api;
#[cfg(any(feature = "undo-cdn", feature = "undo-db", all(feature = "undo-instance", feature = "inject")))]
mod not_ready;
#[cfg(feature = "sns")]
pub mod pager;
#[cfg(feature = "http")]
pub mod probe;
#[cfg(feature = "rds")]
pub mod rds;
#[cfg(any(feature = "cloudfront", feature = "rds"))]
pub mod resource_state;
#[cfg(feature = "route53")]
pub mod route53;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(any(feature = "undo-instance", feature = "undo-cdn", feature = "undo-db"))]
mod stop_conditions;
#[cfg(feature = "watchdog")]
pub mod watchdog_drill;
#[cfg(any(feature = "undo-instance", feature = "undo-cdn", feature = "undo-db"))]
pub mod wrong_drill;
