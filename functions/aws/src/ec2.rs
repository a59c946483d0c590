//! EC2: instances, their volumes and status checks; stop and start.

mod read;

use std::collections::BTreeMap;

use aws_sdk_ec2::{
    Client,
    types::{Filter, InstanceAttributeName, SummaryStatus},
};
use firedrill_core::CallOutcome;

pub use read::Instance;
use read::{filters, read};

use crate::{
    client::Connection,
    error::{Failure, Proof},
};

/// As many ids as `DescribeInstanceStatus` takes.
const MAX_STATUS_IDS: usize = 100;
/// A page: one target that is missed for want of its page would be worse than a few calls more.
const PAGE: i32 = 100;

/// EC2 in one Region.
#[derive(Clone, Debug)]
pub struct Ec2 {
    reads: Client,
    mutating: Client,
}

/// What `DryRun` said.
#[cfg(feature = "inject")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// We may.
    Allowed,
    /// We may not.
    Denied(String),
    /// It could not be told.
    Unknown(String),
}

/// What both status checks of a running instance say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Both passed.
    Ok,
    /// Not both of them, so far.
    NotOk,
}

impl Ec2 {
    /// EC2 in the Region of this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { reads: Client::new(connection.reads()), mutating: Client::new(connection.mutating()) }
    }

    /// Those of these instances that exist. By filter, not by id: one that is gone is then missing
    /// from the answer and does not fail it.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn by_ids(&self, ids: &[String]) -> Result<Vec<Instance>, Failure> {
        let mut found = Vec::new();
        for filter in filters("instance-id", ids) {
            found.extend(self.matching(vec![filter]).await?);
        }
        Ok(found)
    }

    /// The instances that carry all of these tags, terminated ones left out.
    ///
    /// # Errors
    /// A page could not be read; or no tag was given, which would mean all instances.
    pub async fn by_tags(&self, tags: &BTreeMap<String, String>) -> Result<Vec<Instance>, Failure> {
        if tags.is_empty() {
            return Err(Failure {
                action: "ec2:DescribeInstances",
                proof: Proof::Refused,
                code: String::new(),
                message: "no tag was given, which would mean all instances; not sent".to_owned(),
            });
        }
        let filters = tags
            .iter()
            .map(|(key, value)| Filter::builder().name(format!("tag:{key}")).values(value).build());
        let found = self.matching(filters.collect()).await?;
        Ok(found.into_iter().filter(|instance| instance.state != "terminated").collect())
    }

    async fn matching(&self, filters: Vec<Filter>) -> Result<Vec<Instance>, Failure> {
        let call = self.reads.describe_instances().set_filters(Some(filters)).max_results(PAGE);
        let mut pages = call.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Failure::of("ec2:DescribeInstances", &error))?;
            for reservation in page.reservations.unwrap_or_default() {
                let account = reservation.owner_id.unwrap_or_default();
                let instances = reservation.instances.unwrap_or_default();
                found.extend(instances.into_iter().map(|instance| read(instance, &account)));
            }
        }
        Ok(found)
    }

    /// The KMS key of each of these volumes that exists; none if it is not encrypted.
    ///
    /// # Errors
    /// A page could not be read.
    pub async fn volume_keys(&self, ids: &[String]) -> Result<BTreeMap<String, Option<String>>, Failure> {
        let mut found = BTreeMap::new();
        for filter in filters("volume-id", ids) {
            let mut pages =
                self.reads.describe_volumes().filters(filter).max_results(500).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| Failure::of("ec2:DescribeVolumes", &error))?;
                for volume in page.volumes.unwrap_or_default() {
                    let encrypted = volume.encrypted.unwrap_or_default();
                    let key = encrypted.then(|| volume.kms_key_id.unwrap_or_default());
                    found.insert(volume.volume_id.unwrap_or_default(), key);
                }
            }
        }
        Ok(found)
    }

    /// Whether an instance is protected against being stopped; none if the answer does not say.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn stop_protected(&self, id: &str) -> Result<Option<bool>, Failure> {
        let call = self.reads.describe_instance_attribute().instance_id(id);
        let answer = call.attribute(InstanceAttributeName::DisableApiStop).send().await;
        let answer = answer.map_err(|error| Failure::of("ec2:DescribeInstanceAttribute", &error))?;
        Ok(answer.disable_api_stop.and_then(|value| value.value))
    }

    /// The status checks of these running instances. One that the answer lacks is not in it.
    ///
    /// # Errors
    /// A page could not be read; or one of the instances is gone.
    pub async fn checks(&self, ids: &[String]) -> Result<BTreeMap<String, Checks>, Failure> {
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(MAX_STATUS_IDS) {
            let call = self.reads.describe_instance_status().include_all_instances(true);
            let mut pages = call.set_instance_ids(Some(chunk.to_vec())).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| Failure::of("ec2:DescribeInstanceStatus", &error))?;
                for status in page.instance_statuses.unwrap_or_default() {
                    let instance = status.instance_status.and_then(|summary| summary.status);
                    let system = status.system_status.and_then(|summary| summary.status);
                    let ok = instance == Some(SummaryStatus::Ok) && system == Some(SummaryStatus::Ok);
                    let checks = if ok { Checks::Ok } else { Checks::NotOk };
                    found.insert(status.instance_id.unwrap_or_default(), checks);
                }
            }
        }
        Ok(found)
    }

    /// Stops all of these instances with one call, sent once. Never with force: their file systems
    /// are flushed.
    #[cfg(feature = "inject")]
    pub async fn stop(&self, ids: &[String]) -> CallOutcome {
        if ids.is_empty() {
            return nothing_named();
        }
        let sent = self.mutating.stop_instances().set_instance_ids(Some(ids.to_vec())).send().await;
        sent.map_or_else(
            |error| Failure::of("ec2:StopInstances", &error).into_outcome(),
            |_| CallOutcome::Done,
        )
    }

    /// Starts all of these instances with one call, sent once.
    pub async fn start(&self, ids: &[String]) -> CallOutcome {
        if ids.is_empty() {
            return nothing_named();
        }
        let sent = self.mutating.start_instances().set_instance_ids(Some(ids.to_vec())).send().await;
        sent.map_or_else(
            |error| Failure::of("ec2:StartInstances", &error).into_outcome(),
            |_| CallOutcome::Done,
        )
    }

    /// Whether we may stop these instances. Touches nothing.
    #[cfg(feature = "inject")]
    pub async fn may_stop(&self, ids: &[String]) -> DryRun {
        if ids.is_empty() {
            return DryRun::Unknown("no instance to ask for".to_owned());
        }
        let call = self.mutating.stop_instances().set_instance_ids(Some(ids.to_vec()));
        let sent = call.dry_run(true).send().await;
        dry_run(sent.err().map(|error| Failure::of("ec2:StopInstances", &error)))
    }

    /// Whether we may start these instances. Touches nothing.
    #[cfg(feature = "inject")]
    pub async fn may_start(&self, ids: &[String]) -> DryRun {
        if ids.is_empty() {
            return DryRun::Unknown("no instance to ask for".to_owned());
        }
        let call = self.mutating.start_instances().set_instance_ids(Some(ids.to_vec()));
        let sent = call.dry_run(true).send().await;
        dry_run(sent.err().map(|error| Failure::of("ec2:StartInstances", &error)))
    }
}

