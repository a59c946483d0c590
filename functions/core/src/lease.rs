//! Whose a run is.

use std::time::Duration;

use crate::{
    Phase, Run,
    dispatch::DispatchError,
    ports::{Clock, Saved, Store, StoreError},
    run::RunId,
    run_loop::Session,
};

/// What came of asking for a run's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseResult {
    /// It is ours.
    Acquired(Box<Run>),
    /// There is nothing to carry on: the run is finished, or its owner has heard the word.
    NotNeeded(Box<Run>),
}

/// Makes the lease of a run ours: at once if it was released, else once the same version was seen
/// for as long as its holder could act on it. Clocks of other machines are not asked. Where it is only
/// wanted so that `word` is heard, hearing it is enough.
///
/// # Errors
/// [`DispatchError::Busy`] if its holder goes on saving until our time is over.
pub async fn acquire(
    clock: &impl Clock,
    store: &impl Store,
    session: &mut Session,
    id: &RunId,
    command: Option<u64>,
) -> Result<LeaseResult, DispatchError> {
    let mut known: Option<(u64, Duration)> = None;
    loop {
        if clock.elapsed() >= session.ends_at {
            return Err(DispatchError::Busy(id.0.clone()));
        }
        let run = store.load(id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone()))?;
        if run.phase == Phase::Finished || command.is_some_and(|number| run.last_command >= number) {
            return Ok(LeaseResult::NotNeeded(Box::new(run)));
        }
        let since = match known {
            Some((version, since)) if version == run.version => since,
            _ => clock.elapsed(),
        };
        known = Some((run.version, since));
        let waited = clock.elapsed().saturating_sub(since) >= session.timing.takeover();
        if (run.owner.is_none() || waited)
            && let Some(ours) = take_over(clock, store, session, &run).await?
        {
            return Ok(LeaseResult::Acquired(Box::new(ours)));
        }
        clock.sleep(session.timing.renew() / 3).await;
    }
}

/// Makes the lease of a run ours, whose holder is known to be gone as of this version; none if somebody else was
/// faster.
///
/// # Errors
/// The store failed, and it is not known whose it is.
pub async fn take_over(
    clock: &impl Clock,
    store: &impl Store,
    session: &mut Session,
    run: &Run,
) -> Result<Option<Run>, StoreError> {
    let mut ours = run.clone();
    ours.owner = Some(session.owner.clone());
    ours.version = run.version + 1;
    // Its holder died, or is cut off: what it saw and did last may not be on record. As a rollback does not wait for the
    // store, that may be a call of the undo which is still on its way.
    if let (Some(injection), true) = (&mut ours.injection, run.owner.is_some()) {
        injection.unobserved = true;
        let landed = clock.now().plus_millis(run.limits.settle_ms);
        ours.settled_at = ours.settled_at.max(Some(landed));
    }
    session.renewed_at = clock.elapsed();
    match store.save(&ours, run.version).await {
        Ok(Saved::Saved) => Ok(Some(ours)),
        // Somebody else was faster, or it is ours and the answer was lost.
        Ok(Saved::Conflict) | Err(StoreError::Unknown(_)) => {
            let there = store.load(&run.run_id).await?;
            Ok(there.filter(|there| there.owner.as_ref() == Some(&session.owner)))
        }
        Err(error) => Err(error),
    }
}
