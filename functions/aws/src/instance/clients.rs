//! What instance drills share: clients that are built before anyone waits for them.

use firedrill_core::Request;

use super::InstanceDrill;
#[cfg(feature = "inject")]
use crate::kms::Kms;
use crate::{
    autoscaling::AutoScaling, client::Connection, clock::SystemClock, config::DrillSettings, ec2::Ec2,
    elbv2::LoadBalancing, lambda::FunctionContext, pager::Pager, probe::Prober,
};

/// The clients for one Region.
#[derive(Clone, Debug)]
pub struct RegionalClients {
    pub(super) ec2: Ec2,
    pub(super) groups: AutoScaling,
    pub(super) balancing: LoadBalancing,
    #[cfg(feature = "inject")]
    pub(super) kms: Kms,
}

impl RegionalClients {
    /// Builds them.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self {
            ec2: Ec2::new(connection),
            groups: AutoScaling::new(connection),
            balancing: LoadBalancing::new(connection),
            #[cfg(feature = "inject")]
            kms: Kms::new(connection),
        }
    }
}

/// What does not depend on the Region.
#[derive(Clone, Debug)]
pub(super) struct SharedClients {
    pub config: DrillSettings,
    pub prober: Prober,
    pub pager: Pager,
}

/// What instance drills need for as long as the function lives.
#[derive(Clone, Debug)]
pub struct InstanceDrills {
    connection: Connection,
    /// Most drills run in the function's own Region: its clients are built before anyone waits.
    here: RegionalClients,
    shared: SharedClients,
}

impl InstanceDrills {
    /// Builds every client.
    #[must_use]
    pub fn new(context: &FunctionContext) -> Self {
        let shared = SharedClients {
            config: context.config.clone(),
            prober: context.prober.clone(),
            pager: Pager::new(&context.connection, context.config.topic_arn.as_ref()),
        };
        Self {
            here: RegionalClients::new(&context.connection),
            connection: context.connection.clone(),
            shared,
        }
    }

    /// The drill for one request.
    ///
    /// # Errors
    /// The request means something else than instances.
    pub fn drill(&self, clock: SystemClock, request: &Request) -> Result<InstanceDrill, String> {
        let Some(target) = request.target.instances() else {
            return Err(format!(
                "drill {} has no `target.instances`: another drill function carries it out",
                request.drill
            ));
        };
        let region = &target.region;
        let context = self.connection.region() == region;
        let connection = if context { self.connection.clone() } else { self.connection.in_region(region) };
        let aws = if context { self.here.clone() } else { RegionalClients::new(&connection) };
        Ok(InstanceDrill::new(aws, connection, self.shared.clone(), request.clone(), target.clone(), clock))
    }
}
