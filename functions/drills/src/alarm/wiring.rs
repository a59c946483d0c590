//! Wiring: reads the alarm and what it sets off, finds the path to what fails over, and assumes nothing that was not read.

use firedrill_core::{
    ports::Clock,
    request::{Arn, Mode},
    trigger::{Effect, FailoverPath, NoPath, Objection, Purpose, TriggerAlarm, find_path, object, refuse},
};
use futures_util::future::join3;

use super::{AlarmDrill, AlarmDrillTarget, Cloud};
use crate::{
    Failure, NotReady,
    ports::{AlarmSetup, Kind, Next, every_page},
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
    /// An item of Systems Manager for people to look at (`opsitem:`): it tells them, and does nothing else.
    OperationalItem,
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
            Ok(arn) if arn.service() == "ssm" && arn.resource().starts_with("opsitem") => {
                Self::OperationalItem
            }
            Ok(_) | Err(_) => Self::Other,
        }
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
        let environment = self.context.environment();
        let Some(failure) = &alarm.mute_failure else {
            return refuse(&alarm.state, &environment).map_or(Ok(()), |why| Err(NotReady::Refused(why)));
        };
        // A certain reason to refuse comes before mute rules that could not be read.
        let unmuted = TriggerAlarm { muted_by: Some(Vec::new()), ..alarm.state.clone() };
        match refuse(&unmuted, &environment) {
            Some(why) => Err(NotReady::Refused(why)),
            None => Err(self.not_ready(failure.clone())),
        }
    }

    /// Everything that the alarm sets off, and the path among it to what fails over.
    pub(super) async fn follow_alarm(&self, alarm: &Alarm) -> (Vec<Effect>, Result<FailoverPath, NotReady>) {
        let (resource, mode) = (self.resource.arn(), self.context.request.mode);
        let mut effects = self.effects(&alarm.setup).await;
        let mut path = find_path(&alarm.state, &effects, resource, mode);
        // Only where they matter, because that reads all health checks of the account: a forced state changes none.
        if mode == Mode::Metric || path.is_err() {
            effects.extend(self.health_checks().await);
            path = find_path(&alarm.state, &effects, resource, mode);
        }
        let not_ready = |no_path: NoPath| {
            let why = no_path.to_string();
            if no_path.is_certain { NotReady::Refused(why) } else { NotReady::Unknown(why) }
        };
        (effects, path.map_err(not_ready))
    }

    /// Checks that the alarm sets off the failover, what only tells people, what the request allows, and nothing else.
    pub(super) fn check_effects(&self, effects: &[Effect], path: &FailoverPath) -> Result<(), NotReady> {
        let (resource, mode) = (self.resource.arn(), self.context.request.mode);
        let purpose = Purpose { resource, mode, allowed: &self.target.allowed_actions };
        match object(effects, path, &purpose) {
            None => Ok(()),
            Some(Objection::Foreign(why)) => Err(NotReady::Refused(why)),
            Some(Objection::Unread(why)) => Err(NotReady::Unknown(why)),
        }
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
        let item = "arn:aws:ssm:us-east-1:123456789012:opsitem:1";
        assert_eq!(ActionTarget::of(item), ActionTarget::OperationalItem);
        for other in [
            "arn:aws:automate:us-east-1:ec2:stop",
            "arn:aws:ssm-incidents::123456789012:response-plan/x",
            "arn:aws:autoscaling:eu-west-2:123456789012:scalingPolicy:x",
            "arn:aws:lambda:us-east-1:123456789012:layer:x",
            "arn:aws:sns",
            "",
        ] {
            assert_eq!(ActionTarget::of(other), ActionTarget::Other, "{other}");
        }
    }
}
