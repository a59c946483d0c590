//! Effects: everything that a change of an alarm sets off, and what of it keeps a run from setting the alarm.

use super::wiring::{FailoverFunction, FailoverPath};
use crate::{
    Tristate,
    failover::parse_rules,
    plan::Hop,
    request::{Arn, Mode},
};

/// Something that a change of an alarm sets off, or may set off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The alarm whose change sets it off: the trigger, or a composite alarm that follows it.
    pub alarm: Arn,
    /// The ARNs between the trigger and it, in order: composite alarms, a rule of EventBridge, a topic.
    pub through: Vec<String>,
    /// What is set off: an ARN, the endpoint of a subscription, the id of a health check.
    pub target: String,
    /// How it is set off, such as `an action of the alarm`.
    pub detail: String,
    /// What it does.
    pub kind: EffectKind,
}

/// What something that is set off does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// It passes the change on. What it sets off are effects of their own.
    Hop,
    /// It tells people, and does nothing else.
    Notification,
    /// It does nothing: why.
    Idle(String),
    /// It is a Lambda function.
    Function(Box<FailoverFunction>),
    /// It is a Route 53 health check that watches the metric of the alarm.
    HealthCheck,
    /// It is something else, of which nobody here knows what it does.
    Other,
    /// It could not be read.
    Unread {
        /// The service that was asked, such as `events`.
        service: String,
        /// Why.
        why: String,
    },
}

/// What a run means to set off.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// What is to fail over.
    pub resource: &'a Arn,
    /// How the alarm is set off.
    pub mode: Mode,
    /// What the request allows to be set off besides (`allowedActions`).
    pub allowed: &'a [String],
}

/// Why an alarm must not be set off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// It sets off what is not the run's.
    Foreign(String),
    /// Not everything that it sets off could be read.
    Unread(String),
}

/// The most effects that are named in a message.
const MAX_NAMED: usize = 5;
/// The most hops that are listed: a topic may have millions of subscriptions.
const MAX_HOPS: usize = 200;

impl Effect {
    /// Whether the request allows it by name, or allows what passes the change on to it.
    fn is_allowed(&self, allowed: &[String]) -> bool {
        let names = |name: &String| allowed.contains(name);
        let unread = match &self.kind {
            EffectKind::Unread { service, .. } => allowed.contains(&format!("unread:{service}")),
            _ => false,
        };
        unread || names(&self.target) || self.through.iter().any(names)
    }

    /// Why it is not the run's own; none if it is, or does nothing but tell people.
    fn foreign(&self, path: &FailoverPath, purpose: &Purpose<'_>) -> Option<String> {
        let why = match &self.kind {
            EffectKind::Hop | EffectKind::Notification | EffectKind::Idle(_) | EffectKind::Unread { .. } => {
                return None;
            }
            // It watches the metric: a state that is forced is nothing to it.
            EffectKind::HealthCheck if purpose.mode != Mode::Metric || path.automation() == self.target => {
                return None;
            }
            EffectKind::HealthCheck | EffectKind::Other => self.detail.clone(),
            EffectKind::Function(function) => match &function.failovers {
                None => "no failover function of Firedrill".to_owned(),
                Some(failovers) => {
                    // A function without a rule that it can read for this alarm does nothing about it.
                    let parsed = parse_rules(failovers).ok()?;
                    let mut rules = parsed.rules.iter().filter(|(rule, _)| rule.alarm_arn == self.alarm);
                    let (_, other) = rules.find(|(_, target)| target.arn() != purpose.resource)?;
                    format!("fails over {}", other.arn())
                }
            },
        };
        Some(format!("{} ({why})", self.target))
    }

    fn unread(&self) -> Option<String> {
        let EffectKind::Unread { service, why } = &self.kind else { return None };
        Some(format!("{} ({why}; `unread:{service}`)", self.target))
    }

    /// The hop at whose end it is.
    fn hop(&self) -> Hop {
        let (seen, detail) = match &self.kind {
            EffectKind::Unread { why, .. } => (Tristate::Unknown, format!("{}: {why}", self.detail)),
            EffectKind::Idle(why) => (Tristate::Yes, format!("{}: {why}", self.detail)),
            EffectKind::Hop
            | EffectKind::Notification
            | EffectKind::Function(_)
            | EffectKind::HealthCheck
            | EffectKind::Other => (Tristate::Yes, self.detail.clone()),
        };
        let from = self.through.last().cloned().unwrap_or_else(|| self.alarm.to_string());
        Hop { from, to: self.target.clone(), seen, detail }
    }
}

/// Why the alarm must not be set off: something that its change sets off is neither the run's own nor allowed by the
/// request. `None` if nothing is. What is certain comes before what could not be read.
#[must_use]
pub fn object(effects: &[Effect], path: &FailoverPath, purpose: &Purpose<'_>) -> Option<Objection> {
    let disallowed = || effects.iter().filter(|effect| !effect.is_allowed(purpose.allowed));
    let foreign: Vec<String> = disallowed().filter_map(|effect| effect.foreign(path, purpose)).collect();
    if !foreign.is_empty() {
        return Some(Objection::Foreign(format!(
            "the alarm also sets off what is not this drill's: {}; take it away, or name it in \
             `trigger.allowedActions` if the drill may set it off",
            named(&foreign)
        )));
    }
    let unread: Vec<String> = disallowed().filter_map(Effect::unread).collect();
    (!unread.is_empty()).then(|| {
        Objection::Unread(format!(
            "not everything that the alarm sets off could be read: {}; let it be read, or name that in \
             `trigger.allowedActions`",
            named(&unread)
        ))
    })
}

/// At most so many that a message can be read, and how many more there are.
fn named(all: &[String]) -> String {
    let first = all.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(MAX_NAMED);
    if more == 0 { first } else { format!("{first}, and {more} more") }
}

/// The hops of the path, then those of everything else that the alarm sets off.
#[must_use]
pub fn all_hops(path: &[Hop], effects: &[Effect]) -> Vec<Hop> {
    let is_of_path = |hop: &Hop| path.iter().any(|one| (&one.from, &one.to) == (&hop.from, &hop.to));
    let others: Vec<Hop> = effects.iter().map(Effect::hop).filter(|hop| !is_of_path(hop)).collect();
    let more = others.len().saturating_sub(MAX_HOPS);
    let mut hops: Vec<Hop> = path.iter().cloned().chain(others.into_iter().take(MAX_HOPS)).collect();
    if more > 0 {
        let (to, detail) = (format!("{more} more"), "not listed".to_owned());
        hops.push(Hop { from: effects[0].alarm.to_string(), to, seen: Tristate::Yes, detail });
    }
    hops
}

#[cfg(test)]
mod tests;
