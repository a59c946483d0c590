//! What instance drills share: clients that are built before anyone waits for them.

use firedrill_core::Request;

use super::InstanceDrill;
#[cfg(feature = "inject")]
use crate::kms::Kms;
use crate::{
    autoscaling::AutoScaling, client::Connection, clock::SystemClock, config::Config, ec2::Ec2,
    elbv2::LoadBalancing, lambda::Home, pager::Pager, probe::Prober,
};

/// The clients for one Region.
#[derive(Clone, Debug)]
pub struct Regional {
    pub(super) ec2: Ec2,
    pub(super) groups: AutoScaling,
    pub(super) balancing: LoadBalancing,
    #[cfg(feature = "inject")]
    pub(super) kms: Kms,
}

impl Regional {
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
pub(super) struct Tools {
    pub config: Config,
    pub prober: Prober,
    pub pager: Pager,
}

/// What instance drills need for as long as the function lives.
#[derive(Clone, Debug)]
pub struct Kit {
    connection: Connection,
    /// Most drills run in the function's own Region: its clients are built before anyone waits.
    here: Regional,
    tools: Tools,
}

impl Kit {
    /// Builds every client.
    #[must_use]
    pub fn new(home: &Home) -> Self {
        let tools = Tools {
            config: home.config.clone(),
            prober: home.prober.clone(),
            pager: Pager::new(&home.connection, home.config.topic_arn.as_ref()),
        };
        Self { here: Regional::new(&home.connection), connection: home.connection.clone(), tools }
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
        let home = self.connection.region() == region;
        let connection = if home { self.connection.clone() } else { self.connection.in_region(region) };
        let aws = if home { self.here.clone() } else { Regional::new(&connection) };
        Ok(InstanceDrill::new(aws, connection, self.tools.clone(), request.clone(), target.clone(), clock))
    }
}
