//! Local AWS, the practice application, and the demo that runs drills on both.
//!
//! - [`paths`], [`clock`], [`error`], [`child`]: the workspace's folders, the clocks, the errors, child processes.
//! - [`python`]: the Python interpreter, with the emulators in a virtual environment under `target/`.
//! - [`emulator`]: one process that answers as AWS does, on a port of 127.0.0.1, with its own folder.
//! - [`binaries`]: the Lambda functions as native binaries.
//! - [`bookstore`]: the practice application, an HTTP server that logs when it really failed.
//! - [`stack`]: the emulator, the three templates deployed on it, and the bookstore.
//! - [`record_reader`]: the reader of a run's record in the table.
//! - [`timeline`], [`summary`], [`records`]: a run as operators read it, and as `runs.json` holds it.
//! - [`history`]: a plausible year of made-up records; [`site`]: what was published, as files of this machine.
//! - [`shared_fixture`]: a runtime and a fixture that all tests of one process share.
//! - [`demo`]: what `cargo demo` does; [`sweep`]: what `cargo sweep` does.
//!
//! **Absences.** Nothing here links an AWS SDK, reads a credential or calls anything but loopback;
//! no child process inherits an AWS variable of the host. Only [`clock`] reads a clock.

pub mod binaries;
pub mod bookstore;
pub mod child;
pub mod clock;
pub mod demo;
pub mod emulator;
pub mod error;
pub mod history;
mod keep_hints;
pub mod paths;
pub mod python;
pub mod record_reader;
pub mod records;
mod request;
pub mod shared_fixture;
pub mod site;
pub mod stack;
mod style;
pub mod summary;
pub mod sweep;
pub mod timeline;

pub use bookstore::Bookstore;
pub use emulator::LocalAws;
pub use error::LocalError;
pub use stack::DemoStack;
