//! The page of one run.

use firedrill_core::{
    Request, Run, Timestamp, evidence::Evidence, ports::StoreError, result::DrillResult, run::RunId,
};
use serde_json::Value;

use super::{NotPublished, put};
use crate::{
    metrics,
    ports::{Bucket, Record, RunEvidence},
    render::{Published, RunRecord, SiteFile, run_page, run_path},
    settings::Settings,
    words::count_of,
};

/// The page of a run, which was written.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedRun {
    /// Its path below the root of the site.
    pub path: String,
    /// The metrics of a run that is over, as one line in the embedded metric format, to be printed as it is; none for any other.
    pub metrics: Option<Value>,
}

/// Writes the page of a run, as its record stands now. Writing it again replaces it.
///
/// # Errors
/// [`NotPublished`]: there is no such run, it could not be read, or its page is not known to have been written.
pub async fn publish_run(
    world: &(impl Record + Bucket),
    settings: &Settings,
    run_id: &RunId,
    now: Timestamp,
) -> Result<PublishedRun, NotPublished> {
    let unread = |why: String| NotPublished::Unread { run_id: run_id.to_string(), why };
    let head = world.head(run_id).await.map_err(|error| unread(format!("its head: {error}")))?;
    let run = head.ok_or_else(|| NotPublished::NoSuchRun(run_id.to_string()))?;
    let request = request(world, run_id).await.map_err(|error| unread(format!("its request: {error}")))?;
    let evidence = world.evidence(run_id).await.map_err(|error| unread(format!("its evidence: {error}")))?;
    let evidence = with_unreadable(evidence, now);
    let record = RunRecord { run: &run, request: request.as_ref(), evidence: &evidence };
    let page = run_page(record, Published { as_of: now, version: &settings.version })
        .map_err(|error| unread(format!("it cannot be rendered: {error}")))?;
    let file = SiteFile::page(run_path(&run_id.0), page);
    put(world, &file).await.map_err(|failure| NotPublished::InPart(vec![failure]))?;
    Ok(PublishedRun { path: file.path, metrics: metrics_of(&run) })
}

/// The request; none if it is not there or cannot be read by this version, which the page says. One that may be read later is an
/// error.
async fn request(record: &impl Record, run_id: &RunId) -> Result<Option<Request>, StoreError> {
    match record.request(run_id).await {
        Err(StoreError::Refused(_) | StoreError::UnknownLayout { .. }) => Ok(None),
        other => other,
    }
}

/// The evidence, with a note of what could not be read of it.
fn with_unreadable(evidence: RunEvidence, now: Timestamp) -> Vec<Evidence> {
    let RunEvidence { mut items, unreadable } = evidence;
    if unreadable > 0 {
        let what = count_of(unreadable as u64, "item of evidence", "items of evidence");
        items.push(Evidence::Note { at: now, text: format!("{what} could not be read, and are not shown") });
    }
    items
}

fn metrics_of(run: &Run) -> Option<Value> {
    metrics::of_result(&DrillResult::of(run)?)
}
