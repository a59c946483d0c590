//! Store: a table in memory, whose calls fail before or after they took effect, hang, or cannot reach it.

use std::{collections::BTreeMap, future::pending, rc::Rc};

use firedrill_core::{
    Outcome, Phase, Request, Run, Timestamp,
    evidence::Evidence,
    kill_switch::{Scope, Switch},
    ports::{Begun, Clock as _, ControlState, OperatorCommand, RunCommands, Saved, Store, StoreError},
    result::DrillResult,
    run::{LAYOUT, OwnerId, RunId, Stop},
};

use crate::{
    clock::SimulatedClock,
    contracts::Summary,
    event::Event,
    fault_kind::FaultKind,
    planned_fault::{FaultEffect, FaultPoint},
    requests::TIMING,
    world::World,
};

/// The items of the table, and when they changed.
#[derive(Default)]
pub(crate) struct SimulatedTable {
    pub heads: Vec<Run>,
    pub requests: BTreeMap<RunId, Request>,
    /// The run that holds the lock of each application, by environment and application.
    pub locks: BTreeMap<String, RunId>,
    pub finishes: u32,
    /// The invocation that created the first head, and when.
    pub began_by: Option<String>,
    pub began_at: Option<i64>,
    /// When each head was created, and when it was finished.
    pub index: BTreeMap<RunId, (i64, Option<i64>)>,
    /// The last renewal of the lease before the store became unavailable.
    pub renewed_at: Option<i64>,
    pub commands: BTreeMap<RunId, RunCommands>,
    pub stop_requested_at: Option<i64>,
    /// The last stop of each application: when it was written, and the time that it states.
    pub application_stops: BTreeMap<String, (i64, Timestamp, Stop)>,
    /// Whether the clock by which that time was stated is further off than the parameters allow for: then the run hears the
    /// stop only because it is said to the run itself.
    pub stop_is_dated_wrong: bool,
    pub switches: Vec<(i64, Switch)>,
    /// The watchdog's heartbeats: when each was written, and the time that it states.
    pub heartbeats: Vec<(i64, Timestamp)>,
    /// The evidence, by run and key.
    pub evidence: BTreeMap<(RunId, String), Evidence>,
    /// The summary of each drill, by its key.
    pub summaries: BTreeMap<String, Summary>,
    /// The results of all drills, in the order in which they were written.
    pub results: Vec<DrillResult>,
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

    /// Puts a head on record as an earlier invocation left it, long ago, and its request.
    pub fn put(&mut self, run: &Run, request: Option<&Request>) {
        self.locks.insert(lock_of(run), run.run_id.clone());
        self.index.insert(run.run_id.clone(), (i64::MIN, None));
        self.requests.extend(request.map(|request| (run.run_id.clone(), request.clone())));
        match self.head_mut(&run.run_id) {
            Some(head) => head.clone_from(run),
            None => self.heads.push(run.clone()),
        }
    }

    pub fn write_heartbeat(&mut self, written: i64, at: Timestamp) {
        self.heartbeats.push((written, at));
    }

    /// The head, unless a version with another layout wrote it.
    fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let Some(head) = self.head(id) else { return Ok(None) };
        if head.layout == LAYOUT {
            return Ok(Some(head.clone()));
        }
        Err(StoreError::UnknownLayout { run_id: id.clone(), layout: head.layout.into() })
    }

    /// The runs of a drill, the newest first. A plan is no run of it.
    fn list(&self, drill_key: &str, most: u32) -> Vec<Run> {
        let of_drill = |head: &&Run| {
            head.layout == LAYOUT && head.outcome != Some(Outcome::Planned) && head.drill_key() == drill_key
        };
        let mut runs: Vec<Run> = self.heads.iter().filter(of_drill).cloned().collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.times.started));
        runs.truncate(most as usize);
        runs
    }

    /// The runs that an index showed as open at this moment.
    fn open_at(&self, then: i64) -> impl Iterator<Item = &RunId> {
        let open = move |id: &&RunId| {
            let times = self.index.get(id);
            times.is_some_and(|(began, over)| *began <= then && over.is_none_or(|over| over > then))
        };
        self.heads.iter().map(|head| &head.run_id).filter(open)
    }

    /// What a finished run leaves for whoever looks back at many: its result, and its part of the drill's summary.
    fn look_back(&mut self, run: &Run) {
        self.results.extend(DrillResult::of(run));
        let outcome = run.outcome.map(|outcome| outcome.to_string()).unwrap_or_default();
        let summary = self.summaries.entry(run.drill_key()).or_default();
        summary.last_run.clone_from(&run.run_id.0);
        summary.last_outcome.clone_from(&outcome);
        *summary.counts.entry(outcome).or_default() += 1;
    }
}

