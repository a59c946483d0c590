//! Wiring: reads the path from the alarm to what fails over, hop by hop, and assumes nothing that was not read.

use firedrill_core::{
    Tristate,
    request::Arn,
    trigger::{
        AlarmConsumers, AlarmKind, Consumer, FailoverFunction, FailoverPath, NoPath, TriggerAlarm, find_path,
        refuse,
    },
};
use futures_util::future::join_all;

use super::{AlarmDrill, AlarmDrillTarget, history};
use crate::{
    cloudwatch::{AlarmSetup, Kind},
    error::{Failure, Proof},
    not_ready::NotReady,
};

/// The trigger's alarm, as CloudWatch describes it.
pub(super) struct Alarm {
    pub state: TriggerAlarm,
    pub setup: AlarmSetup,
    /// Why the mute rules could not be read; none if they were.
    mute_failure: Option<Failure>,
}

/// The target of an action of an alarm.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ActionTarget {
    Topic(Arn),
    Function(Arn),
    /// Something that leads to no function: another service's resource, or no ARN of the usual form.
    Other,
}

impl ActionTarget {
    pub(super) fn of(action: &str) -> Self {
        match Arn::try_from(action.to_owned()) {
            Ok(arn) if arn.service() == "sns" && !arn.region().is_empty() => Self::Topic(arn),
            Ok(arn)
                if arn.service() == "lambda"
                    && !arn.region().is_empty()
                    && arn.resource().starts_with("function:") =>
            {
                Self::Function(arn)
            }
            Ok(_) | Err(_) => Self::Other,
        }
    }
}

/// The consumers at the end of some hops.
#[derive(Default)]
struct Found {
    consumers: Vec<Consumer>,
    /// Whether a read failed: another look may find more.
    is_incomplete: bool,
}

impl Found {
    /// A read failed.
    fn unread(failure: &Failure) -> Self {
        Self { consumers: vec![Consumer::Unreadable(failure.to_string())], is_incomplete: true }
    }

    /// Everything was read, and no consumer can act: why.
    fn none(why: String) -> Self {
        Self { consumers: vec![Consumer::Unreadable(why)], is_incomplete: false }
    }

    fn all(found: impl IntoIterator<Item = Self>) -> Self {
        found.into_iter().fold(Self::default(), |mut all, one| {
            all.consumers.extend(one.consumers);
            all.is_incomplete |= one.is_incomplete;
            all
        })
    }
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// Reads the trigger's alarm, its mute rules and its tags.
    pub(super) async fn read_alarm(&self) -> Result<Alarm, NotReady> {
        let arn = &self.target.alarm_arn;
        let names = [self.alarm_name().to_owned()];
        let cloudwatch = &self.clients.cloudwatch;
        let (described, mutes, tags) = tokio::join!(
            cloudwatch.describe(&names),
            cloudwatch.mute_rules_on(&names[0]),
            cloudwatch.tags(arn.as_str()),
        );
        let mut described = described.map_err(|failure| self.note_failure(&failure))?;
        let Some(setup) = described.remove(arn.as_str()) else {
            return Err(NotReady::Refused(format!("alarm {arn} does not exist")));
        };
        let tags = tags.map_err(|failure| self.note_failure(&failure))?;
        let (mut muted_by, mute_failure) = match mutes {
            Ok(rules) => (Some(rules), None),
            Err(failure) => (None, Some(failure)),
        };
        let kind = match &setup.kind {
            Kind::Metric(_) => AlarmKind::Metric,
            Kind::Composite { suppressor, suppressed_by, .. } => {
                if let (Some(by), Some(how)) = (suppressor, suppressed_by) {
                    muted_by.get_or_insert_default().push(format!("its suppressor {by} ({how})"));
                }
                AlarmKind::Composite
            }
        };
        let state = TriggerAlarm {
            arn: arn.clone(),
            kind,
            state: setup.state.map(history::state),
            reason: setup.reason.clone(),
            tags,
            actions_enabled: setup.actions_enabled,
            actions: setup.alarm_actions.clone(),
            muted_by,
        };
        Ok(Alarm { state, setup, mute_failure })
    }

    /// Checks that the alarm may be set off.
    pub(super) fn check_alarm(&self, alarm: &Alarm) -> Result<(), NotReady> {
        let allowed = &self.target.allowed_actions;
        let Some(failure) = &alarm.mute_failure else {
            return refuse(&alarm.state, allowed).map_or(Ok(()), |why| Err(NotReady::Refused(why)));
        };
        // A certain reason to refuse comes before mute rules that could not be read.
        let unmuted = TriggerAlarm { muted_by: Some(Vec::new()), ..alarm.state.clone() };
        match refuse(&unmuted, allowed) {
            Some(why) => Err(NotReady::Refused(why)),
            None => Err(self.note_failure(failure)),
        }
    }

    /// The path from the alarm to what fails over.
    pub(super) async fn path(&self, alarm: &TriggerAlarm) -> Result<FailoverPath, NotReady> {
        let Found { consumers, mut is_incomplete } =
            Found::all(join_all(alarm.actions.iter().map(|action| self.follow(action))).await);
        let (resource, mode) = (self.resource.arn(), self.request.mode);
        let mut found = AlarmConsumers { consumers, health_checks: Some(Vec::new()) };
        if let Ok(path) = find_path(alarm, &found, resource, mode) {
            return Ok(path);
        }
        // Last, because it reads all health checks of the account.
        let checks = self.shared.route53.health_checks_on(self.alarm_name(), alarm.arn.region()).await;
        found.health_checks = match checks {
            Ok(checks) => Some(checks),
            Err(failure) => {
                self.polling.note_failure(&failure);
                is_incomplete = true;
                found.consumers.push(Consumer::Unreadable(failure.to_string()));
                None
            }
        };
        let not_ready = |no_path: NoPath| {
            let why = no_path.to_string();
            if is_incomplete { NotReady::Unknown(why) } else { NotReady::Refused(why) }
        };
        find_path(alarm, &found, resource, mode).map_err(not_ready)
    }

