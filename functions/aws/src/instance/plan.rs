//! Plan of an instance drill: reads everything that a run would need, and changes nothing.

use firedrill_core::{
    instance::{Candidate, NoSelection},
    plan::{Permission, Plan, PlannedProbe, PlannedStep, Proof},
};

use super::{InstanceDrill, prepare::bounded};
use crate::{ec2::DryRun, not_ready::NotReady};

impl InstanceDrill {
    pub(super) async fn plan_run(&self) -> Plan {
        let (answers, resolved, stop) =
            tokio::join!(self.ask_probes(true), self.resolve(), self.look_at_stop_conditions());
        let probes = answers.into_iter().map(|(index, answer)| PlannedProbe {
            probe: self.request.steady_state.probes[index].name.clone(),
            seen: answer.seen,
            detail: answer.detail,
        });
        let mut plan = Plan { probes: probes.collect(), ..Plan::default() };
        let mut candidates = Vec::new();
        match resolved {
            Err(NotReady::Refused(why)) => plan.refused = Some(why),
            Err(NotReady::Unknown(why)) => {
                plan.refused = Some(format!("the targets could not be read: {why}"));
            }
            Ok(found) => {
                candidates = found.candidates;
                plan.undo = found.undo;
                plan.refused = found.lacks;
                match found.chosen {
                    Ok(selection) => {
                        plan.targets = selection.chosen;
                        plan.excluded = bounded(selection.excluded);
                    }
                    Err(NoSelection { why, excluded }) => {
                        plan.refused = Some(why);
                        plan.excluded = bounded(excluded);
                    }
                }
            }
        }
        if let Some(stop) = stop.against_start(&self.stop_conditions) {
            plan.refused.get_or_insert(format!("{}: {}", stop.by, stop.reason));
        }
        plan.steps = self.steps(&plan.targets);
        plan.permissions = self.permissions(&plan.targets, &candidates).await;
        plan
    }

    fn steps(&self, targets: &[String]) -> Vec<PlannedStep> {
        if targets.is_empty() {
            return Vec::new();
        }
        let step = |action: &str| PlannedStep {
            action: action.to_owned(),
            resources: targets.to_vec(),
            plane: format!("control plane ({})", self.target.region),
        };
        vec![step("ec2:StopInstances"), step("ec2:StartInstances")]
    }

    async fn permissions(&self, targets: &[String], candidates: &[Candidate]) -> Vec<Permission> {
        let (stop, start) = tokio::join!(self.aws.ec2.may_stop(targets), self.aws.ec2.may_start(targets));
        let mut permissions = vec![asked("ec2:StopInstances", stop), asked("ec2:StartInstances", start)];
        let granted = &self.settings.kms_key_arns;
        let mut chosen = candidates.iter().filter(|candidate| targets.contains(&candidate.id));
        if chosen.any(|candidate| candidate.keys.iter().any(|key| granted.contains(&key.arn))) {
            let why = "AWS has no dry run that shows whether the key's policy lets EC2 start the instance";
            permissions.push(not_checked("kms:CreateGrant", Some(why)));
        }
        if self.request.detection.is_some() {
            permissions.push(not_checked("cloudwatch:DescribeAlarmHistory", None));
        }
        permissions.push(not_checked("ec2:DescribeInstanceStatus", None));
        permissions
    }
}

fn asked(action: &str, answer: DryRun) -> Permission {
    let (proof, detail) = match answer {
        DryRun::Allowed => (Proof::Proven, None),
        DryRun::Denied(why) => (Proof::Denied, Some(why)),
        DryRun::Unknown(why) => (Proof::NotChecked, Some(why)),
    };
    Permission { action: action.to_owned(), proof, detail }
}

fn not_checked(action: &str, why: Option<&str>) -> Permission {
    Permission { action: action.to_owned(), proof: Proof::NotChecked, detail: why.map(str::to_owned) }
}
