//! The documents of the sample: requests, as a schedule sends them, and declarations.

use firedrill_core::Timestamp;
use serde_json::{Value, json};

use super::{DAY_MS, drills::SampleDrill};
use crate::words::iso_date;

pub(super) fn alarm_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}")
}

pub(super) fn schedule_arn(name: &str) -> String {
    format!("arn:aws:scheduler:eu-west-2:123456789012:schedule/default/{name}")
}

pub(super) fn playbook(application: &str, drill: &str) -> String {
    format!("https://playbooks.example.com/{application}/{drill}")
}

pub(super) fn owner(application: &str) -> String {
    format!("team-{application}")
}

pub(super) fn revenue(application: &str) -> u32 {
    match application {
        "checkout" => 480,
        "bookstore" => 120,
        _ => 30,
    }
}

/// The request of a drill.
pub(super) fn request(drill: &SampleDrill) -> Value {
    let SampleDrill { application, .. } = drill;
    let alarm = alarm_arn(&format!("{application}-{}", drill.dependency));
    let probe = json!({ "tcp": { "host": format!("primary.{application}.example.com"), "port": 443 } });
    let trigger = json!({ "alarmArn": alarm });
    let target = match drill.target {
        "distribution" => json!({ "distribution": {
            "arn": "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE", "trigger": trigger,
            "identity": {
                "url": format!("https://{application}.example.com/static/status.json"), "json": "/cdn",
                "primary": "primary", "standby": "secondary"
            },
            "primaryProbe": probe
        } }),
        "database" => json!({ "database": {
            "arn": format!("arn:aws:rds:eu-west-2:123456789012:cluster:{application}"), "trigger": trigger,
            "restoreWriter": false
        } }),
        _ => json!({ "instances": {
            "region": "eu-west-2", "select": { "tags": { "app": application } }, "blastRadius": { "count": 1 }
        } }),
    };
    json!({
        "drill": drill.drill, "application": application, "dependency": drill.dependency,
        "environment": drill.environment, "execute": true,
        "mode": if drill.target == "instances" { "stop" } else { "alarm" },
        "target": target,
        "steadyState": { "withinSeconds": 60, "probes": [{
            "name": "version answers",
            "check": { "http": { "url": format!("https://{application}.example.com/version/") } },
            "count": 3, "holdForSeconds": 5
        }] },
        "objective": { "rtoSeconds": drill.rto_seconds, "revenuePerMinute": revenue(application) },
        "cadence": { "everyDays": drill.every_days },
        "playbook": {
            "link": playbook(application, drill.drill), "version": "3", "owner": owner(application),
            "severity": "sev2"
        },
        "schedule": { "scheduledAt": "<aws.scheduler.scheduled-time>", "arn": "<aws.scheduler.schedule-arn>" }
    })
}

/// What the bookstore declares: everything up to the third stage.
pub(super) fn bookstore(now: Timestamp) -> (&'static str, Value) {
    let dependency = |name: &str, title: &str, critical: bool| {
        json!({
            "name": name, "title": title, "critical": critical,
            "thresholds": link("thresholds", now, 200), "playbook": versioned(name, now, 120)
        })
    };
    let document = json!({
        "application": "bookstore", "title": "Bookstore", "owner": owner("bookstore"),
        "revenuePerMinute": revenue("bookstore"),
        "dependencies": [
            dependency("cdn", "CDN", true), dependency("database", "database", true),
            dependency("compute", "compute", true), dependency("mail", "mail", false)
        ],
        "observability": link("dashboards", now, 300),
        "recoveryPlaybook": versioned("recovery", now, 150),
        "prerequisites": link("prerequisites", now, 300),
        "agreement": link("agreement", now, 280),
        "exercise": link("exercise", now, 270)
    });
    ("bookstore", document)
}

/// What the checkout declares: its recovery playbook is older than a year, and one dependency has none.
pub(super) fn checkout(now: Timestamp) -> (&'static str, Value) {
    let document = json!({
        "application": "checkout", "title": "Checkout", "owner": owner("checkout"),
        "revenuePerMinute": revenue("checkout"),
        "dependencies": [
            {
                "name": "database", "critical": true, "thresholds": link("thresholds", now, 90),
                "playbook": versioned("database", now, 80)
            },
            { "name": "compute", "critical": true, "thresholds": link("thresholds", now, 90) }
        ],
        "observability": link("dashboards", now, 100),
        "recoveryPlaybook": versioned("recovery", now, 500)
    });
    ("checkout", document)
}

fn link(page: &str, now: Timestamp, days_ago: u64) -> Value {
    json!({ "link": format!("https://wiki.example.com/{page}"), "date": date(now, days_ago) })
}

fn versioned(page: &str, now: Timestamp, days_ago: u64) -> Value {
    json!({ "link": format!("https://playbooks.example.com/{page}"), "version": "3", "date": date(now, days_ago) })
}

fn date(now: Timestamp, days_ago: u64) -> String {
    iso_date(now - std::time::Duration::from_millis(days_ago * DAY_MS))
}
