//! Refusals: drills that are refused before anything is touched, each with its reason in the record.

use firedrill_core::request::OPT_IN_TAG;
use serde_json::{Value, json};

use crate::fixture::{Fixture, request, with};

/// Runs the request, which must end with this outcome and reason, without a mutating call on these instances.
async fn refused(fixture: &Fixture, ids: &[String], request: &Value, outcome: &str, reason: &str) {
    let answer = fixture.invoke(request).await.unwrap();
    assert_eq!(answer["outcome"], outcome, "{answer:#}");
    let said = answer["reason"].as_str().unwrap();
    assert!(said.contains(reason), "expected `{reason}` in: {said}");
    let calls = fixture.mutations_of(ids).await;
    assert!(calls.is_empty(), "{calls:?}");
    // The record holds it, and `get` answers the same.
    let id = answer["runId"].as_str().unwrap();
    assert_eq!(fixture.invoke(&json!({ "get": id })).await.unwrap()["outcome"], outcome);
}

#[test]
fn an_instance_that_may_not_be_stopped_never_is() {
    with(async |fixture| {
        let kms = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";
        for (case, change, reason) in [
            ("spot", json!({ "instanceLifecycle": "spot" }), "Spot"),
            ("store", json!({ "rootDeviceType": "instance-store" }), "not EBS"),
            ("protected", json!({ "disableApiStop": true }), "protected"),
            ("stopped", json!({ "state": "stopped" }), "not running"),
            ("encrypted", json!({ "kmsKeyId": kms }), "might not start again"),
        ] {
            let ids = fixture.launch(1, &[("case", case)]).await;
            fixture.aws.patch_instance(&ids[0], &change).await.unwrap();
            refused(fixture, &ids, &request(case, fixture.aws.endpoint()), "not-injected", reason).await;
        }
    });
}

#[test]
fn what_did_not_opt_in_is_never_touched() {
    with(async |fixture| {
        let ids = fixture.launch_without_opt_in(1, &[("case", "no-tag")]).await;
        refused(fixture, &ids, &request("no-tag", fixture.aws.endpoint()), "not-injected", OPT_IN_TAG.0)
            .await;
        // The tag of another environment does not opt in to this one.
        let ids = fixture.launch(1, &[("case", "other-env"), ("firedrill:environment", "staging")]).await;
        refused(fixture, &ids, &request("other-env", fixture.aws.endpoint()), "not-injected", "environment")
            .await;
    });
}

#[test]
fn a_target_that_matches_nothing_or_rounds_to_nothing_is_refused() {
    with(async |fixture| {
        refused(fixture, &[], &request("nobody", fixture.aws.endpoint()), "not-injected", "no instance in")
            .await;
        let ids = fixture.launch(3, &[("case", "rounds")]).await;
        let mut third = request("rounds", fixture.aws.endpoint());
        third["target"]["instances"]["blastRadius"] = json!({ "percent": 30 });
        refused(fixture, &ids, &third, "not-injected", "rounds to no instance").await;
    });
}

#[test]
fn production_is_never_drilled_unless_the_stack_allows_the_application() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "secret")]).await;
        let mut live = request("secret", fixture.aws.endpoint());
        // An environment that no parameter names, such as `live`, counts as production.
        live["environment"] = json!("live");
        refused(fixture, &ids, &live, "skipped", "ProductionApplications").await;
    });
}

#[test]
fn a_late_delivery_never_runs() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "late")]).await;
        let mut late = request("late", fixture.aws.endpoint());
        late.as_object_mut().unwrap().remove("runId");
        late["schedule"] = json!({
            "scheduledAt": "2026-01-05T10:00:00Z", "flexibleWindowMinutes": 15,
            "arn": "arn:aws:scheduler:us-east-1:123456789012:schedule/default/late"
        });
        refused(fixture, &ids, &late, "skipped", "lateness").await;
    });
}

#[test]
fn an_application_that_is_not_in_steady_state_is_never_drilled() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "ill")]).await;
        // Nothing listens on port 1.
        let mut ill = request("ill", "http://127.0.0.1:1");
        ill["steadyState"]["withinSeconds"] = json!(3);
        refused(fixture, &ids, &ill, "skipped", "steady state did not hold").await;
    });
}

#[test]
fn nothing_is_stopped_while_a_stop_condition_answers_no_however_many_it_takes_to_end_a_run() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "checkout")]).await;
        let mut shaky = request("checkout", fixture.aws.endpoint());
        shaky["steadyState"]["withinSeconds"] = json!(3);
        // Nothing listens on port 1; the steady state holds at once.
        shaky["stopConditions"] = json!([
            { "probe": { "name": "checkout answers", "check": { "tcp": { "host": "127.0.0.1", "port": 1 } }, "count": 50 } }
        ]);
        refused(fixture, &ids, &shaky, "skipped", "stop condition checkout answers: it answered no").await;
    });
}

#[test]
fn a_probe_of_the_metadata_service_is_never_sent_and_never_counts() {
    with(async |fixture| {
        let ids = fixture.launch(1, &[("case", "metadata")]).await;
        let mut metadata = request("metadata", "http://169.254.169.254:80");
        metadata["steadyState"]["withinSeconds"] = json!(3);
        refused(fixture, &ids, &metadata, "skipped", "is not known").await;
    });
}

#[test]
fn what_cannot_be_read_is_one_clear_error_and_leaves_no_record() {
    with(async |fixture| {
        let mut unknown = request("unknown-field", fixture.aws.endpoint());
        unknown["dryRun"] = json!(true);
        let (kind, message) = fixture.invoke(&unknown).await.unwrap_err();
        assert_eq!(kind, "InvalidRequest");
        assert!(message.contains("`dryRun` is an unknown field"), "{message}");
        let mut shapeless = request("no-target", fixture.aws.endpoint());
        shapeless.as_object_mut().unwrap().remove("target");
        let (kind, message) = fixture.invoke(&shapeless).await.unwrap_err();
        assert_eq!(kind, "UnreadableRequest");
        assert!(message.contains("target"), "{message}");
        let mut raw = request("placeholder", fixture.aws.endpoint());
        raw["runId"] = json!("<aws.scheduler.execution-id>");
        assert_eq!(fixture.invoke(&raw).await.unwrap_err().0, "UnsubstitutedPlaceholder");
        let mut arn = request("bad-arn", fixture.aws.endpoint());
        arn["detection"] = json!({ "alarmArn": "arn:aws:sns:us-east-1:123456789012:x" });
        assert_eq!(fixture.invoke(&arn).await.unwrap_err().0, "InvalidRequest");
        let runs = fixture.invoke(&json!({ "list": "test/unknown-field/stop-one" })).await.unwrap();
        assert_eq!(runs["runs"], json!([]));
    });
}
