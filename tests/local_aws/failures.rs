//! Failures that only the real parts show: a process that is killed, and a table that is missing.

use crate::{fixture::FIXTURE, trials};
use libtest_mimic::Trial;
use serde_json::json;

use crate::fixture::{DRILL, Fixture, SHORT_LIFE, deploy_with, request, until, with};

/// The number of `StopInstances` calls for this instance, of every function.
async fn stops_of(fixture: &Fixture, id: &str) -> usize {
    let calls = fixture.aws.calls().await.unwrap();
    let stops = calls.iter().filter(|call| {
        call.action == "StopInstances" && !call.dry_run && call.resource.as_deref() == Some(id)
    });
    stops.count()
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        what_a_killed_function_stopped_is_started_again_by_the_watchdog,
        a_table_that_is_missing_is_one_clear_error_and_nothing_is_touched,
    ]
}

fn what_a_killed_function_stopped_is_started_again_by_the_watchdog() {
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

        // A tick ends at once while the lease of the killed invocation lasts.
        let answer = until(async || {
            fixture.aws.watch("killed").await.unwrap();
            let answer = fixture.invoke_of("killed", &json!({ "get": id })).await.unwrap();
            (answer["phase"] == "finished").then_some(answer)
        })
        .await;
        assert!(answer["finishedBy"].as_str().unwrap().starts_with("watchdog/"), "{answer:#}");
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        assert_eq!(fixture.states(&ids).await, ["running"]);
        assert_eq!(stops_of(fixture, &ids[0]).await, 1, "a successor never injects");
    });
}

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
        let request = request("no-table", fixture.aws.endpoint());
        until(async || {
            let (kind, message) = fixture.invoke(&request).await.unwrap_err();
            assert_eq!(kind, "StoreFailed", "{message}");
            assert!(message.contains("nothing was injected"), "{message}");
            // On a busy machine the table's refusal may come too late.
            let refused = !message.contains("no answer within");
            assert!(!refused || message.contains("ResourceNotFoundException"), "{message}");
            refused.then_some(())
        })
        .await;
        assert!(fixture.mutations_of(&ids).await.is_empty());
    });
}
