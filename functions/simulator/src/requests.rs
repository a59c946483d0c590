//! What is asked for: the simulated stack's numbers, and the request of a history.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use firedrill_core::{
    Request,
    request::{Delivery, parse},
    timing::Timing,
};
use serde_json::{Value, json};

use crate::{
    failover::{ALARM, CLUSTER, DISTRIBUTION},
    scenario::{Failover, Kind, Radius, Scenario},
};

/// The numbers of the simulated stack: production's.
pub const TIMING: Timing = Timing::DEFAULT;

fn document(scenario: &Scenario) -> Value {
    let scheduled = if scenario.late { "2026-11-23T04:00:00Z" } else { "2026-11-23T10:00:00Z" };
    let probe = |url: &str| json!({ "http": { "url": format!("http://127.0.0.1:1/{url}") } });
    let failover = &scenario.failover;
    let mut trigger = json!({ "alarmArn": ALARM });
    if failover.metric {
        trigger["metric"] = json!({ "value": 0 });
    }
    let (mode, target) = match scenario.kind {
        Kind::Instances => {
            let tags = json!({ "tags": { "app": "bookstore" } });
            let radius = match scenario.fleet.radius {
                Radius::Count(count) => json!({ "count": count }),
                Radius::Percent(percent) => json!({ "percent": percent }),
            };
            ("stop", json!({ "region": "eu-west-2", "instances": tags, "blastRadius": radius }))
        }
        Kind::Distribution => {
            trigger["distributionArn"] = json!(DISTRIBUTION);
            trigger["primaryProbe"] = probe("primary");
            if !failover.nameless {
                trigger["identity"] = json!({
                    "url": "http://127.0.0.1:1/status", "json": "/cdn", "primary": "primary", "standby": "standby",
                    "count": 3, "holdForSeconds": 4
                });
            }
            (if failover.metric { "metric" } else { "alarm" }, trigger)
        }
        Kind::Database => {
            trigger["clusterArn"] = json!(CLUSTER);
            if failover.restore_writer {
                trigger["restoreWriter"] = json!(true);
                trigger["primaryProbe"] = probe("primary");
            }
            (if failover.metric { "metric" } else { "alarm" }, trigger)
        }
    };
    json!({
        "drill": "simulated", "application": "bookstore", "dependency": "simulated", "environment": "test",
        "execute": true, "mode": mode, "target": target,
        "steadyState": {
            "withinSeconds": 60,
            "probes": [{
                "name": "version", "http": { "url": "http://127.0.0.1:1/version/" },
                "count": 3, "holdForSeconds": 4
            }]
        },
        "objective": {
            "rtoSeconds": 40, "giveUpAfterSeconds": 120, "restoreWithinSeconds": 240, "injectWithinSeconds": 60
        },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "o", "severity": "s" },
        "schedule": {
            "scheduledAt": scheduled, "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
        }
    })
}

/// The request of a history: the same for every history whose scenario asks for the same, and read once.
///
/// # Panics
/// If the core refuses it, which is a mistake of this crate.
pub(crate) fn request(scenario: &Scenario) -> Rc<Request> {
    type Known = BTreeMap<(Kind, bool, bool, bool, bool, Radius), Rc<Request>>;
    thread_local!(static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) });
    let Failover { metric, nameless, restore_writer, .. } = scenario.failover;
    let key = (scenario.kind, scenario.late, metric, nameless, restore_writer, scenario.fleet.radius);
    KNOWN.with_borrow_mut(|known| {
        let made = || match parse(&document(scenario)) {
            Ok(Delivery::Start(request)) => Rc::from(request),
            other => panic!("the simulated request is refused: {other:?}"),
        };
        Rc::clone(known.entry(key).or_insert_with(made))
    })
}
