//! A change of an alarm, whatever delivered it, and the mark by which a run knows the changes it forced.

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    run::{RunId, display_as_stored},
};

/// The state of an alarm, as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are CloudWatch's")]
pub enum AlarmState {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

display_as_stored!(AlarmState);

/// One change of one alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// The alarm's ARN.
    pub alarm_arn: String,
    /// When it changed, by CloudWatch's clock.
    pub at: Timestamp,
    /// The state it changed to.
    pub state: AlarmState,
    /// The reason that CloudWatch, or the caller of `SetAlarmState`, gave; empty if the event holds none.
    pub reason: String,
}

/// How the reason of an alarm that a run set begins.
const REASON_PREFIX: &str = "Firedrill run [";
/// The most characters of a `StateReason` (API reference, `SetAlarmState`).
const MAX_REASON: usize = 1023;

/// The reason that a run gives when it sets an alarm's state. It holds the run's id, by which the failover function and
/// the run itself recognise the change. It is cut at its end if it is too long.
#[must_use]
pub fn reason_of(run: &RunId, what: &str) -> String {
    let whole = format!("{REASON_PREFIX}{run}] {what}");
    cut_reason(&whole)
}

/// As much of a reason as CloudWatch itself keeps: 1,023 characters.
#[must_use]
pub fn cut_reason(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

/// The run that gave this reason; `None` if none did.
#[must_use]
pub fn run_of(reason: &str) -> Option<RunId> {
    let (id, _) = reason.strip_prefix(REASON_PREFIX)?.split_once(']')?;
    (!id.is_empty()).then(|| RunId(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_the_reason_it_gave_and_by_nothing_else() {
        let id = RunId("staging/bookstore/cdn/2026-12-01T10:00:00.000Z".to_owned());
        assert_eq!(run_of(&reason_of(&id, "forces the alarm")), Some(id.clone()));
        let long = reason_of(&id, &"é".repeat(2000));
        assert_eq!(
            (long.chars().count(), run_of(&long)),
            (MAX_REASON, Some(id)),
            "CloudWatch refuses a longer one"
        );
        assert_eq!(run_of("Threshold Crossed: Firedrill run [x] was here"), None);
        assert_eq!(run_of("Firedrill run []"), None);
        assert_eq!(run_of("Firedrill run [x"), None);
    }
}
