//! Failover rule: which alarm fails over which resource, as a failover function is configured.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::request::Arn;

/// One alarm and the resource that it fails over: an entry of `FIREDRILL_FAILOVERS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailoverRule {
    /// The alarm that starts the failover.
    pub alarm_arn: Arn,
    /// A CloudFront distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution_arn: Option<Arn>,
    /// Distribution: the id of the origin that serves in steady state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_origin: Option<String>,
    /// Distribution: the id of the origin that takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_origin: Option<String>,
    /// Distribution: path patterns of the behaviours that move along with the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behaviors: Vec<String>,
    /// Distribution: fail back automatically when the alarm is OK again. Off by default: an operator decides.
    #[serde(default)]
    pub fail_back_on_ok: bool,
    /// An Aurora or Multi-AZ DB cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_arn: Option<Arn>,
    /// Cluster: the reader that becomes writer; AWS chooses if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// A Multi-AZ DB instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_arn: Option<Arn>,
}

/// The resource that fails over, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverTarget {
    /// A distribution, from one origin to the other.
    Distribution {
        /// The distribution.
        arn: Arn,
        /// The primary's origin id.
        primary: String,
        /// The standby's origin id.
        standby: String,
        /// Path patterns of the behaviours that move, beside the default one.
        behaviors: Vec<String>,
    },
    /// A cluster, to this reader if one is named.
    Cluster {
        /// The cluster.
        arn: Arn,
        /// The reader that becomes writer; `None` if RDS chooses.
        reader: Option<String>,
    },
    /// A Multi-AZ instance.
    Instance {
        /// The DB instance.
        arn: Arn,
    },
}

impl FailoverTarget {
    /// Its ARN.
    #[must_use]
    pub const fn arn(&self) -> &Arn {
        match self {
            Self::Distribution { arn, .. } | Self::Cluster { arn, .. } | Self::Instance { arn } => arn,
        }
    }
}

/// What is wrong with one rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongRule {
    /// `alarmArn` is the ARN of something else.
    #[error("`alarmArn` {0} is not an alarm's ARN")]
    NotAnAlarm(Arn),
    /// A field that belongs to another kind of resource.
    #[error("the entry for {alarm} holds `{field}`, which does not apply to its resource")]
    Misplaced {
        /// The entry's alarm.
        alarm: Arn,
        /// The field.
        field: &'static str,
    },
    /// A distribution's rule without both origins.
    #[error("the entry for {0} needs `primaryOrigin` and `standbyOrigin`")]
    NoOrigins(Arn),
    /// A distribution's rule whose origins are one.
    #[error("the entry for {alarm} names {origin} as both `primaryOrigin` and `standbyOrigin`")]
    OneOrigin {
        /// The entry's alarm.
        alarm: Arn,
        /// The origin.
        origin: String,
    },
    /// A rule of no resource, or of several.
    #[error("the entry for {0} must hold exactly one of `distributionArn`, `clusterArn`, `instanceArn`")]
    NotOneResource(Arn),
}

/// What is wrong with `FIREDRILL_FAILOVERS`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongRules {
    /// It is not a list of rules.
    #[error("FIREDRILL_FAILOVERS at `{field}`: {what}")]
    Unreadable {
        /// The field, such as `[0].clusterArn`.
        field: String,
        /// What the parser says about it.
        what: String,
    },
    /// One of its rules is wrong.
    #[error("FIREDRILL_FAILOVERS: {0}")]
    Rule(#[from] WrongRule),
    /// Two rules are for one alarm.
    #[error("FIREDRILL_FAILOVERS names {0} twice")]
    Twice(Arn),
}

impl FailoverRule {
    /// The resource that this rule fails over.
    ///
    /// # Errors
    /// Which field is missing, or does not belong to the others.
    pub fn resource(&self) -> Result<FailoverTarget, WrongRule> {
        let alarm = || self.alarm_arn.clone();
        if self.alarm_arn.alarm_name().is_none() {
            return Err(WrongRule::NotAnAlarm(alarm()));
        }
        let misplaced = [
            ("primaryOrigin", self.primary_origin.is_some(), self.distribution_arn.is_some()),
            ("standbyOrigin", self.standby_origin.is_some(), self.distribution_arn.is_some()),
            ("behaviors", !self.behaviors.is_empty(), self.distribution_arn.is_some()),
            ("failBackOnOk", self.fail_back_on_ok, self.distribution_arn.is_some()),
            ("reader", self.reader.is_some(), self.cluster_arn.is_some()),
        ];
        if let Some((field, ..)) = misplaced.iter().find(|(_, given, fits)| *given && !*fits) {
            return Err(WrongRule::Misplaced { alarm: alarm(), field });
        }
        match (&self.distribution_arn, &self.cluster_arn, &self.instance_arn) {
            (Some(arn), None, None) => {
                let (Some(primary), Some(standby)) = (&self.primary_origin, &self.standby_origin) else {
                    return Err(WrongRule::NoOrigins(alarm()));
                };
                if primary == standby {
                    return Err(WrongRule::OneOrigin { alarm: alarm(), origin: primary.clone() });
                }
                let (primary, standby) = (primary.clone(), standby.clone());
                let behaviors = self.behaviors.clone();
                Ok(FailoverTarget::Distribution { arn: arn.clone(), primary, standby, behaviors })
            }
            (None, Some(arn), None) => {
                Ok(FailoverTarget::Cluster { arn: arn.clone(), reader: self.reader.clone() })
            }
            (None, None, Some(arn)) => Ok(FailoverTarget::Instance { arn: arn.clone() }),
            _ => Err(WrongRule::NotOneResource(alarm())),
        }
    }
}

/// Parses `FIREDRILL_FAILOVERS`, a JSON list of [`FailoverRule`].
///
/// # Errors
/// Which field of which entry is wrong, and why.
pub fn parse_rules(text: &str) -> Result<Vec<(FailoverRule, FailoverTarget)>, WrongRules> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let entries: Vec<FailoverRule> =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| WrongRules::Unreadable {
            field: error.path().to_string(),
            what: error.inner().to_string(),
        })?;
    let mut rules: Vec<(FailoverRule, FailoverTarget)> = Vec::with_capacity(entries.len());
    for rule in entries {
        let target = rule.resource()?;
        if rules.iter().any(|(known, _)| known.alarm_arn == rule.alarm_arn) {
            return Err(WrongRules::Twice(rule.alarm_arn));
        }
        rules.push((rule, target));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_cannot_be_meant_is_refused_by_name() {
        let alarm = r#""alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:a""#;
        let error = |rest: &str| parse_rules(&format!("[{{{alarm}{rest}}}]")).unwrap_err().to_string();
        assert!(error("").contains("exactly one of"));
        assert!(
            error(r#", "distributionArn": "arn:aws:cloudfront::1:distribution/E1""#)
                .contains("primaryOrigin")
        );
        assert!(error(r#", "clusterArn": "no""#).contains("`[0].clusterArn`"));
        assert!(error(r#", "typo": 1"#).contains("typo"));
        let twice = format!(
            r#"[{{{alarm}, "clusterArn": "arn:aws:rds:us-east-1:1:cluster:c"}}, {{{alarm}, "instanceArn": "arn:aws:rds:us-east-1:1:db:d"}}]"#
        );
        assert!(parse_rules(&twice).unwrap_err().to_string().contains("twice"));
        assert_eq!(parse_rules("[]").unwrap(), []);
    }
}
