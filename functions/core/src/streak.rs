//! Streaks: an application is well when its probes *keep* answering yes.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, Tristate};

/// One answer of one probe, with our times around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeAnswer {
    /// What it said.
    pub seen: Tristate,
    /// When we asked.
    pub asked: Timestamp,
    /// When the answer (or the end of waiting for it) came.
    pub answered: Timestamp,
    /// What exactly was seen, where that helps: a status, an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a probe's yes means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeRole {
    /// The application is well.
    #[default]
    SteadyState,
    /// The primary serves: part of the steady state.
    Primary,
    /// The standby serves: part of the recovery.
    Standby,
}

impl ProbeRole {
    /// What must hold for the application to be as it should be.
    pub const STEADY_STATE: &[Self] = &[Self::SteadyState, Self::Primary];
    /// What must hold for the application to have recovered.
    pub const RECOVERY: &[Self] = &[Self::SteadyState, Self::Standby];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    fn is_steady(&self) -> bool {
        *self == Self::SteadyState
    }
}

/// What a probe must show before its yes counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreakRule {
    /// The probe's name, for reasons and evidence.
    pub probe: String,
    /// So many yes answers in a row.
    pub count: u32,
    /// And the last of them at least so long after the first.
    pub hold_for_ms: u64,
    /// Two answers further apart than this leave a gap in which anything may have happened.
    pub widest_gap_ms: u64,
    /// What its yes means.
    #[serde(default, skip_serializing_if = "ProbeRole::is_steady")]
    pub role: ProbeRole,
}

impl StreakRule {
    /// In a longer silence a streak may have held, and ended.
    #[must_use]
    pub fn longest_unseen_ms(&self) -> u64 {
        self.widest_gap_ms.saturating_add(self.hold_for_ms)
    }
}

/// The present streak of one probe. An unknown neither counts nor breaks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Streak {
    /// When the last no was *asked*: the application may have recovered right after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_no_asked: Option<Timestamp>,
    /// When the last no was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_no_answered: Option<Timestamp>,
    /// The first yes of the unbroken streak; none while the last known answer is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_yes: Option<Timestamp>,
    /// The latest yes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_yes: Option<Timestamp>,
    /// When that one was asked: an answer may be slow, and from before what happened on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_yes_asked: Option<Timestamp>,
    /// How many yes answers it has.
    pub count: u32,
    /// The end of the last wide gap within it: until then users may have been cut off unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_end: Option<Timestamp>,
}

impl Streak {
    /// Takes one answer in.
    pub fn push(&mut self, answer: &ProbeAnswer, rule: &StreakRule) {
        match answer.seen {
            Tristate::Unknown => {}
            Tristate::No => {
                *self = Self {
                    last_no_asked: Some(answer.asked),
                    last_no_answered: Some(answer.answered),
                    ..Self::default()
                };
            }
            Tristate::Yes => {
                match self.last_yes {
                    None => self.first_yes = Some(answer.answered),
                    Some(last) if answer.asked.millis_since(last) > rule.widest_gap_ms => {
                        self.gap_end = Some(answer.answered);
                    }
                    Some(_) => {}
                }
                self.last_yes = Some(answer.answered);
                self.last_yes_asked = Some(answer.asked);
                self.count = self.count.saturating_add(1);
            }
        }
    }

    /// For how long nothing had been known when this was asked, in milliseconds; zero if nothing ever was.
    #[must_use]
    pub fn silent_until(&self, asked: Timestamp) -> u64 {
        self.last_yes.or(self.last_no_answered).map_or(0, |last| asked.millis_since(last))
    }

    /// Whether it is long enough, in answers and in time.
    #[must_use]
    pub fn holds(&self, rule: &StreakRule) -> bool {
        match (self.first_yes, self.last_yes) {
            (Some(first), Some(last)) => {
                self.count >= rule.count && last.millis_since(first) >= rule.hold_for_ms
            }
            _ => false,
        }
    }

    /// Whether it holds *now*: the latest yes is not older than an ordinary pause between answers.
    #[must_use]
    pub fn holds_now(&self, rule: &StreakRule, now: Timestamp) -> bool {
        self.holds(rule) && self.last_yes.is_some_and(|last| now.millis_since(last) <= rule.widest_gap_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> StreakRule {
        StreakRule {
            probe: "p".into(),
            count: 3,
            hold_for_ms: 2_000,
            widest_gap_ms: 3_000,
            role: ProbeRole::SteadyState,
        }
    }

    fn after(answers: &[(i64, Tristate)]) -> Streak {
        let mut streak = Streak::default();
        for &(at, seen) in answers {
            let at = Timestamp::from_millis(at);
            streak.push(&ProbeAnswer { seen, asked: at, answered: at, detail: None }, &rule());
        }
        streak
    }

    #[test]
    fn three_quick_answers_do_not_hold_for_two_seconds() {
        assert!(!after(&[(0, Tristate::Yes), (10, Tristate::Yes), (20, Tristate::Yes)]).holds(&rule()));
        assert!(after(&[(0, Tristate::Yes), (10, Tristate::Yes), (2_000, Tristate::Yes)]).holds(&rule()));
    }

    #[test]
    fn an_unknown_neither_counts_nor_breaks() {
        let streak = after(&[(0, Tristate::Yes), (1_000, Tristate::Unknown), (2_000, Tristate::Yes)]);
        assert_eq!((streak.count, streak.holds(&rule())), (2, false));
        assert_eq!(streak.first_yes, Some(Timestamp::from_millis(0)));
    }

    #[test]
    fn a_relapse_starts_anew_and_remembers_the_no() {
        let streak = after(&[(0, Tristate::Yes), (1_000, Tristate::No), (2_000, Tristate::Yes)]);
        assert_eq!(streak.first_yes, Some(Timestamp::from_millis(2_000)));
        assert_eq!(streak.last_no_asked, Some(Timestamp::from_millis(1_000)));
    }

    #[test]
    fn a_long_silence_within_a_streak_is_remembered_as_a_gap() {
        assert_eq!(after(&[(0, Tristate::Yes), (3_000, Tristate::Yes)]).gap_end, None);
        assert_eq!(
            after(&[(0, Tristate::Yes), (9_000, Tristate::Yes)]).gap_end,
            Some(Timestamp::from_millis(9_000))
        );
    }

    #[test]
    fn yesterdays_streak_does_not_hold_now() {
        let streak = after(&[(0, Tristate::Yes), (1_000, Tristate::Yes), (2_000, Tristate::Yes)]);
        assert!(streak.holds_now(&rule(), Timestamp::from_millis(4_000)));
        assert!(!streak.holds_now(&rule(), Timestamp::from_millis(90_000)));
    }
}
