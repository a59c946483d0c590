//! Recovery: when an application recovered, and whether that was within the objective. Only this module decides that.
//!
//! Recovery is *decided* once the failure was seen in place and every probe's streak holds. It is
//! *timed* on the answers: on the first yes of those streaks. The true moment lies between the last
//! no (when it was asked) and that yes. Where answers were lost that span is wide, and if a limit
//! lies within it the verdict is `inconclusive`.

use std::time::Duration;

use crate::{Measured, ProbeRole, Run, Streak, StreakRule, Timestamp, run::Verdict};

/// What follows from the evidence so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not decided yet.
    Wait,
    /// The evidence is enough for a verdict.
    Decided {
        /// The verdict.
        verdict: Verdict,
        /// When recovery began, if it did.
        recovered: Option<Measured>,
        /// When the standby served, in a drill that fails over to one.
        serving_standby: Option<Measured>,
        /// Whether users were impaired; `None` if the evidence cannot tell.
        impaired: Option<bool>,
        /// The reason for the verdict, in a sentence.
        reason: String,
    },
}

/// The span in which the recovery of one or more probes began.
#[derive(Clone, Copy)]
struct Span {
    /// Not before this: when the last no was asked, or the injection if there was no no.
    earliest: Timestamp,
    /// Not after this: the first yes, or the end of a gap in which anything may have happened.
    latest: Timestamp,
    /// Whether answers are missing in between: the span is longer than `widest_gap` of the probe's rule.
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
        Some(Self { earliest, latest: first, wide: first - earliest > rule.widest_gap })
    }

    /// Whether the limit lies within the span and answers are missing there. Without missing answers the
    /// first yes counts.
    fn cannot_tell(self, limit: Timestamp) -> bool {
        self.wide && self.earliest <= limit && limit < self.latest
    }
}

/// What AWS has to confirm before a failover counts.
#[derive(Clone, Copy)]
struct Confirmation {
    /// When it did.
    at: Option<Measured>,
    /// When it last did not.
    last_not: Option<Timestamp>,
    /// What it shows, or does not.
    what: &'static str,
}

/// A run, with the moments that it is judged by.
struct Case<'a> {
    run: &'a Run,
    injected: Timestamp,
    objective: Timestamp,
    give_up: Timestamp,
}

/// Decides the verdict of a run whose failure was seen in place, or waits.
#[must_use]
pub fn judge(run: &Run, now: Timestamp) -> Judgement {
    let Some(injected) = run.injection_began() else { return Judgement::Wait };
    let case = Case {
        run,
        injected,
        objective: injected + run.limits.rto,
        give_up: injected + run.limits.give_up_after,
    };
    // A streak counts only if a yes of it was asked for once the failure was in place; and once AWS confirmed the failover,
    // where that counts.
    let in_place = run.times.in_place.map_or(now, |at| at.at);
    let confirmation = case.confirmation();
    let confirmed = confirmation.is_none_or(|confirmation| confirmation.at.is_some());
    let since = confirmation.and_then(|it| it.at).map_or(in_place, |confirmed| confirmed.at.max(in_place));
    let mut streaks = run.streaks_of(ProbeRole::RECOVERY).peekable();
    let asked_since = |streak: &Streak| streak.last_yes_asked.is_some_and(|asked| asked >= since);
    let held =
        streaks.peek().is_some() && streaks.all(|(streak, rule)| streak.holds(rule) && asked_since(streak));
    match (held && confirmed, run.trigger.is_some()) {
        (true, false) => case.decide(),
        (true, true) if case.names_the_standby() || case.is_database() => case.decide(),
        (true, true) if run.times.failed_over.is_some() => decided(
            Verdict::Inconclusive,
            None,
            "the standby's origin is configured, but without `target.identity` nobody can tell whether it serves"
                .to_owned(),
        ),
        _ if now <= case.give_up => Judgement::Wait,
        _ => case.after_giving_up(now),
    }
}

