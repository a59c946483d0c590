//! Kill switches, the watchdog's heartbeat, stops and the run's deadline: what keeps a run from injecting, what ends
//! it early, and what never holds a rollback back.

use std::{cell::Cell, ops::RangeInclusive, time::Duration};

use firedrill_core::{
    Outcome, Phase, Run, Verdict,
    dispatch::DispatchError,
    kill_switch::{Scope, Switch},
    millis,
    ports::OperatorCommand,
    run::{RunId, Stop},
};
use firedrill_simulator::{ALWAYS, Event, FaultEffect, Scenario, Stage};
use futures_util::future::{join, select};
use serde_json::{Value, json};

use super::common::{
    TIMING, head, injects, moments, play, tick_until_nothing_is_open, undoes, unserved, until, until_phase,
};

/// The time of two looks, and of the calls of one more.
fn two_looks() -> u64 {
    millis(2 * TIMING.poll) + 500
}

/// The identity of the stage's run.
fn id(at: &Stage) -> RunId {
    at.run_of(0).0.run_id
}

fn switch(scope: Scope, until: Option<i64>) -> Switch {
    Switch { scope, by: "ana".to_owned(), reason: "black friday".to_owned(), until: until.map(Stage::moment) }
}

fn enough() -> Stop {
    Stop { by: "ana".to_owned(), reason: "enough".to_owned() }
}

/// Runs the drill to its end, and `meanwhile` beside it.
async fn run_with(at: &Stage, meanwhile: impl Future<Output = ()>) -> Run {
    let document = at.document();
    let (answer, ()) = join(at.dispatch("starter", &document), meanwhile).await;
    answer.unwrap();
    head(at, &id(at))
}

/// Runs the drill to its end.
async fn run(at: &Stage) -> Run {
    run_with(at, async {}).await
}

fn reason(run: &Run) -> &str {
    run.reason.as_deref().unwrap_or_default()
}

fn is_untouched(at: &Stage) -> bool {
    moments(at, injects).is_empty() && moments(at, undoes).is_empty()
}

/// When the one thing of this form happened first.
fn first(at: &Stage, is: impl Fn(&Event) -> bool) -> u64 {
    *moments(at, is).first().expect("it never happened")
}

/// Runs the drill, and interferes right before the control state is read for the last time: the intent is saved, the call not
/// yet sent. The answer to the save and the next read both take a while, and the record is watched all the time.
async fn run_with_interference(at: &Stage, interfere: impl FnOnce(&Stage)) -> Run {
    run_with(at, async {
        until_phase(at, Phase::Injecting).await;
        interfere(at);
    })
    .await
}

/// The run ended `stopped`, and its instance runs. It was asked to stop at some moment of `asked`: its rollback was on record
/// within two looks. Its undo was sent within two more, or, if the instance was still stopping, at the next read of AWS after
/// it was stopped.
fn stopped_and_rolled_back(at: &Stage, run: &Run, asked: &RangeInclusive<u64>) {
    assert_eq!((run.verdict, run.outcome), (Some(Verdict::Stopped), Some(Outcome::Stopped)), "{run:?}");
    assert!((0..3).all(|number| at.is_running(number)));
    let recorded = first(at, |event| *event == Event::RollbackRecorded);
    let within = *asked.start()..=asked.end() + two_looks();
    assert!(within.contains(&recorded), "asked at {asked:?}, on record at {recorded}");
    let stopped = first(at, |event| *event == Event::InPlace);
    let within = if stopped > recorded {
        stopped..=stopped + millis(TIMING.aws_poll) + two_looks()
    } else {
        recorded..=recorded + two_looks()
    };
    let undone = first(at, undoes);
    assert!(within.contains(&undone), "asked at {asked:?}, undone at {undone}, expected {within:?}");
}

#[test]
fn without_a_switch_and_with_a_watchdog_a_run_injects_and_recovers() {
    play(
        |_| {},
        async |at: Stage| {
            assert_eq!(run(&at).await.outcome, Some(Outcome::Recovered));
            assert_eq!(moments(&at, injects).len(), 1);
        },
    );
}

