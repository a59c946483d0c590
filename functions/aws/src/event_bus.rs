//! EventBridge: puts events of Firedrill on the default bus.

use aws_sdk_eventbridge::{
    Client,
    operation::put_events::PutEventsOutput,
    primitives::DateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use firedrill_core::Timestamp;
use firedrill_drills::{Failure, failure::Answer};
use firedrill_scorecard::ports::{EventBus, Reply};
use serde_json::Value;

use crate::client::{Connection, failure};

const ACTION: &str = "events:PutEvents";
/// The source of every event of ours.
const SOURCE: &str = "firedrill";

/// The default bus of the home Region.
#[derive(Clone, Debug)]
pub struct DefaultBus(Client);

impl DefaultBus {
    /// The bus over this connection. Each call is sent once: a second one would be a second event.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self(Client::new(&connection.mutating))
    }
}

impl EventBus for DefaultBus {
    async fn put_event(&self, detail_type: &str, detail: &Value, at: Timestamp) -> Reply<()> {
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(detail_type)
            .detail(detail.to_string())
            .time(DateTime::from_millis(at.as_millis()));
        let sent = self.0.put_events().entries(entry.build()).send().await;
        taken(sent.map_err(failure(ACTION))?)
    }
}

/// An answer of success may say of each entry that it was not taken (API reference, `PutEvents`).
fn taken(answer: PutEventsOutput) -> Reply<()> {
    if answer.failed_entry_count == 0 {
        return Ok(());
    }
    let entries = answer.entries.unwrap_or_default();
    let failed = entries.into_iter().find(|entry| entry.error_code.is_some());
    let PutEventsResultEntry { error_code, error_message, .. } =
        failed.unwrap_or_else(|| PutEventsResultEntry::builder().build());
    Err(Failure {
        action: ACTION,
        answer: Answer::Error { code: error_code.unwrap_or_default(), status: 400 },
        message: error_message.unwrap_or_else(|| "the event was not taken".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_not_taken_is_never_a_success() {
        let taken_with = |failed: i32, entry: Option<PutEventsResultEntry>| {
            let answer = PutEventsOutput::builder().failed_entry_count(failed);
            taken(answer.set_entries(entry.map(|entry| vec![entry])).build())
        };
        assert_eq!(taken_with(0, Some(PutEventsResultEntry::builder().event_id("1").build())), Ok(()));
        let throttled =
            PutEventsResultEntry::builder().error_code("ThrottlingException").error_message("later");
        let failure = taken_with(1, Some(throttled.build())).unwrap_err();
        assert_eq!(failure.to_string(), "events:PutEvents: ThrottlingException: later");
        assert!(taken_with(1, None).is_err(), "without a reason");
    }
}
