//! Store: a table in memory, whose calls fail before or after they took effect, hang, or cannot reach it.

use std::{future::pending, rc::Rc};

use firedrill_core::{
    Phase, Request, Run, Timestamp,
    evidence::Evidence,
    kill_switch::{Scope, Switch},
    ports::{Begun, Clock as _, ControlState, OperatorCommand, RunCommands, Saved, Store, StoreError},
    run::{OwnerId, RunId, Stop},
};

use crate::{
    clock::SimulatedClock,
    event::Event,
    fault_kind::FaultKind,
    operators::DRILL,
    planned_fault::{FaultEffect, FaultPoint},
    requests::TIMING,
    world::World,
};

/// The items of the table, and when they changed.
#[derive(Default)]
pub(crate) struct SimulatedTable {
    pub heads: Vec<Run>,
    pub lock: Option<RunId>,
    pub finishes: u32,
    /// The invocation that created the first head, and when; and when the last head was finished.
    pub began_by: Option<String>,
    pub began_at: Option<i64>,
    /// The last renewal of the lease before the store became unavailable.
    pub renewed_at: Option<i64>,
    pub finished_at: Option<i64>,
    commands: Option<RunCommands>,
    pub stop_requested_at: Option<i64>,
    pub application_stop: Option<(i64, Timestamp, Stop)>,
    pub switches: Vec<(i64, Switch)>,
    /// The watchdog's heartbeats: when each was written, and the time that it states.
    pub heartbeats: Vec<(i64, Timestamp)>,
    /// How often each owner looked since a stop was requested that it could have read.
    pub looks_since_stop: Vec<(OwnerId, u32)>,
}

impl SimulatedTable {
    pub fn head(&self, id: &RunId) -> Option<&Run> {
        self.heads.iter().find(|head| head.run_id == *id)
    }

    fn head_mut(&mut self, id: &RunId) -> Option<&mut Run> {
        self.heads.iter_mut().find(|head| head.run_id == *id)
    }

    pub fn write_heartbeat(&mut self, written: i64, at: Timestamp) {
        self.heartbeats.push((written, at));
    }
}

/// One invocation's connection to the table.
pub(crate) struct SimulatedStore {
    pub world: Rc<World>,
    pub clock: Rc<SimulatedClock>,
    pub request: Rc<Request>,
    /// The invocation that uses this connection.
    pub owner: OwnerId,
}

/// Whether a call changes the table: a write may take effect though its answer is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Performs `work`, unless a fault occurs before it; answers, unless a fault occurs after it.
pub(crate) async fn with_store_faults<T>(
    world: &World,
    clock: &SimulatedClock,
    access: Access,
    work: impl FnOnce() -> T,
) -> Result<T, StoreError> {
    let lost = |fault| {
        world.note_fault(fault);
        Err(StoreError::Unknown("simulated".to_owned()))
    };
    clock.latency().await;
    match world.fault(if access == Access::Read { FaultPoint::Read } else { FaultPoint::Write }) {
        Some(FaultEffect::DiesBefore) => return pending().await,
        Some(FaultEffect::DiesAfter) => {
            work();
            return pending().await;
        }
        Some(FaultEffect::LostAfter) => {
            work();
            return lost(FaultKind::StoreFailsAfter);
        }
        Some(_) => return lost(FaultKind::StoreFailsBefore),
        None => {}
    }
    if world.is_within(world.scenario.store_unavailable) {
        if world.scenario.store_hangs {
            clock.sleep(TIMING.call_deadline).await;
        }
        return lost(FaultKind::StoreUnavailable);
    }
    if world.draws_fault() {
        return lost(FaultKind::StoreFailsBefore);
    }
    if world.draws_fault() {
        if access == Access::Write && world.rng.borrow_mut().bool() {
            work();
        }
        clock.sleep(TIMING.call_deadline).await;
        return lost(FaultKind::StoreHangs);
    }
    let done = work();
    if access == Access::Read {
        return Ok(done);
    }
    clock.latency().await;
    if world.draws_fault() { lost(FaultKind::StoreFailsAfter) } else { Ok(done) }
}

impl SimulatedStore {
    async fn read<T>(&self, work: impl FnOnce(&SimulatedTable) -> T) -> Result<T, StoreError> {
        self.call(Access::Read, || work(&self.world.table.borrow())).await
    }

    async fn write<T>(&self, work: impl FnOnce(&World) -> T) -> Result<T, StoreError> {
        self.call(Access::Write, || work(&self.world)).await
    }

