//! Timeline: the record of a run, line by line, for operators.
//!
//! ```text
//!   +03.1 s  version answers: no (503) -> yes
//! ```
//! Offsets count from the injection, in seconds. A record always gives the same lines in the same order, whenever
//! they are printed.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    CallOutcome, Phase, Run, Timestamp, Tristate, Verdict,
    evidence::Evidence,
    failover::{Done, JournalEntry},
    request::Mode,
    run::Caller,
};

use crate::{
    record_reader::Record,
    style::{Mark, marked},
};

/// One line of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
    id: String,
    rank: u8,
    mark: Mark,
}

/// The place of this evidence among the lines of one look: causes come before their effects.
const fn rank(evidence: &Evidence) -> u8 {
    match evidence {
        Evidence::Probe { .. } => 1,
        Evidence::Selection { .. } => 2,
        Evidence::Gate { .. } | Evidence::Wiring { .. } => 3,
        Evidence::Targets { .. } => 4,
        Evidence::Note { .. } | Evidence::Plan { .. } => 5,
        Evidence::Continued { .. } => 0,
        Evidence::Phase { .. } => 7,
        Evidence::Call { .. } => 8,
        Evidence::Alarm { .. } | Evidence::Event { .. } => 9,
        Evidence::Failover { .. } => 10,
        Evidence::Effect { .. } => 11,
        Evidence::Paged { .. } => 12,
    }
}

/// Prints a run while its record grows, each line once.
#[derive(Debug)]
pub struct Timeline {
    colors: bool,
    shown: BTreeSet<String>,
}

impl Timeline {
    /// A timeline that has shown nothing yet.
    #[must_use]
    pub fn new(colors: bool) -> Self {
        Self { colors, shown: BTreeSet::new() }
    }

    /// The lines that are new since the last call, ready to be printed.
    pub fn grow(&mut self, record: &Record) -> Vec<String> {
        let Some(origin) = origin(&record.run) else { return Vec::new() };
        let mut new = lines(record);
        // A streak of equal answers is written when it ends: until the rollback begins, at a change of phase at the
        // latest. A line newer than that change waits, because an earlier answer may still have to come before it.
        let settled = match record.run.phase {
            Phase::Pending | Phase::Checking | Phase::Injecting | Phase::Recovering => {
                Some(last_change(record))
            }
            Phase::RollingBack | Phase::Verifying | Phase::Held | Phase::Finished => None,
        };
        new.retain(|line| settled.is_none_or(|settled| line.at <= settled) && !self.shown.contains(&line.id));
        self.shown.extend(new.iter().map(|line| line.id.clone()));
        new.iter().map(|line| self.line(line, origin)).collect()
    }

    fn line(&self, line: &Line, origin: Timestamp) -> String {
        let offset = marked(&offset(line.at, origin), Mark::Faint, self.colors);
        format!("  {offset}  {}", marked(&line.text, line.mark, self.colors))
    }
}

/// The moment from which offsets count: the injection, or the start of a run that ended without one. None while it is
/// not known whether the run will inject.
fn origin(run: &Run) -> Option<Timestamp> {
    match (run.times.injected, run.phase) {
        (Some(injected), _) => Some(injected.at),
        (None, Phase::Pending | Phase::Checking | Phase::Injecting) => None,
        (None, Phase::Recovering | Phase::RollingBack | Phase::Verifying | Phase::Held | Phase::Finished) => {
            run.injection_began().or(run.times.started)
        }
    }
}

/// The offset in seconds, with a sign: `+03.1 s`.
fn offset(at: Timestamp, origin: Timestamp) -> String {
    let tenths = |ms: u64| (ms + 50) / 100;
    let (before, after) = (tenths(origin.millis_since(at)), tenths(at.millis_since(origin)));
    let (sign, tenths) = if before > 0 { ('-', before) } else { ('+', after) };
    format!("{sign}{:02}.{} s", tenths / 10, tenths % 10)
}

/// When the run entered the phase that its head holds. Evidence is written before the head, so evidence of a later
/// phase may exist before the head holds the verdict.
fn last_change(record: &Record) -> Timestamp {
    let changes = record.evidence.iter().filter_map(|item| match item {
        Evidence::Phase { at, to, .. } if *to == record.run.phase => Some(*at),
        _ => None,
    });
    changes.max().unwrap_or(Timestamp::from_millis(0))
}

