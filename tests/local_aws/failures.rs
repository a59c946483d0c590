//! Failures: runs in which AWS, or a permission, fails, or the function is killed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{DRILL, Fixture, SHORT_LIFE, deploy_with, request, until, with};

#[test]
fn a_permission_that_is_missing_is_a_recorded_refusal_that_names_the_action() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "denied")]).await;
        fixture
            .fault(json!({
                "id": "denied", "caller": DRILL, "service": "ec2", "action": "StopInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "before", "times": 1,
                "code": "UnauthorizedOperation", "status": 403,
                "message": "You are not authorized to perform this operation: ec2:StopInstances"
            }))
            .await;
        let answer = fixture.invoke(&request("denied", fixture.aws.endpoint())).await.unwrap();
        assert_eq!(answer["outcome"], "not-injected", "{answer:#}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains("UnauthorizedOperation") && reason.contains("StopInstances"), "{reason}");
        assert_eq!(fixture.states(&ids).await, ["running"]);
        assert_eq!(
            fixture.mutations_of(&ids).await.len(),
            1,
            "nothing was injected, so nothing is rolled back"
        );
    });
}

#[test]
fn a_stop_whose_answer_was_lost_is_never_sent_again_and_is_rolled_back() {
    with(async |fixture| {
        let lost = json!({ "kind": "error", "code": "InternalError", "status": 500, "message": "lost" });
        stopped_without_an_answer(fixture, "lost", lost).await;
    });
}

#[test]
fn a_stop_whose_answer_never_comes_is_never_sent_again_and_is_rolled_back() {
    with(async |fixture| stopped_without_an_answer(fixture, "hangs", json!({ "kind": "hang" })).await);
}

/// The call takes effect, and its sender gets no answer: by the fault `how`.
async fn stopped_without_an_answer(fixture: &Fixture, case: &str, mut how: Value) {
    deploy_with(&fixture.aws, case, &fixture.functions, &SHORT_LIFE).await;
    let ids = fixture.launch(1, &[("case", case)]).await;
    for (key, value) in [
        ("id", json!(case)),
        ("action", json!("StopInstances")),
        ("dryRun", json!(false)),
        ("contains", json!(ids[0])),
        ("when", json!("after")),
    ] {
        how[key] = value;
    }
    fixture.fault(how).await;
    let answer = fixture.invoke_of(case, &request(case, fixture.aws.endpoint())).await.unwrap();
    // The invocation may end while the call can still take effect: then the test resumes the run.
    let answer = finished(fixture, case, answer).await;
    assert_eq!(answer["outcome"], "recovered", "{answer:#}");
    assert_eq!(stops_of(fixture, &ids[0]).await, 1);
    assert_eq!(fixture.states(&ids).await, ["running"]);
    let times = &answer["times"];
    let moment = |at: &Value| at.as_str().unwrap().parse::<firedrill_core::Timestamp>().unwrap();
    let settled = moment(&times["finished"]) - moment(&times["injected"]["at"]);
    assert!(settled.as_secs() >= 90, "finished after {settled:?} although the call could still land");
}

/// The number of `StopInstances` calls for this instance, of every function.
async fn stops_of(fixture: &Fixture, id: &str) -> usize {
    let calls = fixture.aws.calls().await.unwrap();
    let stops = calls.iter().filter(|call| {
        call.action == "StopInstances" && !call.dry_run && call.resource.as_deref() == Some(id)
    });
    stops.count()
}

