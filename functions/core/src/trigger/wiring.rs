//! Wiring: the hops from the alarm to its effect, and what forbids setting the alarm.

use std::{collections::BTreeMap, time::Duration};

use thiserror::Error;

use super::effects::{Effect, EffectKind};
use crate::{
    Tristate,
    environment::Environment,
    failover::{AlarmState, FailoverRule, FailoverTarget, parse_rules},
    plan::Hop,
    request::{Arn, Mode, OPT_IN_TAG, Seconds},
};

/// An alarm, as CloudWatch describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerAlarm {
    /// Its ARN.
    pub arn: Arn,
    /// Its state; `None` if this version does not know it.
    pub state: Option<AlarmState>,
    /// Why it is in that state, as CloudWatch says.
    pub reason: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether its actions are enabled (`ActionsEnabled`).
    pub actions_enabled: bool,
    /// The ARNs of its actions for ALARM.
    pub actions: Vec<String>,
    /// The alarm mute rules that suppress its actions now; `None` if they could not be read.
    pub muted_by: Option<Vec<String>>,
}

/// A Lambda function that an alarm starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverFunction {
    /// Its ARN.
    pub arn: String,
    /// The SNS topic between alarm and function; `None` if the alarm starts it directly.
    pub topic: Option<String>,
    /// Its `FIREDRILL_FAILOVERS`; `None` if it has no such variable, and so is not a failover function.
    pub failovers: Option<String>,
    /// `FIREDRILL_MAX_EVENT_AGE_SECONDS`, if it can be read.
    pub max_event_age_seconds: Option<u64>,
    /// Its timeout, in seconds.
    pub timeout_seconds: u64,
    /// Whether it can be started: active, and its reserved concurrency is not 0.
    pub can_start: Tristate,
}

/// The path from the alarm to the failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverPath {
    /// Through a failover function of Firedrill.
    Function {
        /// The function.
        function: Box<FailoverFunction>,
        /// Its rule for this alarm.
        config: Box<FailoverRule>,
        /// The resource of that rule, checked.
        resource: FailoverTarget,
    },
    /// Through a Route 53 health check, by its id. It watches the alarm's metric itself.
    HealthCheck(String),
}

/// Why this alarm must not, or cannot, be set to ALARM; `None` if it may.
#[must_use]
pub fn refuse(alarm: &TriggerAlarm, environment: &Environment<'_>) -> Option<String> {
    let name = alarm.arn.alarm_name().unwrap_or(alarm.arn.as_str());
    let (key, value) = OPT_IN_TAG;
    if alarm.tags.get(key).map(String::as_str) != Some(value) {
        return Some(format!("alarm {name} does not carry the opt-in tag {key}={value}"));
    }
    if let Some(why) = environment.excludes(&alarm.tags) {
        return Some(format!("alarm {name} {why}"));
    }
    if alarm.state != Some(AlarmState::Ok) {
        let state =
            alarm.state.map_or("in a state that is not known".to_owned(), |state| format!("in {state}"));
        return Some(format!(
            "alarm {name} is {state}, not in OK ({}): its actions fire on a change only",
            alarm.reason
        ));
    }
    if !alarm.actions_enabled {
        return Some(format!(
            "the actions of alarm {name} are disabled (ActionsEnabled): no failover would follow"
        ));
    }
    match &alarm.muted_by {
        None => Some(format!("whether alarm {name} is muted could not be read")),
        Some(rules) if !rules.is_empty() => {
            Some(format!("alarm {name} is muted by {}: no failover would follow", rules.join(", ")))
        }
        Some(_) => None,
    }
}

