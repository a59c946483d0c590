//! Follows the wires from the alarm to what fails over, hop by hop: nothing is assumed that was not read.

use firedrill_core::{
    Readiness, Tristate,
    request::Arn,
    trigger::{
        AlarmConsumers, AlarmKind, Consumer, FailoverFunction, FailoverPath, TriggerAlarm, find, refuse,
    },
};
use futures_util::future::join_all;

use super::{AlarmDrill, AlarmDrillTarget, history};
use crate::{
    cloudwatch::{AlarmSetup, Kind},
    error::{Failure, Proof},
};

/// The alarm, as it was found.
pub(super) struct Alarm {
    pub state: TriggerAlarm,
    pub setup: AlarmSetup,
    /// Why nobody knows whether it is muted.
    unread: Option<Failure>,
}

/// Where an action of an alarm leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leads {
    Topic(Arn),
    Function(Arn),
    /// To nothing that can be followed. Not every action is an ARN like others.
    Elsewhere,
}

impl Leads {
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
            Ok(_) | Err(_) => Self::Elsewhere,
        }
    }
}

/// What was found at the end of some wires.
#[derive(Default)]
struct Ends {
    consumers: Vec<Consumer>,
    /// Whether something there could not be read this time.
    unread: bool,
}

impl Ends {
    fn unreadable(failure: &Failure) -> Self {
        Self { consumers: vec![Consumer::Unreadable(failure.to_string())], unread: true }
    }

    fn nothing(why: String) -> Self {
        Self { consumers: vec![Consumer::Unreadable(why)], unread: false }
    }

    fn all(ends: impl IntoIterator<Item = Self>) -> Self {
        ends.into_iter().fold(Self::default(), |mut all, one| {
            all.consumers.extend(one.consumers);
            all.unread |= one.unread;
            all
        })
    }
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    pub(super) async fn read_alarm(&self) -> Result<Alarm, Readiness> {
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
            return Err(Readiness::Refused(format!("there is no alarm {arn}")));
        };
        let tags = tags.map_err(|failure| self.note_failure(&failure))?;
        let (mut muted_by, unread) = match mutes {
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
        Ok(Alarm { state, setup, unread })
    }

    /// Whether the alarm may be pulled.
    pub(super) fn may_pull(&self, alarm: &Alarm) -> Result<(), Readiness> {
        let allowed = &self.target.allowed_actions;
        let Some(failure) = &alarm.unread else {
            return refuse(&alarm.state, allowed).map_or(Ok(()), |why| Err(Readiness::Refused(why)));
        };
        // What speaks against it for certain counts more than what could not be read.
        let otherwise = TriggerAlarm { muted_by: Some(Vec::new()), ..alarm.state.clone() };
        match refuse(&otherwise, allowed) {
            Some(why) => Err(Readiness::Refused(why)),
            None => Err(self.note_failure(failure)),
        }
    }

    /// The way from the alarm to what fails over.
    pub(super) async fn path(&self, alarm: &TriggerAlarm) -> Result<FailoverPath, Readiness> {
        let mut ends = Ends::all(join_all(alarm.actions.iter().map(|action| self.follow(action))).await);
        let (resource, mode) = (self.resource.arn(), self.request.mode);
        let mut found = AlarmConsumers { consumers: ends.consumers, health_checks: Some(Vec::new()) };
        if let Ok(path) = find(alarm, &found, resource, mode) {
            return Ok(path);
        }
        // All health checks of the account have to be read for this, so only if nothing else leads there.
        let checks = self.shared.route53.health_checks_on(self.alarm_name(), alarm.arn.region()).await;
        found.health_checks = match checks {
            Ok(checks) => Some(checks),
            Err(failure) => {
                self.polling.note_failure(&failure);
                ends.unread = true;
                found.consumers.push(Consumer::Unreadable(failure.to_string()));
                None
            }
        };
        let refused = |why| if ends.unread { Readiness::Unknown(why) } else { Readiness::Refused(why) };
        find(alarm, &found, resource, mode).map_err(refused)
    }

    async fn follow(&self, action: &str) -> Ends {
        match Leads::of(action) {
            Leads::Elsewhere => Ends::default(),
            Leads::Function(arn) => self.function(&arn, None).await,
            Leads::Topic(topic) => self.topic(&topic).await,
        }
    }

