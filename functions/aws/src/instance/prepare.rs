//! Finds out what may be stopped, before anything is.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    PreparedInjection, Readiness, Tristate, UndoStep,
    evidence::Evidence,
    instance::{self, Candidate, Healthy, Membership, Selection, VolumeKey},
    plan::Excluded,
    ports::Clock,
    request::{InstanceSelector, InstanceTarget},
};
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream};

use super::{InstanceDrill, groups, registrations};
use crate::{
    ec2::Instance,
    error::{Failure, Proof},
};

/// So many of those left out the record names.
const MAX_LEFT_OUT: usize = 250;

/// What one invocation keeps from one choice to the next.
#[derive(Debug)]
pub(super) struct Choice {
    /// The same at each: what has not changed is chosen again.
    seed: u64,
    /// The latest, which the record has.
    latest: Option<Selection>,
    /// Whose stop protection was read, and what it said.
    protections: BTreeMap<String, Tristate>,
}

impl Choice {
    pub(super) fn of(target: &InstanceTarget) -> Self {
        // Half a number's width, so that a request can name it again.
        let seed = u64::from(target.seed.unwrap_or_else(|| fastrand::u32(..)));
        Self { seed, latest: None, protections: BTreeMap::new() }
    }

    /// What is known of this instance's stop protection. For those chosen it is asked again each time, for the
    /// others not: one call each for a whole fleet would be too many, and EC2 itself stops nothing protected.
    fn protection(&self, id: &String) -> Option<Tristate> {
        let is_chosen = self.latest.iter().any(|selection| selection.chosen.contains(id));
        self.protections.get(id).copied().filter(|_| !is_chosen)
    }

    /// Takes the latest choice; whether it is another one than before.
    fn note(&mut self, selection: &Selection) -> bool {
        let is_new = self.latest.as_ref() != Some(selection);
        if is_new {
            self.latest = Some(selection.clone());
        }
        is_new
    }
}

/// What came of resolving the targets once.
pub(super) struct TargetPreparation {
    prepared: Readiness,
    selection: Option<Selection>,
    groups: BTreeSet<String>,
    protections: BTreeMap<String, Tristate>,
}

/// What the choice was made of.
pub(super) struct Resolved {
    pub chosen: Result<Selection, (String, Vec<Excluded>)>,
    pub candidates: Vec<Candidate>,
    pub undo: Vec<UndoStep>,
    /// The groups of those chosen.
    groups: BTreeSet<String>,
    /// What keeps one of them from being whole.
    pub lacks: Option<String>,
}

impl InstanceDrill {
    /// Keeps what came of preparing; the choice is written down when it is another one.
    pub(super) fn note_prepared(&mut self, found: TargetPreparation) -> Option<Evidence> {
        // Nothing was stopped yet: groups of an earlier choice do not matter any more.
        self.known_groups = found.groups;
        self.prepared = Some(found.prepared);
        self.choice.protections.extend(found.protections);
        let selection = found.selection.filter(|selection| self.choice.note(selection))?;
        let Selection { seed, fitting, chosen, excluded } = selection;
        Some(Evidence::Selection { at: self.clock.now(), seed, fitting, chosen, excluded })
    }

    /// Resolves the targets.
    pub(super) async fn prepare(&self) -> TargetPreparation {
        let Resolved { chosen, candidates, undo, groups, lacks } = match self.resolve().await {
            Ok(resolved) => resolved,
            Err(prepared) => {
                let (groups, protections) = Default::default();
                return TargetPreparation { prepared, selection: None, groups, protections };
            }
        };
        let (prepared, selection) = match (chosen, lacks) {
            // It may be scaling at the moment.
            (Ok(selection), Some(why)) => (Readiness::Unknown(why), selection),
            (Ok(selection), None) => {
                (Readiness::Ready(Box::new(PreparedInjection { trigger: None, undo })), selection)
            }
            (Err((why, excluded)), _) => {
                (Readiness::Refused(why), Selection { excluded, ..Selection::default() })
            }
        };
        let selection = Selection { excluded: bounded(selection.excluded), ..selection };
        let asked = candidates.into_iter().filter(|candidate| candidate.stop_protected != Tristate::Unknown);
        let protections = asked.map(|candidate| (candidate.id, candidate.stop_protected)).collect();
        TargetPreparation { prepared, selection: Some(selection), groups, protections }
    }

