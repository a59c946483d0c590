//! Writes the pages of the sample year into a folder, beside them the answer to a dashboard, and the pages of some
//! runs, one for each way in which a run may end:
//!
//! `cargo run -p firedrill-scorecard --example site -- FOLDER [DRILLS]`
//!
//! `screenshots.sh` beside it makes the screenshots in `tests/screenshots` from these pages.

#[path = "../tests/pages/fixture.rs"]
mod fixture;
#[path = "../tests/pages/runs.rs"]
mod runs;

use std::{fs, path::Path};

use firedrill_core::Timestamp;
use firedrill_scorecard::{
    model::Scorecard,
    render::{Published, RunRecord, run_page, site, widget},
    sample,
};
use fixture::{Recorded, at};
use runs::every_ending;

/// 28 November 2026, 04:00 UTC.
const AS_OF: Timestamp = Timestamp::from_millis(1_795_838_400_000);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder")?;
    let drills = arguments.next().map(|number| number.parse()).transpose()?;
    let folder = Path::new(&folder);
    let inputs = drills.map_or_else(|| sample::year(AS_OF), |drills| sample::year_of(drills, AS_OF));
    let scorecard = Scorecard::of(&inputs, AS_OF);
    for file in site(&scorecard, &|_| false)? {
        let path = folder.join(&file.path);
        fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
        fs::write(path, file.body)?;
    }
    let answer = widget(&serde_json::json!({}), &scorecard, Some("https://results.example.com"), &|_| false)?;
    fs::write(folder.join("widget.html"), answer.as_str().ok_or("a widget is a text")?)?;
    let published = Published { as_of: at(3_600), version: "0.1.0" };
    fs::create_dir_all(folder.join("runs"))?;
    for (name, Recorded { run, request, evidence }) in every_ending() {
        let record = RunRecord { run: &run, request: Some(&request), evidence: &evidence };
        fs::write(folder.join(format!("runs/{name}.html")), run_page(record, published)?)?;
    }
    Ok(())
}
