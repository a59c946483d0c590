//! Dispatch: what a caller is answered when a delivery could not be carried out as asked.

use std::time::Duration;

use firedrill_core::{
    Phase,
    dispatch::DispatchError,
    kind::DrillKind,
    run::{OwnerId, RunId},
};
use firedrill_simulator::{ALWAYS, FaultEffect, Scenario, Stage};
use futures_util::future::{Either, join, select};
use serde_json::{Value, json};

use super::common::{
    TIMING, head, injected_run, injects, moments, play, tick_until_nothing_is_open, unserved, until,
    until_phase,
};

/// A run that is held, and its owner.
fn held(at: &Stage, owner: Option<&str>) -> RunId {
    at.leave_stopped(0);
    let mut run = injected_run(at, 0);
    run.phase = Phase::Held;
    run.owner = owner.map(|owner| OwnerId(owner.to_owned()));
    run.undo_mut()[0].moves_traffic = true;
    at.put(&run, None);
    run.run_id
}

fn release(id: &RunId) -> Value {
    json!({ "release": { "runId": id, "by": "ana", "reason": "the primary is healthy again", "failBack": true } })
}

/// The store cannot be reached from now on.
fn lose_store(at: &Stage) {
    at.fault("store", ALWAYS, FaultEffect::LostBefore);
}

/// Whether a release of this run is on record.
fn is_released(at: &Stage, id: &RunId) -> bool {
    at.commands(id).is_some_and(|commands| commands.release.is_some())
}

#[test]
fn a_run_whose_store_is_lost_is_never_said_to_have_injected_nothing() {
    let change = |scenario: &mut Scenario| {
        unserved(scenario);
        scenario.working_time = 100_000;
    };
    play(change, async |at: Stage| {
        let document = at.document();
        let lost = async {
            until_phase(&at, Phase::Recovering).await;
            lose_store(&at);
        };
        let (answered, ()) = join(at.dispatch("starter", &document), lost).await;
        let error = answered.unwrap_err();
        assert_eq!(moments(&at, injects).len(), 1);
        let message = error.to_string();
        assert_eq!(error.name(), "StoreLost", "{message}");
        let id = at.run_of(0).0.run_id;
        assert!(
            message.contains(&format!("`{id}`")) && message.contains("rolled back by the watchdog"),
            "{message}"
        );
        assert!(message.contains("simulated") && !message.contains("nothing was injected"), "{message}");
    });
}

#[test]
fn a_delivery_before_its_time_never_runs_nor_takes_the_identity_of_the_one_in_time() {
    play(
        |_| {},
        async |at: Stage| {
            let mut document = at.document();
            document["schedule"]["scheduledAt"] = json!(Stage::moment(60_000).to_string());
            let error = at.dispatch("early", &document).await.unwrap_err();
            assert_eq!(error.name(), "InvalidRequest");
            assert!(error.to_string().contains("`schedule.scheduledAt` is in the future"), "{error}");
            assert!(at.heads().is_empty(), "it took the identity");
            // As early as the clocks of two machines may differ.
            at.wait(Duration::from_secs(51)).await;
            let answer = at.dispatch("in time", &document).await.unwrap();
            assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        },
    );
}

#[test]
fn a_release_sent_to_the_wrong_function_is_never_recorded() {
    play(
        |_| {},
        async |at: Stage| {
            let id = held(&at, None);
            let before = head(&at, &id);
            let document = release(&id);
            let error = at.dispatch_to(DrillKind::Cdn, "operator", &document).await.unwrap_err();
            let expected =
                "drill simulated has no `target.distribution`: another drill function carries it out";
            assert_eq!(error.to_string(), format!("{expected}; nothing was touched"));
            assert_eq!(at.commands(&id), None, "the run's owner would apply it");
            assert_eq!(head(&at, &id), before);
            at.dispatch("operator", &document).await.unwrap();
            assert!(at.is_running(0), "the right function applies it, and fails back");
        },
    );
}

