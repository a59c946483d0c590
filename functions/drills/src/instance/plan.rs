//! Plan of an instance drill: reads everything that a run would need, and changes nothing.

use firedrill_core::{
    instance::{Candidate, NoSelection},
    plan::{Permission, Plan, PlannedStep},
    ports::Clock,
};
use futures_util::future::join;

use super::{Cloud, InstanceDrill, prepare::bounded};
use crate::{NotReady, harness::dry_run, ports::Ids};

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    pub(super) async fn plan_run(&self) -> Plan {
        let mut plan = Plan::default();
        let mut candidates = Vec::new();
        let (resolved, detection) = join(self.resolve(), self.check_detection()).await;
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
        if let Err(not_ready) = detection {
            plan.refused.get_or_insert(not_ready.to_string());
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
            plane: format!("control plane ({})", self.region()),
        };
        vec![step("ec2:StopInstances"), step("ec2:StartInstances")]
    }

    async fn permissions(&self, targets: &[String], candidates: &[Candidate]) -> Vec<Permission> {
        let mut permissions = Vec::new();
        if let Some(ids) = Ids::new(targets) {
            let reply = self.context.cloud.start_instances(self.region(), &ids, true).await;
            permissions.push(dry_run("ec2:StartInstances", reply));
        }
        let granted = &self.context.settings.kms_key_arns;
        let mut chosen = candidates.iter().filter(|candidate| targets.contains(&candidate.id));
        if chosen.any(|candidate| candidate.keys.iter().any(|key| granted.contains(&key.arn))) {
            let why = "AWS has no dry run that shows whether the key's policy lets EC2 start the instance";
            permissions.push(Permission::not_checked("kms:CreateGrant", Some(why)));
        }
        if self.context.request.detection.is_some() {
            permissions.push(Permission::not_checked("cloudwatch:DescribeAlarmHistory", None));
        }
        permissions.push(Permission::not_checked("ec2:DescribeInstanceStatus", None));
        permissions
    }
}
