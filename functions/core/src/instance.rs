//! Instance selection: which instances may be stopped, and which of them the run stops.
//!
//! Pure: what EC2, Auto Scaling and Elastic Load Balancing answer arrives as [`Candidate`]s; an instance that may not be
//! touched is returned with its reason.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    Tristate, UndoStep,
    environment::Environment,
    plan::Excluded,
    request::{BlastRadius, InstanceSelector, InstanceTarget, OPT_IN_TAG},
};

/// One instance that matches the request's target, as AWS describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Its id, `i-…`.
    pub id: String,
    /// Its Availability Zone.
    pub zone: String,
    /// Its state: `running`, `stopped`, …
    pub state: String,
    /// Its root device type: `ebs` or `instance-store`.
    pub root_device_type: String,
    /// Whether it is a Spot instance.
    pub spot: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is protected against being stopped (`DisableApiStop`).
    pub stop_protected: Tristate,
    /// The KMS keys of its encrypted volumes.
    pub keys: Vec<VolumeKey>,
    /// Its Auto Scaling group, and its lifecycle state there.
    pub group: Option<Membership>,
    /// The target groups that it is registered with.
    pub target_groups: Vec<String>,
    /// Why a field above could not be read; the instance may then not be touched.
    pub unreadable: Option<String>,
}

/// The key of one encrypted volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeKey {
    /// The key's ARN.
    pub arn: String,
    /// Whether AWS manages it: then the role that starts the instance needs no grant on the key.
    pub aws_managed: Tristate,
}

/// An instance's place in its Auto Scaling group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The group's name.
    pub group: String,
    /// Its lifecycle state: `InService`, `Standby`, `Warmed:Stopped`, …
    pub lifecycle: String,
}

/// The ids of the healthy instances of each Auto Scaling group and target group, chosen or not.
pub type Healthy = BTreeMap<String, Vec<String>>;

/// The choice of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The seed that repeats the choice.
    pub seed: u64,
    /// How many instances could be chosen from.
    pub fitting: usize,
    /// The ids of the chosen instances, sorted.
    pub chosen: Vec<String>,
    /// The instances that may not be touched, and why.
    pub excluded: Vec<Excluded>,
}

/// What an instance must meet to be stopped.
#[derive(Clone, Copy, Debug)]
pub struct Criteria<'a> {
    /// The target of the request.
    pub target: &'a InstanceTarget,
    /// The environment of the request.
    pub environment: Environment<'a>,
    /// The customer managed keys that the stack's role may use to start an instance, by ARN.
    pub kms_key_arns: &'a [String],
}

/// Why this instance may not be stopped; `None` if it may.
#[must_use]
pub fn unfit(candidate: &Candidate, criteria: &Criteria<'_>) -> Option<String> {
    let Criteria { target, environment, kms_key_arns } = *criteria;
    let (key, value) = OPT_IN_TAG;
    if let Some(why) = &candidate.unreadable {
        return Some(format!("could not be read: {why}"));
    }
    if candidate.tags.get(key).map(String::as_str) != Some(value) {
        return Some(format!("does not carry the opt-in tag {key}={value}"));
    }
    if let Some(why) = environment.excludes(&candidate.tags) {
        return Some(why);
    }
    if let Some(zone) = &target.availability_zone
        && candidate.zone != *zone
    {
        return Some(format!("lies in {}, not in {zone}", candidate.zone));
    }
    if candidate.state != "running" {
        return Some(format!("is {}, not running", candidate.state));
    }
    if candidate.root_device_type != "ebs" {
        return Some(format!(
            "its root device is {}, not EBS: its data would be lost",
            candidate.root_device_type
        ));
    }
    if candidate.spot {
        return Some("is a Spot instance: stopping it may terminate it".to_owned());
    }
    match candidate.stop_protected {
        Tristate::No => {}
        Tristate::Yes => return Some("is protected against being stopped (DisableApiStop)".to_owned()),
        Tristate::Unknown => {
            return Some("its stop protection (DisableApiStop) could not be read".to_owned());
        }
    }
    for volume in &candidate.keys {
        let granted = kms_key_arns.contains(&volume.arn);
        match volume.aws_managed {
            Tristate::Yes => {}
            Tristate::No | Tristate::Unknown if granted => {}
            Tristate::No => {
                return Some(format!(
                    "a volume is encrypted with the customer managed key {}, which the stack's KmsKeyArns does not \
                     name: it might not start again",
                    volume.arn
                ));
            }
            Tristate::Unknown => {
                return Some(format!(
                    "the key {} of a volume could not be read: it might not start again",
                    volume.arn
                ));
            }
        }
    }
    match &candidate.group {
        Some(member) if member.lifecycle != "InService" => {
            Some(format!("is {} in Auto Scaling group {}, not InService", member.lifecycle, member.group))
        }
        Some(_) | None => None,
    }
}

/// No instances can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct NoSelection {
    /// Why not.
    pub why: String,
    /// The candidates that may not be stopped, each with its reason.
    pub excluded: Vec<Excluded>,
}

