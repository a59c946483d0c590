//! Store: heads, their lock and evidence, and the lists of runs.

use std::{sync::Arc, time::Duration};

use firedrill_core::{
    Outcome, Phase, Request, Run, Timestamp, Verdict,
    dispatch::{Invocation, new_run},
    evidence::Evidence,
    gate::Policy,
    ports::{Begun, Saved, Store, StoreError},
    request::Name,
    result::DrillResult,
    run::{LAYOUT, OwnerId, RunId, Trigger},
    timing::Timing,
};

use super::{Outside, until};

/// What a suite of the record begins runs with.
#[derive(Clone, Debug)]
pub struct StoreSubject {
    /// A request.
    pub request: Request,
    /// The ARN of an alarm that no run has registered.
    pub alarm: String,
}

/// When the runs of a suite begin: a moment of no meaning.
const BEGAN: Timestamp = Timestamp::from_millis(1_795_000_000_000);

impl StoreSubject {
    /// A run of this application in `checking`. Its number is the last part of its identity, and the later it began.
    pub(super) fn run(&self, application: &str, number: &str) -> Run {
        let invocation = Invocation {
            request_id: "contract".to_owned(),
            owner: OwnerId("contract".to_owned()),
            ends_at: Duration::ZERO,
            policy: Policy::default(),
        };
        let seconds: u64 = number.parse().unwrap_or_default();
        let began = BEGAN + Duration::from_secs(seconds);
        let mut run = new_run(&self.request, &invocation, &Timing::DEFAULT, began);
        run.application = Name::try_from(application.to_owned()).unwrap();
        run.run_id = RunId(format!("{}/{number}", run.drill_key()));
        run
    }
}

/// The next version of a head, in this phase.
pub(super) fn next(run: &Run, phase: Phase) -> Run {
    Run { version: run.version + 1, phase, ..run.clone() }
}

/// The head once the run's injection is intended, through this alarm.
pub(super) fn injecting(run: &Run, alarm: &str) -> Run {
    let trigger = Trigger {
        alarm_arn: alarm.to_owned(),
        automation: "arn:aws:lambda:us-east-1:123456789012:function:failover".to_owned(),
        acts_for: Duration::from_mins(1),
        datapoints: None,
        database: None,
        steady_within_ms: None,
        acts_on_rise_ms: None,
    };
    Run { trigger: Some(Arc::new(trigger)), ..next(run, Phase::Injecting) }
}

/// The head once the run is finished, recovered.
pub(super) fn finished(run: &Run) -> Run {
    let mut over = next(run, Phase::Finished);
    (over.verdict, over.outcome, over.owner) = (Some(Verdict::Recovered), Some(Outcome::Recovered), None);
    over.times.finished = over.times.started;
    over
}

/// The suite of what [`Store`] keeps of runs.
///
/// # Panics
/// A promise is broken.
pub async fn store(store: &impl Store, of: &StoreSubject, outside: &impl Outside) {
    a_run_begins_once(store, of).await;
    an_application_is_never_drilled_twice_at_once(store, of).await;
    a_save_replaces_the_version_that_was_read(store, of).await;
    a_run_without_a_lock_is_recorded(store, of, outside).await;
    evidence_is_added_once(store, of, outside).await;
    runs_are_listed(store, of, outside).await;
    a_head_of_an_unknown_layout_is_never_read(store, of, outside).await;
}

async fn a_run_begins_once(store: &impl Store, of: &StoreSubject) {
    let run = of.run("begins-once", "1");
    assert_eq!(store.load(&run.run_id).await, Ok(None));
    assert_eq!(store.request(&run.run_id).await, Ok(None));
    assert_eq!(store.begin(&run, &of.request).await, Ok(Begun::Begun));
    assert_eq!(store.load(&run.run_id).await, Ok(Some(run.clone())));
    assert_eq!(store.request(&run.run_id).await, Ok(Some(of.request.clone())));
    assert_eq!(store.begin(&run, &of.request).await, Ok(Begun::Begun), "the same call again");
    let other = Run { starter: OwnerId("another".to_owned()), ..run.clone() };
    assert_eq!(store.begin(&other, &of.request).await, Ok(Begun::Exists(Box::new(run.clone()))));
    assert_eq!(store.record(&other, &of.request).await, Ok(Begun::Exists(Box::new(run.clone()))));
    assert_eq!(store.load(&run.run_id).await, Ok(Some(run)), "and nothing is changed");

    let announced = Run { phase: Phase::Pending, ..of.run("announced", "1") };
    assert_eq!(store.record(&announced, &of.request).await, Ok(Begun::Begun));
    let begun = of.run("announced", "1");
    assert_eq!(
        store.begin(&begun, &of.request).await,
        Ok(Begun::Begun),
        "what is only announced is replaced"
    );
    assert_eq!(store.load(&begun.run_id).await, Ok(Some(begun)));
}