    /// The functions that this action of the alarm starts.
    async fn follow(&self, action: &str) -> Found {
        match ActionTarget::of(action) {
            ActionTarget::Other => Found::default(),
            ActionTarget::Function(arn) => self.function(&arn, None).await,
            ActionTarget::Topic(topic) => self.topic(&topic).await,
        }
    }

    /// The functions that are subscribed to this topic.
    async fn topic(&self, topic: &Arn) -> Found {
        let subscriptions = match self.clients_in(topic.region()).sns.subscriptions(topic.as_str()).await {
            Ok(subscriptions) => subscriptions,
            Err(failure) => {
                self.polling.note_failure(&failure);
                return Found::unread(&failure);
            }
        };
        let functions = subscriptions.into_iter().filter(|one| one.protocol == "lambda");
        Found::all(
            join_all(functions.map(async |one| match Arn::try_from(one.endpoint) {
                Ok(arn) if one.confirmed => self.function(&arn, Some(topic)).await,
                Ok(arn) => Found::none(format!("the subscription of {arn} to {topic} is not confirmed")),
                Err(what) => Found::none(format!("a subscription to {topic} cannot be read: {what}")),
            }))
            .await,
        )
    }

    /// The configuration of a function, and whether it can be started.
    async fn function(&self, arn: &Arn, topic: Option<&Arn>) -> Found {
        let lambda = self.clients_in(arn.region()).lambda;
        let (configuration, reserved) =
            tokio::join!(lambda.configuration(arn.as_str()), lambda.reserved_concurrency(arn.as_str()));
        let configuration = match configuration {
            Ok(Some(configuration)) => configuration,
            Ok(None) => return Found::none(format!("function {arn} does not exist")),
            Err(failure) => {
                self.polling.note_failure(&failure);
                return Found::unread(&failure);
            }
        };
        let Some(timeout) = configuration.timeout_seconds else {
            return Found::none(format!("Lambda's answer holds no timeout of {arn}"));
        };
        let mut found = Found::default();
        let can_start = match reserved {
            _ if !configuration.active => Tristate::No,
            Ok(Some(0)) => Tristate::No,
            Ok(_) => Tristate::Yes,
            Err(failure) => {
                self.polling.note_failure(&failure);
                found = Found::unread(&failure);
                Tristate::Unknown
            }
        };
        let variable = |name: &str| configuration.environment.get(name);
        let age = variable("FIREDRILL_MAX_EVENT_AGE_SECONDS").and_then(|text| text.trim().parse().ok());
        found.consumers.push(Consumer::Function(FailoverFunction {
            arn: arn.to_string(),
            topic: topic.map(Arn::to_string),
            failovers: variable("FIREDRILL_FAILOVERS").cloned(),
            max_event_age_seconds: age,
            timeout_seconds: timeout.into(),
            can_start,
        }));
        found
    }

    /// Notes a failed read for the polling; returns why the drill is not ready.
    pub(super) fn note_failure(&self, failure: &Failure) -> NotReady {
        self.polling.note_failure(failure);
        not_ready(failure)
    }
}

/// A refused read (what was asked for does not exist) refuses the drill; any other failure leaves it unknown.
fn not_ready(failure: &Failure) -> NotReady {
    match failure.proof {
        Proof::Refused => NotReady::Refused(failure.to_string()),
        Proof::Denied | Proof::Again | Proof::Nothing => NotReady::Unknown(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(proof: Proof) -> NotReady {
        let (action, code) = ("lambda:GetFunctionConfiguration", String::new());
        not_ready(&Failure { action, proof, code, message: "said AWS".to_owned() })
    }

    #[test]
    fn who_could_not_look_knows_nothing_and_names_what_was_denied() {
        let NotReady::Unknown(why) = failed(Proof::Denied) else { panic!("decided without a look") };
        assert!(why.contains("lambda:GetFunctionConfiguration is denied"), "{why}");
        assert!(matches!(failed(Proof::Again), NotReady::Unknown(_)));
        assert!(matches!(failed(Proof::Nothing), NotReady::Unknown(_)));
        assert!(matches!(failed(Proof::Refused), NotReady::Refused(_)));
    }

    #[test]
    fn an_action_leads_to_a_topic_to_a_function_or_nowhere_that_can_be_followed() {
        let arn = |text: &str| Arn::try_from(text.to_owned()).unwrap();
        let topic = "arn:aws:sns:us-east-1:123456789012:cdn";
        assert_eq!(ActionTarget::of(topic), ActionTarget::Topic(arn(topic)));
        for function in [
            "arn:aws:lambda:us-east-1:123456789012:function:failover-cdn",
            "arn:aws:lambda:us-east-1:123456789012:function:failover-cdn:live",
        ] {
            assert_eq!(ActionTarget::of(function), ActionTarget::Function(arn(function)));
        }
        for other in [
            "arn:aws:automate:us-east-1:ec2:stop",
            "arn:aws:ssm:us-east-1:123456789012:opsitem:1",
            "arn:aws:lambda:us-east-1:123456789012:layer:x",
            "arn:aws:sns",
            "",
        ] {
            assert_eq!(ActionTarget::of(other), ActionTarget::Other, "{other}");
        }
    }
}
