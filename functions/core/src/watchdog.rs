//! Watchdog: the tick that finishes the runs whose owner is gone.
//!
//! The invocation that started a run may have crashed, timed out, been throttled or been replaced by a deployment. The head
//! of the run holds its phase and its undo. One tick looks at every open run, takes over the lease of those whose owner is
//! gone, and continues them with the same run loop as the drill function. It has no way to inject.

use std::{collections::VecDeque, panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{Either, select},
    stream::FuturesUnordered,
};

use crate::{
    Outcome, Phase, Run,
    engine::Engine,
    ports::{Clock, Drills, Injector, Store, StoreError},
    run::{OwnerId, RunId, Stop},
    run_loop::{LoopExit, Session},
};

/// How many runs one tick continues at once: each holds a few connections, and a process has 1,024 file descriptors.
pub const MAX_CONCURRENT_RUNS: usize = 50;
/// The pause between the first reads of two heads: those of a thousand open runs are spread over some seconds.
const BETWEEN_FIRST_LOOKS_MS: u64 = 5;

/// One tick of the watchdog: its identity, its time and the stack's parameters.
#[derive(Clone, Debug)]
pub struct Tick {
    /// The owner that this tick writes into a head; unique to the tick.
    pub owner: OwnerId,
    /// When to hand every run over, as time since the tick began.
    pub ends_at: Duration,
}

/// The counts of one tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickSummary {
    /// Runs that were open when the tick began.
    pub open: u64,
    /// Of `open`: finished by this tick.
    pub finished: u64,
    /// Of `open`: continued for a while, or looked at once because they are held or their rollback failed, and left to the
    /// next tick.
    pub handed_over: u64,
    /// Of `open`: owned by another invocation.
    pub busy: u64,
    /// Of `open`: could not be continued, and why.
    pub failed: Vec<(RunId, String)>,
    /// Of `failed`: the head could not be read, so nobody knows whether they are held or not rolled back.
    pub unreadable_runs: u64,
    /// Runs that are held after this tick, whichever invocation owns them.
    pub held: u64,
    /// Runs whose rollback failed and that are still open after this tick, whichever invocation owns them.
    pub rollback_failed: u64,
    /// Why the heartbeat was not written; `None` if it was.
    pub heartbeat_error: Option<StoreError>,
}

/// What [`Engine::begin_tick`] found: the open runs, and whether the heartbeat was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRuns {
    open: Vec<RunId>,
    heartbeat_error: Option<StoreError>,
}

impl OpenRuns {
    /// Whether the heartbeat was written.
    #[must_use]
    pub const fn has_beaten(&self) -> bool {
        self.heartbeat_error.is_none()
    }
}

