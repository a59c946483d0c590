//! `cargo demo`. What it does is in the library; here it is started, and ended by a signal.

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use firedrill_local::demo::{self, DemoOptions};
use tokio::signal::unix::{SignalKind, signal};

/// Firedrill on this machine.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a drill from its schedule to its record, on emulated AWS. Succeeds if the outcome is `recovered`.
    Demo {
        /// Which drill.
        #[arg(default_value = "instance")]
        drill: Drill,
        /// Leave local AWS up until Ctrl-C, and print how to use it.
        #[arg(long)]
        keep: bool,
        /// Let the standby fail to take over.
        #[arg(long)]
        broken: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drill {
    /// Stop the instance that serves.
    Instance,
}

/// What a shell says of a process that was interrupted.
const INTERRUPTED: u8 = 130;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Command::Demo { drill: Drill::Instance, keep, broken } = Arguments::parse().command;
    let result = tokio::select! {
        result = demo::run(DemoOptions { keep, broken }) => result,
        // The demo is dropped, and takes everything down as it goes.
        () = interrupted() => return ExitCode::from(INTERRUPTED),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ctrl-C, an end that was asked for, or a terminal that was closed.
async fn interrupted() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
