//! Stops of an application: which of its runs has one, and what its caller is answered.

use firedrill_core::{Phase, Run, run::RunId};
use firedrill_simulator::{FaultEffect, Stage};
use serde_json::{Value, json};

use super::common::{injected_run, play};

fn application_stop() -> Value {
    json!({ "stop": { "application": "bookstore", "by": "ana", "reason": "enough" } })
}

/// A run of this application in this phase.
fn run_in(at: &Stage, application: usize, phase: Phase) -> Run {
    let mut run = injected_run(at, application);
    run.phase = phase;
    at.put(&run, None);
    run
}

#[test]
fn a_stop_of_an_application_is_never_answered_as_if_every_run_had_it() {
    play(
        |_| {},
        async |at: Stage| {
            let first = run_in(&at, 0, Phase::Recovering);
            let second = Run { run_id: RunId(format!("{}-again", first.run_id)), ..first.clone() };
            at.put(&second, None);
            at.fault("store:record_command", 1, FaultEffect::Denied);
            let error = at.dispatch("operator", &application_stop()).await.unwrap_err();
            assert_eq!(error.name(), "StoreFailed");
            let (missed, stopped): (Vec<_>, Vec<_>) =
                [first.run_id, second.run_id].into_iter().partition(|id| at.commands(id).is_none());
            assert_eq!((missed.len(), stopped.len()), (1, 1), "the others have it all the same");
            let message = error.to_string();
            assert!(message.contains(&missed[0].0) && message.contains("send it again"), "{message}");
        },
    );
}

#[test]
fn a_stop_of_an_application_never_takes_away_a_release_nor_stops_another_applications_run() {
    play(
        |_| {},
        async |at: Stage| {
            let held = run_in(&at, 0, Phase::Held);
            let other = run_in(&at, 1, Phase::Recovering);
            let answer = at.dispatch("operator", &application_stop()).await.unwrap();
            assert_eq!(answer["runs"].as_array().unwrap().len(), 1, "{answer}");
            assert_eq!(answer["runs"][0]["then"], "the run is being rolled back already: nothing changes");
            assert_eq!(at.commands(&held.run_id), None, "it would remove a release that is not applied yet");
            assert_eq!(at.commands(&other.run_id), None);
        },
    );
}