fn decided(verdict: Verdict, impaired: Option<bool>, reason: String) -> Judgement {
    Judgement::Decided { verdict, recovered: None, serving_standby: None, impaired, reason }
}

impl Case<'_> {
    fn is_database(&self) -> bool {
        self.run.trigger.as_ref().is_some_and(|trigger| trigger.database.is_some())
    }

    /// What AWS has to confirm: CloudFront, where the request asks for that, that all of its edges serve it; else the failover,
    /// where no probe names the standby.
    fn confirmation(&self) -> Option<Confirmation> {
        let Run { times, limits, last_not_failed_over, last_not_deployed, .. } = self.run;
        if limits.require_deployed {
            let what = "the failover as deployed on all edges";
            return Some(Confirmation { at: times.deployed, last_not: *last_not_deployed, what });
        }
        let what = "the failover";
        let confirmation = Confirmation { at: times.failed_over, last_not: *last_not_failed_over, what };
        let is_unnamed = self.run.trigger.is_some() && !self.names_the_standby();
        is_unnamed.then_some(confirmation)
    }

    /// Whether a probe tells that the standby serves (`target.identity`).
    fn names_the_standby(&self) -> bool {
        self.run.limits.probes.iter().any(|rule| rule.role == ProbeRole::Standby)
    }

    /// The span in which the last of these streaks began, and whether no streak's span is wide.
    fn combined(&self, roles: &[ProbeRole]) -> (Span, bool) {
        let streaks = self.run.streaks_of(roles);
        let mut spans: Vec<Span> =
            streaks.filter_map(|(streak, rule)| Span::of(streak, rule, self.injected)).collect();
        let confirmed = self.confirmation().filter(|_| roles == ProbeRole::RECOVERY).and_then(|it| it.at);
        if let Some(confirmed) = confirmed {
            let at = confirmed.at.max(self.injected);
            let gap = (at - self.injected).min(Duration::from_millis(confirmed.resolution_ms));
            let earliest = at - gap;
            spans.push(Span { earliest, latest: at, wide: gap > self.confirmation_gap() });
        }
        let latest = spans.iter().map(|span| span.latest).max().unwrap_or(self.injected);
        // All of them answered yes at the earliest from the latest of the `earliest` moments on.
        let earliest = spans.iter().map(|span| span.earliest).max().unwrap_or(self.injected);
        let wide = spans.iter().any(|span| span.wide && span.latest == latest);
        (Span { earliest, latest, wide }, !spans.iter().any(|span| span.wide))
    }

    /// The longest gap between two looks at AWS in which a failover cannot have gone unseen. AWS is asked
    /// less often than the probes, and its reads are eventually consistent.
    fn confirmation_gap(&self) -> Duration {
        let limits = &self.run.limits;
        limits.retry_pause.saturating_mul(2).saturating_add(limits.consistency)
    }

    /// The verdict of a run whose streaks hold.
    fn decide(&self) -> Judgement {
        let (combined, _) = self.combined(ProbeRole::RECOVERY);
        let Span { earliest, latest, .. } = combined;
        let took = latest.millis_since(self.injected);
        let measured = Measured::ours(latest, latest.millis_since(earliest));
        for (limit, name) in [(self.objective, "objective"), (self.give_up, "time to give up")] {
            if combined.cannot_tell(limit) {
                let reason = format!(
                    "recovery began between {earliest} and {latest}; answers are missing in between, and the {name} \
                     ({limit}) lies in that gap"
                );
                return decided(Verdict::Inconclusive, None, reason);
            }
        }
        let what = match (&self.run.trigger, self.run.limits.require_deployed) {
            (Some(_), true) => "the standby served, as CloudFront had deployed it on all edges,",
            (Some(_), false) => "the standby served",
            (None, _) => "recovery began",
        };
        let (verdict, reason) = if latest <= self.objective {
            (Verdict::Recovered, format!("{what} {took} ms after the injection"))
        } else if latest <= self.give_up {
            let objective = self.objective.millis_since(self.injected);
            let reason = format!("{what} {took} ms after the injection; the objective is {objective} ms");
            (Verdict::ObjectiveMissed, reason)
        } else {
            let reason = format!("{what} {took} ms after the injection, after the time to give up");
            (Verdict::NotRecovered, reason)
        };
        Judgement::Decided {
            verdict,
            recovered: Some(measured),
            serving_standby: self.serving_standby(measured),
            impaired: self.impaired(),
            reason,
        }
    }

    /// When the standby served, as opposed to when the steady state held: by its identity probe, if there is one; else
    /// `recovery`, which is after RDS showed the failover.
    fn serving_standby(&self, recovery: Measured) -> Option<Measured> {
        self.run.trigger.as_ref()?;
        if !self.names_the_standby() {
            return Some(recovery);
        }
        let (span, _) = self.combined(&[ProbeRole::Standby]);
        Some(Measured::ours(span.latest, span.latest.millis_since(span.earliest)))
    }

    /// Whether users were impaired, by the steady state alone; `None` if the evidence cannot tell.
    fn impaired(&self) -> Option<bool> {
        let (span, certain) = self.combined(&[ProbeRole::SteadyState]);
        let lost = span.latest > self.injected;
        certain.then_some(lost).or((lost && span.earliest > self.injected).then_some(true))
    }

    /// The verdict, or waiting, once the time to give up has passed and not every streak holds.
    fn after_giving_up(&self, now: Timestamp) -> Judgement {
        let (run, give_up) = (self.run, self.give_up);
        let not_recovered = |impaired, reason| decided(Verdict::NotRecovered, impaired, reason);
        let mut unsure = None;
        let mut patience = run.limits.patience;
        for (streak, rule) in run.streaks_of(ProbeRole::RECOVERY) {
            let probe = &rule.probe;
            let impaired = if rule.role == ProbeRole::SteadyState { Some(true) } else { self.impaired() };
            if streak.last_no_answered.is_some_and(|at| at >= give_up) {
                let what = format!("probe `{probe}` still answered no after the time to give up ({give_up})");
                return not_recovered(impaired, what);
            }
            match streak.first_yes {
                Some(first) if first > give_up => {
                    let last_no = streak.last_no_asked.unwrap_or(give_up);
                    if first - last_no <= rule.widest_gap {
                        let what = format!(
                            "probe `{probe}` first answered yes at {first}, after the time to give up"
                        );
                        return not_recovered(impaired, what);
                    }
                    unsure = Some(probe);
                }
                // A streak that began in time and does not hold yet is waited for.
                Some(_) => patience = patience.max(run.limits.patience.saturating_add(rule.hold_for)),
                // The last known answer is a no from before the limit: the next answer will tell.
                None => unsure = unsure.or(Some(probe)),
            }
        }
        let confirmation = self.confirmation();
        if let Some(Confirmation { at, last_not, what }) = confirmation {
            match (at, last_not) {
                (Some(confirmed), _)
                    if confirmed.at > give_up
                        && Duration::from_millis(confirmed.resolution_ms) <= self.confirmation_gap() =>
                {
                    let what = format!("AWS showed {what} at {}, after the time to give up", confirmed.at);
                    return not_recovered(self.impaired(), what);
                }
                (None, Some(not)) if not >= give_up => {
                    let what = format!("AWS did not show {what} until the time to give up ({give_up})");
                    return not_recovered(self.impaired(), what);
                }
                _ => {}
            }
        }
        if now <= give_up + patience {
            return Judgement::Wait;
        }
        let unconfirmed = confirmation.filter(|confirmation| confirmation.at.is_none());
        let reason = match (unsure, unconfirmed) {
            (_, Some(_)) => "AWS did not show whether the standby took over".to_owned(),
            (Some(probe), None) => {
                format!("probe `{probe}` gave no answer around the time to give up ({give_up})")
            }
            (None, None) => {
                format!("a streak that began before the time to give up ({give_up}) was never seen to hold")
            }
        };
        decided(Verdict::Inconclusive, None, reason)
    }
}
