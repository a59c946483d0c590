//! Shared fixture: one runtime, and one fixture, for all tests of a process.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::runtime::{Builder, Handle};

/// The one runtime of the process, on its own thread. Tests share it because a connection lives only as long as the
/// runtime in which it was opened.
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

/// A fixture that the first test sets up, and the last test that uses it tears down.
#[derive(Debug)]
pub struct SharedFixture<T>(Mutex<Weak<T>>);

impl<T> SharedFixture<T> {
    /// A fixture that is not set up yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// Calls `test` with the fixture, after `set_up` if no other test uses it now.
    pub fn with(&self, set_up: impl AsyncFnOnce() -> T, test: impl AsyncFnOnce(&T)) {
        let fixture = {
            let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            shared.upgrade().unwrap_or_else(|| {
                let fixture = Arc::new(runtime().block_on(set_up()));
                *shared = Arc::downgrade(&fixture);
                fixture
            })
        };
        runtime().block_on(test(&fixture));
    }
}

impl<T> Default for SharedFixture<T> {
    fn default() -> Self {
        Self::new()
    }
}
