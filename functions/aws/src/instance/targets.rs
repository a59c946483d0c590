//! State of the targets: whether the failure is in place, and whether it is undone.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{Run, StepObservation, Timestamp, Tristate, ports::Clock, request::InstanceSelector};

use super::{InstanceDrill, groups};
use crate::{
    ec2::{Checks, Instance},
    error::{Failure, read_within},
};

/// The observations of one look at the targets.
pub(super) struct Look {
    /// When the answer came if the failure is in place or unknown; when it was asked for if it is not.
    pub at: Timestamp,
    /// By instance id.
    pub states: BTreeMap<String, String>,
    pub in_place: Tristate,
    pub undone: Vec<StepObservation>,
    /// The targets' Auto Scaling groups.
    pub groups: BTreeSet<String>,
}

impl InstanceDrill {
    pub(super) async fn look(&self, run: &Run) -> Look {
        let asked = self.clock.now();
        let deadline = self.settings.timing.call_deadline;
        let look = async {
            let mut look = self.look_at(run, asked).await?;
            if look.in_place != Tristate::No {
                look.at = self.clock.now();
            }
            Ok::<_, Failure>(look)
        };
        let unknown = || Look {
            at: asked,
            states: BTreeMap::new(),
            in_place: Tristate::Unknown,
            undone: vec![StepObservation::Unknown; run.undo.len()],
            groups: BTreeSet::new(),
        };
        read_within(deadline, look).await.unwrap_or_else(|error| {
            tracing::warn!(runId = %run.run_id, %error, "the targets' state cannot be read");
            unknown()
        })
    }

    async fn look_at(&self, run: &Run, at: Timestamp) -> Result<Look, Failure> {
        let ids: Vec<String> = run.undo.iter().flat_map(|step| step.resources.clone()).collect();
        let found = self.aws.ec2.by_ids(&ids).await?;
        let states = states(&ids, &found);
        let mut groups = self.known_groups.clone();
        groups.extend(found.iter().filter_map(Instance::group).map(str::to_owned));
        if let InstanceSelector::AutoScalingGroup(name) = &self.target.select {
            groups.insert(name.clone());
        }
        let mut undone = Vec::new();
        for step in run.undo.iter() {
            undone.push(self.undone(&step.resources, &states, &groups).await);
        }
        Ok(Look { at, in_place: in_place(&states), states, undone, groups })
    }

    async fn undone(
        &self,
        ids: &[String],
        states: &BTreeMap<String, String>,
        groups: &BTreeSet<String>,
    ) -> StepObservation {
        let by_state = undone_by_state(ids, states);
        if by_state != StepObservation::Done {
            return by_state;
        }
        let running: Vec<String> = ids
            .iter()
            .filter(|id| states.get(*id).is_some_and(|state| state == "running"))
            .cloned()
            .collect();
        // Running is not serving: an instance that does not pass its status checks is not undone.
        let Ok(checks) = self.aws.ec2.checks(&running).await else { return StepObservation::Unknown };
        if running.iter().any(|id| checks.get(id) != Some(&Checks::Ok)) {
            return StepObservation::Busy;
        }
        groups::are_back(&self.aws, groups).await
    }
}

/// The state of each target; `gone` if EC2 no longer knows it.
fn states(ids: &[String], found: &[Instance]) -> BTreeMap<String, String> {
    let mut states: BTreeMap<String, String> = ids.iter().map(|id| (id.clone(), "gone".to_owned())).collect();
    states.extend(found.iter().map(|instance| (instance.id.clone(), instance.state.clone())));
    states
}

fn in_place(states: &BTreeMap<String, String>) -> Tristate {
    let down = |state: &String| matches!(state.as_str(), "stopped" | "shutting-down" | "terminated" | "gone");
    Tristate::all(states.values().map(|state| Tristate::from(down(state))))
}

/// What the states alone show of an undo step. `Done` means that no target is left to start; status checks and
/// groups are checked after it.
fn undone_by_state(ids: &[String], states: &BTreeMap<String, String>) -> StepObservation {
    let state = |id: &String| states.get(id).map_or("gone", String::as_str);
    if ids.is_empty() {
        return StepObservation::Unknown;
    }
    if ids.iter().any(|id| state(id) == "stopped") {
        return StepObservation::Open;
    }
    let back = |id: &String| matches!(state(id), "running" | "terminated" | "gone");
    if ids.iter().all(back) { StepObservation::Done } else { StepObservation::Busy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(states: &[&str]) -> (Vec<String>, BTreeMap<String, String>) {
        let map: BTreeMap<String, String> =
            states.iter().enumerate().map(|(n, state)| (format!("i-{n}"), (*state).to_owned())).collect();
        (map.keys().cloned().collect(), map)
    }

    #[test]
    fn it_is_in_place_only_when_every_target_is_down() {
        assert_eq!(in_place(&of(&["stopped", "terminated", "gone", "shutting-down"]).1), Tristate::Yes);
        assert_eq!(in_place(&of(&["stopped", "stopping"]).1), Tristate::No);
        assert_eq!(in_place(&of(&["stopped", "running"]).1), Tristate::No);
        assert_eq!(in_place(&of(&[]).1), Tristate::Unknown, "nothing looked at is nothing known");
    }

    #[test]
    fn what_is_stopped_is_open_and_what_is_on_its_way_is_busy() {
        let undone = |names: &[&str]| {
            let (ids, states) = of(names);
            undone_by_state(&ids, &states)
        };
        assert_eq!(undone(&["stopped", "pending"]), StepObservation::Open);
        assert_eq!(undone(&["running", "pending"]), StepObservation::Busy);
        assert_eq!(undone(&["stopping"]), StepObservation::Busy);
        assert_eq!(undone(&["running", "terminated", "gone"]), StepObservation::Done);
        assert_eq!(undone(&[]), StepObservation::Unknown);
    }
}
