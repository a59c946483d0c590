//! Invocations on virtual time: one thread, no runtime. Whoever wakes first goes on.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// When a task goes on, in milliseconds since the Unix epoch.
pub type WakeAt = Rc<Cell<i64>>;

/// Waits until virtual time has come to `until`.
pub struct Sleep {
    pub(crate) wake_at: WakeAt,
    pub(crate) now: Rc<Cell<i64>>,
    pub(crate) until: i64,
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.now.get() >= self.until {
            return Poll::Ready(());
        }
        self.wake_at.set(self.until);
        Poll::Pending
    }
}

/// One invocation in flight.
pub struct Task<T> {
    /// What runs.
    pub future: Pin<Box<dyn Future<Output = T>>>,
    /// When it goes on.
    pub wake_at: WakeAt,
    /// When it is killed: no destructor of the invocation's own logic runs after this.
    pub dies_at: i64,
}

/// Runs tasks until none is left or time is over, in the order of their wake-ups. `arrive` is asked
/// for new tasks: it gets the next moment at which anything happens and may answer with a task that
/// begins before it.
pub fn run<T>(
    now: &Rc<Cell<i64>>,
    tasks: &mut Vec<Task<T>>,
    until: i64,
    mut arrive: impl FnMut(i64) -> Option<Task<T>>,
    mut ended: impl FnMut(Option<T>),
) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let next = tasks.iter().map(|task| task.wake_at.get().min(task.dies_at)).min().unwrap_or(i64::MAX);
        if let Some(task) = arrive(next.min(until)) {
            tasks.push(task);
            continue;
        }
        if next > until {
            now.set(until);
            return;
        }
        let Some(index) = tasks.iter().position(|task| task.wake_at.get().min(task.dies_at) == next) else {
            return;
        };
        now.set(now.get().max(next));
        if tasks[index].dies_at <= next {
            drop(tasks.swap_remove(index));
            ended(None);
        } else if let Poll::Ready(value) = tasks[index].future.as_mut().poll(&mut context) {
            drop(tasks.swap_remove(index));
            ended(Some(value));
        }
    }
}
