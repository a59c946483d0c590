//! Summary: the result of a run, in at most fourteen lines.

use firedrill_core::{
    ClockName, Measured, Outcome, Run, Verdict,
    report::{Report, Took, report},
    request::Mode,
};

use crate::{
    record_reader::Record,
    style::{Mark, marked, seconds},
    timeline::is_watchdog,
};

/// The lines of the summary; those without a value are left out. `table` is the table that holds the record.
#[must_use]
pub fn lines(record: &Record, table: &str, colors: bool) -> Vec<String> {
    let run = &record.run;
    let report = report(run);
    let since = |measured: Option<Measured>| {
        let (from, to) = (run.times.injected?, measured?);
        let resolution_ms = to.resolution_ms + if from.clock == to.clock { 0 } else { from.resolution_ms };
        Some((Took { ms: to.at.millis_since(from.at), resolution_ms }, to.clock))
    };
    let targets = match report.targets.as_slice() {
        [] => "none: nothing was touched".to_owned(),
        _ if run.trigger.is_some() => {
            let resource = run.undo.last().and_then(|step| step.resources.first());
            format!("{} ({})", resource.map(String::as_str).unwrap_or_default(), region(run))
        }
        targets => format!("{} ({})", targets.join(", "), region(run)),
    };
    let outcome = run.outcome.map_or_else(|| "open".to_owned(), |outcome| outcome.to_string());
    let good = run.outcome == Some(Outcome::Recovered);
    let outcome = marked(&outcome, if good { Mark::Good } else { Mark::Bad }, colors);
    let verdict = run.verdict.filter(|_| run.outcome == Some(Outcome::RollbackFailed));
    let reason =
        [run.reason.clone(), run.missing.clone(), verdict.map(|verdict| format!("verdict {verdict}"))];
    let rows = [
        ("target", targets),
        ("in place", describe(since(run.times.in_place), "not seen")),
        ("detected", detected(run, since(run.times.detected))),
        ("failed over", failover(run, since(run.times.failed_over))),
        ("standby", failover(run, since(run.times.serving_standby))),
        ("recovered", describe(since(run.times.recovered), "not seen")),
        ("rolled back", rolled_back(run)),
        ("failed back", failed_back(run)),
        ("objective", objective(run, &report)),
        ("answers", format!("{} of {} failed", run.answers.failed, run.answers.asked)),
        ("outcome", outcome),
        ("finished by", finished_by(run)),
        ("reason", reason.into_iter().flatten().collect::<Vec<_>>().join("; ")),
        ("record", format!("table {table}, pk {}", record.partition())),
    ];
    rows.iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("  {}  {value}", marked(&format!("{name:<11}"), Mark::Faint, colors)))
        .collect()
}

/// Who finished the run; empty if it was the invocation that started it.
fn finished_by(run: &Run) -> String {
    match run.finished_by.as_ref().filter(|by| **by != run.starter) {
        Some(by) if is_watchdog(&by.0) => format!("the watchdog ({by}), not the function that started it"),
        Some(by) => format!("another invocation ({by})"),
        None => String::new(),
    }
}

fn detected(run: &Run, detected: Option<(Took, ClockName)>) -> String {
    match run.mode {
        Mode::Alarm => "not exercised: the alarm was forced".to_owned(),
        Mode::Stop | Mode::Metric => describe(detected, "not noticed by the alarm"),
    }
}

/// A time of the failover; empty for a run whose drill fails nothing over.
fn failover(run: &Run, measured: Option<(Took, ClockName)>) -> String {
    if run.trigger.is_none() { String::new() } else { describe(measured, "not seen") }
}

fn failed_back(run: &Run) -> String {
    match (run.times.failed_back, run.times.rollback_started_at) {
        (Some(back), Some(began)) => {
            format!("the primary served {} after the rollback began", seconds(back.at.millis_since(began)))
        }
        _ => String::new(),
    }
}

fn region(run: &Run) -> String {
    let last = run.undo.last();
    let place = |region: &str| if region.is_empty() { "global".to_owned() } else { region.to_owned() };
    last.map(|step| format!("{}, {}", step.service, place(&step.region))).unwrap_or_default()
}

/// A measured time with its resolution and clock: `3.1 s after the injection (within 0.3 s, our clock)`.
fn describe(measured: Option<(Took, ClockName)>, otherwise: &str) -> String {
    let Some((took, clock)) = measured else { return otherwise.to_owned() };
    let clock = match clock {
        ClockName::Ours => "our clock",
        ClockName::CloudWatch => "CloudWatch's clock",
        ClockName::Rds => "RDS's clock",
    };
    format!("{} after the injection (within {}, {clock})", seconds(took.ms), seconds(took.resolution_ms))
}

fn rolled_back(run: &Run) -> String {
    match (run.times.rolled_back, run.times.rollback_started_at, run.times.steady_again) {
        (None, None, _) => "nothing to roll back".to_owned(),
        (None, Some(_), _) => "not seen".to_owned(),
        (Some(done), began, steady) => {
            let took = began.map(|began| seconds(done.at.millis_since(began))).unwrap_or_default();
            match steady {
                Some(steady) => {
                    format!("in {took}; steady again {} later", seconds(steady.millis_since(done.at)))
                }
                None => format!("in {took}; not seen steady again"),
            }
        }
    }
}

fn objective(run: &Run, report: &Report) -> String {
    let rto = seconds(report.objective_ms);
    match (report.time_to_recover, run.injection_began()) {
        (Some(took), _) if took.ms <= report.objective_ms => format!("{rto}: met"),
        (None, Some(_)) if run.verdict == Some(Verdict::Inconclusive) => format!("{rto}: unknown"),
        (Some(_) | None, Some(_)) => format!("{rto}: missed"),
        (_, None) => format!("{rto}: not tested"),
    }
}
