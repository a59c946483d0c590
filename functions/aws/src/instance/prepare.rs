//! Finds out what may be stopped, before anything is.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    Prepared, Ready, Seen, UndoStep,
    evidence::Evidence,
    instance::{self, Candidate, Healthy, Membership, Selection, VolumeKey},
    plan::LeftOut,
    ports::Clock,
    request::InstanceSelector,
};
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream};

use super::{InstanceDrill, groups, known};
use crate::{
    ec2::Instance,
    error::{Failure, Proof},
};

/// So many of those left out the record names.
const MOST_LEFT_OUT: usize = 250;

/// What came of resolving the targets once.
struct Found {
    prepared: Prepared,
    selection: Option<Evidence>,
    groups: BTreeSet<String>,
}

/// What the choice was made of.
pub(super) struct Resolved {
    pub chosen: Result<Selection, (String, Vec<LeftOut>)>,
    pub candidates: Vec<Candidate>,
    pub undo: Vec<UndoStep>,
}

impl InstanceDrill {
    /// Resolves the targets, and keeps what came of it.
    pub(super) async fn prepare_and_note(&mut self) -> Option<Evidence> {
        let found = Box::pin(self.prepare()).await;
        self.known_groups.extend(found.groups);
        self.prepared = Some(found.prepared);
        found.selection
    }

    async fn prepare(&self) -> Found {
        match self.resolve().await {
            Err(prepared) => Found { prepared, selection: None, groups: BTreeSet::new() },
            Ok(Resolved { chosen, candidates, undo }) => {
                let (prepared, selection) = match chosen {
                    Ok(selection) => (Prepared::Ready(Box::new(Ready { lever: None, undo })), selection),
                    Err((why, left_out)) => {
                        (Prepared::Refused(why), Selection { left_out, ..Selection::default() })
                    }
                };
                let Selection { seed, fitting, chosen, left_out } = selection;
                let members = candidates.iter().filter(|candidate| chosen.contains(&candidate.id));
                let groups = members.filter_map(|candidate| candidate.group.as_ref());
                Found {
                    prepared,
                    groups: groups.map(|member| member.group.clone()).collect(),
                    selection: Some(Evidence::Selection {
                        at: self.clock.now(),
                        seed,
                        fitting,
                        chosen,
                        left_out: bounded(left_out),
                    }),
                }
            }
        }
    }

    /// Resolves the targets. An error says that nothing can be chosen from: refused, or unknown.
    pub(super) async fn resolve(&self) -> Result<Resolved, Prepared> {
        // Many calls, each with a deadline of its own.
        let within = self.config.timing.call_deadline() * 2;
        let (found, candidates, healthy) = match tokio::time::timeout(within, self.candidates()).await {
            Ok(Ok(all)) => all,
            Ok(Err(failure)) => return Err(unreadable(&failure)),
            Err(_) => {
                return Err(Prepared::Unknown(format!(
                    "AWS did not answer within {} ms",
                    within.as_millis()
                )));
            }
        };
        let target = &self.target;
        // Half a number's width, so that a request can name it again.
        let seed = u64::from(target.seed.unwrap_or_else(|| fastrand::u32(..)));
        let (environment, keys) = (&self.request.environment, &self.config.kms_key_arns);
        let chosen = instance::choose(&candidates, &healthy, target, environment, keys, seed);
        let undo = chosen.as_ref().map_or_else(
            |_| Vec::new(),
            |selection| {
                let account = found.first().map(|instance| instance.account.as_str()).unwrap_or_default();
                instance::undo(&selection.chosen, &target.region, account, "")
            },
        );
        Ok(Resolved { chosen, candidates, undo })
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
        let managed = asked.await.into_iter().collect::<Result<BTreeMap<String, Seen>, Failure>>()?;
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
        Ok(known::known_by(&targets, found))
    }

    /// Asks for the stop protection of those that nothing else speaks against: one call each.
    async fn protections(&self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Failure> {
        let asked = stream::iter(candidates).map(async |mut candidate| {
            let otherwise =
                Candidate { stop_protected: Seen::No, keys: vec![], group: None, ..candidate.clone() };
            if instance::unfit(&otherwise, &self.target, &self.request.environment, &[]).is_none() {
                let protected = self.aws.ec2.stop_protected(&candidate.id).await?;
                candidate.stop_protected = protected.map_or(Seen::Unknown, Seen::from);
            }
            Ok(candidate)
        });
        asked.buffered(groups::AT_ONCE).try_collect().await
    }
}

/// What is not there for good is refused; what could not be read this time is tried again.
fn unreadable(failure: &Failure) -> Prepared {
    match failure.proof {
        Proof::Denied | Proof::Refused => {
            Prepared::Refused(format!("the targets could not be resolved: {failure}"))
        }
        Proof::Again | Proof::Nothing => Prepared::Unknown(failure.to_string()),
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
        stop_protected: Seen::Unknown,
        keys: instance.volumes.iter().filter_map(|volume| keys.get(volume).cloned().flatten()).collect(),
        group: group.cloned(),
        target_groups,
        unreadable: missing.map(|volume| format!("its volume {volume} was not found")),
    }
}

/// As many as the record takes, and how many more there were.
pub(super) fn bounded(mut left_out: Vec<LeftOut>) -> Vec<LeftOut> {
    let more = left_out.len().saturating_sub(MOST_LEFT_OUT);
    if more > 0 {
        left_out.truncate(MOST_LEFT_OUT);
        left_out.push(LeftOut { resource: format!("{more} more"), why: "not named here".to_owned() });
    }
    left_out
}
