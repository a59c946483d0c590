//! The watchdog of a deployed stack, and the stack's own alarms.

use crate::{fixture::FIXTURE, trials};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::fixture::{SHORT_LIFE, deploy_with, request, until, with};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        a_run_that_cannot_be_rolled_back_raises_an_alarm_of_its_own_until_the_watchdog_has_restored_it,
    ]
}

fn a_run_that_cannot_be_rolled_back_raises_an_alarm_of_its_own_until_the_watchdog_has_restored_it() {
    with(async |fixture| {
        let [timeout, settle] = SHORT_LIFE;
        let ticks = [("WatchdogSchedule", "rate(5 seconds)"), timeout, settle];
        deploy_with(&fixture.aws, "watched", &fixture.functions, &ticks).await;
        let blue = fixture.launch(1, &[("case", "watched")]).await;
        let denied = json!({
            "id": "watched", "service": "ec2", "action": "StartInstances", "dryRun": false,
            "contains": blue[0], "kind": "error", "when": "before", "times": -1,
            "code": "UnauthorizedOperation", "status": 403, "message": "not allowed"
        });
        fixture.fault(denied).await;
        let mut drill = request("watched", fixture.aws.endpoint());
        drill["objective"]["restoreWithinSeconds"] = json!(3);
        // The function hands over the run in time, still open.
        let answer = fixture.invoke_of("watched", &drill).await.unwrap();
        assert_eq!(answer["outcome"], "rollback-failed", "{answer:#}");
        let is = async |wanted: &str| {
            let state = fixture.aws.alarm_state("watched-rollback-failed").await.unwrap();
            (state.as_deref() == Some(wanted)).then_some(())
        };
        until(async || is("ALARM").await).await;
        // Without AlarmTopicArn, the stack's alarms notify the topic for pages.
        until(async || {
            let told = fixture.aws.messages().await.unwrap();
            let says = |message: &str| {
                ["\"watched-rollback-failed\"", "\"ALARM\""].iter().all(|w| message.contains(w))
            };
            let alarm = told.iter().find(|message| says(&message.message))?;
            assert!(alarm.topic.contains(":watched-PagesTopic"), "{alarm:#?}");
            Some(())
        })
        .await;
        fixture.no_fault("watched").await;
        let id = answer["runId"].as_str().unwrap().to_owned();
        let ended = until(async || {
            let answer = fixture.invoke_of("watched", &json!({ "get": id })).await.unwrap();
            (answer["phase"] == "finished").then_some(answer)
        })
        .await;
        assert_eq!(ended["outcome"], "rollback-failed", "restored, and still no pass: {ended:#}");
        assert!(ended["finishedBy"].as_str().unwrap().starts_with("watchdog/"), "{ended:#}");
        assert_eq!(fixture.states(&blue).await, ["running"]);
        until(async || is("OK").await).await;
        // And says so, in CloudWatch's words.
        until(async || {
            let told = fixture.aws.messages().await.unwrap();
            let over = told.iter().find_map(|message| {
                let said: Value = serde_json::from_str(&message.message).ok()?;
                let is_over = said["AlarmName"] == "watched-rollback-failed" && said["NewStateValue"] == "OK";
                is_over.then_some((said, &message.topic))
            });
            let (said, topic) = over?;
            assert!(topic.contains(":watched-PagesTopic"), "{topic}");
            assert_eq!(said["OldStateValue"], "ALARM", "{said}");
            assert!(said["AlarmArn"].as_str().unwrap().ends_with(":alarm:watched-rollback-failed"), "{said}");
            Some(())
        })
        .await;
    });
}