#[test]
fn nothing_is_injected_while_a_kill_switch_is_engaged() {
    let application = |name: &str| Scope::Application(name.to_owned());
    let drill = |name: &str| Scope::Drill(format!("test/bookstore/{name}"));
    for (scope, until, keeps) in [
        (Scope::Account, None, true),
        (application("bookstore"), None, true),
        (drill("simulated"), None, true),
        (Scope::Account, Some(60_000), true),
        (Scope::Account, Some(-1), false),
        (application("another"), None, false),
        (drill("another"), None, false),
    ] {
        play(
            |_| {},
            async move |at: Stage| {
                at.engage(&switch(scope.clone(), until));
                let run = run(&at).await;
                assert_eq!(is_untouched(&at), keeps, "{scope:?} until {until:?}");
                assert_eq!(
                    run.outcome == Some(Outcome::Skipped),
                    keeps,
                    "{scope:?} until {until:?}: {run:?}"
                );
                if keeps {
                    let expected =
                        format!("gate `kill switch` is closed: engaged for {scope} by ana: black friday");
                    assert!(reason(&run).starts_with(&expected), "{}", reason(&run));
                }
            },
        );
    }
}

#[test]
fn a_kill_switch_that_cannot_be_read_counts_as_engaged() {
    play(
        |_| {},
        async |at: Stage| {
            at.engage(&Switch::unreadable(Scope::Account, "`until` is no time"));
            let run = run(&at).await;
            assert!(is_untouched(&at) && reason(&run).contains("`until` is no time"), "{}", reason(&run));
        },
    );
    // So does a record that cannot be read at all, for as long as it cannot.
    play(
        |_| {},
        async |at: Stage| {
            at.fault("store:control_state", ALWAYS, FaultEffect::LostBefore);
            let run = run(&at).await;
            assert!(is_untouched(&at));
            assert_eq!(run.outcome, Some(Outcome::Skipped));
            assert!(reason(&run).contains("gate `kill switch` is unreadable"), "{}", reason(&run));
        },
    );
}

#[test]
fn nothing_is_injected_unless_the_watchdogs_heartbeat_is_fresh() {
    let fresh = i64::try_from(millis(TIMING.heartbeat_fresh)).unwrap();
    for (beat, injects) in [
        (None, false),
        (Some(-fresh - 1), false),
        (Some(-fresh + 30_000), true),
        (Some(fresh), true),
        // A heartbeat from the future: a clock that is far off proves nothing.
        (Some(fresh + 60_000), false),
    ] {
        play(
            |_| {},
            async move |at: Stage| {
                at.set_heartbeat(beat.map(Stage::moment));
                let run = run(&at).await;
                assert_eq!(!is_untouched(&at), injects, "{beat:?}: {}", reason(&run));
                assert_eq!(reason(&run).contains("gate `watchdog` is closed"), !injects, "{}", reason(&run));
            },
        );
    }
}

#[test]
fn what_closes_between_the_save_and_the_call_keeps_it_from_being_sent() {
    type Interference = fn(&Stage);
    let interferences: [(&str, Interference); 5] = [
        ("kill switch", |at| at.engage(&switch(Scope::Account, None))),
        ("watchdog", |at| at.set_heartbeat(None)),
        ("watchdog", |at| at.set_heartbeat(Some(Stage::moment(-200_000)))),
        ("stopped by ana", |at| at.command(&id(at), &OperatorCommand::Stop(enough()))),
        ("stopped by ana", |at| at.stop_application("bookstore", &enough(), Stage::moment(3_000))),
    ];
    for (why, interference) in interferences {
        play(
            |_| {},
            async move |at: Stage| {
                let run = run_with_interference(&at, interference).await;
                assert!(is_untouched(&at), "{why}: it was sent");
                assert_eq!(run.outcome, Some(Outcome::Stopped), "{why}");
                assert!(reason(&run).contains(why), "{why}: {}", reason(&run));
                assert!(run.injection.is_some(), "{why}: the intent was never saved");
            },
        );
    }
}

#[test]
fn an_unreadable_record_right_before_the_call_keeps_it_from_being_sent_until_it_can_be_read() {
    play(
        |_| {},
        async |at: Stage| {
            let unreadable = |at: &Stage| at.fault("store:control_state", 1, FaultEffect::LostBefore);
            let run = run_with_interference(&at, unreadable).await;
            assert!(at.all_faults_occurred());
            let calls = run.injection.as_ref().unwrap().calls.len();
            let ended = (run.outcome, calls);
            assert_eq!(ended, (Some(Outcome::Recovered), 2), "the first was not sent, the second was");
            assert_eq!(moments(&at, injects).len(), 1);
        },
    );
}

/// No user is served while an instance is down, and stopping it takes this long.
fn stops_within(seconds: u64) -> impl FnOnce(&mut Scenario) {
    move |scenario| {
        unserved(scenario);
        scenario.fleet.stop_takes = seconds * 1_000;
    }
}

