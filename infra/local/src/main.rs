//! `cargo demo`, `cargo simulate` and `cargo sweep`. What it does is in the library; here it is started, and ended by a signal.

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use firedrill_local::{
    LocalError,
    demo::{self, DemoOptions, Trouble},
    simulate,
    stack::Drill,
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
        drill: Option<Which>,
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
    },
    /// Plays histories in which everything goes wrong that can, in memory, and checks each. Succeeds if none is bad.
    Simulate {
        /// Which drill; all three if none is named.
        drill: Option<Which>,
        /// So many histories of each drill.
        #[arg(long, default_value_t = 100_000)]
        seeds: u64,
        /// Replay the history of this seed as a timeline instead.
        #[arg(long, requires = "drill", conflicts_with = "seeds")]
        seed: Option<u64>,
    },
    /// Disturbs the real functions on emulated AWS at every call of theirs that matters, and prints a table. Succeeds if
    /// after each the application is as before, the record whole, and nothing injected twice.
    Sweep {
        /// Which drill; all three if none is named.
        drill: Option<Which>,
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
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// Stop the instance that serves.
    Instance,
    /// Fail the CDN over through its alarm.
    Cdn,
    /// Fail the database over through its alarm.
    Db,
}

impl Which {
    const fn drill(self) -> Drill {
        match self {
            Self::Instance => Drill::Instance,
            Self::Cdn => Drill::Cdn,
            Self::Db => Drill::Database,
        }
    }
}

/// What a shell says of a process that was interrupted.
const INTERRUPTED: u8 = 130;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (drill, keep_hints, trouble) = match Arguments::parse().command {
        Command::Demo { drill, keep_hints, broken, incident, crash } => {
            let troubles =
                [(broken, Trouble::Broken), (incident, Trouble::Incident), (crash, Trouble::Crash)];
            (drill, keep_hints, troubles.into_iter().find_map(|(asked, trouble)| asked.then_some(trouble)))
        }
        Command::Simulate { drill, seeds, seed } => {
            let drills = drill.map_or(Drill::ALL.to_vec(), |which| vec![which.drill()]);
            let good = match seed {
                Some(seed) => simulate::one(drills[0], seed),
                None => simulate::many(&drills, seeds),
            };
            return if good { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Command::Sweep { drill, point, sample, seed, lanes } => {
            let drills = drill.map_or(Drill::ALL.to_vec(), |which| vec![which.drill()]);
            let sample = sample.map(|count| (count, seed));
            return ended(sweep::run(SweepOptions { drills, points: point, sample, lanes })).await;
        }
    };
    let drills = match (drill, trouble) {
        (Some(Which::Instance | Which::Db), Some(Trouble::Incident)) => {
            eprintln!("error: --incident is about the CDN: `cargo demo --incident`");
            return ExitCode::FAILURE;
        }
        (_, Some(Trouble::Incident)) => vec![Drill::Cdn],
        (Some(which), _) => vec![which.drill()],
        (None, Some(Trouble::Broken | Trouble::Crash)) => vec![Drill::Instance],
        (None, None) => Drill::ALL.to_vec(),
    };
    ended(demo::run(DemoOptions { drills, keep_hints, trouble })).await
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