async fn an_application_is_never_drilled_twice_at_once(store: &impl Store, of: &StoreSubject) {
    let [first, second] = ["1", "2"].map(|number| of.run("one-at-a-time", number));
    assert_eq!(store.begin(&first, &of.request).await, Ok(Begun::Begun));
    let locked = Ok(Begun::Locked(first.run_id.clone()));
    assert_eq!(store.begin(&second, &of.request).await, locked);
    assert_eq!(store.load(&second.run_id).await, Ok(None), "nothing of it is written");
    assert_eq!(store.begin(&of.run("meanwhile", "1"), &of.request).await, Ok(Begun::Begun), "another may be");

    let over = finished(&first);
    assert_eq!(store.finish(&over, 7).await, Ok(Saved::Conflict));
    assert_eq!(store.load(&first.run_id).await, Ok(Some(first)));
    assert_eq!(store.begin(&second, &of.request).await, locked, "a conflict frees nothing");
    assert_eq!(store.finish(&over, 1).await, Ok(Saved::Saved));
    assert_eq!(store.load(&over.run_id).await, Ok(Some(over)));
    assert_eq!(store.begin(&second, &of.request).await, Ok(Begun::Begun));
}

async fn a_save_replaces_the_version_that_was_read(store: &impl Store, of: &StoreSubject) {
    let run = of.run("saved", "1");
    assert_eq!(store.save(&next(&run, Phase::Injecting), 1).await, Ok(Saved::Conflict), "there is no head");
    assert_eq!(store.load(&run.run_id).await, Ok(None));
    assert_eq!(store.begin(&run, &of.request).await, Ok(Begun::Begun));
    let second = next(&run, Phase::Recovering);
    assert_eq!(store.save(&second, 1).await, Ok(Saved::Saved));
    let rival = next(&run, Phase::RollingBack);
    assert_eq!(store.save(&rival, 1).await, Ok(Saved::Conflict));
    assert_eq!(store.load(&run.run_id).await, Ok(Some(second.clone())), "the first one stays");
    assert_eq!(store.save(&next(&second, Phase::RollingBack), 2).await, Ok(Saved::Saved));
    let blocked = of.run("saved", "2");
    assert_eq!(
        store.begin(&blocked, &of.request).await,
        Ok(Begun::Locked(run.run_id)),
        "a save frees nothing"
    );
}

async fn a_run_without_a_lock_is_recorded(store: &impl Store, of: &StoreSubject, outside: &impl Outside) {
    let over = |number: &str, outcome: Outcome| {
        let mut run = of.run("recorded", number);
        (run.phase, run.outcome, run.owner) = (Phase::Finished, Some(outcome), None);
        run.times.finished = run.times.started;
        run
    };
    let (skipped, planned) = (over("1", Outcome::Skipped), over("2", Outcome::Planned));
    let key = skipped.drill_key();
    assert_eq!(outside.summary(&key).await, None);
    for run in [&skipped, &planned] {
        assert_eq!(store.record(run, &of.request).await, Ok(Begun::Begun));
        assert_eq!(store.load(&run.run_id).await, Ok(Some(run.clone())));
    }
    let summary = outside.summary(&key).await.expect("what was skipped counts");
    assert_eq!(
        (summary.last_run.as_str(), summary.last_outcome.as_str()),
        (skipped.run_id.0.as_str(), "skipped")
    );
    assert_eq!(
        outside.results(&key).await,
        [of_run(&skipped)],
        "what was skipped is seen, and a plan counts for nothing"
    );
    let run = of.run("recorded", "3");
    assert_eq!(store.begin(&run, &of.request).await, Ok(Begun::Begun), "neither holds the lock");
    let stale = finished(&run);
    assert_eq!(store.finish(&stale, 7).await, Ok(Saved::Conflict));
    assert_eq!(outside.results(&key).await.len(), 1, "what is not finished has no result");
    assert_eq!(store.finish(&finished(&run), 1).await, Ok(Saved::Saved));
    assert_eq!(store.finish(&finished(&run), 1).await, Ok(Saved::Conflict), "a run is finished once");
    let summary = outside.summary(&key).await.expect("there is one");
    assert_eq!(
        (summary.last_run.as_str(), summary.last_outcome.as_str()),
        (run.run_id.0.as_str(), "recovered")
    );
    let counts: Vec<(&str, u64)> =
        summary.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(counts, [("recovered", 1), ("skipped", 1)], "a plan counts for nothing");
    let mut both = [of_run(&skipped), of_run(&finished(&run))];
    both.sort_by_key(DrillResult::sort_key);
    assert_eq!(outside.results(&key).await, both, "each run has one, however often it is finished");
}

