//! EC2, Auto Scaling, Elastic Load Balancing and KMS.

use firedrill_core::request::OPT_IN_TAG;
use firedrill_drills::ports::{
    AutoScaling, Group, GroupMember, Ids, Instance, InstanceFilter, InstanceStatus, Instances, KeyManager,
    Keys, LoadBalancers, Membership, Next, Page, Reply, Target, TargetGroup, Volume,
};

use super::{SimulatedAws, changed};
use crate::{
    calls::refused,
    fleet::{Change, GROUP, State, TARGET_GROUP, Unfit, id},
};

const START: &str = "ec2:StartInstances";
/// What the names of target groups begin with in which nothing of the application is registered.
const OTHER_TARGET_GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/other-";
/// A key of AWS, and one of the customer. No simulated volume is encrypted.
pub(crate) const AWS_KEY: &str = "arn:aws:kms:eu-west-2:123456789012:key/aws";
pub(crate) const CUSTOMER_KEY: &str = "arn:aws:kms:eu-west-2:123456789012:key/customer";

fn volume(number: usize) -> String {
    format!("vol-{number}")
}

impl SimulatedAws {
    /// The instances that EC2 showed at this moment: number, state, and why each may not be stopped.
    fn shown(&self, at: i64) -> Vec<(usize, State, Option<Unfit>)> {
        self.world.fleet.borrow().shown(at).collect()
    }

    fn instance(&self, number: usize, state: State, unfit: Option<Unfit>) -> Instance {
        let mut tags = vec![("app".to_owned(), "bookstore".to_owned())];
        if unfit != Some(Unfit::NotOptedIn) && !self.world.scenario.targets_refused {
            tags.push((OPT_IN_TAG.0.to_owned(), OPT_IN_TAG.1.to_owned()));
        }
        if unfit == Some(Unfit::OtherEnvironment) {
            tags.push(("firedrill:environment".to_owned(), "production".to_owned()));
        }
        if self.in_group() {
            tags.push(("aws:autoscaling:groupName".to_owned(), GROUP.to_owned()));
        }
        Instance {
            id: id(number),
            account: "123456789012".to_owned(),
            zone: "eu-west-2a".to_owned(),
            state: state.name().to_owned(),
            root_device_type: "ebs".to_owned(),
            spot: unfit == Some(Unfit::Spot),
            tags: tags.into_iter().collect(),
            volumes: vec![volume(number)],
            addresses: Vec::new(),
            vpc: "vpc-1".to_owned(),
        }
    }

    fn in_group(&self) -> bool {
        self.world.scenario.fleet.replaced_after.is_some()
    }
}

impl Instances for SimulatedAws {
    async fn describe_instances(
        &self,
        _: &str,
        filter: &InstanceFilter,
        next: Next<'_>,
    ) -> Reply<Page<Instance>> {
        self.read("ec2:DescribeInstances", |at| {
            let all = self.shown(at).into_iter().filter(|(number, ..)| match filter {
                InstanceFilter::Ids(ids) => ids.as_slice().contains(&id(*number)),
                InstanceFilter::Tags(_) => true,
            });
            let change = self.world.overrides().instance;
            let all =
                all.map(|(number, state, unfit)| changed(change, at, self.instance(number, state, unfit)));
            let all = all.filter(|instance| match filter {
                InstanceFilter::Ids(_) => true,
                InstanceFilter::Tags(tags) => {
                    tags.as_map().iter().all(|(key, value)| instance.tags.get(key) == Some(value))
                }
            });
            Ok(self.page(all.collect(), next))
        })
        .await
    }

    async fn describe_volumes(&self, _: &str, ids: &Ids, next: Next<'_>) -> Reply<Page<Volume>> {
        self.read("ec2:DescribeVolumes", |at| {
            let change = self.world.overrides().volume;
            let all = self.shown(at).into_iter().map(|(number, ..)| volume(number));
            let asked = all.filter(|id| ids.as_slice().contains(id));
            let asked = asked.map(|id| changed(change, at, Volume { id, key: None }));
            Ok(self.page(asked.collect(), next))
        })
        .await
    }

    async fn stop_protection(&self, _: &str, asked: &str) -> Reply<Option<bool>> {
        self.read("ec2:DescribeInstanceAttribute", |at| {
            let found = self.shown(at).into_iter().find(|(number, ..)| id(*number) == asked);
            let (.., unfit) = found
                .ok_or_else(|| refused("ec2:DescribeInstanceAttribute", "InvalidInstanceID.NotFound"))?;
            let protected = match unfit {
                Some(Unfit::Protected) => Some(true),
                Some(Unfit::ProtectionUnknown) => None,
                _ => Some(false),
            };
            Ok(changed(self.world.overrides().stop_protection, at, protected))
        })
        .await
    }

