//! Prints one history: `cargo run -p firedrill-world --example history -- SEED`.

use firedrill_world::{Scenario, oracle, play};

fn main() {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok());
    let Some(seed) = seed else {
        eprintln!("usage: history SEED (a number)");
        std::process::exit(2);
    };
    let history = play(Scenario::draw(seed));
    println!("{:#?}", history.scenario);
    for logged in &history.log {
        println!("{} {:?}", logged.at, logged.what);
    }
    if let Some(run) = &history.run {
        println!("{run:#?}");
    }
    println!("{:?}", oracle::check(&history));
}
