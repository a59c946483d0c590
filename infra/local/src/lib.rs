//! AWS on this machine, the application to practise on, and the demo that shows drills on both.
//!
//! - [`python`]: a Python that is new enough, and the emulators in a virtual environment under `target/`.
//! - [`emulator`]: one process that answers as AWS does, on a port of 127.0.0.1, with a folder of its own.
//! - [`functions`]: the Lambda functions as native binaries.
//! - [`bookstore`]: the practice application, a real HTTP server with a log of when it truly failed.
//! - [`stack`]: all of it together, with the three templates deployed.
//! - [`table`]: the record, read as it lies in the table.
//! - [`timeline`], [`summary`], [`records`]: a run for people, and for `target/demo/runs.json`.
//! - [`together`]: what the tests of one process share.
//! - [`demo`]: `cargo demo`; [`simulate`]: `cargo simulate`; [`sweep`]: `cargo sweep`.
//!
//! **Absences.** Nothing here links an AWS SDK, reads a credential or speaks to anything but loopback;
//! no child sees an AWS variable of the host. Only [`clock`] reads a clock.

pub mod binaries;
pub mod bookstore;
pub mod child;
pub mod clock;
pub mod demo;
pub mod emulator;
pub mod error;
mod keep_hints;
pub mod paths;
pub mod python;
pub mod record_reader;
pub mod records;
mod request;
pub mod shared_fixture;
pub mod simulate;
pub mod stack;
mod style;
pub mod summary;
pub mod sweep;
pub mod timeline;

pub use bookstore::Bookstore;
pub use emulator::LocalAws;
pub use error::LocalError;
pub use stack::DemoStack;
