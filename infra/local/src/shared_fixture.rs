//! Shared fixture: one runtime, and one fixture, for all tests of one kind.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

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

/// A fixture that the first test sets up, and that is taken down when its last [`User`] is gone.
#[derive(Debug)]
pub struct SharedFixture<T> {
    fixture: Mutex<Option<Arc<T>>>,
    users: AtomicUsize,
}

impl<T> SharedFixture<T> {
    /// A fixture that is not set up yet, and that nobody uses.
    #[must_use]
    pub const fn new() -> Self {
        Self { fixture: Mutex::new(None), users: AtomicUsize::new(0) }
    }

    /// What a test that will use the fixture holds from the beginning, so that it stays up between two tests.
    pub fn user(&self) -> User<'_, T> {
        self.users.fetch_add(1, Ordering::SeqCst);
        User(self)
    }

    /// Calls `test` with the fixture, after `set_up` if it is not up yet.
    pub fn with(&self, set_up: impl AsyncFnOnce() -> T, test: impl AsyncFnOnce(&T)) {
        let fixture = {
            let mut shared = self.fixture.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.get_or_insert_with(|| Arc::new(runtime().block_on(set_up()))))
        };
        runtime().block_on(test(&fixture));
    }
}

impl<T> Default for SharedFixture<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A test that will use a fixture, or does.
#[derive(Debug)]
pub struct User<'a, T>(&'a SharedFixture<T>);

impl<T> Drop for User<'_, T> {
    fn drop(&mut self) {
        if self.0.users.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.fixture.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}
