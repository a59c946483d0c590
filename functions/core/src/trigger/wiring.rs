//! From the alarm to what acts on it: what was read, and what speaks against pulling the trigger.

use std::collections::BTreeMap;

use crate::{
    Tristate,
    failover::{AlarmState, FailoverRule, FailoverTarget, configured},
    plan::Hop,
    request::{Arn, Mode, OPT_IN_TAG},
};

/// An alarm, as CloudWatch describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerAlarm {
    /// Its ARN.
    pub arn: Arn,
    /// Its kind.
    pub kind: AlarmKind,
    /// Its state; none if this version does not know the word.
    pub state: Option<AlarmState>,
    /// Why.
    pub reason: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether its actions are carried out at all.
    pub actions_enabled: bool,
    /// What it does when it goes to ALARM.
    pub actions: Vec<String>,
    /// Alarm mute rules that hold its actions back now; none if they could not be read.
    pub muted_by: Option<Vec<String>>,
}

/// The kind of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// On a metric.
    Metric,
    /// On other alarms. It does not come back by itself after its state was set.
    Composite,
}

/// What an alarm's action leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// A function, reached over this way.
    Function(FailoverFunction),
    /// Something that could not be read: why.
    Unreadable(String),
}

/// A function that an alarm starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverFunction {
    /// Its ARN.
    pub arn: String,
    /// The topic between alarm and function; none if the alarm starts it directly.
    pub topic: Option<String>,
    /// `FIREDRILL_FAILOVERS`; none if it has no such variable.
    pub failovers: Option<String>,
    /// `FIREDRILL_MAX_EVENT_AGE_SECONDS`, if it can be read.
    pub max_event_age_seconds: Option<u64>,
    /// Its timeout.
    pub timeout_seconds: u64,
    /// Whether it can be started: active, and not held back by a concurrency of 0. Unknown if not read.
    pub can_start: Tristate,
}

/// Everything found on the way from the alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlarmConsumers {
    /// What its actions lead to.
    pub consumers: Vec<Consumer>,
    /// Route 53 health checks that watch it; none if they could not be read.
    pub health_checks: Option<Vec<String>>,
}

/// The way from the alarm to its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailoverPath {
    /// Over our failover function.
    Function {
        /// The function.
        function: Box<FailoverFunction>,
        /// What it is set up to fail over.
        config: Box<FailoverRule>,
        /// The same, checked.
        resource: FailoverTarget,
    },
    /// Over a Route 53 health check, which watches the metric itself.
    HealthCheck(String),
}

/// Why this alarm must not, or cannot, be pulled; none if it may.
#[must_use]
pub fn refuse(alarm: &TriggerAlarm, allowed: &[String]) -> Option<String> {
    let name = alarm.arn.alarm_name().unwrap_or(alarm.arn.as_str());
    let (key, value) = OPT_IN_TAG;
    if alarm.tags.get(key).map(String::as_str) != Some(value) {
        return Some(format!("alarm {name} does not carry the opt-in tag {key}={value}"));
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
            "the actions of alarm {name} are disabled (ActionsEnabled): nothing would follow"
        ));
    }
    match &alarm.muted_by {
        None => return Some(format!("whether alarm {name} is muted could not be read")),
        Some(rules) if !rules.is_empty() => {
            return Some(format!("alarm {name} is muted by {}: nothing would follow", rules.join(", ")));
        }
        Some(_) => {}
    }
    let is_allowed = |action: &String| allowed.contains(action);
    alarm.actions.iter().find(|action| is_dangerous(action) && !is_allowed(action)).map(|action| {
        format!(
            "alarm {name} also sets off {action}, which does more than fail over; name it in \
             `target.allowedActions` if it may"
        )
    })
}

/// What is known to do no more than tell somebody: topics and functions, whose own wiring is read, and
/// operational items.
fn is_dangerous(action: &str) -> bool {
    let parts: Vec<&str> = action.splitn(6, ':').collect();
    match parts[..] {
        [_, _, "sns" | "lambda", ..] => false,
        [_, _, "ssm", _, _, resource] => !resource.starts_with("opsitem"),
        _ => true,
    }
}

