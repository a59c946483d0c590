//! A request, an invocation and a run to start tests from.

use std::time::Duration;

use firedrill_core::{
    CallOutcome, ProbeAnswer, Request, Run, Timestamp, Tristate,
    dispatch::{Invocation, new_run},
    gate::Policy,
    request::{Delivery, parse},
    run::{Call, Injection, OwnerId},
    timing::Timing,
};
use serde_json::{Value, json};

/// When every run here begins, in milliseconds since the Unix epoch.
const BEGINS: i64 = 1_795_428_000_000;

/// A moment, in milliseconds after the beginning.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(BEGINS + ms)
}

/// A request: objective 30 s, give up after 90 s, one probe that needs 3 answers over 2 s.
pub fn document() -> Value {
    json!({
        "drill": "d", "application": "bookstore", "dependency": "compute", "environment": "staging",
        "execute": true, "mode": "stop",
        "target": {
            "instances": {
                "region": "eu-west-2", "select": { "tags": { "app": "b" } }, "blastRadius": { "count": 1 }
            }
        },
        "steadyState": { "withinSeconds": 60, "probes": [
            { "name": "version", "check": { "http": { "url": "https://example.com/" } }, "count": 3, "holdForSeconds": 2 }
        ] },
        "objective": { "rtoSeconds": 30, "giveUpAfterSeconds": 90, "restoreWithinSeconds": 120, "injectWithinSeconds": 60 },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "o", "severity": "s" }
    })
}

/// The same request, parsed.
fn request() -> Request {
    let Ok(Delivery::Start(request)) = parse(&document()) else { panic!("the request is refused") };
    *request
}

/// Timing parameters that are short enough for tests.
pub fn timing() -> Timing {
    let timing = Timing {
        poll: Duration::from_secs(1),
        aws_poll: Duration::from_secs(2),
        call_deadline: Duration::from_secs(5),
        lease: Duration::from_secs(30),
        renew: Duration::from_secs(5),
        margin: Duration::from_secs(10),
        settle: Duration::from_mins(3),
        function_timeout: Duration::from_mins(3),
        heartbeat_fresh: Duration::from_mins(3),
    };
    timing.checked().unwrap()
}

/// An invocation of a drill function, by its owner.
pub fn invocation(owner: &str) -> Invocation {
    Invocation {
        request_id: "r".to_owned(),
        owner: OwnerId(owner.to_owned()),
        ends_at: Duration::from_secs(170),
        policy: Policy::default(),
    }
}

/// A run of that request in `checking`.
pub fn run() -> Run {
    new_run(&request(), &invocation("starter"), &timing(), at(0))
}

/// An answer that came in the moment it was asked.
pub fn answer(ms: i64, seen: Tristate) -> ProbeAnswer {
    ProbeAnswer { seen, asked: at(ms), answered: at(ms), detail: None }
}

/// The intent of a run with these calls.
pub fn intent(run: &Run, calls: Vec<Call>) -> Injection {
    Injection {
        owner: run.starter.clone(),
        deadline: at(60_000),
        calls,
        last_absent: None,
        unobserved: false,
    }
}

/// The intent of a run whose one injecting call was answered.
pub fn injected(run: &Run) -> Injection {
    let outcome = Some(CallOutcome::Done);
    intent(run, vec![Call { number: 1, intended: at(0), sent: Some(at(1)), answered: None, outcome }])
}
