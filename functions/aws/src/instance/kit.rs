//! What instance drills share: clients that are built before anyone waits for them.

use firedrill_core::Request;

use super::InstanceDrill;
use crate::{
    autoscaling::AutoScaling, client::Connection, clock::SystemClock, config::Config, ec2::Ec2,
    elbv2::LoadBalancing, kms::Kms, lambda::Home, probe::Prober,
};

/// The clients for one Region.
#[derive(Clone, Debug)]
pub struct Regional {
    pub(super) ec2: Ec2,
    pub(super) groups: AutoScaling,
    pub(super) balancing: LoadBalancing,
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
            kms: Kms::new(connection),
        }
    }
}

/// What instance drills need for as long as the function lives.
#[derive(Clone, Debug)]
pub struct Kit {
    config: Config,
    connection: Connection,
    /// Most drills run in the function's own Region: its clients are built before anyone waits.
    here: Regional,
    prober: Prober,
}

impl Kit {
    /// Builds every client.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(home: &Home) -> Result<Self, String> {
        Ok(Self {
            config: home.config.clone(),
            here: Regional::new(&home.connection),
            connection: home.connection.clone(),
            prober: Prober::new().map_err(|error| format!("probes cannot be sent: {error}"))?,
        })
    }

    /// The drill for one request.
    #[must_use]
    pub fn drill(&self, clock: SystemClock, request: &Request) -> InstanceDrill {
        let region = &request.target.region;
        let home = self.connection.region() == region;
        let connection = if home { self.connection.clone() } else { self.connection.in_region(region) };
        let aws = if home { self.here.clone() } else { Regional::new(&connection) };
        InstanceDrill::new(self.config.clone(), connection, aws, self.prober.clone(), request.clone(), clock)
    }
}
