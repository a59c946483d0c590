//! The instance drill: EC2 instances are stopped, and started again.

mod detection;
mod groups;
mod kit;
#[cfg(feature = "inject")]
mod known;
#[cfg(feature = "inject")]
mod plan;
#[cfg(feature = "inject")]
mod prepare;
mod probes;
mod start;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use firedrill_core::{
    CallOutcome, Observation, Phase, Prepared, Request, Run, Seen, StepSeen, Timestamp,
    evidence::Evidence,
    gate,
    ports::{Clock, Drill},
    request::InstanceTarget,
    run::Page,
};
#[cfg(feature = "inject")]
use firedrill_core::{plan::Plan, ports::Inject};

use kit::Tools;
pub use kit::{Kit, Regional};

use crate::{
    client::Connection,
    clock::SystemClock,
    config::Config,
    due::when,
    pager::Pager,
    probe::Prober,
    stops::{self, Stops},
};

/// One instance drill, as far as one invocation carries it.
#[derive(Debug)]
pub struct InstanceDrill {
    aws: Regional,
    connection: Connection,
    config: Config,
    prober: Prober,
    pager: Pager,
    request: Request,
    target: InstanceTarget,
    clock: SystemClock,
    /// When AWS was last asked; none when it should be asked at once.
    last_aws: Option<Duration>,
    last_phase: Option<Phase>,
    prepared: Option<Prepared>,
    #[cfg(feature = "inject")]
    choice: prepare::Choice,
    /// The Auto Scaling groups of the targets, as far as they were ever seen.
    known_groups: BTreeSet<String>,
    /// What the record knows of the targets' states.
    states: BTreeMap<String, String>,
    /// Steps that were on their way at the last look: not asked for again before the next one.
    busy: Vec<StepSeen>,
    detected: Option<Timestamp>,
    stops: Stops,
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
                when(look, this.look(run)),
                when(ask_aws && run.is_stoppable(), this.stop_conditions()),
                when(ask_aws, this.detection(run)),
            )
        };
        // Again at each look: what was true of an instance when the baseline began may be so no more when it holds.
        #[cfg(feature = "inject")]
        let (looks, found) =
            tokio::join!(looks, when(untouched && ask_aws && !run.is_successors(), this.prepare()));
        #[cfg(not(feature = "inject"))]
        let looks = looks.await;
        let (answers, looked, stopping, raised) = looks;
        #[cfg(feature = "inject")]
        findings.extend(found.and_then(|found| self.note_prepared(found)));

        let mut seen = Observation {
            answers,
            prepared: self.prepared.clone().filter(|_| untouched),
            stop: stopping.and_then(|looked| self.stops.note(looked)),
            // Starting an instance moves no traffic: nobody asks for these two.
            primary: Seen::Yes,
            foreign_alarm: Seen::No,
            undone: self.busy.clone(),
            ..Observation::default()
        };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            seen.gates = gate::standing(&self.request, &self.config.policy, self.clock.now());
        }
        if checking {
            seen.gates.push(self.stops.gate());
        }
        if let Some(look) = looked {
            findings.extend(self.note_states(&look));
            self.known_groups.extend(look.groups);
            seen.looked = Some(look.at);
            seen.in_place = look.in_place;
            let on_its_way =
                |step: &StepSeen| if *step == StepSeen::Busy { StepSeen::Busy } else { StepSeen::Unknown };
            self.busy = look.undone.iter().map(on_its_way).collect();
            seen.undone = look.undone;
        }
        if let Some(raised) = raised.flatten() {
            findings.push(raised.evidence);
            self.detected = Some(raised.at);
        }
        seen.detected = self.detected;
        (seen, findings)
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.last_aws = None;
        self.busy.clear();
        let resources: &[String] = run.undo.get(step).map_or(&[], |step| &step.resources);
        self.start(resources).await
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        let states = self.states.iter().map(|(id, state)| format!("{id}: {state}."));
        self.pager.page(run, page, &states.collect::<Vec<_>>()).await
    }
}

#[cfg(feature = "inject")]
impl Inject for InstanceDrill {
    async fn inject(&mut self, run: &Run, _number: u32) -> CallOutcome {
        self.last_aws = None;
        self.busy.clear();
        match run.undo.first() {
            // What the record says is taken back is what is done: never anything else.
            Some(step) => self.aws.ec2.stop(&step.resources).await,
            None => self.aws.ec2.stop(&[]).await,
        }
    }

    async fn plan(&mut self, _run: &Run) -> Plan {
        Box::pin(self.look_ahead()).await
    }
}

impl InstanceDrill {
    fn new(
        aws: Regional,
        connection: Connection,
        tools: Tools,
        request: Request,
        target: InstanceTarget,
        clock: SystemClock,
    ) -> Self {
        let Tools { config, prober, pager } = tools;
        Self {
            aws,
            connection,
            config,
            prober,
            pager,
            stops: Stops::of(&request),
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

    /// Looks at what would end the run early.
    async fn stop_conditions(&self) -> stops::Looked {
        self.stops.look(&self.connection, &self.prober, &self.clock, self.config.timing.call_deadline()).await
    }

    /// AWS is asked now and then, at once after an act and when a phase begins.
    fn is_aws_due(&mut self, phase: Phase) -> bool {
        let (now, pause) = (self.clock.elapsed(), Duration::from_millis(self.config.timing.aws_poll_ms));
        let began = self.last_phase.replace(phase) != Some(phase);
        let due = began || self.last_aws.is_none_or(|last| now.saturating_sub(last) >= pause);
        if due {
            self.last_aws = Some(now);
        }
        due
    }

    /// Which states the record does not know yet.
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
