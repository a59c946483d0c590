//! Losses: the minutes that users lost, in drills and apart from them in real incidents, and what that cost.

use firedrill_core::failover::Done;

use super::Scope;
use crate::{
    model::{Loss, LossIncident, LossSum, MonthLoss},
    render::{
        listed::Listed,
        moment::{long, span},
        state::{Shown, Tone},
        text::Text,
    },
    words::count,
};

/// The most incidents that are listed: as many as the scorecard has.
const MAX_INCIDENTS: usize = 50;
/// The most months that are listed: more than 400 days have.
const MAX_MONTHS: usize = 15;

/// What users of one application lost.
#[derive(Clone, Debug)]
pub(super) struct LossShown {
    /// The application.
    pub title: Text,
    /// In drills.
    pub drills: SumShown,
    /// In real incidents.
    pub incidents: SumShown,
    /// The real incidents, the latest first; on the page of the application.
    pub incident_list: Listed<IncidentShown>,
    /// By month, the latest first; on the page of the application.
    pub months: Vec<MonthShown>,
}

/// One sum.
#[derive(Clone, Debug)]
pub(super) struct SumShown {
    /// The time lost.
    pub lost: String,
    /// What it is made of, and what is not known.
    pub of: String,
    /// What it cost.
    pub cost: String,
}

/// One real incident.
#[derive(Clone, Debug)]
pub(super) struct IncidentShown {
    /// The alarm that went off.
    pub alarm: Text,
    /// When it did.
    pub began: String,
    /// How long it was in ALARM.
    pub lost: String,
    /// What the failover function did about it.
    pub done: Shown,
    /// Why, as its journal has it.
    pub why: Text,
}

/// One month.
#[derive(Clone, Debug)]
pub(super) struct MonthShown {
    /// The month.
    pub month: Text,
    /// In drills.
    pub drills: SumShown,
    /// In real incidents.
    pub incidents: SumShown,
}

/// The losses of this page's applications.
pub(super) fn losses(scope: &Scope<'_>) -> Listed<LossShown> {
    let covered = scope.scorecard.losses.iter().filter(|loss| scope.covers(&loss.application));
    Listed::first(covered, scope.limits.applications, |loss| shown(loss, !scope.is_index()))
}

fn shown(loss: &Loss, is_whole: bool) -> LossShown {
    let (months, incidents): (&[MonthLoss], &[LossIncident]) =
        if is_whole { (&loss.months, &loss.incident_list) } else { (&[], &[]) };
    LossShown {
        title: Text::name(&loss.title),
        drills: sum(loss.drills, "run"),
        incidents: sum(loss.incidents, "incident"),
        incident_list: Listed::first(incidents, MAX_INCIDENTS, incident),
        months: months.iter().rev().take(MAX_MONTHS).map(month).collect(),
    }
}

fn incident(incident: &LossIncident) -> IncidentShown {
    IncidentShown {
        alarm: Text::name(&incident.alarm_arn),
        began: long(incident.began),
        lost: incident.lost_ms.map_or("no end on record".to_owned(), span),
        done: done(incident.done),
        why: Text::new(incident.why.as_deref().unwrap_or_default()),
    }
}

/// How what a failover function did is shown.
const fn done(done: Done) -> Shown {
    match done {
        Done::FailedOver => Shown::new("failed over", Tone::Ok),
        Done::FailedBack => Shown::new("failed back", Tone::Ok),
        Done::Already => Shown::new("already there", Tone::None),
        Done::Ignored => Shown::new("ignored", Tone::None),
        Done::Refused => Shown::new("refused", Tone::Warn),
        Done::Failed => Shown::new("call failed", Tone::Bad),
    }
}

fn month(month: &MonthLoss) -> MonthShown {
    MonthShown {
        month: Text::name(&month.month),
        drills: sum(month.drills, "run"),
        incidents: sum(month.incidents, "incident"),
    }
}

fn sum(sum: LossSum, event: &str) -> SumShown {
    let of = count(sum.events.into(), event);
    let unknown =
        if sum.unknown > 0 { format!(", {} of them of unknown length", sum.unknown) } else { String::new() };
    let known = sum.events.saturating_sub(sum.unknown);
    SumShown {
        lost: if known == 0 && sum.events > 0 { "cannot tell".to_owned() } else { span(sum.lost_ms) },
        of: of + &unknown,
        cost: sum.cost.map_or("not declared".to_owned(), thousands),
    }
}

/// A number with spaces between its thousands: `1 234 567`. They are narrow and do not break.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            written.push('\u{202f}');
        }
        written.push(digit);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_loss_is_never_shown_as_none() {
        let unknown = sum(LossSum { events: 2, unknown: 2, lost_ms: 0, cost: None }, "incident");
        assert_eq!((unknown.lost.as_str(), unknown.cost.as_str()), ("cannot tell", "not declared"));
        assert_eq!(sum(LossSum::default(), "incident").lost, "0 s");
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([7, 1_000, 1_234_567].map(thousands), ["7", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
