//! Virtual time: it jumps to the next moment at which a sleeper wakes.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use firedrill_core::{Timestamp, millis, ports::Clock};

use crate::common::at;

/// The milliseconds since the beginning, and the sleepers by the moment at which they wake.
#[derive(Default)]
pub struct Time {
    now: Cell<u64>,
    sleepers: RefCell<BTreeMap<(u64, u64), Waker>>,
    number: Cell<u64>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Time {
    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// Runs this future to its end.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(value) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return value;
                }
            }
            let ((at, _), sleeper) = self
                .sleepers
                .borrow_mut()
                .pop_first()
                .expect("the future waits, and nothing wakes it: a deadlock");
            self.now.set(at.max(self.now.get()));
            sleeper.wake();
        }
    }

    pub async fn sleep(&self, span: Duration) {
        let until = self.now.get() + millis(span);
        let number = self.number.replace(self.number.get() + 1);
        poll_fn(|context| {
            if self.now.get() >= until {
                return Poll::Ready(());
            }
            self.sleepers.borrow_mut().insert((until, number), context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// The machine of one invocation, whose time of day may be off.
#[derive(Clone)]
pub struct Machine {
    pub time: Rc<Time>,
    pub began: u64,
    pub off: i64,
}

impl Machine {
    pub fn new(time: &Rc<Time>) -> Self {
        Self { time: Rc::clone(time), began: time.now(), off: 0 }
    }
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        at(i64::try_from(self.time.now()).unwrap() + self.off)
    }
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.time.now() - self.began)
    }
    fn sleep(&self, span: Duration) -> impl Future<Output = ()> {
        self.time.sleep(span.max(Duration::from_millis(1)))
    }
}
