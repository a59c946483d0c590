//! When an application had recovered, and whether that was soon enough. The one place that judges.
//!
//! Recovery is *decided* once the failure was seen in place and every probe's streak holds. It is
//! *timed* on the answers: on the first yes of those streaks. The true moment lies between the last
//! no (when it was asked) and that yes; where answers were lost, that span is wide, and if a limit
//! lies within a wide span the evidence cannot tell.

use crate::{Measured, Run, Streak, StreakRule, Timestamp, run::Verdict};

/// What the evidence says so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing yet.
    Wait,
    /// This.
    Decided {
        /// What was learned.
        verdict: Verdict,
        /// When recovery began, where it did.
        recovered: Option<Measured>,
        /// Whether users lost anything, where that is known.
        impaired: Option<bool>,
        /// In a sentence.
        reason: String,
    },
}

/// Between which moments one probe's recovery began.
#[derive(Clone, Copy)]
struct Span {
    /// Not before this: the last no was asked then. The injection, if there was no no.
    earliest: Timestamp,
    /// Not after this: the first yes, or the end of a gap in which anything may have happened.
    latest: Timestamp,
    /// Whether answers are missing in between, so that the span is wider than the pause between two.
    wide: bool,
}

impl Span {
    fn of(streak: &Streak, rule: &StreakRule, injected: Timestamp) -> Option<Self> {
        let first = streak.first_yes?;
        if let Some(gap_end) = streak.gap_end.filter(|end| *end > injected) {
            let earliest = if first > injected { streak.last_no_asked.unwrap_or(injected) } else { injected };
            return Some(Self { earliest: earliest.max(injected), latest: gap_end, wide: true });
        }
        if first <= injected {
            return Some(Self { earliest: injected, latest: injected, wide: false });
        }
        let earliest = streak.last_no_asked.unwrap_or(injected).max(injected);
        Some(Self { earliest, latest: first, wide: first.millis_since(earliest) > rule.widest_gap_ms })
    }

    /// Whether the limit lies within it and answers are missing there. Without missing answers the
    /// first yes counts.
    fn cannot_tell(self, limit: Timestamp) -> bool {
        self.wide && self.earliest <= limit && limit < self.latest
    }
}

/// Judges a run whose failure was seen in place.
#[must_use]
pub fn judge(run: &Run, now: Timestamp) -> Judgement {
    let Some(injected) = run.injection_began() else { return Judgement::Wait };
    let limits = &run.limits;
    let objective = injected.plus_millis(limits.rto_ms);
    let give_up = injected.plus_millis(limits.give_up_after_ms);
    let probes = || run.streaks.iter().zip(&limits.probes);
    let in_place = run.times.in_place.map_or(now, |at| at.at);

    // A streak counts if it was still answering when, or after, the failure was in place.
    let held = probes()
        .all(|(streak, rule)| streak.holds(rule) && streak.last_yes.is_some_and(|last| last >= in_place));
    if held && !limits.probes.is_empty() {
        return decide(injected, objective, give_up, probes());
    }
    if now <= give_up {
        return Judgement::Wait;
    }
    after_giving_up(run, now, give_up)
}

fn decide<'a>(
    injected: Timestamp,
    objective: Timestamp,
    give_up: Timestamp,
    probes: impl Iterator<Item = (&'a Streak, &'a StreakRule)> + Clone,
) -> Judgement {
    let spans: Vec<Span> = probes.filter_map(|(streak, rule)| Span::of(streak, rule, injected)).collect();
    let latest = spans.iter().map(|span| span.latest).max().unwrap_or(injected);
    // All probes were well from the latest of the earliest moments on, at the soonest.
    let earliest = spans.iter().map(|span| span.earliest).max().unwrap_or(injected);
    let whole = Span { earliest, latest, wide: spans.iter().any(|span| span.wide && span.latest == latest) };
    let took = latest.millis_since(injected);
    let measured = Measured::ours(latest, latest.millis_since(earliest));
    for (limit, name) in [(objective, "objective"), (give_up, "time to give up")] {
        if whole.cannot_tell(limit) {
            return Judgement::Decided {
                verdict: Verdict::Inconclusive,
                recovered: None,
                impaired: None,
                reason: format!(
                    "recovery began between {earliest} and {latest}; answers are missing in between, and the \
                     {name} ({limit}) lies there"
                ),
            };
        }
    }
    let (verdict, reason) = if latest <= objective {
        (Verdict::Recovered, format!("recovery began {took} ms after the injection"))
    } else if latest <= give_up {
        let objective = objective.millis_since(injected);
        (
            Verdict::ObjectiveMissed,
            format!("recovery began {took} ms after the injection; the objective is {objective} ms"),
        )
    } else {
        (
            Verdict::NotRecovered,
            format!("recovery began {took} ms after the injection, after the time to give up"),
        )
    };
    let certain = !spans.iter().any(|span| span.wide);
    Judgement::Decided {
        verdict,
        recovered: Some(measured),
        impaired: certain.then_some(latest > injected).or((took > 0 && earliest > injected).then_some(true)),
        reason,
    }
}

/// The time to give up is over and not every streak holds.
fn after_giving_up(run: &Run, now: Timestamp, give_up: Timestamp) -> Judgement {
    let decided =
        |verdict, reason| Judgement::Decided { verdict, recovered: None, impaired: Some(true), reason };
    let mut unsure = None;
    let mut patience = run.limits.patience_ms;
    for (streak, rule) in run.streaks.iter().zip(&run.limits.probes) {
        let probe = &rule.probe;
        if streak.last_no_answered.is_some_and(|at| at >= give_up) {
            return decided(
                Verdict::NotRecovered,
                format!("probe `{probe}` still answered no after the time to give up ({give_up})"),
            );
        }
        match streak.first_yes {
            Some(first) if first > give_up => {
                let last_no = streak.last_no_asked.unwrap_or(give_up);
                if first.millis_since(last_no) <= rule.widest_gap_ms {
                    return decided(
                        Verdict::NotRecovered,
                        format!("probe `{probe}` first answered yes at {first}, after the time to give up"),
                    );
                }
                unsure = Some(probe);
            }
            // Under way, begun in time: waited for.
            Some(_) => patience = patience.max(run.limits.patience_ms.saturating_add(rule.hold_for_ms)),
            // Its last known answer is a no from before the limit: one more answer will tell.
            None => unsure = unsure.or(Some(probe)),
        }
    }
    if now <= give_up.plus_millis(patience) {
        return Judgement::Wait;
    }
    let reason = match unsure {
        Some(probe) => format!("probe `{probe}` gave no answer around the time to give up ({give_up})"),
        None => format!("a streak begun before the time to give up ({give_up}) was never seen to hold"),
    };
    Judgement::Decided { verdict: Verdict::Inconclusive, recovered: None, impaired: None, reason }
}
