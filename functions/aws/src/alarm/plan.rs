//! Looks at everything a run would need, without touching anything.

use firedrill_core::{
    Readiness, Run, UndoStep,
    plan::{Excluded, Permission, Plan, PlannedProbe, PlannedStep, Proof},
    request::Mode,
};

use super::{AlarmDrill, AlarmDrillTarget, prepare::Preparation, probes::PRIMARY, wiring::Leads};

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    pub(super) async fn look_ahead(&self, run: &Run) -> Plan {
        let (answers, found, stop) =
            tokio::join!(self.ask_probes(), self.prepare(run), self.stop_conditions());
        let names = run.limits.probes.iter().map(|rule| rule.probe.clone());
        let standby = self.request.steady_state.probes.len() + 1;
        let mut probes: Vec<PlannedProbe> = names
            .zip(answers)
            // That the standby does not serve yet is as it should be.
            .filter(|(_, (index, _))| *index != standby)
            .map(|(probe, (_, answer))| PlannedProbe { probe, seen: answer.seen, detail: answer.detail })
            .collect();
        probes.extend(found.primary.clone().map(|answer| PlannedProbe {
            probe: PRIMARY.to_owned(),
            seen: answer.seen,
            detail: answer.detail,
        }));
        let Preparation { prepared, hops, actions, ok_actions, .. } = found;
        let (refused, undo, automation) = match prepared {
            Readiness::Ready(ready) => (None, ready.undo, ready.trigger.map(|trigger| trigger.automation)),
            Readiness::Refused(why) => (Some(why), Vec::new(), None),
            Readiness::Unknown(why) => {
                (Some(format!("not everything could be read: {why}")), Vec::new(), None)
            }
        };
        let stopped = stop.against(&self.stops).map(|stop| format!("{}: {}", stop.by, stop.reason));
        let back = |action: String| Excluded {
            resource: action,
            why: "set off when the alarm is back in OK, not by the failover".to_owned(),
        };
        let is_ready = refused.is_none();
        Plan {
            probes,
            targets: vec![self.target.alarm_arn.to_string(), self.resource.arn().to_string()],
            excluded: ok_actions.into_iter().map(back).collect(),
            refused: refused.or(stopped),
            wiring: hops,
            exercises: self.request.mode.exercises().to_owned(),
            steps: self.steps(&actions, automation.as_deref(), &undo),
            permissions: if is_ready { self.permissions(&undo) } else { Vec::new() },
            undo,
            ..Plan::default()
        }
    }

    /// The trigger, everything that the alarm then sets off, and the way back.
    fn steps(&self, actions: &[String], automation: Option<&str>, undo: &[UndoStep]) -> Vec<PlannedStep> {
        let alarm = &self.target.alarm_arn;
        let (action, plane) = match self.request.mode {
            Mode::Metric => ("cloudwatch:PutMetricData", "data plane".to_owned()),
            Mode::Alarm | Mode::Stop => ("cloudwatch:SetAlarmState", control(alarm.region())),
        };
        let step = |action: &str, resource: &str, plane: String| PlannedStep {
            action: action.to_owned(),
            resources: vec![resource.to_owned()],
            plane,
        };
        let mut steps = vec![step(action, alarm.as_str(), plane)];
        steps.extend(actions.iter().map(|action| match Leads::of(action) {
            Leads::Topic(_) => step("sns:Publish", action, "data plane".to_owned()),
            Leads::Function(_) => step("lambda:InvokeFunction", action, "data plane".to_owned()),
            Leads::Elsewhere => step("an action of the alarm", action, control(alarm.region())),
        }));
        // A function calls; a health check moves names by itself.
        if automation.is_some_and(|automation| automation.starts_with("arn:")) {
            let (action, region) = self.resource.call();
            steps.push(step(action, self.resource.arn().as_str(), control(&region)));
        }
        steps.extend(undo.iter().filter(|step| !step.awaited).map(|back| {
            // A global service's ARN has no Region; its control plane lies in one.
            let region = if back.region.is_empty() { self.resource.call().1 } else { back.region.clone() };
            PlannedStep {
                action: action_of(back),
                resources: back.resources.clone(),
                plane: control(&region),
            }
        }));
        steps
    }

    /// None of these calls has a dry run.
    fn permissions(&self, undo: &[UndoStep]) -> Vec<Permission> {
        let why = "there is no dry run of this call";
        let mut needed = vec!["cloudwatch:DescribeAlarmHistory".to_owned()];
        if self.request.mode == Mode::Metric {
            needed.push("cloudwatch:PutMetricData".to_owned());
        }
        needed.extend(undo.iter().filter(|step| !step.awaited).map(action_of));
        if self.shared.config.topic_arn.is_some() {
            needed.push("sns:Publish".to_owned());
        }
        let not_checked =
            |action| Permission { action, proof: Proof::NotChecked, detail: Some(why.to_owned()) };
        needed.into_iter().map(not_checked).collect()
    }
}

fn action_of(step: &UndoStep) -> String {
    format!("{}:{}", step.service, step.action)
}

fn control(region: &str) -> String {
    format!("control plane ({region})")
}
