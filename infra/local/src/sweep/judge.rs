//! Judge: whether a disturbed run ended as every run must: nothing broken or left behind, nothing done twice, and a record
//! that does not deny what was done. How good the outcome is, is not asked: with objectives as short as the sweep's,
//! a busy machine decides that.

use firedrill_core::{Outcome, Phase, kind::DrillKind, run::StepState};

use super::{
    point::{CallerRole, Fault, POINT, Point, caller},
    run::RunTrace,
};
use crate::emulator::Call;

/// What is wrong with what is left of a run; nothing, if it is as it should be.
#[must_use]
pub fn wrong(ran: &RunTrace, drill: DrillKind, point: Option<&Point>) -> Vec<String> {
    let mut wrong = application(ran);
    let mut say = |what: String| wrong.push(what);
    let injected = injections(ran, drill, point);
    let landed = injected.iter().filter(|call| took_effect(call, point)).count();
    if injected.len() > 1 {
        say(format!("{} injecting calls were sent", injected.len()));
    }
    if let Some(call) =
        ran.calls.iter().find(|call| injects(call) && call.caller != Some(caller(CallerRole::Drill, drill)))
    {
        say(format!("{} injects: {}", call.caller.as_deref().unwrap_or("nobody"), call.action));
    }
    for by in [CallerRole::Failover, CallerRole::Drill] {
        let moved = moves(ran, drill, by, point);
        if moved > 1 {
            let who = if by == CallerRole::Failover {
                "the failover function"
            } else {
                "the drill, or the watchdog for it,"
            };
            say(format!("{who} moved traffic {moved} times"));
        }
    }
    for left in &ran.left_over {
        say(format!("{left} is still there"));
    }
    for other in &ran.others {
        say(format!("there is another run, {other}"));
    }
    match &ran.record {
        None if landed > 0 => say("it was injected, and there is no record".to_owned()),
        None => {}
        Some(_) => wrong.extend(record(ran, landed)),
    }
    wrong
}

fn application(ran: &RunTrace) -> Vec<String> {
    match &ran.application {
        Some((before, after)) if before != after => {
            vec![format!("the application is not as before: {after:?} instead of {before:?}")]
        }
        Some(_) => Vec::new(),
        None => vec!["nobody looked at the application".to_owned()],
    }
}

fn record(ran: &RunTrace, landed: usize) -> Vec<String> {
    let Some(record) = &ran.record else { return Vec::new() };
    let run = &record.run;
    let mut wrong = Vec::new();
    if run.phase != Phase::Finished {
        return vec![format!("the run is not finished, but {}", run.phase)];
    }
    if run.finished_by.is_none() || run.times.finished.is_none() || record.request.is_none() {
        wrong.push("the head does not say who finished it and when, or the request is missing".to_owned());
    }
    if run.injection.is_some()
        && run.undo.iter().any(|step| landed > 0 && step.progress.state != StepState::Done)
    {
        wrong.push("a step of the undo was never seen done".to_owned());
    }
    if record.items.is_empty() || (record.items.len() as u64) < run.evidence.written {
        let (there, said) = (record.items.len(), run.evidence.written);
        wrong.push(format!("{there} items of evidence are there, of {said} that the head counts"));
    }
    match run.outcome {
        None => wrong.push("there is no outcome".to_owned()),
        // Nobody said stop, and no alarm went off but its own.
        Some(Outcome::RollbackFailed | Outcome::Planned | Outcome::Stopped) => {
            wrong.push(format!(
                "outcome {}: {}",
                word(run.outcome),
                run.missing.clone().or(run.reason.clone()).unwrap_or_default()
            ));
        }
        Some(Outcome::Skipped | Outcome::NotInjected) if landed > 0 => {
            wrong.push(format!("outcome {}, although it was injected", word(run.outcome)));
        }
        Some(Outcome::Recovered | Outcome::ObjectiveMissed | Outcome::NotRecovered) if landed == 0 => {
            wrong.push(format!("outcome {}, although nothing was injected", word(run.outcome)));
        }
        Some(_) => {}
    }
    wrong
}

fn word(outcome: Option<Outcome>) -> String {
    outcome.map(|outcome| outcome.to_string()).unwrap_or_default()
}

fn injects(call: &Call) -> bool {
    match call.action.as_str() {
        "StopInstances" => !call.dry_run,
        "SetAlarmState" => call.detail.as_deref() == Some("ALARM"),
        "PutMetricData" => call.caller.as_deref().is_some_and(|caller| caller.starts_with("LOCALFIREDRILL")),
        _ => false,
    }
}

/// The injecting calls of the drill function that may have had an effect.
fn injections<'a>(ran: &'a RunTrace, drill: DrillKind, point: Option<&Point>) -> Vec<&'a Call> {
    let ours = Some(caller(CallerRole::Drill, drill));
    let all = ran.calls.iter().filter(|call| injects(call) && call.caller == ours);
    all.filter(|call| !is_refused(call, point)).collect()
}

