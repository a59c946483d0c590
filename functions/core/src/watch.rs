//! The watchdog: finishes the runs that nobody carries on.
//!
//! Crashed, timed out, throttled, deployed away: whatever became of the invocation that began a run, its head says
//! where it stands and how it is taken back. One tick looks at every open run, takes those whose holder is gone, and
//! drives them with the same loop as the function that began them. It has no way to inject.

use std::{pin::pin, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream::FuturesUnordered,
};

use crate::{
    Outcome, Phase, Request, Run,
    deliver::claim,
    drive::{Left, Session, drive},
    ports::{Clock, Drill, NeverInjects, Store, StoreError},
    run::{OwnerId, RunId},
    timing::Timing,
};

/// So many runs are driven at once: each holds a few connections, and a process has 1,024 descriptors.
pub const AT_ONCE: usize = 50;
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
pub struct Ticked {
    /// Runs that were open.
    pub open: u64,
    /// Of these: finished by this tick.
    pub finished: u64,
    /// Driven for a while, and handed over to the next tick.
    pub handed_over: u64,
    /// Carried on by somebody else.
    pub busy: u64,
    /// Runs that could not be carried on, and why.
    pub failed: Vec<(RunId, String)>,
    /// Runs that are held after this tick, whoever has them.
    pub held: u64,
    /// Runs whose rollback failed and that are still open after this tick, whoever has them.
    pub rollback_failed: u64,
    /// Why the heartbeat was not written; none if it was.
    pub silent: Option<StoreError>,
}

/// Looks at every open run and carries on those that nobody does. `make` builds a drill from a run's head and, where
/// it can be read, its request.
///
/// # Errors
/// The open runs could not be listed. Then there is no heartbeat either: nothing is injected while nobody could
/// take it back.
pub async fn tick<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    tick: &Tick,
) -> Result<Ticked, StoreError> {
    let mut open = store.open().await?;
    let silent = store.beat(clock.now()).await.err();
    let mut ticked = Ticked { open: open.len() as u64, silent, ..Ticked::default() };
    if open.is_empty() {
        return Ok(ticked);
    }
    // Should there be more than one tick can do, it is not always the same ones that have to wait.
    let first = usize::try_from(clock.now().as_millis()).unwrap_or(0) % open.len();
    open.rotate_left(first);
    let slice = slice(tick, open.len(), clock.elapsed());
    let (make, shared) = (&make, tick);
    let looked: FuturesUnordered<_> =
        open.into_iter().zip(0_u64..).map(|(id, place)| look(clock, store, shared, id, place)).collect();
    let attended = looked.map(|looked| attend(clock, store, make, shared, slice, looked));
    let mut attended = pin!(attended.buffer_unordered(AT_ONCE));
    while let Some(attended) = attended.next().await {
        ticked.add(attended);
    }
    Ok(ticked)
}

/// How long one run may be driven, so that all of them are.
fn slice(tick: &Tick, open: usize, elapsed: Duration) -> Duration {
    let rest = tick.ends_at.saturating_sub(elapsed);
    let (open, at_once) = (u32::try_from(open).unwrap_or(u32::MAX), u32::try_from(AT_ONCE).unwrap_or(1));
    if open <= at_once { rest } else { rest / open * at_once }
}

/// What a look at one open run showed.
enum Looked {
    /// Its holder is gone, as of this version of its head.
    Abandoned(Box<Run>),
    /// Somebody carries it on.
    Busy(Box<Run>),
    /// It is over.
    Over,
    /// It cannot be carried on.
    Failed(RunId, String),
}

/// Looks at one run until it is known whether anybody carries it on: a holder saves at every renewal, and one that
/// has not for as long as it could act on its lease is gone. Its clock is not asked.
async fn look(clock: &impl Clock, store: &impl Store, tick: &Tick, id: RunId, place: u64) -> Looked {
    if place > 0 {
        clock.sleep(Duration::from_millis(place * BETWEEN_FIRST_LOOKS_MS)).await;
    }
    let mut known: Option<(u64, Duration)> = None;
    loop {
        let at = clock.elapsed();
        let run = match store.load(&id).await {
            Ok(Some(run)) if run.phase != Phase::Finished => run,
            Ok(Some(_) | None) => return Looked::Over,
            Err(error @ StoreError::UnknownLayout { .. }) => return Looked::Failed(id, error.to_string()),
            Err(error) if clock.elapsed() >= tick.ends_at => return Looked::Failed(id, error.to_string()),
            Err(_) => {
                clock.sleep(tick.timing.renew()).await;
                continue;
            }
        };
        if run.owner.is_none() {
            return Looked::Abandoned(Box::new(run));
        }
        match known {
            Some((version, _)) if version != run.version => return Looked::Busy(Box::new(run)),
            Some((_, since)) if at.saturating_sub(since) >= tick.timing.takeover() => {
                return Looked::Abandoned(Box::new(run));
            }
            Some(_) => {}
            // What is seen from now on was written after this look.
            None => known = Some((run.version, clock.elapsed())),
        }
        if clock.elapsed() >= tick.ends_at {
            return Looked::Busy(Box::new(run));
        }
        clock.sleep(tick.timing.renew()).await;
    }
}

