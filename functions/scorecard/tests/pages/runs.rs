//! Runs: one for each way in which a run may end, for whoever looks at the pages of all of them.

use firedrill_core::{Phase, Verdict};

use crate::fixture::{Recorded, awaiting, database, finished, in_phase, instance, planned};

/// The runs, by the names of their pages.
pub fn every_ending() -> Vec<(&'static str, Recorded)> {
    vec![
        ("recovered", finished(database(), Verdict::Recovered)),
        ("missed", finished(database(), Verdict::ObjectiveMissed)),
        ("not-recovered", finished(instance(), Verdict::NotRecovered)),
        ("skipped", finished(instance(), Verdict::Skipped)),
        ("held", awaiting(database(), true)),
        ("rollback-failed", awaiting(database(), false)),
        ("recovering", in_phase(instance(), Phase::Recovering)),
        ("planned", planned(instance())),
    ]
}
