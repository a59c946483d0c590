//! Check: where the cadence of one drill stands, and everything that keeps it from being kept.

use firedrill_core::{Timestamp, text::one_line};

use super::{
    Promise, STAGE_CADENCE_DAYS, days_after, has_passed, overdue_after_days,
    starts::{Often, Starts},
};
use crate::{
    input::{DrillResult, ScheduledDrill},
    model::{DrillCadence, FindingKind, Standing},
    records::{Class, DrillRecords},
    words::{count, date, days_between, list},
};

/// So many skipped runs in a row are a finding.
const MAX_SKIPPED: usize = 5;

/// The cadence of a drill, and what is the matter with it.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// Where it stands.
    pub cadence: DrillCadence,
    /// When it has to pass again; none if that cannot be told.
    pub promise: Option<Promise>,
    /// The run that is waited for; none if there is none.
    pub waits_for: Option<Awaited>,
    /// Since when it need not pass any more; none if it must.
    pub retired: Option<Timestamp>,
    /// What keeps it from being kept.
    pub problems: Vec<CadenceProblem>,
    /// Whether its schedules start it as often as a stage of resiliency asks for.
    pub is_scheduled_for_stages: bool,
}

/// A run that is waited for before a drill is called overdue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaited {
    /// When it began, or should have.
    pub began: Timestamp,
    /// The same in words.
    pub words: &'static str,
}

impl Awaited {
    fn of(drill: &DrillRecords<'_>, starts: &Starts<'_>, now: Timestamp) -> Option<Self> {
        let open = drill.open_since.map(|began| Self { began, words: "a run is under way" });
        let awaited = || Some(Self { began: starts.awaited(drill, now)?, words: "a run is about to begin" });
        open.or_else(awaited)
    }
}

/// One thing that keeps a cadence from being kept.
#[derive(Clone, Debug)]
pub(crate) struct CadenceProblem {
    pub kind: FindingKind,
    pub since: Option<Timestamp>,
    pub text: String,
    /// See [`Finding::occasion`](crate::model::Finding::occasion).
    pub occasion: String,
}

/// Checks one drill. `others` are all drills; `whole` says whether everything that is scheduled could be read: otherwise no
/// schedule is missed.
pub(crate) fn check(
    drill: &DrillRecords<'_>,
    others: &[DrillRecords<'_>],
    whole: bool,
    now: Timestamp,
) -> Check {
    let mut problems = Vec::new();
    let starts = Starts::of(drill, &mut problems);
    let waits_for = Awaited::of(drill, &starts, now);
    let promise = promise(drill);
    let cadence = cadence(drill, &starts, promise, waits_for, now);
    problems.extend(overdue(&cadence, now));
    problems.extend(never_run(drill, &cadence));
    problems.extend(skipped(drill));
    if drill.schedules.is_empty() {
        problems.extend(deleted(drill, others).filter(|_| whole));
    } else {
        problems.extend(starts.problems(drill, now));
    }
    let often = starts.how_often(STAGE_CADENCE_DAYS, &drill.zone, now);
    Check {
        cadence,
        promise,
        waits_for,
        retired: None,
        problems,
        is_scheduled_for_stages: often == Often::Enough,
    }
}

impl Check {
    /// Ends the cadence: its application gave the drill up at this moment.
    pub(crate) fn retire(&mut self, since: Timestamp) {
        self.retired = Some(since);
        self.cadence = DrillCadence {
            due_at: None,
            overdue_at: None,
            standing: Standing::Retired,
            words: "retired".to_owned(),
            ..self.cadence.clone()
        };
    }

    /// When the run began that is waited for.
    pub(crate) fn run_began(&self) -> Option<Timestamp> {
        self.waits_for.map(|run| run.began)
    }

    /// Whether what a run of this drill showed is within a cadence of the stages of resiliency.
    pub(crate) fn is_within_stage_cadence(
        &self,
        drill: &DrillRecords<'_>,
        run: &DrillResult,
        now: Timestamp,
    ) -> bool {
        !has_passed(days_after(run.nominal(), STAGE_CADENCE_DAYS, &drill.zone), self.run_began(), now)
    }
}

fn overdue(cadence: &DrillCadence, now: Timestamp) -> Option<CadenceProblem> {
    let overdue_at = cadence.overdue_at.filter(|_| cadence.standing == Standing::Overdue)?;
    let days = count(u64::from(cadence.every_days?), "day");
    let since = days_between(overdue_at, now);
    let last = cadence
        .last_pass
        .map_or("it has never passed".to_owned(), |at| format!("it passed last on {}", date(at)));
    let text = format!("It has been overdue for {since}: it must pass every {days}, and {last}.");
    // What never passed counts from its oldest result, and that one changes as results expire.
    let due = cadence.due_at.filter(|_| cadence.last_pass.is_some()).map(|at| at.to_string());
    let occasion = due.unwrap_or_else(|| format!("never passed, every {days}"));
    Some(CadenceProblem { kind: FindingKind::Overdue, since: Some(overdue_at), text, occasion })
}

fn never_run(drill: &DrillRecords<'_>, cadence: &DrillCadence) -> Option<CadenceProblem> {
    if drill.schedules.is_empty() || drill.injected().next().is_some() {
        return None;
    }
    let next = cadence
        .next_run
        .map_or("Nothing is known of a next run".to_owned(), |at| format!("It starts next on {}", date(at)));
    let text = format!("It is scheduled, and has never injected a failure. {next}.");
    let occasion = "never run".to_owned();
    Some(CadenceProblem { kind: FindingKind::NeverRun, since: drill.known_since(), text, occasion })
}

fn skipped(drill: &DrillRecords<'_>) -> Option<CadenceProblem> {
    let skipped = |result: &&&DrillResult| Class::of(result.outcome) == Class::Skipped;
    let in_a_row = drill.results.iter().rev().take_while(skipped).count();
    if in_a_row < MAX_SKIPPED {
        return None;
    }
    let first = drill.results[drill.results.len() - in_a_row];
    let why = drill.last().and_then(|last| last.reason.as_deref()).unwrap_or("no reason is recorded");
    let text = format!("Its last {in_a_row} runs were skipped; the last one because {}.", one_line(why, 300));
    // The first one changes as results expire.
    let before = drill.results.iter().rev().nth(in_a_row).map(|result| format!("after {}", result.finished));
    let occasion = before.unwrap_or_else(|| "no other run".to_owned());
    Some(CadenceProblem { kind: FindingKind::SkippedRepeatedly, since: Some(first.finished), text, occasion })
}

/// It was started by a schedule or a rule once, and nothing is there any more.
fn deleted(drill: &DrillRecords<'_>, others: &[DrillRecords<'_>]) -> Option<CadenceProblem> {
    let last = drill.last_scheduled()?;
    let is_heir = |other: &&DrillRecords<'_>| {
        other.key != drill.key
            && other.key.application == drill.key.application
            && other.key.environment == drill.key.environment
            && other.dependency() == drill.dependency()
            && !other.schedules.is_empty()
            && other.injected().next().is_none()
            && !other.results_unread
    };
    let heirs: Vec<String> = others.iter().filter(is_heir).map(|other| other.key.drill.clone()).collect();
    let since = Some(last.finished);
    let on = date(last.finished);
    let occasion = format!("after {}", last.finished);
    Some(if heirs.is_empty() {
        let text = format!("Nothing starts it any more: its schedule was deleted after its run of {on}.");
        CadenceProblem { kind: FindingKind::ScheduleDeleted, since, text, occasion }
    } else {
        let text = format!(
            "It seems to have been renamed: nothing starts it since its run of {on}, and {} of the same dependency never ran.",
            list(&heirs)
        );
        CadenceProblem { kind: FindingKind::Renamed, since, text, occasion }
    })
}

