//! The failover function in the world: the core's own `handle`, on a table and an effect in memory.

use std::rc::Rc;

use firedrill_core::{
    CallOutcome, Run, Timestamp,
    failover::{
        AlarmChange, CallResult, ChangeLimits, Claimed, Direction, FailoverAction, FailoverReadiness,
        FailoverRule, Journal, JournalEntry, handle,
    },
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
    scenario::Kind,
    store::{Access, troubled},
    world::World,
};

struct SimulatedJournal {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
}

impl SimulatedJournal {
    async fn read<T>(&self, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        troubled(&self.world, &self.clock, Access::Read, work).await
    }

    async fn change<T>(&self, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        troubled(&self.world, &self.clock, Access::Write, work).await
    }
}

impl Journal for SimulatedJournal {
    async fn claim(&self, entry: &JournalEntry) -> Result<Claimed, StoreError> {
        self.change(|| {
            let mut cloud = self.world.cloud.borrow_mut();
            if let Some(there) = cloud.entry(entry) {
                return Claimed::Exists(Box::new(there.clone()));
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
                Some(there) if there.by == from => {
                    *there = entry.clone();
                    true
                }
                Some(_) | None => false,
            }
        })
        .await
    }

    async fn write(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change(|| {
            if let Some(there) = self.world.cloud.borrow_mut().entry(entry) {
                *there = entry.clone();
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
    async fn sent(&self, pending: Pending) -> CallOutcome {
        if self.world.scenario.failover.function_denied {
            return denied(&self.world, &self.clock, FaultKind::FunctionDenied, "AccessDenied").await;
        }
        let land = |_| {
            self.world.refuse_lost_race(&pending)?;
            let by_run = firedrill_core::failover::run_of(&self.change.reason).is_some();
            self.world.log(Event::FailedOver { by_run, change: self.change.at });
            self.world.take_effect(pending);
            self.world.follow();
            Ok(())
        };
        send(&self.world, &self.clock, "Throttling", false, land).await
    }
}

impl FailoverAction for SimulatedFailover {
    async fn look(&mut self, direction: Direction) -> FailoverReadiness {
        self.clock.latency().await;
        if self.world.is_blind() {
            self.world.cover(FaultKind::ReadFails);
            return FailoverReadiness::Unknown("simulated".to_owned());
        }
        self.version = self.world.cloud.borrow().version;
        match self.world.scenario.kind {
            Kind::Instances | Kind::Distribution => {
                self.world.distribution().may_move("primary", "standby", &[], direction)
            }
            Kind::Database => {
                let cool_down = self.world.scenario.failover.cool_down;
                self.world.database().may_fail_over(true, None, cool_down, self.world.time())
            }
        }
    }

    async fn call(&mut self, direction: Direction) -> CallResult {
        let to = if direction == Direction::Over { Place::Standby } else { Place::Primary };
        let pending = match self.world.scenario.kind {
            Kind::Instances | Kind::Distribution => Pending::FaultPoint { to, version: self.version },
            Kind::Database => Pending::FailOver { to: None },
        };
        CallResult { outcome: self.sent(pending).await, what: "simulated".to_owned() }
    }

    fn is_repeatable(&self) -> bool {
        self.world.scenario.kind != Kind::Database
    }

    async fn page(&mut self, _: &str) -> bool {
        true
    }
}

fn config(kind: Kind) -> FailoverRule {
    let arn = |text: &str| text.to_owned().try_into().ok();
    let distribution = kind == Kind::Distribution;
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

/// One invocation of the failover function for one delivery; delivered again later if it fails.
pub(crate) async fn function(
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    change: usize,
    attempt: u32,
    by: String,
) {
    let there = world.cloud.borrow().changes[change].clone();
    if attempt == 0 && there.to == firedrill_core::failover::AlarmState::Ok {
        let cloud = world.cloud.borrow();
        let before = change.checked_sub(1).map(|index| cloud.changes[index].clone());
        let unseen = before.is_some_and(|before| {
            !cloud.entries.iter().any(|entry| entry.at == before.at && entry.state == before.to)
        });
        drop(cloud);
        if unseen {
            world.cover(FaultKind::OkBeforeAlarm);
        }
    }
    let change_ =
        AlarmChange { alarm_arn: ALARM.to_owned(), at: there.at, state: there.to, reason: there.reason };
    let journal = SimulatedJournal { world: Rc::clone(&world), clock: Rc::clone(&clock) };
    let mut effect = SimulatedFailover {
        world: Rc::clone(&world),
        clock: Rc::clone(&clock),
        change: change_.clone(),
        version: 0,
    };
    let settings =
        ChangeLimits { max_event_age_ms: MAX_EVENT_AGE, function_timeout_ms: FUNCTION_TIMEOUT + 1_000 };
    let config = config(world.scenario.kind);
    // Whoever delivers learns of a failure only when the invocation ends; should it die, too.
    let next = Due::Cloud(Pending::Deliver { change, attempt: attempt + 1 });
    world.later(FUNCTION_TIMEOUT + 2_000, next.clone());
    let handled = handle(&*clock, &journal, &mut effect, &config, settings, &change_, &by).await;
    if world.event_queue.borrow_mut().cancel(&next) && handled.is_err() {
        world.later(1_000 * (1 << attempt.min(10)), next);
    }
}
