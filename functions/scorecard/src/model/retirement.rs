//! Retirement: a drill that was given up on purpose, as its application declares.

use firedrill_core::Timestamp;
use serde::Serialize;

use super::FindingKind;
use crate::{
    cadence::CadenceProblem,
    days::{day_of, first_moment_of},
    input::{Inputs, RetiredDrill},
    records::DrillRecords,
    words::{date, list},
};

/// That a drill was given up on purpose, as its application declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retirement {
    /// Since when: the first moment, in UTC, of the day that is declared.
    pub since: Timestamp,
    /// The reason that is declared.
    pub reason: String,
}

/// Whether a drill is retired, or why it is not although that is declared: it still runs, or is still scheduled. A day that is
/// yet to come retires nothing.
pub(super) fn retirement(
    inputs: &Inputs,
    drill: &DrillRecords<'_>,
    now: Timestamp,
) -> Result<Option<Retirement>, CadenceProblem> {
    let declaration = inputs.declarations.get(&drill.key.application).and_then(|read| read.as_ref().ok());
    let declared = declaration.and_then(|declared| declared.retired(&drill.key));
    let Some(declared) = declared.filter(|declared| declared.date <= day_of(now)) else { return Ok(None) };
    let since = first_moment_of(declared.date);
    let signs = signs_of_life(drill, declared);
    if signs.is_empty() {
        return Ok(Some(Retirement { since, reason: declared.reason.clone() }));
    }
    let text = format!(
        "It is declared as retired since {}, and counts nevertheless: {}.",
        date(since),
        list(&signs)
    );
    let occasion = since.to_string();
    Err(CadenceProblem { kind: FindingKind::RetiredButActive, since: Some(since), text, occasion })
}

/// What shows that it is in use after the day on which it was retired.
fn signs_of_life(drill: &DrillRecords<'_>, declared: &RetiredDrill) -> Vec<String> {
    let is_later = |at: Timestamp| day_of(at) > declared.date;
    let is_scheduled = drill.schedules.iter().any(|scheduled| scheduled.enabled);
    let scheduled = is_scheduled.then(|| "it is still scheduled".to_owned());
    let open = drill.open_since.filter(|began| is_later(*began));
    let open = open.map(|began| format!("a run of {} is under way", date(began)));
    let last = drill.last().filter(|last| is_later(last.nominal()));
    let last = last.map(|last| format!("its last run was on {}", date(last.finished)));
    [scheduled, open, last].into_iter().flatten().collect()
}
