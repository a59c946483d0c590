//! Contracts, on the adapters of the SDK and local AWS: what each port promises. On the simulator, the same suites run in
//! `functions/simulator/tests/contracts.rs`: what the simulator claims, the wire does, too.

mod fixture;
mod ports;
mod record;
mod subjects;
mod template;

use libtest_mimic::Trial;

/// The tests of every port.
pub fn trials() -> Vec<Trial> {
    [ports::trials(), record::trials()].into_iter().flatten().collect()
}
