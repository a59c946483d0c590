//! Pages: one of each kind, as they are published.

use std::fs;

use firedrill_core::Timestamp;
use firedrill_scorecard::{
    input::Inputs,
    model::Scorecard,
    render::{Published, RunRecord, run_page, site, widget},
    sample,
};
use serde_json::json;

use crate::{
    fixture::{Recorded, at},
    hostile, root,
    runs::every_ending,
};

/// The moment of the sample's scorecard: 28 November 2026, 04:00 UTC, a Saturday.
pub const AS_OF: Timestamp = Timestamp::from_millis(AS_OF_MS);
/// The same in milliseconds since 1970.
pub const AS_OF_MS: i64 = 1_795_838_400_000;

/// One page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path below the root of the site.
    pub path: String,
    /// Its source.
    pub html: String,
}

impl Page {
    /// This page without the policy that forbids scripts: whether it does no harm must not rest on that alone.
    pub fn without_policy(&self) -> Self {
        let Some((before, rest)) = self.html.split_once("<meta http-equiv=\"Content-Security-Policy\"")
        else {
            // A dashboard's own page, around the widget, has none of ours.
            assert!(self.path.starts_with("widget"), "{} has no policy", self.path);
            return self.clone();
        };
        let (_, after) = rest.split_once('>').expect("the element ends");
        Self { path: self.path.replace(".html", "-open.html"), html: format!("{before}{after}") }
    }
}

/// The pages of the sample year.
pub fn sample() -> Vec<Page> {
    let pages = published(&sample::year(AS_OF), every_ending());
    write("sample", &pages);
    pages
}

/// The scorecard's pages of two hundred drills.
pub fn many() -> Vec<Page> {
    let pages = published(&sample::year_of(200, AS_OF), Vec::new());
    write("many", &pages);
    pages
}

/// The pages of a year in which every text is hostile.
pub fn hostile() -> Vec<Page> {
    let pages = published(&hostile::year(AS_OF), vec![("hostile", hostile::run())]);
    write("hostile", &pages);
    pages
}

/// The scorecard's pages, those of these runs, and a page around the widget.
fn published(inputs: &Inputs, runs: Vec<(&str, Recorded)>) -> Vec<Page> {
    let scorecard = Scorecard::of(inputs, AS_OF);
    let files = site(&scorecard, &|_| true).expect("the site is written");
    let files = files.into_iter().filter(|file| file.content_type.starts_with("text/html"));
    let mut pages: Vec<Page> = files.map(|file| Page { path: file.path, html: file.body }).collect();
    let published = Published { as_of: at(3_600), version: "0.1.0" };
    for (name, Recorded { run, request, evidence }) in runs {
        let record = RunRecord { run: &run, request: Some(&request), evidence: &evidence };
        let html = run_page(record, published).expect("the page is written");
        pages.push(Page { path: format!("runs/{name}.html"), html });
    }
    for theme in ["light", "dark"] {
        pages.push(around_the_widget(&scorecard, theme));
    }
    pages
}

/// A page as a dashboard would put it around the widget.
fn around_the_widget(scorecard: &Scorecard, theme: &str) -> Page {
    let event = json!({ "widgetContext": { "theme": theme } });
    let answer = widget(&event, scorecard, Some("https://results.example.com"), &|_| true);
    let answer = answer.expect("the widget is written");
    let inside = answer.as_str().expect("a widget is a text");
    let colours = if theme == "dark" { "background: #16191f; color: #eaeded" } else { "background: #fff" };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>A dashboard</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">\
         <style>body {{ {colours} }} body.dark a {{ color: #44b9d6 }}</style></head>\
         <body class=\"{theme}\"><main><h1>A dashboard</h1>{inside}</main></body></html>"
    );
    Page { path: format!("widget-{theme}.html"), html }
}

/// Writes pages below `target/browser`, for whoever wants to see what a test saw.
fn write(name: &str, pages: &[Page]) {
    for page in pages {
        let path = root().join("target/browser").join(name).join(&page.path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder is made");
        fs::write(&path, &page.html).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
