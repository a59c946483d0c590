//! Sample: a plausible year of made-up records: three applications, four dependencies, two environments.
//!
//! There are passes and misses, an overdue drill that is skipped each time, one that is due, a regression, one that never ran, a
//! rollback that failed, and a real incident. These are inputs, as they would have been read, and no views: whatever is shown of
//! them is computed. The same moment gives the same year.

mod documents;
mod drills;

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{Timestamp, Tristate, failover::Done};

use self::drills::{DRILLS, SampleDrill};
use crate::input::{Incident, Inputs, Scheduled, parse_declaration};

/// When the incident was, how long it lasted, and a day, in milliseconds.
const INCIDENT_DAYS_AGO: u64 = 70;
const INCIDENT_MS: u64 = 14 * 60_000 + 20_000;
const DAY_MS: u64 = 86_400_000;

/// The year that ends at this moment.
#[must_use]
pub fn year(now: Timestamp) -> Inputs {
    inputs(&DRILLS, now)
}

/// A year of so many drills of one application: the first one of [`year`], again and again under other names.
#[must_use]
pub fn year_of(drills: usize, now: Timestamp) -> Inputs {
    let mut inputs = inputs(&DRILLS[..1], now);
    let (results, scheduled) = (inputs.results.clone(), inputs.scheduled.drills.clone());
    for number in 1..drills {
        for result in &results {
            let mut result = result.clone();
            result.run_id = result.run_id.replace("/instance-blue/", &format!("/instance-blue-{number}/"));
            inputs.results.push(result);
        }
        for scheduled in &scheduled {
            let mut scheduled = scheduled.clone();
            scheduled.arn = format!("{}-{number}", scheduled.arn);
            if let (Ok(request), Ok(name)) =
                (&mut scheduled.request, format!("instance-blue-{number}").try_into())
            {
                request.drill = name;
            }
            inputs.scheduled.drills.push(scheduled);
        }
    }
    inputs
}

fn inputs(drills: &[SampleDrill], now: Timestamp) -> Inputs {
    let began = now - std::time::Duration::from_millis(INCIDENT_DAYS_AGO * DAY_MS);
    let incident = Incident {
        alarm_arn: documents::alarm_arn("bookstore-cdn"),
        began,
        ended: Some(began.plus_millis(INCIDENT_MS)),
        done: Done::FailedOver,
        why: Some("the alarm of the primary went off; the standby was well".to_owned()),
    };
    let declarations = [documents::bookstore(now), documents::checkout(now)].map(|(name, document)| {
        let read = parse_declaration(&document.to_string()).map_err(|error| error.to_string());
        (name.to_owned(), read)
    });
    Inputs {
        results: drills.iter().flat_map(|drill| drill.results(now)).collect(),
        results_cut: BTreeSet::new(),
        scheduled: Scheduled {
            drills: drills.iter().map(|drill| drill.scheduled(now)).collect(),
            unread: Vec::new(),
        },
        declarations: BTreeMap::from(declarations),
        incidents: vec![incident],
        non_production_environments: BTreeSet::from(["staging".to_owned()]),
        page_published: Tristate::Yes,
        notices_subscribed: Tristate::Yes,
        ..Inputs::default()
    }
}