/// The evidence of one look is written within this time, in an order without meaning.
const ONE_LOOK_MS: u64 = 150;

/// All lines of a record by time; the lines of one look by rank, causes first.
#[must_use]
pub fn lines(record: &Record) -> Vec<Line> {
    let run = &record.run;
    let mut lines = Vec::new();
    if let Some(at) = run.times.started {
        let by = match run.caller {
            Caller::Schedule => "the schedule starts the run",
            Caller::Rule => "the rule starts the run",
            Caller::Direct => "the run is started",
        };
        let text = format!("{by}; checking the steady state of {}", run.application);
        lines.push(Line { at, text, id: "started".to_owned(), rank: 0, mark: Mark::Strong });
    }
    let mut answers: BTreeMap<&str, AnswerText> = BTreeMap::new();
    for (evidence, item) in record.evidence.iter().zip(&record.items) {
        let line = match evidence {
            Evidence::Probe { probe, seen, from, detail, .. } => {
                let now = AnswerText { seen: *seen, detail: detail.as_deref() };
                let before = answers.insert(probe, now);
                (before != Some(now)).then(|| (*from, changed(probe, before, now), mark(*seen)))
            }
            other => describe(run, other),
        };
        if let Some((at, text, mark)) = line {
            let id = item["sk"].as_str().unwrap_or_default().to_owned();
            lines.push(Line { at, text, id, rank: rank(evidence), mark });
        }
    }
    in_order(lines)
}

fn in_order(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by_key(|line| line.at);
    let mut rest = lines.as_mut_slice();
    while let Some(first) = rest.first() {
        let until = first.at.plus_millis(ONE_LOOK_MS);
        let (look, later) = rest.split_at_mut(rest.partition_point(|line| line.at <= until));
        look.sort_by_key(|line| line.rank);
        rest = later;
    }
    lines
}

/// A probe's answer, displayed as `no (503)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AnswerText<'a> {
    seen: Tristate,
    detail: Option<&'a str>,
}

fn changed(probe: &str, before: Option<AnswerText<'_>>, now: AnswerText<'_>) -> String {
    match before {
        None => format!("{probe}: {now}"),
        Some(before) => format!("{probe}: {before} -> {now}"),
    }
}

impl std::fmt::Display for AnswerText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.seen {
            Tristate::Yes => "yes",
            Tristate::No => "no",
            Tristate::Unknown => "unknown",
        })?;
        match self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

const fn mark(seen: Tristate) -> Mark {
    match seen {
        Tristate::Yes => Mark::Good,
        Tristate::No => Mark::Bad,
        Tristate::Unknown => Mark::Plain,
    }
}

