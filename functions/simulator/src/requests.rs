//! Requests: the simulated stack's timing, and the request that starts a history's run.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use firedrill_core::{
    Request, Timestamp,
    gate::Policy,
    kind::DrillKind,
    request::{Arn, Delivery, parse},
    timing::Timing,
};
use firedrill_drills::Settings;
use serde_json::{Value, json};

use crate::{
    failover::{ALARM, CLUSTER, DISTRIBUTION, STOP_ALARM},
    scenario::{Elsewhere, Failover, Radius, Scenario, Span},
    world::BEGINS,
};

/// The timing of the simulated stack: production's.
pub const TIMING: Timing = Timing::DEFAULT;

/// The watchdog's function.
pub(crate) const WATCHDOG: &str = "watchdog";

/// The document that starts a history's run.
pub(crate) fn document(scenario: &Scenario) -> Value {
    let scheduled = if scenario.delivered_late { "2026-11-23T04:00:00Z" } else { "2026-11-23T10:00:00Z" };
    let probe = |path: &str| json!({ "http": { "url": format!("http://127.0.0.1:1/{path}") } });
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
            if failover.require_deployed {
                target["requireDeployed"] = json!(true);
            }
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
    let mut document = json!({
        "drill": "simulated", "application": "bookstore", "dependency": "simulated", "environment": "test",
        "execute": true, "mode": mode, "target": target,
        "steadyState": {
            "withinSeconds": 60,
            "probes": [{
                "name": "version", "check": probe("version"),
                "count": 3, "holdForSeconds": 4
            }]
        },
        "objective": {
            "rtoSeconds": 40, "giveUpAfterSeconds": scenario.give_up_after / 1_000, "restoreWithinSeconds": 240, "injectWithinSeconds": 60
        },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "o", "severity": "s" },
        "schedule": {
            "scheduledAt": scheduled, "arn": "arn:aws:scheduler:eu-west-2:123456789012:schedule/default/s"
        },
        "stopConditions": [{ "alarmArn": STOP_ALARM }]
    });
    if let Some(span) = scenario.gate_closed {
        document["windows"] = windows(span);
    }
    if scenario.long_texts {
        document["playbook"]["link"] = json!(format!("https://example.com/{}", "p".repeat(2_000)));
        for field in ["version", "owner", "severity"] {
            document["playbook"][field] = json!("故".repeat(200));
        }
        if scenario.kind != DrillKind::Instance {
            let actions = vec![format!("arn:aws:automate:eu-west-2:{}", "x".repeat(1_000)); 3];
            let target = if scenario.kind == DrillKind::Cdn { "distribution" } else { "database" };
            document["target"][target]["trigger"]["allowedActions"] = json!(actions);
        }
    }
    if scenario.kind != DrillKind::Instance {
        through_an_alarm(scenario, &mut document);
    }
    if let Some(change) = scenario.change_request {
        change(&mut document);
    }
    document
}

/// What of the target of a drill through an alarm differs.
fn through_an_alarm(scenario: &Scenario, document: &mut Value) {
    let target = if scenario.kind == DrillKind::Cdn { "distribution" } else { "database" };
    let target = &mut document["target"][target];
    let failover = &scenario.failover;
    if failover.of_another_account {
        let arn = target["arn"].as_str().unwrap_or_default();
        target["arn"] = json!(of_another_account(arn));
    }
    if let Some(elsewhere) = failover.leads_elsewhere.filter(|_| failover.elsewhere_allowed) {
        target["trigger"]["allowedActions"] = json!([elsewhere.target()]);
    }
}

/// The same ARN, or ARNs, of another account.
pub(crate) fn of_another_account(arn: &str) -> String {
    arn.replace("123456789012", "999999999999")
}

/// The windows of a request whose gate is closed during this span, which begins and ends at whole minutes of the day; always
/// closed if it begins with the history.
fn windows((from, to): Span) -> Value {
    let clock = |elapsed: u64| {
        let at = Timestamp::from_millis(BEGINS.saturating_add_unsigned(elapsed));
        at.to_string()[11..16].to_owned()
    };
    let window =
        |from: String, to: String| json!({ "days": ["monday"], "from": from, "to": to, "timeZone": "UTC" });
    if from == 0 {
        return json!([window("20:00".to_owned(), "21:00".to_owned())]);
    }
    json!([window("00:00".to_owned(), clock(from)), window(clock(to), "23:59".to_owned())])
}

/// The settings of the simulated stack.
pub(crate) fn settings(scenario: &Scenario) -> Settings {
    Settings {
        timing: TIMING,
        policy: policy(scenario),
        kms_key_arns: Vec::new(),
        topic_arn: Arn::try_from("arn:aws:sns:eu-west-2:123456789012:pages".to_owned()).ok(),
        watchdog: Some(WATCHDOG.to_owned()),
        cool_down: Duration::from_millis(scenario.failover.cool_down),
    }
}

/// What the simulated stack allows.
pub(crate) fn policy(scenario: &Scenario) -> Policy {
    let in_production = scenario.overrides.unwrap_or_default().production_applications;
    Policy {
        production_applications: in_production.iter().map(|name| (*name).to_owned()).collect(),
        non_production_environments: vec!["test".to_owned()],
        require_environment_tag: true,
    }
}

/// The request of a history. Equal requests are parsed once and shared.
///
/// # Panics
/// If the core refuses it, which is a mistake of this crate.
pub(crate) fn request(scenario: &Scenario) -> Rc<Request> {
    type Key = (DrillKind, [bool; 7], Option<Elsewhere>, Radius, Option<Span>, u64);
    type Known = BTreeMap<Key, Rc<Request>>;
    thread_local!(static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) });
    let Failover { metric, no_identity_probe, restore_writer, require_deployed, of_another_account, .. } =
        scenario.failover;
    let allowed = scenario.failover.leads_elsewhere.filter(|_| scenario.failover.elsewhere_allowed);
    let Scenario { delivered_late, long_texts, .. } = *scenario;
    let key = (
        scenario.kind,
        [
            delivered_late,
            metric,
            no_identity_probe,
            restore_writer,
            require_deployed,
            long_texts,
            of_another_account,
        ],
        allowed,
        scenario.fleet.radius,
        scenario.gate_closed,
        scenario.give_up_after,
    );
    let made = || match parse(&document(scenario)) {
        Ok(Delivery::Start(request)) => Rc::from(request),
        other => panic!("the simulated request is refused: {other:?}"),
    };
    if scenario.change_request.is_some() {
        return made();
    }
    KNOWN.with_borrow_mut(|known| Rc::clone(known.entry(key).or_insert_with(made)))
}
