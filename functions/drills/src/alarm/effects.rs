//! Effects: reads everything that a change of the trigger's alarm sets off, hop by hop, and ends at nothing that fits.
//!
//! A change is followed through the actions of the alarm, of both of its states: the alarm that is forced returns to OK by
//! itself. Through the rules of EventBridge that may match it, and through each composite alarm that follows it.

use std::collections::BTreeSet;

use firedrill_core::{
    Tristate,
    ports::{Clock, Ids},
    request::Arn,
    trigger::{Effect, EffectKind, FailoverFunction, may_match},
};
use futures_util::future::{join, join_all};

use super::{AlarmDrill, AlarmDrillTarget, Cloud, wiring::ActionTarget};
use crate::{
    Failure,
    ports::{AlarmSetup, Next, Rule, Subscription, every_chunk, every_page},
};

/// The most names that `DescribeAlarms` takes.
const MAX_NAMES: usize = 100;

/// How far a change has been followed: where it began, and what it went through.
#[derive(Clone, Debug)]
struct Origin {
    alarm: Arn,
    through: Vec<String>,
}

/// An alarm that changes: the trigger, or a composite alarm that follows it.
struct Changing {
    name: String,
    origin: Origin,
    /// What its changes to ALARM and to OK start.
    actions: BTreeSet<String>,
}

impl Origin {
    /// Behind this hop.
    fn behind(&self, hop: &str) -> Self {
        let mut behind = self.clone();
        behind.through.push(hop.to_owned());
        behind
    }

    fn effect(&self, target: &str, detail: &str, kind: EffectKind) -> Effect {
        let Self { alarm, through } = self.clone();
        Effect { alarm, through, target: target.to_owned(), detail: detail.to_owned(), kind }
    }
}

