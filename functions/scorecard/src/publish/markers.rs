//! Markers: what is told once of a cadence that is not kept. The stream of the table delivers a marker that was written, and with
//! it the notice that it holds.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    model::{Drill, DrillKey, Finding, FindingKind, Scorecard},
    notice::cadence_not_kept,
    ports::Marker,
    settings::Links,
};

/// A marker for everything that is told of this scorecard. Those that are on record already are not written again.
pub(super) fn markers(scorecard: &Scorecard, links: &Links) -> Vec<Marker> {
    let drills: BTreeMap<&DrillKey, &Drill> =
        scorecard.drills.iter().map(|drill| (&drill.key, drill)).collect();
    let told = scorecard.findings.iter().filter(|finding| is_told(finding.kind));
    let marker = |finding: &Finding| {
        let drill = drills.get(&finding.key)?;
        let kind = kind_of(finding.kind);
        let occasion = finding.occasion.clone();
        let id = format!("{}#{kind}#{occasion}", finding.key);
        let notice = cadence_not_kept(finding, drill, id, links);
        Some(Marker {
            kind,
            drill: finding.key.clone(),
            occasion,
            at: scorecard.as_of,
            notice: json!(notice),
        })
    };
    told.filter_map(marker).collect()
}

/// The kind as the record has it, such as `schedule-deleted`.
fn kind_of(kind: FindingKind) -> String {
    json!(kind).as_str().unwrap_or_default().to_owned()
}

/// Whether somebody is told of such a finding once it is there.
const fn is_told(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Overdue
        | FindingKind::Disabled
        | FindingKind::ScheduledTooRarely
        | FindingKind::ScheduleEnded
        | FindingKind::NeverInWindow
        | FindingKind::SkippedRepeatedly
        | FindingKind::ScheduleDeleted
        | FindingKind::Renamed
        | FindingKind::RetiredButActive
        | FindingKind::OnlyPlanned
        | FindingKind::ScheduleUnreadable => true,
        // Of the first two, the end of the run was told; what never ran is told once it is overdue, because a new schedule has
        // not run yet; and about the last one nothing has to be done.
        FindingKind::Failed
        | FindingKind::ToldNothing
        | FindingKind::NeverRun
        | FindingKind::StartedByEvents => false,
    }
}