/// The time, text and style of the line for this evidence; none if it needs no line.
fn describe(run: &Run, item: &Evidence) -> Option<(Timestamp, String, Mark)> {
    match item {
        Evidence::Probe { .. } => None,
        Evidence::Targets { at, states } => {
            let states: Vec<_> =
                states.iter().map(|(target, state)| format!("{target} is {state}")).collect();
            Some((*at, some_of(&states), Mark::Plain))
        }
        Evidence::Selection { at, fitting, chosen, .. } => Some((
            *at,
            format!("selected: {} (of {fitting} that may be touched)", some_of(chosen)),
            Mark::Plain,
        )),
        Evidence::Gate { at, answer } => {
            let state = match answer.open {
                Tristate::Yes => return None,
                Tristate::No => "closed",
                Tristate::Unknown => "unreadable",
            };
            Some((*at, format!("gate `{}` is {state}: {}", answer.gate, answer.why), Mark::Bad))
        }
        Evidence::Call { sent, answered, decision, outcome } => {
            let (what, mark) = called(run, decision, outcome);
            Some((sent.unwrap_or(*answered), what, mark))
        }
        Evidence::Wiring { at, hops } => {
            let last = |text: &str| short(text).to_owned();
            let first = hops.first().map(|hop| last(&hop.from)).unwrap_or_default();
            let rest = hops.iter().map(|hop| last(&hop.to));
            let names: Vec<_> = std::iter::once(first).chain(rest).collect();
            Some((*at, format!("wiring: {}", names.join(" -> ")), Mark::Plain))
        }
        Evidence::Failover { at, entry } => Some((*at, entry.describe(), failover_mark(entry))),
        Evidence::Effect { at, resource, state } => {
            Some((*at, format!("{}: {state}", short(resource)), Mark::Plain))
        }
        Evidence::Event { at, resource, message, .. } => {
            Some((*at, format!("{}: {message}", short(resource)), Mark::Plain))
        }
        Evidence::Paged { at, cause, error: None } => {
            Some((*at, format!("page sent: {cause}"), Mark::Strong))
        }
        Evidence::Paged { at, cause, error: Some(error) } => {
            Some((*at, format!("the page `{cause}` could not be sent: {error}"), Mark::Bad))
        }
        Evidence::Alarm { at, alarm, summary, .. } => {
            Some((*at, format!("alarm {}: {summary}", short(alarm)), Mark::Plain))
        }
        Evidence::Continued { at, by } => {
            let who = if is_watchdog(by) { "the watchdog" } else { "another invocation" };
            Some((*at, format!("{who} continues the run, and may not inject"), Mark::Strong))
        }
        Evidence::Phase { at, from, to, .. } => Some((*at, entered(run, *from, *to), Mark::Strong)),
        Evidence::Plan { at, .. } => Some((*at, "planned; nothing is touched".to_owned(), Mark::Plain)),
        Evidence::Note { at, text } => Some((*at, text.clone(), Mark::Plain)),
    }
}

/// Whether this owner of a run is an invocation of the watchdog.
pub(crate) fn is_watchdog(owner: &str) -> bool {
    owner.starts_with("watchdog/")
}

/// The names as a list: at most three, then how many more.
fn some_of(names: &[String]) -> String {
    match names {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        names => names.join(", "),
    }
}

fn called(run: &Run, act: &str, outcome: &CallOutcome) -> (String, Mark) {
    let (kind, number) = act.split_once(' ').unwrap_or((act, ""));
    let step = number.parse::<usize>().ok().and_then(|number| run.undo.get(number.saturating_sub(1)));
    let resources = run.undo.iter().flat_map(|step| step.resources.clone()).collect::<Vec<_>>();
    let what = match (kind, step) {
        ("undo", Some(step)) => {
            let resources: Vec<_> = step.resources.iter().map(|arn| short(arn).to_owned()).collect();
            format!("{} {}", step.action, some_of(&resources))
        }
        ("inject", _) => match run.mode {
            Mode::Stop => format!("StopInstances {}", some_of(&resources)),
            Mode::Alarm => format!("SetAlarmState ALARM of {}", trigger(run)),
            Mode::Metric => format!("PutMetricData, datapoint {number} for {}", trigger(run)),
        },
        _ => act.to_owned(),
    };
    match outcome {
        CallOutcome::Done => (what, Mark::Plain),
        CallOutcome::NotExecuted { code, message, .. } => {
            (format!("{what}: not executed, {code}: {message}"), Mark::Bad)
        }
        CallOutcome::Unknown { message } => (format!("{what}: fate unknown, {message}"), Mark::Bad),
    }
}

/// The name at the end of an ARN; any other text unchanged.
fn short(arn: &str) -> &str {
    if arn.starts_with("arn:") { arn.rsplit([':', '/']).next().unwrap_or(arn) } else { arn }
}

fn trigger(run: &Run) -> &str {
    run.trigger.as_ref().map(|trigger| short(&trigger.alarm_arn)).unwrap_or_default()
}

const fn failover_mark(entry: &JournalEntry) -> Mark {
    match entry.done {
        Some(Done::FailedOver | Done::FailedBack) => Mark::Good,
        Some(Done::Failed) => Mark::Bad,
        Some(Done::Already | Done::Ignored | Done::Refused) | None => Mark::Plain,
    }
}