    async fn call<T>(&self, access: Access, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        let began_it = self.world.table.borrow().began_by.as_ref() == Some(&self.owner.0);
        let done = if began_it && self.world.is_within(self.world.scenario.owner_cut_off) {
            self.world.note_fault_once(FaultKind::OwnerCutOffFromStore);
            if self.world.scenario.store_hangs {
                self.clock.sleep(TIMING.call_deadline).await;
            }
            Err(StoreError::Unknown("simulated".to_owned()))
        } else {
            with_store_faults(&self.world, &self.clock, access, work).await
        };
        if done.is_err() {
            self.world.reset_missed_stop(&self.owner);
        }
        done
    }
}

impl World {
    /// Replaces the head if it has version `expected`.
    fn replace_head(&self, next: &Run, expected: u64) -> Saved {
        let mut table = self.table.borrow_mut();
        let Some(head) = table.head_mut(&next.run_id).filter(|head| head.version == expected) else {
            return Saved::Conflict;
        };
        let injected = matches!(head.phase, Phase::Injecting | Phase::Recovering);
        let begins_rollback = injected && next.is_rolling_back();
        let new_owner = next.owner.as_ref().filter(|owner| head.owner.as_ref() != Some(owner)).cloned();
        let was_abandoned = head.owner.is_some();
        head.clone_from(next);
        drop(table);
        self.note_renewal();
        let mut cloud = self.cloud.borrow_mut();
        match next.phase {
            Phase::Injecting if next.trigger.is_some() => cloud.holder = Some(next.run_id.clone()),
            Phase::Finished => cloud.holder = None,
            _ => {}
        }
        drop(cloud);
        if begins_rollback {
            self.log(Event::RollbackRecorded);
        }
        if let Some(OwnerId(by)) = new_owner {
            if was_abandoned {
                self.note_fault(FaultKind::LeaseTakeOver);
            }
            self.note_lease_taken(next);
            self.log(Event::LeaseTaken { by });
        }
        Saved::Saved
    }

    fn create(&self, run: &Run, by: &OwnerId, locked: bool) -> Begun {
        let mut table = self.table.borrow_mut();
        if let Some(existing) = table.head(&run.run_id) {
            return Begun::Exists(Box::new(existing.clone()));
        }
        if locked {
            if let Some(holder) = &table.lock {
                return Begun::Locked(holder.clone());
            }
            table.lock = Some(run.run_id.clone());
        } else {
            table.finishes += 1;
            table.finished_at = Some(self.now.get());
        }
        table.began_at.get_or_insert(self.now.get());
        table.began_by.get_or_insert_with(|| by.0.clone());
        table.heads.push(run.clone());
        drop(table);
        self.note_renewal();
        Begun::Begun
    }

    fn note_renewal(&self) {
        if self.scenario.store_unavailable.is_none_or(|(from, _)| self.elapsed() < from) {
            self.table.borrow_mut().renewed_at = Some(self.now.get());
        }
    }

    fn note_command(&self, command: &OperatorCommand) -> u64 {
        let mut table = self.table.borrow_mut();
        let commands = table.commands.get_or_insert_default();
        commands.number += 1;
        let number = commands.number;
        let event = match command {
            OperatorCommand::Release(release) => {
                commands.release = Some(release.clone());
                Event::Released { fail_back: release.fail_back }
            }
            OperatorCommand::Stop(stop) => {
                commands.stop = Some(stop.clone());
                commands.release = None;
                table.stop_requested_at.get_or_insert(self.now.get());
                Event::StopRequested
            }
        };
        drop(table);
        self.note_fault(if event == Event::StopRequested {
            FaultKind::OperatorStops
        } else {
            FaultKind::OperatorReleases
        });
        self.log(event);
        number
    }

    fn note_switch(&self, switch: &Switch, engaged: bool) -> Option<Switch> {
        let mut table = self.table.borrow_mut();
        let before = table.switches.iter().position(|(_, existing)| existing.scope == switch.scope);
        let before = before.map(|index| table.switches.remove(index));
        let holds = engaged.then(|| match before {
            Some((since, existing)) if !switch.outlasts(&existing) => (since, existing),
            Some((since, _)) => (since, switch.clone()),
            None => (self.now.get(), switch.clone()),
        });
        if let Some(holds) = &holds {
            table.switches.push(holds.clone());
            self.note_fault(FaultKind::KillSwitchEngaged);
        }
        drop(table);
        self.log(Event::Switched { what: switch.scope.to_string(), engaged });
        holds.map(|(_, switch)| switch)
    }

