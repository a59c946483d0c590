//! Databases: a second failover would move the writer back, so the call is sent once whatever comes of it.

use firedrill_core::failover::Done;
use futures_util::future::join_all;
use serde_json::json;

use crate::fixture::{Case, Shape, until, with};

const CROSSED: &str = "Threshold Crossed: 2 out of the last 2 datapoints were less than the threshold (1.0).";
const WELL: &str = "Threshold Crossed: 2 datapoints were not less than the threshold (1.0).";

async fn goes_off(case: &Case<'_>) {
    case.set("ALARM", CROSSED).await;
    let told = case.delivered(1).await;
    assert_eq!(told[0].state, "delivered", "{told:#?}");
}

async fn is_whole_with_writer(case: &Case<'_>, writer: &str) {
    until(&format!("{writer} is the writer"), async || {
        let cluster = case.cluster().await;
        (cluster.status == "available" && cluster.writer.as_deref() == Some(writer)).then_some(())
    })
    .await;
}

#[test]
fn a_cluster_never_fails_over_to_another_reader_than_the_one_that_is_named() {
    with(async |fixture| {
        let case = fixture.case("cluster");
        goes_off(&case).await;
        let entry = case.entry().await;
        assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
        assert!(entry.why.unwrap().contains("rds:FailoverDBCluster of cluster to cluster-2"));
        assert_eq!(case.calls("FailoverDBCluster").await.len(), 1);
        is_whole_with_writer(&case, "cluster-2").await;
        assert_eq!(case.told().await.len(), 1);
    });
}

#[test]
fn a_second_failover_within_the_cool_down_is_never_sent() {
    with(async |fixture| {
        let case = fixture.case("twice");
        goes_off(&case).await;
        is_whole_with_writer(&case, "twice-2").await;
        case.set("OK", WELL).await;
        case.set("ALARM", CROSSED).await;
        case.delivered(3).await;
        let last = case.journal().await.pop().unwrap();
        assert_eq!((last.done, last.called_at), (Some(Done::Refused), None), "{last:#?}");
        let why = last.why.unwrap();
        assert!(why.contains("failed over at") && why.contains("within 3600 s"), "{why}");
        assert_eq!(case.calls("FailoverDBCluster").await.len(), 1);
        assert_eq!(case.cluster().await.writer.as_deref(), Some("twice-2"));
        assert!(case.told().await.iter().any(|message| message.message.contains("within 3600 s")));
    });
}

async fn refused(case: &Case<'_>, because: &str) {
    goes_off(case).await;
    let entry = case.entry().await;
    assert_eq!((entry.done, entry.called_at), (Some(Done::Refused), None), "{entry:#?}");
    let why = entry.why.unwrap();
    assert!(why.contains(because), "{why}");
    for action in ["FailoverDBCluster", "RebootDBInstance"] {
        assert!(case.calls(action).await.is_empty(), "{action}");
    }
    let told = case.told().await;
    assert!(told.len() == 1 && told[0].message.contains(because), "{told:#?}");
}

#[test]
fn a_cluster_whose_only_reader_is_not_available_is_never_failed_over() {
    with(async |fixture| {
        fixture.aws.patch_database("cold-2", &json!({ "status": "rebooting" })).await.unwrap();
        refused(&fixture.case("cold"), "no available reader").await;
    });
}

#[test]
fn a_cluster_that_is_not_available_is_never_failed_over() {
    with(async |fixture| {
        fixture.aws.patch_database("vague", &json!({ "status": "backing-up" })).await.unwrap();
        refused(&fixture.case("vague"), "is backing-up, not available").await;
    });
}

#[test]
fn an_instance_without_a_standby_is_never_restarted() {
    with(async |fixture| refused(&fixture.case("single"), "is not Multi-AZ").await);
}

#[test]
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

#[test]
fn a_failover_whose_answer_is_lost_is_never_sent_a_second_time() {
    with(async |fixture| {
        let case = fixture.case("stays");
        let lost = json!({ "kind": "error", "when": "after", "code": "InternalFailure", "status": 500 });
        case.fault("FailoverDBCluster", lost).await;
        goes_off(&case).await;
        let entry = case.entry().await;
        assert_eq!(entry.done, Some(Done::Failed), "{entry:#?}");
        let why = entry.why.unwrap();
        assert!(why.contains("FailoverDBCluster") && why.contains("is not known"), "{why}");
        is_whole_with_writer(&case, "stays-2").await;
        let told = case.deliveries().await;
        fixture.aws.redeliver(told[0].n).await.unwrap();
        case.delivered(2).await;
        assert_eq!(case.calls("FailoverDBCluster").await.len(), 1);
        assert_eq!(case.cluster().await.writer.as_deref(), Some("stays-2"));
        assert!(case.told().await[0].message.contains("is not known"));
    });
}

#[test]
fn a_reply_that_never_comes_never_holds_the_function_until_it_is_ended() {
    with(async |fixture| {
        let case = fixture.case("mute");
        // As often as the SDK asks within the deadline of one look.
        case.fault("DescribeDBClusters", json!({ "kind": "hang", "times": 3 })).await;
        case.set("ALARM", CROSSED).await;
        let told = case.delivered(1).await;
        assert_eq!(told[0].state, "delivered", "{told:#?}");
        assert!(told[0].attempts > 1, "it could not be looked at, and was delivered again: {told:#?}");
        // It said so itself; Lambda would have said that it timed out.
        let log = fixture.aws.function_log(&case.function);
        let said = |line: &str| line.contains(&case.alarm_arn) && line.contains("\"NotNow\"");
        assert!(log.lines().any(said), "{log}");
        assert_eq!(case.entry().await.done, Some(Done::FailedOver));
        assert_eq!(case.calls("FailoverDBCluster").await.len(), 1);
    });
}

/// After `skip` writes that pass, one fails as often as the SDK tries it: the change is delivered once more, and
/// concluded by one call.
async fn one_call_though_a_write_fails(case: &Case<'_>, skip: u32) {
    let fails =
        json!({ "kind": "error", "code": "InternalServerError", "status": 500, "skip": skip, "times": 3 });
    case.fault("PutItem", fails).await;
    case.set("ALARM", CROSSED).await;
    let told = case.delivered(1).await;
    assert_eq!((told[0].state.as_str(), told[0].attempts), ("delivered", 2), "{told:#?}");
    let entry = case.entry().await;
    assert_eq!(entry.done, Some(Done::FailedOver), "{entry:#?}");
    assert_eq!(case.calls("FailoverDBCluster").await.len(), 1);
}

#[test]
fn a_call_that_was_not_sent_because_its_intent_was_not_written_is_never_taken_for_sent() {
    with(async |fixture| {
        // The claim and the newest change pass; the intent does not.
        one_call_though_a_write_fails(&fixture.case("unwritten"), 2).await;
    });
}

#[test]
fn a_call_that_was_sent_is_never_sent_again_nor_denied_because_its_conclusion_was_not_written() {
    with(async |fixture| {
        let case = fixture.case("forgotten");
        // The intent passes, too; the conclusion does not.
        one_call_though_a_write_fails(&case, 3).await;
        is_whole_with_writer(&case, "forgotten-2").await;
        assert_eq!(case.told().await.len(), 1);
    });
}

#[test]
fn a_call_that_a_dead_invocation_may_have_sent_is_never_sent_again() {
    with(async |fixture| {
        let case = fixture.case("dead");
        // From the call on nothing is written any more, as if the invocation had died of it.
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
        assert_eq!(case.told().await.len(), 1);
    });
}
