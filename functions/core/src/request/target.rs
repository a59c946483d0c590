//! What a run may touch, and how much of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Arn, Header, HttpProbe, JsonValue, ProbeKind};

/// What may be touched: one kind of thing, told by its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TargetForm", into = "TargetForm")]
#[schemars(with = "TargetForm")]
pub enum Target {
    /// EC2 instances (`instances`).
    Instances(InstanceTarget),
    /// A CloudFront distribution (`distributionArn`), failed over through an alarm.
    Distribution(Box<DistributionTarget>),
    /// A database (`clusterArn` or `instanceArn`), failed over through an alarm.
    Database(Box<DatabaseTarget>),
}

impl Target {
    /// What instances are meant; none if something else is.
    #[must_use]
    pub const fn instances(&self) -> Option<&InstanceTarget> {
        match self {
            Self::Instances(target) => Some(target),
            Self::Distribution(_) | Self::Database(_) => None,
        }
    }

    /// The trigger, if the failure is caused through an alarm.
    #[must_use]
    pub fn alarm(&self) -> Option<&AlarmTarget> {
        match self {
            Self::Instances(_) => None,
            Self::Distribution(target) => Some(&target.alarm),
            Self::Database(target) => Some(&target.alarm),
        }
    }

    /// The probe that tells who serves, if there is one.
    #[must_use]
    pub fn identity(&self) -> Option<&IdentityProbe> {
        match self {
            Self::Distribution(target) => target.identity.as_ref(),
            Self::Instances(_) | Self::Database(_) => None,
        }
    }

    /// The probe aimed at the primary itself.
    #[must_use]
    pub fn primary_probe(&self) -> Option<&ProbeKind> {
        match self {
            Self::Instances(_) => None,
            Self::Distribution(target) => Some(&target.primary_probe),
            Self::Database(target) => target.primary_probe.as_ref(),
        }
    }
}

/// Instances of one account and Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceTarget {
    /// The Region all of them lie in.
    pub region: String,
    /// Which instances.
    pub instances: InstanceSelector,
    /// How many of them.
    pub blast_radius: BlastRadius,
    /// Only those in this Availability Zone.
    pub availability_zone: Option<String>,
    /// Chooses among them.
    pub seed: Option<u32>,
}

/// The trigger of a drill that works through an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmTarget {
    /// The alarm that is forced, or whose metric is published.
    pub alarm_arn: Arn,
    /// Actions of the alarm that the drill may set off although they are dangerous.
    pub allowed_actions: Vec<String>,
    /// What is published in mode `metric`.
    pub metric: Option<MetricValue>,
    /// For automation that is not Firedrill's: how long it may take to act, in seconds.
    pub automation_deadline_seconds: Option<u32>,
}

/// A distribution that fails over from one origin to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionTarget {
    /// The trigger.
    pub alarm: AlarmTarget,
    /// The distribution.
    pub distribution_arn: Arn,
    /// Who serves, as users see it.
    pub identity: Option<IdentityProbe>,
    /// Whether the primary itself is well.
    pub primary_probe: ProbeKind,
}

/// A database that fails over to its standby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseTarget {
    /// The trigger.
    pub alarm: AlarmTarget,
    /// Which database.
    pub database: DatabaseArn,
    /// Whether the original writer is made writer again, by a second failover.
    pub restore_writer: bool,
    /// Whether the original writer itself is well; needed to restore it.
    pub primary_probe: Option<ProbeKind>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The fields of every kind of target. Which of them belong together is told by `instances`,