impl Changing {
    fn of(alarm: &AlarmSetup, origin: Origin) -> Self {
        let started = alarm.alarm_actions.iter().chain(&alarm.ok_actions).filter(|_| alarm.actions_enabled);
        Self { name: alarm.name.clone(), origin, actions: started.cloned().collect() }
    }
}

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// Everything that a change of this alarm, the trigger, sets off or may set off. What could not be read is among it.
    pub(super) async fn effects(&self, trigger: &AlarmSetup) -> Vec<Effect> {
        let origin = Origin { alarm: self.target.alarm_arn.clone(), through: Vec::new() };
        let ((changing, mut effects), rules) =
            join(self.following(trigger, &origin), self.rules(&origin)).await;
        let (rules, unread) = rules.map_or_else(|unread| (Vec::new(), Some(unread)), |rules| (rules, None));
        effects.extend(unread);
        let found = join_all(changing.iter().map(async |alarm| {
            let started = alarm
                .actions
                .iter()
                .map(async |action| self.follow(&alarm.origin, action, "an action of the alarm").await);
            let matched = rules.iter().map(async |rule| self.rule(&alarm.origin, rule).await);
            let (started, matched) = join(join_all(started), join_all(matched)).await;
            started.into_iter().chain(matched).flatten().collect::<Vec<_>>()
        }));
        let found: Vec<Effect> = found.await.into_iter().flatten().collect();
        [found, effects].concat()
    }

    /// The trigger, and each composite alarm whose rule names it, directly or through others; with the latter as effects.
    async fn following(&self, trigger: &AlarmSetup, origin: &Origin) -> (Vec<Changing>, Vec<Effect>) {
        const DETAIL: &str = "a composite alarm that follows it";
        let mut changing = vec![Changing::of(trigger, origin.clone())];
        let (mut effects, mut seen) = (Vec::new(), BTreeSet::from([trigger.name.clone()]));
        let mut next = 0;
        while let Some(Changing { name, origin, .. }) = changing.get(next) {
            let origin = origin.clone();
            let found = self.parents(name, &mut seen).await;
            next += 1;
            let parents = match found {
                Ok(parents) => parents,
                Err(failure) => {
                    effects.push(self.unread(&origin, "its composite alarms", DETAIL, &failure));
                    continue;
                }
            };
            for parent in parents {
                let Ok(alarm) = Arn::try_from(parent.arn.clone()) else {
                    effects.push(origin.effect(&parent.arn, DETAIL, EffectKind::Other));
                    continue;
                };
                effects.push(origin.effect(&parent.arn, DETAIL, EffectKind::Hop));
                let through = origin.behind(&parent.arn).through;
                changing.push(Changing::of(&parent, Origin { alarm, through }));
            }
        }
        (changing, effects)
    }

    /// The composite alarms whose rules name this alarm, without those that were `seen`.
    async fn parents(&self, name: &str, seen: &mut BTreeSet<String>) -> Result<Vec<AlarmSetup>, Failure> {
        let (region, cloud) = (self.alarm_region(), &self.context.cloud);
        let parents = every_page(async |page: Next<'_>| cloud.parent_alarms(region, name, page).await);
        let new: Vec<String> = parents.await?.into_iter().filter(|name| seen.insert(name.clone())).collect();
        let page = async |names: &Ids, page: Next<'_>| cloud.describe_alarms(region, names, page).await;
        every_chunk(&new, MAX_NAMES, page).await
    }

    /// The rules of EventBridge in the alarm's Region.
    async fn rules(&self, origin: &Origin) -> Result<Vec<Rule>, Effect> {
        let (region, cloud) = (self.alarm_region(), &self.context.cloud);
        let rules = every_page(async |page: Next<'_>| cloud.list_rules(region, page).await).await;
        rules.map_err(|failure| {
            self.unread(origin, "the rules of EventBridge", "rules may match it", &failure)
        })
    }

    /// What this rule sets off, if it may match a change of the alarm.
    async fn rule(&self, origin: &Origin, rule: &Rule) -> Vec<Effect> {
        let is_matched = |pattern: &String| rule.enabled && may_match(pattern, &origin.alarm);
        if !rule.pattern.as_ref().is_some_and(is_matched) {
            return Vec::new();
        }
        let mut effects =
            vec![origin.effect(&rule.arn, "a rule of EventBridge that may match it", EffectKind::Hop)];
        let behind = origin.behind(&rule.arn);
        let (region, cloud) = (self.alarm_region(), &self.context.cloud);
        let targets = every_page(async |page: Next<'_>| cloud.rule_targets(region, &rule.name, page).await);
        match targets.await {
            Ok(targets) => {
                let followed =
                    targets.iter().map(async |arn| self.follow(&behind, arn, "a target of the rule").await);
                effects.extend(join_all(followed).await.into_iter().flatten());
            }
            Err(failure) => {
                effects.push(self.unread(&behind, "its targets", "targets of the rule", &failure));
            }
        }
        effects
    }

    /// What an action of an alarm, or a target of a rule, is, and what lies behind it.
    async fn follow(&self, origin: &Origin, arn: &str, detail: &str) -> Vec<Effect> {
        match ActionTarget::of(arn) {
            ActionTarget::Topic(topic) => {
                let mut effects = vec![origin.effect(arn, detail, EffectKind::Hop)];
                effects.extend(self.topic(&origin.behind(arn), &topic).await);
                effects
            }
            ActionTarget::Function(arn) => self.function(origin, &arn, detail).await,
            ActionTarget::OperationalItem => vec![origin.effect(arn, detail, EffectKind::Notification)],
            ActionTarget::Other => vec![origin.effect(arn, detail, EffectKind::Other)],
        }
    }

    /// Everything that is subscribed to this topic.
    async fn topic(&self, origin: &Origin, topic: &Arn) -> Vec<Effect> {
        let page = async |page: Next<'_>| self.context.cloud.subscriptions(topic, page).await;
        match every_page(page).await {
            Ok(subscriptions) => {
                let all = subscriptions.iter().map(async |one| self.subscription(origin, topic, one).await);
                join_all(all).await.into_iter().flatten().collect()
            }
            Err(failure) => {
                vec![self.unread(origin, "its subscriptions", "subscriptions of the topic", &failure)]
            }
        }
    }

    async fn subscription(&self, origin: &Origin, topic: &Arn, one: &Subscription) -> Vec<Effect> {
        let Subscription { protocol, endpoint, confirmed } = one;
        let detail = format!("a subscription ({protocol}) to the topic");
        if !confirmed {
            let why = format!("the subscription of {endpoint} to {topic} is not confirmed");
            return vec![origin.effect(endpoint, &detail, EffectKind::Idle(why))];
        }
        let kind = match protocol.as_str() {
            "lambda" => match Arn::try_from(endpoint.clone()) {
                Ok(arn) => return self.function(origin, &arn, &detail).await,
                Err(_) => EffectKind::Other,
            },
            "email" | "email-json" | "sms" => EffectKind::Notification,
            _ => EffectKind::Other,
        };
        vec![origin.effect(endpoint, &detail, kind)]
    }

    /// The configuration of a function, and whether it can be started.
    async fn function(&self, origin: &Origin, arn: &Arn, detail: &str) -> Vec<Effect> {
        let (region, name, cloud) = (arn.region(), arn.as_str(), &self.context.cloud);
        let (configuration, reserved) =
            join(cloud.function_configuration(region, name), cloud.reserved_concurrency(region, name)).await;
        let configuration = match configuration {
            Ok(configuration) => configuration,
            Err(failure) if failure.code() == "ResourceNotFoundException" => {
                let why = format!("function {arn} does not exist");
                return vec![origin.effect(name, detail, EffectKind::Idle(why))];
            }
            Err(failure) => return vec![self.unread(origin, name, detail, &failure)],
        };
        let Some(timeout) = configuration.timeout_seconds else {
            let failure = Failure::not_sent("lambda:GetFunctionConfiguration", "the answer holds no timeout");
            return vec![self.unread(origin, name, detail, &failure)];
        };
        let mut effects = Vec::new();
        let can_start = match reserved {
            _ if !configuration.active => Tristate::No,
            Ok(Some(0)) => Tristate::No,
            Ok(_) => Tristate::Yes,
            Err(failure) => {
                effects.push(self.unread(origin, name, detail, &failure));
                Tristate::Unknown
            }
        };
        let variable = |name: &str| configuration.environment.get(name);
        let age = variable("FIREDRILL_MAX_EVENT_AGE_SECONDS").and_then(|text| text.trim().parse().ok());
        let function = FailoverFunction {
            arn: arn.to_string(),
            topic: origin.through.last().cloned(),
            failovers: variable("FIREDRILL_FAILOVERS").cloned(),
            max_event_age_seconds: age,
            timeout_seconds: timeout.into(),
            can_start,
        };
        effects.push(origin.effect(name, detail, EffectKind::Function(Box::new(function))));
        effects
    }

    /// The Route 53 health checks that watch the metric of the trigger's alarm, not its state: forcing the state does not
    /// change them (developer guide, *How Route 53 determines the status of health checks that monitor CloudWatch alarms*).
    pub(super) async fn health_checks(&self) -> Vec<Effect> {
        const DETAIL: &str = "a Route 53 health check that watches its metric";
        let origin = Origin { alarm: self.target.alarm_arn.clone(), through: Vec::new() };
        let page = async |page: Next<'_>| self.context.cloud.list_health_checks(page).await;
        let checks = match every_page(page).await {
            Ok(checks) => checks.into_iter(),
            Err(failure) => return vec![self.unread(&origin, "health checks", DETAIL, &failure)],
        };
        let watching = checks.filter(|check| {
            let watches = |(name, region): &(String, String)| {
                name == self.alarm_name() && region == self.alarm_region()
            };
            check.kind == "CLOUDWATCH_METRIC" && check.alarm.as_ref().is_some_and(watches)
        });
        watching.map(|check| origin.effect(&check.id, DETAIL, EffectKind::HealthCheck)).collect()
    }

    /// Notes a failed read, behind which there may be more.
    fn unread(&self, origin: &Origin, target: &str, detail: &str, failure: &Failure) -> Effect {
        self.context.note_failure(failure);
        let service = failure.action.split(':').next().unwrap_or_default().to_owned();
        origin.effect(target, detail, EffectKind::Unread { service, why: failure.to_string() })
    }
}
