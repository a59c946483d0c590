//! `cargo simulate`. The demo does not need the world of the simulation, whose optimised build takes longer than all
//! else of ours: so this is a program of its own.

mod simulate;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use firedrill_world::Kind;

/// Plays histories in which everything goes wrong that can, in memory, and checks each. Succeeds if none is bad.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo simulate")]
struct Arguments {
    /// Which drill; all three if none is named.
    drill: Option<Which>,
    /// So many histories of each drill.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// Replay the history of this seed as a timeline instead.
    #[arg(long, requires = "drill", conflicts_with = "seeds")]
    seed: Option<u64>,
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
    /// The world's word for it.
    const fn kind(self) -> Kind {
        match self {
            Self::Instance => Kind::Instances,
            Self::Cdn => Kind::Distribution,
            Self::Db => Kind::Database,
        }
    }
}

fn main() -> ExitCode {
    let Arguments { drill, seeds, seed } = Arguments::parse();
    let drills = drill.map_or(Which::value_variants().to_vec(), |which| vec![which]);
    let kinds: Vec<Kind> = drills.into_iter().map(Which::kind).collect();
    let good = match seed {
        Some(seed) => simulate::one(kinds[0], seed),
        None => simulate::many(&kinds, seeds),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
