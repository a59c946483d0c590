//! Readiness of an instance drill: reads the candidates, and chooses the targets among them.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    PreparedInjection, Readiness, Tristate, UndoStep,
    evidence::Evidence,
    instance::{self, Candidate, Healthy, Membership, NoSelection, Selection, VolumeKey},
    plan::Excluded,
    ports::Clock,
    request::{InstanceSelector, InstanceTarget},
};
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream};

use super::{InstanceDrill, groups, registrations};
use crate::{
    ec2::Instance,
    error::{Failure, Proof},
    not_ready::NotReady,
};

/// The number of excluded instances that the record names.
const MAX_EXCLUDED: usize = 250;

/// The state that one invocation keeps from one choice of targets to the next.
#[derive(Debug)]
pub(super) struct Choice {
    /// The same for every choice, so that unchanged candidates give the same targets.
    seed: u64,
    /// The latest choice, which is on record.
    latest: Option<Selection>,
    /// The stop protection of each instance that was asked for it.
    protections: BTreeMap<String, Tristate>,
}

impl Choice {
    pub(super) fn of(target: &InstanceTarget) -> Self {
        // 32 bits: the type of the request's field, which can so name a recorded seed again.
        let seed = u64::from(target.seed.unwrap_or_else(|| fastrand::u32(..)));
        Self { seed, latest: None, protections: BTreeMap::new() }
    }

    /// The known stop protection of this instance; none if it is to be read. It is read again for chosen instances
    /// only: a call for each instance of a fleet would be too many, and EC2 itself stops no protected instance.
    fn protection(&self, id: &String) -> Option<Tristate> {
        let is_chosen = self.latest.iter().any(|selection| selection.chosen.contains(id));
        self.protections.get(id).copied().filter(|_| !is_chosen)
    }

    /// Keeps this choice as the latest; whether it differs from the one before.
    fn note(&mut self, selection: &Selection) -> bool {
        let is_new = self.latest.as_ref() != Some(selection);
        if is_new {
            self.latest = Some(selection.clone());
        }
        is_new
    }
}

/// The result of one check of readiness.
pub(super) struct TargetPreparation {
    prepared: Readiness,
    selection: Option<Selection>,
    groups: BTreeSet<String>,
    protections: BTreeMap<String, Tristate>,
}

/// The chosen targets, and what they were chosen from.
pub(super) struct Resolved {
    pub chosen: Result<Selection, NoSelection>,
    pub candidates: Vec<Candidate>,
    pub undo: Vec<UndoStep>,
    /// The Auto Scaling groups of the chosen instances.
    groups: BTreeSet<String>,
    /// What one of these groups lacks; none if all are whole.
    pub lacks: Option<String>,
}

impl InstanceDrill {
    /// Keeps the result of a check; returns the choice as evidence, if it differs from the recorded one.
    pub(super) fn note_prepared(&mut self, found: TargetPreparation) -> Option<Evidence> {
        // Nothing was stopped yet, so groups of an earlier choice need no look.
        self.known_groups = found.groups;
        self.prepared = Some(found.prepared);
        self.choice.protections.extend(found.protections);
        let selection = found.selection.filter(|selection| self.choice.note(selection))?;
        let Selection { seed, fitting, chosen, excluded } = selection;
        Some(Evidence::Selection { at: self.clock.now(), seed, fitting, chosen, excluded })
    }

    /// Checks readiness: chooses the targets, and refuses what may not be stopped.
    pub(super) async fn prepare(&self) -> TargetPreparation {
        let Resolved { chosen, candidates, undo, groups, lacks } = match self.resolve().await {
            Ok(resolved) => resolved,
            Err(not_ready) => {
                let (groups, protections) = Default::default();
                return TargetPreparation {
                    prepared: not_ready.into(),
                    selection: None,
                    groups,
                    protections,
                };
            }
        };
        let (prepared, selection) = match (chosen, lacks) {
            // Unknown, not refused: the group may be scaling, and whole at the next look.
            (Ok(selection), Some(why)) => (Readiness::Unknown(why), selection),
            (Ok(selection), None) => {
                (Readiness::Ready(Box::new(PreparedInjection { trigger: None, undo })), selection)
            }
            (Err(NoSelection { why, excluded }), _) => {
                (Readiness::Refused(why), Selection { excluded, ..Selection::default() })
            }
        };
        let selection = Selection { excluded: bounded(selection.excluded), ..selection };
        let asked = candidates.into_iter().filter(|candidate| candidate.stop_protected != Tristate::Unknown);
        let protections = asked.map(|candidate| (candidate.id, candidate.stop_protected)).collect();
        TargetPreparation { prepared, selection: Some(selection), groups, protections }
    }

