//! Site: what was published into a bucket of local AWS, written to a folder of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{DemoStack, LocalError};

/// As many runs as one invocation is asked for.
const MAX_RUNS: usize = 50;

/// Publishes the pages of these runs, then everything else, and writes all of it into the folder `site` below this one;
/// the path of its first page.
///
/// # Errors
/// The publisher failed, or the folder cannot be written.
pub async fn publish(stack: &DemoStack, folder: &Path, runs: &[String]) -> Result<PathBuf, LocalError> {
    for runs in runs.chunks(MAX_RUNS) {
        asked(stack, &json!({ "publish": { "runIds": runs } })).await?;
    }
    asked(stack, &json!({ "publish": {} })).await?;
    let site = folder.join("site");
    if site.exists() {
        fs::remove_dir_all(&site).map_err(LocalError::file("cannot remove", &site))?;
    }
    for (path, body) in stack.aws.objects(&stack.output("ScorecardBucketName")?).await? {
        let file = site.join(&path);
        let parent = file.parent().unwrap_or(&site);
        fs::create_dir_all(parent).map_err(LocalError::file("cannot create", parent))?;
        fs::write(&file, body).map_err(LocalError::file("cannot write", &file))?;
    }
    Ok(site.join("index.html"))
}

async fn asked(stack: &DemoStack, payload: &Value) -> Result<(), LocalError> {
    let answer = stack.aws.invoke("firedrill-publisher", payload).await?;
    if answer.failed {
        return Err(LocalError::Run(format!("nothing was published: {}", answer.payload)));
    }
    Ok(())
}
