//! Requests: the simulated stack's timing, and the request that starts a history's run.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use firedrill_core::{
    Request,
    kind::DrillKind,
    request::{Delivery, parse},
    timing::Timing,
};
use serde_json::{Value, json};

use crate::{
    failover::{ALARM, CLUSTER, DISTRIBUTION},
    scenario::{Failover, Radius, Scenario},
};

/// The timing of the simulated stack: production's.
pub const TIMING: Timing = Timing::DEFAULT;

fn document(scenario: &Scenario) -> Value {
    let scheduled = if scenario.delivered_late { "2026-11-23T04:00:00Z" } else { "2026-11-23T10:00:00Z" };
    let probe = |url: &str| json!({ "http": { "url": format!("http://127.0.0.1:1/{url}") } });
    let failover = &scenario.failover;
    let mut trigger = json!({ "alarmArn": ALARM });
    if failover.metric {
        trigger["metric"] = json!({ "value": 0 });
    }
    let (mode, target) = match scenario.kind {
        DrillKind::Instance => {
            let tags = json!({ "tags": { "app": "bookstore" } });
            let radius = match scenario.fleet.radius {
                Radius::Count(count) => json!({ "count": count }),
                Radius::Percent(percent) => json!({ "percent": percent }),
            };
            ("stop", json!({ "instances": { "region": "eu-west-2", "select": tags, "blastRadius": radius } }))
        }
        DrillKind::Cdn => {
            let mut target =
                json!({ "arn": DISTRIBUTION, "trigger": trigger, "primaryProbe": probe("primary") });
            if !failover.no_identity_probe {
                target["identity"] = json!({
                    "url": "http://127.0.0.1:1/status", "json": "/cdn", "primary": "primary", "standby": "standby",
                    "count": 3, "holdForSeconds": 4
                });
            }
            (if failover.metric { "metric" } else { "alarm" }, json!({ "distribution": target }))
        }
        DrillKind::Database => {
            let mut target = json!({ "arn": CLUSTER, "trigger": trigger });
            if failover.restore_writer {
                target["restoreWriter"] = json!(true);
                target["primaryProbe"] = probe("primary");
            }
            (if failover.metric { "metric" } else { "alarm" }, json!({ "database": target }))
        }
    };
    json!({
        "drill": "simulated", "application": "bookstore", "dependency": "simulated", "environment": "test",
        "execute": true, "mode": mode, "target": target,
        "steadyState": {
            "withinSeconds": 60,
            "probes": [{
                "name": "version", "check": { "http": { "url": "http://127.0.0.1:1/version/" } },
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

/// The request of a history. Equal requests are parsed once and shared.
///
/// # Panics
/// If the core refuses it, which is a mistake of this crate.
pub(crate) fn request(scenario: &Scenario) -> Rc<Request> {
    type Known = BTreeMap<(DrillKind, bool, bool, bool, bool, Radius), Rc<Request>>;
    thread_local!(static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) });
    let Failover { metric, no_identity_probe, restore_writer, .. } = scenario.failover;
    let key = (
        scenario.kind,
        scenario.delivered_late,
        metric,
        no_identity_probe,
        restore_writer,
        scenario.fleet.radius,
    );
    KNOWN.with_borrow_mut(|known| {
        let made = || match parse(&document(scenario)) {
            Ok(Delivery::Start(request)) => Rc::from(request),
            other => panic!("the simulated request is refused: {other:?}"),
        };
        Rc::clone(known.entry(key).or_insert_with(made))
    })
}
