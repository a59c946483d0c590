//! Records: what is known of one drill at one moment, gathered from everything that was read.

use std::collections::BTreeMap;

use firedrill_core::{Outcome, Request, Timestamp, Verdict};
use jiff::tz::TimeZone;

use crate::{
    cadence::zone_of,
    input::{DrillResult, Inputs, ScheduledDrill, Sender},
    model::DrillKey,
};

/// What is known of one drill.
#[derive(Clone, Debug)]
pub(crate) struct DrillRecords<'a> {
    /// Which drill this is.
    pub key: DrillKey,
    /// Its results, the oldest first.
    pub results: Vec<&'a DrillResult>,
    /// The schedules and rules that send its request, the enabled ones first.
    pub schedules: Vec<&'a ScheduledDrill>,
    /// When the run that is under way began; none if none is.
    pub open_since: Option<Timestamp>,
    /// The time zone in which its days are counted.
    pub zone: TimeZone,
    /// Whether it has more results than were read.
    pub results_cut: bool,
    /// Whether results could not be read that may change what it has shown.
    pub results_unread: bool,
    /// Results from before this are not read.
    pub oldest: Timestamp,
}

/// What one result says about the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// It recovered within its objective, and everything was undone.
    Passed,
    /// It did not, or not everything was undone.
    Failed,
    /// A run began, and nothing was learned.
    ToldNothing,
    /// Nothing was touched.
    Skipped,
}

impl Class {
    pub(crate) const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Recovered => Self::Passed,
            Outcome::ObjectiveMissed | Outcome::NotRecovered | Outcome::RollbackFailed => Self::Failed,
            Outcome::NotInjected | Outcome::Stopped | Outcome::Inconclusive => Self::ToldNothing,
            Outcome::Skipped | Outcome::Planned => Self::Skipped,
        }
    }
}

/// Everything that is known of each drill at this moment, by key. What is later is left out, and so is what is older than
/// [`Inputs::DAYS`], or more than [`Inputs::MAX_RESULTS`] of one drill.
pub(crate) fn gather(inputs: &Inputs, now: Timestamp) -> Vec<DrillRecords<'_>> {
    let oldest = now - std::time::Duration::from_hours(24 * u64::from(Inputs::DAYS));
    let mut drills: BTreeMap<DrillKey, DrillRecords<'_>> = BTreeMap::new();
    let known = inputs.results.iter().filter(|result| (oldest..=now).contains(&result.finished));
    let mut results: BTreeMap<&str, Vec<&DrillResult>> = BTreeMap::new();
    for result in known.filter(|result| result.outcome != Outcome::Planned) {
        results.entry(result.drill_path()).or_default().push(result);
    }
    for results in results.into_values() {
        let key = results[0].key();
        of_key(&mut drills, key, oldest).results = results;
    }
    for key in &inputs.results_unread.drills {
        of_key(&mut drills, key.clone(), oldest);
    }
    for scheduled in &inputs.scheduled.drills {
        if let Some(key) = scheduled.key() {
            of_key(&mut drills, key, oldest).schedules.push(scheduled);
        }
    }
    let mut drills: Vec<DrillRecords<'_>> = drills.into_values().collect();
    for drill in &mut drills {
        drill.results.sort_by(|a, b| (a.finished, &a.run_id).cmp(&(b.finished, &b.run_id)));
        let more = drill.results.len().saturating_sub(Inputs::MAX_RESULTS);
        drill.results.drain(..more);
        drill.results_cut = more > 0 || inputs.results_cut.contains(&drill.key);
        drill.results_unread = inputs.results_unread.holds(&drill.key);
        drill.schedules.sort_by_key(|scheduled| (!scheduled.enabled, scheduled.arn.as_str()));
        drill.zone = zone_of(&drill.schedules);
    }
    for run in inputs.open_runs.iter().filter(|run| run.began <= now) {
        // Of a drill of which nothing else is known, there is nothing to tell.
        if let Ok(index) = drills.binary_search_by(|drill| drill.key.cmp(&run.key)) {
            drills[index].add_open(run.began);
        }
    }
    drills
}

fn of_key<'m, 'a>(
    drills: &'m mut BTreeMap<DrillKey, DrillRecords<'a>>,
    key: DrillKey,
    oldest: Timestamp,
) -> &'m mut DrillRecords<'a> {
    drills.entry(key.clone()).or_insert_with(|| DrillRecords {
        key,
        results: Vec::new(),
        schedules: Vec::new(),
        open_since: None,
        zone: TimeZone::UTC,
        results_cut: false,
        results_unread: false,
        oldest,
    })
}