    /// What the owner of the run reads before it injects and at every look.
    fn control_state(&self) -> ControlState {
        let table = self.table.borrow();
        let mut switches: Vec<Switch> = Vec::new();
        let ours = |scope: &Scope| !matches!(scope, Scope::Drill(key) if key != DRILL);
        switches.extend(table.switches.iter().map(|(_, switch)| switch.clone()).filter(|s| ours(&s.scope)));
        if self.is_within(self.scenario.unreadable_switch) {
            self.note_fault_once(FaultKind::KillSwitchUnreadable);
            switches.push(Switch::unreadable(Scope::Account, "simulated"));
        }
        ControlState {
            commands: table.commands.clone(),
            application_stop: table.application_stop.as_ref().map(|(_, at, stop)| (*at, stop.clone())),
            switches,
            heartbeat: table.heartbeats.last().map(|(_, at)| *at),
        }
    }

    pub fn is_over(&self) -> bool {
        let table = self.table.borrow();
        !table.heads.is_empty() && table.heads.iter().all(|head| head.phase == Phase::Finished)
    }
}

impl Store for SimulatedStore {
    async fn begin(&self, run: &Run, _: &Request) -> Result<Begun, StoreError> {
        self.write(|world| world.create(run, &self.owner, true)).await
    }

    async fn record(&self, run: &Run, _: &Request) -> Result<Begun, StoreError> {
        self.write(|world| world.create(run, &self.owner, false)).await
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.read(|table| table.head(id).cloned()).await
    }

    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        self.read(|table| table.head(id).map(|_| (*self.request).clone())).await
    }

    async fn save(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.write(|world| world.replace_head(next, expected)).await
    }

    async fn finish(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.write(|world| {
            let saved = world.replace_head(next, expected);
            if saved == Saved::Saved {
                assert_eq!(next.phase, Phase::Finished);
                let mut table = world.table.borrow_mut();
                table.lock = None;
                table.finishes += 1;
                table.finished_at = Some(world.now.get());
                drop(table);
                world.propagate();
                let (back, served) = (world.is_back() && !world.is_forced(), world.serving.get());
                world.log(Event::Finished { back, served });
            }
            saved
        })
        .await
    }

    async fn append(&self, _: &RunId, _: &[(String, Evidence)]) -> Result<(), StoreError> {
        self.write(|_| ()).await
    }

    async fn control_state(&self, _: &Run) -> Result<ControlState, StoreError> {
        self.read(|_| self.world.control_state()).await
    }

    async fn record_command(&self, _: &RunId, command: &OperatorCommand) -> Result<u64, StoreError> {
        self.write(|world| world.note_command(command)).await
    }

    async fn stop_application(&self, _: &str, stop: &Stop, at: Timestamp) -> Result<(), StoreError> {
        self.write(|world| {
            let now = world.now.get();
            world.table.borrow_mut().application_stop = Some((now, at, stop.clone()));
            world.note_fault(FaultKind::ApplicationStopped);
            world.log(Event::StopRequested);
        })
        .await
    }

    async fn switch(&self, switch: &Switch, engaged: bool) -> Result<Option<Switch>, StoreError> {
        self.write(|world| world.note_switch(switch, engaged)).await
    }

    /// The index lags: it may miss a run that just began, and name one that is finished.
    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.read(|table| {
            let lag = self.world.rng.borrow_mut().i64(0..5_000);
            let then = self.world.now.get() - lag;
            let began = table.began_at.is_some_and(|at| at <= then);
            let over = table.finished_at.is_some_and(|at| at <= then);
            let open = if began && !over { table.heads.first() } else { None };
            let really = table.heads.first().filter(|head| head.phase != Phase::Finished);
            if open.map(|run| &run.run_id) != really.map(|run| &run.run_id) {
                self.world.note_fault(FaultKind::StaleIndex);
            }
            open.map(|run| run.run_id.clone()).into_iter().collect()
        })
        .await
    }

    async fn write_heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write(|world| world.table.borrow_mut().write_heartbeat(world.now.get(), at)).await
    }

    async fn list(&self, _: &str, _: u32) -> Result<Vec<Run>, StoreError> {
        self.read(|table| table.heads.clone()).await
    }
}
