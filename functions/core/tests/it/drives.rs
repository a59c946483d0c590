//! The loop, on a store that takes its time.

use std::{cell::Cell, time::Duration};

use crate::common::{at, run};
use firedrill_core::{
    Act, CallOutcome, Observation, Phase, Request, Run, Seen, StepSeen, Timestamp, Verdict,
    drive::{Left, Session, drive},
    evidence::Evidence,
    instance::undo,
    plan::Plan,
    ports::{Begun, Clock, Drill, Inject, NeverInjects, Orders, Saved, Store, StoreError, Word},
    run::{OwnerId, Page, RunId, Stop},
    switch::Switch,
    timing::Timing,
};
use futures_util::FutureExt as _;

/// Time passes only where somebody waits.
#[derive(Default)]
struct Waiting(Cell<u64>);

impl Waiting {
    fn pass(&self, ms: u64) {
        self.0.set(self.0.get() + ms);
    }
}

impl Clock for Waiting {
    fn now(&self) -> Timestamp {
        at(i64::try_from(self.0.get()).unwrap())
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.get())
    }
    async fn sleep(&self, span: Duration) {
        self.pass(u64::try_from(span.as_millis()).unwrap());
    }
}

/// A store whose first save takes so long.
struct Slow<'a> {
    clock: &'a Waiting,
    first_save_takes: Cell<u64>,
}

impl Store for Slow<'_> {
    async fn begin(&self, _: &Run, _: &Request) -> Result<Begun, StoreError> {
        unreachable!("it was begun")
    }
    async fn record(&self, _: &Run, _: &Request) -> Result<Begun, StoreError> {
        unreachable!("it was begun")
    }
    async fn load(&self, _: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(None)
    }
    async fn request(&self, _: &RunId) -> Result<Option<Request>, StoreError> {
        Ok(None)
    }
    async fn save(&self, _: &Run, _: u64) -> Result<Saved, StoreError> {
        self.clock.pass(self.first_save_takes.take());
        Ok(Saved::Saved)
    }
    async fn finish(&self, _: &Run, _: u64) -> Result<Saved, StoreError> {
        Ok(Saved::Saved)
    }
    async fn append(&self, _: &RunId, _: &[(String, Evidence)]) -> Result<(), StoreError> {
        Ok(())
    }
    async fn orders(&self, _: &Run) -> Result<Orders, StoreError> {
        Ok(Orders::default())
    }
    async fn say(&self, _: &RunId, _: &Word) -> Result<u64, StoreError> {
        Ok(0)
    }
    async fn stop_application(&self, _: &str, _: &Stop, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
    async fn switch(&self, _: &Switch, _: bool) -> Result<Option<Switch>, StoreError> {
        Ok(None)
    }
    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        Ok(Vec::new())
    }
    async fn beat(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
    async fn list(&self, _: &str, _: u32) -> Result<Vec<Run>, StoreError> {
        Ok(Vec::new())
    }
}

/// Its primary is well whenever somebody looks; how old the look is when traffic is moved back is noted.
struct Primary<'a> {
    clock: &'a Waiting,
    looked: u64,
    ages: Vec<u64>,
}

impl Drill for &mut Primary<'_> {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        self.looked = self.clock.0.get();
        let step = if self.ages.is_empty() { StepSeen::Open } else { StepSeen::Done };
        let seen = Observation {
            looked: Some(self.clock.now()),
            undone: vec![step; run.undo.len()],
            primary: Seen::Yes,
            foreign_alarm: Seen::No,
            ..Observation::default()
        };
        (seen, Vec::new())
    }
    async fn undo(&mut self, _: &Run, _: usize) -> CallOutcome {
        self.ages.push(self.clock.0.get() - self.looked);
        CallOutcome::Done
    }
    async fn page(&mut self, _: &Run, _: &Page) -> Result<(), String> {
        Ok(())
    }
}

impl Inject for &mut Primary<'_> {
    async fn inject(&mut self, _: &Run, _: u32) -> CallOutcome {
        unreachable!("it is rolled back")
    }
    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}

#[test]
fn traffic_is_never_moved_back_on_an_old_look_at_the_primary() {
    let clock = Waiting::default();
    let timing = Timing {
        poll_ms: 1_000,
        aws_poll_ms: 2_000,
        call_deadline_ms: 5_000,
        lease_ms: 60_000,
        renew_ms: 5_000,
        margin_ms: 10_000,
        settle_ms: 180_000,
        function_timeout_ms: 180_000,
        heartbeat_fresh_ms: 180_000,
    };
    let owner = OwnerId("starter".to_owned());
    let ends_at = Duration::from_secs(40);
    let mut session = Session { owner, timing, ends_at, renewed_at: Duration::ZERO };
    let mut run = run();
    run.phase = Phase::RollingBack;
    run.verdict = Some(Verdict::Recovered);
    run.undo = undo(&["i-0123456789abcdef0".to_owned()], "eu-west-2", "", "aws").into();
    run.undo[0].moves_traffic = true;
    let store = Slow { clock: &clock, first_save_takes: Cell::new(12_000) };
    let mut primary = Primary { clock: &clock, looked: 0, ages: Vec::new() };
    let left = drive(&clock, &store, &mut NeverInjects(&mut primary), &mut session, run).now_or_never();
    assert!(matches!(left, Some(Left::HandedOver(_))), "{left:?}");
    assert_eq!(primary.ages, [0], "{:?}: the look before the slow save was used", Act::Undo(0));
}
