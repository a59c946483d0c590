//! Findings: what is open, since when, whose it is, and the reason as the record has it.

use super::{Scope, drills::PlaybookLink};
use crate::{
    model::{Finding, FindingKind},
    render::{
        listed::Listed,
        moment::day,
        state::{Shown, Tone},
        text::Text,
    },
};

/// One open finding.
#[derive(Clone, Debug)]
pub(crate) struct FindingShown {
    /// What is the matter.
    pub kind: Shown,
    /// The drill.
    pub drill: Text,
    /// The link to the drill.
    pub href: String,
    /// Since when.
    pub since: String,
    /// What is the matter, in a sentence.
    pub text: Text,
    /// The reason as the record has it.
    pub reason: Option<Text>,
    /// The link to the run that showed it.
    pub run: Option<String>,
    /// Whose it is.
    pub playbook: Option<PlaybookLink>,
}

/// The open findings of this page: what failed, then what is overdue, then all else, the oldest of each first.
pub(crate) fn findings(scope: &Scope<'_>) -> Listed<FindingShown> {
    let covered = scope.scorecard.findings.iter().filter(|finding| scope.covers(&finding.key.application));
    let mut covered: Vec<&Finding> = covered.collect();
    covered.sort_by_key(|finding| match kind(finding.kind).tone {
        Tone::Bad => 0,
        Tone::Late => 1,
        Tone::Ok | Tone::Warn | Tone::None | Tone::Unknown => 2,
    });
    Listed::first(covered, scope.limits.findings, |finding| shown(finding, scope))
}

fn shown(finding: &Finding, scope: &Scope<'_>) -> FindingShown {
    let key = &finding.key;
    FindingShown {
        kind: kind(finding.kind),
        drill: Text::name(&format!("{} of {} in {}", key.drill, key.application, key.environment)),
        href: scope.drill_link(key),
        since: finding
            .since
            .map_or("since when is not known".to_owned(), |since| format!("since {}", day(since))),
        text: Text::new(&finding.text),
        reason: finding.reason.as_deref().map(Text::new),
        run: finding.run_id.as_deref().and_then(|id| scope.run_link(id)),
        playbook: finding.playbook.as_ref().map(PlaybookLink::from),
    }
}

/// How a kind of finding is shown.
const fn kind(kind: FindingKind) -> Shown {
    match kind {
        FindingKind::Failed => Shown::new("failed", Tone::Bad),
        FindingKind::Overdue => Shown::new("overdue", Tone::Late),
        FindingKind::ToldNothing => Shown::new("told nothing", Tone::Unknown),
        FindingKind::NeverRun => Shown::new("never run", Tone::Warn),
        FindingKind::Disabled => Shown::new("disabled", Tone::Warn),
        FindingKind::ScheduledTooRarely => Shown::new("scheduled too rarely", Tone::Warn),
        FindingKind::ScheduleEnded => Shown::new("schedule ended", Tone::Warn),
        FindingKind::NeverInWindow => Shown::new("never in its window", Tone::Warn),
        FindingKind::SkippedRepeatedly => Shown::new("skipped repeatedly", Tone::Warn),
        FindingKind::ScheduleDeleted => Shown::new("schedule deleted", Tone::Warn),
        FindingKind::Renamed => Shown::new("renamed", Tone::Warn),
        FindingKind::RetiredButActive => Shown::new("retired but active", Tone::Warn),
        FindingKind::OnlyPlanned => Shown::new("only planned", Tone::Warn),
        FindingKind::ScheduleUnreadable => Shown::new("schedule unreadable", Tone::Unknown),
        FindingKind::StartedByEvents => Shown::new("started by events", Tone::Unknown),
    }
}
