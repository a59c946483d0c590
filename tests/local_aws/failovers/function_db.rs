//! Failover of databases: a second call would move the writer back, so it is sent once whatever its outcome.

use crate::{failovers::fixture::FIXTURE, trials};
use firedrill_core::failover::Done;
use futures_util::future::join_all;
use libtest_mimic::Trial;
use serde_json::json;

use crate::failovers::fixture::{Case, Shape, until, with};

const CROSSED: &str = "Threshold Crossed: 2 out of the last 2 datapoints were less than the threshold (1.0).";

async fn is_whole_with_writer(case: &Case<'_>, writer: &str) {
    until(&format!("{writer} is the writer"), async || {
        let cluster = case.cluster().await;
        (cluster.status == "available" && cluster.writer.as_deref() == Some(writer)).then_some(())
    })
    .await;
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        an_instance_is_never_restarted_without_its_failover_nor_twice_for_one_change,
        a_call_that_a_dead_invocation_may_have_sent_is_never_sent_again,
    ]
}

fn an_instance_is_never_restarted_without_its_failover_nor_twice_for_one_change() {
    with(async |fixture| {
        let case = fixture.case("instance");
        let before = fixture.aws.databases().await.unwrap();
        let zone = |all: &firedrill_local::emulator::Databases| {
            all.instances.iter().find(|one| one.id == "instance").map(|one| one.zone.clone()).unwrap()
        };
        let change = case.change("ALARM", 0, CROSSED);
        let events = Shape::ALL.map(|shape| change.event(shape));
        join_all(events.iter().map(|event| case.invoke(event))).await;
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        assert_eq!(case.calls("RebootDBInstance").await.len(), 1);
        until("the zones are exchanged", async || {
            let now = fixture.aws.databases().await.unwrap();
            (zone(&now) != zone(&before)).then_some(())
        })
        .await;
    });
}

fn a_call_that_a_dead_invocation_may_have_sent_is_never_sent_again() {
    with(async |fixture| {
        let case = fixture.case("dead");
        // From the call on every write fails, as if the invocation had died.
        let dies =
            json!({ "kind": "error", "code": "InternalServerError", "status": 500, "skip": 3, "times": 6 });
        case.fault("PutItem", dies).await;
        case.set("ALARM", CROSSED).await;
        case.delivered(1).await;
        is_whole_with_writer(&case, "dead-2").await;
        let entry = case.delivered_until_concluded().await;
        assert_eq!(entry.done, Some(Done::Failed), "{entry:#?}");
        let why = entry.why.unwrap();
        assert!(why.contains("may have sent the call") && why.contains("failed over at"), "{why}");
        assert_eq!(case.calls("FailoverDBCluster").await.len(), 1);
        assert_eq!(case.cluster().await.writer.as_deref(), Some("dead-2"));
        assert_eq!(case.pages().await.len(), 1);
    });
}
