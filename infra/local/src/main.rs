//! `cargo demo` and `cargo sweep`. What it does is in the library; here it is started, and ended by a signal.

use std::{path::PathBuf, process::ExitCode};

use clap::{
    Parser, Subcommand,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use firedrill_core::kind::DrillKind;
use firedrill_local::{
    LocalError,
    demo::{self, DemoOptions, Trouble},
    records,
    stack::LocalDrill,
    sweep::{self, Point, SweepOptions},
};
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
    /// Runs drills from their schedules to their records, on emulated AWS. Succeeds if each ends as it should:
    /// `recovered`.
    Demo {
        /// Which drill; all three, one after the other, if none is named.
        #[arg(value_parser = drill_kind())]
        drill: Option<DrillKind>,
        /// Leave local AWS up until Ctrl-C, and print how to use it.
        #[arg(long)]
        keep: bool,
        /// Let what should take over fail to: the standby server (if no drill is named), or the failover function,
        /// which is denied its call.
        #[arg(long)]
        broken: bool,
        /// Let the CDN's primary really fail in the middle of its drill.
        #[arg(long, conflicts_with = "broken")]
        incident: bool,
        /// Let the drill's function die right after it stopped the instance.
        #[arg(long, conflicts_with_all = ["broken", "incident"])]
        crash: bool,
        /// First write a year of made-up records, so that the scorecard has something to show.
        #[arg(long)]
        history: bool,
        /// The folder into which the records are written, as `runs.json`, and the scorecard, as `site`; `demo` in cargo's
        /// target folder by default.
        #[arg(long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Disturbs the real functions on emulated AWS at every call of theirs that matters, and prints a table. Succeeds if
    /// after each the application is as before, the record whole, and nothing injected twice.
    Sweep {
        /// Which drill; all three if none is named.
        #[arg(value_parser = drill_kind())]
        drill: Option<DrillKind>,
        /// This point alone, such as `instance/dynamodb:TransactWriteItems#2/kill-after`; may be said several times.
        #[arg(long)]
        point: Vec<Point>,
        /// So many points, chosen by --seed.
        #[arg(long)]
        sample: Option<usize>,
        /// Chooses the sample.
        #[arg(long, default_value_t = 0, requires = "sample")]
        seed: u64,
        /// So many emulators at a time.
        #[arg(long, default_value_t = sweep::LANES)]
        lanes: usize,
        /// Without the points that this output of an earlier sweep, which was ended, shows as ok.
        #[arg(long, value_name = "FILE", conflicts_with = "point")]
        except: Option<PathBuf>,
    },
}

/// Reads the name of a drill kind; lists all of them in the help.
fn drill_kind() -> impl TypedValueParser<Value = DrillKind> {
    let value = |kind: DrillKind| PossibleValue::new(kind.row().name).help(LocalDrill::of(kind).summary);
    let known = PossibleValuesParser::new(DrillKind::ALL.map(value));
    known.try_map(|name| DrillKind::named(&name).ok_or("no kind of drill has this name"))
}

/// What a shell says of a process that was interrupted.
const INTERRUPTED: u8 = 130;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (drill, trouble, keep, history, output) = match Arguments::parse().command {
        Command::Demo { drill, keep, broken, incident, crash, history, output } => {
            let troubles =
                [(broken, Trouble::Broken), (incident, Trouble::Incident), (crash, Trouble::Crash)];
            let trouble = troubles.into_iter().find_map(|(asked, trouble)| asked.then_some(trouble));
            (drill, trouble, keep, history, output.unwrap_or_else(records::default_folder))
        }
        Command::Sweep { drill, point, sample, seed, lanes, except } => {
            let drills = drill.map_or(DrillKind::ALL.to_vec(), |drill| vec![drill]);
            let sample = sample.map(|count| (count, seed));
            return ended(sweep::run(SweepOptions { drills, points: point, sample, lanes, except })).await;
        }
    };
    let drills = match (drill, trouble) {
        (Some(DrillKind::Instance | DrillKind::Database), Some(Trouble::Incident)) => {
            eprintln!("error: --incident is about the CDN: `cargo demo --incident`");
            return ExitCode::FAILURE;
        }
        (_, Some(Trouble::Incident)) => vec![DrillKind::Cdn],
        (Some(drill), _) => vec![drill],
        (None, Some(Trouble::Broken | Trouble::Crash)) => vec![DrillKind::Instance],
        (None, None) => DrillKind::ALL.to_vec(),
    };
    ended(demo::run(DemoOptions { drills, keep, trouble, history, output })).await
}

/// Waits for its end, or for a signal to end it: it is dropped then, and takes everything down as it goes.
async fn ended(work: impl Future<Output = Result<bool, LocalError>>) -> ExitCode {
    let result = tokio::select! {
        result = work => result,
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