/// A dry run that is allowed is answered with an error, which says so.
#[cfg(feature = "inject")]
fn dry_run(failure: Option<Failure>) -> DryRun {
    match failure {
        None => DryRun::Unknown("answered as if it had not been a dry run".to_owned()),
        Some(failure) if failure.code == "DryRunOperation" => DryRun::Allowed,
        Some(failure) if failure.proof == Proof::Denied => DryRun::Denied(failure.to_string()),
        Some(failure) => DryRun::Unknown(failure.to_string()),
    }
}

/// No ids at all means *all instances* to EC2's reads, and nothing good to its other calls.
fn nothing_named() -> CallOutcome {
    CallOutcome::NotExecuted {
        code: "NothingNamed".to_owned(),
        message: "no instance was named; not sent".to_owned(),
        again: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "inject")]
    #[test]
    fn a_dry_run_is_allowed_only_by_the_error_that_says_so() {
        let failure = |code: &str, proof| Failure {
            action: "ec2:StopInstances",
            proof,
            code: code.to_owned(),
            message: String::new(),
        };
        assert_eq!(dry_run(Some(failure("DryRunOperation", Proof::Refused))), DryRun::Allowed);
        assert!(matches!(dry_run(Some(failure("UnauthorizedOperation", Proof::Denied))), DryRun::Denied(_)));
        assert!(matches!(dry_run(Some(failure("", Proof::Nothing))), DryRun::Unknown(_)));
        assert!(matches!(dry_run(None), DryRun::Unknown(_)));
    }
}
