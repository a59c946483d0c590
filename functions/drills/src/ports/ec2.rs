//! EC2: instances, their volumes and status checks.

use std::collections::BTreeMap;

use super::{Ids, Next, Page, Reply};

/// The tag that Auto Scaling puts on its members; terminated ones still carry it.
const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// One instance, as `DescribeInstances` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// The account that owns it.
    pub account: String,
    /// Its Availability Zone.
    pub zone: String,
    /// `running`, `stopped`, …
    pub state: String,
    /// `ebs` or `instance-store`.
    pub root_device_type: String,
    /// Whether it is a Spot instance.
    pub spot: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its EBS volumes.
    pub volumes: Vec<String>,
    /// Its private addresses, one of which may be registered in a target group.
    pub addresses: Vec<String>,
    /// Its VPC.
    pub vpc: String,
}

impl Instance {
    /// The Auto Scaling group that it is, or was, a member of.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.tags.get(GROUP_TAG).map(String::as_str)
    }
}

/// Tags, at least one: no tag would mean all instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// These tags; none if there are none.
    #[must_use]
    pub fn new(tags: &BTreeMap<String, String>) -> Option<Self> {
        (!tags.is_empty()).then(|| Self(tags.clone()))
    }

    /// The tags.
    #[must_use]
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Which instances are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceFilter {
    /// Those of these that exist: at most 200. A filter, because a call by id fails if one is gone.
    Ids(Ids),
    /// Those that carry all of these tags.
    Tags(Tags),
}

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// `vol-…`
    pub id: String,
    /// The ARN of its KMS key; none if it is not encrypted, empty if the answer does not say.
    pub key: Option<String>,
}

/// The status checks of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceStatus {
    /// `i-…`
    pub id: String,
    /// The instance's check: `ok`, `initializing`, `impaired`, …; empty if the answer does not say.
    pub instance: String,
    /// The system's check, likewise.
    pub system: String,
}

/// EC2.
pub trait Instances {
    /// `DescribeInstances`. Eventually consistent, in no order.
    async fn describe_instances(
        &self,
        region: &str,
        filter: &InstanceFilter,
        page: Next<'_>,
    ) -> Reply<Page<Instance>>;

    /// `DescribeVolumes`: those of these, at most 200, that exist.
    async fn describe_volumes(&self, region: &str, ids: &Ids, page: Next<'_>) -> Reply<Page<Volume>>;

    /// `DescribeInstanceAttribute`, `disableApiStop`: whether the instance is protected against being stopped; none if the
    /// answer does not say.
    async fn stop_protection(&self, region: &str, id: &str) -> Reply<Option<bool>>;

    /// `DescribeInstanceStatus` of at most 100 instances, in any state. Fails if one of them is gone.
    async fn instance_status(&self, region: &str, ids: &Ids, page: Next<'_>) -> Reply<Page<InstanceStatus>>;

    /// `StartInstances`: all of them or none. With `dry_run`, AWS answers only whether the role may send it, as an error.
    async fn start_instances(&self, region: &str, ids: &Ids, dry_run: bool) -> Reply<()>;
}
