//! What is scheduled: the schedules of `EventBridge` Scheduler and the rules of the default bus that start a drill function.

use std::collections::BTreeSet;

use crate::{
    input::{Scheduled, ScheduledDrill},
    ports::{
        EventRule, EventRules, ListedSchedule, Next, Reply, RuleTarget, Schedule, Schedules, every_page,
    },
};

/// Every schedule and every rule that starts one of these functions. What cannot be read is said.
///
/// A schedule may name a version or an alias of a function. A rule is found by its target's whole ARN
/// (`ListRuleNamesByTarget`), so one that names a version or an alias is not found.
pub(super) async fn read_scheduled(
    world: &(impl Schedules + EventRules),
    function_arns: &[String],
) -> Scheduled {
    let mut scheduled = Scheduled::default();
    add_schedules(world, function_arns, &mut scheduled).await;
    add_rules(world, function_arns, &mut scheduled).await;
    scheduled
}

async fn add_schedules(scheduler: &impl Schedules, function_arns: &[String], found: &mut Scheduled) {
    let listed = match every_page(async |next: Next<'_>| scheduler.list_schedules(next).await).await {
        Ok(listed) => listed,
        Err(failure) => {
            return found.unread.push(format!("The schedules cannot be listed: {failure}."));
        }
    };
    for ListedSchedule { group, name, target_arn } in listed {
        if !starts_one_of(function_arns, &target_arn) {
            continue;
        }
        match scheduler.get_schedule(&group, &name).await {
            Ok(schedule) => found.drills.push(of_schedule(schedule)),
            Err(failure) => {
                found.unread.push(format!("The schedule {group}/{name} cannot be read: {failure}."));
            }
        }
    }
}

fn of_schedule(schedule: Schedule) -> ScheduledDrill {
    let Schedule { arn, enabled, expression, time_zone, starts, ends, created, .. } = schedule;
    ScheduledDrill {
        arn,
        enabled,
        expression: Some(expression),
        time_zone,
        starts,
        ends,
        created,
        flexible_window_minutes: schedule.flexible_window_minutes,
        request: match &schedule.input {
            Some(input) => ScheduledDrill::request_in(input),
            None => Err("it sends no input".to_owned()),
        },
    }
}

async fn add_rules(rules: &impl EventRules, function_arns: &[String], found: &mut Scheduled) {
    let mut names = BTreeSet::new();
    for arn in function_arns {
        match every_page(async |next: Next<'_>| rules.rule_names_by_target(arn, next).await).await {
            Ok(more) => names.extend(more),
            Err(failure) => {
                found.unread.push(format!("The rules that start {arn} cannot be listed: {failure}."));
            }
        }
    }
    for name in names {
        match read_rule(rules, &name).await {
            Ok((rule, targets)) => {
                let targets = targets.iter().filter(|target| starts_one_of(function_arns, &target.arn));
                found.drills.extend(targets.map(|target| of_rule(&rule, target)));
            }
            Err(failure) => found.unread.push(format!("The rule {name} cannot be read: {failure}.")),
        }
    }
}

async fn read_rule(rules: &impl EventRules, name: &str) -> Reply<(EventRule, Vec<RuleTarget>)> {
    let rule = rules.describe_rule(name).await?;
    let targets = every_page(async |next: Next<'_>| rules.targets_by_rule(name, next).await).await?;
    Ok((rule, targets))
}

fn of_rule(rule: &EventRule, target: &RuleTarget) -> ScheduledDrill {
    ScheduledDrill {
        arn: rule.arn.clone(),
        enabled: rule.enabled,
        expression: rule.expression.clone(),
        time_zone: None,
        starts: None,
        ends: None,
        created: None,
        flexible_window_minutes: 0,
        request: match target.input.as_ref().or(target.input_template.as_ref()) {
            Some(input) => ScheduledDrill::request_in(input),
            None => Err("it sends the event as it is, which is no request".to_owned()),
        },
    }
}

/// Whether this is the ARN of one of these functions, or of a version or an alias of one.
fn starts_one_of(function_arns: &[String], arn: &str) -> bool {
    let behind = |function: &String| arn.strip_prefix(function.as_str());
    function_arns.iter().filter_map(behind).any(|rest| rest.is_empty() || rest.starts_with(':'))
}
