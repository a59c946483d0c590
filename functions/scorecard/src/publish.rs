//! Publish: reads everything that a scorecard is made of, writes the site, and tells once whose cadence is not kept.
//!
//! What cannot be read never ends it: the pages say so, and what depends on it is *cannot tell*. What cannot be written is
//! named, and everything else is written nevertheless.

mod markers;
mod read;
mod run;
mod schedules;

pub use read::{Sources, read_inputs};
pub use run::{PublishedRun, publish_run};

use firedrill_core::Timestamp;
use serde_json::Value;
use thiserror::Error;

use crate::{
    metrics,
    model::Scorecard,
    ports::{Bucket, Record},
    render::{SiteFile, site},
    settings::Settings,
};

/// What one publication did, and what it could not do.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Publication {
    /// What was published.
    pub summary: PublishSummary,
    /// Lines in the embedded metric format, to be printed as they are, whether or not anything failed.
    pub metrics: Vec<Value>,
    /// What could not be written, in a sentence each.
    pub failures: Vec<String>,
}

/// What was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishSummary {
    /// The files that were written.
    pub files: usize,
    /// The drills that are known.
    pub drills: usize,
    /// The drills that are overdue.
    pub overdue: usize,
    /// The drills that are failing.
    pub failing: usize,
    /// The things that could not be read.
    pub unread: usize,
    /// The notices that were written: what each tells was not told before.
    pub notices: usize,
}

/// Why something was not published, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotPublished {
    /// Some files or notices are not known to have been written; all others were.
    #[error("not everything was published: {}", .0.join("; "))]
    InPart(Vec<String>),
    /// The record has no such run.
    #[error("the record has no run {0}: its page is not written")]
    NoSuchRun(String),
    /// What the page of a run is made of could not be read.
    #[error("the page of run {run_id} is not written: {why}")]
    Unread {
        /// The run.
        run_id: String,
        /// What could not be read, and why.
        why: String,
    },
}

impl Publication {
    /// What was published.
    ///
    /// # Errors
    /// [`NotPublished::InPart`]: something could not be written.
    pub fn result(self) -> Result<PublishSummary, NotPublished> {
        if self.failures.is_empty() { Ok(self.summary) } else { Err(NotPublished::InPart(self.failures)) }
    }
}

/// Reads everything, writes the site and the markers, and answers what came of it. Writing a file or a marker twice changes
/// nothing, so a publication that failed is repeated as a whole.
pub async fn publish(world: &(impl Sources + Bucket), settings: &Settings, now: Timestamp) -> Publication {
    // Boxed: the future of all that is read is large, and would be moved.
    let inputs = Box::pin(read_inputs(world, settings, now)).await;
    let scorecard = Scorecard::of(&inputs, now);
    let mut publication = Publication {
        summary: PublishSummary {
            drills: scorecard.drills.len(),
            overdue: scorecard.drills.iter().filter(|drill| drill.is_overdue() == Some(true)).count(),
            failing: scorecard.drills.iter().filter(|drill| drill.is_failing() == Some(true)).count(),
            unread: scorecard.unread.len(),
            ..PublishSummary::default()
        },
        metrics: metrics::of_scorecard(&scorecard, !inputs.results_unread.all, &settings.stack),
        failures: Vec::new(),
    };
    write_site(world, &scorecard, &mut publication).await;
    write_markers(world, &scorecard, settings, &mut publication).await;
    publication
}

/// Writes every file of the site, the index last: it never links to what is not there yet. The page of a run is written when its
/// result is.
async fn write_site(bucket: &impl Bucket, scorecard: &Scorecard, publication: &mut Publication) {
    let mut files = match site(scorecard, &|_| true) {
        Ok(files) => files,
        Err(error) => return publication.failures.push(format!("the pages cannot be rendered: {error}")),
    };
    files.sort_by_key(|file| file.path == "index.html");
    for file in &files {
        match put(bucket, file).await {
            Ok(()) => publication.summary.files += 1,
            Err(failure) => publication.failures.push(failure),
        }
    }
}

async fn write_markers(
    record: &impl Record,
    scorecard: &Scorecard,
    settings: &Settings,
    publication: &mut Publication,
) {
    for marker in markers::markers(scorecard, &settings.links) {
        match record.mark(&marker).await {
            Ok(is_new) => publication.summary.notices += usize::from(is_new),
            Err(error) => publication.failures.push(format!(
                "that {} is {} cannot be told (marker of {}): {error}",
                marker.drill, marker.kind, marker.occasion
            )),
        }
    }
}

/// Writes one file; else says which was not written, and why.
async fn put(bucket: &impl Bucket, file: &SiteFile) -> Result<(), String> {
    let written = bucket.put_object(file).await;
    written.map_err(|failure| format!("{} is not written: {failure}", file.path))
}
