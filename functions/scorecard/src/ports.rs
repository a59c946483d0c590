//! Ports: what publishing needs from outside: one trait for each AWS service, in the service's own words, and the record.
//!
//! Everything lies in the stack's own account and Region. One method is one operation, and one answer is one page of it. A
//! port translates and decides nothing.

#![expect(async_fn_in_trait, reason = "a function runs on one thread: no future is sent to another")]

use firedrill_core::{
    Request, Run, Timestamp, evidence::Evidence, failover::JournalEntry, ports::StoreError, result::DrillKey,
    run::RunId,
};
pub use firedrill_drills::ports::{Next, Page, Reply, Subscription, Token, every_page};
use serde_json::Value;

use crate::render::SiteFile;

/// The record, as far as it is published.
pub trait Record {
    /// Every drill that has a summary: one of which a run is over, and not longer ago than runs are kept.
    async fn drills(&self) -> Result<Vec<DrillKey>, StoreError>;
    /// At most `most` results of a drill whose runs were over since then, the newest first, each as it is stored
    /// ([`DrillResult::read`](firedrill_core::result::DrillResult::read)).
    async fn results(
        &self,
        drill: &DrillKey,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<Value>, StoreError>;
    /// The runs that are not finished, from an index that is eventually consistent.
    async fn open(&self) -> Result<Vec<RunId>, StoreError>;
    /// The head of a run, read consistently.
    async fn head(&self, id: &RunId) -> Result<Option<Run>, StoreError>;
    /// The request that started a run.
    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError>;
    /// The evidence of a run, in the order of its keys. What cannot be read of it is left out, and counted.
    async fn evidence(&self, id: &RunId) -> Result<RunEvidence, StoreError>;
    /// What failover functions noted of changes of an alarm since then, the oldest first.
    async fn journal(&self, alarm_arn: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError>;
    /// Writes a marker, unless one with its key is there; whether it was written now.
    async fn mark(&self, marker: &Marker) -> Result<bool, StoreError>;
}

/// The evidence of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunEvidence {
    /// The items, in the order of their keys.
    pub items: Vec<Evidence>,
    /// How many items could not be read.
    pub unreadable: usize,
}

/// What was told once and must not be told again: an item of its own, under `marker#KIND#DRILL_KEY` and `DUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// What it is about, such as `overdue`.
    pub kind: String,
    /// Which drill.
    pub drill: DrillKey,
    /// The due date, or whatever else tells one occasion from the next; RFC 3339 in UTC if it is a moment.
    pub occasion: String,
    /// When it was written.
    pub at: Timestamp,
    /// The notice, as JSON: the stream of the table delivers it.
    pub notice: Value,
}

/// `EventBridge` Scheduler.
pub trait Schedules {
    /// One page of all schedules of all groups (API reference, `ListSchedules`).
    async fn list_schedules(&self, next: Next<'_>) -> Reply<Page<ListedSchedule>>;
    /// One schedule (API reference, `GetSchedule`).
    async fn get_schedule(&self, group: &str, name: &str) -> Reply<Schedule>;
}

/// A schedule as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSchedule {
    /// Its group.
    pub group: String,
    /// Its name in the group.
    pub name: String,
    /// The ARN of what it starts.
    pub target_arn: String,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its ARN.
    pub arn: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// `rate(..)`, `cron(..)` or `at(..)`.
    pub expression: String,
    /// The IANA time zone of the expression; UTC if none.
    pub time_zone: Option<String>,
    /// It starts nothing before this.
    pub starts: Option<Timestamp>,
    /// It starts nothing after this.
    pub ends: Option<Timestamp>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// A delivery may come so many minutes after its time; 0 if it has no flexible window.
    pub flexible_window_minutes: u32,
    /// The ARN of what it starts.
    pub target_arn: String,
    /// What it sends.
    pub input: Option<String>,
}

/// Rules of the default bus of `EventBridge`.
pub trait EventRules {
    /// One page of the names of the rules that have this target (API reference, `ListRuleNamesByTarget`).
    async fn rule_names_by_target(&self, target_arn: &str, next: Next<'_>) -> Reply<Page<String>>;
    /// One rule (API reference, `DescribeRule`).
    async fn describe_rule(&self, name: &str) -> Reply<EventRule>;
    /// One page of its targets (API reference, `ListTargetsByRule`).
    async fn targets_by_rule(&self, name: &str, next: Next<'_>) -> Reply<Page<RuleTarget>>;
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRule {
    /// Its ARN.
    pub arn: String,
    /// Whether it is enabled. One whose state is not known is.
    pub enabled: bool,
    /// `rate(..)` or `cron(..)`; none for a rule that only events start.
    pub expression: Option<String>,
}

/// A target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTarget {
    /// Its ARN.
    pub arn: String,
    /// The constant that it is sent.
    pub input: Option<String>,
    /// The template of what it is sent, with the placeholders between `<` and `>`.
    pub input_template: Option<String>,
}

/// The parameter store of Systems Manager.
pub trait Parameters {
    /// One page of the parameters right below a path (API reference, `GetParametersByPath`).
    async fn parameters_by_path(&self, path: &str, next: Next<'_>) -> Reply<Page<Parameter>>;
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its whole name, the path included.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The bucket into which is published.
pub trait Bucket {
    /// Writes one file, and replaces what was there (API reference, `PutObject`).
    async fn put_object(&self, file: &SiteFile) -> Reply<()>;
}

/// The topic of notices.
pub trait NoticeTopic {
    /// Sends one message to everybody who subscribed (API reference, `Publish`).
    async fn publish(&self, subject: &str, text: &str) -> Reply<()>;
}

/// Who subscribed to the topic of notices.
pub trait Subscribers {
    /// One page of them (API reference, `ListSubscriptionsByTopic`).
    async fn subscriptions(&self, next: Next<'_>) -> Reply<Page<Subscription>>;
}

/// The default bus of `EventBridge`.
pub trait EventBus {
    /// Puts one event with the source `firedrill` on the bus; an entry that was not taken is a failure (API reference,
    /// `PutEvents`).
    async fn put_event(&self, detail_type: &str, detail: &Value, at: Timestamp) -> Reply<()>;
}
