//! Overrides: what a test changes in the answers of AWS and of the application. No drawn history has any.

use std::collections::BTreeMap;

use firedrill_core::trigger::Period;
use firedrill_drills::ports::{
    AlarmSetup, DbCluster, DbInstance, Distribution, FunctionConfiguration, Group, HealthCheck, HttpReply,
    Instance, Rule, Subscription, Volume,
};
use url::Url;

use crate::scenario::Span;

/// Changes an answer that shows AWS's state at this moment, in milliseconds after the history's beginning.
pub type Override<T> = Option<fn(&mut T, u64)>;

/// What a test changes, by port.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "each is named after the answer that it changes")]
pub struct Overrides {
    pub alarm: Override<AlarmSetup>,
    pub cluster: Override<DbCluster>,
    pub cluster_instance: Override<DbInstance>,
    /// The composite alarm that follows the trigger.
    pub composite: Override<AlarmSetup>,
    pub distribution: Override<Distribution>,
    pub function: Override<FunctionConfiguration>,
    pub group: Override<Group>,
    pub instance: Override<Instance>,
    /// The alarm of the stop condition.
    pub stop_alarm: Override<AlarmSetup>,
    pub statistics: Override<Vec<Period>>,
    /// The rules of EventBridge.
    pub rules: Override<Vec<Rule>>,
    /// The subscriptions of every topic.
    pub subscriptions: Override<Vec<Subscription>>,
    /// The tags of the alarm, of the distribution and of the database.
    pub tags: Override<BTreeMap<String, String>>,
    /// Those of the alarm alone, after that.
    pub alarm_tags: Override<BTreeMap<String, String>>,
    pub volume: Override<Volume>,
    /// Whether an instance is protected against being stopped; none if the answer does not say.
    pub stop_protection: Override<Option<bool>>,
    /// The names of the rules that mute the alarm.
    pub mute_rules: &'static [&'static str],
    /// The Region of the alarm has no mute rules: CloudWatch answers with this code.
    pub no_mute_rules: Option<&'static str>,
    /// So many more target groups, without a target, that can be read until this moment, in milliseconds.
    pub other_target_groups: (usize, u64),
    pub health_checks: Option<fn() -> Vec<HealthCheck>>,
    /// The application's answer to a GET request of this URL.
    pub http: Option<fn(&Url, &mut HttpReply, u64)>,
    /// A read of AWS that fails for drills and the watchdog, and not for the failover function.
    pub unread: Option<Unread>,
    /// An instance that cannot be started during this span, by its number, for lack of capacity.
    pub no_capacity_for: Option<(usize, Span)>,
    /// No page reaches the operators: `sns:Publish` is denied.
    pub pages_denied: bool,
    /// The applications that the stack allows in production.
    pub production_applications: &'static [&'static str],
    /// RDS failed the database over ten minutes before the history.
    pub recent_failover: bool,
    /// The run's request is lost from the store at this moment.
    pub request_lost_at: Option<u64>,
    /// The address that probes of the application resolve to must not be asked.
    pub forbidden_address: bool,
}

/// A read of AWS that fails during this span.
#[derive(Clone, Copy, Debug)]
pub struct Unread {
    /// The operation, such as `sns:ListSubscriptionsByTopic`.
    pub action: &'static str,
    /// When.
    pub span: Span,
    /// It is denied rather than not answered within the call deadline.
    pub denied: bool,
}
