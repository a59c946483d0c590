//! A drill against the world: the same few calls, with everything that can become of them.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    Answer, CallOutcome, Observation, Phase, Prepared, Ready, Run, Seen, StepSeen, UndoStep,
    evidence::Evidence,
    gate::GateAnswer,
    plan::Plan,
    ports::{Clock, Drill},
    request::Release,
    run::{Outcome, Page, Stop},
};

use crate::{
    history::timing,
    scenario::Trouble,
    truth::{Effect, Event, Shown, World, WorldClock},
};

/// A look may show what was so up to this long ago.
const STALE_MS: u64 = 8_000;

pub(crate) struct WorldDrill {
    pub world: Rc<World>,
    pub clock: Rc<WorldClock>,
    pub aws_poll: Duration,
    pub last_look: Option<Duration>,
    pub open_since: Option<Duration>,
}

impl WorldDrill {
    /// What a look at the targets shows: the present, sometimes the recent past, sometimes nothing.
    fn look(&self) -> Option<Shown> {
        if self.world.unlucky(1) {
            self.world.met(Trouble::ReadFails);
            return None;
        }
        let back = if self.world.unlucky(1) {
            self.world.met(Trouble::StaleRead);
            self.world.rng.borrow_mut().u64(0..STALE_MS)
        } else {
            0
        };
        let at = self.world.now.get() - i64::try_from(back).unwrap_or(0);
        let state = self.world.state.borrow();
        state.shown.iter().rev().find(|(since, _)| *since <= at).map(|(_, shown)| *shown)
    }

    async fn probe(&self, probes: usize) -> Vec<(usize, Answer)> {
        let asked = self.clock.now();
        self.clock.latency().await;
        let serving = self.world.state.borrow().serving;
        self.clock.latency().await;
        let answered = self.clock.now();
        let answer = |_| {
            let blind = self.world.is_within(self.world.scenario.blind) || self.world.unlucky(1);
            let seen = if blind { Seen::Unknown } else { serving.into() };
            Answer { seen, asked, answered, detail: None }
        };
        (0..probes).map(|index| (index, answer(index))).collect()
    }

    fn late(&self, effect: Effect) {
        let longest = timing().settle_ms;
        let due = self.world.now.get()
            + i64::try_from(self.world.rng.borrow_mut().u64(1_000..longest)).unwrap_or(0);
        self.world.state.borrow_mut().late.push((due, effect));
    }

    /// Sends one call; says what its sender learns.
    async fn call(&self, effect: Effect) -> CallOutcome {
        let lost = |trouble| {
            self.world.met(trouble);
            CallOutcome::Unknown { message: "simulated".to_owned() }
        };
        self.clock.latency().await;
        if self.world.unlucky(1) {
            self.world.met(Trouble::CallThrottled);
            return not_executed("RequestLimitExceeded", true);
        }
        if self.world.unlucky(1) {
            return lost(Trouble::CallLostBefore);
        }
        if self.world.unlucky(1) {
            self.late(effect);
            return lost(Trouble::CallLandsLate);
        }
        self.world.land(effect);
        self.clock.latency().await;
        if self.world.unlucky(1) { lost(Trouble::CallLostAfter) } else { CallOutcome::Done }
    }
}

/// A person's word, some time after the run is held or has failed to roll back.
pub(crate) fn release(
    world: &World,
    clock: &WorldClock,
    open_since: &mut Option<Duration>,
    run: &Run,
) -> Option<Release> {
    let open = run.phase == Phase::Held || run.outcome == Some(Outcome::RollbackFailed);
    if !open || !world.scenario.release {
        *open_since = None;
        return None;
    }
    let since = *open_since.get_or_insert(clock.elapsed());
    let waited = clock.elapsed().saturating_sub(since) > Duration::from_secs(20);
    waited.then(|| Release {
        run_id: run.run_id.0.clone(),
        by: "operator".to_owned(),
        reason: "looked".to_owned(),
        fail_back: world.scenario.seed.is_multiple_of(2),
    })
}

pub(crate) fn not_executed(code: &str, again: bool) -> CallOutcome {
    CallOutcome::NotExecuted { code: code.to_owned(), message: "simulated".to_owned(), again }
}