/// `distributionArn`, `clusterArn` or `instanceArn`: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["instances", "region", "blastRadius"]},
    {"required": ["distributionArn", "alarmArn", "primaryProbe"]},
    {"required": ["clusterArn", "alarmArn"]},
    {"required": ["instanceArn", "alarmArn"]},
]))]
pub struct TargetForm {
    /// Instances: the Region all of them lie in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    region: Option<String>,
    /// Which instances are stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instances: Option<InstanceSelector>,
    /// Instances: how many of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blast_radius: Option<BlastRadius>,
    /// Instances: only those in this Availability Zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    /// Instances: chooses among them. Random by default; the record names it, so that a choice can be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    /// The alarm that is forced (mode `alarm`) or whose metric is published (mode `metric`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm_arn: Option<Arn>,
    /// The CloudFront distribution that fails over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distribution_arn: Option<Arn>,
    /// The Aurora or Multi-AZ DB cluster that fails over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster_arn: Option<Arn>,
    /// The Multi-AZ DB instance that fails over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance_arn: Option<Arn>,
    /// Distribution: who serves, as users see it. Without it nobody can tell whether the standby serves:
    /// the outcome is `inconclusive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityProbe>,
    /// Whether the primary itself is well: asked before traffic is moved back onto it. Needed for a
    /// distribution, and to restore a writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary_probe: Option<ProbeKind>,
    /// Database: make the original writer writer again, by a second failover after the cool-down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restore_writer: Option<bool>,
    /// Alarm: actions of it that may be set off although they are dangerous (EC2, Auto Scaling, incidents),
    /// spelled as the alarm has them. Not every one is an ARN like others: `arn:aws:automate:REGION:ec2:stop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_actions: Vec<String>,
    /// Mode `metric`: what is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<MetricValue>,
    /// Alarm: for automation that is not Firedrill's (a Route 53 health check in mode `metric`), how long
    /// it may go on acting after the alarm is back, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86400))]
    automation_deadline_seconds: Option<u32>,
}

impl TryFrom<TargetForm> for Target {
    type Error = String;
    fn try_from(form: TargetForm) -> Result<Self, String> {
        let kinds = [
            ("instances", form.instances.is_some()),
            ("distributionArn", form.distribution_arn.is_some()),
            ("clusterArn", form.cluster_arn.is_some()),
            ("instanceArn", form.instance_arn.is_some()),
        ];
        let named: Vec<&str> = kinds.iter().filter(|kind| kind.1).map(|kind| kind.0).collect();
        let [kind] = named[..] else {
            let found = if named.is_empty() { "none".to_owned() } else { named.join(" and ") };
            return Err(format!(
                "must hold exactly one of `instances`, `distributionArn`, `clusterArn`, `instanceArn`; it holds {found}"
            ));
        };
        form.refuse_strangers(kind)?;
        match kind {
            "instances" => form.instances(),
            "distributionArn" => form.distribution(),
            _ => form.database(),
        }
    }
}

fn need<T>(field: &str, value: Option<T>, of: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("lacks the field `{field}`, which a target with `{of}` needs"))
}

impl TargetForm {
    /// A field that means nothing for this kind of target is a misunderstanding, not decoration.
    fn refuse_strangers(&self, kind: &str) -> Result<(), String> {
        let instances = kind == "instances";
        let fields = [
            ("region", self.region.is_some(), instances),
            ("blastRadius", self.blast_radius.is_some(), instances),
            ("availabilityZone", self.availability_zone.is_some(), instances),
            ("seed", self.seed.is_some(), instances),
            ("alarmArn", self.alarm_arn.is_some(), !instances),
            ("identity", self.identity.is_some(), kind == "distributionArn"),
            ("primaryProbe", self.primary_probe.is_some(), !instances),
            ("restoreWriter", self.restore_writer.is_some(), kind == "clusterArn"),
            ("allowedActions", !self.allowed_actions.is_empty(), !instances),
            ("metric", self.metric.is_some(), !instances),
            ("automationDeadlineSeconds", self.automation_deadline_seconds.is_some(), !instances),
        ];
        match fields.iter().find(|(_, given, fits)| *given && !*fits) {
            Some((field, ..)) => Err(format!("holds `{field}`, which means nothing beside `{kind}`")),
            None => Ok(()),
        }
    }

    fn instances(self) -> Result<Target, String> {
        let of = "instances";
        Ok(Target::Instances(InstanceTarget {
            region: need("region", self.region, of)?,
            instances: need("instances", self.instances, of)?,
            blast_radius: need("blastRadius", self.blast_radius, of)?,
            availability_zone: self.availability_zone,
            seed: self.seed,
        }))
    }

    fn distribution(self) -> Result<Target, String> {
        let of = "distributionArn";
        Ok(Target::Distribution(Box::new(DistributionTarget {
            distribution_arn: need(of, self.distribution_arn.clone(), of)?,
            identity: self.identity.clone(),
            primary_probe: need("primaryProbe", self.primary_probe.clone(), of)?,
            alarm: self.alarm(of)?,
        })))
    }

