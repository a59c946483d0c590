//! The watchdog: finishes the runs that nobody carries on.
//!
//! Crashed, timed out, throttled, deployed away: whatever became of the invocation that began a run, its head says
//! where it stands and how it is taken back. One tick looks at every open run, takes those whose holder is gone, and
//! drives them with the same loop as the function that began them. It has no way to inject.

use std::{collections::VecDeque, panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{Either, select},
    stream::FuturesUnordered,
};

use crate::{
    Outcome, Phase, Request, Run, lease,
    ports::{Clock, Drill, NeverInjects, Store, StoreError},
    run::{OwnerId, RunId},
    run_loop::{LoopExit, Session, run_loop},
    timing::Timing,
};

/// So many runs are driven at once: each holds a few connections, and a process has 1,024 descriptors.
pub const MAX_CONCURRENT_RUNS: usize = 50;
/// The first looks at a thousand heads are spread over some seconds.
const BETWEEN_FIRST_LOOKS_MS: u64 = 5;

/// What one tick knows about itself.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Unique to this tick.
    pub owner: OwnerId,
    /// When to hand over, as time since the tick began.
    pub ends_at: Duration,
    /// The stack's numbers.
    pub timing: Timing,
}

/// What one tick came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickSummary {
    /// Runs that were open.
    pub open: u64,
    /// Of these: finished by this tick.
    pub finished: u64,
    /// Driven for a while, or until they only waited, and handed over to the next tick.
    pub handed_over: u64,
    /// Carried on by somebody else.
    pub busy: u64,
    /// Runs that could not be carried on, and why.
    pub failed: Vec<(RunId, String)>,
    /// Of these: runs whose head could not be read. Nobody knows whether they are held, or not rolled back.
    pub unreadable_runs: u64,
    /// Runs that are held after this tick, whoever has them.
    pub held: u64,
    /// Runs whose rollback failed and that are still open after this tick, whoever has them.
    pub rollback_failed: u64,
    /// Why the heartbeat was not written; none if it was.
    pub heartbeat_error: Option<StoreError>,
}

/// One tick: both of its halves.
///
/// # Errors
/// See [`begin_tick`].
pub async fn tick<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    tick: &Tick,
) -> Result<TickSummary, StoreError> {
    let round = begin_tick(clock, store).await?;
    Ok(finish_open_runs(clock, store, make, tick, round).await)
}

/// What the first half of a tick leaves to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRuns {
    open: Vec<RunId>,
    heartbeat_error: Option<StoreError>,
}

impl OpenRuns {
    /// Whether the heartbeat is on record.
    #[must_use]
    pub const fn has_beaten(&self) -> bool {
        self.heartbeat_error.is_none()
    }
}

/// The first half of a tick, over in a moment: lists the open runs, and says that the watchdog is there. Whoever wants
/// to tell others so need not wait for the second half, which may take minutes.
///
/// # Errors
/// The open runs could not be listed. Then there is no heartbeat either: nothing is injected while nobody could
/// take it back.
pub async fn begin_tick(clock: &impl Clock, store: &impl Store) -> Result<OpenRuns, StoreError> {
    let open = store.open().await?;
    let heartbeat_error = store.write_heartbeat(clock.now()).await.err();
    Ok(OpenRuns { open, heartbeat_error })
}

/// The second half: looks at every open run and carries on those that nobody does. `make` builds a drill from a run's
/// head and, where it can be read, its request.
pub async fn finish_open_runs<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    tick: &Tick,
    round: OpenRuns,
) -> TickSummary {
    let OpenRuns { mut open, heartbeat_error } = round;
    let mut ticked = TickSummary { open: open.len() as u64, heartbeat_error, ..TickSummary::default() };
    if open.is_empty() {
        return ticked;
    }
    // Should there be more than one tick can do, it is not always the same ones that have to wait.
    let first = usize::try_from(clock.now().as_millis()).unwrap_or(0) % open.len();
    open.rotate_left(first);
    let mut under_way: FuturesUnordered<_> = open
        .into_iter()
        .zip(0_u64..)
        .map(|(id, place)| Either::Left(look(clock, store, tick, id, place)))
        .collect();
    // Looking goes on while others are driven: who hangs keeps nobody from being seen abandoned.
    let (mut waiting, mut driven) = (VecDeque::new(), 0);
    while let Some(came) = under_way.next().await {
        match came {
            TaskResult::FailoverReadiness(Ok(abandoned)) => waiting.push_back(abandoned),
            TaskResult::FailoverReadiness(Err(attended)) => ticked.add(attended),
            TaskResult::Driven(attended) => {
                driven -= 1;
                ticked.add(attended);
            }
        }
        while driven < MAX_CONCURRENT_RUNS
            && let Some(run) = waiting.pop_front()
        {
            let left = waiting.len() + under_way.len() - driven + 1;
            driven += 1;
            under_way.push(Either::Right(drive_within_slot(
                clock,
                store,
                &make,
                tick,
                DriveSlot::among(tick, clock, left),
                run,
            )));
        }
    }
    ticked
}

/// One of the places at which runs are driven.
#[derive(Clone, Copy)]
struct DriveSlot {
    /// How long it may be kept, so that all that are left get one.
    slice: Duration,
    /// Whether others wait for it.
    wanted: bool,
}

impl DriveSlot {
    fn among(tick: &Tick, clock: &impl Clock, left: usize) -> Self {
        let rounds = u32::try_from(left.div_ceil(MAX_CONCURRENT_RUNS)).unwrap_or(u32::MAX);
        let slice = tick.ends_at.saturating_sub(clock.elapsed()) / rounds.max(1);
        Self { slice, wanted: rounds > 1 }
    }
}