/// Whether the answer proved that the call had no effect.
fn is_refused(call: &Call, point: Option<&Point>) -> bool {
    call.status.is_some_and(|status| status >= 400) && !took_effect(call, point)
}

fn took_effect(call: &Call, point: Option<&Point>) -> bool {
    let answered_well = call.status.is_some_and(|status| status < 400);
    match (call.fault.as_deref(), point.map(|point| point.fault)) {
        // Whoever sent it does not know its answer; it was answered all the same.
        (Some(POINT), Some(Fault::Delayed)) => answered_well,
        (Some(POINT), Some(fault)) => fault.takes_effect(),
        // The drill function was ended after it.
        (Some(_), _) if call.status.is_none() => true,
        _ => answered_well,
    }
}

/// How often traffic was moved by the failover function, or else by whoever carried the run on.
fn moves(ran: &RunTrace, drill: DrillKind, by: CallerRole, point: Option<&Point>) -> usize {
    let moving = ["UpdateDistribution", "FailoverDBCluster", "RebootDBInstance"];
    let theirs = match by {
        CallerRole::Failover => vec![caller(CallerRole::Failover, drill)],
        CallerRole::Drill | CallerRole::Watchdog => {
            vec![caller(CallerRole::Drill, drill), caller(CallerRole::Watchdog, drill)]
        }
    };
    let all = ran.calls.iter().filter(|call| moving.contains(&call.action.as_str()));
    all.filter(|call| call.caller.as_ref().is_some_and(|caller| theirs.contains(caller)))
        .filter(|call| took_effect(call, point))
        .count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(caller: &str, action: &str, status: Option<u16>, fault: Option<&str>) -> Call {
        let detail = (action == "SetAlarmState").then_some("ALARM");
        serde_json::from_value(json!({
            "n": 1, "at": 0, "done": 0, "caller": caller, "service": "x", "action": action, "dryRun": false,
            "mutating": true, "detail": detail, "status": status, "fault": fault
        }))
        .unwrap()
    }

    fn said(calls: Vec<Call>, drill: DrillKind, point: &str) -> String {
        let ran = RunTrace { calls, ..RunTrace::default() };
        wrong(&ran, drill, Some(&point.parse().unwrap())).join("; ")
    }

    const DRILL: &str = "LOCALFIREDRILLDRILLINSTANCE";

    #[test]
    fn two_injecting_calls_are_one_too_many_unless_the_first_was_refused() {
        let two = |fault| {
            vec![
                call(DRILL, "StopInstances", Some(503), Some(fault)),
                call(DRILL, "StopInstances", Some(200), None),
            ]
        };
        let at = |fault: &str| {
            said(two(POINT), DrillKind::Instance, &format!("instance/ec2:StopInstances#1/{fault}"))
        };
        assert!(at("error-after").contains("2 injecting calls"), "{}", at("error-after"));
        assert!(!at("throttled").contains("injecting calls"), "{}", at("throttled"));
    }

    #[test]
    fn a_call_that_lands_late_and_is_refused_then_has_moved_nothing() {
        let moved = |status| call("LOCALFIREDRILLDRILLDB", "FailoverDBCluster", Some(status), None);
        let late = |status| Call { fault: Some(POINT.to_owned()), ..moved(status) };
        let said =
            |first| said(vec![first, moved(200)], DrillKind::Database, "db/rds:FailoverDBCluster#1/delayed");
        assert!(said(late(200)).contains("moved traffic 2 times"), "{}", said(late(200)));
        assert!(!said(late(400)).contains("moved traffic"), "{}", said(late(400)));
    }

    #[test]
    fn whoever_else_injects_is_named() {
        let said = said(
            vec![call("LOCALFIREDRILLWATCHDOG", "SetAlarmState", Some(200), None)],
            DrillKind::Cdn,
            "cdn/dynamodb:PutItem#1/kill-after",
        );
        assert!(said.contains("LOCALFIREDRILLWATCHDOG injects"), "{said}");
    }

    #[test]
    fn an_injection_without_a_record_and_traffic_moved_twice_are_wrong() {
        let moved = || call("LOCALFIREDRILLFAILOVERCDN", "UpdateDistribution", Some(200), None);
        let calls = vec![call("LOCALFIREDRILLDRILLCDN", "SetAlarmState", Some(200), None), moved(), moved()];
        let said = said(calls, DrillKind::Cdn, "cdn/dynamodb:PutItem#1/kill-after");
        assert!(said.contains("there is no record") && said.contains("moved traffic 2 times"), "{said}");
    }

    #[test]
    fn what_is_left_over_is_wrong() {
        let ran = RunTrace {
            left_over: vec!["the lock of a/b".to_owned()],
            others: vec!["a/b/c/2".to_owned()],
            ..RunTrace::default()
        };
        let said = wrong(&ran, DrillKind::Instance, None).join("; ");
        for what in
            ["the lock of a/b is still there", "another run, a/b/c/2", "nobody looked at the application"]
        {
            assert!(said.contains(what), "{said}");
        }
    }
}