impl<C: Clock, S: Store, F: Drills, I: Injector> Engine<'_, C, S, F, I> {
    /// One tick: [`Engine::begin_tick`], then [`Engine::finish_open_runs`].
    ///
    /// # Errors
    /// See [`Engine::begin_tick`].
    pub async fn tick(&self, tick: &Tick) -> Result<TickSummary, StoreError> {
        let round = self.begin_tick().await?;
        Ok(self.finish_open_runs(tick, round).await)
    }

    /// The first half of a tick, which takes a moment: lists the open runs and writes the heartbeat. The caller can publish
    /// the heartbeat metric before the second half, which may take minutes.
    ///
    /// # Errors
    /// The open runs could not be listed. Then no heartbeat is written either: nothing may be injected while the watchdog
    /// could not roll it back.
    pub async fn begin_tick(&self) -> Result<OpenRuns, StoreError> {
        let open = self.store.open().await?;
        let heartbeat_error = self.store.write_heartbeat(self.clock.now()).await.err();
        Ok(OpenRuns { open, heartbeat_error })
    }

    /// The second half of a tick: looks at every open run and continues those whose owner is gone.
    pub async fn finish_open_runs(&self, tick: &Tick, round: OpenRuns) -> TickSummary {
        let OpenRuns { mut open, heartbeat_error } = round;
        let mut summary = TickSummary { open: open.len() as u64, heartbeat_error, ..TickSummary::default() };
        if open.is_empty() {
            return summary;
        }
        // If there are more runs than one tick can continue, the order changes, so that the same ones do not always wait.
        let first = usize::try_from(self.clock.now().as_millis()).unwrap_or(0) % open.len();
        open.rotate_left(first);
        let mut tasks: FuturesUnordered<_> = open
            .into_iter()
            .zip(0_u64..)
            .map(|(id, position)| Either::Left(self.look(tick, id, position)))
            .collect();
        // Looks go on while other runs are continued: a run that hangs must not keep another from being found abandoned.
        let (mut waiting, mut driven) = (VecDeque::new(), 0);
        while let Some(result) = tasks.next().await {
            match result {
                TaskResult::Looked(Ok(abandoned)) => waiting.push_back(abandoned),
                TaskResult::Looked(Err(result)) => summary.add(result),
                TaskResult::Driven(result) => {
                    driven -= 1;
                    summary.add(result);
                }
            }
            while driven < MAX_CONCURRENT_RUNS
                && let Some(run) = waiting.pop_front()
            {
                let left = waiting.len() + tasks.len() - driven + 1;
                driven += 1;
                let slot = DriveSlot::among(tick, self.clock, left);
                tasks.push(Either::Right(self.drive_within_slot(tick, slot, run)));
            }
        }
        summary
    }

    async fn look(&self, tick: &Tick, id: RunId, position: u64) -> TaskResult {
        if position > 0 {
            self.clock.sleep(Duration::from_millis(position * BETWEEN_FIRST_LOOKS_MS)).await;
        }
        TaskResult::Looked(self.wait_until_abandoned(tick, id).await)
    }

    /// Looks at one run until it is known whether its owner is alive: an owner saves at every renewal of its lease, and one
    /// that has not saved for as long as it could act on the lease is gone. Only our own monotonic clock counts.
    async fn wait_until_abandoned(&self, tick: &Tick, id: RunId) -> Result<Box<Run>, RunResult> {
        let Self { clock, store, timing, .. } = *self;
        let mut known: Option<(u64, Duration)> = None;
        let mut refused_before = false;
        loop {
            let at = clock.elapsed();
            let run = match store.load(&id).await {
                Ok(Some(run)) if run.phase != Phase::Finished => run,
                Ok(Some(_) | None) => return Err(RunResult::Over),
                Err(error) => {
                    // What was refused twice will be refused again: asking on would only delay the end of the tick.
                    let is_final = match error {
                        StoreError::UnknownLayout { .. } => true,
                        StoreError::Refused(_) => std::mem::replace(&mut refused_before, true),
                        StoreError::Unknown(_) => false,
                    };
                    if is_final || clock.elapsed() >= tick.ends_at {
                        return Err(RunResult::Failed(id, error.to_string(), None));
                    }
                    clock.sleep(timing.renew).await;
                    continue;
                }
            };
            if run.owner.is_none() {
                return Ok(Box::new(run));
            }
            match known {
                Some((version, _)) if version != run.version => return Err(RunResult::Busy(Box::new(run))),
                Some((_, since)) if at.saturating_sub(since) >= timing.takeover() => {
                    return Ok(Box::new(run));
                }
                Some(_) => {}
                // Any other version from now on was written after this look, by an owner that is alive.
                None => known = Some((run.version, clock.elapsed())),
            }
            if clock.elapsed() >= tick.ends_at {
                return Err(RunResult::Busy(Box::new(run)));
            }
            clock.sleep(timing.renew).await;
        }
    }

    /// Continues one run, for no longer than its slice. A run that hangs or panics occupies its own slot only.
    async fn drive_within_slot(&self, tick: &Tick, slot: DriveSlot, run: Box<Run>) -> TaskResult {
        let clock = self.clock;
        let failed = |why: &str| RunResult::Failed(run.run_id.clone(), why.to_owned(), Some(run.clone()));
        if clock.elapsed() >= tick.ends_at {
            return TaskResult::Driven(failed(
                "no time was left for it in this tick: the next tick tries again",
            ));
        }
        let ends_at = tick.ends_at.min(clock.elapsed() + slot.slice);
        let session = Session {
            yields: slot.contended,
            leaves_what_is_stuck: true,
            ..Session::new(tick.owner.clone(), ends_at)
        };
        // Time for the calls that are still on their way when the slice ends, and for handing over.
        let grace = self.timing.call_deadline * 3;
        let work = AssertUnwindSafe(self.continue_run(session, run.clone())).catch_unwind();
        let too_long = clock.sleep(ends_at.saturating_sub(clock.elapsed()) + grace);
        TaskResult::Driven(match select(pin!(work), pin!(too_long)).await {
            Either::Left((Ok(result), _)) => result,
            Either::Left((Err(_), _)) => {
                failed("continuing it panicked: nothing more is done for it in this tick")
            }
            Either::Right(((), _)) => failed(
                "it did not end within its time slice: a call hangs; nothing more is done for it in this tick",
            ),
        })
    }

    async fn continue_run(&self, mut session: Session, run: Box<Run>) -> RunResult {
        let id = run.run_id.clone();
        let request = match self.store.request(&id).await {
            Ok(request) => request,
            // A request that this version cannot read: the head holds what a rollback needs.
            Err(StoreError::Refused(_) | StoreError::UnknownLayout { .. }) => None,
            Err(error @ StoreError::Unknown(_)) => {
                return RunResult::Failed(id, error.to_string(), Some(run));
            }
        };
        if request.is_none() {
            let reason = "its request cannot be read, and so neither can its stop conditions".to_owned();
            session.stop = Some(Stop { by: "the watchdog".to_owned(), reason });
        }
        // Without the request, target and probes are those that the head records.
        let request = request.unwrap_or_else(|| run.recorded_request());
        let mut drill = match self.drills.drill(&request) {
            Ok(drill) => drill,
            Err(wrong) => return RunResult::Failed(id, wrong.to_string(), Some(run)),
        };
        let ours = match self.take_over(&mut session, &run).await {
            Ok(Some(ours)) => ours,
            Ok(None) => return RunResult::Busy(run),
            Err(error) => return RunResult::Failed(id, error.to_string(), Some(run)),
        };
        match Box::pin(self.run_loop(&mut drill, &mut session, ours)).await {
            LoopExit::Finished(_) => RunResult::Finished,
            LoopExit::HandedOver(run) => RunResult::HandedOver(run),
            LoopExit::LostLease => RunResult::Busy(run),
            LoopExit::StoreLost(run, error) => RunResult::Failed(id, error.to_string(), Some(run)),
        }
    }
}

