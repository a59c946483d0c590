//! Instance drill: the ports of the core on the simulated instances.

use std::rc::Rc;

use firedrill_core::{
    CallOutcome, Observation, Phase, PreparedInjection, ProbeAnswer, Readiness, Request, Run,
    StepObservation, Tristate,
    evidence::Evidence,
    instance::{NoSelection, choose, undo},
    plan::Plan,
    ports::{Clock, Drill, Inject},
    run::Page,
};

use crate::{
    aws_polling::AwsPolling,
    calls::{Landing, denied, not_executed, send},
    clock::SimulatedClock,
    event_queue::Due,
    fault_kind::FaultKind,
    fleet::{Change, Shown},
    operators,
    world::World,
};

pub(crate) struct SimulatedInstanceDrill {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
    request: Rc<Request>,
    /// The invocation that makes the calls.
    by: String,
    polling: AwsPolling,
    prepared: Option<Readiness>,
}

impl SimulatedInstanceDrill {
    pub fn new(world: &Rc<World>, clock: &Rc<SimulatedClock>, request: &Rc<Request>, by: &str) -> Self {
        let (world, clock, request) = (Rc::clone(world), Rc::clone(clock), Rc::clone(request));
        Self { world, clock, request, by: by.to_owned(), polling: AwsPolling::default(), prepared: None }
    }

    /// What a look at the targets shows; none if it fails.
    fn look(&self) -> Option<Shown> {
        if self.world.is_blind() {
            self.world.note_fault(FaultKind::AwsReadFails);
            return None;
        }
        self.world.shown()
    }

    async fn probe(&self, run: &Run) -> Vec<(usize, ProbeAnswer)> {
        let asked = self.clock.now();
        self.clock.latency().await;
        let answered = self.clock.now();
        self.world.note_look(run);
        let serving = self.world.serving.get();
        let answer = |_| {
            let blind = self.world.is_within(self.world.scenario.blind) || self.world.is_blind();
            let seen = if blind { Tristate::Unknown } else { serving.into() };
            ProbeAnswer { seen, asked, answered, detail: None }
        };
        (0..run.limits.probes.len()).map(|index| (index, answer(index))).collect()
    }

    fn prepare(&self) -> Readiness {
        if self.world.scenario.targets_refused {
            return Readiness::Refused("simulated".to_owned());
        }
        if self.world.is_blind() {
            return Readiness::Unknown("simulated".to_owned());
        }
        let Some(target) = self.request.target.instances() else {
            return Readiness::Refused("no instances".to_owned());
        };
        let fleet = self.world.fleet.borrow();
        let seed = self.world.scenario.seed;
        let environment = &self.request.environment;
        match choose(&fleet.candidates, &fleet.healthy, target, environment, &[], seed) {
            Ok(selection) => {
                let undo = undo(&selection.chosen, "eu-west-2", "", "aws");
                Readiness::Ready(Box::new(PreparedInjection { trigger: None, undo }))
            }
            Err(NoSelection { why, .. }) => Readiness::Refused(why),
        }
    }

    /// Sends one call; the outcome as its sender knows it.
    async fn call(&self, change: Change) -> CallOutcome {
        let land = |landing| {
            match landing {
                Landing::Now => {
                    self.world.change_fleet(change);
                    self.world.propagate();
                }
                Landing::Later(ms) => self.world.schedule(ms, Due::Fleet(change)),
            }
            Ok(())
        };
        send(&self.world, &self.clock, "RequestLimitExceeded", true, land).await
    }
}

impl Drill for SimulatedInstanceDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let answers = self.probe(run).await;
        let mut seen = Observation {
            answers,
            stop: operators::tripped_stop_condition(&self.world, run),
            // Starting an instance moves no traffic: these two hold nothing back.
            primary: Tristate::Yes,
            foreign_alarm: Tristate::No,
            ..Observation::default()
        };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            seen.gates.push(self.world.gate());
        }
        let due = self.polling.is_due(&self.clock, run.phase);
        if run.is_untouched() {
            if due {
                self.prepared = Some(self.prepare());
            }
            seen.prepared.clone_from(&self.prepared);
        }
        if run.phase != Phase::Checking && due {
            let asked = self.clock.now();
            self.clock.latency().await;
            let shown = self.look();
            seen.in_place = shown.map_or(Tristate::Unknown, |shown| shown.in_place.into());
            seen.looked = Some(if seen.in_place == Tristate::No { asked } else { self.clock.now() });
            seen.undone =
                vec![shown.map_or(StepObservation::Unknown, |shown| shown.step.into()); run.undo.len()];
        }
        (seen, Vec::new())
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.polling.call_sent();
        self.world.note_undo(&self.by);
        if self.world.is_within(self.world.scenario.undo_refused) {
            return denied(&self.world, &self.clock, FaultKind::UndoRefused, "UnauthorizedOperation").await;
        }
        let ids: &[String] = run.undo.get(step).map_or(&[], |step| &step.resources);
        self.clock.latency().await;
        // The adapter looks again right before the call. If it cannot, it sends the call for all.
        let ids = if self.world.is_blind() {
            ids.to_vec()
        } else {
            match self.world.stopped(ids) {
                (stopped, _) if !stopped.is_empty() => stopped,
                (_, true) => return not_executed("StillStopping", true),
                (_, false) => return CallOutcome::Done,
            }
        };
        match self.world.may_start(&ids) {
            Ok(targets) => self.call(Change::Start(targets)).await,
            Err(refused) => refused,
        }
    }

    async fn page(&mut self, _: &Run, page: &Page) -> Result<(), String> {
        operators::page(&self.world, &self.clock, page).await
    }
}

impl Inject for SimulatedInstanceDrill {
    async fn inject(&mut self, run: &Run, number: u32) -> CallOutcome {
        self.polling.call_sent();
        let ids: &[String] = run.undo.first().map_or(&[], |step| &step.resources);
        let beyond = self.world.beyond_blast_radius(ids);
        self.world.note_inject(run, number, &self.by, beyond);
        if self.world.scenario.injection_denied {
            return denied(&self.world, &self.clock, FaultKind::CallDenied, "UnauthorizedOperation").await;
        }
        let targets = self.world.set_targets(ids);
        self.call(Change::Stop(targets)).await
    }

    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}
