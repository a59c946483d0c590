//! Failover rule: which alarm fails over which resource, as a failover function is configured.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::{
    request::{Arn, WrittenDocument},
    text::one_line,
};

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

/// What is wrong with one entry of `FIREDRILL_FAILOVERS`, which therefore configures nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("FIREDRILL_FAILOVERS{}{}: {what}", shown(index.as_ref(), "[", "]"), shown(alarm.as_ref(), ", for ", ""))]
pub struct WrongEntry {
    /// Which entry it is, from 0; none if only its alarm is known.
    pub index: Option<usize>,
    /// The alarm that it names, as it stands there; none if it names none.
    pub alarm: Option<String>,
    /// What is wrong with it, and where.
    pub what: String,
}

fn shown(value: Option<&impl std::fmt::Display>, before: &str, after: &str) -> String {
    value.map(|value| format!("{before}{value}{after}")).unwrap_or_default()
}

/// `FIREDRILL_FAILOVERS` is no list of entries at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("FIREDRILL_FAILOVERS {0}")]
pub struct NoRules(String);

/// What `FIREDRILL_FAILOVERS` configures. An entry that is wrong takes nothing from the others: a failover that is needed
/// must not wait until somebody repairs what is configured for another alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailoverRules {
    /// The rules, each with what it fails over.
    pub rules: Vec<(FailoverRule, FailoverTarget)>,
    /// The entries that are wrong.
    pub wrong: Vec<WrongEntry>,
}

impl FailoverRules {
    /// The entry for this alarm that is wrong, if there is one.
    #[must_use]
    pub fn wrong_for(&self, alarm_arn: &str) -> Option<&WrongEntry> {
        self.wrong.iter().find(|entry| entry.alarm.as_deref() == Some(alarm_arn))
    }
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

/// Parses `FIREDRILL_FAILOVERS`, a JSON list of [`FailoverRule`], each by itself.
///
/// # Errors
/// It is no list. What is wrong with an entry is in [`FailoverRules::wrong`].
pub fn parse_rules(text: &str) -> Result<FailoverRules, NoRules> {
    let document: WrittenDocument =
        serde_json::from_str(text).map_err(|error| NoRules(format!("is not JSON: {error}")))?;
    let Value::Array(entries) = document.value else {
        return Err(NoRules("is not a list: [{\"alarmArn\": \"…\", …}, …]".to_owned()));
    };
    let alarm_of = |entry: &Value| entry["alarmArn"].as_str().map(str::to_owned);
    let mut parsed = FailoverRules::default();
    for (index, entry) in entries.iter().enumerate() {
        let repeated = document.repeated.iter().find(|path| path.starts_with(&format!("[{index}].")));
        // Which of two entries for one alarm is meant, nobody can tell.
        let contradicts = entries
            .iter()
            .any(|other| other != entry && alarm_of(entry).is_some() && alarm_of(other) == alarm_of(entry));
        let read = match (repeated, contradicts) {
            (Some(path), _) => Err(format!("`{path}` stands there twice")),
            (None, true) => {
                Err("another entry for the same alarm says otherwise: neither is used".to_owned())
            }
            (None, false) => read_rule(entry),
        };
        match read {
            Ok(rule) if parsed.rules.iter().any(|(known, _)| *known == rule.0) => {}
            Ok(rule) => parsed.rules.push(rule),
            Err(what) => parsed.wrong.push(WrongEntry {
                index: Some(index),
                alarm: alarm_of(entry).map(|alarm| one_line(&alarm, MAX_SHOWN)),
                what: one_line(&what, MAX_SHOWN),
            }),
        }
    }
    Ok(parsed)
}

/// How much of an entry is quoted where it is wrong: an alarm's ARN fits.
const MAX_SHOWN: usize = 400;

fn read_rule(entry: &Value) -> Result<(FailoverRule, FailoverTarget), String> {
    if !entry.is_object() {
        return Err("is not an object".to_owned());
    }
    let rule: FailoverRule = serde_path_to_error::deserialize(entry)
        .map_err(|error| format!("`{}`: {}", error.path(), error.inner()))?;
    let target = rule.resource().map_err(|wrong| wrong.to_string())?;
    Ok((rule, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = r#""clusterArn": "arn:aws:rds:us-east-1:1:cluster:c""#;

    #[test]
    fn an_entry_that_cannot_be_meant_is_refused_by_name() {
        let alarm = r#""alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:a""#;
        let error = |rest: &str| {
            let parsed = parse_rules(&format!("[{{{alarm}{rest}}}]")).unwrap();
            assert_eq!((parsed.rules.len(), parsed.wrong.len()), (0, 1), "{parsed:?}");
            let text = parsed.wrong[0].to_string();
            assert!(
                text.starts_with("FIREDRILL_FAILOVERS[0], for arn:aws:cloudwatch:us-east-1:1:alarm:a: "),
                "{text}"
            );
            text
        };
        assert!(error("").contains("exactly one of"));
        assert!(
            error(r#", "distributionArn": "arn:aws:cloudfront::1:distribution/E1""#)
                .contains("primaryOrigin")
        );
        assert!(error(r#", "clusterArn": "no""#).contains("`clusterArn`"));
        assert!(error(r#", "typo": 1"#).contains("typo"));
        assert!(error(&format!(", {CLUSTER}, {CLUSTER}")).contains("`[0].clusterArn` stands there twice"));
        assert_eq!(parse_rules("[]").unwrap(), FailoverRules::default());
        for no_list in ["{}", "", "[", "null", "\"[]\""] {
            assert!(
                parse_rules(no_list).unwrap_err().to_string().contains("FIREDRILL_FAILOVERS"),
                "{no_list}"
            );
        }
    }

    #[test]
    fn one_bad_entry_never_disables_the_others() {
        let rule = |alarm: &str, rest: &str| {
            format!(r#"{{"alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:{alarm}", {rest}}}"#)
        };
        let (good, spaced) = (rule("a", CLUSTER), rule(r#"Bücher: 本 / \"down\" 🔥"#, CLUSTER));
        let other = r#""instanceArn": "arn:aws:rds:us-east-1:1:db:d""#;
        for bad in [
            "7",
            "null",
            "[]",
            "{}",
            r#"{"alarmArn": 7}"#,
            r#"{"alarmArn": "a"}"#,
            &rule("b", r#""clusterArn": null"#),
            &rule("b", r#""clusterArn": "no""#),
            &rule("b", r#""typo": 1"#),
            &rule(&"x".repeat(256), CLUSTER),
            &format!("{}, {}", rule("b", CLUSTER), rule("b", other)),
        ] {
            let text = format!("[{good}, {bad}, {spaced}, {good}]");
            let parsed = parse_rules(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let alarms: Vec<_> =
                parsed.rules.iter().filter_map(|(rule, _)| rule.alarm_arn.alarm_name()).collect();
            assert_eq!(alarms, ["a", "Bücher: 本 / \"down\" 🔥"], "{text}");
            assert!(
                !parsed.wrong.is_empty()
                    && parsed.wrong.iter().all(|wrong| wrong.index.is_some_and(|at| (1..=2).contains(&at))),
                "{parsed:?}"
            );
        }
    }
}
