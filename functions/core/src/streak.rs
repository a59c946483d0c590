//! Streak: unbroken yes answers of one probe. The steady state holds while every probe's streak is long enough.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, Tristate, time::as_millis};

/// One answer of one probe, and when it was asked and answered by our clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeAnswer {
    /// The answer.
    pub seen: Tristate,
    /// When it was asked.
    pub asked: Timestamp,
    /// When the answer came, or the call deadline ended the wait.
    pub answered: Timestamp,
    /// What the answer rests on, where that helps: a status, an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What a probe's yes means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProbeRole {
    /// The application serves its users.
    #[default]
    SteadyState,
    /// The primary serves: part of the steady state.
    Primary,
    /// The standby serves: part of the recovery.
    Standby,
}

impl ProbeRole {
    /// The roles whose probes must hold for the steady state.
    pub const STEADY_STATE: &[Self] = &[Self::SteadyState, Self::Primary];
    /// The roles whose probes must hold for a recovery.
    pub const RECOVERY: &[Self] = &[Self::SteadyState, Self::Standby];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    fn is_steady(&self) -> bool {
        *self == Self::SteadyState
    }
}

/// How many yes answers, over how long, a probe needs before its streak holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreakRule {
    /// The probe's name, for reasons and evidence.
    pub probe: String,
    /// The number of yes answers in a row.
    pub count: u32,
    /// The shortest time from the first of them to the last.
    #[serde(rename = "holdForMs", with = "as_millis")]
    pub hold_for: Duration,
    /// The longest time between two answers, before the gap between them may hide an outage.
    #[serde(rename = "widestGapMs", with = "as_millis")]
    pub widest_gap: Duration,
    /// What its yes means.
    #[serde(default, skip_serializing_if = "ProbeRole::is_steady")]
    pub role: ProbeRole,
}

impl StreakRule {
    /// The longest silence, in which no complete streak can have begun and ended unseen.
    #[must_use]
    pub fn longest_unseen(&self) -> Duration {
        self.widest_gap.saturating_add(self.hold_for)
    }
}

/// The current streak of one probe. An unknown neither counts nor breaks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Streak {
    /// When the last no was *asked*: the application may have recovered right after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_no_asked: Option<Timestamp>,
    /// When the last no was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_no_answered: Option<Timestamp>,
    /// When the first yes of the streak was answered; `None` while the last known answer is no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_yes: Option<Timestamp>,
    /// When the latest yes of the streak was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_yes: Option<Timestamp>,
    /// When that yes was asked: a slow answer may be from before an event that it arrives after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_yes_asked: Option<Timestamp>,
    /// The number of yes answers in the streak.
    pub count: u32,
    /// The end of the last gap longer than `widest_gap` within the streak: an outage before it may have gone unseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_end: Option<Timestamp>,
}

impl Streak {
    /// Adds one answer.
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
                    Some(last) if answer.asked - last > rule.widest_gap => {
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

    /// The time from the last known answer to this moment; zero if there was none.
    #[must_use]
    pub fn silent_until(&self, asked: Timestamp) -> Duration {
        self.last_yes.or(self.last_no_answered).map_or(Duration::ZERO, |last| asked - last)
    }

    /// Whether the streak is long enough, in answers and in time.
    #[must_use]
    pub fn holds(&self, rule: &StreakRule) -> bool {
        match (self.first_yes, self.last_yes) {
            (Some(first), Some(last)) => self.count >= rule.count && last - first >= rule.hold_for,
            _ => false,
        }
    }

    /// Whether the streak holds *now*: its latest yes is not older than `widest_gap`.
    #[must_use]
    pub fn holds_now(&self, rule: &StreakRule, now: Timestamp) -> bool {
        self.holds(rule) && self.last_yes.is_some_and(|last| now - last <= rule.widest_gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> StreakRule {
        StreakRule {
            probe: "p".into(),
            count: 3,
            hold_for: Duration::from_secs(2),
            widest_gap: Duration::from_secs(3),
            role: ProbeRole::SteadyState,
        }
    }

    fn streak_of(answers: &[(i64, Tristate)]) -> Streak {
        let mut streak = Streak::default();
        for &(at, seen) in answers {
            let at = Timestamp::from_millis(at);
            streak.push(&ProbeAnswer { seen, asked: at, answered: at, detail: None }, &rule());
        }
        streak
    }

    #[test]
    fn three_quick_answers_do_not_hold_for_two_seconds() {
        assert!(!streak_of(&[(0, Tristate::Yes), (10, Tristate::Yes), (20, Tristate::Yes)]).holds(&rule()));
        assert!(streak_of(&[(0, Tristate::Yes), (10, Tristate::Yes), (2_000, Tristate::Yes)]).holds(&rule()));
    }

    #[test]
    fn an_unknown_neither_counts_nor_breaks() {
        let streak = streak_of(&[(0, Tristate::Yes), (1_000, Tristate::Unknown), (2_000, Tristate::Yes)]);
        assert_eq!((streak.count, streak.holds(&rule())), (2, false));
        assert_eq!(streak.first_yes, Some(Timestamp::from_millis(0)));
    }

    #[test]
    fn a_relapse_starts_anew_and_remembers_the_no() {
        let streak = streak_of(&[(0, Tristate::Yes), (1_000, Tristate::No), (2_000, Tristate::Yes)]);
        assert_eq!(streak.first_yes, Some(Timestamp::from_millis(2_000)));
        assert_eq!(streak.last_no_asked, Some(Timestamp::from_millis(1_000)));
    }

    #[test]
    fn a_long_silence_within_a_streak_is_remembered_as_a_gap() {
        assert_eq!(streak_of(&[(0, Tristate::Yes), (3_000, Tristate::Yes)]).gap_end, None);
        assert_eq!(
            streak_of(&[(0, Tristate::Yes), (9_000, Tristate::Yes)]).gap_end,
            Some(Timestamp::from_millis(9_000))
        );
    }

    #[test]
    fn yesterdays_streak_does_not_hold_now() {
        let streak = streak_of(&[(0, Tristate::Yes), (1_000, Tristate::Yes), (2_000, Tristate::Yes)]);
        assert!(streak.holds_now(&rule(), Timestamp::from_millis(4_000)));
        assert!(!streak.holds_now(&rule(), Timestamp::from_millis(90_000)));
    }
}
