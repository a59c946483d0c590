//! Plan of a drill through an alarm: reads everything that a run would need, and changes nothing.

use firedrill_core::{
    Readiness, Run, UndoStep,
    plan::{Excluded, Permission, Plan, PlannedProbe, PlannedStep},
    ports::Clock,
    request::Mode,
    trigger::all_hops,
};

use super::{AlarmDrill, AlarmDrillTarget, Cloud, look::PRIMARY, prepare::Checked, wiring::ActionTarget};

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    pub(super) async fn plan_run(&self, run: &Run) -> Plan {
        let (readiness, found) = self.checked(run).await;
        let Checked { hops, effects, actions, ok_actions, primary, permissions: also_checked, .. } = found;
        let primary = primary.map(|answer| PlannedProbe {
            probe: PRIMARY.to_owned(),
            seen: answer.seen,
            detail: answer.detail,
        });
        let (refused, undo, automation) = match readiness {
            Readiness::Ready(injection) => {
                (None, injection.undo, injection.trigger.map(|trigger| trigger.automation))
            }
            Readiness::Refused(why) => (Some(why), Vec::new(), None),
            Readiness::Unknown(why) => {
                (Some(format!("not everything could be read: {why}")), Vec::new(), None)
            }
        };
        let on_ok = |action: String| Excluded {
            resource: action,
            why: "started when the alarm returns to OK, not by the failover".to_owned(),
        };
        let is_ready = refused.is_none();
        Plan {
            probes: primary.into_iter().collect(),
            targets: vec![self.target.alarm_arn.to_string(), self.resource.arn().to_string()],
            excluded: ok_actions.into_iter().map(on_ok).collect(),
            refused,
            wiring: all_hops(&hops, &effects),
            exercises: self.context.request.mode.exercises().to_owned(),
            steps: self.steps(&actions, automation.as_deref(), &undo),
            permissions: if is_ready {
                self.permissions(&undo).into_iter().chain(also_checked).collect()
            } else {
                Vec::new()
            },
            undo,
            ..Plan::default()
        }
    }

    /// The steps of a run: the trigger, every action that the alarm then starts, the failover, and the undo.
    fn steps(&self, actions: &[String], automation: Option<&str>, undo: &[UndoStep]) -> Vec<PlannedStep> {
        let alarm = &self.target.alarm_arn;
        let (action, plane) = match self.context.request.mode {
            Mode::Metric => ("cloudwatch:PutMetricData", "data plane".to_owned()),
            Mode::Alarm | Mode::Stop => ("cloudwatch:SetAlarmState", control_plane(alarm.region())),
        };
        let step = |action: &str, resource: &str, plane: String| PlannedStep {
            action: action.to_owned(),
            resources: vec![resource.to_owned()],
            plane,
        };
        let mut steps = vec![step(action, alarm.as_str(), plane)];
        steps.extend(actions.iter().map(|action| match ActionTarget::of(action) {
            ActionTarget::Topic(_) => step("sns:Publish", action, "data plane".to_owned()),
            ActionTarget::Function(_) => step("lambda:InvokeFunction", action, "data plane".to_owned()),
            ActionTarget::OperationalItem | ActionTarget::Other => {
                step("an action of the alarm", action, control_plane(alarm.region()))
            }
        }));
        // Only a function sends a call; a health check moves DNS names by itself.
        if automation.is_some_and(|automation| automation.starts_with("arn:")) {
            let (action, region) = self.resource.call();
            steps.push(step(action, self.resource.arn().as_str(), control_plane(&region)));
        }
        steps.extend(undo.iter().filter(|step| !step.awaited).map(|undo| {
            // A global service's ARN has no Region, but its control plane lies in one.
            let region = if undo.region.is_empty() { self.resource.call().1 } else { undo.region.clone() };
            PlannedStep {
                action: action_of(undo),
                resources: undo.resources.clone(),
                plane: control_plane(&region),
            }
        }));
        steps
    }

    /// The permissions that a run needs. None of these calls has a dry run, so none is checked.
    fn permissions(&self, undo: &[UndoStep]) -> Vec<Permission> {
        let why = "AWS has no dry run of this call";
        let mut needed = vec!["cloudwatch:DescribeAlarmHistory".to_owned()];
        if self.context.request.mode == Mode::Metric {
            needed.push("cloudwatch:PutMetricData".to_owned());
        }
        needed.extend(undo.iter().filter(|step| !step.awaited).map(action_of));
        if self.context.settings.topic_arn.is_some() {
            needed.push("sns:Publish".to_owned());
        }
        needed.iter().map(|action| Permission::not_checked(action, Some(why))).collect()
    }
}

fn action_of(step: &UndoStep) -> String {
    format!("{}:{}", step.service, step.action)
}

fn control_plane(region: &str) -> String {
    format!("control plane ({region})")
}
