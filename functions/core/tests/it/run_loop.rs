//! Run loop: how it behaves when the store is slow or does not answer.

use std::{cell::Cell, marker::PhantomData, time::Duration};

use crate::common::{at, injected, run};
use firedrill_core::{
    CallOutcome, Decision, Observation, Phase, Request, Run, StepObservation, Timestamp, Tristate, Verdict,
    engine::Engine,
    evidence::Evidence,
    instance::undo,
    kill_switch::Switch,
    millis,
    plan::Plan,
    ports::{
        Begun, Clock, ControlState, Drill, Drills, InjectingCall, NoInjector, OperatorCommand, Saved, Store,
        StoreError, WrongFunction,
    },
    run::{OwnerId, Page, RunId, Stop},
    run_loop::{LoopExit, Session},
    timing::Timing,
};
use futures_util::FutureExt as _;

/// A clock that moves only where the loop waits.
#[derive(Default)]
struct ManualClock(Cell<u64>);

impl ManualClock {
    fn pass(&self, ms: u64) {
        self.0.set(self.0.get() + ms);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        at(i64::try_from(self.0.get()).unwrap())
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.get())
    }
    async fn sleep(&self, span: Duration) {
        self.pass(millis(span));
    }
}

/// A store whose first save is slow, or that does not answer at all.
struct SlowStore<'a> {
    clock: &'a ManualClock,
    first_save_takes: Cell<u64>,
    answers: bool,
}

impl SlowStore<'_> {
    fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
        if self.answers {
            return Ok(answer);
        }
        self.clock.pass(millis(Timing::DEFAULT.call_deadline));
        Err(StoreError::Unknown("no answer".to_owned()))
    }
}

impl Store for SlowStore<'_> {
    async fn begin(&self, _: &Run, _: &Request) -> Result<Begun, StoreError> {
        unreachable!("it was begun")
    }
    async fn record(&self, _: &Run, _: &Request) -> Result<Begun, StoreError> {
        unreachable!("it was begun")
    }
    async fn load(&self, _: &RunId) -> Result<Option<Run>, StoreError> {
        self.answer(None)
    }
    async fn request(&self, _: &RunId) -> Result<Option<Request>, StoreError> {
        self.answer(None)
    }
    async fn save(&self, _: &Run, _: u64) -> Result<Saved, StoreError> {
        self.clock.pass(self.first_save_takes.take());
        self.answer(Saved::Saved)
    }
    async fn finish(&self, _: &Run, _: u64) -> Result<Saved, StoreError> {
        self.answer(Saved::Saved)
    }
    async fn append(&self, _: &RunId, _: &[(String, Evidence)]) -> Result<(), StoreError> {
        self.answer(())
    }
    async fn control_state(&self, _: &Run) -> Result<ControlState, StoreError> {
        self.answer(ControlState::default())
    }
    async fn record_command(&self, _: &RunId, _: &OperatorCommand) -> Result<u64, StoreError> {
        self.answer(0)
    }
    async fn stop_application(&self, _: &str, _: &Stop, _: Timestamp) -> Result<(), StoreError> {
        self.answer(())
    }
    async fn switch(&self, _: &Switch, _: bool) -> Result<Option<Switch>, StoreError> {
        self.answer(None)
    }
    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.answer(Vec::new())
    }
    async fn write_heartbeat(&self, _: Timestamp) -> Result<(), StoreError> {
        self.answer(())
    }
    async fn list(&self, _: &str, _: u32) -> Result<Vec<Run>, StoreError> {
        self.answer(Vec::new())
    }
}

/// A drill whose primary is always healthy. It records when the undo was sent, and the age of the look at that moment.
struct Primary<'a> {
    clock: &'a ManualClock,
    /// How long a look takes, and a call that undoes; while they take any time, nothing is ever undone.
    takes: Duration,
    looked: u64,
    ages: Vec<u64>,
    asked: Vec<u64>,
}

impl<'a> Primary<'a> {
    const fn new(clock: &'a ManualClock) -> Self {
        Self { clock, takes: Duration::ZERO, looked: 0, ages: Vec::new(), asked: Vec::new() }
    }
}

impl Drill for Primary<'_> {
    async fn start_watchdog(&mut self) -> Result<(), String> {
        Ok(())
    }
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        self.looked = self.clock.0.get();
        self.clock.pass(millis(self.takes));
        let step = if self.ages.is_empty() || !self.takes.is_zero() {
            StepObservation::Open
        } else {
            StepObservation::Done
        };
        let seen = Observation {
            looked: Some(self.clock.now()),
            undone: vec![step; run.undo.len()],
            primary: Tristate::Yes,
            foreign_alarm: Tristate::No,
            ..Observation::default()
        };
        (seen, Vec::new())
    }
    async fn undo(&mut self, _: &Run, _: usize) -> CallOutcome {
        self.ages.push(self.clock.0.get() - self.looked);
        self.asked.push(self.clock.0.get());
        if self.takes.is_zero() {
            return CallOutcome::Done;
        }
        self.clock.pass(millis(self.takes));
        CallOutcome::NotExecuted { code: "Unread".to_owned(), message: "no answer".to_owned(), again: true }
    }
    async fn page(&mut self, _: &Run, _: &Page) -> Result<(), String> {
        Ok(())
    }
    fn injecting_call(&mut self, _: &Run, _: u32) -> Option<InjectingCall> {
        unreachable!("it is rolled back")
    }
    async fn plan(&mut self, _: &Run) -> Plan {
        unreachable!("it began")
    }
    fn dry_runs(&self, _: &Plan) -> Vec<InjectingCall> {
        unreachable!("it began")
    }
}

