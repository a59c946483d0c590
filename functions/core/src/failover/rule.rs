//! What a failover function was set up to do: which alarm fails over what.

use serde::{Deserialize, Serialize};

use crate::request::Arn;

/// One alarm and what it fails over, as `FIREDRILL_FAILOVERS` holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailoverRule {
    /// The alarm.
    pub alarm_arn: Arn,
    /// A distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution_arn: Option<Arn>,
    /// Distribution: the id of the origin that serves when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_origin: Option<String>,
    /// Distribution: the id of the origin that takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_origin: Option<String>,
    /// Distribution: path patterns of the behaviours that move along with the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behaviors: Vec<String>,
    /// Distribution: move back by itself when the alarm is OK again. Off by default: a person decides.
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

/// What fails over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverTarget {
    /// A distribution, from one origin to the other.
    Distribution {
        /// Which.
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
        /// Which.
        arn: Arn,
        /// The new writer.
        reader: Option<String>,
    },
    /// A Multi-AZ instance.
    Instance {
        /// Which.
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

impl FailoverRule {
    /// What it fails over.
    ///
    /// # Errors
    /// What is missing or does not belong together.
    pub fn resource(&self) -> Result<FailoverTarget, String> {
        let alarm = &self.alarm_arn;
        if alarm.alarm_name().is_none() {
            return Err(format!("`alarmArn` {alarm} is not an alarm's ARN"));
        }
        let strangers = [
            ("primaryOrigin", self.primary_origin.is_some(), self.distribution_arn.is_some()),
            ("standbyOrigin", self.standby_origin.is_some(), self.distribution_arn.is_some()),
            ("behaviors", !self.behaviors.is_empty(), self.distribution_arn.is_some()),
            ("failBackOnOk", self.fail_back_on_ok, self.distribution_arn.is_some()),
            ("reader", self.reader.is_some(), self.cluster_arn.is_some()),
        ];
        if let Some((field, ..)) = strangers.iter().find(|(_, given, fits)| *given && !*fits) {
            return Err(format!("the entry for {alarm} holds `{field}`, which means nothing there"));
        }
        match (&self.distribution_arn, &self.cluster_arn, &self.instance_arn) {
            (Some(arn), None, None) => {
                let (Some(primary), Some(standby)) = (&self.primary_origin, &self.standby_origin) else {
                    return Err(format!("the entry for {alarm} needs `primaryOrigin` and `standbyOrigin`"));
                };
                if primary == standby {
                    return Err(format!("the entry for {alarm} has one origin for both: {primary}"));
                }
                let (primary, standby) = (primary.clone(), standby.clone());
                let behaviors = self.behaviors.clone();
                Ok(FailoverTarget::Distribution { arn: arn.clone(), primary, standby, behaviors })
            }
            (None, Some(arn), None) => {
                Ok(FailoverTarget::Cluster { arn: arn.clone(), reader: self.reader.clone() })
            }
            (None, None, Some(arn)) => Ok(FailoverTarget::Instance { arn: arn.clone() }),
            _ => Err(format!(
                "the entry for {alarm} must hold exactly one of `distributionArn`, `clusterArn`, `instanceArn`"
            )),
        }
    }
}

/// Reads `FIREDRILL_FAILOVERS`.
///
/// # Errors
/// What is wrong with it, and where.
pub fn configured(text: &str) -> Result<Vec<(FailoverRule, FailoverTarget)>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let entries: Vec<FailoverRule> = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| format!("FIREDRILL_FAILOVERS at `{}`: {}", error.path(), error.inner()))?;
    let mut configs: Vec<(FailoverRule, FailoverTarget)> = Vec::with_capacity(entries.len());
    for config in entries {
        let resource = config.resource().map_err(|what| format!("FIREDRILL_FAILOVERS: {what}"))?;
        if configs.iter().any(|(known, _)| known.alarm_arn == config.alarm_arn) {
            return Err(format!("FIREDRILL_FAILOVERS names {} twice", config.alarm_arn));
        }
        configs.push((config, resource));
    }
    Ok(configs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_cannot_be_meant_is_refused_by_name() {
        let alarm = r#""alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:a""#;
        let error = |rest: &str| configured(&format!("[{{{alarm}{rest}}}]")).unwrap_err();
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
        assert!(configured(&twice).unwrap_err().contains("twice"));
        assert_eq!(configured("[]").unwrap(), []);
    }
}