    /// Reads the candidates and chooses the targets, within twice the call deadline.
    ///
    /// # Errors
    /// The candidates could not be read.
    pub(super) async fn resolve(&self) -> Result<Resolved, NotReady> {
        // Several calls one after the other, each within a call deadline of its own.
        let within = self.settings.timing.call_deadline * 2;
        match tokio::time::timeout(within, Box::pin(self.resolved())).await {
            Ok(Ok(resolved)) => Ok(resolved),
            Ok(Err(failure)) => Err(not_ready(&failure)),
            Err(_) => Err(NotReady::Unknown(format!("AWS did not answer within {} ms", within.as_millis()))),
        }
    }

    async fn resolved(&self) -> Result<Resolved, Failure> {
        let (found, candidates, healthy) = self.candidates().await?;
        let target = &self.target;
        let (environment, keys) = (&self.request.environment, &self.settings.kms_key_arns);
        let chosen = instance::choose(&candidates, &healthy, target, environment, keys, self.choice.seed);
        let Ok(selection) = &chosen else {
            let (undo, groups) = Default::default();
            return Ok(Resolved { chosen, candidates, undo, groups, lacks: None });
        };
        let account = found.first().map(|instance| instance.account.as_str()).unwrap_or_default();
        let undo = instance::undo(&selection.chosen, &target.region, account, "");
        let members = candidates.iter().filter(|candidate| selection.chosen.contains(&candidate.id));
        let memberships = members.filter_map(|candidate| candidate.group.as_ref());
        let groups: BTreeSet<String> = memberships.map(|member| member.group.clone()).collect();
        let lacks = groups::lacks(&self.aws, &groups).await?;
        let lacks = lacks.map(|what| format!("{what}; it could not be seen to be back after the drill"));
        Ok(Resolved { chosen, candidates, undo, groups, lacks })
    }

    /// The selected instances, the same as candidates with all that decides whether one may be stopped, and the
    /// healthy members of their groups and target groups.
    async fn candidates(&self) -> Result<(Vec<Instance>, Vec<Candidate>, Healthy), Failure> {
        let found = self.selected().await?;
        let ids: Vec<String> = found.iter().map(|instance| instance.id.clone()).collect();
        let (memberships, keys, (known, mut healthy)) = tokio::try_join!(
            self.aws.groups.memberships(&ids),
            self.keys(&found),
            self.target_groups(&found),
        )?;
        let names: BTreeSet<String> = memberships.values().map(|member| member.group.clone()).collect();
        for group in self.aws.groups.groups(&names.into_iter().collect::<Vec<_>>()).await? {
            let serving = group.members.iter().filter(|member| member.serves());
            healthy.insert(group.name.clone(), serving.map(|member| member.id.clone()).collect());
        }
        let candidates = found.iter().map(|instance| {
            let target_groups = known.get(&instance.id).cloned().unwrap_or_default();
            candidate(instance, memberships.get(&instance.id), &keys, target_groups)
        });
        let candidates = self.protections(candidates.collect()).await?;
        Ok((found, candidates, healthy))
    }

    /// The instances that the request selects.
    async fn selected(&self) -> Result<Vec<Instance>, Failure> {
        match &self.target.select {
            InstanceSelector::Ids(ids) => self.aws.ec2.by_ids(ids).await,
            InstanceSelector::Tags(tags) => self.aws.ec2.by_tags(tags).await,
            InstanceSelector::AutoScalingGroup(name) => {
                let groups = self.aws.groups.groups(std::slice::from_ref(name)).await?;
                let members = groups.into_iter().flat_map(|group| group.members);
                self.aws.ec2.by_ids(&members.map(|member| member.id).collect::<Vec<_>>()).await
            }
        }
    }

    /// The KMS key of each volume that exists; none for one that is not encrypted.
    async fn keys(&self, found: &[Instance]) -> Result<BTreeMap<String, Option<VolumeKey>>, Failure> {
        let volumes: Vec<String> = found.iter().flat_map(|instance| instance.volumes.clone()).collect();
        let by_volume = self.aws.ec2.volume_keys(&volumes).await?;
        let granted = &self.settings.kms_key_arns;
        let arns: BTreeSet<&String> =
            by_volume.values().flatten().filter(|arn| !granted.contains(arn)).collect();
        let asked = join_all(arns.into_iter().map(async |arn| {
            let seen = self.aws.kms.aws_managed(arn).await?;
            Ok((arn.clone(), seen))
        }));
        let managed = asked.await.into_iter().collect::<Result<BTreeMap<String, Tristate>, Failure>>()?;
        let key =
            |arn: String| VolumeKey { aws_managed: managed.get(&arn).copied().unwrap_or_default(), arn };
        Ok(by_volume.into_iter().map(|(volume, arn)| (volume, arn.map(key))).collect())
    }

