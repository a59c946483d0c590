//! State of the targets: whether the failure is in place, and whether it is undone.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    ClockName, Observation, Phase, Run, StepObservation, Timestamp, Tristate, evidence::Evidence,
    ports::Clock, request::InstanceSelector,
};
use futures_util::future::join;

use super::{Cloud, InstanceDrill};
use crate::{
    WithFindings,
    deadline::{ReadError, read_within},
    ports::{AlarmState, Ids, Instance, Next, Reply, StateUpdate, every_chunk, every_page},
};

/// The most ids that `DescribeInstanceStatus` takes.
const MAX_STATUS_IDS: usize = 100;

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    /// Looks at the targets, and at the alarm that should detect the failure.
    pub(super) async fn look_at_targets(&self, run: &Run) -> WithFindings<Observation> {
        let ((mut look, mut findings), detection) = join(self.targets(run), self.detection(run)).await;
        findings.extend(detection);
        look.detected = self.detected.get();
        // Starting an instance moves no traffic, so these two hold nothing back.
        look.primary = Tristate::Yes;
        look.foreign_alarm = Tristate::No;
        (look, findings)
    }

    async fn targets(&self, run: &Run) -> WithFindings<Observation> {
        let clock = &self.context.clock;
        let asked = clock.now();
        match self.context.read(1, self.read_targets(run, asked)).await {
            Ok((mut look, findings)) => {
                if look.in_place != Tristate::No {
                    look.looked = Some(clock.now());
                }
                (look, findings)
            }
            Err(error) => {
                tracing::warn!(runId = %run.run_id, %error, "the targets' state cannot be read");
                let undone = vec![StepObservation::Unknown; run.undo.len()];
                (Observation { looked: Some(asked), undone, ..Observation::default() }, Vec::new())
            }
        }
    }

    async fn read_targets(&self, run: &Run, at: Timestamp) -> Reply<WithFindings<Observation>> {
        let ids: Vec<String> = run.undo.iter().flat_map(|step| step.resources.clone()).collect();
        let found = self.by_ids(&ids).await?;
        let states = states(&ids, &found);
        let groups = {
            let mut groups = self.groups.borrow_mut();
            groups.extend(found.iter().filter_map(Instance::group).map(str::to_owned));
            if let InstanceSelector::AutoScalingGroup(name) = &self.target.select {
                groups.insert(name.clone());
            }
            groups.clone()
        };
        let mut undone = Vec::new();
        for step in run.undo.iter() {
            undone.push(self.undone(&step.resources, &states, &groups).await);
        }
        let look =
            Observation { looked: Some(at), in_place: in_place(&states), undone, ..Observation::default() };
        Ok((look, vec![Evidence::Targets { at, states }]))
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
        let is_running = |id: &&String| states.get(*id).is_some_and(|state| state == "running");
        let running: Vec<String> = ids.iter().filter(is_running).cloned().collect();
        // Running is not serving: an instance that does not pass its status checks is not undone.
        match self.pass_their_checks(&running).await {
            Ok(true) => self.are_whole(groups).await,
            Ok(false) => StepObservation::Busy,
            Err(_) => StepObservation::Unknown,
        }
    }

    /// Whether both status checks of each of these running instances pass.
    async fn pass_their_checks(&self, ids: &[String]) -> Reply<bool> {
        let found = every_chunk(ids, MAX_STATUS_IDS, async |ids: &Ids, page: Next<'_>| {
            self.context.cloud.instance_status(self.region(), ids, page).await
        });
        let ok = found.await?.into_iter().filter(|it| it.instance == "ok" && it.system == "ok");
        let passing: BTreeSet<String> = ok.map(|it| it.id).collect();
        Ok(ids.iter().all(|id| passing.contains(id)))
    }

    /// The alarm's first change to ALARM since the injection, as evidence; none if it is known already or did not happen yet.
    async fn detection(&self, run: &Run) -> Option<Evidence> {
        let arn = &self.context.request.detection.as_ref()?.alarm_arn;
        if self.detected.get().is_some() || run.times.detected.is_some() || run.phase == Phase::Checking {
            return None;
        }
        let since = run.injection_began()?;
        let name = arn.alarm_name()?;
        let page =
            async |page: Next<'_>| self.context.cloud.alarm_changes(arn.region(), name, since, page).await;
        let read = every_page(page);
        match read_within(&self.context.clock, self.context.settings.timing.call_deadline, read).await {
            Ok(changes) => {
                let StateUpdate { at, summary, .. } = first_raised(changes, since)?;
                self.detected.set(Some(at));
                Some(Evidence::Alarm { at, clock: ClockName::CloudWatch, alarm: arn.to_string(), summary })
            }
            // CloudWatch keeps the history for weeks: the next look may read it.
            Err(ReadError::Failed(failure)) => {
                let (action, code) = (failure.action, failure.code());
                tracing::warn!(action, code, failure.message, "the detection alarm's history cannot be read");
                None
            }
            Err(ReadError::Late(_)) => None,
        }
    }
}

/// The first change to ALARM since then.
fn first_raised(changes: Vec<StateUpdate>, since: Timestamp) -> Option<StateUpdate> {
    let raised = changes.into_iter().filter(|change| change.to == AlarmState::Alarm && change.at >= since);
    raised.min_by_key(|change| change.at)
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