/// Finds, among everything that the alarm sets off, the path to the failover of this resource: an action of the alarm for
/// ALARM leads to a failover function, directly or through a topic.
///
/// # Errors
/// Why there is none, and what to change.
pub fn find_path(
    alarm: &TriggerAlarm,
    effects: &[Effect],
    resource: &Arn,
    mode: Mode,
) -> Result<FailoverPath, NoPath> {
    let mut reasons = Vec::new();
    let mut is_certain = true;
    let mut check = None;
    for effect in effects.iter().filter(|effect| is_of_failover(effect, alarm)) {
        match &effect.kind {
            EffectKind::Unread { why, .. } => {
                is_certain = false;
                reasons.push(why.clone());
            }
            EffectKind::Idle(why) => reasons.push(why.clone()),
            EffectKind::Function(function) => match leads_to(function, &alarm.arn, resource) {
                Ok((config, resource)) => {
                    return Ok(FailoverPath::Function {
                        function: function.clone(),
                        config: Box::new(config),
                        resource,
                    });
                }
                Err(why) => reasons.push(why),
            },
            EffectKind::HealthCheck => {
                check.get_or_insert(&effect.target);
            }
            EffectKind::Hop | EffectKind::Notification | EffectKind::Other => {}
        }
    }
    match (mode, check) {
        (Mode::Metric, Some(check)) => return Ok(FailoverPath::HealthCheck(check.clone())),
        (Mode::Alarm | Mode::Stop, Some(check)) => reasons.push(format!(
            "Route 53 health check {check} watches the alarm's metric, not its state: a forced alarm moves nothing \
             there; use mode `metric`"
        )),
        (_, None) => {}
    }
    if reasons.is_empty() {
        reasons.push("its actions lead to no Lambda function".to_owned());
    }
    Err(NoPath { alarm: alarm.arn.clone(), resource: resource.clone(), reasons, is_certain })
}

/// Whether an action of the alarm for ALARM leads to this effect, or its metric does.
fn is_of_failover(effect: &Effect, alarm: &TriggerAlarm) -> bool {
    let watches_metric = match &effect.kind {
        EffectKind::HealthCheck => true,
        EffectKind::Unread { service, .. } => service == "route53",
        _ => false,
    };
    watches_metric || alarm.actions.contains(effect.through.first().unwrap_or(&effect.target))
}

/// The rule by which this function fails the resource over for this alarm; else why it does not.
fn leads_to(
    function: &FailoverFunction,
    alarm: &Arn,
    resource: &Arn,
) -> Result<(FailoverRule, FailoverTarget), String> {
    let FailoverFunction { arn, failovers, can_start, .. } = function;
    let Some(failovers) = failovers else {
        return Err(format!("{arn} is no failover function (it has no FIREDRILL_FAILOVERS)"));
    };
    let mut parsed = parse_rules(failovers).map_err(|wrong| format!("{arn}: {wrong}"))?;
    let Some(found) = parsed.rules.iter().position(|(rule, _)| rule.alarm_arn == *alarm) else {
        return Err(match parsed.wrong_for(alarm.as_str()) {
            Some(wrong) => format!("{arn}: {wrong}"),
            None => format!("{arn} has no entry for this alarm in FIREDRILL_FAILOVERS"),
        });
    };
    let (rule, target) = parsed.rules.swap_remove(found);
    if target.arn() != resource {
        return Err(format!("{arn} fails over {}, not {resource}", target.arn()));
    }
    match can_start {
        Tristate::Yes => Ok((rule, target)),
        Tristate::No => Err(format!("{arn} cannot be started: it is not active, or its concurrency is 0")),
        Tristate::Unknown => Err(format!("whether {arn} can be started could not be read")),
    }
}

/// No path leads from an alarm to the failover of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "no trigger: alarm {} leads to no failover of {resource}: {}",
    alarm.alarm_name().unwrap_or(alarm.as_str()),
    reasons.join("; ")
)]
pub struct NoPath {
    /// The alarm.
    pub alarm: Arn,
    /// What was to fail over.
    pub resource: Arn,
    /// Where each of the alarm's actions ended.
    pub reasons: Vec<String>,
    /// Whether everything was read: else another look may find one.
    pub is_certain: bool,
}

/// How long the automation may go on acting is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownDeadline {
    /// The path leads over Route 53, and the request does not say.
    #[error(
        "`automationDeadlineSeconds` of the trigger is needed: Firedrill cannot read how long Route 53 and the caches \
         of resolvers take"
    )]
    HealthCheck,
    /// The failover function does not say how old a change it takes.
    #[error("{0} has no FIREDRILL_MAX_EVENT_AGE_SECONDS: how long it may act is not known")]
    Function(String),
}

impl FailoverPath {
    /// What acts on the alarm: the failover function's ARN, or the health check's id.
    #[must_use]
    pub fn automation(&self) -> &str {
        match self {
            Self::Function { function, .. } => &function.arn,
            Self::HealthCheck(id) => id,
        }
    }

