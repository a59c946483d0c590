//! Clients of the publisher and of the widget: everything that a scorecard is made of, and the bucket into which it is written.

use aws_sdk_eventbridge::Client as EventsClient;
use aws_sdk_scheduler::Client as SchedulerClient;
use aws_sdk_ssm::Client as SsmClient;
use firedrill_core::request::Arn;

#[cfg(feature = "publisher")]
use crate::s3::SiteBucket;
use crate::{client::Connection, dynamodb::RunTable, notices::NoticesTopic};

/// The clients, each for the home Region: everything of a scorecard lies there. All of them only read, but for the table, in
/// which the publisher writes markers, and for its bucket.
#[derive(Clone, Debug)]
pub struct ScorecardCloud {
    pub(crate) scheduler: SchedulerClient,
    pub(crate) events: EventsClient,
    pub(crate) ssm: SsmClient,
    pub(crate) topic: NoticesTopic,
    pub(crate) table: RunTable,
    #[cfg(feature = "publisher")]
    pub(crate) bucket: SiteBucket,
}

impl ScorecardCloud {
    /// Builds every client over this connection.
    #[must_use]
    pub fn new(
        connection: &Connection,
        table: RunTable,
        topic_arn: Arn,
        #[cfg(feature = "publisher")] bucket: SiteBucket,
    ) -> Self {
        Self {
            scheduler: SchedulerClient::new(&connection.reads),
            events: EventsClient::new(&connection.reads),
            ssm: SsmClient::new(&connection.reads),
            topic: NoticesTopic::new(connection, topic_arn),
            table,
            #[cfg(feature = "publisher")]
            bucket,
        }
    }
}
