//! Wiring: reads the path from the alarm to what fails over, hop by hop, and assumes nothing that was not read.

use firedrill_core::{
    Tristate,
    ports::Clock,
    request::Arn,
    trigger::{
        AlarmConsumers, Consumer, FailoverFunction, FailoverPath, NoPath, TriggerAlarm, find_path, refuse,
    },
};
use futures_util::future::{join, join_all, join3};

use super::{AlarmDrill, AlarmDrillTarget, Cloud};
use crate::{
    Failure, NotReady,
    ports::{AlarmSetup, Kind, Next, Reply, every_page},
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

/// Codes of CloudWatch for an operation that it does not have in this Region: where no mute rule can be made, none mutes.
const UNKNOWN_OPERATION: [&str; 3] = ["InvalidAction", "UnknownOperation", "UnknownOperationException"];

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// Reads the trigger's alarm, its mute rules and its tags.
    pub(super) async fn read_alarm(&self) -> Result<Alarm, NotReady> {
        let arn = &self.target.alarm_arn;
        let (region, name, cloud) = (self.alarm_region(), self.alarm_name(), &self.context.cloud);
        let mutes = every_page(async |page: Next<'_>| cloud.active_mute_rules(region, name, page).await);
        let (setup, mutes, tags) =
            join3(self.alarm_setup(), mutes, cloud.alarm_tags(region, arn.as_str())).await;
        let Some(setup) = setup.map_err(|failure| self.not_ready(failure))? else {
            return Err(NotReady::Refused(format!("alarm {arn} does not exist")));
        };
        let tags = tags.map_err(|failure| self.not_ready(failure))?;
        let (mut muted_by, mute_failure) = match mutes {
            Ok(rules) => (Some(rules), None),
            Err(failure) if UNKNOWN_OPERATION.contains(&failure.code()) => (Some(Vec::new()), None),
            Err(failure) => (None, Some(failure)),
        };
        if let Kind::Composite { suppressor: Some(by), suppressed_by: Some(how) } = &setup.kind {
            muted_by.get_or_insert_default().push(format!("its suppressor {by} ({how})"));
        }
        let state = TriggerAlarm {
            arn: arn.clone(),
            state: setup.state,
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
            None => Err(self.not_ready(failure.clone())),
        }
    }

    /// The path from the alarm to what fails over.
    pub(super) async fn path(&self, alarm: &TriggerAlarm) -> Result<FailoverPath, NotReady> {
        let Found { consumers, mut is_incomplete } =
            Found::all(join_all(alarm.actions.iter().map(|action| self.follow(action))).await);
        let (resource, mode) = (self.resource.arn(), self.context.request.mode);
        let mut found = AlarmConsumers { consumers, health_checks: Some(Vec::new()) };
        if let Ok(path) = find_path(alarm, &found, resource, mode) {
            return Ok(path);
        }
        // Last, because it reads all health checks of the account.
        let checks = self.health_checks().await;
        found.health_checks = match checks {
            Ok(checks) => Some(checks),
            Err(failure) => {
                self.context.note_failure(&failure);
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

    /// The ids of the health checks that watch the trigger's alarm. They watch the metric data of the alarm, not its state:
    /// forcing the state does not change them (developer guide, *How Route 53 determines the status of health checks that
    /// monitor CloudWatch alarms*).
    async fn health_checks(&self) -> Reply<Vec<String>> {
        let page = async |page: Next<'_>| self.context.cloud.list_health_checks(page).await;
        let watching = every_page(page).await?.into_iter().filter(|check| {
            let watches = |(name, region): &(String, String)| {
                name == self.alarm_name() && region == self.alarm_region()
            };
            check.kind == "CLOUDWATCH_METRIC" && check.alarm.as_ref().is_some_and(watches)
        });
        Ok(watching.map(|check| check.id).collect())
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
        let page = async |page: Next<'_>| self.context.cloud.subscriptions(topic, page).await;
        let subscriptions = match every_page(page).await {
            Ok(subscriptions) => subscriptions,
            Err(failure) => return self.unread(&failure),
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
        let (region, name, cloud) = (arn.region(), arn.as_str(), &self.context.cloud);
        let (configuration, reserved) =
            join(cloud.function_configuration(region, name), cloud.reserved_concurrency(region, name)).await;
        let configuration = match configuration {
            Ok(configuration) => configuration,
            Err(failure) if failure.code() == "ResourceNotFoundException" => {
                return Found::none(format!("function {arn} does not exist"));
            }
            Err(failure) => return self.unread(&failure),
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
                found = self.unread(&failure);
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

    /// Notes a failed read, behind which there may be consumers.
    fn unread(&self, failure: &Failure) -> Found {
        self.context.note_failure(failure);
        Found { consumers: vec![Consumer::Unreadable(failure.to_string())], is_incomplete: true }
    }

    /// Notes a failed read; returns why the drill is not ready.
    pub(super) fn not_ready(&self, failure: Failure) -> NotReady {
        self.context.note_failure(&failure);
        failure.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
