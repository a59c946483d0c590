//! Probes of an instance drill: asked at once; those that ask AWS are asked less often.

use firedrill_core::{ProbeAnswer, Tristate, ports::Clock, request::ProbeKind};
use futures_util::future::join_all;

use super::{InstanceDrill, RegionalClients};
use crate::{
    elbv2::Health,
    error::Failure,
    probe::{ProbeResult, short},
};

impl InstanceDrill {
    /// The answers of all probes that are due, each with its index in the request.
    pub(super) async fn ask_probes(&self, ask_aws: bool) -> Vec<(usize, ProbeAnswer)> {
        let probes = self.request.steady_state.probes.iter().enumerate();
        let due = probes.filter(|(_, probe)| ask_aws || !probe.check.asks_aws());
        join_all(due.map(async |(index, probe)| (index, self.ask(&probe.check).await))).await
    }

    async fn ask(&self, kind: &ProbeKind) -> ProbeAnswer {
        let look = match kind {
            ProbeKind::Http(probe) => return self.prober.http(&self.clock, probe).await,
            ProbeKind::Tcp(probe) => return self.prober.tcp(&self.clock, probe).await,
            ProbeKind::InstancesRunning(ids) => self.aws_look(running(&self.aws, ids)).await,
            ProbeKind::GroupAtStrength(name) => self.aws_look(at_strength(&self.aws, name)).await,
            ProbeKind::TargetGroupHealthy(arn) => {
                let regional = RegionalClients::new(&self.aws.connection.in_region(arn.region()));
                self.aws_look(healthy(&regional, arn.as_str())).await
            }
        };
        ProbeAnswer { seen: look.0, asked: look.2, answered: self.clock.now(), detail: Some(short(look.1)) }
    }

    /// Awaits a read of AWS until the call deadline. One that fails says nothing about the application: unknown.
    async fn aws_look(
        &self,
        look: impl Future<Output = Result<ProbeResult, Failure>>,
    ) -> (Tristate, String, firedrill_core::Timestamp) {
        let asked = self.clock.now();
        let deadline = self.settings.timing.call_deadline;
        let (seen, detail) = match tokio::time::timeout(deadline, look).await {
            Ok(Ok(look)) => look,
            // Without the message, which holds the request's id: equal answers become one item of evidence.
            Ok(Err(failure)) if !failure.code.is_empty() => {
                (Tristate::Unknown, format!("{}: {}", failure.action, failure.code))
            }
            Ok(Err(failure)) => (Tristate::Unknown, format!("{}: no answer", failure.action)),
            Err(_) => (Tristate::Unknown, format!("AWS did not answer within {} ms", deadline.as_millis())),
        };
        (seen, detail, asked)
    }
}

async fn running(aws: &RegionalClients, ids: &[String]) -> Result<ProbeResult, Failure> {
    let found = aws.ec2.by_ids(ids).await?;
    let running = found.iter().filter(|instance| instance.state == "running").count();
    Ok((Tristate::from(running == ids.len()), format!("{running} of {} running", ids.len())))
}

async fn at_strength(aws: &RegionalClients, name: &String) -> Result<ProbeResult, Failure> {
    let found = aws.groups.groups(std::slice::from_ref(name)).await?;
    Ok(match found.iter().find(|group| group.name == *name) {
        Some(group) => {
            let (serving, desired) = (group.serving(), group.desired);
            (Tristate::from(serving >= desired), format!("{serving} in service of {desired} desired"))
        }
        // A wrong name or Region is a fault of the probe, not of the application: unknown.
        None => (Tristate::Unknown, "there is no such Auto Scaling group".to_owned()),
    })
}

async fn healthy(aws: &RegionalClients, arn: &str) -> Result<ProbeResult, Failure> {
    let targets = aws.balancing.targets(arn).await?;
    let count = |health| targets.iter().filter(|target| target.health == health).count();
    let (healthy, unhealthy) = (count(Health::Healthy), count(Health::Unhealthy));
    let seen = Tristate::from(healthy > 0 && unhealthy == 0);
    Ok((seen, format!("{healthy} of {} healthy", healthy + unhealthy)))
}
