//! Change decision: whether a failover function acts on a change of an alarm. Pure.

use std::time::Duration;

use super::{AlarmChange, AlarmState, Done, FailoverRule, run_of};
use crate::{Timestamp, run::RunId};

/// Which way traffic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the primary to the standby.
    Over,
    /// From the standby to the primary.
    Back,
}

/// What is to be done about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeDecision {
    /// Move traffic; for a run, only while the run wants it.
    MoveTraffic {
        /// Which way.
        direction: Direction,
        /// The run that forced the change, if one did.
        run: Option<RunId>,
    },
    /// Do nothing, and conclude the journal entry.
    Conclude {
        /// [`Done::Ignored`] or [`Done::Refused`].
        done: Done,
        /// Why nothing is done.
        why: String,
        /// Whether it is remembered as the alarm's newest change.
        remember: bool,
    },
}

/// What the record says about an alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmOnRecord {
    /// The time of its newest remembered change, if one is remembered.
    pub newest: Option<Timestamp>,
    /// The run that has registered it as its trigger, if one has.
    pub registered: Option<RunId>,
}

/// Decides about one change of an alarm.
#[must_use]
pub fn decide(
    change: &AlarmChange,
    rule: &FailoverRule,
    alarm: &AlarmOnRecord,
    max_event_age: Duration,
    now: Timestamp,
) -> ChangeDecision {
    let registered = alarm.registered.as_ref();
    let conclude = |done, why: String, remember| ChangeDecision::Conclude { done, why, remember };
    let forced_by = run_of(&change.reason);
    let age = now - change.at;
    if age > max_event_age {
        let why = format!("the change is {} s old; at most {} s", age.as_secs(), max_event_age.as_secs());
        return conclude(Done::Refused, why, false);
    }
    // Remembered, it would hide every real alarm until then.
    if change.at - now > max_event_age {
        let why = format!("the change is of {}, which is in the future", change.at);
        return conclude(Done::Refused, why, false);
    }
    // CloudWatch resets a forced state within seconds, without the run's id, and that OK may overtake the ALARM. If it were
    // remembered, the ALARM would look old.
    if let (AlarmState::Ok, Some(run)) = (change.state, registered) {
        let why = format!("the alarm is run {run}'s, which fails back by itself");
        return conclude(Done::Ignored, why, false);
    }
    if let Some(newest) = alarm.newest.filter(|newest| *newest > change.at) {
        return conclude(Done::Ignored, format!("the alarm changed again at {newest}"), false);
    }
    match (change.state, forced_by) {
        (AlarmState::InsufficientData, _) => {
            conclude(Done::Ignored, "missing data is no reason to move traffic".to_owned(), true)
        }
        (AlarmState::Ok, _) if rule.fail_back_on_ok => {
            ChangeDecision::MoveTraffic { direction: Direction::Back, run: None }
        }
        (AlarmState::Ok, _) => {
            let why = "failing back after a real alarm is for people to decide".to_owned();
            conclude(Done::Ignored, why, true)
        }
        (AlarmState::Alarm, None) => ChangeDecision::MoveTraffic { direction: Direction::Over, run: None },
        (AlarmState::Alarm, Some(run)) if registered == Some(&run) => {
            ChangeDecision::MoveTraffic { direction: Direction::Over, run: Some(run) }
        }
        // Not remembered: a state forced in the name of a run that does not hold the alarm must not hide a real alarm.
        (AlarmState::Alarm, Some(run)) => {
            let why = format!("run {run} does not hold this alarm: it is over, or never was");
            conclude(Done::Refused, why, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::reason_of;

    const NOW: i64 = 1_000_000;

    fn change(state: AlarmState, age_ms: i64, reason: &str) -> AlarmChange {
        AlarmChange {
            alarm_arn: "arn:aws:cloudwatch:us-east-1:1:alarm:a".to_owned(),
            at: Timestamp::from_millis(NOW - age_ms),
            state,
            reason: reason.to_owned(),
        }
    }

    fn decided(
        change: &AlarmChange,
        newest: Option<i64>,
        registered: Option<&str>,
        back: bool,
    ) -> ChangeDecision {
        let rule = FailoverRule {
            alarm_arn: change.alarm_arn.clone().try_into().unwrap(),
            distribution_arn: None,
            primary_origin: None,
            standby_origin: None,
            behaviors: Vec::new(),
            fail_back_on_ok: back,
            cluster_arn: None,
            reader: None,
            instance_arn: None,
        };
        let alarm = AlarmOnRecord {
            newest: newest.map(Timestamp::from_millis),
            registered: registered.map(|id| RunId(id.to_owned())),
        };
        decide(change, &rule, &alarm, Duration::from_mins(5), Timestamp::from_millis(NOW))
    }

    fn done(plan: &ChangeDecision) -> Option<(Done, bool)> {
        match plan {
            ChangeDecision::MoveTraffic { .. } => None,
            ChangeDecision::Conclude { done, remember, .. } => Some((*done, *remember)),
        }
    }

    #[test]
    fn an_old_alarm_never_moves_traffic() {
        let plan = decided(&change(AlarmState::Alarm, 300_001, ""), None, None, false);
        assert_eq!(done(&plan), Some((Done::Refused, false)));
        assert_eq!(done(&decided(&change(AlarmState::Alarm, 300_000, ""), None, None, false)), None);
    }

    #[test]
    fn an_alarm_of_the_future_never_moves_traffic_nor_hides_those_that_come() {
        for ahead_ms in [300_001, i64::MAX / 2] {
            let plan = decided(&change(AlarmState::Alarm, -ahead_ms, ""), None, None, false);
            assert_eq!(done(&plan), Some((Done::Refused, false)));
        }
        // Clocks differ.
        assert_eq!(done(&decided(&change(AlarmState::Alarm, -10_000, ""), None, None, false)), None);
    }

    #[test]
    fn an_alarm_that_comes_after_its_ok_does_nothing() {
        let plan = decided(&change(AlarmState::Alarm, 2_000, ""), Some(NOW - 1_000), None, false);
        assert_eq!(done(&plan), Some((Done::Ignored, false)));
    }

    #[test]
    fn the_ok_of_a_registered_alarm_neither_fails_back_nor_is_remembered() {
        let plan = decided(&change(AlarmState::Ok, 100, "threshold"), None, Some("r"), true);
        assert_eq!(done(&plan), Some((Done::Ignored, false)));
    }

    #[test]
    fn failing_back_by_itself_is_off_unless_configured() {
        let ok = change(AlarmState::Ok, 100, "threshold");
        assert_eq!(done(&decided(&ok, None, None, false)), Some((Done::Ignored, true)));
        let plan = decided(&ok, None, None, true);
        assert_eq!(plan, ChangeDecision::MoveTraffic { direction: Direction::Back, run: None });
    }

    #[test]
    fn a_forced_alarm_moves_traffic_only_for_the_run_that_holds_the_alarm() {
        let reason = reason_of(&RunId("r".to_owned()), "forces it");
        let alarm = change(AlarmState::Alarm, 100, &reason);
        assert_eq!(done(&decided(&alarm, None, None, false)), Some((Done::Refused, false)));
        assert_eq!(done(&decided(&alarm, None, Some("other"), false)), Some((Done::Refused, false)));
        let plan = decided(&alarm, None, Some("r"), false);
        assert_eq!(
            plan,
            ChangeDecision::MoveTraffic { direction: Direction::Over, run: Some(RunId("r".to_owned())) }
        );
    }

    #[test]
    fn a_real_alarm_during_a_drill_is_acted_on() {
        let plan = decided(&change(AlarmState::Alarm, 100, "threshold"), None, Some("r"), false);
        assert_eq!(plan, ChangeDecision::MoveTraffic { direction: Direction::Over, run: None });
    }
}
