//! Probes of an instance drill that ask AWS: about instances, an Auto Scaling group, a target group.

use firedrill_core::{Tristate, ports::Clock, request::ProbeKind};

use super::{Cloud, InstanceDrill};
use crate::{deadline::ReadError, ports::Reply, probe::ProbeResult};

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    /// What AWS shows. A read that fails says nothing about the application: unknown.
    pub(super) async fn ask(&self, probe: &ProbeKind) -> ProbeResult {
        let read = async {
            match probe {
                ProbeKind::InstancesRunning(ids) => self.running(ids).await,
                ProbeKind::GroupAtStrength(name) => self.at_strength(name).await,
                ProbeKind::TargetGroupHealthy(arn) => self.healthy(arn.region(), arn.as_str()).await,
                ProbeKind::Http(_) | ProbeKind::Tcp(_) => {
                    Ok((Tristate::Unknown, "this probe asks the application".to_owned()))
                }
            }
        };
        match self.context.read(1, read).await {
            Ok(result) => result,
            // Without the message, which holds the request's id: equal answers become one item of evidence.
            Err(ReadError::Failed(failure)) => {
                let code = if failure.code().is_empty() { "no answer" } else { failure.code() };
                (Tristate::Unknown, format!("{}: {code}", failure.action))
            }
            Err(ReadError::Late(late)) => (Tristate::Unknown, late.to_string()),
        }
    }

    async fn running(&self, ids: &[String]) -> Reply<ProbeResult> {
        let found = self.by_ids(ids).await?;
        let running = found.iter().filter(|instance| instance.state == "running").count();
        Ok((Tristate::from(running == ids.len()), format!("{running} of {} running", ids.len())))
    }

    async fn at_strength(&self, name: &String) -> Reply<ProbeResult> {
        let found = self.groups_named(std::slice::from_ref(name)).await?;
        Ok(match found.iter().find(|group| group.name == *name) {
            Some(group) => {
                let (serving, desired) = (group.serving(), group.desired);
                (Tristate::from(serving >= desired), format!("{serving} in service of {desired} desired"))
            }
            // A wrong name or Region is a fault of the probe, not of the application: unknown.
            None => (Tristate::Unknown, "there is no such Auto Scaling group".to_owned()),
        })
    }

    async fn healthy(&self, region: &str, arn: &str) -> Reply<ProbeResult> {
        let targets = self.context.cloud.target_health(region, arn).await?;
        let healthy = targets.iter().filter(|target| target.is_healthy()).count();
        let unhealthy = targets.iter().filter(|target| target.is_unhealthy()).count();
        let seen = Tristate::from(healthy > 0 && unhealthy == 0);
        Ok((seen, format!("{healthy} of {} healthy", healthy + unhealthy)))
    }
}