impl Drill for WorldDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let answers = self.probe(run.limits.probes.len()).await;
        let mut seen = Observation { answers, ..Observation::default() };
        let world = Rc::clone(&self.world);
        let scenario = &world.scenario;
        if scenario.stop_at.is_some_and(|at| world.elapsed() >= at) && run.verdict.is_none() {
            if run.stop.is_none() {
                world.met(Trouble::OperatorStops);
                world.log(Event::StopAsked);
            }
            seen.stop = Some(Stop { by: "operator".to_owned(), reason: "simulated".to_owned() });
        }
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            let open = if world.unlucky(1) && run.phase == Phase::Injecting {
                Seen::Unknown
            } else {
                Seen::from(!scenario.gate_closed)
            };
            seen.gates = vec![GateAnswer { gate: "simulated".to_owned(), open, why: String::new() }];
        }
        if run.phase == Phase::Checking {
            seen.prepared = Some(if scenario.refused {
                Prepared::Refused("simulated".to_owned())
            } else if world.unlucky(1) {
                Prepared::Unknown("simulated".to_owned())
            } else {
                Prepared::Ready(Box::new(Ready {
                    lever: None,
                    undo: undo(scenario.targets, scenario.moves_traffic),
                }))
            });
        }
        let elapsed = self.clock.elapsed();
        if self.last_look.is_none_or(|last| elapsed.saturating_sub(last) >= self.aws_poll) {
            self.last_look = Some(elapsed);
            self.clock.latency().await;
            seen.looked = Some(self.clock.now());
            let shown = self.look();
            seen.in_place = shown.map_or(Seen::Unknown, |shown| (shown == Shown::Down).into());
            let step = match shown {
                None => StepSeen::Unknown,
                Some(Shown::Up) => StepSeen::Done,
                Some(Shown::Down) => StepSeen::Open,
                Some(Shown::Stopping | Shown::Starting) => StepSeen::Busy,
            };
            seen.undone = vec![step; run.undo.len()];
            let well = world.primary_well();
            if !well {
                world.met(Trouble::PrimaryFails);
            }
            let known = !world.unlucky(1);
            seen.primary = if known { well.into() } else { Seen::Unknown };
            seen.foreign_alarm = if known { (!well).into() } else { Seen::Unknown };
        }
        seen.release = release(&world, &self.clock, &mut self.open_since, run);
        (seen, Vec::new())
    }

    async fn inject(&mut self, run: &Run, number: u32) -> CallOutcome {
        self.world.log_inject(run, number);
        if self.world.scenario.denied {
            self.clock.latency().await;
            self.world.met(Trouble::CallDenied);
            return not_executed("UnauthorizedOperation", false);
        }
        self.call(Effect::Stop).await
    }

    async fn undo(&mut self, _: &Run, _: usize) -> CallOutcome {
        self.world.log(Event::UndoSent { primary_well: self.world.primary_well() });
        if self.world.is_within(self.world.scenario.undo_refused) {
            self.clock.latency().await;
            self.world.met(Trouble::RestoreRefused);
            return not_executed("UnauthorizedOperation", false);
        }
        let stopping = self.world.state.borrow().changing.is_some_and(|(_, down)| down);
        if stopping {
            self.clock.latency().await;
            return not_executed("IncorrectInstanceState", true);
        }
        self.call(Effect::Start).await
    }

    async fn page(&mut self, _: &Run, _: &Page) -> Result<(), String> {
        self.clock.latency().await;
        let sent = !self.world.unlucky(1);
        if sent {
            self.world.log(Event::Paged);
        }
        if sent { Ok(()) } else { Err("simulated".to_owned()) }
    }

    async fn plan(&mut self, _: &Run) -> Plan {
        Plan::default()
    }
}

fn undo(targets: usize, moves_traffic: bool) -> Vec<UndoStep> {
    let ids: Vec<String> = (0..targets).map(|n| format!("i-{n:017x}")).collect();
    let mut steps = firedrill_core::instance::undo(&ids, "eu-west-2", "", "aws");
    steps[0].moves_traffic = moves_traffic;
    steps
}