fn of_run(run: &Run) -> DrillResult {
    DrillResult::of(run).expect("a finished run has a result")
}

async fn evidence_is_added_once(store: &impl Store, of: &StoreSubject, outside: &impl Outside) {
    let [run, other] = ["1", "2"].map(|number| of.run("evidence", number).run_id);
    let note = |number: usize| Evidence::Note { at: BEGAN, text: format!("note {number}") };
    let items: Vec<_> = (0..30).map(|number| (format!("evidence#{number:03}"), note(number))).collect();
    store.append(&run, &items[..20]).await.unwrap();
    store.append(&run, &items).await.unwrap();
    assert_eq!(outside.evidence(&run).await, 30, "those that were there already are added once");
    store.append(&other, &items[..1]).await.unwrap();
    store.append(&other, &[]).await.expect("nothing to add is no error");
    assert_eq!(
        (outside.evidence(&run).await, outside.evidence(&other).await),
        (30, 1),
        "each run has its own"
    );
}

async fn runs_are_listed(store: &impl Store, of: &StoreSubject, outside: &impl Outside) {
    let mut runs = Vec::new();
    for number in ["1", "2", "3"] {
        let run = of.run("listed", number);
        assert_eq!(store.begin(&run, &of.request).await, Ok(Begun::Begun));
        let is_open = async || Some(store.open().await.unwrap().contains(&run.run_id));
        until(outside, "an open run", async || is_open().await.filter(|open| *open)).await;
        let over = finished(&run);
        assert_eq!(store.finish(&over, 1).await, Ok(Saved::Saved));
        until(outside, "a finished run is open no more", async || is_open().await.filter(|open| !open)).await;
        runs.insert(0, over);
    }
    let mut plan = Run { phase: Phase::Finished, outcome: Some(Outcome::Planned), ..of.run("listed", "4") };
    plan.owner = None;
    assert_eq!(store.record(&plan, &of.request).await, Ok(Begun::Begun));
    let key = runs[0].drill_key();
    let all = async || (store.list(&key, 10).await.unwrap() == runs).then_some(());
    until(outside, "the three runs, the newest first, and no plan", all).await;
    assert_eq!(store.list(&key, 2).await.unwrap(), runs[..2], "at most so many");
    assert_eq!(store.list(&format!("{key}-of-another"), 10).await, Ok(Vec::new()));
}

async fn a_head_of_an_unknown_layout_is_never_read(
    store: &impl Store,
    of: &StoreSubject,
    outside: &impl Outside,
) {
    let known = finished(&of.run("layouts", "1"));
    assert_eq!(store.record(&known, &of.request).await, Ok(Begun::Begun));
    let theirs = Run { layout: LAYOUT + 1, ..of.run("layouts", "2") };
    assert_eq!(store.begin(&theirs, &of.request).await, Ok(Begun::Begun), "a later version wrote it");
    let unknown = StoreError::UnknownLayout { run_id: theirs.run_id.clone(), layout: u64::from(LAYOUT) + 1 };
    assert_eq!(store.load(&theirs.run_id).await, Err(unknown.clone()));
    let ours = Run { starter: OwnerId("another".to_owned()), ..of.run("layouts", "2") };
    assert_eq!(store.begin(&ours, &of.request).await, Err(unknown.clone()));
    assert_eq!(store.load(&theirs.run_id).await, Err(unknown), "and it is not replaced");
    let key = known.drill_key();
    let listed = async || (store.list(&key, 10).await.unwrap() == [known.clone()]).then_some(());
    until(outside, "the list without it", listed).await;
    let open = async || store.open().await.unwrap().contains(&theirs.run_id).then_some(());
    until(outside, "it is open all the same", open).await;
}
