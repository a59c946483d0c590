//! Candidates: the instances that the request selects, with all that decides whether one may be stopped.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    Tristate,
    instance::{self, Candidate, Healthy, Membership, VolumeKey},
    ports::Clock,
    request::InstanceSelector,
};
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::{join_all, try_join3},
    stream,
};

use super::{Cloud, InstanceDrill};
use crate::{
    Failure, Proof,
    ports::{
        self, Group, Ids, Instance, InstanceFilter, KeyManager, Next, Reply, Tags, Target, every_chunk,
        every_page,
    },
};

/// The number of calls that may be under way at once.
pub(super) const MAX_CONCURRENT_CALLS: usize = 10;
/// The most values that one filter of EC2 takes.
const MAX_FILTER_VALUES: usize = 200;
/// The most ids or names that one call to Auto Scaling takes.
const MAX_NAMES: usize = 50;

/// The key of each volume that exists; none for one that is not encrypted.
type VolumeKeys = BTreeMap<String, Option<VolumeKey>>;
/// The target groups in which each instance is registered.
type Registrations = BTreeMap<String, Vec<String>>;

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    /// The selected instances, the same as candidates, and the healthy members of their groups and target groups.
    pub(super) async fn candidates(&self) -> Reply<(Vec<Instance>, Vec<Candidate>, Healthy)> {
        let found = self.selected().await?;
        let ids: Vec<String> = found.iter().map(|instance| instance.id.clone()).collect();
        let (memberships, keys, (registered, mut healthy)) =
            try_join3(self.memberships(&ids), self.keys(&found), self.registrations(&found)).await?;
        let names: BTreeSet<String> = memberships.values().map(|member| member.group.clone()).collect();
        for group in self.groups_named(&names.into_iter().collect::<Vec<_>>()).await? {
            let serving = group.members.iter().filter(|member| member.serves());
            healthy.insert(group.name.clone(), serving.map(|member| member.id.clone()).collect());
        }
        let candidates = found.iter().map(|instance| {
            let target_groups = registered.get(&instance.id).cloned().unwrap_or_default();
            candidate(instance, memberships.get(&instance.id), &keys, target_groups)
        });
        let candidates = self.with_protections(candidates.collect()).await?;
        Ok((found, candidates, healthy))
    }

    /// The instances that the request selects.
    async fn selected(&self) -> Reply<Vec<Instance>> {
        match &self.target.select {
            InstanceSelector::Ids(ids) => self.by_ids(ids).await,
            InstanceSelector::Tags(tags) => {
                let Some(tags) = Tags::new(tags) else {
                    let why = "no tag was given, which would mean all instances; not sent";
                    return Err(Failure::not_sent("ec2:DescribeInstances", why));
                };
                let found = self.matching(InstanceFilter::Tags(tags)).await?;
                Ok(found.into_iter().filter(|instance| instance.state != "terminated").collect())
            }
            InstanceSelector::AutoScalingGroup(name) => {
                let groups = self.groups_named(std::slice::from_ref(name)).await?;
                let members = groups.into_iter().flat_map(|group| group.members);
                self.by_ids(&members.map(|member| member.id).collect::<Vec<_>>()).await
            }
        }
    }

    /// Those of these instances that exist.
    pub(super) async fn by_ids(&self, ids: &[String]) -> Reply<Vec<Instance>> {
        let mut found = Vec::new();
        for ids in Ids::chunks(ids, MAX_FILTER_VALUES) {
            found.extend(self.matching(InstanceFilter::Ids(ids)).await?);
        }
        Ok(found)
    }

    async fn matching(&self, filter: InstanceFilter) -> Reply<Vec<Instance>> {
        every_page(async |page: Next<'_>| {
            self.context.cloud.describe_instances(self.region(), &filter, page).await
        })
        .await
    }

    /// Those of these Auto Scaling groups that exist.
    pub(super) async fn groups_named(&self, names: &[String]) -> Reply<Vec<Group>> {
        every_chunk(names, MAX_NAMES, async |names: &Ids, page: Next<'_>| {
            self.context.cloud.describe_groups(self.region(), names, page).await
        })
        .await
    }

    /// The Auto Scaling group of each of these instances that is in one, by instance id.
    async fn memberships(&self, ids: &[String]) -> Reply<BTreeMap<String, Membership>> {
        let found = every_chunk(ids, MAX_NAMES, async |ids: &Ids, page: Next<'_>| {
            self.context.cloud.describe_members(self.region(), ids, page).await
        });
        let members = found.await?.into_iter();
        let membership =
            |of: ports::Membership| (of.instance, Membership { group: of.group, lifecycle: of.lifecycle });
        Ok(members.map(membership).collect())
    }

    /// The keys of these instances' volumes.
    async fn keys(&self, found: &[Instance]) -> Reply<VolumeKeys> {
        let volumes: Vec<String> = found.iter().flat_map(|instance| instance.volumes.clone()).collect();
        let found = every_chunk(&volumes, MAX_FILTER_VALUES, async |ids: &Ids, page: Next<'_>| {
            self.context.cloud.describe_volumes(self.region(), ids, page).await
        });
        let by_volume: BTreeMap<_, _> =
            found.await?.into_iter().map(|volume| (volume.id, volume.key)).collect();
        let granted = &self.context.settings.kms_key_arns;
        let arns: BTreeSet<&String> =
            by_volume.values().flatten().filter(|arn| !granted.contains(arn)).collect();
        let asked = join_all(arns.into_iter().map(async |arn| {
            let seen = self.is_aws_managed(arn).await?;
            Ok((arn.clone(), seen))
        }));
        let managed = asked.await.into_iter().collect::<Reply<BTreeMap<String, Tristate>>>()?;
        let key =
            |arn: String| VolumeKey { aws_managed: managed.get(&arn).copied().unwrap_or_default(), arn };
        Ok(by_volume.into_iter().map(|(volume, arn)| (volume, arn.map(key))).collect())
    }

    /// Whether AWS manages this key. Unknown if our role may not read it, it does not exist, or its ARN is not known.
    async fn is_aws_managed(&self, arn: &str) -> Reply<Tristate> {
        if arn.is_empty() {
            return Ok(Tristate::Unknown);
        }
        match self.context.cloud.key_manager(self.region(), arn).await {
            Ok(Some(KeyManager::Aws)) => Ok(Tristate::Yes),
            Ok(Some(KeyManager::Customer)) => Ok(Tristate::No),
            Ok(None) => Ok(Tristate::Unknown),
            Err(failure) if matches!(failure.proof(), Proof::Denied | Proof::Refused) => {
                Ok(Tristate::Unknown)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Where these instances are registered, and the healthy targets of each target group of their VPCs. There may be hundreds:
    /// those without one of these instances are not asked again.
    async fn registrations(&self, found: &[Instance]) -> Reply<(Registrations, Healthy)> {
        let vpcs: BTreeSet<&str> = found.iter().map(|instance| instance.vpc.as_str()).collect();
        if vpcs.is_empty() {
            return Ok(Default::default());
        }
        let page =
            async |page: Next<'_>| self.context.cloud.describe_target_groups(self.region(), page).await;
        let groups = every_page(page).await?.into_iter().filter(|group| {
            matches!(group.target_type.as_deref(), None | Some("instance" | "ip"))
                && group.vpc.as_deref().is_none_or(|vpc| vpcs.contains(vpc))
        });
        let ids: BTreeSet<String> = found.iter().map(|instance| instance.id.clone()).collect();
        let (before, mut skipped) = self.without_candidates.take();
        if before != ids {
            skipped.clear();
        }
        let asked = groups.map(|group| group.arn).filter(|arn| !skipped.contains(arn));
        let targets = self.targets_of(asked.collect::<Vec<_>>()).await?;
        let (registered, healthy) = registered_in(&targets, found);
        let with_candidates: BTreeSet<&String> = registered.values().flatten().collect();
        skipped.extend(targets.keys().filter(|arn| !with_candidates.contains(arn)).cloned());
        self.without_candidates.replace((ids, skipped));
        Ok((registered, healthy))
    }

    /// Reads the stop protection of those candidates that nothing else excludes: one call each.
    async fn with_protections(&self, candidates: Vec<Candidate>) -> Reply<Vec<Candidate>> {
        let asked = stream::iter(candidates).map(async |mut candidate| {
            if let Some(known) = self.known_protection(&candidate.id) {
                candidate.stop_protected = known;
                return Ok(candidate);
            }
            let unprotected =
                Candidate { stop_protected: Tristate::No, keys: vec![], group: None, ..candidate.clone() };
            if instance::unfit(&unprotected, &self.criteria(&[])).is_none() {
                let protected = self.context.cloud.stop_protection(self.region(), &candidate.id).await?;
                candidate.stop_protected = protected.map_or(Tristate::Unknown, Tristate::from);
            }
            Ok(candidate)
        });
        asked.buffered(MAX_CONCURRENT_CALLS).try_collect().await
    }

    /// The known stop protection of this instance; none if it is to be read. It is read again for chosen instances
    /// only: a call for each instance of a fleet would be too many, and EC2 itself stops no protected instance.
    fn known_protection(&self, id: &String) -> Option<Tristate> {
        let is_chosen = self.latest.borrow().iter().any(|selection| selection.chosen.contains(id));
        self.protections.borrow().get(id).copied().filter(|_| !is_chosen)
    }
}

fn candidate(
    instance: &Instance,
    group: Option<&Membership>,
    keys: &VolumeKeys,
    target_groups: Vec<String>,
) -> Candidate {
    let missing = instance.volumes.iter().find(|volume| !keys.contains_key(*volume));
    Candidate {
        id: instance.id.clone(),
        zone: instance.zone.clone(),
        state: instance.state.clone(),
        root_device_type: instance.root_device_type.clone(),
        spot: instance.spot,
        tags: instance.tags.clone(),
        stop_protected: Tristate::Unknown,
        keys: instance.volumes.iter().filter_map(|volume| keys.get(volume).cloned().flatten()).collect(),
        group: group.cloned(),
        target_groups,
        unreadable: missing.map(|volume| format!("its volume {volume} was not found")),
    }
}

/// The target groups in which each instance is registered, by its id or one of its addresses, and the healthy
/// targets of each target group.
fn registered_in(
    targets: &BTreeMap<String, Vec<Target>>,
    instances: &[Instance],
) -> (Registrations, Healthy) {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for instance in instances {
        ids.insert(&instance.id, &instance.id);
        ids.extend(instance.addresses.iter().map(|address| (address.as_str(), instance.id.as_str())));
    }
    let (mut registered, mut healthy) = (Registrations::new(), Healthy::new());
    for (arn, targets) in targets {
        let serving = healthy.entry(arn.clone()).or_default();
        for target in targets {
            let id = ids.get(target.id.as_str()).copied();
            if target.is_healthy() {
                serving.push(id.unwrap_or(&target.id).to_owned());
            }
            if let Some(id) = id {
                let groups = registered.entry(id.to_owned()).or_default();
                if !groups.contains(arn) {
                    groups.push(arn.clone());
                }
            }
        }
    }
    (registered, healthy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_is_registered_by_its_address_is_known() {
        let target = |id: &str| Target { id: id.to_owned(), state: "healthy".to_owned() };
        let instance =
            Instance { id: "i-1".to_owned(), addresses: vec!["10.0.0.1".to_owned()], ..Instance::default() };
        let targets = BTreeMap::from([("arn".to_owned(), vec![target("10.0.0.1"), target("10.0.0.2")])]);
        let (registered, healthy) = registered_in(&targets, &[instance]);
        assert_eq!(registered["i-1"], ["arn"]);
        assert_eq!(healthy["arn"], ["i-1", "10.0.0.2"]);
    }
}
