//! Starts: what starts a drill, and whether that is often enough and at times at which it may run.

use std::time::Duration;

use firedrill_core::{Timestamp, request::Window};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{StartTimes, check::CadenceProblem, days_after, overdue_after_days};
use crate::{
    hash::short_hash,
    input::ScheduledDrill,
    model::FindingKind,
    records::DrillRecords,
    words::{count, date},
};

/// How many times of a schedule are held against the windows, over how many days.
const MAX_TIMES: usize = 2_000;
const DAYS_AHEAD: Duration = Duration::from_hours(24 * 400);
/// A flexible window is looked at this often: windows begin and end at whole minutes, and last longer than this.
const FLEXIBLE_STEP_MINUTES: usize = 5;
/// How long after its time, and its flexible window, a start may still be delivered: what a request allows by default
/// (`lateAfterSeconds`).
const MAX_LATE: Duration = Duration::from_mins(15);

/// How often something starts a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Often {
    /// Often enough.
    Enough,
    /// Two starts in a row lie this far apart.
    Rarer(Duration),
    /// It is started last at this moment.
    Ends(Timestamp),
    /// What starts it cannot be read, or only events do.
    CannotTell,
}

/// What starts a drill.
pub(super) struct Starts<'a> {
    /// What is enabled, drills and has an expression.
    timed: Vec<(&'a ScheduledDrill, StartTimes)>,
    /// Whether an enabled rule without an expression starts it.
    by_events: bool,
    /// Whether something enabled cannot be read.
    unreadable: bool,
}

impl<'a> Starts<'a> {
    pub(super) fn of(drill: &DrillRecords<'a>, problems: &mut Vec<CadenceProblem>) -> Self {
        let mut starts = Self { timed: Vec::new(), by_events: false, unreadable: false };
        for scheduled in drill.schedules.iter().filter(|scheduled| scheduled.starts_runs()) {
            match StartTimes::of(scheduled) {
                Ok(Some(times)) => starts.timed.push((scheduled, times)),
                Ok(None) => starts.by_events = true,
                Err(why) => {
                    starts.unreadable = true;
                    let text = format!("When its schedule starts it cannot be read: {why}.");
                    problems.push(of_schedules(drill, FindingKind::ScheduleUnreadable, text));
                }
            }
        }
        starts
    }

