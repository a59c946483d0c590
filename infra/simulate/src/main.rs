//! `cargo simulate`: the command line of the simulation. It is a program of its own, because the demo does not need the
//! simulator, whose optimised build takes half a minute.

mod simulate;

use std::process::ExitCode;

use clap::{
    Parser,
    builder::{PossibleValuesParser, TypedValueParser},
};
use firedrill_core::kind::DrillKind;

/// Plays histories in which everything goes wrong that can, in memory, and checks each. Succeeds if none is bad.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo simulate")]
struct Arguments {
    /// Which drill; all three if none is named.
    #[arg(value_parser = drill_kind())]
    drill: Option<DrillKind>,
    /// So many histories of each drill.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first of these seeds.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Replay the history of this seed as a timeline instead.
    #[arg(long, requires = "drill", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
}

/// Reads the name of a drill kind.
fn drill_kind() -> impl TypedValueParser<Value = DrillKind> {
    let known = PossibleValuesParser::new(DrillKind::ALL.map(|kind| kind.row().name));
    known.try_map(|name| DrillKind::named(&name).ok_or("no kind of drill has this name"))
}

fn main() -> ExitCode {
    let Arguments { drill, seeds, from, seed } = Arguments::parse();
    let drills = drill.map_or(DrillKind::ALL.to_vec(), |drill| vec![drill]);
    let good = match seed {
        Some(seed) => simulate::one(drills[0], seed),
        None => simulate::many(&drills, from..from.saturating_add(seeds)),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