#[test]
fn a_kill_switch_engaged_while_the_failure_is_in_place_stops_the_run_and_rolls_it_back() {
    for stop_takes in [0, 20] {
        play(stops_within(stop_takes), async |at: Stage| {
            let run = run_with(&at, async {
                until_phase(&at, Phase::Injecting).await;
                at.wait(Duration::from_millis(3_300)).await;
                at.engage(&switch(Scope::Account, None));
            });
            let run = run.await;
            let since = first(&at, |event| matches!(event, Event::Switched { .. }));
            stopped_and_rolled_back(&at, &run, &(since..=since));
            assert!(reason(&run).contains("kill switch of account"), "{}", reason(&run));
        });
    }
}

/// The two stops that an operator can give: of the run, and of its application.
#[derive(Clone, Copy, Debug)]
enum Order {
    Run,
    Application,
}

impl Order {
    const ALL: [Self; 2] = [Self::Run, Self::Application];

    fn document(self, at: &Stage) -> Value {
        match self {
            Self::Run => json!({ "stop": { "runId": id(at), "by": "ana", "reason": "enough" } }),
            Self::Application => {
                json!({ "stop": { "application": "bookstore", "by": "ana", "reason": "enough" } })
            }
        }
    }
}

/// Plays a run and stops it once it is in this phase; returns the run, and what the operator was answered.
async fn stop_in(at: &Stage, phase: Phase, order: Order) -> (Run, Value) {
    let answer = Cell::new(Value::Null);
    let run = run_with(at, async {
        until_phase(at, phase).await;
        at.wait(Duration::from_millis(700)).await;
        // The list of open runs lags by up to five seconds.
        until(at, "listed", || at.elapsed() > 6_000).await;
        answer.set(at.dispatch("operator", &order.document(at)).await.unwrap());
    });
    (run.await, answer.take())
}

/// When the operator's stop was saved.
fn stop_saved(at: &Stage) -> u64 {
    first(at, |event| *event == Event::StopRequested)
}

#[test]
fn a_stop_before_the_intent_is_saved_skips_the_run() {
    for order in Order::ALL {
        // No steady state: the run goes on checking.
        let change = |scenario: &mut Scenario| scenario.unhealthy_at_start = true;
        play(change, async move |at: Stage| {
            let (run, answer) = stop_in(&at, Phase::Checking, order).await;
            assert!(is_untouched(&at));
            assert_eq!(run.outcome, Some(Outcome::Skipped));
            assert_eq!(reason(&run), "stopped by ana: enough");
            let finished = first(&at, |event| matches!(event, Event::Finished { .. }));
            assert!(finished <= stop_saved(&at) + two_looks());
            assert_eq!(answer["runs"][0]["then"], "nothing was touched: the run ends as skipped");
            assert_eq!(answer["runs"][0]["willBeUndone"], json!([]));
        });
    }
}

#[test]
fn a_stop_after_the_intent_is_saved_rolls_back_within_two_polls() {
    for order in Order::ALL {
        for (phase, stop_takes) in [(Phase::Injecting, 20), (Phase::Recovering, 0)] {
            play(stops_within(stop_takes), async move |at: Stage| {
                let (run, answer) = stop_in(&at, phase, order).await;
                let saved = stop_saved(&at);
                stopped_and_rolled_back(&at, &run, &(saved..=saved));
                assert_eq!(reason(&run), "stopped by ana: enough");
                let of = &answer["runs"][0];
                assert_eq!(answer["stop"], json!({ "by": "ana", "reason": "enough" }));
                assert_eq!(of["runId"].as_str(), Some(&*id(&at).0));
                // The run hears that its application stops before the stop is recorded for it, and answered.
                let expected = if of["phase"] == json!(phase) {
                    "the run stops and is rolled back"
                } else {
                    assert_eq!(of["phase"], json!(Phase::RollingBack), "{order:?}");
                    "the run stopped, and is being rolled back"
                };
                assert_eq!(of["then"], expected);
                assert_eq!(of["willBeUndone"][0]["action"], "StartInstances");
                assert_eq!(of["willBeUndone"][0]["resources"], json!(run.undo[0].resources));
            });
        }
    }
}