/// When it has to pass again: counted from its last pass, and not while one of its runs was under way since then.
fn promise(drill: &DrillRecords<'_>) -> Option<Promise> {
    let counts_from = drill.last_pass().map(DrillResult::nominal).or(drill.known_since())?;
    let promise = Promise::new(counts_from, drill.every_days()?, &drill.zone);
    let passed = drill.results.iter().rposition(|result| Class::of(result.outcome) == Class::Passed);
    let since = &drill.results[passed.map_or(0, |index| index + 1)..];
    Some(since.iter().fold(promise, |promise, run| promise.after(run)))
}

fn cadence(
    drill: &DrillRecords<'_>,
    starts: &Starts<'_>,
    promise: Option<Promise>,
    waits_for: Option<Awaited>,
    now: Timestamp,
) -> DrillCadence {
    let every_days = drill.every_days();
    let standing = match (promise, every_days) {
        (Some(promise), _) => promise.standing(waits_for.map(|run| run.began), now),
        (None, Some(_)) => Standing::NeverPassed,
        (None, None) => Standing::CannotTell,
    };
    let words = waits_for.map_or(String::new(), |run| format!(", {}", run.words));
    DrillCadence {
        every_days,
        overdue_after_days: every_days.map(overdue_after_days),
        last_pass: drill.last_pass().map(|result| result.finished),
        due_at: promise.map(|promise| promise.due_at),
        overdue_at: promise.map(|promise| promise.overdue_at),
        standing,
        words: standing_words(standing, promise, now) + &words,
        next_run: starts.next(now),
        schedule: schedule_words(drill),
    }
}

fn standing_words(standing: Standing, promise: Option<Promise>, now: Timestamp) -> String {
    match (standing, promise) {
        (Standing::OnTime, Some(promise)) => format!("due in {}", days_between(now, promise.due_at)),
        (Standing::Due, Some(promise)) => format!("due for {}", days_between(promise.due_at, now)),
        (Standing::Overdue, Some(promise)) => {
            format!("overdue for {}", days_between(promise.overdue_at, now))
        }
        (Standing::NeverPassed, _) => "never passed".to_owned(),
        (
            Standing::Retired | Standing::OnTime | Standing::Due | Standing::Overdue | Standing::CannotTell,
            _,
        ) => "cannot tell".to_owned(),
    }
}

fn schedule_words(drill: &DrillRecords<'_>) -> Option<String> {
    let words = |scheduled: &&ScheduledDrill| {
        let expression =
            scheduled.expression.as_deref().map_or("events".to_owned(), |text| one_line(text, 256));
        let zone = scheduled.time_zone.as_deref().map(|zone| one_line(zone, 50));
        let disabled = (!scheduled.enabled).then(|| "disabled".to_owned());
        let planned = (!scheduled.executes()).then(|| "only plans".to_owned());
        [Some(expression), zone, disabled, planned].into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    let all: Vec<String> = drill.schedules.iter().map(words).collect();
    (!all.is_empty()).then(|| all.join("; "))
}
