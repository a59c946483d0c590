//! Targets: what a run may touch, and how much of it (the blast radius).

use std::collections::{BTreeMap, BTreeSet};

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Arn, Header, HttpProbe, JsonValue, Millis, ProbeKind, Seconds,
    validate::{Problems, is_instance_id},
};
use crate::text::quoted;

/// The tag that an instance, alarm, distribution or database must carry to be touched at all.
pub const OPT_IN_TAG: (&str, &str) = ("firedrill:allowed", "true");

/// What may be touched: exactly one kind of target, under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// EC2 instances, stopped in mode `stop`.
    Instances(#[garde(dive)] InstanceTarget),
    /// A CloudFront distribution, failed over through an alarm.
    Distribution(#[garde(dive)] Box<DistributionTarget>),
    /// A database, failed over through an alarm.
    Database(#[garde(dive)] Box<DatabaseTarget>),
}

impl Target {
    /// The name under which the request has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Instances(_) => "instances",
            Self::Distribution(_) => "distribution",
            Self::Database(_) => "database",
        }
    }

    /// The instances; none if the target is something else.
    #[must_use]
    pub const fn instances(&self) -> Option<&InstanceTarget> {
        match self {
            Self::Instances(target) => Some(target),
            Self::Distribution(_) | Self::Database(_) => None,
        }
    }

    /// The trigger; none if the failure is not injected through an alarm.
    #[must_use]
    pub fn trigger(&self) -> Option<&AlarmTrigger> {
        match self {
            Self::Instances(_) => None,
            Self::Distribution(target) => Some(&target.trigger),
            Self::Database(target) => Some(&target.trigger),
        }
    }

    /// The probe that tells which origin serves, if there is one.
    #[must_use]
    pub fn identity(&self) -> Option<&IdentityProbe> {
        match self {
            Self::Distribution(target) => target.identity.as_ref(),
            Self::Instances(_) | Self::Database(_) => None,
        }
    }

    /// Whether a failover counts only once CloudFront reports it as deployed everywhere.
    #[must_use]
    pub const fn requires_deployed(&self) -> bool {
        match self {
            Self::Distribution(target) => target.require_deployed,
            Self::Instances(_) | Self::Database(_) => false,
        }
    }

    /// The probe aimed at the primary itself, if there is one.
    #[must_use]
    pub fn primary_probe(&self) -> Option<&ProbeKind> {
        match self {
            Self::Instances(_) => None,
            Self::Distribution(target) => Some(&target.primary_probe),
            Self::Database(target) => target.primary_probe.as_ref(),
        }
    }

    /// What no bound of a single field can say of it, and what is its kind's own.
    pub(super) fn check(&self, at: &str, found: &mut Problems) {
        match self {
            Self::Instances(target) => target.check(at, found),
            Self::Distribution(target) => target.check(at, found),
            Self::Database(target) => target.check(at, found),
        }
    }
}

/// Instances of one account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct InstanceTarget {
    /// The Region all of them lie in, such as `eu-west-2`.
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// Which instances are candidates.
    #[garde(dive)]
    pub select: InstanceSelector,
    /// How many of them are stopped.
    #[garde(dive)]
    pub blast_radius: BlastRadius,
    /// Only those in this Availability Zone; in any by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// Chooses among the candidates. Random by default; the record names it, so that a choice can be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
}

impl InstanceTarget {
    fn check(&self, at: &str, found: &mut Problems) {
        if !is_region(&self.region) {
            found.add(
                format!("{at}.region"),
                format!("{} is not a Region, such as eu-west-2", quoted(&self.region)),
            );
        }
        self.select.check(&format!("{at}.select"), found);
        if let Some(zone) = &self.availability_zone
            && zone.strip_prefix(&*self.region).is_none_or(str::is_empty)
        {
            found.add(
                format!("{at}.availabilityZone"),
                format!("{} does not lie in {}", quoted(zone), quoted(&self.region)),
            );
        }
    }
}

/// The trigger: the alarm through which a CDN or database drill works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct AlarmTrigger {
    /// The alarm that is forced (mode `alarm`), or on whose metric datapoints are published (mode `metric`).
    pub alarm_arn: Arn,
    /// What the drill may set off besides the failover, at most 50, none by default: actions of the alarm, spelled as the
    /// alarm has them (`arn:aws:automate:REGION:ec2:stop`), endpoints of subscriptions, targets of rules, functions. The
    /// ARN of a topic, a rule or a composite alarm allows everything behind it. `unread:events`, `unread:sns`,
    /// `unread:lambda`, `unread:cloudwatch` and `unread:route53` allow what could not be read there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 50))]
    pub allowed_actions: Vec<String>,
    /// What is published in mode `metric`, which needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub metric: Option<MetricValue>,
    /// For automation that is not Firedrill's (a Route 53 health check in mode `metric`): how many seconds it may go
    /// on acting after the alarm is back; 1 to 86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(range(min = 1, max = 86400))]
    pub automation_deadline_seconds: Option<Seconds>,
}

