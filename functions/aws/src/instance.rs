//! Instance drill: stops EC2 instances, and starts them again.

mod clients;
mod detection;
mod groups;
#[cfg(feature = "inject")]
mod plan;
#[cfg(feature = "inject")]
mod prepare;
mod probes;
#[cfg(feature = "inject")]
mod registrations;
mod start;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use firedrill_core::{
    CallOutcome, Observation, Phase, Readiness, Request, Run, StepObservation, Timestamp, Tristate,
    evidence::Evidence,
    gate,
    ports::{Clock, Drill},
    request::InstanceTarget,
    run::Page,
};
#[cfg(feature = "inject")]
use firedrill_core::{plan::Plan, ports::Inject};

use clients::SharedClients;
pub use clients::{InstanceDrills, RegionalClients};

use crate::{
    clock::SystemClock,
    config::DrillSettings,
    interval::when_due,
    pager::Pager,
    probe::Prober,
    stop_conditions::{self, StopConditions},
};

/// One instance drill, for one invocation.
#[derive(Debug)]
pub struct InstanceDrill {
    aws: RegionalClients,
    settings: DrillSettings,
    prober: Prober,
    pager: Pager,
    request: Request,
    target: InstanceTarget,
    clock: SystemClock,
    /// When AWS was last polled, in time since the invocation began; none if it is to be polled at once.
    last_aws: Option<Duration>,
    last_phase: Option<Phase>,
    /// The latest readiness; none until the first look.
    prepared: Option<Readiness>,
    #[cfg(feature = "inject")]
    choice: prepare::Choice,
    /// Every Auto Scaling group that a target was seen in.
    known_groups: BTreeSet<String>,
    /// The recorded states of the targets, by instance id.
    states: BTreeMap<String, String>,
    /// Undo steps that were under way at the last look; they are not called again before the next look.
    busy: Vec<StepObservation>,
    /// When the detection alarm went to ALARM.
    detected: Option<Timestamp>,
    stop_conditions: StopConditions,
}

impl Drill for InstanceDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let ask_aws = self.is_aws_due(run.phase);
        let (checking, untouched) = (run.phase == Phase::Checking, run.is_untouched());
        let mut findings = Vec::new();
        let look = ask_aws && !checking && !run.undo.is_empty();
        let this = &*self;
        let looks = async {
            tokio::join!(
                Box::pin(this.ask_probes(ask_aws)),
                when_due(look, this.look(run)),
                when_due(ask_aws && run.is_stoppable(), this.look_at_stop_conditions()),
                when_due(ask_aws, this.detection(run)),
            )
        };
        // At every look: an instance may have changed since the baseline began.
        #[cfg(feature = "inject")]
        let (looks, found) =
            tokio::join!(looks, when_due(untouched && ask_aws && !run.has_successor(), this.prepare()));
        #[cfg(not(feature = "inject"))]
        let looks = looks.await;
        let (answers, looked, stop_look, raised) = looks;
        #[cfg(feature = "inject")]
        findings.extend(found.and_then(|found| self.note_prepared(found)));

        let mut observed = Observation {
            answers,
            prepared: self.prepared.clone().filter(|_| untouched),
            stop: stop_look.and_then(|looked| self.stop_conditions.note(looked)),
            // Starting an instance moves no traffic, so these two decide nothing.
            primary: Tristate::Yes,
            foreign_alarm: Tristate::No,
            undone: self.busy.clone(),
            ..Observation::default()
        };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            observed.gates = gate::from_request(&self.request, &self.settings.policy, self.clock.now());
        }
        if checking {
            observed.gates.push(self.stop_conditions.gate());
        }
        if let Some(look) = looked {
            findings.extend(self.note_states(&look));
            self.known_groups.extend(look.groups);
            observed.looked = Some(look.at);
            observed.in_place = look.in_place;
            let only_busy = |step: &StepObservation| {
                if *step == StepObservation::Busy { StepObservation::Busy } else { StepObservation::Unknown }
            };
            self.busy = look.undone.iter().map(only_busy).collect();
            observed.undone = look.undone;
        }
        if let Some(raised) = raised.flatten() {
            findings.push(raised.evidence);
            self.detected = Some(raised.at);
        }
        observed.detected = self.detected;
        (observed, findings)
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.last_aws = None;
        self.busy.clear();
        let resources: &[String] = run.undo.get(step).map_or(&[], |step| &step.resources);
        self.start(resources).await
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        let states = self.states.iter().map(|(id, state)| format!("{id}: {state}."));
        self.pager.page(run, page, &states.collect::<Vec<_>>()).await.map_err(|error| error.to_string())
    }
}

#[cfg(feature = "inject")]
impl Inject for InstanceDrill {
    async fn inject(&mut self, run: &Run, _number: u32) -> CallOutcome {
        self.last_aws = None;
        self.busy.clear();
        match run.undo.first() {
            // Exactly the instances that the undo on record starts again.
            Some(step) => self.aws.ec2.stop(&step.resources).await,
            None => self.aws.ec2.stop(&[]).await,
        }
    }

    async fn plan(&mut self, _run: &Run) -> Plan {
        Box::pin(self.plan_run()).await
    }
}

impl InstanceDrill {
    fn new(
        aws: RegionalClients,
        shared: SharedClients,
        request: Request,
        target: InstanceTarget,
        clock: SystemClock,
    ) -> Self {
        let SharedClients { settings, prober, pager } = shared;
        Self {
            aws,
            settings,
            prober,
            pager,
            stop_conditions: StopConditions::of(&request),
            request,
            #[cfg(feature = "inject")]
            choice: prepare::Choice::of(&target),
            target,
            clock,
            last_aws: None,
            last_phase: None,
            prepared: None,
            known_groups: BTreeSet::new(),
            states: BTreeMap::new(),
            busy: Vec::new(),
            detected: None,
        }
    }

    /// Reads the alarms and asks the probes that would end the run early.
    async fn look_at_stop_conditions(&self) -> stop_conditions::StopLook {
        self.stop_conditions
            .look(&self.aws.connection, &self.prober, &self.clock, self.settings.timing.call_deadline)
            .await
    }

    /// Whether AWS is to be polled now: after its interval, and at once after an act or when a phase begins.
    fn is_aws_due(&mut self, phase: Phase) -> bool {
        let (now, pause) = (self.clock.elapsed(), self.settings.timing.aws_poll);
        let is_new_phase = self.last_phase.replace(phase) != Some(phase);
        let due = is_new_phase || self.last_aws.is_none_or(|last| now.saturating_sub(last) >= pause);
        if due {
            self.last_aws = Some(now);
        }
        due
    }

    /// The targets' states as evidence, where they differ from the recorded ones.
    fn note_states(&mut self, look: &targets::Look) -> Option<Evidence> {
        let changed: BTreeMap<String, String> = look
            .states
            .iter()
            .filter(|(id, state)| self.states.get(*id) != Some(state))
            .map(|(id, state)| (id.clone(), state.clone()))
            .collect();
        self.states.extend(changed.clone());
        (!changed.is_empty()).then_some(Evidence::Targets { at: look.at, states: changed })
    }
}