/// The line for a change of phase.
fn entered(run: &Run, from: Phase, to: Phase) -> String {
    let text = match (to, run.verdict) {
        (Phase::RollingBack, _) if from == Phase::Held => "released; rolling back",
        (Phase::RollingBack, _) if from == Phase::Verifying => {
            "not everything is undone any more; rolling back again"
        }
        (Phase::Pending, _) => "announced",
        (Phase::Checking, _) => "checking",
        (Phase::Injecting, _) => "steady; intent and undo are on record, so the failure is injected",
        (Phase::Recovering, _) => "the failure is in place; waiting for recovery",
        (Phase::RollingBack, Some(Verdict::Recovered)) => "recovered; rolling back",
        (Phase::RollingBack, Some(verdict)) => return format!("{verdict}; rolling back"),
        (Phase::RollingBack, None) => "rolling back",
        (Phase::Verifying, _) => "rolled back; verifying the steady state",
        (Phase::Held, _) => "held: the standby keeps serving until an operator decides",
        (Phase::Finished, _) => "finished",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firedrill_core::{
        Measured,
        dispatch::{Invocation, new_run},
        gate::Policy,
        request::{Delivery, parse},
        run::OwnerId,
        timing::Timing,
    };

    use super::*;

    #[test]
    fn offsets_have_a_stable_width() {
        let origin = Timestamp::from_millis(100_000);
        let at = |ms: i64| offset(Timestamp::from_millis(100_000 + ms), origin);
        assert_eq!(at(0), "+00.0 s");
        assert_eq!(at(3_149), "+03.1 s");
        assert_eq!(at(-30), "+00.0 s");
        assert_eq!(at(-2_650), "-02.7 s");
        assert_eq!(at(123_456), "+123.5 s");
    }

    #[test]
    fn one_look_reads_the_same_whatever_its_milliseconds() {
        let line = |ms: i64, rank: u8| Line {
            at: Timestamp::from_millis(ms),
            text: String::new(),
            id: String::new(),
            rank,
            mark: Mark::Plain,
        };
        let ranks = |lines: Vec<Line>| in_order(lines).iter().map(|line| line.rank).collect::<Vec<_>>();
        assert_eq!(
            ranks(vec![line(0, 7), line(9, 8), line(205, 4), line(207, 1), line(400, 0)]),
            [7, 8, 1, 4, 0]
        );
        assert_eq!(ranks(vec![line(207, 4), line(205, 1), line(9, 8), line(12, 7)]), [7, 8, 1, 4]);
    }

    /// Evidence of a change of phase is written a moment before the head that holds the verdict.
    #[test]
    fn a_phase_that_the_head_does_not_hold_yet_is_never_shown_without_its_verdict() {
        let document = include_str!("../../../events/instance-local.json");
        let parsed = parse(&serde_json::from_str(document).unwrap());
        let Ok(Delivery::Start(request)) = parsed else { panic!("{parsed:?}") };
        let invocation = Invocation {
            request_id: "r".to_owned(),
            owner: OwnerId("o".to_owned()),
            ends_at: Duration::from_mins(1),
            policy: Policy::default(),
        };
        let at = Timestamp::from_millis;
        let mut run = new_run(&request, &invocation, &Timing::DEFAULT, at(0));
        run.times.injected = Some(Measured::ours(at(2_000), 0));
        run.phase = Phase::Recovering;
        let changes =
            [(Phase::Injecting, Phase::Recovering, 4_000), (Phase::Recovering, Phase::RollingBack, 6_000)];
        let evidence: Vec<Evidence> = changes
            .map(|(from, to, ms)| Evidence::Phase { at: at(ms), from, to, by: "o".to_owned() })
            .to_vec();
        let items = (1..=2).map(|n| serde_json::json!({ "sk": format!("evidence#{n}") })).collect();
        let mut record = Record { run, request: None, items, evidence, head: serde_json::Value::Null };
        let mut timeline = Timeline::new(false);
        let before = timeline.grow(&record).join("\n");
        assert!(before.contains("in place") && !before.contains("rolling back"), "{before}");
        record.run.phase = Phase::RollingBack;
        record.run.verdict = Some(Verdict::Recovered);
        let after = timeline.grow(&record).join("\n");
        assert!(after.contains("recovered; rolling back"), "{after}");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(String::from).into();
        assert_eq!(some_of(&names), "a, b, c and 2 more");
        assert_eq!(some_of(&names[..3]), "a, b, c");
    }
}