/// The way from the alarm to this resource.
///
/// # Errors
/// Why there is none, and what to do.
pub fn find(
    alarm: &TriggerAlarm,
    found: &AlarmConsumers,
    resource: &Arn,
    mode: Mode,
) -> Result<FailoverPath, String> {
    let name = alarm.arn.alarm_name().unwrap_or(alarm.arn.as_str());
    let mut why_not = Vec::new();
    for consumer in &found.consumers {
        match consumer {
            Consumer::Unreadable(why) => why_not.push(why.clone()),
            Consumer::Function(function) => match leads_to(function, &alarm.arn, resource) {
                Ok((config, resource)) => {
                    return Ok(FailoverPath::Function {
                        function: Box::new(function.clone()),
                        config: Box::new(config),
                        resource,
                    });
                }
                Err(why) => why_not.push(why),
            },
        }
    }
    let checks = found.health_checks.as_deref().unwrap_or_default();
    match (mode, checks) {
        (Mode::Metric, [check, ..]) => return Ok(FailoverPath::HealthCheck(check.clone())),
        (Mode::Alarm | Mode::Stop, [check, ..]) => why_not.push(format!(
            "Route 53 health check {check} watches the alarm's metric, not its state: a forced alarm moves nothing \
             there; use mode `metric`"
        )),
        (_, []) if found.health_checks.is_none() => {
            why_not.push("whether a Route 53 health check watches it could not be read".to_owned());
        }
        (_, []) => {}
    }
    if why_not.is_empty() {
        why_not.push("its actions lead to no Lambda function".to_owned());
    }
    Err(format!("no trigger: alarm {name} leads to no failover of {resource}: {}", why_not.join("; ")))
}

fn leads_to(
    function: &FailoverFunction,
    alarm: &Arn,
    resource: &Arn,
) -> Result<(FailoverRule, FailoverTarget), String> {
    let FailoverFunction { arn, failovers, can_start, .. } = function;
    let Some(failovers) = failovers else {
        return Err(format!("{arn} is no failover function (it has no FIREDRILL_FAILOVERS)"));
    };
    let configs = configured(failovers).map_err(|what| format!("{arn}: {what}"))?;
    let Some((config, target)) = configs.into_iter().find(|(config, _)| config.alarm_arn == *alarm) else {
        return Err(format!("{arn} has no entry for this alarm in FIREDRILL_FAILOVERS"));
    };
    if target.arn() != resource {
        return Err(format!("{arn} fails over {}, not {resource}", target.arn()));
    }
    match can_start {
        Tristate::Yes => Ok((config, target)),
        Tristate::No => Err(format!("{arn} cannot be started: it is not active, or its concurrency is 0")),
        Tristate::Unknown => Err(format!("whether {arn} can be started could not be read")),
    }
}

impl FailoverPath {
    /// What acts on the alarm.
    #[must_use]
    pub fn automation(&self) -> &str {
        match self {
            Self::Function { function, .. } => &function.arn,
            Self::HealthCheck(id) => id,
        }
    }

    /// How long it may go on acting, in milliseconds: in mode `alarm` after the rollback is on record, in mode
    /// `metric` after the datapoints' window.
    ///
    /// # Errors
    /// What is needed to tell.
    pub fn acts_for_ms(&self, mode: Mode, named_seconds: Option<u32>, margin_ms: u64) -> Result<u64, String> {
        let named_ms = named_seconds.map(|seconds| u64::from(seconds) * 1_000);
        match self {
            Self::HealthCheck(_) => named_ms.ok_or_else(|| {
                "`target.automationDeadlineSeconds` is needed: how long Route 53 and the caches of resolvers may take \
                 is not Firedrill's to know"
                    .to_owned()
            }),
            Self::Function { function, .. } => {
                let once = function.timeout_seconds * 1_000 + margin_ms;
                match (mode, function.max_event_age_seconds) {
                    (Mode::Alarm | Mode::Stop, _) => Ok(once),
                    (Mode::Metric, Some(age)) => Ok(once + age * 1_000),
                    (Mode::Metric, None) => Err(format!(
                        "{} has no FIREDRILL_MAX_EVENT_AGE_SECONDS: until when it may act cannot be told",
                        function.arn
                    )),
                }
            }
        }
    }
}