    /// How long the automation may go on acting: in mode `alarm` after the rollback is on record, in mode
    /// `metric` after the datapoints' window. `named` is the request's `automationDeadlineSeconds`.
    ///
    /// # Errors
    /// Which setting is missing.
    pub fn acts_for(
        &self,
        mode: Mode,
        named: Option<Seconds>,
        margin: Duration,
    ) -> Result<Duration, UnknownDeadline> {
        match self {
            Self::HealthCheck(_) => named.map(Seconds::duration).ok_or(UnknownDeadline::HealthCheck),
            Self::Function { function, .. } => {
                let once = Duration::from_secs(function.timeout_seconds) + margin;
                match (mode, function.max_event_age_seconds) {
                    (Mode::Alarm | Mode::Stop, _) => Ok(once),
                    (Mode::Metric, Some(age)) => Ok(once + Duration::from_secs(age)),
                    (Mode::Metric, None) => Err(UnknownDeadline::Function(function.arn.clone())),
                }
            }
        }
    }
}

/// The hops of the path, as they were read.
#[must_use]
pub fn hops(alarm: &TriggerAlarm, path: &FailoverPath) -> Vec<Hop> {
    let alarm_arn = alarm.arn.to_string();
    let hop = |from: &str, to: &str, detail: String| Hop {
        from: from.to_owned(),
        to: to.to_owned(),
        seen: Tristate::Yes,
        detail,
    };
    match path {
        FailoverPath::HealthCheck(id) => {
            vec![hop(&alarm_arn, id, "a Route 53 health check watches its metric".to_owned())]
        }
        FailoverPath::Function { function, resource, .. } => {
            let mut hops = Vec::new();
            match &function.topic {
                Some(topic) => {
                    hops.push(hop(&alarm_arn, topic, "an action of the alarm".to_owned()));
                    hops.push(hop(topic, &function.arn, "a confirmed subscription".to_owned()));
                }
                None => hops.push(hop(&alarm_arn, &function.arn, "an action of the alarm".to_owned())),
            }
            let detail = match resource {
                FailoverTarget::Distribution { primary, standby, .. } => {
                    format!("its configuration: {primary} to {standby}")
                }
                FailoverTarget::Cluster { reader: Some(reader), .. } => {
                    format!("its configuration: to {reader}")
                }
                FailoverTarget::Cluster { reader: None, .. } | FailoverTarget::Instance { .. } => {
                    "its configuration".to_owned()
                }
            };
            hops.push(hop(&function.arn, resource.arn().as_str(), detail));
            hops
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Name;

    fn arn(text: &str) -> Arn {
        Arn::try_from(text.to_owned()).unwrap()
    }

    const DISTRIBUTION: &str = "arn:aws:cloudfront::1:distribution/E1";

    fn alarm() -> TriggerAlarm {
        TriggerAlarm {
            arn: arn("arn:aws:cloudwatch:us-east-1:1:alarm:cdn"),
            state: Some(AlarmState::Ok),
            reason: "fine".to_owned(),
            tags: BTreeMap::from([(OPT_IN_TAG.0.to_owned(), OPT_IN_TAG.1.to_owned())]),
            actions_enabled: true,
            actions: vec!["arn:aws:sns:us-east-1:1:cdn".to_owned()],
            muted_by: Some(Vec::new()),
        }
    }

    fn function(failovers: Option<&str>, can_start: Tristate) -> FailoverFunction {
        FailoverFunction {
            arn: "arn:aws:lambda:us-east-1:1:function:failover-cdn".to_owned(),
            topic: Some("arn:aws:sns:us-east-1:1:cdn".to_owned()),
            failovers: failovers.map(str::to_owned),
            max_event_age_seconds: Some(300),
            timeout_seconds: 30,
            can_start,
        }
    }

    fn entry(alarm: &str, distribution: &str) -> String {
        format!(
            r#"[{{"alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:{alarm}", "distributionArn": "{distribution}",
                "primaryOrigin": "a", "standbyOrigin": "b"}}]"#
        )
    }

    fn path(kinds: Vec<EffectKind>, mode: Mode) -> Result<FailoverPath, NoPath> {
        let effect = |kind: EffectKind| Effect {
            alarm: alarm().arn,
            through: if kind == EffectKind::HealthCheck { Vec::new() } else { alarm().actions },
            target: "hc-1".to_owned(),
            detail: String::new(),
            kind,
        };
        let effects: Vec<Effect> = kinds.into_iter().map(effect).collect();
        find_path(&alarm(), &effects, &arn(DISTRIBUTION), mode)
    }

    #[test]
    fn an_alarm_that_would_do_nothing_or_too_much_is_refused_by_reason() {
        let name = Name::try_from("staging".to_owned()).unwrap();
        let environment = Environment { name: &name, tag_required: false };
        let why = |change: fn(&mut TriggerAlarm)| {
            let mut alarm = alarm();
            change(&mut alarm);
            refuse(&alarm, &environment).unwrap_or_default()
        };
        assert_eq!(refuse(&alarm(), &environment), None);
        let other = |alarm: &mut TriggerAlarm| {
            alarm.tags.insert("firedrill:environment".to_owned(), "production".to_owned());
        };
        assert!(why(other).contains("alarm cdn belongs to environment production"));
        assert!(why(|a| a.state = Some(AlarmState::Alarm)).contains("in ALARM, not in OK"));
        assert!(why(|a| a.state = Some(AlarmState::InsufficientData)).contains("not in OK"));
        assert!(why(|a| a.tags.clear()).contains("opt-in tag"));
        assert!(why(|a| a.actions_enabled = false).contains("ActionsEnabled"));
        assert!(why(|a| a.muted_by = Some(vec!["night".to_owned()])).contains("muted by night"));
        assert!(why(|a| a.muted_by = None).contains("could not be read"));
    }

    #[test]
    fn only_a_function_set_up_for_this_alarm_and_this_resource_is_a_way() {
        let of = |failovers: Option<&str>, can_start| {
            path(vec![EffectKind::Function(function(failovers, can_start).into())], Mode::Alarm)
        };
        assert!(matches!(
            of(Some(&entry("cdn", DISTRIBUTION)), Tristate::Yes),
            Ok(FailoverPath::Function { .. })
        ));
        assert!(of(None, Tristate::Yes).unwrap_err().to_string().contains("no failover function"));
        assert!(
            of(Some(&entry("other", DISTRIBUTION)), Tristate::Yes)
                .unwrap_err()
                .to_string()
                .contains("no entry")
        );
        let elsewhere = entry("cdn", "arn:aws:cloudfront::1:distribution/E2");
        assert!(
            of(Some(&elsewhere), Tristate::Yes).unwrap_err().to_string().contains("distribution/E2, not")
        );
        assert!(
            of(Some(&entry("cdn", DISTRIBUTION)), Tristate::No)
                .unwrap_err()
                .to_string()
                .contains("concurrency")
        );
        assert!(
            of(Some(&entry("cdn", DISTRIBUTION)), Tristate::Unknown)
                .unwrap_err()
                .to_string()
                .contains("could not be read")
        );
    }

    #[test]
    fn a_health_check_alone_is_no_trigger_for_a_forced_alarm_and_metric_is_suggested() {
        let check = || vec![EffectKind::HealthCheck];
        let why = path(check(), Mode::Alarm).unwrap_err().to_string();
        assert!(why.contains("no trigger") && why.contains("`metric`"), "{why}");
        assert_eq!(path(check(), Mode::Metric), Ok(FailoverPath::HealthCheck("hc-1".to_owned())));
        let unread =
            EffectKind::Unread { service: "route53".to_owned(), why: "could not be read".to_owned() };
        let no_path = path(vec![unread], Mode::Metric).unwrap_err();
        assert!(!no_path.is_certain && no_path.to_string().contains("could not be read"), "{no_path}");
    }

    #[test]
    fn until_when_the_automation_acts_is_never_guessed() {
        const MARGIN: Duration = Duration::from_secs(10);
        let of = |age| {
            let function = FailoverFunction {
                max_event_age_seconds: age,
                ..function(Some(&entry("cdn", DISTRIBUTION)), Tristate::Yes)
            };
            path(vec![EffectKind::Function(function.into())], Mode::Alarm).unwrap()
        };
        assert_eq!(of(Some(300)).acts_for(Mode::Alarm, None, MARGIN), Ok(Duration::from_secs(40)));
        assert_eq!(of(Some(300)).acts_for(Mode::Metric, None, MARGIN), Ok(Duration::from_secs(340)));
        assert!(of(None).acts_for(Mode::Metric, None, MARGIN).is_err());
        let check = FailoverPath::HealthCheck("hc-1".to_owned());
        assert!(check.acts_for(Mode::Metric, None, MARGIN) == Err(UnknownDeadline::HealthCheck));
        assert_eq!(check.acts_for(Mode::Metric, Some(Seconds::new(120)), MARGIN), Ok(Duration::from_mins(2)));
    }
}