#[test]
fn a_stop_during_the_rollback_is_recorded_and_changes_nothing_else() {
    let slow = |scenario: &mut Scenario| scenario.fleet.start_takes = 20_000;
    let ended = (Some(Verdict::Recovered), Some(Outcome::Recovered));
    play(slow, async move |at: Stage| {
        let undisturbed = run(&at).await;
        assert_eq!((undisturbed.verdict, undisturbed.outcome), ended);
        assert_eq!(moments(&at, undoes).len(), 1);
    });
    for order in Order::ALL {
        for phase in [Phase::RollingBack, Phase::Verifying] {
            play(slow, async move |at: Stage| {
                let (run, answer) = stop_in(&at, phase, order).await;
                assert_eq!(run.stop, Some(enough()), "{phase}");
                assert_eq!((run.verdict, run.outcome), ended, "{phase}");
                assert_eq!(moments(&at, undoes).len(), 1, "{phase}");
                let then = "the run is being rolled back already: nothing changes";
                assert_eq!(answer["runs"][0]["then"], then);
            });
        }
    }
}

#[test]
fn a_stop_of_a_finished_run_says_that_it_is_over_and_one_of_no_run_that_there_is_none() {
    play(
        |_| {},
        async |at: Stage| {
            let [by_run, by_application] = Order::ALL.map(|order| order.document(&at));
            let refused = at.dispatch("operator", &by_run).await.unwrap_err();
            assert_eq!(refused.name(), "NoSuchRun");
            let run = run(&at).await;
            // The list of open runs lags, and may still name it.
            at.wait(Duration::from_secs(10)).await;
            let answer = at.dispatch("operator", &by_run).await.unwrap();
            assert_eq!(answer["runs"][0]["then"], "the run is finished: nothing changes");
            assert_eq!(at.commands(&id(&at)), None, "a finished run applies no command");
            let answer = at.dispatch("operator", &by_application).await.unwrap();
            assert_eq!(answer["runs"], json!([]));
            assert_eq!(head(&at, &id(&at)), run);
        },
    );
}