    fn database(self) -> Result<Target, String> {
        let cluster = self.cluster_arn.clone().map(DatabaseArn::Cluster);
        let instance = self.instance_arn.clone().map(DatabaseArn::Instance);
        let of = if cluster.is_some() { "clusterArn" } else { "instanceArn" };
        let restore_writer = self.restore_writer.unwrap_or(false);
        if restore_writer && self.primary_probe.is_none() {
            return Err(
                "lacks the field `primaryProbe`, which `restoreWriter` needs: traffic is moved back only \
                        onto what answers"
                    .to_owned(),
            );
        }
        Ok(Target::Database(Box::new(DatabaseTarget {
            database: need(of, cluster.or(instance), of)?,
            restore_writer,
            primary_probe: self.primary_probe.clone(),
            alarm: self.alarm(of)?,
        })))
    }

    fn alarm(self, of: &str) -> Result<AlarmTarget, String> {
        Ok(AlarmTarget {
            alarm_arn: need("alarmArn", self.alarm_arn, of)?,
            allowed_actions: self.allowed_actions,
            metric: self.metric,
            automation_deadline_seconds: self.automation_deadline_seconds,
        })
    }
}

impl From<Target> for TargetForm {
    fn from(target: Target) -> Self {
        match target {
            Target::Instances(target) => Self {
                region: Some(target.region),
                instances: Some(target.instances),
                blast_radius: Some(target.blast_radius),
                availability_zone: target.availability_zone,
                seed: target.seed,
                ..Self::default()
            },
            Target::Distribution(target) => Self {
                distribution_arn: Some(target.distribution_arn),
                identity: target.identity,
                primary_probe: Some(target.primary_probe),
                ..Self::of_alarm(target.alarm)
            },
            Target::Database(target) => {
                let (cluster_arn, instance_arn) = match target.database {
                    DatabaseArn::Cluster(arn) => (Some(arn), None),
                    DatabaseArn::Instance(arn) => (None, Some(arn)),
                };
                Self {
                    cluster_arn,
                    instance_arn,
                    restore_writer: target.restore_writer.then_some(true),
                    primary_probe: target.primary_probe,
                    ..Self::of_alarm(target.alarm)
                }
            }
        }
    }
}

impl TargetForm {
    fn of_alarm(alarm: AlarmTarget) -> Self {
        Self {
            alarm_arn: Some(alarm.alarm_arn),
            allowed_actions: alarm.allowed_actions,
            metric: alarm.metric,
            automation_deadline_seconds: alarm.automation_deadline_seconds,
            ..Self::default()
        }
    }
}

/// Which instances: exactly one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum InstanceSelector {
    /// By id. Each must be fit to be stopped, or the run is refused.
    Ids(#[schemars(length(min = 1, max = 250))] Vec<String>),
    /// Those that carry all of these tags. Unfit ones are left out, with the reason in the record.
    Tags(BTreeMap<String, String>),
    /// The members of an Auto Scaling group. Unfit ones are left out, with the reason in the record.
    AutoScalingGroup(String),
}

/// How many of the fitting instances: exactly one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum BlastRadius {
    /// So many.
    Count(#[schemars(range(min = 1, max = 250))] u32),
    /// So many in a hundred, rounded down.
    Percent(#[schemars(range(min = 1, max = 100))] u32),
}

/// Who serves: one uncached answer that names the primary or the standby. An answer from a cache
/// (`Age` over 0, or `X-Cache: Hit`) says nothing and counts as unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityProbe {
    /// `http` or `https`, as users reach it. Link-local and metadata addresses are refused.
    pub url: url::Url,
    /// A JSON pointer (RFC 6901) to the name in the body, such as `/cdn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// The header that holds the name, if it is not in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The name when the primary serves.
    pub primary: String,
    /// The name when the standby serves.
    pub standby: String,
    /// Later answers count as no.
    #[serde(default = "super::probe::default_deadline")]
    #[schemars(range(min = 1, max = 10000))]
    pub deadline_ms: u32,
    /// So many answers in a row count.
    #[serde(default = "super::probe::default_count")]
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
    /// And for so long they must hold.
    #[serde(default)]
    #[schemars(range(max = 3600))]
    pub hold_for_seconds: u32,
}

impl IdentityProbe {
    /// As an HTTP probe that wants this name.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricValue {
    /// The breaching value.
    #[schemars(with = "f64")]
    pub value: serde_json::Number,
    /// So many datapoints in each of the alarm's periods.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub per_period: u32,
}

const fn one() -> u32 {
    1
}
