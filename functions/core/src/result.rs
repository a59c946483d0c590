//! Result: the small item that is kept of each executed run under its drill's key.
//!
//! A scorecard reads these and never the runs, so its cost does not grow with what a run holds. A skipped run has a result,
//! too: otherwise nobody would see that a drill is skipped each time. A plan has none, because it counts in no cadence.

mod sender;

use std::fmt;

pub use sender::Sender;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use thiserror::Error;

use crate::{
    Measured, Outcome, Phase, Run, Timestamp, Verdict, millis,
    report::{Took, report},
    request::{Days, Mode},
    text::one_line,
};

/// The most bytes of a result, written as JSON, its keys included.
pub const MAX_RESULT_BYTES: usize = 1_024;
/// What the keys of its item take beside the drill's key: their names and prefixes, [`DrillResult::sort_key`], and when it
/// expires.
const KEY_BYTES: usize = 64;

/// How the key of a result begins among the items of its drill.
pub const RESULT_PREFIX: &str = "result#";

/// The layout of the results that this version writes.
const LAYOUT: u32 = 1;
/// The most bytes of a playbook's version and of its owner, written as JSON.
const MAX_NAME_BYTES: usize = 48;
/// The fewest bytes of a reason that is worth keeping.
const MIN_REASON_BYTES: usize = 16;

/// What is kept of one run. The names in JSON are short, because an item holds at most [`MAX_RESULT_BYTES`]; durations are
/// in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillResult {
    /// The layout: 1.
    #[serde(rename = "v")]
    layout: u32,
    /// The run, `environment/application/drill/name`: what the drill's key is, it says.
    #[serde(rename = "run")]
    pub run_id: String,
    /// The dependency that failed.
    #[serde(rename = "dep")]
    pub dependency: String,
    /// How the failure was injected.
    pub mode: Mode,
    /// What sent the request.
    #[serde(rename = "by")]
    pub sender: Sender,
    /// What is reported of the run.
    #[serde(rename = "out")]
    pub outcome: Outcome,
    /// What was learned, where it differs from the outcome: beside `rollback-failed`.
    #[serde(rename = "ver", default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    /// The nominal time of the schedule; none if none sent it.
    #[serde(rename = "sched", default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<Timestamp>,
    /// Just before the failure was injected; none if none was.
    #[serde(rename = "inj", default, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Timestamp>,
    /// When the run was over.
    #[serde(rename = "fin")]
    pub finished: Timestamp,
    /// The time to detect, and its resolution.
    #[serde(rename = "det", default, skip_serializing_if = "Option::is_none", with = "pair")]
    pub time_to_detect: Option<Took>,
    /// The time to fail over, and its resolution.
    #[serde(rename = "over", default, skip_serializing_if = "Option::is_none", with = "pair")]
    pub time_to_fail_over: Option<Took>,
    /// The time to recover, and its resolution.
    #[serde(rename = "rec", default, skip_serializing_if = "Option::is_none", with = "pair")]
    pub time_to_recover: Option<Took>,
    /// From the beginning of the rollback until every step of the undo was seen done.
    #[serde(rename = "undoMs", default, skip_serializing_if = "Option::is_none")]
    pub time_to_roll_back_ms: Option<u64>,
    /// From the injection until the undo was done and the steady state was back.
    #[serde(rename = "backMs", default, skip_serializing_if = "Option::is_none")]
    pub restored_after_ms: Option<u64>,
    /// The recovery time objective of this run.
    #[serde(rename = "rtoMs")]
    pub objective_ms: u64,
    /// How long users were impaired, at most; none if that is not known, which is not 0.
    #[serde(rename = "lostMs", default, skip_serializing_if = "Option::is_none")]
    pub impaired_ms: Option<u64>,
    /// How often the drill had to pass, as the run's request said; none if the run's head does not say so.
    #[serde(rename = "days", default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
    /// What a minute of impairment costs, in the application's own currency.
    #[serde(rename = "perMin", default, skip_serializing_if = "Option::is_none")]
    pub revenue_per_minute: Option<u32>,
    /// The playbook's version, cut to 48 bytes.
    #[serde(rename = "pbVer")]
    pub playbook_version: String,
    /// The playbook's owner, cut to 48 bytes.
    #[serde(rename = "own")]
    pub owner: String,
    /// The playbook's URL; none if it is too long: half a URL leads nowhere.
    #[serde(rename = "pb", default, skip_serializing_if = "Option::is_none")]
    pub playbook_link: Option<String>,
    /// The reason for the verdict, cut to what fits.
    #[serde(rename = "why", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What identifies a drill. Two with the same name in two environments are two drills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of `Request`")]
