//! Runs in which AWS, or our right to use it, fails.

use serde_json::{Value, json};

use crate::place::{DRILL, Place, request, with};

/// Adds a fault on the function's calls; faults of other tests stay. `contains` keeps them apart: only
/// calls about this test's own instance or run are meant.
async fn fault(place: &Place, fault: Value) {
    use tokio::sync::Mutex;
    static FAULTS: Mutex<Vec<Value>> = Mutex::const_new(Vec::new());
    let mut faults = FAULTS.lock().await;
    faults.push(fault);
    place.aws.set_faults(&Value::Array(faults.clone())).await.unwrap();
}

#[test]
fn a_permission_that_is_missing_is_a_recorded_refusal_that_names_the_action() {
    with(async |place| {
        let ids = place.launch(1, &[("case", "denied")]).await;
        fault(
            place,
            json!({
                "id": "denied", "caller": DRILL, "service": "ec2", "action": "StopInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "before", "times": 1,
                "code": "UnauthorizedOperation", "status": 403,
                "message": "You are not authorized to perform this operation: ec2:StopInstances"
            }),
        )
        .await;
        let answer = place.invoke(&request("denied", place.aws.endpoint())).await.unwrap();
        assert_eq!(answer["outcome"], "not-injected", "{answer:#}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains("UnauthorizedOperation") && reason.contains("StopInstances"), "{reason}");
        assert_eq!(place.states(&ids).await, ["running"]);
        assert_eq!(
            place.mutations_of(&ids).await.len(),
            1,
            "nothing was injected, so nothing is rolled back"
        );
    });
}

#[test]
fn a_stop_whose_answer_was_lost_is_never_sent_again_and_is_rolled_back() {
    with(async |place| {
        let ids = place.launch(1, &[("case", "lost")]).await;
        fault(
            place,
            json!({
                "id": "lost", "caller": DRILL, "service": "ec2", "action": "StopInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "after", "times": 1,
                "code": "InternalError", "status": 500, "message": "lost"
            }),
        )
        .await;
        let answer = place.invoke(&request("lost", place.aws.endpoint())).await.unwrap();
        // The invocation may end while the call could still land: somebody resumes it then.
        let answer = finished(place, answer).await;
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        let calls = place.mutations_of(&ids).await;
        assert_eq!(calls.iter().filter(|call| call.action == "StopInstances").count(), 1, "{calls:?}");
        assert_eq!(place.states(&ids).await, ["running"]);
        let times = &answer["times"];
        let moment = |at: &Value| at.as_str().unwrap().parse::<firedrill_core::Timestamp>().unwrap();
        let settled = moment(&times["finished"]) - moment(&times["injected"]["at"]);
        assert!(settled.as_secs() >= 60, "finished after {settled:?} although the call could still land");
    });
}

/// Resumes a run until it is over, as a watchdog would.
async fn finished(place: &Place, mut answer: Value) -> Value {
    let id = answer["runId"].as_str().unwrap().to_owned();
    while answer["phase"] != "finished" {
        answer = place.invoke(&json!({ "resume": id })).await.unwrap();
    }
    answer
}

#[test]
fn a_throttled_stop_is_asked_for_again() {
    with(async |place| {
        let ids = place.launch(1, &[("case", "throttled")]).await;
        fault(
            place,
            json!({
                "id": "throttled", "caller": DRILL, "service": "ec2", "action": "StopInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "before", "times": 2,
                "code": "RequestLimitExceeded", "status": 503, "message": "slow down"
            }),
        )
        .await;
        let answer = place.invoke(&request("throttled", place.aws.endpoint())).await.unwrap();
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        let calls = place.mutations_of(&ids).await;
        let stops = calls.iter().filter(|call| call.action == "StopInstances");
        assert_eq!(stops.map(|call| call.fault.is_some()).collect::<Vec<_>>(), [true, true, false]);
    });
}

#[test]
fn a_standby_that_never_takes_over_is_not_recovered_and_the_instance_runs_again() {
    with(async |place| {
        let blue = place.launch(1, &[("case", "broken")]).await;
        let mut broken = request("broken", place.aws.endpoint());
        // The one probe is the instance itself: nobody takes over from it.
        broken["steadyState"] = json!({
            "withinSeconds": 20, "probes": [{ "name": "runs", "instancesRunning": blue, "count": 2 }]
        });
        broken["objective"]["rtoSeconds"] = json!(3);
        broken["objective"]["giveUpAfterSeconds"] = json!(6);
        let answer = place.invoke(&broken).await.unwrap();
        assert_eq!(
            (&answer["outcome"], &answer["status"]),
            (&json!("not-recovered"), &json!("failed")),
            "{answer:#}"
        );
        assert_eq!(place.states(&blue).await, ["running"]);
        assert!(answer["reason"].as_str().unwrap().contains("runs"), "it names the probe: {answer:#}");
    });
}

#[test]
fn a_table_that_is_missing_is_one_clear_error_and_nothing_is_touched() {
    with(async |place| {
        let ids = place.launch(1, &[("case", "no-table")]).await;
        fault(
            place,
            json!({
                "id": "no-table", "caller": DRILL, "service": "dynamodb", "action": "TransactWriteItems",
                "contains": "test/no-table/", "kind": "error", "when": "before", "times": -1,
                "code": "ResourceNotFoundException", "status": 400, "message": "Requested resource not found"
            }),
        )
        .await;
        let (kind, message) = place.invoke(&request("no-table", place.aws.endpoint())).await.unwrap_err();
        assert_eq!(kind, "StoreFailed");
        assert!(
            message.contains("ResourceNotFoundException") && message.contains("nothing was injected"),
            "{message}"
        );
        assert!(place.mutations_of(&ids).await.is_empty());
    });
}
