//! Whatever operation fails, in whatever way: the change is concluded all the same, and nothing moves twice.

use firedrill_core::failover::Done;
use firedrill_simulator::{FailoverCase, FaultEffect, Place, failover_case::Resource};

use super::check::goes_off;

use FaultEffect::{
    Denied, DiesAfter, DiesBefore, ErrorAfter, Hangs, HangsAfter, LandsLate, LostAfter, LostBefore,
    NotConnected, Throttled,
};

const RESOURCES: [(Resource, &str); 3] = [
    (Resource::Distribution, "cloudfront:UpdateDistribution"),
    (Resource::Cluster, "rds:FailoverDBCluster"),
    (Resource::Instance, "rds:RebootDBInstance"),
];

/// The function's operations on its journal for one change, and how many of each succeed before the one that fails.
const JOURNAL: [(&str, u32); 6] = [
    ("journal:claim", 0),
    ("journal:holder", 0),
    ("journal:newest", 0),
    ("journal:remember", 0),
    INTENT,
    CONCLUSION,
];

/// The write before the call, and that after it.
const INTENT: (&str, u32) = ("journal:write", 0);
const CONCLUSION: (&str, u32) = ("journal:write", 1);

fn reads(resource: Resource) -> &'static [&'static str] {
    match resource {
        Resource::Distribution => &["cloudfront:GetDistribution", "cloudfront:ListTagsForResource"],
        Resource::Cluster => &["rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeEvents"],
        Resource::Instance => &["rds:DescribeDBInstances", "rds:DescribeEvents"],
    }
}

/// The alarm goes off while this operation fails once in this way, and Lambda's retries conclude its change. What was
/// done, where users are now, how many calls were sent, and how many pages.
fn ends(
    resource: Resource,
    (operation, skip): (&'static str, u32),
    effect: FaultEffect,
) -> (Option<Done>, Place, usize, usize) {
    let mut case = FailoverCase::of(resource);
    case.fault_after(skip, operation, 1, effect);
    let (change, delivery) = goes_off(&mut case);
    assert!(delivery.answer().is_some(), "{resource:?}, {operation}, {effect:?}: {delivery:#?}");
    assert!(case.updates() <= 1, "{resource:?}, {operation}, {effect:?}");
    (case.entry(&change).done, case.place(), case.calls().len(), case.pages().len())
}

#[test]
fn no_failure_of_the_journal_or_of_a_read_ever_leaves_a_change_open_or_moves_anything_twice() {
    for (resource, _) in RESOURCES {
        let of_journal = JOURNAL
            .iter()
            .flat_map(|at| [LostBefore, LostAfter, Hangs, DiesBefore, DiesAfter].map(|effect| (*at, effect)));
        let of_reads = reads(resource)
            .iter()
            .flat_map(|read| [LostBefore, NotConnected, Throttled, Hangs].map(|effect| ((*read, 0), effect)));
        for (at, effect) in of_journal.chain(of_reads) {
            let is_database = resource != Resource::Distribution;
            let expected = match (at, effect) {
                // It is concluded, and whoever wrote that died or does not know it: nobody is told.
                (CONCLUSION, DiesAfter | LostAfter) => (Some(Done::FailedOver), Place::Standby, 1, 0),
                // It may have been sent. A second call would move the writer back, so operators have to look.
                (INTENT, DiesAfter) if is_database => (Some(Done::Failed), Place::Primary, 0, 1),
                (CONCLUSION, DiesBefore) if is_database => (Some(Done::Failed), Place::Standby, 1, 1),
                _ => (Some(Done::FailedOver), Place::Standby, 1, 1),
            };
            assert_eq!(ends(resource, at, effect), expected, "{resource:?}, {at:?}, {effect:?}");
        }
    }
}

#[test]
fn no_failure_of_the_call_is_ever_silent_or_moves_anything_twice() {
    let of_calls = [
        Throttled,
        NotConnected,
        Denied,
        LostBefore,
        LostAfter,
        ErrorAfter,
        Hangs,
        HangsAfter,
        LandsLate,
        DiesBefore,
        DiesAfter,
    ];
    for (resource, call) in RESOURCES {
        for effect in of_calls {
            let executed = matches!(effect, LostAfter | ErrorAfter | HangsAfter | LandsLate | DiesAfter);
            let expected = match (resource, effect) {
                (_, Denied) => (Some(Done::Failed), Place::Primary, 1, 1),
                (_, Throttled | NotConnected) => (Some(Done::FailedOver), Place::Standby, 2, 1),
                // A second update changes nothing, so one is sent unless the first is seen to have taken effect.
                (Resource::Distribution, _) => {
                    let calls = if executed && effect != LandsLate { 1 } else { 2 };
                    (Some(Done::FailedOver), Place::Standby, calls, 1)
                }
                // Of a database it would move the writer back, so none is sent.
                _ if executed => (Some(Done::Failed), Place::Standby, 1, 1),
                _ => (Some(Done::Failed), Place::Primary, 1, 1),
            };
            assert_eq!(ends(resource, (call, 0), effect), expected, "{resource:?}, {effect:?}");
        }
    }
}
