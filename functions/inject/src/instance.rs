//! Stops instances.

use aws_sdk_ec2::{Client, operation::stop_instances::builders::StopInstancesFluentBuilder};
use firedrill_aws::client::{Connection, Regional, failure};
use firedrill_core::{
    CallOutcome,
    plan::Permission,
    ports::{Ids, InjectingCall, Injector},
};
use firedrill_drills::{harness::dry_run, ports::outcome};

use crate::not_ours;

const ACTION: &str = "ec2:StopInstances";

/// Stops instances, in any Region.
#[derive(Clone, Debug)]
pub struct InstanceInjector(Regional<Client>);

impl InstanceInjector {
    /// Over this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self(Regional::new(&connection.mutating, Client::new))
    }

    fn stop(&self, region: &str, ids: &Ids) -> StopInstancesFluentBuilder {
        self.0.at(region).stop_instances().set_instance_ids(Some(ids.as_slice().to_vec()))
    }
}

impl Injector for InstanceInjector {
    async fn send(&self, call: &InjectingCall) -> CallOutcome {
        let InjectingCall::StopInstances { region, ids } = call else { return not_ours(call) };
        let sent = self.stop(region, ids).send().await;
        outcome(sent.map(drop).map_err(failure(ACTION)))
    }

    async fn permission(&self, call: &InjectingCall) -> Permission {
        let InjectingCall::StopInstances { region, ids } = call else {
            return Permission::not_checked(call.action(), None);
        };
        let answer = self.stop(region, ids).dry_run(true).send().await;
        dry_run(ACTION, answer.map(drop).map_err(failure(ACTION)))
    }
}
