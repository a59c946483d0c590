//! Handler of the publisher: the pages of runs that are over or were asked for, and the scorecard after them.

use std::process::ExitCode;

use firedrill_core::{ports::Clock, result::RESULT_PREFIX, run::RunId, text::one_line};
use firedrill_scorecard::{
    input::DrillResult,
    publish::{PublishSummary, publish, publish_run},
    settings::Settings,
};
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Failed,
    stream::{self, Delivered},
};
use crate::{
    client::Connection, clock::SystemClock, config::scorecard::ScorecardSettings, dynamodb::RunTable,
    s3::SiteBucket, scorecard::ScorecardCloud,
};

/// The most runs whose pages one call asks for: what fits into the function's timeout.
const MAX_RUNS: usize = 100;

/// What the publisher works with.
struct Publisher {
    cloud: ScorecardCloud,
    settings: Settings,
}

/// What an invocation asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    /// These runs' pages, none or more, and the scorecard.
    Runs(Vec<RunId>),
    /// The pages of the runs whose results this batch of the table's stream holds, and the scorecard.
    Batch(Value),
}

/// A call by hand, or the schedule's, which asks for nothing in particular.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Call {
    #[serde(default)]
    publish: Publish,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Publish {
    #[serde(default)]
    run_ids: Vec<RunId>,
}

/// Serves invocations until Lambda ends the process: `{}` and `{"publish": {}}` publish the scorecard,
/// `{"publish": {"runIds": ["…"]}}` the pages of these runs as well, and a batch of the table's stream those of the runs that ended.
#[must_use]
pub fn serve_publisher() -> ExitCode {
    super::run(
        set_up(),
        &async |publisher: &Publisher, event: LambdaEvent<Value>| match asked(event.payload)? {
            Asked::Runs(ids) => publisher.publish_asked(&ids).await,
            Asked::Batch(batch) => publisher.publish_batch(batch).await,
        },
    )
}

async fn set_up() -> Result<Publisher, Failed> {
    let ScorecardSettings { table, retention, call_deadline, topic_arn, scorecard: settings } =
        ScorecardSettings::from_env().map_err(Failed::wrong_configuration)?;
    let connection = Connection::load(call_deadline).await;
    let table = RunTable::new(&connection, &table, retention, call_deadline);
    let bucket = SiteBucket::new(&connection, &settings.links.bucket);
    Ok(Publisher { cloud: ScorecardCloud::new(&connection, table, topic_arn, bucket), settings })
}

fn asked(event: Value) -> Result<Asked, Failed> {
    if stream::is_batch(&event) {
        return Ok(Asked::Batch(event));
    }
    let refused = |text: String| Failed { name: "UnknownRequest", text };
    let call = serde_json::from_value::<Call>(event).map_err(|error| {
        let why = one_line(&error.to_string(), 200);
        refused(format!("neither a batch of the table's stream, `{{}}` nor `{{\"publish\": {{..}}}}`: {why}"))
    })?;
    let ids = call.publish.run_ids;
    if ids.len() > MAX_RUNS {
        return Err(refused(format!(
            "`publish.runIds` has {} entries; at most {MAX_RUNS} are allowed",
            ids.len()
        )));
    }
    Ok(Asked::Runs(ids))
}

impl Publisher {
    /// Every page is tried before one that failed fails the call.
    async fn publish_asked(&self, ids: &[RunId]) -> Result<Value, Failed> {
        let mut failures = Vec::new();
        for id in ids {
            failures.extend(self.publish_page(id).await.err());
        }
        match self.publish_scorecard().await {
            Ok(done) if failures.is_empty() => Ok(describe(&done)),
            published => {
                failures.extend(published.err());
                Err(Failed { name: "NotPublished", text: failures.join("; ") })
            }
        }
    }

    /// Answers the changes whose pages were not written; and the first change if the scorecard was not, so that it is tried
    /// again.
    async fn publish_batch(&self, batch: Value) -> Result<Value, Failed> {
        let mut again = Vec::new();
        let is_result = |delivered: &Delivered| {
            delivered.change.inserted && delivered.change.sk.starts_with(RESULT_PREFIX)
        };
        let results: Vec<Delivered> = stream::read(batch)?.into_iter().filter(is_result).collect();
        let Some(first) = results.first() else { return Ok(stream::again(&[])) };
        for delivered in &results {
            let id = DrillResult::read(&delivered.change.new).map(|result| RunId(result.run_id));
            let written = match id {
                Ok(id) => self.publish_page(&id).await,
                Err(error) => Err(format!("{}, {}: {error}", delivered.change.pk, delivered.change.sk)),
            };
            if let Err(error) = written {
                tracing::error!(error, "the page of a run was not written: its result is delivered again");
                again.push(delivered.sequence_number.clone());
            }
        }
        if let Err(error) = self.publish_scorecard().await {
            tracing::error!(error, "the scorecard was not published: the batch is delivered again");
            again = vec![first.sequence_number.clone()];
        }
        Ok(stream::again(&again))
    }

    async fn publish_page(&self, id: &RunId) -> Result<(), String> {
        let now = SystemClock::start().now();
        // Boxed, here and below: the future of all that is read is large, and would be moved.
        let published = Box::pin(publish_run(&self.cloud, &self.settings, id, now)).await;
        let published = published.map_err(|error| error.to_string())?;
        if let Some(line) = published.metrics {
            println!("{line}");
        }
        tracing::info!(runId = %id, path = published.path, "the page of a run was written");
        Ok(())
    }

    async fn publish_scorecard(&self) -> Result<PublishSummary, String> {
        let now = SystemClock::start().now();
        let publication = Box::pin(publish(&self.cloud, &self.settings, now)).await;
        for line in &publication.metrics {
            println!("{line}");
        }
        let done = publication.result().map_err(|error| error.to_string())?;
        let PublishSummary { files, drills, overdue, failing, unread, notices } = done;
        tracing::info!(files, drills, overdue, failing, unread, notices, "the scorecard was published");
        Ok(done)
    }
}

fn describe(done: &PublishSummary) -> Value {
    let PublishSummary { files, drills, overdue, failing, unread, notices } = done;
    json!({
        "files": files, "drills": drills, "overdue": overdue, "failing": failing, "unread": unread, "notices": notices
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_says_which_runs_or_none() {
        let runs = |ids: &[&str]| Asked::Runs(ids.iter().map(|id| RunId((*id).to_owned())).collect());
        assert_eq!(asked(json!({})).unwrap(), runs(&[]));
        assert_eq!(asked(json!({ "publish": {} })).unwrap(), runs(&[]));
        let id = "staging/bookstore/cdn/1";
        assert_eq!(asked(json!({ "publish": { "runIds": [id] } })).unwrap(), runs(&[id]));
        let batch = json!({ "Records": [] });
        assert_eq!(asked(batch.clone()).unwrap(), Asked::Batch(batch));
    }

    #[test]
    fn what_is_not_known_is_never_taken_for_a_call_to_publish() {
        for (event, named) in [
            (json!({ "publsh": {} }), "publsh"),
            (json!({ "publish": { "runs": [] } }), "runs"),
            (json!({ "publish": { "runIds": "all" } }), "all"),
            (json!("publish"), "publish"),
            (Value::Null, "null"),
            (json!({ "publish": { "runIds": vec!["a/b/c/d"; MAX_RUNS + 1] } }), "publish.runIds"),
        ] {
            let Failed { name, text } = asked(event).unwrap_err();
            assert!(name == "UnknownRequest" && text.contains(named), "{text}");
        }
    }
}
