//! Runs as the record would have them, made by hand: each outcome, each phase.

#[path = "fixture/evidence.rs"]
pub mod evidence;

use std::{sync::Arc, time::Duration};

use firedrill_core::{
    CallOutcome, ClockName, Measured, Outcome, Phase, Request, Run, Timestamp, Tristate, UndoStep, Verdict,
    dispatch::{Invocation, new_run},
    evidence::Evidence,
    gate::{GateAnswer, Policy},
    plan::{Excluded, Permission, Plan, PlannedProbe, PlannedStep, Proof},
    run::{AnswerCounts, Call, EvidenceCounts, Hold, Injection, OwnerId, Page, Progress, StepState},
    timing::Timing,
};

/// The start of every run: 22 November 2026, 10:00 UTC.
pub const START: Timestamp = Timestamp::from_millis(1_795_341_600_000);

/// A run with its request and evidence.
#[derive(Clone)]
pub struct Recorded {
    pub run: Run,
    pub request: Request,
    pub evidence: Vec<Evidence>,
}

/// So many seconds after the start.
pub fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn request(json: &str) -> Request {
    serde_json::from_str(json).expect("an example request is readable")
}

/// The request of a database drill in mode `alarm`.
pub fn database() -> Request {
    request(include_str!("../../../../events/db-schedule.json"))
}

/// The request of an instance drill.
pub fn instance() -> Request {
    request(include_str!("../../../../events/instance-schedule.json"))
}

/// A run that has just begun.
pub fn begun(request: Request) -> Recorded {
    let invocation = Invocation {
        request_id: "8f1d1f5e-0c1c-4c3f-9d6e-1f5f4a5b6c7d".to_owned(),
        owner: OwnerId("8f1d1f5e-0c1c-4c3f-9d6e-1f5f4a5b6c7d/1795341600123".to_owned()),
        ends_at: Duration::from_mins(14),
        policy: Policy::default(),
    };
    let mut run = new_run(&request, &invocation, &Timing::DEFAULT, START);
    run.times.scheduled = Some(START);
    let gates = ["kill switch", "watchdog", "window", "production", "lateness"];
    let gate = |gate: &&str| Evidence::Gate {
        at: at(1),
        answer: GateAnswer::new(gate, Tristate::Yes, "as it should be"),
    };
    Recorded { run, request, evidence: gates.iter().map(gate).collect() }
}

fn cloudwatch(seconds: u64) -> Measured {
    Measured { at: at(seconds), clock: ClockName::CloudWatch, resolution_ms: 1_000 }
}

fn undo_of_the_alarm() -> UndoStep {
    UndoStep {
        service: "rds".to_owned(),
        action: "FailoverDBCluster".to_owned(),
        region: "eu-west-2".to_owned(),
        resources: vec!["arn:aws:rds:eu-west-2:123456789012:cluster:bookstore".to_owned()],
        before: "writer bookstore-1".to_owned(),
        set: "writer bookstore-2".to_owned(),
        moves_traffic: true,
        ..UndoStep::default()
    }
}

/// A run whose failure was injected 20 s after the start, and that recovers.
pub fn injected(request: Request) -> Recorded {
    let mut recorded = begun(request);
    let run = &mut recorded.run;
    run.phase = Phase::Recovering;
    run.times.injected = Some(Measured::ours(at(20), 0));
    run.times.in_place = Some(Measured::ours(at(22), 1_000));
    run.times.detected = Some(cloudwatch(62));
    if !run.mode.lasts() {
        run.times.failed_over = Some(Measured { at: at(69), clock: ClockName::Rds, resolution_ms: 1_000 });
    }
    let mut call = Call::intended(1, at(20));
    (call.sent, call.answered, call.outcome) = (Some(at(20)), Some(at(21)), Some(CallOutcome::Done));
    let owner = run.starter.clone();
    run.injection = Some(Arc::new(Injection {
        owner,
        deadline: at(320),
        calls: vec![call],
        last_absent: None,
        unobserved: false,
    }));
    *run.undo_mut() = vec![if run.mode.lasts() { undo_of_the_stop() } else { undo_of_the_alarm() }];
    run.answers = AnswerCounts { asked: 289, failed: 92, unknown: 3 };
    recorded.evidence.extend(evidence::of_an_injection(&recorded.run));
    recorded
}

fn undo_of_the_stop() -> UndoStep {
    UndoStep {
        service: "ec2".to_owned(),
        action: "StartInstances".to_owned(),
        region: "eu-west-2".to_owned(),
        resources: vec!["i-0123456789abcdef0".to_owned()],
        before: "running".to_owned(),
        set: "stopped".to_owned(),
        ..UndoStep::default()
    }
}

