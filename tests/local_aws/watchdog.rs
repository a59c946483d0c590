//! Operator commands and the watchdog: stop, kill switch, heartbeat and rollback, with the real functions.

use serde_json::{Value, json};

use crate::fixture::{Fixture, SHORT_LIFE, deploy_with, request, until, with};

/// A request whose run waits for a recovery that never comes: no standby takes over from the instance.
fn nobody_takes_over(fixture: &Fixture, case: &str, blue: &[String]) -> Value {
    let mut request = request(case, fixture.aws.endpoint());
    request["steadyState"] = json!({
        "withinSeconds": 90, "probes": [{ "name": "runs", "check": { "instancesRunning": blue }, "count": 2 }]
    });
    request
}

async fn is_recovering(fixture: &Fixture, id: &str) {
    until(async || {
        let answer = fixture.invoke(&json!({ "get": id })).await;
        answer.is_ok_and(|answer| answer["phase"] == "recovering").then_some(())
    })
    .await;
}

#[test]
fn a_stop_is_applied_by_the_owner_of_the_run_and_answers_what_will_be_undone() {
    with(async |fixture| {
        for (case, what) in [("stop-run", "runId"), ("stop-application", "application")] {
            let blue = fixture.launch(1, &[("case", case)]).await;
            let waits = nobody_takes_over(fixture, case, &blue);
            let id = format!("test/{case}/stop-one/1");
            let stops = async {
                is_recovering(fixture, &id).await;
                let named = if what == "runId" { id.as_str() } else { case };
                let word = json!({ "stop": { what: named, "by": "ana", "reason": "a sale has begun" } });
                fixture.invoke(&word).await.unwrap()
            };
            let (answer, told) = tokio::join!(fixture.invoke(&waits), stops);
            let answer = answer.unwrap();
            assert_eq!((&answer["outcome"], &answer["status"]), (&json!("stopped"), &json!("stopped")));
            assert_eq!(answer["reason"], "stopped by ana: a sale has begun");
            let runs = told["runs"].as_array().unwrap();
            assert_eq!((runs.len(), &runs[0]["runId"]), (1, &json!(id)), "{told:#}");
            let undo = &runs[0]["willBeUndone"][0];
            assert_eq!((&undo["action"], &undo["resources"]), (&json!("StartInstances"), &json!(blue)));
            assert_eq!(fixture.states(&blue).await, ["running"]);
        }
    });
}

#[test]
fn nothing_is_injected_while_a_kill_switch_is_engaged_and_what_was_injected_is_undone() {
    with(async |fixture| {
        let case = "switched";
        let blue = fixture.launch(1, &[("case", case)]).await;
        let mut waits = nobody_takes_over(fixture, case, &blue);
        let switch = |engage: bool| {
            json!({ "killSwitch": {
                "engage": engage, "application": case, "by": "ana", "reason": "black friday"
            } })
        };
        let engages = async {
            is_recovering(fixture, "test/switched/stop-one/1").await;
            fixture.invoke(&switch(true)).await.unwrap()
        };
        let (answer, told) = tokio::join!(fixture.invoke(&waits), engages);
        assert_eq!(told["engaged"], true);
        let answer = answer.unwrap();
        assert_eq!(answer["outcome"], "stopped", "{answer:#}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains("kill switch") && reason.contains("ana: black friday"), "{reason}");
        assert_eq!(fixture.states(&blue).await, ["running"], "no switch holds a rollback back");

        waits["runId"] = json!("2");
        let answer = fixture.invoke(&waits).await.unwrap();
        assert_eq!(answer["outcome"], "skipped", "{answer:#}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains("gate `kill switch` is closed") && reason.contains("ana"), "{reason}");
        assert_eq!(fixture.mutations_of(&blue).await.len(), 2, "the stop and start of the first run");

        fixture.invoke(&switch(false)).await.unwrap();
        let mut well = request(case, fixture.aws.endpoint());
        well["runId"] = json!("3");
        assert_eq!(fixture.invoke(&well).await.unwrap()["outcome"], "recovered");
    });
}

#[test]
fn an_engaged_kill_switch_is_never_shortened_by_another_invocation() {
    with(async |fixture| {
        let soon = "2999-01-01T00:00:00.000Z";
        let say = async |engage: bool, by: &str, until: Option<&str>| {
            let mut word =
                json!({ "engage": engage, "application": "shortened", "by": by, "reason": "sale" });
            if let Some(until) = until {
                word["until"] = json!(until);
            }
            fixture.invoke(&json!({ "killSwitch": word })).await
        };
        let holds = async |by: &str, until: Option<&str>| {
            let answer = say(true, by, until).await.unwrap();
            assert_eq!(answer["engaged"], true);
            (answer["by"].as_str().unwrap().to_owned(), answer["until"].clone())
        };
        assert_eq!(holds("ana", Some(soon)).await, ("ana".to_owned(), json!(soon)));
        let earlier = Some("2998-01-01T00:00:00Z");
        assert_eq!(holds("ben", earlier).await, ("ana".to_owned(), json!(soon)), "it would end sooner");
        let later = "2999-01-01T00:00:00.001Z";
        assert_eq!(holds("ben", Some(later)).await, ("ben".to_owned(), json!(later)));
        assert_eq!(holds("ana", None).await, ("ana".to_owned(), Value::Null));
        assert_eq!(
            holds("ben", Some(later)).await,
            ("ana".to_owned(), Value::Null),
            "it would end by itself"
        );
        let (kind, message) = say(true, "ben", Some("2020-01-01T00:00:00Z")).await.unwrap_err();
        assert_eq!(kind, "InvalidRequest");
        assert!(
            message.contains("`killSwitch.until` (2020-01-01T00:00:00.000Z) is over already"),
            "{message}"
        );
        assert_eq!(say(false, "ben", None).await.unwrap()["engaged"], false, "anybody takes it away");
        assert_eq!(holds("ben", Some(soon)).await, ("ben".to_owned(), json!(soon)));
    });
}

#[test]
fn nothing_is_injected_while_the_watchdog_is_away() {
    with(async |fixture| {
        deploy_with(&fixture.aws, "unwatched", &fixture.functions, &[("HeartbeatFreshSeconds", "30")]).await;
        let blue = fixture.launch(1, &[("case", "unwatched")]).await;
        let mut drill = request("unwatched", fixture.aws.endpoint());
        // The watchdog ran once when its stack was deployed. Seconds later its heartbeat is too old, as a plan says.
        drill["execute"] = json!(false);
        until(async || {
            let answer = fixture.invoke_of("unwatched", &drill).await.unwrap();
            let gates = answer["plan"]["gates"].as_array().unwrap().clone();
            let watchdog = gates.into_iter().find(|gate| gate["gate"] == "watchdog").unwrap();
            (watchdog["open"] == "no").then_some(())
        })
        .await;
        drill["execute"] = json!(true);
        let answer = fixture.invoke_of("unwatched", &drill).await.unwrap();
        assert_eq!(answer["outcome"], "skipped", "{answer:#}");
        let reason = answer["reason"].as_str().unwrap();
        assert!(reason.contains("gate `watchdog` is closed") && reason.contains("heartbeat"), "{reason}");
        assert_eq!(answer["targets"], json!([]), "nothing was even intended");
        assert_eq!(fixture.states(&blue).await, ["running"]);
        fixture.aws.watch("unwatched").await.unwrap();
        drill["runId"] = json!("2");
        let answer = fixture.invoke_of("unwatched", &drill).await.unwrap();
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
    });
}

#[test]
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
    });
}