    /// The functions that are subscribed to this topic.
    async fn topic(&self, topic: &Arn) -> Ends {
        let subscriptions = match self.there(topic.region()).sns.subscriptions(topic.as_str()).await {
            Ok(subscriptions) => subscriptions,
            Err(failure) => {
                self.polling.note_failure(&failure);
                return Ends::unreadable(&failure);
            }
        };
        let functions = subscriptions.into_iter().filter(|one| one.protocol == "lambda");
        Ends::all(
            join_all(functions.map(async |one| match Arn::try_from(one.endpoint) {
                Ok(arn) if one.confirmed => self.function(&arn, Some(topic)).await,
                Ok(arn) => Ends::nothing(format!("the subscription of {arn} to {topic} is not confirmed")),
                Err(what) => Ends::nothing(format!("a subscription to {topic}: {what}")),
            }))
            .await,
        )
    }

    /// How a function is set up, and whether it can be started.
    async fn function(&self, arn: &Arn, topic: Option<&Arn>) -> Ends {
        let functions = self.there(arn.region()).lambda;
        let (configuration, reserved) =
            tokio::join!(functions.configuration(arn.as_str()), functions.reserved_concurrency(arn.as_str()));
        let configuration = match configuration {
            Ok(Some(configuration)) => configuration,
            Ok(None) => return Ends::nothing(format!("there is no function {arn}")),
            Err(failure) => {
                self.polling.note_failure(&failure);
                return Ends::unreadable(&failure);
            }
        };
        let Some(timeout) = configuration.timeout_seconds else {
            return Ends::nothing(format!("{arn} does not say its timeout"));
        };
        let mut ends = Ends::default();
        let can_start = match reserved {
            _ if !configuration.active => Tristate::No,
            Ok(Some(0)) => Tristate::No,
            Ok(_) => Tristate::Yes,
            Err(failure) => {
                self.polling.note_failure(&failure);
                ends = Ends::unreadable(&failure);
                Tristate::Unknown
            }
        };
        let variable = |name: &str| configuration.environment.get(name);
        let age = variable("FIREDRILL_MAX_EVENT_AGE_SECONDS").and_then(|text| text.trim().parse().ok());
        ends.consumers.push(Consumer::Function(FailoverFunction {
            arn: arn.to_string(),
            topic: topic.map(Arn::to_string),
            failovers: variable("FIREDRILL_FAILOVERS").cloned(),
            max_event_age_seconds: age,
            timeout_seconds: timeout.into(),
            can_start,
        }));
        ends
    }

    /// A read failed: for now, or for good.
    pub(super) fn note_failure(&self, failure: &Failure) -> Readiness {
        self.polling.note_failure(failure);
        unreadable(failure)
    }
}

/// Nothing may be said about it by whoever could not look. What is not there is not there for good.
fn unreadable(failure: &Failure) -> Readiness {
    match failure.proof {
        Proof::Refused => Readiness::Refused(failure.to_string()),
        Proof::Denied | Proof::Again | Proof::Nothing => Readiness::Unknown(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(proof: Proof) -> Readiness {
        let (action, code) = ("lambda:GetFunctionConfiguration", String::new());
        unreadable(&Failure { action, proof, code, message: "said AWS".to_owned() })
    }

    #[test]
    fn who_could_not_look_knows_nothing_and_names_what_was_denied() {
        let Readiness::Unknown(why) = prepared(Proof::Denied) else { panic!("decided without a look") };
        assert!(why.contains("lambda:GetFunctionConfiguration is denied"), "{why}");
        assert!(matches!(prepared(Proof::Again), Readiness::Unknown(_)));
        assert!(matches!(prepared(Proof::Nothing), Readiness::Unknown(_)));
        assert!(matches!(prepared(Proof::Refused), Readiness::Refused(_)));
    }

    #[test]
    fn an_action_leads_to_a_topic_to_a_function_or_nowhere_that_can_be_followed() {
        let arn = |text: &str| Arn::try_from(text.to_owned()).unwrap();
        let topic = "arn:aws:sns:us-east-1:123456789012:cdn";
        assert_eq!(Leads::of(topic), Leads::Topic(arn(topic)));
        for function in [
            "arn:aws:lambda:us-east-1:123456789012:function:failover-cdn",
            "arn:aws:lambda:us-east-1:123456789012:function:failover-cdn:live",
        ] {
            assert_eq!(Leads::of(function), Leads::Function(arn(function)));
        }
        for other in [
            "arn:aws:automate:us-east-1:ec2:stop",
            "arn:aws:ssm:us-east-1:123456789012:opsitem:1",
            "arn:aws:lambda:us-east-1:123456789012:layer:x",
            "arn:aws:sns",
            "",
        ] {
            assert_eq!(Leads::of(other), Leads::Elsewhere, "{other}");
        }
    }
}