    /// Resolves the targets. An error says that nothing can be chosen from: refused, or unknown.
    pub(super) async fn resolve(&self) -> Result<Resolved, Readiness> {
        // Many calls, each with a deadline of its own.
        let within = self.config.timing.call_deadline() * 2;
        match tokio::time::timeout(within, Box::pin(self.resolved())).await {
            Ok(Ok(resolved)) => Ok(resolved),
            Ok(Err(failure)) => Err(unreadable(&failure)),
            Err(_) => Err(Readiness::Unknown(format!("AWS did not answer within {} ms", within.as_millis()))),
        }
    }

    async fn resolved(&self) -> Result<Resolved, Failure> {
        let (found, candidates, healthy) = self.candidates().await?;
        let target = &self.target;
        let (environment, keys) = (&self.request.environment, &self.config.kms_key_arns);
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

    /// Everything that decides whether an instance may be stopped.
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

    async fn selected(&self) -> Result<Vec<Instance>, Failure> {
        match &self.target.instances {
            InstanceSelector::Ids(ids) => self.aws.ec2.by_ids(ids).await,
            InstanceSelector::Tags(tags) => self.aws.ec2.by_tags(tags).await,
            InstanceSelector::AutoScalingGroup(name) => {
                let groups = self.aws.groups.groups(std::slice::from_ref(name)).await?;
                let members = groups.into_iter().flat_map(|group| group.members);
                self.aws.ec2.by_ids(&members.map(|member| member.id).collect::<Vec<_>>()).await
            }
        }
    }

    /// The key of each encrypted volume; an empty ARN where the volume could not be found.
    async fn keys(&self, found: &[Instance]) -> Result<BTreeMap<String, Option<VolumeKey>>, Failure> {
        let volumes: Vec<String> = found.iter().flat_map(|instance| instance.volumes.clone()).collect();
        let by_volume = self.aws.ec2.volume_keys(&volumes).await?;
        let granted = &self.config.kms_key_arns;
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

    /// Asks for the stop protection of those that nothing else speaks against: one call each, where it has to be.
    async fn protections(&self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Failure> {
        let asked = stream::iter(candidates).map(async |mut candidate| {
            if let Some(known) = self.choice.protection(&candidate.id) {
                candidate.stop_protected = known;
                return Ok(candidate);
            }
            let otherwise =
                Candidate { stop_protected: Tristate::No, keys: vec![], group: None, ..candidate.clone() };
            if instance::unfit(&otherwise, &self.target, &self.request.environment, &[]).is_none() {
                let protected = self.aws.ec2.stop_protected(&candidate.id).await?;
                candidate.stop_protected = protected.map_or(Tristate::Unknown, Tristate::from);
            }
            Ok(candidate)
        });
        asked.buffered(groups::MAX_CONCURRENT_CALLS).try_collect().await
    }
}

/// What is not there for good is refused; what could not be read this time is tried again.
fn unreadable(failure: &Failure) -> Readiness {
    match failure.proof {
        Proof::Denied | Proof::Refused => {
            Readiness::Refused(format!("the targets could not be resolved: {failure}"))
        }
        Proof::Again | Proof::Nothing => Readiness::Unknown(failure.to_string()),
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

/// As many as the record takes, and how many more there were; in an order of their own, for AWS has none.
pub(super) fn bounded(mut excluded: Vec<Excluded>) -> Vec<Excluded> {
    excluded.sort_by(|a, b| a.resource.cmp(&b.resource));
    let more = excluded.len().saturating_sub(MAX_LEFT_OUT);
    if more > 0 {
        excluded.truncate(MAX_LEFT_OUT);
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
            instances: InstanceSelector::Tags(BTreeMap::from([("app".to_owned(), "bookstore".to_owned())])),
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
        let left = |id: &str| Excluded { resource: id.to_owned(), why: String::new() };
        let (one, two) = (bounded(vec![left("i-1"), left("i-2")]), bounded(vec![left("i-2"), left("i-1")]));
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