/// What was read of the way, hop by hop.
#[must_use]
pub fn hops(alarm: &TriggerAlarm, path: Option<&FailoverPath>) -> Vec<Hop> {
    let alarm_arn = alarm.arn.to_string();
    let hop = |from: &str, to: &str, detail: String| Hop {
        from: from.to_owned(),
        to: to.to_owned(),
        seen: Tristate::Yes,
        detail,
    };
    match path {
        None => Vec::new(),
        Some(FailoverPath::HealthCheck(id)) => {
            vec![hop(&alarm_arn, id, "a Route 53 health check watches its metric".to_owned())]
        }
        Some(FailoverPath::Function { function, resource, .. }) => {
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

    fn arn(text: &str) -> Arn {
        Arn::try_from(text.to_owned()).unwrap()
    }

    const DISTRIBUTION: &str = "arn:aws:cloudfront::1:distribution/E1";

    fn alarm() -> TriggerAlarm {
        TriggerAlarm {
            arn: arn("arn:aws:cloudwatch:us-east-1:1:alarm:cdn"),
            kind: AlarmKind::Metric,
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

    fn path(
        consumers: Vec<Consumer>,
        checks: Option<Vec<String>>,
        mode: Mode,
    ) -> Result<FailoverPath, String> {
        find(&alarm(), &AlarmConsumers { consumers, health_checks: checks }, &arn(DISTRIBUTION), mode)
    }

    #[test]
    fn an_alarm_that_would_do_nothing_or_too_much_is_refused_by_reason() {
        let why = |change: fn(&mut TriggerAlarm)| {
            let mut facts = alarm();
            change(&mut facts);
            refuse(&facts, &[]).unwrap_or_default()
        };
        assert_eq!(refuse(&alarm(), &[]), None);
        assert!(why(|a| a.state = Some(AlarmState::Alarm)).contains("in ALARM, not in OK"));
        assert!(why(|a| a.state = Some(AlarmState::InsufficientData)).contains("not in OK"));
        assert!(why(|a| a.tags.clear()).contains("opt-in tag"));
        assert!(why(|a| a.actions_enabled = false).contains("ActionsEnabled"));
        assert!(why(|a| a.muted_by = Some(vec!["night".to_owned()])).contains("muted by night"));
        assert!(why(|a| a.muted_by = None).contains("could not be read"));
        for dangerous in [
            "arn:aws:automate:eu-west-2:ec2:terminate",
            "arn:aws:autoscaling:eu-west-2:1:scalingPolicy:x",
            "arn:aws:ssm-incidents::1:response-plan/x",
            "arn:aws:new:::thing",
        ] {
            let mut facts = alarm();
            facts.actions.push(dangerous.to_owned());
            assert!(refuse(&facts, &[]).unwrap().contains(dangerous));
            assert_eq!(refuse(&facts, &[dangerous.to_owned()]), None, "{dangerous} is allowed by name");
        }
    }

    #[test]
    fn only_a_function_set_up_for_this_alarm_and_this_resource_is_a_way() {
        let of = |failovers: Option<&str>, can_start| {
            path(vec![Consumer::Function(function(failovers, can_start))], Some(Vec::new()), Mode::Alarm)
        };
        assert!(matches!(
            of(Some(&entry("cdn", DISTRIBUTION)), Tristate::Yes),
            Ok(FailoverPath::Function { .. })
        ));
        assert!(of(None, Tristate::Yes).unwrap_err().contains("no failover function"));
        assert!(of(Some(&entry("other", DISTRIBUTION)), Tristate::Yes).unwrap_err().contains("no entry"));
        let elsewhere = entry("cdn", "arn:aws:cloudfront::1:distribution/E2");
        assert!(of(Some(&elsewhere), Tristate::Yes).unwrap_err().contains("distribution/E2, not"));
        assert!(of(Some(&entry("cdn", DISTRIBUTION)), Tristate::No).unwrap_err().contains("concurrency"));
        assert!(
            of(Some(&entry("cdn", DISTRIBUTION)), Tristate::Unknown)
                .unwrap_err()
                .contains("could not be read")
        );
    }

    #[test]
    fn a_health_check_alone_is_no_trigger_for_a_forced_alarm_and_metric_is_suggested() {
        let check = || Some(vec!["hc-1".to_owned()]);
        let why = path(Vec::new(), check(), Mode::Alarm).unwrap_err();
        assert!(why.contains("no trigger") && why.contains("`metric`"), "{why}");
        assert_eq!(path(Vec::new(), check(), Mode::Metric), Ok(FailoverPath::HealthCheck("hc-1".to_owned())));
        assert!(path(Vec::new(), None, Mode::Metric).unwrap_err().contains("could not be read"));
    }

    #[test]
    fn until_when_the_automation_acts_is_never_guessed() {
        let of = |age| {
            let function = FailoverFunction {
                max_event_age_seconds: age,
                ..function(Some(&entry("cdn", DISTRIBUTION)), Tristate::Yes)
            };
            path(vec![Consumer::Function(function)], Some(Vec::new()), Mode::Alarm).unwrap()
        };
        assert_eq!(of(Some(300)).acts_for_ms(Mode::Alarm, None, 10_000), Ok(40_000));
        assert_eq!(of(Some(300)).acts_for_ms(Mode::Metric, None, 10_000), Ok(340_000));
        assert!(of(None).acts_for_ms(Mode::Metric, None, 10_000).is_err());
        let check = FailoverPath::HealthCheck("hc-1".to_owned());
        assert!(
            check.acts_for_ms(Mode::Metric, None, 10_000).unwrap_err().contains("automationDeadlineSeconds")
        );
        assert_eq!(check.acts_for_ms(Mode::Metric, Some(120), 10_000), Ok(120_000));
    }
}
