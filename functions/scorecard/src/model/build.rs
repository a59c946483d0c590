//! Build: makes a scorecard of what was read.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::Timestamp;

use super::{
    Drill, DrillKey, Figures, LastRun, PassRate, Playbook, Scorecard, State, answer, calendar, coverage,
    doubt::doubt,
    finding, history, loss,
    retirement::retirement,
    stage,
    state::{state_of, words_of},
};
use crate::{
    cadence::{Check, check},
    confidence,
    input::{Declaration, Inputs},
    records::{Class, DrillRecords, gather},
    words::{count, date},
};

/// So many things that could not be read are named.
const MAX_UNREAD: usize = 100;

/// One drill with everything that is known and shown of it.
pub(super) struct Checked<'a> {
    pub records: DrillRecords<'a>,
    pub shown: Drill,
    pub check: Check,
}

/// One application, with its drills.
pub(super) struct Application<'a> {
    pub name: &'a str,
    /// What it declares; none if it declares nothing, or that cannot be read.
    pub declaration: Option<&'a Declaration>,
    /// Why it cannot be told which of its dependencies are critical; none if it declares them.
    pub undeclared: Option<String>,
    pub drills: Vec<&'a Checked<'a>>,
}

impl Application<'_> {
    /// Its name for people.
    pub(super) fn title(&self) -> String {
        self.declaration.and_then(|declared| declared.title.clone()).unwrap_or_else(|| self.name.to_owned())
    }

    /// The name of a dependency for people.
    pub(super) fn title_of(&self, dependency: &str) -> String {
        let declared = self.declaration.and_then(|declared| declared.dependency(dependency));
        declared.and_then(|declared| declared.title.clone()).unwrap_or_else(|| dependency.to_owned())
    }

    /// Whether it declares a dependency as critical; none if it declares nothing of it.
    pub(super) fn is_critical(&self, dependency: &str) -> Option<bool> {
        Some(self.declaration?.dependency(dependency)?.critical)
    }

    /// Its dependencies, declared or drilled by what counts.
    pub(super) fn dependencies(&self) -> BTreeSet<&str> {
        let declared = self.declaration.into_iter().flat_map(|declared| &declared.dependencies);
        let declared = declared.map(|dependency| dependency.name.as_str());
        let drilled = self.drills.iter().filter(|drill| drill.shown.counts());
        let drilled = drilled.map(|drill| drill.records.dependency());
        // Of a drill of which nothing could be read, it is not known.
        declared.chain(drilled.filter(|name| !name.is_empty())).collect()
    }

    /// The drills of one of its dependencies that count.
    pub(super) fn drills_of(&self, dependency: &str) -> impl Iterator<Item = &Checked<'_>> {
        self.drills
            .iter()
            .copied()
            .filter(move |drill| drill.records.dependency() == dependency && drill.shown.counts())
    }
}

impl Scorecard {
    /// The scorecard at this moment. Whatever is later than `now` is left out.
    #[must_use]
    pub fn of(inputs: &Inputs, now: Timestamp) -> Self {
        let weeks = calendar::weeks(now);
        let checked = checked(inputs, &weeks, now);
        let applications = applications(inputs, &checked);
        let mut answers: Vec<_> = applications.iter().map(answer::answer).collect();
        answers.sort_by(|a, b| b.state.cmp(&a.state).then_with(|| a.application.cmp(&b.application)));
        let (losses, unknown_alarms) = loss::losses(inputs, &applications, &weeks, now);
        let mut scorecard = Self {
            as_of: now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            confidence_rule: confidence::RULE,
            unread: unread(inputs, unknown_alarms),
            applications: answers,
            findings: finding::findings(&checked),
            coverage: coverage::coverage(inputs, &applications),
            stages: applications.iter().map(|application| stage::stage(inputs, application, now)).collect(),
            losses,
            drills: Vec::new(),
            weeks,
        };
        drop(applications);
        scorecard.drills = checked.into_iter().map(|drill| drill.shown).collect();
        scorecard.drills.sort_by(|a, b| {
            let rank = |drill: &Drill| (drill.counts(), drill.state, drill.cadence.standing);
            rank(b).cmp(&rank(a)).then_with(|| a.key.cmp(&b.key))
        });
        scorecard
    }
}

fn checked<'a>(inputs: &'a Inputs, weeks: &[super::Week], now: Timestamp) -> Vec<Checked<'a>> {
    let drills = gather(inputs, now);
    let whole = inputs.scheduled.unread.is_empty()
        && inputs.scheduled.drills.iter().all(|scheduled| scheduled.request.is_ok());
    let of_drill = |drill: &DrillRecords<'a>| {
        let mut check = check(drill, &drills, whole, now);
        let unread = doubt(inputs, drill, &mut check);
        let state = state_of(drill, &check.cadence);
        let mut words = words_of(drill, state, &check, now);
        let retired = retirement(inputs, drill, now).unwrap_or_else(|problem| {
            check.problems.push(problem);
            None
        });
        if let Some(retired) = &retired {
            check.retire(retired.since);
            words = format!("declared as retired on {}: {}", date(retired.since), retired.reason);
        }
        let shown = Drill {
            key: drill.key.clone(),
            dependency: drill.dependency().to_owned(),
            mode: drill.last().map(|last| last.mode).or(drill.request().map(|request| request.mode)),
            state,
            words,
            unread,
            replaced_by: replaced_by(drill, &drills, whole),
            retired,
            last: last_run(drill),
            objective_ms: objective_ms(drill),
            time_to_recover: Figures::of_recovery(drill),
            time_to_detect: Figures::of_measured(drill, |result| result.time_to_detect),
            time_to_fail_over: Figures::of_measured(drill, |result| result.time_to_fail_over),
            passes: PassRate::of(drill),
            playbook: playbook(drill),
            calendar: calendar::cells(drill, &check, weeks, now),
            history: drill.injected().map(history::point).collect(),
            results_cut: drill.results_cut,
            cadence: check.cadence.clone(),
        };
        Checked { records: drill.clone(), shown, check }
    };
    drills.iter().map(of_drill).collect()
}

