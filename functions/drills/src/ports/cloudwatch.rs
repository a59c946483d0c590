//! CloudWatch: alarms and their history.

use std::collections::BTreeMap;

use firedrill_core::{Timestamp, trigger::Period};
pub use firedrill_core::{failover::AlarmState, trigger::StateUpdate};
use serde_json::Number;

use super::{Ids, Next, Page, Reply};

/// The configuration and state of an alarm, as `DescribeAlarms` shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSetup {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its state; none if the answer holds none, or one that this version does not know.
    pub state: Option<AlarmState>,
    /// Why it is in this state, in `CloudWatch`'s words.
    pub reason: String,
    /// When its state or reason was last written.
    pub updated: Option<Timestamp>,
    /// Whether a change of state starts its actions (`ActionsEnabled`); no if the answer does not say.
    pub actions_enabled: bool,
    /// The actions that a change to ALARM starts.
    pub alarm_actions: Vec<String>,
    /// The actions that a change to OK starts.
    pub ok_actions: Vec<String>,
    /// What it watches.
    pub kind: Kind,
}

/// What an alarm watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A metric, or something computed from metrics.
    Metric(Box<MetricRule>),
    /// Other alarms.
    Composite {
        /// The alarm that suppresses its actions while that one is in ALARM, if it has one. A change to
        /// ALARM then first waits for it (API reference, `PutCompositeAlarm`, `ActionsSuppressor`).
        suppressor: Option<String>,
        /// What suppresses its actions just now: `Alarm`, `WaitPeriod` or `ExtensionPeriod`.
        suppressed_by: Option<String>,
    },
}

/// A metric. The same name with other dimensions is another metric (user guide, *Dimensions*).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All of its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Its unit, such as `Count`. An alarm with a unit does not count datapoints of another unit.
    pub unit: Option<String>,
}

/// When a metric alarm goes to ALARM (API reference, `PutMetricAlarm`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricRule {
    /// The metric. Without names if the alarm is computed from several, or from a query.
    pub metric: Metric,
    /// `SampleCount`, `Average`, `Sum`, `Minimum` or `Maximum`; none for a percentile and the like.
    pub statistic: Option<String>,
    /// The length of a period; none for a query.
    pub period_seconds: Option<u32>,
    /// N: the number of periods that are evaluated; none for a query.
    pub evaluation_periods: Option<u32>,
    /// M: the number of them that must breach; N if the alarm does not say.
    pub datapoints_to_alarm: Option<u32>,
    /// The threshold; none with anomaly detection.
    pub threshold: Option<Number>,
    /// Such as `LessThanThreshold`.
    pub comparison: String,
    /// What the alarm evaluates beyond one metric against a fixed threshold in sliding periods. Empty if the values
    /// above determine its state.
    pub special: Vec<Special>,
}

/// What an alarm evaluates beyond one metric and a fixed threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// `Metrics`: metric math, a Metrics Insights query, or another account's metric.
    Math,
    /// `ThresholdMetricId`: anomaly detection.
    Anomaly,
    /// `EvaluationCriteria`: a `PromQL` query.
    Query,
    /// An `EvaluationWindow` that does not slide: bound to the clock, or of a kind that this version does not know.
    Window,
}

/// An action that an alarm started, or tried to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRecord {
    /// When, by `CloudWatch`'s clock.
    pub at: Timestamp,
    /// When the alarm changed that started it: the record's `stateUpdateTimestamp`, if it holds one.
    pub change: Option<Timestamp>,
    /// The summary, such as `Successfully executed action arn:…`.
    pub summary: String,
}

/// Which statistics are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatisticsOf<'a> {
    /// The metric. Only values of its unit count, if it has one.
    pub metric: &'a Metric,
    /// The length of a period.
    pub period_seconds: u32,
    /// The begin of the first period.
    pub from: Timestamp,
    /// The end of the last one.
    pub to: Timestamp,
}

/// CloudWatch.
pub trait Alarms {
    /// `DescribeAlarms`: those of these, at most 100, that exist, metric and composite ones. Log alarms are not asked for.
    async fn describe_alarms(&self, region: &str, names: &Ids, page: Next<'_>) -> Reply<Page<AlarmSetup>>;

    /// `DescribeAlarms`, `ParentsOfAlarmName`: the names of the composite alarms whose rules name this alarm. The answer
    /// holds nothing else that tells what they do (API reference, `DescribeAlarms`).
    async fn parent_alarms(&self, region: &str, name: &str, page: Next<'_>) -> Reply<Page<String>>;

    /// `DescribeAlarmHistory`, `StateUpdate`: the changes of this alarm since then, in no order. They include a forced
    /// state that lasted less than a second. CloudWatch keeps them for 30 days (user guide, *Alarms*).
    async fn alarm_changes(
        &self,
        region: &str,
        name: &str,
        since: Timestamp,
        page: Next<'_>,
    ) -> Reply<Page<StateUpdate>>;

    /// `DescribeAlarmHistory`, `Action`: what this alarm started, or tried to start, since then, in no order.
    async fn alarm_actions(
        &self,
        region: &str,
        name: &str,
        since: Timestamp,
        page: Next<'_>,
    ) -> Reply<Page<ActionRecord>>;

    /// `ListTagsForResource`: the tags of an alarm.
    async fn alarm_tags(&self, region: &str, arn: &str) -> Reply<BTreeMap<String, String>>;

    /// `ListAlarmMuteRules`, `ACTIVE`: the names of the rules that keep this alarm's actions from being started just now. Of
    /// the three statuses of a rule, `ACTIVE` is the one in which it mutes; `SCHEDULED` means that it will do so later,
    /// `EXPIRED` that it never will again (API reference, `GetAlarmMuteRule`). Between two windows a recurring rule is
    /// `SCHEDULED`. Muted alarms change their state all the same.
    async fn active_mute_rules(&self, region: &str, alarm: &str, page: Next<'_>) -> Reply<Page<String>>;

    /// `GetMetricStatistics`: the periods that have values. The answer has no pages: AWS refuses more than 1,440 periods. A
    /// value that was just published may be missing.
    async fn statistics(&self, region: &str, of: StatisticsOf<'_>) -> Reply<Vec<Period>>;

    /// `SetAlarmState` to OK, sent once.
    async fn set_alarm_ok(&self, region: &str, name: &str, reason: &str) -> Reply<()>;
}