/// Chooses the instances to stop. Of instances named by id all must be fit; of those found by tag or group the unfit are left
/// out. The last healthy member of a group or target group is never chosen.
///
/// # Errors
/// Why nothing may be stopped, with every reason.
pub fn choose(
    candidates: &[Candidate],
    healthy: &Healthy,
    criteria: &Criteria<'_>,
    seed: u64,
) -> Result<Selection, NoSelection> {
    let target = criteria.target;
    let mut excluded: Vec<Excluded> = Vec::new();
    let mut fitting: Vec<&Candidate> = Vec::new();
    for candidate in candidates {
        match unfit(candidate, criteria) {
            Some(why) => excluded.push(Excluded { resource: candidate.id.clone(), why }),
            None => fitting.push(candidate),
        }
    }
    if let InstanceSelector::Ids(ids) = &target.select {
        for id in ids.iter().filter(|id| !candidates.iter().any(|candidate| candidate.id == **id)) {
            excluded.push(Excluded { resource: id.clone(), why: "does not exist in this Region".to_owned() });
        }
        if !excluded.is_empty() {
            return Err(NoSelection {
                why: format!("not every named instance may be stopped: {}", reasons(&excluded)),
                excluded,
            });
        }
    }
    if candidates.is_empty() {
        return Err(NoSelection {
            why: format!("no instance in {} matches the target", target.region),
            excluded,
        });
    }
    if fitting.is_empty() {
        return Err(NoSelection {
            why: format!("no matching instance may be stopped: {}", reasons(&excluded)),
            excluded,
        });
    }
    let wanted = match target.blast_radius {
        BlastRadius::Count(count) => count as usize,
        BlastRadius::Percent(percent) => fitting.len() * percent as usize / 100,
    };
    if wanted == 0 {
        let why =
            format!("the blast radius rounds to no instance at all: only {} may be stopped", fitting.len());
        return Err(NoSelection { why, excluded });
    }
    if wanted > fitting.len() {
        let why = format!(
            "the blast radius is {wanted} instances, and only {} may be stopped: {}",
            fitting.len(),
            reasons(&excluded)
        );
        return Err(NoSelection { why, excluded });
    }
    fitting.sort_by(|a, b| a.id.cmp(&b.id));
    fastrand::Rng::with_seed(seed).shuffle(&mut fitting);
    let mut chosen: Vec<String> = Vec::new();
    let fitting_count = fitting.len();
    for candidate in fitting {
        if chosen.len() == wanted {
            break;
        }
        match last_healthy(candidate, healthy, &chosen) {
            Some(why) => excluded.push(Excluded { resource: candidate.id.clone(), why }),
            None => chosen.push(candidate.id.clone()),
        }
    }
    if chosen.len() < wanted {
        let why =
            format!("only {} of {wanted} instances may be stopped: {}", chosen.len(), reasons(&excluded));
        return Err(NoSelection { why, excluded });
    }
    chosen.sort();
    Ok(Selection { seed, fitting: fitting_count, chosen, excluded })
}

/// Why stopping this instance as well would leave one of its groups or target groups without a healthy member.
fn last_healthy(candidate: &Candidate, healthy: &Healthy, chosen: &[String]) -> Option<String> {
    let group = candidate.group.iter().map(|member| &member.group);
    for name in group.chain(&candidate.target_groups) {
        let Some(members) = healthy.get(name) else {
            return Some(format!("which instances of {name} are healthy could not be read"));
        };
        if !members.iter().any(|id| *id != candidate.id && !chosen.contains(id)) {
            return Some(format!("is the last healthy instance of {name}"));
        }
    }
    None
}

/// The reasons, at most ten of them spelled out.
fn reasons(excluded: &[Excluded]) -> String {
    let mut text: Vec<String> =
        excluded.iter().take(10).map(|excluded| format!("{} {}", excluded.resource, excluded.why)).collect();
    if excluded.len() > 10 {
        text.push(format!("and {} more", excluded.len() - 10));
    }
    if text.is_empty() { "none was left out".to_owned() } else { text.join("; ") }
}

/// The undo of the stop: all chosen instances are started, which moves no traffic.
#[must_use]
pub fn undo(chosen: &[String], region: &str, account: &str, partition: &str) -> Vec<UndoStep> {
    vec![UndoStep {
        service: "ec2".to_owned(),
        action: "StartInstances".to_owned(),
        partition: partition.to_owned(),
        account: account.to_owned(),
        region: region.to_owned(),
        resources: chosen.to_vec(),
        before: "running".to_owned(),
        set: "stopped".to_owned(),
        ..UndoStep::default()
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{environment::ENVIRONMENT_TAG, request::Name};

    #[test]
    fn an_instance_of_another_environment_is_unfit() {
        let target = InstanceTarget {
            region: "eu-west-2".to_owned(),
            select: InstanceSelector::Tags(BTreeMap::from([("app".to_owned(), "bookstore".to_owned())])),
            blast_radius: BlastRadius::Count(1),
            availability_zone: None,
            seed: None,
        };
        let staging = Name::try_from("staging".to_owned()).unwrap();
        let tagged = |environment: Option<&str>| {
            let opt_in = (OPT_IN_TAG.0.to_owned(), OPT_IN_TAG.1.to_owned());
            let own = environment.map(|name| (ENVIRONMENT_TAG.to_owned(), name.to_owned()));
            Candidate {
                state: "running".into(),
                root_device_type: "ebs".into(),
                stop_protected: Tristate::No,
                tags: std::iter::once(opt_in).chain(own).collect(),
                ..Candidate::default()
            }
        };
        let environment = Environment { name: &staging, tag_required: false };
        let criteria = Criteria { target: &target, environment, kms_key_arns: &[] };
        assert_eq!(unfit(&tagged(None), &criteria), None);
        assert_eq!(unfit(&tagged(Some("staging")), &criteria), None);
        let why = unfit(&tagged(Some("production")), &criteria).unwrap();
        assert!(why.contains("belongs to environment production"), "{why}");
    }
}