/// A finished run of this verdict.
pub fn finished(request: Request, verdict: Verdict) -> Recorded {
    let nothing_touched = verdict == Verdict::Skipped;
    let mut recorded = if nothing_touched { begun(request) } else { injected(request) };
    let run = &mut recorded.run;
    (run.phase, run.verdict, run.outcome) = (Phase::Finished, Some(verdict), Some(verdict.into()));
    let probe = if run.mode.lasts() { "version answers" } else { "books answer" };
    run.reason = Some(reason(verdict).replace("PROBE", probe));
    run.times.finished = Some(at(if nothing_touched { 60 } else { 310 }));
    run.finished_by = Some(run.starter.clone());
    run.owner = None;
    if nothing_touched {
        return recorded;
    }
    let recovered = match verdict {
        Verdict::Recovered => Some(117),
        Verdict::ObjectiveMissed => Some(20 + 442),
        _ => None,
    };
    run.times.recovered = recovered.map(|seconds| Measured::ours(at(seconds), 3_200));
    run.times.serving_standby = run.times.recovered.filter(|_| !run.mode.lasts());
    run.impaired = recovered.map(|_| true).or((verdict == Verdict::NotRecovered).then_some(true));
    rolled_back(run, recovered.unwrap_or(900) + 30);
    if matches!(verdict, Verdict::ObjectiveMissed | Verdict::NotRecovered) {
        evidence::answers_until(&mut recorded, recovered);
    }
    recorded
}

fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Recovered => "the standby served 97000 ms after the injection",
        Verdict::ObjectiveMissed => {
            "the standby served 442000 ms after the injection; the objective is 300000 ms"
        }
        Verdict::NotRecovered => "probe `PROBE` still answered no after the time to give up",
        Verdict::NotInjected => "the alarm was never seen in ALARM until the deadline",
        Verdict::Stopped => "stopped by on-call: a sale has begun",
        Verdict::Skipped => "gate `window` is closed: no window of the request is open",
        Verdict::Inconclusive => "probe `PROBE` gave no answer around the time to give up",
    }
}

fn rolled_back(run: &mut Run, from: u64) {
    run.times.rollback_started_at = Some(at(from));
    run.times.rolled_back = Some(Measured::ours(at(from + 109), 5_000));
    run.times.steady_again = Some(at(from + 130));
    run.times.finished = Some(at(from + 150));
    run.evidence = EvidenceCounts { written: 37, cut: 0 };
    for step in run.undo_mut() {
        step.progress = Progress {
            state: StepState::Done,
            attempts: 1,
            last_sent: Some(at(from)),
            last: Some(CallOutcome::Done),
            done: Some(at(from + 109)),
        };
    }
}

/// A run that waits for a person: held, or its rollback failed.
pub fn awaiting(request: Request, held: bool) -> Recorded {
    let mut recorded = finished(request, if held { Verdict::Recovered } else { Verdict::NotRecovered });
    let run = &mut recorded.run;
    (run.phase, run.times.finished, run.finished_by) = (Phase::Held, None, None);
    (run.times.rolled_back, run.times.steady_again) = (None, None);
    for step in run.undo_mut() {
        step.progress = Progress::default();
    }
    if held {
        run.hold = Some(Hold::RealIncident);
    } else {
        (run.phase, run.outcome) = (Phase::RollingBack, Some(Outcome::RollbackFailed));
        run.missing = Some("FailoverDBCluster of bookstore is not confirmed".to_owned());
    }
    let (cause, text) = if held {
        ("held: real incident", "The run is held. Whether the primary is well cannot be told.")
    } else {
        ("rollback failed", "The undo was not seen done in time. It is tried again.")
    };
    run.pages = vec![Page {
        cause: cause.to_owned(),
        text: text.to_owned(),
        at: at(1_000),
        sent: true,
        attempts: 1,
        last_tried: Some(at(1_000)),
    }];
    recorded
}

/// A run that has come to this phase and no further.
pub fn in_phase(request: Request, phase: Phase) -> Recorded {
    let mut recorded = match phase {
        Phase::Pending | Phase::Checking => begun(request),
        Phase::Injecting | Phase::Recovering => injected(request),
        Phase::RollingBack | Phase::Verifying | Phase::Finished => finished(request, Verdict::Recovered),
        Phase::Held => awaiting(request, true),
    };
    recorded.run.phase = phase;
    if phase != Phase::Finished {
        recorded.run.times.finished = None;
        recorded.run.times.steady_again = None;
    }
    recorded
}

/// A plan.
pub fn planned(request: Request) -> Recorded {
    let mut recorded = begun(request);
    (recorded.run.phase, recorded.run.outcome) = (Phase::Finished, Some(Outcome::Planned));
    let plan = Plan {
        gates: vec![GateAnswer::new("window", Tristate::No, "no window of the request is open")],
        probes: vec![PlannedProbe {
            probe: "books answer".to_owned(),
            seen: Tristate::Yes,
            detail: Some("200".to_owned()),
        }],
        targets: vec!["i-0123456789abcdef0".to_owned()],
        excluded: vec![Excluded {
            resource: "i-0fedcba9876543210".to_owned(),
            why: "is a Spot instance".to_owned(),
        }],
        steps: vec![PlannedStep {
            action: "ec2:StopInstances".to_owned(),
            resources: vec!["i-0123456789abcdef0".to_owned()],
            plane: "control plane (eu-west-2)".to_owned(),
        }],
        permissions: vec![
            Permission { action: "ec2:StopInstances".to_owned(), proof: Proof::Proven, detail: None },
            Permission::not_checked("ec2:StartInstances", Some("a stopped instance is needed")),
        ],
        notes: vec!["the instance store of `i-0123456789abcdef0` is lost".to_owned()],
        ..Plan::default()
    };
    recorded.evidence = vec![Evidence::Plan { at: at(2), plan: Box::new(plan) }];
    recorded
}
