//! Clients that instance drills share: built once, before the first delivery.

use firedrill_core::Request;

use super::InstanceDrill;
#[cfg(feature = "inject")]
use crate::kms::Kms;
use crate::{
    autoscaling::AutoScaling, client::Connection, clock::SystemClock, config::DrillSettings, ec2::Ec2,
    elbv2::LoadBalancing, lambda::FunctionContext, pager::Pager, probe::Prober, wrong_drill::WrongDrill,
};

/// The clients for one Region.
#[derive(Clone, Debug)]
pub struct RegionalClients {
    pub(super) connection: Connection,
    pub(super) ec2: Ec2,
    pub(super) groups: AutoScaling,
    pub(super) balancing: LoadBalancing,
    #[cfg(feature = "inject")]
    pub(super) kms: Kms,
}

impl RegionalClients {
    /// Clients for the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            ec2: Ec2::new(connection),
            groups: AutoScaling::new(connection),
            balancing: LoadBalancing::new(connection),
            #[cfg(feature = "inject")]
            kms: Kms::new(connection),
        }
    }
}

/// Settings and clients that do not depend on the Region.
#[derive(Clone, Debug)]
pub(super) struct SharedClients {
    pub settings: DrillSettings,
    pub prober: Prober,
    pub pager: Pager,
}

/// Builds instance drills, one for each request.
#[derive(Clone, Debug)]
pub struct InstanceDrills {
    /// Of the function's own Region, in which most drills run.
    home: RegionalClients,
    shared: SharedClients,
}

impl InstanceDrills {
    /// Builds every client.
    #[must_use]
    pub fn new(context: &FunctionContext) -> Self {
        let shared = SharedClients {
            settings: context.config.clone(),
            prober: context.prober.clone(),
            pager: Pager::new(&context.connection, context.config.topic_arn.as_ref()),
        };
        Self { home: RegionalClients::new(&context.connection), shared }
    }

    /// The drill for one request.
    ///
    /// # Errors
    /// The request's target is no set of instances.
    pub fn drill(&self, clock: SystemClock, request: &Request) -> Result<InstanceDrill, WrongDrill> {
        let Some(target) = request.target.instances() else {
            let drill = request.drill.to_string();
            return Err(WrongDrill::Target { drill, field: "`target.instances`" });
        };
        let home = &self.home.connection;
        let aws = if home.region() == target.region {
            self.home.clone()
        } else {
            RegionalClients::new(&home.in_region(&target.region))
        };
        Ok(InstanceDrill::new(aws, self.shared.clone(), request.clone(), target.clone(), clock))
    }
}
