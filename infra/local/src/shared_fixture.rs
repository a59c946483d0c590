//! What the tests of one process share: a runtime, and what takes long to bring up.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::runtime::{Builder, Handle};

/// One runtime for the whole process, on a thread of its own: a connection lives as long as the runtime it was opened
/// in.
///
/// # Panics
/// The runtime cannot be started.
pub fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("the runtime cannot be started: {error}"));
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    })
}

/// A place that whoever comes first brings up, and the last one to leave takes down.
#[derive(Debug)]
pub struct SharedFixture<T>(Mutex<Weak<T>>);

impl<T> SharedFixture<T> {
    /// Nobody is there yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// Calls `there` with the place, after `up` if nobody is there.
    pub fn with(&self, up: impl AsyncFnOnce() -> T, there: impl AsyncFnOnce(&T)) {
        let place = {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            shared.upgrade().unwrap_or_else(|| {
                let place = Arc::new(runtime().block_on(up()));
                *shared = Arc::downgrade(&place);
                place
            })
        };
        runtime().block_on(there(&place));
    }
}

impl<T> Default for SharedFixture<T> {
    fn default() -> Self {
        Self::new()
    }
}