impl<'a> DrillRecords<'a> {
    /// Adds a run that is listed as open, unless its result is there: the list may be older than the results.
    fn add_open(&mut self, began: Timestamp) {
        if !self.has_run_since(began) {
            self.open_since = Some(self.open_since.map_or(began, |since| since.min(began)));
        }
    }

    /// Its last result of a run that a schedule or a rule sent.
    pub(crate) fn last_scheduled(&self) -> Option<&'a DrillResult> {
        let was_scheduled = |sender| matches!(sender, Sender::Schedule | Sender::Rule);
        self.results.iter().rev().find(|result| was_scheduled(result.sender)).copied()
    }

    /// Whether a run that was not skipped, and was scheduled then or later, is over.
    pub(crate) fn has_run_since(&self, nominal: Timestamp) -> bool {
        let runs = self.results.iter().filter(|result| Class::of(result.outcome) != Class::Skipped);
        runs.rev().any(|result| result.nominal() >= nominal)
    }

    /// The requests that its schedules send.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &'a Request> {
        self.schedules.iter().filter_map(|scheduled| scheduled.request.as_deref().ok())
    }

    /// The request of its first schedule.
    pub(crate) fn request(&self) -> Option<&'a Request> {
        self.requests().next()
    }

    pub(crate) fn last(&self) -> Option<&'a DrillResult> {
        self.results.last().copied()
    }

    /// The dependency that it makes fail.
    pub(crate) fn dependency(&self) -> &'a str {
        let scheduled = self.request().map(|request| request.dependency.as_str());
        scheduled.or(self.last().map(|result| result.dependency.as_str())).unwrap_or_default()
    }

    /// Its results of one class, the oldest first.
    pub(crate) fn of_class(&self, class: Class) -> impl DoubleEndedIterator<Item = &'a DrillResult> {
        self.results.iter().copied().filter(move |result| Class::of(result.outcome) == class)
    }

    /// Its results of the runs that were over from one moment on and before another.
    pub(crate) fn finished_in(&self, from: Timestamp, until: Timestamp) -> &[&'a DrillResult] {
        let place = |at: Timestamp| self.results.partition_point(|result| result.finished < at);
        &self.results[place(from)..place(until)]
    }

    pub(crate) fn last_pass(&self) -> Option<&'a DrillResult> {
        self.of_class(Class::Passed).next_back()
    }

    /// Its last result that tells whether the application recovers.
    pub(crate) fn last_decisive(&self) -> Option<&'a DrillResult> {
        let tells =
            |result: &&&DrillResult| matches!(Class::of(result.outcome), Class::Passed | Class::Failed);
        self.results.iter().rev().find(tells).copied()
    }

    /// The first failure after its last pass: what is failing is failing since then.
    pub(crate) fn failing_since(&self) -> Option<&'a DrillResult> {
        let passed = self.last_pass().map(|result| result.finished);
        self.of_class(Class::Failed).find(|result| passed.is_none_or(|passed| result.finished > passed))
    }

    /// Its results that injected a failure, the oldest first. One that sent its call and never had the failure in place is
    /// none of them.
    pub(crate) fn injected(&self) -> impl DoubleEndedIterator<Item = &'a DrillResult> {
        let was_in_place = |result: &&DrillResult| {
            result.injected.is_some() && result.verdict() != Some(Verdict::NotInjected)
        };
        self.results.iter().copied().filter(was_in_place)
    }

    /// How often it must pass: as its schedule says now, else as its last result recorded it.
    pub(crate) fn every_days(&self) -> Option<u32> {
        let scheduled = self.request().map(|request| request.cadence.every_days.units());
        scheduled.or(self.last().and_then(|result| result.every_days))
    }

    /// From when on its cadence counts as long as it has not passed: its schedule was created, or its first run was over. A
    /// pass from before the oldest results cannot be known, so it counts from there at the earliest.
    pub(crate) fn known_since(&self) -> Option<Timestamp> {
        let first = self.results.first().map(|result| result.finished);
        if self.results_cut {
            return first;
        }
        let created = self.schedules.iter().filter_map(|scheduled| scheduled.created);
        created.chain(first).min().map(|since| since.max(self.oldest))
    }
}