#[test]
fn a_stop_of_an_application_is_answered_though_a_head_cannot_be_read() {
    let change = |scenario: &mut Scenario| scenario.unhealthy_at_start = true;
    play(change, async |at: Stage| {
        let (mut other, _) = at.run_of(0);
        other.run_id = RunId(format!("{}-again", other.run_id));
        other.layout = 2;
        let answer = Cell::new(Value::Null);
        let run = run_with(&at, async {
            // The list of open runs lags: it names the run after a while.
            at.wait(Duration::from_secs(8)).await;
            at.put(&other, None);
            answer.set(at.dispatch("operator", &Order::Application.document(&at)).await.unwrap());
        });
        assert_eq!(run.await.outcome, Some(Outcome::Skipped));
        let answer = answer.take();
        let runs = answer["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 2);
        let unreadable = runs.iter().find(|of| of["runId"] == json!(other.run_id)).unwrap();
        assert!(unreadable["unreadable"].as_str().unwrap().contains("layout 2"), "{unreadable}");
    });
}

#[test]
fn a_stop_of_yesterday_never_stops_todays_run() {
    play(
        |_| {},
        async |at: Stage| {
            at.stop_application("bookstore", &enough(), Stage::moment(-86_400_000));
            at.stop_application("another", &enough(), Stage::moment(0));
            let run = run(&at).await;
            assert_eq!((run.outcome, run.stop), (Some(Outcome::Recovered), None));
        },
    );
}

#[test]
fn a_stop_of_an_abandoned_run_is_applied_by_the_watchdog() {
    play(unserved, async |at: Stage| {
        // The function dies while the failure is in place.
        let document = at.document();
        let dies = async {
            until_phase(&at, Phase::Recovering).await;
            at.wait(Duration::from_secs(2)).await;
        };
        select(Box::pin(at.dispatch("starter", &document)), Box::pin(dies)).await;
        let answer = at.dispatch("operator", &Order::Run.document(&at)).await.unwrap();
        assert_eq!(answer["runs"][0]["then"], "the run stops and is rolled back");
        tick_until_nothing_is_open(&at).await;
        let run = head(&at, &id(&at));
        assert_eq!((run.outcome, reason(&run)), (Some(Outcome::Stopped), "stopped by ana: enough"));
        assert!((0..3).all(|number| at.is_running(number)));
        assert_eq!(moments(&at, injects).len(), 1);
    });
}

#[test]
fn a_run_past_its_deadline_is_rolled_back() {
    const DEADLINE: u64 = 180_000;
    let change = |scenario: &mut Scenario| {
        // It goes on stopping for longer than the whole run may take.
        scenario.fleet.stop_takes = 250_000;
        scenario.change_request = Some(|request| {
            request["objective"]["injectWithinSeconds"] = json!(600);
            request["objective"]["runWithinSeconds"] = json!(DEADLINE / 1_000);
        });
    };
    play(change, async |at: Stage| {
        let run = run(&at).await;
        stopped_and_rolled_back(&at, &run, &(DEADLINE..=DEADLINE));
        assert!(reason(&run).contains("the deadline of the whole run"), "{}", reason(&run));
    });
}

#[test]
fn nothing_that_is_engaged_closed_or_unreadable_ever_holds_a_rollback_back() {
    for unreadable in [false, true] {
        play(
            |_| {},
            async move |at: Stage| {
                let run = run_with(&at, async {
                    until_phase(&at, Phase::RollingBack).await;
                    for scope in [Scope::Account, Scope::Application("bookstore".to_owned())] {
                        at.engage(&switch(scope, None));
                    }
                    at.set_heartbeat(None);
                    at.stop_application("bookstore", &enough(), Stage::moment(3_600_000));
                    if unreadable {
                        at.fault("store:control_state", ALWAYS, FaultEffect::LostBefore);
                    }
                });
                assert_eq!(run.await.outcome, Some(Outcome::Recovered));
                assert!((0..3).all(|number| at.is_running(number)));
            },
        );
    }
}

#[test]
fn a_kill_switch_is_engaged_and_disengaged_by_one_operator_command() {
    fn order(engage: bool) -> Value {
        json!({ "killSwitch": {
            "engage": engage, "application": "bookstore", "by": "ana", "reason": "sale",
            "until": "2027-01-01T00:00:00Z"
        } })
    }
    play(
        |_| {},
        async |at: Stage| {
            let answer = at.dispatch("operator", &order(true)).await.unwrap();
            assert_eq!(
                answer,
                json!({ "killSwitch": "application bookstore", "engaged": true, "until": "2027-01-01T00:00:00.000Z", "by": "ana" })
            );
            assert_eq!(run(&at).await.outcome, Some(Outcome::Skipped));
        },
    );
    play(
        |_| {},
        async |at: Stage| {
            at.dispatch("operator", &order(true)).await.unwrap();
            at.dispatch("operator", &order(false)).await.unwrap();
            assert_eq!(run(&at).await.outcome, Some(Outcome::Recovered));
        },
    );
}

/// Engages or disengages the kill switch of the account.
async fn engage(at: &Stage, engage: bool, by: &str, until: Option<&str>) -> Result<Value, DispatchError> {
    let mut order =
        json!({ "killSwitch": { "engage": engage, "by": by, "account": true, "reason": "sale" } });
    if let Some(until) = until {
        order["killSwitch"]["until"] = json!(until);
    }
    at.dispatch("operator", &order).await
}

#[test]
fn a_switch_that_is_over_already_is_never_engaged() {
    play(
        |_| {},
        async |at: Stage| {
            let past = Some("2026-11-22T00:00:00Z");
            let error = engage(&at, true, "ana", past).await.unwrap_err();
            assert_eq!(error.name(), "InvalidRequest");
            let message = error.to_string();
            let expected = "`killSwitch.until` (2026-11-22T00:00:00.000Z) is over already";
            assert!(message.contains(expected), "{message}");
            assert!(at.switches().is_empty(), "it was written");
            // Disengaging one with the same `until` is allowed.
            engage(&at, true, "ana", None).await.unwrap();
            assert_eq!(engage(&at, false, "ana", past).await.unwrap()["engaged"], false);
            assert!(at.switches().is_empty());
        },
    );
}

#[test]
fn an_engaged_switch_is_never_shortened_by_another_one() {
    let (soon, late) = (Some("2026-12-01T00:00:00.000Z"), Some("2026-12-02T00:00:00.000Z"));
    for (first, second, holds) in
        [(None, soon, None), (late, soon, late), (soon, soon, soon), (soon, late, late), (soon, None, None)]
    {
        play(
            |_| {},
            async move |at: Stage| {
                let answer = engage(&at, true, "ana", first).await.unwrap();
                assert!(answer.get("note").is_none(), "{answer}");
                let answer = engage(&at, true, "ben", second).await.unwrap();
                let by = if holds == first { "ana" } else { "ben" };
                let engaged = (&answer["engaged"], &answer["by"]);
                assert_eq!(engaged, (&json!(true), &json!(by)), "{first:?} {second:?}");
                assert_eq!(answer["until"], json!(holds), "{first:?} {second:?}");
                assert_eq!(answer.get("note").is_some(), by == "ana", "{answer}");
                let switches = at.switches();
                assert_eq!((switches.len(), switches[0].by.as_str()), (1, by), "{switches:?}");
                engage(&at, false, "ben", None).await.unwrap();
                assert!(at.switches().is_empty(), "any operator may disengage it");
            },
        );
    }
}
