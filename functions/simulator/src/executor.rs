//! Invocations on virtual time: one thread, no runtime. Whatever is due first goes on.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// When one invocation goes on, and what in it: a future that polls only what was woken needs its wakers.
#[derive(Debug)]
pub(crate) struct Timers {
    waiting: RefCell<Vec<(i64, Waker)>>,
    next: Cell<i64>,
}

impl Timers {
    /// Of an invocation that begins then.
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
    /// What runs.
    pub future: Pin<Box<dyn Future<Output = ()>>>,
    /// When it goes on.
    pub timers: Rc<Timers>,
    /// When it is killed: no destructor of the invocation's own logic runs after this.
    pub dies_at: i64,
    /// For the log.
    pub name: String,
}

impl Task {
    fn next(&self) -> i64 {
        self.timers.next.get().min(self.dies_at)
    }
}

/// What happens without an invocation; it may begin one.
pub(crate) trait Happenings {
    /// When the next of it happens.
    fn next(&self) -> i64;
    /// Lets it happen.
    fn happen(&mut self) -> Option<Task>;
    /// An invocation was killed.
    fn killed(&mut self, name: &str);
}

/// Runs until nothing more happens, or time is over.
pub(crate) fn run(now: &Cell<i64>, until: i64, others: &mut impl Happenings) {
    let mut context = Context::from_waker(Waker::noop());
    let mut tasks: Vec<Task> = Vec::new();
    loop {
        let first = tasks.iter().enumerate().map(|(index, task)| (task.next(), index)).min();
        let (at, index) = first.unwrap_or((i64::MAX, 0));
        let next = others.next();
        if next.min(at) > until {
            now.set(until);
            return;
        }
        if next <= at {
            now.set(now.get().max(next));
            tasks.extend(others.happen());
            continue;
        }
        now.set(now.get().max(at));
        let task = &mut tasks[index];
        task.timers.fire(at);
        if task.dies_at <= at {
            others.killed(&tasks.swap_remove(index).name);
        } else if task.future.as_mut().poll(&mut context).is_ready() {
            drop(tasks.swap_remove(index));
        }
    }
}
