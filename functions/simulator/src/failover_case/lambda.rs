//! Lambda: invokes the function for each delivery, ends an invocation at its timeout, and retries what failed.

use std::{cell::RefCell, rc::Rc, time::Duration};

use firedrill_core::{failover::AlarmChange, millis};
use firedrill_drills::failover::Unanswered;
use serde_json::Value;

use crate::{
    alarm_event::Shape,
    clock::SimulatedClock,
    event::Event,
    event_queue::Due,
    executor::{EventSource, Task, Timers},
    failover::{ALARM, Pending, Stack, invocation, ms},
    world::World,
};

/// The function's timeout: the template's default.
pub const FUNCTION_LIVES: Duration = Duration::from_mins(1);
/// The pauses before the two retries of an asynchronous invocation (developer guide, *Asynchronous invocation*).
pub const RETRIED_AFTER: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

/// What came of one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The function answered.
    Answered(Value),
    /// The function failed by itself.
    Failed(Unanswered),
    /// Lambda ended it at its timeout.
    Killed,
}

/// One delivery of a change, and what came of each of its invocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event: Value,
    /// Its invocations, oldest first.
    pub attempts: Vec<Attempt>,
    change: AlarmChange,
    is_retried: bool,
}

impl Delivery {
    /// The function's answer, if the last invocation succeeded.
    #[must_use]
    pub fn answer(&self) -> Option<&Value> {
        match self.attempts.last() {
            Some(Attempt::Answered(answer)) => Some(answer),
            _ => None,
        }
    }
}

pub(super) struct Lambda {
    world: Rc<World>,
    stack: Rc<Stack>,
    pub deliveries: Rc<RefCell<Vec<Delivery>>>,
    /// When which delivery begins an invocation.
    due: Rc<RefCell<Vec<(i64, usize)>>>,
    /// Which delivery each invocation is of.
    invoked: Vec<usize>,
}

impl Lambda {
    pub fn new(world: &Rc<World>, stack: Stack) -> Self {
        let (world, stack) = (Rc::clone(world), Rc::new(stack));
        Self { world, stack, deliveries: Rc::default(), due: Rc::default(), invoked: Vec::new() }
    }

    /// Plans a delivery; its number.
    pub fn send(&self, change: &AlarmChange, event: Value, after: Duration, is_retried: bool) -> usize {
        let mut deliveries = self.deliveries.borrow_mut();
        deliveries.push(Delivery { event, attempts: Vec::new(), change: change.clone(), is_retried });
        let number = deliveries.len() - 1;
        self.due.borrow_mut().push((self.world.now.get() + ms(millis(after)), number));
        number
    }

    fn invoke(&mut self, number: usize) -> Task {
        self.invoked.push(number);
        let name = format!("function {}", self.invoked.len());
        let timers = Timers::beginning(self.world.now.get());
        let clock = Rc::new(SimulatedClock::of_a_machine(&self.world, &timers));
        let (world, stack, by) = (Rc::clone(&self.world), Rc::clone(&self.stack), name.clone());
        let (deliveries, due) = (Rc::clone(&self.deliveries), Rc::clone(&self.due));
        let Delivery { event, change, .. } = deliveries.borrow()[number].clone();
        let future = async move {
            let ended = invocation(Rc::clone(&world), clock, &stack, (&event, &change), &by).await;
            let attempt = ended.map_or_else(Attempt::Failed, Attempt::Answered);
            note(&world, &deliveries, &due, (number, attempt));
        };
        let dies_at = self.world.now.get() + ms(millis(FUNCTION_LIVES));
        Task { future: Box::pin(future), timers, dies_at, name }
    }
}

/// Notes what came of an invocation, and plans the next one if it failed.
fn note(
    world: &World,
    deliveries: &RefCell<Vec<Delivery>>,
    due: &RefCell<Vec<(i64, usize)>>,
    (number, attempt): (usize, Attempt),
) {
    let failed = !matches!(attempt, Attempt::Answered(_));
    let delivery = &mut deliveries.borrow_mut()[number];
    delivery.attempts.push(attempt);
    let pause = RETRIED_AFTER.get(delivery.attempts.len() - 1).filter(|_| failed && delivery.is_retried);
    if let Some(pause) = pause {
        due.borrow_mut().push((world.now.get() + ms(millis(*pause)), number));
    }
}

impl EventSource for Lambda {
    fn next(&self) -> i64 {
        let first = self.due.borrow().iter().map(|(at, _)| *at).min();
        first.unwrap_or(i64::MAX).min(self.world.event_queue.borrow().next())
    }

    fn fire(&mut self) -> Option<Task> {
        let now = self.next();
        let due = self.due.borrow().iter().position(|(at, _)| *at == now);
        if let Some(index) = due {
            let (_, number) = self.due.borrow_mut().remove(index);
            return Some(self.invoke(number));
        }
        let happens = self.world.event_queue.borrow_mut().take()?;
        match happens {
            // CloudWatch changed the alarm by itself.
            Due::Cloud(Pending::DeliverChange { change, .. }) => {
                let changed = self.world.cloud.borrow().changes[change].clone();
                let (alarm_arn, reason) = (ALARM.to_owned(), changed.reason);
                let change = AlarmChange { alarm_arn, at: changed.at, state: changed.to, reason };
                self.send(&change, Shape::Topic.event(&change), Duration::ZERO, true);
            }
            Due::Cloud(pending) => self.world.take_effect(pending),
            _ => {}
        }
        self.world.propagate();
        None
    }

    fn killed(&mut self, name: &str) {
        self.world.log(Event::Killed { invocation: name.to_owned() });
        let number = name.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok());
        let number = number.and_then(|number| self.invoked.get(number - 1).copied());
        if let Some(number) = number {
            note(&self.world, &self.deliveries, &self.due, (number, Attempt::Killed));
        }
    }
}