/// No drill is built here: each test has its own.
struct NoDrills<'a>(PhantomData<&'a ()>);

impl<'a> Drills for NoDrills<'a> {
    type Drill = Primary<'a>;

    fn drill(&self, _: &Request) -> Result<Primary<'a>, WrongFunction> {
        unreachable!("it was built")
    }
}

/// Continues this run as the watchdog does, on a clock that only calls and pauses move.
fn continue_run<'a>(
    clock: &'a ManualClock,
    store: &SlowStore<'a>,
    primary: &mut Primary<'a>,
    (timing, ends_at): (Timing, Duration),
    run: Run,
) -> Option<LoopExit> {
    let drills = NoDrills(PhantomData);
    let engine: Engine<'_, _, _, _, NoInjector> =
        Engine { clock, store, drills: &drills, injector: None, timing };
    let mut session = Session::new(OwnerId("starter".to_owned()), ends_at);
    engine.run_loop(primary, &mut session, run).now_or_never()
}

#[test]
fn traffic_is_never_moved_back_on_an_old_look_at_the_primary() {
    let clock = ManualClock::default();
    let timing = Timing {
        poll: Duration::from_secs(1),
        aws_poll: Duration::from_secs(2),
        call_deadline: Duration::from_secs(5),
        lease: Duration::from_mins(1),
        renew: Duration::from_secs(5),
        margin: Duration::from_secs(10),
        settle: Duration::from_mins(3),
        function_timeout: Duration::from_mins(3),
        heartbeat_fresh: Duration::from_mins(3),
    };
    let ends_at = Duration::from_secs(40);
    let mut run = run();
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.undo_mut()[0].moves_traffic = true;
    let store = SlowStore { clock: &clock, first_save_takes: Cell::new(12_000), answers: true };
    let mut primary = Primary::new(&clock);
    let exit = continue_run(&clock, &store, &mut primary, (timing, ends_at), run);
    assert!(matches!(exit, Some(LoopExit::HandedOver(_))), "{exit:?}");
    assert_eq!(primary.ages, [0], "{:?}: the look before the slow save was used", Decision::Undo(0));
}

/// With production's timing, and a lease about to be renewed: a stop condition trips at the first look, the store does not
/// answer any more, and the instances are still started before half of the lease is over.
#[test]
fn a_rollback_never_waits_for_a_store_that_does_not_answer() {
    let clock = ManualClock::default();
    let timing = Timing::DEFAULT;
    clock.pass(millis(timing.renew));
    let ends_at = Duration::from_mins(2);
    let mut run = run();
    run.phase = Phase::Recovering;
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.injection = Some(injected(&run).into());
    run.stop = Some(Stop { by: "stop condition checkout".to_owned(), reason: "it answered no".to_owned() });
    let mut primary = Primary::new(&clock);
    let store = SlowStore { clock: &clock, first_save_takes: Cell::default(), answers: false };
    let exit = continue_run(&clock, &store, &mut primary, (timing, ends_at), run);
    assert!(matches!(exit, Some(LoopExit::StoreLost(..))), "{exit:?}");
    let at = *primary.asked.first().expect("the undo was never asked for");
    assert!(Duration::from_millis(at) < timing.half_lease(), "asked for after {at} ms");
}

/// With production's timing, and AWS that never answers: whenever the last round begins, the run is handed over before Lambda
/// ends the invocation.
#[test]
fn an_invocation_is_never_ended_before_it_hands_over_because_aws_does_not_answer() {
    let timing = Timing::DEFAULT;
    for ends_after in 0..120 {
        let clock = ManualClock::default();
        let ends_at = Duration::from_secs(ends_after);
        let mut run = run();
        run.phase = Phase::RollingBack;
        run.verdict = Some(Verdict::Recovered);
        run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
        let mut primary = Primary { takes: timing.call_deadline, ..Primary::new(&clock) };
        let store = SlowStore { clock: &clock, first_save_takes: Cell::default(), answers: true };
        let exit = continue_run(&clock, &store, &mut primary, (timing, ends_at), run);
        assert!(matches!(exit, Some(LoopExit::HandedOver(_))), "{exit:?}");
        let over = clock.elapsed().saturating_sub(ends_at);
        // A second call deadline is kept for the save that hands it over.
        assert!(over <= timing.call_deadline, "it hands over {over:?} after its time");
    }
}
