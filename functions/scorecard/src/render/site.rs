//! Site: every file that is published with the scorecard. Links between pages are relative: the site works from a
//! bucket, behind a CDN, and from a folder.

use std::collections::BTreeSet;

use super::{
    path::application_path,
    scorecard::{RunPages, application_page, index_page},
};
use crate::{export, model::Scorecard};

/// One file to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// Its path below the root of the site, such as `runs/staging-bookstore-cdn-0a1b2c.html`.
    pub path: String,
    /// Its content type.
    pub content_type: &'static str,
    /// Its content.
    pub body: String,
}

impl SiteFile {
    /// A page at this path.
    #[must_use]
    pub const fn page(path: String, body: String) -> Self {
        Self { path, content_type: "text/html; charset=utf-8", body }
    }
}

/// The index, a page for each application, and everything that they show as CSV and as JSON. The pages of runs are
/// made one by one ([`run_page`](super::run_page)): they outlive the scorecards that link to them, so `runs` tells
/// which exist.
///
/// # Errors
/// A page could not be written.
pub fn site(scorecard: &Scorecard, runs: RunPages<'_>) -> askama::Result<Vec<SiteFile>> {
    let mut files = vec![SiteFile::page("index.html".to_owned(), index_page(scorecard, runs)?)];
    for application in applications(scorecard) {
        let page = application_page(scorecard, application, runs)?;
        files.push(SiteFile::page(application_path(application), page));
    }
    files.push(SiteFile {
        path: "scorecard.csv".to_owned(),
        content_type: "text/csv; charset=utf-8",
        body: export::csv(scorecard),
    });
    files.push(SiteFile {
        path: "scorecard.json".to_owned(),
        content_type: "application/json",
        body: export::json(scorecard),
    });
    Ok(files)
}

/// Every application that a page may link to.
fn applications(scorecard: &Scorecard) -> BTreeSet<&str> {
    let answered = scorecard.applications.iter().map(|answer| &answer.application);
    let drilled = scorecard.drills.iter().map(|drill| &drill.key.application);
    let found = scorecard.findings.iter().map(|finding| &finding.key.application);
    let staged = scorecard.stages.iter().map(|stage| &stage.application);
    answered.chain(drilled).chain(found).chain(staged).map(String::as_str).collect()
}