    async fn instance_status(&self, _: &str, ids: &Ids, next: Next<'_>) -> Reply<Page<InstanceStatus>> {
        self.read("ec2:DescribeInstanceStatus", |at| {
            if !self.world.has_instances(ids.as_slice()) {
                return Err(refused("ec2:DescribeInstanceStatus", "InvalidInstanceID.NotFound"));
            }
            let asked =
                self.shown(at).into_iter().filter(|(number, ..)| ids.as_slice().contains(&id(*number)));
            let status = asked.map(|(number, state, _)| {
                let word = if state == State::Running { "ok" } else { "not-applicable" };
                InstanceStatus { id: id(number), instance: word.to_owned(), system: word.to_owned() }
            });
            Ok(self.page(status.collect(), next))
        })
        .await
    }

    async fn start_instances(&self, _: &str, ids: &Ids, dry_run: bool) -> Reply<()> {
        self.refusal(START, "UnauthorizedOperation").await?;
        if dry_run {
            return Err(self.refuse(START, "DryRunOperation").await);
        }
        match self.world.may_start(ids.as_slice()) {
            Ok(targets) => self.change_fleet(START, Change::Start(targets)).await,
            Err(code) => {
                self.clock.latency().await;
                Err(refused(START, code))
            }
        }
    }
}

impl AutoScaling for SimulatedAws {
    async fn describe_members(&self, _: &str, ids: &Ids, next: Next<'_>) -> Reply<Page<Membership>> {
        self.read("autoscaling:DescribeAutoScalingInstances", |at| {
            let asked = self.shown(at).into_iter().filter(|(number, state, _)| {
                self.in_group() && *state != State::Terminated && ids.as_slice().contains(&id(*number))
            });
            let membership = asked.map(|(number, state, _)| Membership {
                instance: id(number),
                group: GROUP.to_owned(),
                lifecycle: state.lifecycle().to_owned(),
            });
            Ok(self.page(membership.collect(), next))
        })
        .await
    }

    async fn describe_groups(&self, _: &str, names: &Ids, next: Next<'_>) -> Reply<Page<Group>> {
        self.read("autoscaling:DescribeAutoScalingGroups", |at| {
            let fleet = &self.world.scenario.fleet;
            let members = self.shown(at).into_iter().filter(|(_, state, _)| *state != State::Terminated);
            let group = Group {
                name: GROUP.to_owned(),
                desired: fleet.fit + fleet.unfit,
                members: members
                    .map(|(number, state, _)| GroupMember {
                        id: id(number),
                        lifecycle: state.lifecycle().to_owned(),
                        healthy: state == State::Running,
                    })
                    .collect(),
                target_groups: vec![TARGET_GROUP.to_owned()],
            };
            let group = changed(self.world.overrides().group, at, group);
            let exists = self.in_group() && names.as_slice().iter().any(|name| name == GROUP);
            Ok(self.page(exists.then_some(group).into_iter().collect(), next))
        })
        .await
    }
}

impl LoadBalancers for SimulatedAws {
    async fn describe_target_groups(&self, _: &str, next: Next<'_>) -> Reply<Page<TargetGroup>> {
        self.read("elasticloadbalancing:DescribeTargetGroups", |_| {
            let group = TargetGroup {
                arn: TARGET_GROUP.to_owned(),
                vpc: Some("vpc-1".to_owned()),
                target_type: Some("instance".to_owned()),
            };
            let other =
                |number| TargetGroup { arn: format!("{OTHER_TARGET_GROUP}{number}"), ..group.clone() };
            let others = (0..self.world.overrides().other_target_groups.0).map(other);
            Ok(self.page(self.in_group().then_some(group.clone()).into_iter().chain(others).collect(), next))
        })
        .await
    }

    async fn target_health(&self, _: &str, group: &str) -> Reply<Vec<Target>> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetHealth";
        self.read(ACTION, |at| {
            if group.starts_with(OTHER_TARGET_GROUP) {
                let readable = self.world.elapsed() < self.world.overrides().other_target_groups.1;
                return if readable { Ok(Vec::new()) } else { Err(refused(ACTION, "Throttling")) };
            }
            if group != TARGET_GROUP {
                return Err(refused(ACTION, "TargetGroupNotFound"));
            }
            let targets = self.shown(at).into_iter().filter(|(_, state, _)| *state != State::Terminated);
            Ok(targets
                .map(|(number, state, _)| Target { id: id(number), state: state.health().to_owned() })
                .collect())
        })
        .await
    }
}

impl Keys for SimulatedAws {
    async fn key_manager(&self, _: &str, arn: &str) -> Reply<Option<KeyManager>> {
        self.read("kms:DescribeKey", |_| match arn {
            AWS_KEY => Ok(Some(KeyManager::Aws)),
            CUSTOMER_KEY => Ok(Some(KeyManager::Customer)),
            _ => Err(refused("kms:DescribeKey", "NotFoundException")),
        })
        .await
    }
}
