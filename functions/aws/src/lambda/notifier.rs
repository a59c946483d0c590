//! Handler of the notifier: tells people and programs what the changes of the table mean, one after the other.

use std::process::ExitCode;

use firedrill_core::ports::Clock;
use firedrill_scorecard::{
    notice::{StreamChange, notice_of, send},
    settings::Links,
};
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use super::{Failed, stream};
use crate::{
    client::Connection, clock::SystemClock, config::scorecard::NotifierSettings, event_bus::DefaultBus,
    notices::NoticesTopic,
};

/// What the notifier works with.
struct Notifier {
    topic: NoticesTopic,
    bus: DefaultBus,
    links: Links,
}

/// Serves batches of the table's stream until Lambda ends the process. A batch whose change was not told is delivered again from
/// this change on: nothing is skipped, and nothing is told before what came before it.
#[must_use]
pub fn serve_notifier() -> ExitCode {
    super::run(set_up(), &async |notifier: &Notifier, event| answer(notifier, event).await)
}

async fn set_up() -> Result<Notifier, Failed> {
    let NotifierSettings { call_deadline, topic_arn, links } =
        NotifierSettings::from_env().map_err(Failed::wrong_configuration)?;
    let connection = Connection::load(call_deadline).await;
    let topic = NoticesTopic::new(&connection, topic_arn);
    Ok(Notifier { topic, bus: DefaultBus::new(&connection), links })
}

async fn answer(notifier: &Notifier, event: LambdaEvent<Value>) -> Result<Value, Failed> {
    for delivered in stream::read(event.payload)? {
        if let Err(error) = notifier.tell(&delivered.change).await {
            tracing::error!(error, "a notice was not sent: its change is delivered again");
            return Ok(stream::again(&[delivered.sequence_number]));
        }
    }
    Ok(stream::again(&[]))
}

impl Notifier {
    async fn tell(&self, change: &StreamChange) -> Result<(), String> {
        let notice = notice_of(change, &self.links).map_err(|error| error.to_string())?;
        let Some(notice) = notice else { return Ok(()) };
        let now = SystemClock::start().now();
        send(&notice, &self.topic, &self.bus, now).await.map_err(|error| error.to_string())?;
        tracing::info!(subject = notice.subject, "a notice was sent");
        Ok(())
    }
}