pub struct DrillKey {
    pub environment: String,
    pub application: String,
    pub drill: String,
}

impl DrillKey {
    /// The drill of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            environment: run.environment.to_string(),
            application: run.application.to_string(),
            drill: run.drill.to_string(),
        }
    }

    /// The drill that `environment/application/drill` names; none if a text is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(|part| (!part.is_empty()).then(|| part.to_owned()));
        let mut part = || parts.next().flatten();
        let key = Self { environment: part()?, application: part()?, drill: part()? };
        parts.next().is_none().then_some(key)
    }

    /// The drill that a run's id names; none if it is no run's id.
    #[must_use]
    pub fn of_run_id(run_id: &str) -> Option<Self> {
        let (end, _) = run_id.match_indices('/').nth(2)?;
        let has_name = run_id.len() > end + 1;
        Self::parse(&run_id[..end]).filter(|_| has_name)
    }
}

/// As the record writes it: `environment/application/drill`.
impl fmt::Display for DrillKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.environment, self.application, self.drill)
    }
}

/// Why an item cannot be read as a result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnreadableResult {
    /// A version of Firedrill wrote it that this one does not know.
    #[error("the result has layout {0}; this version knows layout {LAYOUT}")]
    Layout(u64),
    /// It is not of the form of a result.
    #[error("the result cannot be read: {0}")]
    Shape(String),
    /// Its run's id names no drill.
    #[error("the result's run `{0}` names no drill")]
    RunId(String),
}

impl DrillResult {
    /// The result of a finished run; none if it is not finished, or was only a plan.
    #[must_use]
    pub fn of(run: &Run) -> Option<Self> {
        let outcome = run.outcome.filter(|outcome| *outcome != Outcome::Planned)?;
        let finished = run.times.finished.filter(|_| run.phase == Phase::Finished)?;
        let (report, playbook) = (report(run), &run.recorded.playbook);
        let injected = run.times.injected.map(|at| at.at);
        let mut result = Self {
            layout: LAYOUT,
            run_id: run.run_id.0.clone(),
            dependency: run.dependency.to_string(),
            mode: run.mode,
            sender: Sender::of(run),
            outcome,
            verdict: run.verdict.filter(|verdict| Outcome::from(*verdict) != outcome),
            scheduled: run.times.scheduled,
            injected,
            finished,
            time_to_detect: report.time_to_detect,
            time_to_fail_over: report.time_to_fail_over,
            time_to_recover: report.time_to_recover,
            time_to_roll_back_ms: report.time_to_roll_back_ms,
            restored_after_ms: injected.and_then(|from| Some(restored(run)?.millis_since(from))),
            objective_ms: millis(run.limits.rto),
            impaired_ms: impaired_ms(run),
            every_days: run.recorded.every_days.map(Days::units),
            revenue_per_minute: run.recorded.revenue_per_minute,
            playbook_version: cut_json(&playbook.version, MAX_NAME_BYTES),
            owner: cut_json(&playbook.owner, MAX_NAME_BYTES),
            playbook_link: None,
            reason: None,
        };
        result.add_texts(playbook.link.as_str(), run.reason.as_deref().unwrap_or_default());
        Some(result)
    }

    /// Adds the playbook's URL and the reason, as far as they fit.
    fn add_texts(&mut self, link: &str, reason: &str) {
        self.playbook_link = Some(link.to_owned());
        if self.bytes() > MAX_RESULT_BYTES {
            self.playbook_link = None;
        }
        self.reason = Some(String::new());
        let room = MAX_RESULT_BYTES.saturating_sub(self.bytes());
        self.reason = (!reason.is_empty() && room >= MIN_REASON_BYTES).then(|| cut_json(reason, room));
    }

    /// A result as the record holds it.
    ///
    /// # Errors
    /// [`UnreadableResult`]: a later version wrote it, it is no result, or its run names no drill.
    pub fn read(item: &Value) -> Result<Self, UnreadableResult> {
        match item.get("v").and_then(Value::as_u64) {
            Some(layout) if layout != u64::from(LAYOUT) => return Err(UnreadableResult::Layout(layout)),
            Some(_) | None => {}
        }
        let result = Self::deserialize(item)
            .map_err(|error| UnreadableResult::Shape(one_line(&error.to_string(), 200)))?;
        if DrillKey::of_run_id(&result.run_id).is_none() {
            return Err(UnreadableResult::RunId(one_line(&result.run_id, 100)));
        }
        Ok(result)
    }

