//! Ports: one trait for each AWS service, in the service's own words. One method is one operation, and one answer is one
//! page of it. Each call ends within the stack's call deadline; reads may be retried below, a mutating call is sent once.
//!
//! A port translates and decides nothing: reading all pages, and what an error proves, lies above it.

#![expect(async_fn_in_trait, reason = "a function runs on one thread: no future is sent to another")]

mod autoscaling;
mod cloudfront;
mod cloudwatch;
mod ec2;
mod elbv2;
mod events;
mod http;
mod journal;
mod kms;
mod lambda;
mod rds;
mod route53;
mod sns;

pub use autoscaling::{AutoScaling, Group, GroupMember, Membership};
pub use cloudfront::{Distribution, Distributions, Origins};
pub use cloudwatch::{
    ActionRecord, AlarmSetup, AlarmState, Alarms, Kind, Metric, MetricRule, Special, StateUpdate,
    StatisticsOf,
};
pub use ec2::{Instance, InstanceFilter, InstanceStatus, Instances, Tags, Volume};
pub use elbv2::{LoadBalancers, Target, TargetGroup};
pub use events::{Rule, Rules};
pub use http::{HttpReply, NoReply, Prober};
pub use journal::AlarmRecord;
pub use kms::{KeyManager, Keys};
pub use lambda::{FunctionConfiguration, Functions, Invoker};
pub use rds::{Databases, DbCluster, DbEvent, DbInstance, DbMember, EventSource, EventsOf};
pub use route53::{HealthCheck, HealthChecks};
pub use sns::{Subscription, Topics};

use firedrill_core::CallOutcome;
pub use firedrill_core::ports::Ids;

use crate::Failure;

/// The answer to one call.
pub type Reply<T> = Result<T, Failure>;

/// Where the next page begins, as AWS gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(pub String);

/// The page to read: the first one, if none is named.
pub type Next<'a> = Option<&'a Token>;

/// One page of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Where the next page begins; none if this is the last one.
    pub next: Option<Token>,
}

impl<T> Page<T> {
    /// The only page of an answer.
    #[must_use]
    pub const fn only(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Reads every page of an answer.
///
/// # Errors
/// A page could not be read.
pub async fn every_page<T>(mut read: impl AsyncFnMut(Next<'_>) -> Reply<Page<T>>) -> Reply<Vec<T>> {
    let Page { mut items, mut next } = read(None).await?;
    while let Some(token) = next {
        let page = read(Some(&token)).await?;
        items.extend(page.items);
        next = page.next;
    }
    Ok(items)
}

/// Reads every page about these names, at most `most` of them at a time.
///
/// # Errors
/// A page could not be read.
pub async fn every_chunk<T>(
    names: &[String],
    most: usize,
    mut read: impl AsyncFnMut(&Ids, Next<'_>) -> Reply<Page<T>>,
) -> Reply<Vec<T>> {
    let mut found = Vec::new();
    for names in Ids::chunks(names, most) {
        found.extend(every_page(async |page: Next<'_>| read(&names, page).await).await?);
    }
    Ok(found)
}

/// The outcome of a mutating call.
#[must_use]
pub fn outcome(reply: Reply<()>) -> CallOutcome {
    reply.map_or_else(Failure::into_outcome, |()| CallOutcome::Done)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn no_page_is_left_unread() {
        let read = async |next: Next<'_>| {
            let at: usize = next.map_or(0, |token| token.0.parse().unwrap());
            Ok(Page { items: vec![at], next: (at < 3).then(|| Token((at + 1).to_string())) })
        };
        assert_eq!(every_page(read).now_or_never().unwrap().unwrap(), [0, 1, 2, 3]);
    }
}