/// One of the [`MAX_CONCURRENT_RUNS`] slots of a tick.
#[derive(Clone, Copy)]
struct DriveSlot {
    /// How long one run may keep the slot, so that every run that is left gets one.
    slice: Duration,
    /// Whether other runs wait for a slot.
    contended: bool,
}

impl DriveSlot {
    fn among(tick: &Tick, clock: &impl Clock, left: usize) -> Self {
        let rounds = u32::try_from(left.div_ceil(MAX_CONCURRENT_RUNS)).unwrap_or(u32::MAX);
        let slice = tick.ends_at.saturating_sub(clock.elapsed()) / rounds.max(1);
        Self { slice, contended: rounds > 1 }
    }
}

/// The result of one task of a tick.
enum TaskResult {
    /// A look: the run as of the version whose owner is gone; otherwise what became of it without this tick.
    Looked(Result<Box<Run>, RunResult>),
    /// The run was continued for a while.
    Driven(RunResult),
}

/// What became of one open run in this tick.
enum RunResult {
    Finished,
    HandedOver(Box<Run>),
    /// Another invocation owns it.
    Busy(Box<Run>),
    /// It was finished before this tick looked at it.
    Over,
    /// It could not be continued: why, and the head if it could be read.
    Failed(RunId, String, Option<Box<Run>>),
}

impl TickSummary {
    fn add(&mut self, result: RunResult) {
        let run = match result {
            RunResult::Over => None,
            RunResult::Finished => {
                self.finished += 1;
                None
            }
            RunResult::HandedOver(run) => {
                self.handed_over += 1;
                Some(run)
            }
            RunResult::Busy(run) => {
                self.busy += 1;
                Some(run)
            }
            RunResult::Failed(id, why, run) => {
                self.failed.push((id, why));
                self.unreadable_runs += u64::from(run.is_none());
                run
            }
        };
        let Some(run) = run else { return };
        self.held += u64::from(run.phase == Phase::Held);
        self.rollback_failed += u64::from(run.outcome == Some(Outcome::RollbackFailed));
    }
}
