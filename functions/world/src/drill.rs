//! A drill against the world: the same few calls, with everything that can become of them.

use std::{rc::Rc, time::Duration};

use firedrill_core::{
    Answer, CallOutcome, Observation, Phase, Prepared, Ready, Run, Seen, StepSeen, UndoStep,
    evidence::Evidence,
    plan::Plan,
    ports::{Clock, Drill, Inject},
    run::Page,
};

use crate::{
    calls::{Landing, denied, not_executed, send},
    people,
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

    /// Sends one call; says what its sender learns.
    async fn call(&self, effect: Effect) -> CallOutcome {
        let land = |landing| {
            match landing {
                Landing::Now => self.world.land(effect),
                Landing::Later(ms) => {
                    let due = self.world.now.get() + i64::try_from(ms).unwrap_or(0);
                    self.world.state.borrow_mut().late.push((due, effect));
                }
            }
            Ok(())
        };
        send(&self.world, &self.clock, "RequestLimitExceeded", true, land).await
    }
}

impl Drill for WorldDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        let answers = self.probe(run.limits.probes.len()).await;
        let mut seen = Observation { answers, ..Observation::default() };
        let world = Rc::clone(&self.world);
        let scenario = &world.scenario;
        people::stop_and_gates(&world, run, &mut seen);
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
        seen.release = people::release(&world, &self.clock, &mut self.open_since, run);
        (seen, Vec::new())
    }

    async fn undo(&mut self, _: &Run, _: usize) -> CallOutcome {
        self.world.log(Event::UndoSent { primary_well: self.world.primary_well() });
        if self.world.is_within(self.world.scenario.undo_refused) {
            return denied(&self.world, &self.clock, Trouble::RestoreRefused, "UnauthorizedOperation").await;
        }
        let stopping = self.world.state.borrow().changing.is_some_and(|(_, down)| down);
        if stopping {
            self.clock.latency().await;
            return not_executed("IncorrectInstanceState", true);
        }
        self.call(Effect::Start).await
    }

    async fn page(&mut self, _: &Run, _: &Page) -> Result<(), String> {
        people::page(&self.world, &self.clock).await
    }
}

impl Inject for WorldDrill {
    async fn inject(&mut self, run: &Run, number: u32) -> CallOutcome {
        self.world.log_inject(run, number);
        if self.world.scenario.denied {
            return denied(&self.world, &self.clock, Trouble::CallDenied, "UnauthorizedOperation").await;
        }
        self.call(Effect::Stop).await
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
