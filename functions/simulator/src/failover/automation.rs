//! Failover function: the core's own `handle`, on a journal and a resource in memory.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    CallOutcome, Run, Timestamp,
    failover::{
        AlarmChange, CallResult, ChangeLimits, Claimed, Direction, FailoverAction, FailoverReadiness,
        FailoverRule, Journal, JournalEntry, handle,
    },
    kind::DrillKind,
    millis,
    ports::StoreError,
    run::RunId,
};

use super::{ALARM, CLUSTER, DISTRIBUTION, FUNCTION_TIMEOUT, MAX_EVENT_AGE, Pending, cloud::Place};
use crate::{
    calls::{denied, send},
    clock::SimulatedClock,
    event::Event,
    event_queue::Due,
    fault_kind::FaultKind,
    store::{Access, with_store_faults},
    world::World,
};

struct SimulatedJournal {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
}

impl SimulatedJournal {
    async fn read<T>(&self, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        with_store_faults(&self.world, &self.clock, Access::Read, work).await
    }

    async fn change<T>(&self, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        with_store_faults(&self.world, &self.clock, Access::Write, work).await
    }
}

impl Journal for SimulatedJournal {
    async fn claim(&self, entry: &JournalEntry) -> Result<Claimed, StoreError> {
        self.change(|| {
            let mut cloud = self.world.cloud.borrow_mut();
            if let Some(existing) = cloud.entry(entry) {
                return Claimed::Exists(Box::new(existing.clone()));
            }
            cloud.entries.push(entry.clone());
            Claimed::New
        })
        .await
    }

    async fn take(&self, entry: &JournalEntry, from: &str) -> Result<bool, StoreError> {
        self.change(|| {
            let mut cloud = self.world.cloud.borrow_mut();
            match cloud.entry(entry) {
                Some(existing) if existing.by == from => {
                    *existing = entry.clone();
                    true
                }
                Some(_) | None => false,
            }
        })
        .await
    }

    async fn write(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change(|| {
            if let Some(existing) = self.world.cloud.borrow_mut().entry(entry) {
                *existing = entry.clone();
            }
        })
        .await
    }

    async fn newest(&self, _: &str) -> Result<Option<Timestamp>, StoreError> {
        self.read(|| self.world.cloud.borrow().newest).await
    }

    async fn remember(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change(|| {
            let newest = &mut self.world.cloud.borrow_mut().newest;
            *newest = (*newest).max(Some(entry.at));
        })
        .await
    }

    async fn holder(&self, _: &str) -> Result<Option<RunId>, StoreError> {
        self.read(|| self.world.cloud.borrow().holder.clone()).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.read(|| self.world.table.borrow().head(id).cloned()).await
    }
}

struct SimulatedFailover {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    change: AlarmChange,
    version: u64,
}

impl SimulatedFailover {
    async fn send(&self, pending: Pending) -> CallOutcome {
        if self.world.scenario.failover.function_denied {
            return denied(&self.world, &self.clock, FaultKind::FailoverFunctionDenied, "AccessDenied").await;
        }
        let land = |_| {
            self.world.refuse_lost_race(&pending)?;
            let by_run = firedrill_core::failover::run_of(&self.change.reason).is_some();
            self.world.log(Event::FailedOver { by_run, change: self.change.at });
            self.world.take_effect(pending);
            self.world.propagate();
            Ok(())
        };
        send(&self.world, &self.clock, "Throttling", false, land).await
    }
}

impl FailoverAction for SimulatedFailover {
    async fn look(&mut self, direction: Direction) -> FailoverReadiness {
        self.clock.latency().await;
        if self.world.is_blind() {
            self.world.note_fault(FaultKind::AwsReadFails);
            return FailoverReadiness::Unknown("simulated".to_owned());
        }
        self.version = self.world.cloud.borrow().version;
        match self.world.scenario.kind {
            DrillKind::Instance | DrillKind::Cdn => {
                self.world.distribution().may_move("primary", "standby", &[], direction)
            }
            DrillKind::Database => {
                let cool_down = Duration::from_millis(self.world.scenario.failover.cool_down);
                self.world.database().may_fail_over(true, None, cool_down, self.world.time())
            }
        }
    }

    async fn call(&mut self, direction: Direction) -> CallResult {
        let to = if direction == Direction::Over { Place::Standby } else { Place::Primary };
        let pending = match self.world.scenario.kind {
            DrillKind::Instance | DrillKind::Cdn => Pending::UpdateDistribution { to, version: self.version },
            DrillKind::Database => Pending::FailOverCluster { to: None },
        };
        CallResult { outcome: self.send(pending).await, what: "simulated".to_owned() }
    }

    fn is_repeatable(&self) -> bool {
        self.world.scenario.kind != DrillKind::Database
    }

    async fn page(&mut self, _: &str) -> bool {
        true
    }
}

fn config(kind: DrillKind) -> FailoverRule {
    let arn = |text: &str| text.to_owned().try_into().ok();
    let distribution = kind == DrillKind::Cdn;
    FailoverRule {
        alarm_arn: arn(ALARM).unwrap_or_else(|| unreachable!("a constant")),
        distribution_arn: arn(DISTRIBUTION).filter(|_| distribution),
        primary_origin: distribution.then(|| "primary".to_owned()),
        standby_origin: distribution.then(|| "standby".to_owned()),
        behaviors: Vec::new(),
        fail_back_on_ok: false,
        cluster_arn: arn(CLUSTER).filter(|_| !distribution),
        reader: None,
        instance_arn: None,
    }
}

/// One invocation of the failover function for one delivery, which is delivered again later if the invocation fails.
pub(crate) async fn function(
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    change: usize,
    attempt: u32,
    by: String,
) {
    let changed = world.cloud.borrow().changes[change].clone();
    if attempt == 0 && changed.to == firedrill_core::failover::AlarmState::Ok {
        let cloud = world.cloud.borrow();
        let before = change.checked_sub(1).map(|index| cloud.changes[index].clone());
        let before_unhandled = before.is_some_and(|before| {
            !cloud.entries.iter().any(|entry| entry.at == before.at && entry.state == before.to)
        });
        drop(cloud);
        if before_unhandled {
            world.note_fault(FaultKind::OkDeliveredBeforeAlarm);
        }
    }
    let alarm_change = AlarmChange {
        alarm_arn: ALARM.to_owned(),
        at: changed.at,
        state: changed.to,
        reason: changed.reason,
    };
    let journal = SimulatedJournal { world: Rc::clone(&world), clock: Rc::clone(&clock) };
    let mut action = SimulatedFailover {
        world: Rc::clone(&world),
        clock: Rc::clone(&clock),
        change: alarm_change.clone(),
        version: 0,
    };
    let settings = ChangeLimits {
        max_event_age: MAX_EVENT_AGE,
        function_timeout: FUNCTION_TIMEOUT + Duration::from_secs(1),
    };
    let config = config(world.scenario.kind);
    // An invocation that dies is retried, too: the retry is cancelled only by an invocation that ends.
    let retry = Due::Cloud(Pending::DeliverChange { change, attempt: attempt + 1 });
    world.schedule(millis(FUNCTION_TIMEOUT) + 2_000, retry.clone());
    let handled = handle(&*clock, &journal, &mut action, &config, settings, &alarm_change, &by).await;
    if world.event_queue.borrow_mut().cancel(&retry) && handled.is_err() {
        world.schedule(1_000 * (1 << attempt.min(10)), retry);
    }
}