/// What became of one open run.
enum Attended {
    Finished,
    HandedOver(Box<Run>),
    Busy(Box<Run>),
    Over,
    Failed(RunId, String, Option<Box<Run>>),
}

/// Carries one run on if nobody does, for no longer than its slice: one that hangs keeps its place among those that are
/// driven at once, and nobody else's.
async fn attend<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: &impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    tick: &Tick,
    slice: Duration,
    looked: Looked,
) -> Attended {
    let run = match looked {
        Looked::Abandoned(run) => run,
        Looked::Busy(run) => return Attended::Busy(run),
        Looked::Over => return Attended::Over,
        Looked::Failed(id, why) => return Attended::Failed(id, why, None),
    };
    let id = run.run_id.clone();
    let ends_at = tick.ends_at.min(clock.elapsed() + slice);
    // What it may still have under way when its time is over, and handing over.
    let grace = tick.timing.call_deadline() * 3;
    let work = pin!(carry_on(clock, store, make, tick, ends_at, run.clone()));
    let too_long = pin!(clock.sleep(ends_at.saturating_sub(clock.elapsed()) + grace));
    match select(work, too_long).await {
        Either::Left((attended, _)) => attended,
        Either::Right(((), _)) => {
            Attended::Failed(id, "it did not come to an end within its time".to_owned(), Some(run))
        }
    }
}

async fn carry_on<D: Drill>(
    clock: &impl Clock,
    store: &impl Store,
    make: &impl Fn(&Run, Option<&Request>) -> Result<D, String>,
    tick: &Tick,
    ends_at: Duration,
    run: Box<Run>,
) -> Attended {
    let id = run.run_id.clone();
    let request = match store.request(&id).await {
        Ok(request) => request,
        // Written by another version: the undo is in the head.
        Err(StoreError::Refused(_) | StoreError::UnknownLayout { .. }) => None,
        Err(error @ StoreError::Unknown(_)) => return Attended::Failed(id, error.to_string(), Some(run)),
    };
    let drill = match make(&run, request.as_ref()) {
        Ok(drill) => drill,
        Err(why) => return Attended::Failed(id, why, Some(run)),
    };
    let mut session =
        Session { owner: tick.owner.clone(), timing: tick.timing, ends_at, renewed_at: Duration::ZERO };
    let ours = match claim(clock, store, &mut session, &run).await {
        Ok(Some(ours)) => ours,
        Ok(None) => return Attended::Busy(run),
        Err(error) => return Attended::Failed(id, error.to_string(), Some(run)),
    };
    match Box::pin(drive(clock, store, &mut NeverInjects(drill), &mut session, ours)).await {
        Left::Finished(_) => Attended::Finished,
        Left::HandedOver(run) => Attended::HandedOver(run),
        Left::LostLease => Attended::Busy(run),
        Left::StoreLost(run, error) => Attended::Failed(id, error.to_string(), Some(run)),
    }
}

impl Ticked {
    fn add(&mut self, attended: Attended) {
        let run = match attended {
            Attended::Over => None,
            Attended::Finished => {
                self.finished += 1;
                None
            }
            Attended::HandedOver(run) => {
                self.handed_over += 1;
                Some(run)
            }
            Attended::Busy(run) => {
                self.busy += 1;
                Some(run)
            }
            Attended::Failed(id, why, run) => {
                self.failed.push((id, why));
                run
            }
        };
        let Some(run) = run else { return };
        self.held += u64::from(run.phase == Phase::Held);
        self.rollback_failed += u64::from(run.outcome == Some(Outcome::RollbackFailed));
    }
}