/// The drill that replaced this one: nothing starts this one any more, its last word was a pass, and since then another one
/// of the same dependency and environment has passed.
fn replaced_by(drill: &DrillRecords<'_>, others: &[DrillRecords<'_>], whole: bool) -> Option<String> {
    let decisive = drill.last_decisive().filter(|result| Class::of(result.outcome) == Class::Passed)?;
    if !whole || drill.results_unread || !drill.schedules.is_empty() {
        return None;
    }
    let has_passed_since = |other: &&DrillRecords<'_>| {
        other.key != drill.key
            && other.key.application == drill.key.application
            && other.key.environment == drill.key.environment
            && other.dependency() == drill.dependency()
            && !other.schedules.is_empty()
            && other.last_pass().is_some_and(|passed| passed.finished > decisive.finished)
    };
    others.iter().find(has_passed_since).map(|other| other.key.drill.clone())
}

fn last_run(drill: &DrillRecords<'_>) -> Option<LastRun> {
    drill.last().map(|last| LastRun {
        run_id: last.run_id.clone(),
        at: last.finished,
        outcome: last.outcome,
        reason: last.reason.clone(),
    })
}

fn objective_ms(drill: &DrillRecords<'_>) -> Option<u64> {
    let scheduled = drill.request().map(|request| request.objective.rto_seconds.millis());
    scheduled.or(drill.last().map(|last| last.objective_ms))
}

fn playbook(drill: &DrillRecords<'_>) -> Option<Playbook> {
    let scheduled = drill.request().map(|request| Playbook {
        link: Some(request.playbook.link.to_string()),
        version: request.playbook.version.clone(),
        owner: request.playbook.owner.clone(),
    });
    let recorded = || {
        drill.last().map(|last| Playbook {
            link: last.playbook_link.clone(),
            version: last.playbook_version.clone(),
            owner: last.owner.clone(),
        })
    };
    scheduled.or_else(recorded)
}

fn applications<'a>(inputs: &'a Inputs, checked: &'a [Checked<'a>]) -> Vec<Application<'a>> {
    let mut drills: BTreeMap<&str, Vec<&Checked<'_>>> = BTreeMap::new();
    for name in inputs.declarations.keys() {
        drills.entry(name).or_default();
    }
    for drill in checked {
        drills.entry(&drill.shown.key.application).or_default().push(drill);
    }
    let of_application = |(name, drills): (&'a str, Vec<&'a Checked<'a>>)| {
        let (declaration, undeclared) = match inputs.declarations.get(name) {
            Some(Ok(declared)) if declared.application.as_str() != name => {
                (None, Some(format!("its declaration is that of {}", declared.application)))
            }
            Some(Ok(declared)) if declared.critical().next().is_none() => {
                (Some(declared), Some("it declares no dependency as critical".to_owned()))
            }
            Some(Ok(declared)) => (Some(declared), None),
            Some(Err(_)) => (None, Some("its declaration cannot be read".to_owned())),
            None if inputs.declarations_unread => (None, Some("what it declares cannot be read".to_owned())),
            None => (None, Some("it declares no dependencies".to_owned())),
        };
        Application { name, declaration, undeclared, drills }
    };
    drills.into_iter().map(of_application).collect()
}

/// What could not be read, in a sentence each.
fn unread(inputs: &Inputs, unknown_alarms: Vec<String>) -> Vec<String> {
    let text = |text: &str| firedrill_core::text::one_line(text, 500);
    let given = inputs.scheduled.unread.iter().chain(&inputs.unread);
    let mut unread: Vec<String> = given.map(|what| text(what)).collect();
    for scheduled in &inputs.scheduled.drills {
        if let Err(why) = &scheduled.request {
            unread.push(text(&format!("What {} sends cannot be read: {why}.", scheduled.arn)));
        }
    }
    for (application, declared) in &inputs.declarations {
        if let Err(why) = declared {
            unread.push(text(&format!("What {application} declares cannot be read: {why}.")));
        }
    }
    let of_alarm = |alarm: String| {
        text(&format!("A real incident of {alarm} belongs to no application: no drill names that alarm."))
    };
    unread.extend(unknown_alarms.into_iter().map(of_alarm));
    let more = unread.len().saturating_sub(MAX_UNREAD);
    if more > 0 {
        unread.truncate(MAX_UNREAD);
        unread.push(format!("{} could not be read.", count(more as u64, "more thing")));
    }
    unread
}

/// The worst state; none of nothing.
pub(super) fn worst(states: impl Iterator<Item = State>) -> Option<State> {
    states.max()
}

/// The keys of these drills.
pub(super) fn keys<'a>(drills: impl Iterator<Item = &'a Checked<'a>>) -> Vec<DrillKey> {
    drills.map(|drill| drill.shown.key.clone()).collect()
}