/// What came of what is under way.
enum TaskResult {
    /// A look: the run as of the version whose holder is gone; else what became of it without us.
    FailoverReadiness(Result<Box<Run>, RunResult>),
    /// The run was carried on for a while.
    Driven(RunResult),
}

async fn look(clock: &impl Clock, store: &impl Store, tick: &Tick, id: RunId, place: u64) -> TaskResult {
    if place > 0 {
        clock.sleep(Duration::from_millis(place * BETWEEN_FIRST_LOOKS_MS)).await;
    }
    TaskResult::FailoverReadiness(wait_until_abandoned(clock, store, tick, id).await)
}

/// Looks at one run until it is known whether anybody carries it on: a holder saves at every renewal, and one that
/// has not for as long as it could act on its lease is gone. Its clock is not asked.
async fn wait_until_abandoned(
    clock: &impl Clock,
    store: &impl Store,
    tick: &Tick,
    id: RunId,
) -> Result<Box<Run>, RunResult> {
    let mut known: Option<(u64, Duration)> = None;
    let mut refused = false;
    loop {
        let at = clock.elapsed();
        let run = match store.load(&id).await {
            Ok(Some(run)) if run.phase != Phase::Finished => run,
            Ok(Some(_) | None) => return Err(RunResult::Over),
            Err(error) => {
                // What is refused twice stays so: a tick that asked on would be over minutes later for it.
                let hopeless = match error {
                    StoreError::UnknownLayout { .. } => true,
                    StoreError::Refused(_) => std::mem::replace(&mut refused, true),
                    StoreError::Unknown(_) => false,
                };
                if hopeless || clock.elapsed() >= tick.ends_at {
                    return Err(RunResult::Failed(id, error.to_string(), None));
                }
                clock.sleep(tick.timing.renew()).await;
                continue;
            }
        };
        if run.owner.is_none() {
            return Ok(Box::new(run));
        }
        match known {
            Some((version, _)) if version != run.version => return Err(RunResult::Busy(Box::new(run))),
            Some((_, since)) if at.saturating_sub(since) >= tick.timing.takeover() => {
                return Ok(Box::new(run));
            }
            Some(_) => {}
            // What is seen from now on was written after this look.
            None => known = Some((run.version, clock.elapsed())),
        }
        if clock.elapsed() >= tick.ends_at {
            return Err(RunResult::Busy(Box::new(run)));
        }
        clock.sleep(tick.timing.renew()).await;
    }
}

/// What became of one open run.
enum RunResult {
    Finished,
    HandedOver(Box<Run>),
    Busy(Box<Run>),
    Over,
    Failed(RunId, String, Option<Box<Run>>),
}

/// Carries one run on, for no longer than its slice: one that hangs, or that nobody can look at without dying of it,
/// keeps its place among those that are driven at once, and nobody else's.
async fn drive_within_slot<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: &impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    tick: &Tick,
    place: DriveSlot,
    run: Box<Run>,
) -> TaskResult {
    let failed = |why: &str| RunResult::Failed(run.run_id.clone(), why.to_owned(), Some(run.clone()));
    if clock.elapsed() >= tick.ends_at {
        return TaskResult::Driven(failed("no time was left for it in this tick"));
    }
    let ends_at = tick.ends_at.min(clock.elapsed() + place.slice);
    let session = Session {
        owner: tick.owner.clone(),
        timing: tick.timing,
        ends_at,
        renewed_at: Duration::ZERO,
        yields: place.wanted,
    };
    // What it may still have under way when its time is over, and handing over.
    let grace = tick.timing.call_deadline() * 3;
    let work = AssertUnwindSafe(carry_on(clock, store, make, session, run.clone())).catch_unwind();
    let too_long = clock.sleep(ends_at.saturating_sub(clock.elapsed()) + grace);
    TaskResult::Driven(match select(pin!(work), pin!(too_long)).await {
        Either::Left((Ok(attended), _)) => attended,
        Either::Left((Err(_), _)) => failed("carrying it on panicked"),
        Either::Right(((), _)) => failed("it did not come to an end within its time"),
    })
}

async fn carry_on<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: &impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    mut session: Session,
    run: Box<Run>,
) -> RunResult {
    let id = run.run_id.clone();
    let request = match store.request(&id).await {
        Ok(request) => request,
        // Written by another version: the undo is in the head.
        Err(StoreError::Refused(_) | StoreError::UnknownLayout { .. }) => None,
        Err(error @ StoreError::Unknown(_)) => return RunResult::Failed(id, error.to_string(), Some(run)),
    };
    let drill = match make(&run, request.as_ref()) {
        Ok(drill) => drill,
        Err(why) => return RunResult::Failed(id, why, Some(run)),
    };
    let ours = match lease::take_over(clock, store, &mut session, &run).await {
        Ok(Some(ours)) => ours,
        Ok(None) => return RunResult::Busy(run),
        Err(error) => return RunResult::Failed(id, error.to_string(), Some(run)),
    };
    match Box::pin(run_loop(clock, store, &mut NeverInjects(drill), &mut session, ours)).await {
        LoopExit::Finished(_) => RunResult::Finished,
        LoopExit::HandedOver(run) => RunResult::HandedOver(run),
        LoopExit::LostLease => RunResult::Busy(run),
        LoopExit::StoreLost(run, error) => RunResult::Failed(id, error.to_string(), Some(run)),
    }
}

impl TickSummary {
    fn add(&mut self, attended: RunResult) {
        let run = match attended {
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
