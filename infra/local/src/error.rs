//! Errors of local AWS: each message names what failed, where and why.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why local AWS, the bookstore or a demo failed.
#[derive(Debug, Error)]
pub enum LocalError {
    /// A variable of the caller's environment sends AWS calls to another machine.
    #[error(
        "{variable} is set to {value}, which is not this machine: unset it, because local AWS must never reach \
         another one"
    )]
    ForeignEndpoint {
        /// The variable's name.
        variable: String,
        /// The variable's value.
        value: String,
    },
    /// No usable Python was found; the text says what to install.
    #[error("{0}")]
    Python(String),
    /// The emulators could not be installed.
    #[error("the emulators could not be installed into {venv}: {why}")]
    Install {
        /// The folder of the virtual environment.
        venv: PathBuf,
        /// The errors that pip printed.
        why: String,
    },
    /// A child process could not be started.
    #[error("{program} could not be started: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// An operation on a file or folder failed.
    #[error("{what} {path}: {source}")]
    File {
        /// The operation, as `cannot read`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The emulator did not start or did not end; the text continues "local AWS".
    #[error("local AWS {0}")]
    Emulator(String),
    /// The emulator answered with an error or something unreadable, or not at all.
    #[error("local AWS, {what}: {why}")]
    Answer {
        /// The request.
        what: String,
        /// The status and text of the answer, or why there is none.
        why: String,
    },
    /// A stack could not be deployed.
    #[error("{template} could not be deployed as stack `{stack}`: {why}")]
    Deploy {
        /// The name of the stack.
        stack: String,
        /// The path of the template.
        template: PathBuf,
        /// The error of `CloudFormation` or of the deploying tool.
        why: String,
    },
    /// Cargo did not build the functions.
    #[error("`{command}` failed: its messages are above")]
    Build {
        /// The command that failed.
        command: String,
    },
    /// The practice application could not be started; the text says why.
    #[error("the bookstore could not be started: {0}")]
    Bookstore(String),
    /// The run did not go as the demo expects; the text says how.
    #[error("{0}")]
    Run(String),
}

impl LocalError {
    /// A closure for `map_err` on a file operation: adds what was tried, and on which path.
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
