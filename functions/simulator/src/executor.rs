//! Executor: runs invocations on virtual time, in one thread, without a runtime. What is due first runs first.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// The timers of one invocation, each with its waker: a future may poll only those of its parts that were woken.
#[derive(Debug)]
pub(crate) struct Timers {
    waiting: RefCell<Vec<(i64, Waker)>>,
    next: Cell<i64>,
}

impl Timers {
    /// The timers of an invocation that begins at this moment.
    pub fn beginning(at: i64) -> Rc<Self> {
        Rc::new(Self { waiting: RefCell::default(), next: Cell::new(at) })
    }

    fn set(&self, until: i64, waker: Waker) {
        self.waiting.borrow_mut().push((until, waker));
        self.next.set(self.next.get().min(until));
    }

    fn fire(&self, now: i64) {
        let mut waiting = self.waiting.borrow_mut();
        let mut next = i64::MAX;
        let mut index = 0;
        while let Some((until, _)) = waiting.get(index) {
            if *until <= now {
                waiting.swap_remove(index).1.wake();
            } else {
                next = next.min(*until);
                index += 1;
            }
        }
        self.next.set(next);
    }
}

/// Waits until virtual time has come to `until`, in milliseconds since the Unix epoch.
pub(crate) struct Sleep {
    pub timers: Rc<Timers>,
    pub now: Rc<Cell<i64>>,
    pub until: i64,
    pub is_set: bool,
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.now.get() >= self.until {
            return Poll::Ready(());
        }
        if !self.is_set {
            self.is_set = true;
            self.timers.set(self.until, context.waker().clone());
        }
        Poll::Pending
    }
}

/// One invocation in flight.
pub(crate) struct Task {
    /// The invocation's code.
    pub future: Pin<Box<dyn Future<Output = ()>>>,
    /// When it is polled next.
    pub timers: Rc<Timers>,
    /// When it is killed: it is never polled again, as after SIGKILL.
    pub dies_at: i64,
    /// Its name in the log.
    pub name: String,
}

impl Task {
    fn next(&self) -> i64 {
        self.timers.next.get().min(self.dies_at)
    }
}

/// The source of events that happen outside invocations; an event may begin an invocation.
pub(crate) trait EventSource {
    /// When the next event is due; the largest number if none is.
    fn next(&self) -> i64;
    /// Lets the next event happen; the invocation that it begins, if it does.
    fn fire(&mut self) -> Option<Task>;
    /// An invocation was killed.
    fn killed(&mut self, name: &str);
}

/// Runs until virtual time is `until`. What is still in flight then never continues.
pub(crate) fn run(now: &Cell<i64>, until: i64, events: &mut impl EventSource) {
    run_due(now, until, events, &mut Vec::new());
    now.set(until);
}

/// Runs what is due by `until`, and leaves virtual time at the last moment at which something was. The invocations in
/// `tasks` continue; those that are still in flight at the end are left there.
pub(crate) fn run_due(now: &Cell<i64>, until: i64, events: &mut impl EventSource, tasks: &mut Vec<Task>) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let first = tasks.iter().enumerate().map(|(index, task)| (task.next(), index)).min();
        let (at, index) = first.unwrap_or((i64::MAX, 0));
        let next = events.next();
        let due = next.min(at);
        if due > until || due == i64::MAX {
            return;
        }
        if next <= at {
            now.set(now.get().max(next));
            tasks.extend(events.fire());
            continue;
        }
        now.set(now.get().max(at));
        let task = &mut tasks[index];
        task.timers.fire(at);
        if task.dies_at <= at {
            events.killed(&tasks.swap_remove(index).name);
        } else if task.future.as_mut().poll(&mut context).is_ready() {
            drop(tasks.swap_remove(index));
        }
    }
}
