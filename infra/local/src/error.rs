//! What can go wrong here, each in a sentence: what, where, what to do.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why AWS on this machine cannot be had.
#[derive(Debug, Error)]
pub enum LocalError {
    /// The caller's environment sends AWS calls elsewhere.
    #[error(
        "{variable} is set to {value}, which is not this machine: unset it, because local AWS must never reach \
         another one"
    )]
    ForeignEndpoint {
        /// Which variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// No Python that can be used.
    #[error("{0}")]
    Python(String),
    /// The emulators could not be installed.
    #[error("the emulators could not be installed into {venv}: {why}")]
    Install {
        /// Where.
        venv: PathBuf,
        /// What pip said.
        why: String,
    },
    /// A child could not be started.
    #[error("{program} could not be started: {source}")]
    Spawn {
        /// What.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A file or folder.
    #[error("{what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The emulator did not come up, or did not go.
    #[error("local AWS {0}")]
    Emulator(String),
    /// The emulator answered with an error, or not at all.
    #[error("local AWS, {what}: {why}")]
    ProbeAnswer {
        /// What was asked.
        what: String,
        /// What came.
        why: String,
    },
    /// A stack was not deployed.
    #[error("{template} could not be deployed as stack `{stack}`: {why}")]
    Deploy {
        /// The stack.
        stack: String,
        /// The template.
        template: PathBuf,
        /// What the tool said.
        why: String,
    },
    /// A function was not built.
    #[error("`{command}` failed: its messages are above")]
    Build {
        /// The command.
        command: String,
    },
    /// The practice application.
    #[error("the bookstore could not be started: {0}")]
    Bookstore(String),
    /// The drill did not take place as it should.
    #[error("{0}")]
    Run(String),
}

impl LocalError {
    /// For `map_err` on a file operation.
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