/// A CloudFront distribution that fails over from one origin to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct DistributionTarget {
    /// The distribution: `arn:aws:cloudfront::ACCOUNT:distribution/ID`.
    pub arn: Arn,
    /// The alarm through which it fails over.
    #[garde(dive)]
    pub trigger: AlarmTrigger,
    /// Who serves, as users see it. Without it nobody can tell whether the standby serves: the outcome is
    /// `inconclusive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub identity: Option<IdentityProbe>,
    /// Whether the failover counts only once CloudFront reports the change as deployed everywhere: probes see one of its edges.
    /// `false` by default: it counts once the standby serves there.
    #[serde(default)]
    pub require_deployed: bool,
    /// Whether the primary origin itself is healthy (`http` or `tcp`): asked before traffic is moved back onto it.
    #[garde(dive)]
    pub primary_probe: ProbeKind,
}

impl DistributionTarget {
    fn check(&self, at: &str, found: &mut Problems) {
        let arn = &self.arn;
        if !(arn.service() == "cloudfront" && arn.resource().starts_with("distribution/")) {
            found.add(
                format!("{at}.arn"),
                format!(
                    "{} is not a distribution's ARN (arn:aws:cloudfront::ACCOUNT:distribution/ID)",
                    quoted(arn.as_str())
                ),
            );
        }
    }
}

/// A database that fails over to its standby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct DatabaseTarget {
    /// The database: an Aurora or Multi-AZ DB cluster (`arn:aws:rds:REGION:ACCOUNT:cluster:ID`) or a Multi-AZ DB
    /// instance (`arn:aws:rds:REGION:ACCOUNT:db:ID`).
    pub arn: DatabaseArn,
    /// The alarm through which it fails over.
    #[garde(dive)]
    pub trigger: AlarmTrigger,
    /// Cluster only: make the original writer the writer again, by a second failover after the cool-down; `false` by
    /// default, which leaves the new writer. Needs `primaryProbe`.
    #[serde(default)]
    pub restore_writer: bool,
    /// Whether the original writer itself is healthy (`http` or `tcp`); needed to restore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    pub primary_probe: Option<ProbeKind>,
}

impl DatabaseTarget {
    fn check(&self, at: &str, found: &mut Problems) {
        if self.restore_writer && matches!(self.arn, DatabaseArn::Instance(_)) {
            found.add(format!("{at}.restoreWriter"), "is for clusters: an instance has no other writer");
        }
        if self.restore_writer && self.primary_probe.is_none() {
            found.add(
                format!("{at}.primaryProbe"),
                "is missing: `restoreWriter` needs it, because traffic is moved back only onto what answers",
            );
        }
    }
}

/// A database, known by its ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^arn:[a-z-]+:rds:[a-z0-9-]+:[0-9]*:(cluster|db):.+$"))]
pub enum DatabaseArn {
    /// An Aurora or Multi-AZ DB cluster.
    Cluster(Arn),
    /// A Multi-AZ DB instance.
    Instance(Arn),
}

impl DatabaseArn {
    /// The ARN, whatever it is of.
    #[must_use]
    pub const fn arn(&self) -> &Arn {
        match self {
            Self::Cluster(arn) | Self::Instance(arn) => arn,
        }
    }

    /// Its identifier: what follows `cluster:` or `db:`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arn().resource().split_once(':').map_or("", |(_, id)| id)
    }
}

/// The ARN of something that is no RDS database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is neither a DB cluster's ARN (arn:aws:rds:REGION:ACCOUNT:cluster:ID) nor a DB instance's \
     (arn:aws:rds:REGION:ACCOUNT:db:ID)",
    crate::text::quoted(.0)
)]
pub struct NotADatabase(String);

impl TryFrom<String> for DatabaseArn {
    type Error = NotADatabase;
    fn try_from(text: String) -> Result<Self, NotADatabase> {
        let arn =
            Arn::try_from(text.clone()).ok().filter(|arn| arn.service() == "rds" && !arn.region().is_empty());
        let Some(arn) = arn else { return Err(NotADatabase(text)) };
        match arn.resource().split_once(':') {
            Some(("cluster", id)) if !id.is_empty() => Ok(Self::Cluster(arn)),
            Some(("db", id)) if !id.is_empty() => Ok(Self::Instance(arn)),
            _ => Err(NotADatabase(text)),
        }
    }
}