#[test]
fn a_recorded_release_is_never_answered_as_if_it_were_not() {
    play(
        |scenario| scenario.working_time = 170_000,
        async |at: Stage| {
            let id = held(&at, Some("starter"));
            // Its holder keeps renewing the lease, and never applies a command.
            let holder = async {
                loop {
                    at.wait(TIMING.renew).await;
                    let mut run = head(&at, &id);
                    run.version += 1;
                    at.put(&run, None);
                }
            };
            let document = release(&id);
            let answered = match select(Box::pin(at.dispatch("operator", &document)), Box::pin(holder)).await
            {
                Either::Left((answered, _)) => answered,
                Either::Right(((), _)) => unreachable!("the holder never ends"),
            };
            let error = answered.unwrap_err();
            assert_eq!(error.name(), "Busy");
            let message = error.to_string();
            assert!(
                message.contains("is owned by another invocation") && message.contains("is on record"),
                "{message}"
            );
            assert!(is_released(&at, &id));
            // Without a command there is nothing on record.
            let busy = DispatchError::Busy(id.0.clone());
            assert!(!busy.to_string().contains("record"));
        },
    );
}

#[test]
fn a_release_whose_effect_cannot_be_read_is_answered_as_recorded() {
    play(
        |_| {},
        async |at: Stage| {
            let id = held(&at, Some("starter"));
            let lost = async {
                until(&at, "released", || is_released(&at, &id)).await;
                lose_store(&at);
            };
            let document = release(&id);
            let (answered, ()) = join(at.dispatch("operator", &document), lost).await;
            let error = answered.unwrap_err();
            assert_eq!(error.name(), "StoreFailed");
            assert!(error.to_string().contains("is on record"), "{error}");
            assert!(is_released(&at, &id));
        },
    );
}

#[test]
fn a_lost_request_never_keeps_a_release_from_being_applied() {
    play(
        |_| {},
        async |at: Stage| {
            let id = held(&at, None);
            at.lose_request(&id);
            let error = at.dispatch("operator", &release(&id)).await.unwrap_err();
            assert_eq!(error.name(), "StoreFailed");
            assert!(error.to_string().contains("is on record"), "{error}");
            assert!(!at.is_running(0));
            tick_until_nothing_is_open(&at).await;
            assert!(at.is_running(0), "the watchdog applied it");
        },
    );
}

#[test]
fn a_request_with_a_field_twice_never_starts_a_run() {
    play(
        |_| {},
        async |at: Stage| {
            let text = at.document().to_string().replacen('{', "{\"execute\": true, ", 1);
            let error =
                at.dispatch_written("starter", &serde_json::from_str(&text).unwrap()).await.unwrap_err();
            assert_eq!(error.name(), "InvalidRequest");
            assert!(error.to_string().contains("`execute`"), "{error}");
            assert!(at.heads().is_empty());
        },
    );
}

#[test]
fn a_request_whose_head_could_outgrow_its_size_is_never_recorded() {
    for execute in [true, false] {
        play(
            |_| {},
            async move |at: Stage| {
                let mut document = at.document();
                document["execute"] = json!(execute);
                let ids: Vec<String> = (0..230).map(|n| format!("i-{n:017x}")).collect();
                document["target"]["instances"]["select"] = json!({ "ids": ids });
                document["target"]["instances"]["blastRadius"] = json!({ "count": 230 });
                let probe = |n| json!({ "name": format!("probe number {n}"), "check": { "tcp": { "host": "h", "port": 1 } } });
                document["steadyState"]["probes"] = (0..18).map(probe).collect();
                let error = at.dispatch("starter", &document).await.unwrap_err();
                assert_eq!(error.name(), "InvalidRequest");
                assert!(error.to_string().contains("a record of up to"), "{error}");
                assert!(at.heads().is_empty());
            },
        );
    }
}

#[test]
fn a_plan_always_says_when_a_clock_change_makes_a_window_empty() {
    play(
        |_| {},
        async |at: Stage| {
            let mut document = at.document();
            document["execute"] = json!(false);
            document["windows"] = json!([
                { "days": ["sunday"], "from": "01:15", "to": "01:45", "timeZone": "Europe/London" }
            ]);
            let answer = at.dispatch("starter", &document).await.unwrap();
            let notes = answer["plan"]["notes"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
            let is_said = |note: &Value| {
                note.as_str().is_some_and(|note| note.contains("`windows[0]`") && note.contains("2027-03-28"))
            };
            assert!(notes.iter().any(is_said), "{notes:?}");
        },
    );
}
