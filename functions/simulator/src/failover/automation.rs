//! Failover function: the real one, on a journal and AWS in memory.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    Run, Timestamp,
    failover::{AlarmChange, ChangeLimits, Claimed, Journal, JournalEntry, parse_rules},
    kind::DrillKind,
    millis,
    ports::StoreError,
    request::Arn,
    run::RunId,
};
use firedrill_drills::failover::{
    DatabaseFailover, DistributionFailover, FailoverContext, FailoverFunction, Unanswered, set_up,
};
use serde_json::Value;

use super::{ALARM, FUNCTION_TIMEOUT, MAX_EVENT_AGE, Pending};
use crate::{
    alarm_event::Shape,
    aws::{SimulatedAws, failovers},
    clock::SimulatedClock,
    event_queue::Due,
    fault_kind::FaultKind,
    requests::TIMING,
    store::{Access, with_store_faults},
    world::World,
};

/// One invocation's connection to the journal.
pub struct SimulatedJournal {
    pub(crate) world: Rc<World>,
    pub(crate) clock: Rc<SimulatedClock>,
}

impl SimulatedJournal {
    async fn read<T>(&self, operation: &str, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        with_store_faults(&self.world, &self.clock, Access::Read, operation, work).await
    }

    async fn change<T>(&self, operation: &str, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        with_store_faults(&self.world, &self.clock, Access::Write, operation, work).await
    }

    /// Replaces an entry that is not concluded, and that `holder` still works on; whether the journal holds `entry` then.
    fn replace(&self, entry: &JournalEntry, holder: &str) -> bool {
        let mut cloud = self.world.cloud.borrow_mut();
        let Some(existing) = cloud.entry(entry) else { return false };
        if existing.done.is_none() && existing.by == holder {
            existing.clone_from(entry);
        }
        existing == entry
    }
}

impl Journal for SimulatedJournal {
    async fn claim(&self, entry: &JournalEntry) -> Result<Claimed, StoreError> {
        self.change("journal:claim", || {
            let mut cloud = self.world.cloud.borrow_mut();
            match cloud.entry(entry) {
                // The entry of this very call, whose answer was lost.
                Some(existing) if existing == entry => return Claimed::New,
                Some(existing) => return Claimed::Exists(Box::new(existing.clone())),
                None => {}
            }
            cloud.entries.push(entry.clone());
            Claimed::New
        })
        .await
    }

    async fn take(&self, entry: &JournalEntry, from: &str) -> Result<bool, StoreError> {
        self.change("journal:take", || self.replace(entry, from)).await
    }

    /// What is concluded stays as it is.
    async fn write(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        let replaced = self.change("journal:write", || self.replace(entry, &entry.by)).await?;
        if replaced {
            return Ok(());
        }
        Err(StoreError::Refused(format!("another invocation works on {}, or concluded it", entry.key())))
    }

    async fn newest(&self, alarm: &str) -> Result<Option<Timestamp>, StoreError> {
        self.read("journal:newest", || self.world.cloud.borrow().newest.get(alarm).copied()).await
    }

    async fn remember(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change("journal:remember", || {
            let mut cloud = self.world.cloud.borrow_mut();
            let newest = cloud.newest.entry(entry.alarm_arn.clone()).or_insert(entry.at);
            *newest = (*newest).max(entry.at);
        })
        .await
    }

    async fn holder(&self, alarm: &str) -> Result<Option<RunId>, StoreError> {
        self.read("journal:holder", || self.world.cloud.borrow().holders.get(alarm).cloned()).await
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.read("journal:run", || self.world.table.borrow().head(id).cloned()).await
    }
}

/// A failover function as the parameters of its stack set it up.
pub(crate) struct Stack {
    /// Which alarm fails over what.
    pub rules: String,
    /// How old a change may be, and after how long an invocation is dead.
    pub limits: ChangeLimits,
    /// Where pages are published; none if the stack has no topic.
    pub topic_arn: Option<Arn>,
}

/// One invocation of the failover function with this event, which is about `change`; `by` names the invocation.
pub(crate) async fn invocation(
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    stack: &Stack,
    (event, change): (&Value, &AlarmChange),
    by: &str,
) -> Result<Value, Unanswered> {
    let journal = SimulatedJournal { world: Rc::clone(&world), clock: Rc::clone(&clock) };
    let context = Rc::new(FailoverContext {
        cloud: SimulatedAws::new(&world, &clock, by).handling(change.clone()),
        clock: SimulatedClock::clone(&clock),
        call_deadline: TIMING.call_deadline,
        cool_down: world.settings.cool_down,
        topic_arn: stack.topic_arn.clone(),
    });
    let limits = stack.limits;
    let rules =
        parse_rules(&stack.rules).unwrap_or_else(|error| unreachable!("the simulated rules: {error}"));
    if world.scenario.kind == DrillKind::Database {
        let make = |rule: &_, target: &_| DatabaseFailover::new(Rc::clone(&context), rule, target);
        let (failovers, wrong) = set_up(rules, make);
        return FailoverFunction { journal, context, limits, failovers, wrong }.answer(event, by).await;
    }
    let make = |_: &_, target: &_| DistributionFailover::new(Rc::clone(&context), target);
    let (failovers, wrong) = set_up(rules, make);
    FailoverFunction { journal, context, limits, failovers, wrong }.answer(event, by).await
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
    let stack = Stack {
        rules: failovers(&world.scenario),
        limits: ChangeLimits {
            max_event_age: MAX_EVENT_AGE,
            function_timeout: FUNCTION_TIMEOUT + Duration::from_secs(1),
        },
        topic_arn: None,
    };
    // An invocation that dies is retried, too: the retry is cancelled only by an invocation that ends.
    let retry = Due::Cloud(Pending::DeliverChange { change, attempt: attempt + 1 });
    world.schedule(millis(FUNCTION_TIMEOUT) + 2_000, retry.clone());
    // Each delivery of a change has another shape than the one before.
    let event = Shape::ALL[(change + attempt as usize) % Shape::ALL.len()].event(&alarm_change);
    let handled = invocation(Rc::clone(&world), clock, &stack, (&event, &alarm_change), &by).await;
    world.note_given_up(&alarm_change);
    if world.event_queue.borrow_mut().cancel(&retry) && handled.is_err() {
        world.schedule(1_000 * (1 << attempt.min(10)), retry);
    }
}