impl From<DatabaseArn> for String {
    fn from(database: DatabaseArn) -> Self {
        database.arn().to_string()
    }
}

/// Which instances are candidates: exactly one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub enum InstanceSelector {
    /// By id, 1 to 250 of them. Each must be fit to be stopped, or the run is refused.
    Ids(#[garde(length(min = 1, max = 250))] Vec<String>),
    /// Those that carry all of these tags, 1 to 20. Unfit ones are excluded, with the reason in the record.
    Tags(#[garde(length(min = 1, max = 20))] BTreeMap<String, String>),
    /// The members of an Auto Scaling group, by its name (1 to 255 characters). Unfit ones are excluded, with the
    /// reason in the record.
    AutoScalingGroup(#[garde(length(chars, min = 1, max = 255))] String),
}

impl InstanceSelector {
    fn check(&self, at: &str, found: &mut Problems) {
        match self {
            Self::Ids(ids) => {
                for (i, id) in ids.iter().enumerate() {
                    if !is_instance_id(id) {
                        found.add(
                            format!("{at}.ids[{i}]"),
                            format!("{} is not an instance id (i-0123456789abcdef0)", quoted(id)),
                        );
                    }
                }
                if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
                    found.add(format!("{at}.ids"), "names an instance twice");
                }
            }
            Self::Tags(tags) => {
                if !tags.is_empty() && tags.keys().all(|key| key == OPT_IN_TAG.0) {
                    found.add(
                        format!("{at}.tags"),
                        "would match everything that may be drilled: name at least one tag of the application",
                    );
                }
                for (key, value) in tags {
                    // EC2's filters read * and ? as wildcards.
                    if key.is_empty()
                        || value.is_empty()
                        || key.contains(['*', '?'])
                        || value.contains(['*', '?'])
                    {
                        found.add(
                            format!("{at}.tags.{key}"),
                            format!(
                                "{}: empty tags and wildcards (* ?) match more than is meant",
                                quoted(value)
                            ),
                        );
                    }
                }
            }
            Self::AutoScalingGroup(name) => {
                found.blank(format!("{at}.autoScalingGroup"), name);
            }
        }
    }
}

/// How many of the fitting candidates are stopped: exactly one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
pub enum BlastRadius {
    /// So many; 1 to 250.
    Count(#[garde(range(min = 1, max = 250))] u32),
    /// So many in a hundred, rounded down; 1 to 100.
    Percent(#[garde(range(min = 1, max = 100))] u32),
}

/// Who serves: one uncached answer that names the primary or the standby. An answer from a cache (`Age` over 0, or
/// `X-Cache: Hit`) says nothing and counts as unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct IdentityProbe {
    /// `http` or `https`, as users reach it. Link-local and metadata addresses are refused.
    pub url: url::Url,
    /// A JSON pointer (RFC 6901) to the name in the body, such as `/cdn`. Exactly one of `json` and `header`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// The header that holds the name, if it is not in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The name when the primary serves.
    pub primary: String,
    /// The name when the standby serves.
    pub standby: String,
    /// An answer later than this many milliseconds counts as no; 1 to 10000, 2000 by default.
    #[serde(default = "super::probe::default_deadline")]
    #[garde(range(min = 1, max = 10000))]
    pub deadline_ms: Millis,
    /// So many answers in a row hold; 1 to 100, 3 by default.
    #[serde(default = "super::probe::default_count")]
    #[garde(range(min = 1, max = 100))]
    pub count: u32,
    /// They must go on for this many seconds to hold; at most 3600, 0 by default.
    #[serde(default)]
    #[garde(range(max = 3600))]
    pub hold_for_seconds: Seconds,
}

impl IdentityProbe {
    /// The HTTP probe whose yes means that `name` serves.
    #[must_use]
    pub fn wants(&self, name: &str) -> HttpProbe {
        HttpProbe {
            url: self.url.clone(),
            status: 200,
            header: self.header.clone().map(|header| Header { name: header, value: name.to_owned() }),
            json: self.json.clone().map(|pointer| JsonValue { pointer, equals: name.into() }),
            deadline_ms: self.deadline_ms,
        }
    }
}

/// What is published on an alarm's own metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct MetricValue {
    /// The breaching value: 0, or as CloudWatch takes numbers, between 2^-360 and 2^360 (some 4e-109 and 2e108), of either
    /// sign.
    #[schemars(with = "f64")]
    pub value: serde_json::Number,
    /// So many datapoints in each of the alarm's periods; 1 to 10, 1 by default.
    #[serde(default = "one")]
    #[garde(range(min = 1, max = 10))]
    pub per_period: u32,
}

const fn one() -> u32 {
    1
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.last().is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
        && parts[..parts.len() - 1].iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
}
