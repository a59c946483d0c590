//! One scenario, played to its end and judged by the oracle.

use firedrill_core::{Outcome, Phase, Run, Verdict, evidence::Evidence, kind::DrillKind, plan::Plan};
use firedrill_simulator::{Event, History, Scenario, oracle, play};

/// A history that the oracle found good.
pub struct Played(History);

/// Plays the calm scenario of this kind with this change.
pub fn played(kind: DrillKind, change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(kind);
    change(&mut scenario);
    let history = play(scenario);
    let played = Played(history);
    if let Err(what) = oracle::check(&played.0) {
        panic!("{what}\n{}", played.timeline());
    }
    played
}

impl Played {
    /// The head at the end.
    pub fn run(&self) -> &Run {
        self.0.run.as_ref().expect("no run is on record")
    }

    /// The reason at the end.
    pub fn reason(&self) -> &str {
        self.run().reason.as_deref().unwrap_or_default()
    }

    /// Checks outcome and reason, and that nothing was ever sent.
    pub fn was_refused(&self, outcome: Outcome, reason: &str) {
        self.ended(outcome);
        assert!(self.reason().contains(reason), "{}\n{}", self.reason(), self.timeline());
        assert!(!self.0.injected(), "{}", self.timeline());
        assert_eq!(self.count(|event| matches!(event, Event::UndoSent { .. })), 0, "{}", self.timeline());
    }

    /// Checks that the run is finished, with this outcome.
    pub fn ended(&self, outcome: Outcome) {
        let run = self.run();
        let is = (run.phase, run.outcome);
        assert_eq!(is, (Phase::Finished, Some(outcome)), "{}\n{}", self.reason(), self.timeline());
    }

    /// Checks the verdict.
    pub fn learned(&self, verdict: Verdict) {
        assert_eq!(self.run().verdict, Some(verdict), "{}\n{}", self.reason(), self.timeline());
    }

    /// How often something of this form happened.
    pub fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.0.log.iter().filter(|logged| is(&logged.what)).count()
    }

    /// When something of this form happened first, in milliseconds since the first thing that did.
    pub fn first(&self, is: impl Fn(&Event) -> bool) -> Option<u64> {
        let at = self.0.log.iter().find(|logged| is(&logged.what))?.at;
        Some(at.millis_since(self.0.log.first()?.at))
    }

    /// When something of this form happened last, in milliseconds since the first thing that did.
    pub fn last(&self, is: impl Fn(&Event) -> bool) -> Option<u64> {
        let at = self.0.log.iter().rfind(|logged| is(&logged.what))?.at;
        Some(at.millis_since(self.0.log.first()?.at))
    }

    /// The watchdog's ticks: when each began, in milliseconds since the first thing that happened, and how long it took.
    pub fn ticks(&self) -> Vec<(u64, u64)> {
        let first = self.0.log.first().expect("nothing happened").at;
        self.0.ticks.iter().map(|(from, to)| (from.millis_since(first), to.millis_since(*from))).collect()
    }

    /// The evidence on record.
    pub fn evidence(&self) -> &[Evidence] {
        &self.0.evidence
    }

    /// The pages that reached the operators.
    pub fn pages(&self) -> &[String] {
        &self.0.pages
    }

    /// The plan on record.
    pub fn plan(&self) -> &Plan {
        let plan = |item: &'_ Evidence| matches!(item, Evidence::Plan { .. });
        match self.evidence().iter().find(|item| plan(item)) {
            Some(Evidence::Plan { plan, .. }) => plan,
            _ => panic!("no plan is on record: {}", self.reason()),
        }
    }

    /// Whether the run took the whole time that its request gives the baseline.
    pub fn waited_for_its_baseline(&self) -> bool {
        let times = &self.run().times;
        times.started.zip(times.finished).is_some_and(|(from, to)| to.millis_since(from) >= 60_000)
    }

    /// The phases that the record names, in their order.
    pub fn phases(&self) -> Vec<Phase> {
        let phase = |item: &Evidence| match item {
            Evidence::Phase { to, .. } => Some(*to),
            _ => None,
        };
        self.evidence().iter().filter_map(phase).collect()
    }

    /// Everything that happened, one line each.
    pub fn timeline(&self) -> String {
        let lines = self.0.log.iter().map(|logged| format!("{}  {}\n", logged.at, logged.what));
        lines.collect::<Vec<_>>().concat()
    }
}