    /// When it starts next; none if nothing does, or that cannot be told.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.timed.iter().filter_map(|(_, times)| times.next_after(now)).min()
    }

    /// The time of a start that is not delivered yet, and may still be; none if there is none, or that cannot be told.
    pub(super) fn awaited(&self, drill: &DrillRecords<'_>, now: Timestamp) -> Option<Timestamp> {
        let awaited = |(scheduled, times): &(&ScheduledDrill, StartTimes)| {
            let at = times.last_until(now)?;
            let flexible = Duration::from_mins(u64::from(scheduled.flexible_window_minutes));
            let is_delivered = drill.results.iter().rev().any(|result| result.nominal() >= at);
            (!is_delivered && now <= at + flexible + MAX_LATE).then_some(at)
        };
        self.timed.iter().filter_map(awaited).min()
    }

    /// What is the matter with what starts it; it has a schedule or a rule.
    pub(super) fn problems(&self, drill: &DrillRecords<'_>, now: Timestamp) -> Vec<CadenceProblem> {
        let problem = |kind, text: String| vec![of_schedules(drill, kind, text)];
        if self.timed.is_empty() {
            return match (self.by_events, self.unreadable) {
                (true, _) => {
                    let text = "Only events start it: when it runs next cannot be told.".to_owned();
                    problem(FindingKind::StartedByEvents, text)
                }
                (false, true) => Vec::new(),
                (false, false) => nothing_starts(drill),
            };
        }
        if !self.by_events && !self.unreadable && self.are_known() && self.next(now).is_none() {
            let text = "Its schedule will not start it again: it has ended.".to_owned();
            return problem(FindingKind::ScheduleEnded, text);
        }
        self.too_rare(drill, now).into_iter().chain(self.never_in_window(drill, now)).collect()
    }

    /// Whether the times of all that starts it can be told.
    fn are_known(&self) -> bool {
        self.timed.iter().all(|(_, times)| times.are_known())
    }

    fn too_rare(&self, drill: &DrillRecords<'_>, now: Timestamp) -> Option<CadenceProblem> {
        let every_days = drill.every_days()?;
        let after = overdue_after_days(every_days);
        let text = match self.how_often(after, &drill.zone, now) {
            Often::Enough | Often::CannotTell => return None,
            Often::Ends(at) => format!("Its schedule ends: it starts it last on {}.", date(at)),
            Often::Rarer(gap) => format!(
                "Its schedule leaves {} between two starts; it must pass every {}, and is overdue after {after}.",
                count(gap.as_secs() / 86_400, "day"),
                count(u64::from(every_days), "day"),
            ),
        };
        Some(of_schedules(drill, FindingKind::ScheduledTooRarely, text))
    }

    /// Whether it is started often enough: never more than so many days apart.
    pub(super) fn how_often(&self, most_days: u32, zone: &TimeZone, now: Timestamp) -> Often {
        match self.of_timed(most_days, zone, now) {
            Often::Enough => Often::Enough,
            _ if self.by_events || self.unreadable => Often::CannotTell,
            other => other,
        }
    }

    fn of_timed(&self, most_days: u32, zone: &TimeZone, now: Timestamp) -> Often {
        let limit = |from| days_after(from, most_days, zone);
        let is_enough = |every| every <= Duration::from_hours(24 * u64::from(most_days));
        if self.timed.iter().any(|(_, times)| times.rate().is_some_and(is_enough)) {
            return Often::Enough;
        }
        if !self.are_known() {
            // Two slow rates together may be fast enough.
            return match self.timed.as_slice() {
                [(_, times)] => times.rate().map_or(Often::CannotTell, Often::Rarer),
                _ => Often::CannotTell,
            };
        }
        let last_until = |until| self.timed.iter().filter_map(|(_, times)| times.last_until(until)).max();
        let Some(mut at) = self.next(now) else { return Often::Ends(last_until(now).unwrap_or(now)) };
        let before = last_until(now).unwrap_or(now);
        if at > limit(before) {
            return Often::Rarer(at - before);
        }
        // From one start to the last one that is near enough, as long as there is one.
        let end = now + DAYS_AHEAD.max(Duration::from_hours(48 * u64::from(most_days)));
        while at < end {
            match (last_until(limit(at)).filter(|last| *last > at), self.next(at)) {
                (Some(last), _) => at = last,
                (None, Some(next)) => return Often::Rarer(next - at),
                // What ends in a year is no matter yet.
                (None, None) if at > limit(now) => return Often::Enough,
                (None, None) => return Often::Ends(at),
            }
        }
        Often::Enough
    }

    /// Whether no start lies in one of the windows.
    fn never_in_window(&self, drill: &DrillRecords<'_>, now: Timestamp) -> Option<CadenceProblem> {
        let mut number: usize = 0;
        for (scheduled, times) in &self.timed {
            let windows = &scheduled.request.as_ref().ok()?.windows;
            let mut next = times.next_after(now);
            while let Some(at) = next.filter(|at| *at < now + DAYS_AHEAD) {
                number += 1;
                // Too many to say of all of them that they miss.
                if number > MAX_TIMES || may_run(windows, at, scheduled.flexible_window_minutes) {
                    return None;
                }
                next = times.next_after(at);
            }
        }
        // Whatever cannot be told may lie in one.
        if number == 0 || self.by_events || self.unreadable || !self.are_known() {
            return None;
        }
        let every = count(number as u64, "time");
        let text = format!(
            "None of the next {every} at which {} is scheduled lies in one of its windows: each run will be skipped.",
            drill.key.drill
        );
        Some(of_schedules(drill, FindingKind::NeverInWindow, text))
    }
}

/// Whether a delivery for this time may find one of the windows open.
fn may_run(windows: &[Window], at: Timestamp, flexible_minutes: u32) -> bool {
    let is_open = |at: Timestamp| windows.iter().any(|window| window.is_open(at) != Some(false));
    let mut delays = (0..=flexible_minutes).step_by(FLEXIBLE_STEP_MINUTES).chain([flexible_minutes]);
    windows.is_empty() || delays.any(|delay| is_open(at + Duration::from_mins(u64::from(delay))))
}

/// It has schedules, and none of them starts it.
fn nothing_starts(drill: &DrillRecords<'_>) -> Vec<CadenceProblem> {
    let is_enabled = drill.schedules.iter().any(|scheduled| scheduled.enabled);
    let (kind, text) = if is_enabled {
        (FindingKind::OnlyPlanned, "Its schedule only plans (`execute` is false): nothing starts a run.")
    } else {
        (FindingKind::Disabled, "Its schedule is disabled: nothing starts a run.")
    };
    // A schedule that is enabled for a while, and runs, is disabled anew.
    let last = drill.last_scheduled().map(|result| format!("after {}", result.finished));
    let occasion = last.unwrap_or_else(|| "no scheduled run".to_owned());
    vec![CadenceProblem { kind, since: None, text: text.to_owned(), occasion }]
}

/// A problem with what starts a drill: as long as that stays the same, so does the occasion.
fn of_schedules(drill: &DrillRecords<'_>, kind: FindingKind, text: String) -> CadenceProblem {
    let shown = |scheduled: &&ScheduledDrill| {
        let ScheduledDrill { arn, enabled, expression, time_zone, starts, ends, .. } = scheduled;
        let request = scheduled.request.as_deref().ok();
        json!([
            [arn, enabled, expression, time_zone, starts, ends, scheduled.flexible_window_minutes],
            request.map(|request| json!([request.execute, request.windows, request.cadence])),
        ])
    };
    let schedules: Vec<Value> = drill.schedules.iter().map(shown).collect();
    CadenceProblem { kind, since: None, text, occasion: short_hash(&json!(schedules).to_string()) }
}