    /// How many bytes it takes at most, as JSON, with the keys of its item, which name the drill once more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let fields = serde_json::to_vec(self).map_or(usize::MAX / 2, |json| json.len());
        fields + self.drill_path().len() + KEY_BYTES
    }

    /// The key under which it lies among the results of its drill: they are in the order in which their runs were over, and
    /// two runs that were over in the same millisecond have two.
    #[must_use]
    pub fn sort_key(&self) -> String {
        let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        format!("{RESULT_PREFIX}{}#{:08x}", self.finished, self.run_id.bytes().fold(0x811c_9dc5, hash))
    }

    /// The drill.
    #[must_use]
    pub fn key(&self) -> DrillKey {
        // `of` and `read` let nothing else through.
        DrillKey::of_run_id(&self.run_id).unwrap_or_else(|| DrillKey {
            environment: String::new(),
            application: String::new(),
            drill: self.run_id.clone(),
        })
    }

    /// The part of the run's id that names the drill: `environment/application/drill`.
    #[must_use]
    pub fn drill_path(&self) -> &str {
        self.run_id.match_indices('/').nth(2).map_or(&*self.run_id, |(end, _)| &self.run_id[..end])
    }

    /// From when on a pass counts: when it was scheduled; without that, when it injected. Never after its end.
    #[must_use]
    pub fn nominal(&self) -> Timestamp {
        self.scheduled.or(self.injected).map_or(self.finished, |at| at.min(self.finished))
    }

    /// What was learned, also of a run whose rollback failed; none if that one learned nothing.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.outcome {
            Outcome::Recovered => Some(Verdict::Recovered),
            Outcome::ObjectiveMissed => Some(Verdict::ObjectiveMissed),
            Outcome::NotRecovered => Some(Verdict::NotRecovered),
            Outcome::NotInjected => Some(Verdict::NotInjected),
            Outcome::Stopped => Some(Verdict::Stopped),
            Outcome::Skipped => Some(Verdict::Skipped),
            Outcome::Inconclusive => Some(Verdict::Inconclusive),
            Outcome::RollbackFailed => self.verdict,
            Outcome::Planned => None,
        }
    }
}

/// When the undo was done and the steady state was back; none if that was never seen.
fn restored(run: &Run) -> Option<Timestamp> {
    let times = &run.times;
    let undone = times.rolled_back.map(|at: Measured| at.at);
    // What does not move traffic back has no steady state of its own to wait for.
    let steady = times.steady_again?;
    Some(undone.map_or(steady, |undone| undone.max(steady)))
}

/// How long users were impaired, at most. Where the run was judged on the standby, that may have served later than
/// the users were well; where nothing recovered, users were impaired until the steady state was back.
fn impaired_ms(run: &Run) -> Option<u64> {
    let injected = run.times.injected.map(|at| at.at);
    let Some(injected) = injected else { return Some(0) };
    if run.impaired? {
        let well = run.times.recovered.map(|at| at.at).or(run.times.steady_again)?;
        Some(well.millis_since(injected))
    } else {
        Some(0)
    }
}

/// A text on one line that takes at most so many bytes inside JSON's quotes; a longer one ends in `…`.
fn cut_json(text: &str, most: usize) -> String {
    let text = one_line(text, most);
    let size = |c: char| if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() };
    if text.chars().map(size).sum::<usize>() <= most {
        return text;
    }
    let mut room = most.saturating_sub('…'.len_utf8());
    let fits = |c: &char| {
        let left = room.checked_sub(size(*c));
        room = left.unwrap_or_default();
        left.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A duration as `[ms, resolutionMs]`.
mod pair {
    use crate::report::Took;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's form")]
    pub fn serialize<S: Serializer>(took: &Option<Took>, serializer: S) -> Result<S::Ok, S::Error> {
        took.map(|took| [took.ms, took.resolution_ms]).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Took>, D::Error> {
        let pair = Option::<[u64; 2]>::deserialize(deserializer)?;
        Ok(pair.map(|[ms, resolution_ms]| Took { ms, resolution_ms }))
    }
}