    async fn target_groups(
        &self,
        found: &[Instance],
    ) -> Result<(BTreeMap<String, Vec<String>>, Healthy), Failure> {
        let vpcs: BTreeSet<&str> = found.iter().map(|instance| instance.vpc.as_str()).collect();
        if vpcs.is_empty() {
            return Ok(Default::default());
        }
        let arns = self.aws.balancing.target_groups(&vpcs.into_iter().collect::<Vec<_>>()).await?;
        let targets = groups::targets_of(&self.aws, arns).await?;
        Ok(registrations::registered_in(&targets, found))
    }

    /// Reads the stop protection of those candidates that nothing else excludes: one call each.
    async fn protections(&self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Failure> {
        let asked = stream::iter(candidates).map(async |mut candidate| {
            if let Some(known) = self.choice.protection(&candidate.id) {
                candidate.stop_protected = known;
                return Ok(candidate);
            }
            let unprotected =
                Candidate { stop_protected: Tristate::No, keys: vec![], group: None, ..candidate.clone() };
            if instance::unfit(&unprotected, &self.target, &self.request.environment, &[]).is_none() {
                let protected = self.aws.ec2.stop_protected(&candidate.id).await?;
                candidate.stop_protected = protected.map_or(Tristate::Unknown, Tristate::from);
            }
            Ok(candidate)
        });
        asked.buffered(groups::MAX_CONCURRENT_CALLS).try_collect().await
    }
}

/// A read that is denied or refused refuses the drill; any other failure leaves it unknown, and the next look reads
/// again.
fn not_ready(failure: &Failure) -> NotReady {
    match failure.proof {
        Proof::Denied | Proof::Refused => {
            NotReady::Refused(format!("the targets could not be resolved: {failure}"))
        }
        Proof::Again | Proof::Nothing => NotReady::Unknown(failure.to_string()),
    }
}

fn candidate(
    instance: &Instance,
    group: Option<&Membership>,
    keys: &BTreeMap<String, Option<VolumeKey>>,
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

/// At most `MAX_EXCLUDED` of them and the number of the others, sorted: AWS answers in no fixed order.
pub(super) fn bounded(mut excluded: Vec<Excluded>) -> Vec<Excluded> {
    excluded.sort_by(|a, b| a.resource.cmp(&b.resource));
    let more = excluded.len().saturating_sub(MAX_EXCLUDED);
    if more > 0 {
        excluded.truncate(MAX_EXCLUDED);
        excluded.push(Excluded { resource: format!("{more} more"), why: "not named here".to_owned() });
    }
    excluded
}

#[cfg(test)]
mod tests {
    use firedrill_core::request::BlastRadius;

    use super::*;

    fn target() -> InstanceTarget {
        InstanceTarget {
            region: "eu-west-2".to_owned(),
            select: InstanceSelector::Tags(BTreeMap::from([("app".to_owned(), "bookstore".to_owned())])),
            blast_radius: BlastRadius::Count(1),
            availability_zone: None,
            seed: None,
        }
    }

    fn selection(id: &str) -> Selection {
        Selection { chosen: vec![id.to_owned()], ..Selection::default() }
    }

    #[test]
    fn a_choice_that_did_not_change_is_never_written_down_again() {
        let mut choice = Choice::of(&target());
        let changes = ["i-1", "i-1", "i-2", "i-2", "i-1"].map(|id| choice.note(&selection(id)));
        assert_eq!(changes, [true, false, true, false, true]);
        let excluded = |id: &str| Excluded { resource: id.to_owned(), why: String::new() };
        let (one, two) = (
            bounded(vec![excluded("i-1"), excluded("i-2")]),
            bounded(vec![excluded("i-2"), excluded("i-1")]),
        );
        assert_eq!(one, two, "AWS answers in any order");
    }

    #[test]
    fn the_stop_protection_of_what_is_chosen_is_never_taken_from_an_earlier_look() {
        let mut choice = Choice::of(&target());
        let (one, two) = ("i-1".to_owned(), "i-2".to_owned());
        choice.protections = BTreeMap::from([(one.clone(), Tristate::No), (two.clone(), Tristate::No)]);
        choice.note(&selection(&one));
        assert_eq!((choice.protection(&one), choice.protection(&two)), (None, Some(Tristate::No)));
    }
}