/// What one run at a time may hold: the application in its environment.
pub(crate) fn lock_of(run: &Run) -> String {
    format!("{}/{}", run.environment, run.application)
}

/// The most bytes of a head, as the design of the record has it.
const MAX_HEAD: usize = 16 * 1_024;

/// How long one call to a slow table takes, in milliseconds: not so long that its sender stops waiting.
pub(crate) const SLOW_CALL: u64 = 9_000;

/// One invocation's connection to the table.
pub struct SimulatedStore {
    pub(crate) world: Rc<World>,
    pub(crate) clock: Rc<SimulatedClock>,
    /// The invocation that uses this connection.
    pub(crate) owner: OwnerId,
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
    operation: &str,
    work: impl FnOnce() -> T,
) -> Result<T, StoreError> {
    let lost = |fault| {
        world.note_fault(fault);
        Err(StoreError::Unknown("simulated".to_owned()))
    };
    clock.latency().await;
    let point = if access == Access::Read { FaultPoint::Read } else { FaultPoint::Write };
    match world.fault(point, operation, None) {
        Some(FaultEffect::Denied) => {
            world.note_fault(FaultKind::StoreFailsBefore);
            return Err(StoreError::Refused("simulated".to_owned()));
        }
        Some(FaultEffect::DiesBefore) => return pending().await,
        Some(FaultEffect::DiesAfter) => {
            work();
            return pending().await;
        }
        Some(FaultEffect::LostAfter) => {
            work();
            return lost(FaultKind::StoreFailsAfter);
        }
        Some(FaultEffect::Hangs) => {
            clock.sleep(TIMING.call_deadline).await;
            return lost(FaultKind::StoreHangs);
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
    async fn read<T>(
        &self,
        method: &'static str,
        work: impl FnOnce(&SimulatedTable) -> T,
    ) -> Result<T, StoreError> {
        self.call(Access::Read, method, || work(&self.world.table.borrow())).await
    }

    async fn write<T>(&self, method: &'static str, work: impl FnOnce(&World) -> T) -> Result<T, StoreError> {
        self.call(Access::Write, method, || work(&self.world)).await
    }

    async fn call<T>(
        &self,
        access: Access,
        method: &'static str,
        work: impl FnOnce() -> T,
    ) -> Result<T, StoreError> {
        let began_it = self.world.table.borrow().began_by.as_ref() == Some(&self.owner.0);
        let done = if began_it && self.world.is_within(self.world.scenario.owner_cut_off) {
            self.world.note_fault_once(FaultKind::OwnerCutOffFromStore);
            if self.world.scenario.store_hangs {
                self.clock.sleep(TIMING.call_deadline).await;
            }
            Err(StoreError::Unknown("simulated".to_owned()))
        } else {
            if self.world.is_within(self.world.scenario.store_slow) {
                self.world.note_fault(FaultKind::StoreSlow);
                self.clock.wait(SLOW_CALL).await;
            }
            with_store_faults(&self.world, &self.clock, access, method, work).await
        };
        if done.is_err() {
            self.world.reset_missed_stop(&self.owner);
        }
        done
    }
}

impl World {
    /// Replaces the head if it has version `expected`, and registers the alarm of a run that injects through one. An alarm
    /// that another run holds is not registered, and nothing is saved.
    fn save_head(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        let trigger = next.trigger.as_ref().filter(|_| next.phase == Phase::Injecting);
        let Some(trigger) = trigger else { return Ok(self.replace_head(next, expected)) };
        let holder = self.cloud.borrow().holders.get(&trigger.alarm_arn).cloned();
        let is_expected = self.table.borrow().head(&next.run_id).is_some_and(|head| head.version == expected);
        match holder {
            Some(other) if is_expected && other != next.run_id => {
                let what = format!("alarm {} is held by run {other}", trigger.alarm_arn);
                return Err(StoreError::Refused(what));
            }
            _ => {}
        }
        let saved = self.replace_head(next, expected);
        if saved == Saved::Saved {
            self.cloud.borrow_mut().holders.insert(trigger.alarm_arn.clone(), next.run_id.clone());
        }
        Ok(saved)
    }

    /// Replaces the head if it has version `expected`.
    fn replace_head(&self, next: &Run, expected: u64) -> Saved {
        // Measured only where it may be large: every save of every history is many.
        if self.scenario.long_texts {
            let bytes = serde_json::to_vec(next).map_or(usize::MAX, |json| json.len());
            if bytes > MAX_HEAD {
                self.log(Event::HeadTooLarge { bytes });
            }
        }
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

    /// Creates a head and its request: with the lock, or as one that is finished already.
    fn create(&self, run: &Run, request: &Request, by: &OwnerId, locked: bool) -> Result<Begun, StoreError> {
        let mut table = self.table.borrow_mut();
        if let Some(existing) = table.load(&run.run_id)? {
            let is_announced = locked && existing.phase == Phase::Pending;
            if !is_announced {
                // The head of this very call, whose answer was lost.
                let same = existing.starter == run.starter
                    && existing.version == run.version
                    && existing.phase == run.phase;
                return Ok(if same { Begun::Begun } else { Begun::Exists(Box::new(existing)) });
            }
        }
        let now = self.now.get();
        if locked {
            if let Some(holder) = table.locks.get(&lock_of(run)) {
                return Ok(Begun::Locked(holder.clone()));
            }
            table.locks.insert(lock_of(run), run.run_id.clone());
        } else {
            table.finishes += 1;
            if run.outcome == Some(Outcome::Skipped) {
                table.look_back(run);
            }
        }
        table.began_at.get_or_insert(now);
        table.began_by.get_or_insert_with(|| by.0.clone());
        table.index.insert(run.run_id.clone(), (now, (run.phase == Phase::Finished).then_some(now)));
        table.requests.insert(run.run_id.clone(), request.clone());
        table.heads.retain(|head| head.run_id != run.run_id);
        table.heads.push(run.clone());
        drop(table);
        self.note_renewal();
        Ok(Begun::Begun)
    }

    /// Frees what a finished run held, unless another run holds it by now.
    fn release(&self, run: &Run) {
        let mut table = self.table.borrow_mut();
        table.finishes += 1;
        let now = self.now.get();
        if let Some((_, over)) = table.index.get_mut(&run.run_id) {
            *over = Some(now);
        }
        table.look_back(run);
        table.locks.retain(|_, holder| *holder != run.run_id);
        drop(table);
        self.cloud.borrow_mut().holders.retain(|_, holder| *holder != run.run_id);
    }

    fn note_renewal(&self) {
        if self.scenario.store_unavailable.is_none_or(|(from, _)| self.elapsed() < from) {
            self.table.borrow_mut().renewed_at = Some(self.now.get());
        }
    }

    pub fn note_command(&self, id: &RunId, command: &OperatorCommand) -> u64 {
        let mut table = self.table.borrow_mut();
        let commands = table.commands.entry(id.clone()).or_default();
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

    /// An operator stops every run of this application that had begun by then.
    pub fn note_application_stop(&self, application: &str, stop: &Stop, at: Timestamp) {
        let stopped = (self.now.get(), at, stop.clone());
        let mut table = self.table.borrow_mut();
        table.application_stops.insert(application.to_owned(), stopped);
        table.stop_is_dated_wrong = self.scenario.stops_by_a_clock_behind > 0;
        drop(table);
        self.note_fault(FaultKind::ApplicationStopped);
        self.log(Event::StopRequested);
    }

    pub fn note_switch(&self, switch: &Switch, engaged: bool) -> Option<Switch> {
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
    fn control_state(&self, run: &Run) -> ControlState {
        let table = self.table.borrow();
        let mut switches: Vec<Switch> = Vec::new();
        let ours = |scope: &Scope| match scope {
            Scope::Account => true,
            Scope::Application(name) => **name == *run.application,
            Scope::Drill(key) => *key == run.drill_key(),
        };
        switches.extend(table.switches.iter().map(|(_, switch)| switch.clone()).filter(|s| ours(&s.scope)));
        if self.is_within(self.scenario.unreadable_switch) {
            self.note_fault_once(FaultKind::KillSwitchUnreadable);
            switches.push(Switch::unreadable(Scope::Account, "simulated"));
        }
        ControlState {
            commands: table.commands.get(&run.run_id).cloned(),
            application_stop: table
                .application_stops
                .get(&*run.application)
                .map(|(_, at, stop)| (*at, stop.clone())),
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
    async fn begin(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        self.write("store:begin", |world| world.create(run, request, &self.owner, true)).await?
    }

    async fn record(&self, run: &Run, request: &Request) -> Result<Begun, StoreError> {
        self.write("store:record", |world| world.create(run, request, &self.owner, false)).await?
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.read("store:load", |table| table.load(id)).await?
    }

    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        let lost_at = self.world.overrides().request_lost_at;
        let is_lost = lost_at.is_some_and(|at| self.world.elapsed() >= at);
        self.read("store:request", |table| table.requests.get(id).filter(|_| !is_lost).cloned()).await
    }

    async fn save(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.write("store:save", |world| world.save_head(next, expected)).await?
    }

    async fn finish(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.write("store:finish", |world| {
            let saved = world.replace_head(next, expected);
            if saved == Saved::Saved {
                assert_eq!(next.phase, Phase::Finished);
                world.release(next);
                world.propagate();
                let back = world.is_back() && !world.is_forced() && !world.is_down();
                let served = world.serving.get();
                world.log(Event::Finished { back, served });
            }
            saved
        })
        .await
    }

    async fn append(&self, id: &RunId, items: &[(String, Evidence)]) -> Result<(), StoreError> {
        let keyed = items.iter().map(|(key, evidence)| ((id.clone(), key.clone()), evidence.clone()));
        self.write("store:append", |world| world.table.borrow_mut().evidence.extend(keyed)).await
    }

    async fn control_state(&self, run: &Run) -> Result<ControlState, StoreError> {
        self.read("store:control_state", |_| self.world.control_state(run)).await
    }

    async fn record_command(&self, id: &RunId, command: &OperatorCommand) -> Result<u64, StoreError> {
        self.write("store:record_command", |world| world.note_command(id, command)).await
    }

    async fn stop_application(
        &self,
        application: &str,
        stop: &Stop,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("store:stop_application", |world| world.note_application_stop(application, stop, at)).await
    }

    async fn switch(&self, switch: &Switch, engaged: bool) -> Result<Option<Switch>, StoreError> {
        self.write("store:switch", |world| world.note_switch(switch, engaged)).await
    }

    /// The index lags: it may miss a run that just began, and name one that is finished.
    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.read("store:open", |table| {
            let lag = self.world.rng.borrow_mut().i64(0..5_000);
            let now = self.world.now.get();
            if !table.open_at(now - lag).eq(table.open_at(now)) {
                self.world.note_fault(FaultKind::StaleIndex);
            }
            table.open_at(now - lag).cloned().collect()
        })
        .await
    }

    async fn write_heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write("store:write_heartbeat", |world| {
            world.table.borrow_mut().write_heartbeat(world.now.get(), at);
        })
        .await
    }

    async fn list(&self, drill_key: &str, most: u32) -> Result<Vec<Run>, StoreError> {
        self.read("store:list", |table| table.list(drill_key, most)).await
    }
}