#[test]
fn what_a_killed_function_stopped_is_started_again_by_the_invocation_that_resumes_the_run() {
    with(async |fixture| {
        // A separate stack: no other test's processes are killed.
        deploy_with(&fixture.aws, "killed", &fixture.functions, &SHORT_LIFE).await;
        let ids = fixture.launch(1, &[("case", "killed")]).await;
        fixture
            .fault(json!({
                "id": "killed", "action": "StopInstances", "dryRun": false, "contains": ids[0], "kind": "kill",
                "when": "after"
            }))
            .await;
        let answer = fixture.invoke_of("killed", &request("killed", fixture.aws.endpoint())).await;
        assert!(answer.is_err(), "it was killed, and answers: {answer:?}");
        let id = "test/killed/stop-one/1";
        let before = fixture.invoke_of("killed", &json!({ "get": id })).await.unwrap();
        assert_ne!(before["phase"], "finished", "{before:#}");

        let answer = fixture.invoke_of("killed", &json!({ "resume": id })).await.unwrap();
        let answer = finished(fixture, "killed", answer).await;
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        assert_eq!(fixture.states(&ids).await, ["running"]);
        assert_eq!(stops_of(fixture, &ids[0]).await, 1, "a successor never injects");
    });
}

/// Resumes a run until it is finished, as a watchdog would.
async fn finished(fixture: &Fixture, stack: &str, mut answer: Value) -> Value {
    let id = answer["runId"].as_str().unwrap().to_owned();
    while answer["phase"] != "finished" {
        answer = fixture.invoke_of(stack, &json!({ "resume": id })).await.unwrap();
    }
    answer
}

#[test]
fn a_throttled_stop_is_asked_for_again() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "throttled")]).await;
        fixture.fault(
            json!({
                "id": "throttled", "caller": DRILL, "service": "ec2", "action": "StopInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "before", "times": 2,
                "code": "RequestLimitExceeded", "status": 503, "message": "slow down"
            }),
        )
        .await;
        let answer = fixture.invoke(&request("throttled", fixture.aws.endpoint())).await.unwrap();
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        let calls = fixture.mutations_of(&ids).await;
        let stops = calls.iter().filter(|call| call.action == "StopInstances");
        assert_eq!(stops.map(|call| call.fault.is_some()).collect::<Vec<_>>(), [true, true, false]);
    });
}

#[test]
fn a_standby_that_never_takes_over_is_not_recovered_and_the_instance_runs_again() {
    with(async |fixture| {
        let blue = fixture.launch(1, &[("case", "broken")]).await;
        let mut broken = request("broken", fixture.aws.endpoint());
        // The only probe asks the instance itself, so no standby takes over.
        broken["steadyState"] = json!({
            "withinSeconds": 90, "probes": [{ "name": "runs", "check": { "instancesRunning": blue }, "count": 2 }]
        });
        broken["objective"]["rtoSeconds"] = json!(3);
        broken["objective"]["giveUpAfterSeconds"] = json!(6);
        let answer = fixture.invoke(&broken).await.unwrap();
        assert_eq!(
            (&answer["outcome"], &answer["status"]),
            (&json!("not-recovered"), &json!("failed")),
            "{answer:#}"
        );
        assert_eq!(fixture.states(&blue).await, ["running"]);
        assert!(answer["reason"].as_str().unwrap().contains("runs"), "it names the probe: {answer:#}");
    });
}

#[test]
fn an_instance_that_cannot_be_started_never_keeps_another_stopped() {
    with(async |fixture| {
        let ids = fixture.launch(2, &[("case", "capacity")]).await;
        fixture
            .fault(json!({
                "id": "capacity", "caller": DRILL, "service": "ec2", "action": "StartInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "before", "times": -1,
                "code": "InsufficientInstanceCapacity", "status": 500, "message": "no capacity in this zone"
            }))
            .await;
        let mut both = request("capacity", fixture.aws.endpoint());
        both["target"]["instances"]["blastRadius"] = json!({ "count": 2 });
        let id = "test/capacity/stop-one/1";
        let look = async {
            let started = async || {
                let calls = fixture.mutations_of(&ids).await;
                calls.iter().filter(|call| call.action == "StartInstances").count()
            };
            // One call for both, and one for each.
            until(async || (started().await >= 3).then_some(())).await;
            until(async || (fixture.states(&ids[1..]).await == ["running"]).then_some(())).await;
            assert_eq!(fixture.states(&ids[..1]).await, ["stopped"]);
            let run = fixture.invoke(&json!({ "get": id })).await.unwrap();
            assert_eq!(run["phase"], "rollingBack", "{run:#}");
            fixture.no_fault("capacity").await;
        };
        let look = tokio::time::timeout(Duration::from_mins(3), look);
        let (answer, looked) = tokio::join!(fixture.invoke(&both), look);
        assert!(looked.is_ok(), "the other one was never started: {answer:#?}");
        // No call's fate is unknown: lack of capacity proves that nothing was started.
        let answer = answer.unwrap();
        assert_eq!(
            (&answer["phase"], &answer["outcome"]),
            (&json!("finished"), &json!("recovered")),
            "{answer:#}"
        );
        assert_eq!(fixture.states(&ids).await, ["running", "running"]);
    });
}

