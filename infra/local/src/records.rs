//! Records file `runs.json`: the records of a demo's runs, as the table holds them.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use firedrill_core::report::report;
use serde_json::{Value, json};

use crate::{LocalError, paths, record_reader::Record};

/// The folder of what a demo writes, unless another is named.
#[must_use]
pub fn default_folder() -> PathBuf {
    paths::target().join("demo")
}

/// One record: the head's fields, the targets and times that [`report`] computes from them (milliseconds, null if
/// unknown), and the evidence.
#[must_use]
pub fn json(record: &Record) -> Value {
    let report = report(&record.run);
    let ms = |took: Option<firedrill_core::report::Took>| took.map(|took| took.ms);
    let mut value = record.head.clone();
    value["targets"] = json!(report.targets);
    value["objectiveMs"] = json!(report.objective_ms);
    value["timeToDetectMs"] = json!(ms(report.time_to_detect));
    value["timeToRecoverMs"] = json!(ms(report.time_to_recover));
    value["timeToRecoverResolutionMs"] = json!(report.time_to_recover.map(|took| took.resolution_ms));
    value["timeToRollBackMs"] = json!(report.time_to_roll_back_ms);
    // The head holds the counts of its evidence under this name, which the evidence itself takes here.
    value["evidenceCounts"] = value["evidence"].take();
    value["evidence"] = json!(record.items);
    value
}

/// Writes these records into a folder and returns the path of the file, `runs.json`. The file is replaced atomically: a reader finds the old or the new.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn write(folder: &Path, records: &[Record]) -> Result<PathBuf, LocalError> {
    let path = folder.join("runs.json");
    fs::create_dir_all(folder).map_err(LocalError::file("cannot create", folder))?;
    let failed = || LocalError::file("cannot write", &path);
    let text = serde_json::to_string_pretty(&records.iter().map(json).collect::<Vec<_>>());
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
    new.write_all(text.unwrap_or_default().as_bytes())
        .and_then(|()| new.write_all(b"\n"))
        .map_err(failed())?;
    new.persist(&path).map_err(|error| error.error).map_err(failed())?;
    Ok(path)
}