#[test]
fn a_table_that_is_missing_is_one_clear_error_and_nothing_is_touched() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "no-table")]).await;
        fixture
            .fault(json!({
                "id": "no-table", "caller": DRILL, "service": "dynamodb", "action": "TransactWriteItems",
                "contains": "test/no-table/", "kind": "error", "when": "before", "times": -1,
                "code": "ResourceNotFoundException", "status": 400, "message": "Requested resource not found"
            }))
            .await;
        let (kind, message) = fixture.invoke(&request("no-table", fixture.aws.endpoint())).await.unwrap_err();
        assert_eq!(kind, "StoreFailed");
        assert!(
            message.contains("ResourceNotFoundException") && message.contains("nothing was injected"),
            "{message}"
        );
        assert!(fixture.mutations_of(&ids).await.is_empty());
    });
}

#[test]
fn a_rollback_that_is_refused_is_never_a_pass_and_stays_open_until_an_operator_closes_it() {
    with(async |fixture| {
        // The function hands it over in the end.
        deploy_with(&fixture.aws, "stuck", &fixture.functions, &SHORT_LIFE).await;
        let ids = fixture.launch(1, &[("case", "stuck")]).await;
        fixture
            .fault(json!({
                "id": "stuck", "service": "ec2", "action": "StartInstances", "dryRun": false,
                "contains": ids[0], "kind": "error", "when": "before", "times": -1,
                "code": "UnauthorizedOperation", "status": 403, "message": "kms:CreateGrant is missing"
            }))
            .await;
        let mut stuck = request("stuck", fixture.aws.endpoint());
        stuck["objective"]["restoreWithinSeconds"] = json!(15);
        let answer = fixture.invoke_of("stuck", &stuck).await.unwrap();
        assert_eq!(
            (&answer["phase"], &answer["verdict"]),
            (&json!("rollingBack"), &json!("recovered")),
            "{answer:#}"
        );
        assert_eq!(answer["outcome"], "rollback-failed");
        assert!(answer["missing"].as_str().unwrap().contains("kms:CreateGrant is missing"), "{answer:#}");
        let log = fixture.aws.function_log("stuck-drill-instance");
        let told = log.lines().filter(|line| line.contains("\"ERROR\"") && line.contains("test/stuck/"));
        assert_eq!(told.count(), 1, "people are told once");

        // No other run drills this application meanwhile.
        let mut second = stuck.clone();
        second["runId"] = json!("2");
        assert_eq!(fixture.invoke_of("stuck", &second).await.unwrap()["outcome"], "skipped");

        let id = answer["runId"].clone();
        let word = json!({ "runId": id, "by": "a person", "reason": "started by hand" });
        let closed = fixture.invoke_of("stuck", &json!({ "release": word })).await.unwrap();
        assert_eq!((&closed["phase"], &closed["outcome"]), (&json!("finished"), &json!("rollback-failed")));
        let again = fixture.invoke_of("stuck", &json!({ "release": word })).await;
        assert_eq!(again.unwrap_err().0, "NothingToRelease");
        assert_eq!(fixture.states(&ids).await, ["stopped"], "left to people, as they said");
    });
}
