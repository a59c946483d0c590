//! Lease: which invocation may continue a run, and until when.

use std::time::Duration;

use crate::{
    Phase, Run,
    dispatch::DispatchError,
    engine::Engine,
    ports::{Clock, Saved, Store, StoreError},
    run::RunId,
    run_loop::Session,
};

/// The result of asking for the lease of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseResult {
    /// The lease is ours; the head as we saved it.
    Acquired(Box<Run>),
    /// The lease is not needed: the run is finished, or its owner has applied the command already.
    NotNeeded(Box<Run>),
}

impl<C: Clock, S: Store, F, I> Engine<'_, C, S, F, I> {
    /// Acquires the lease of a run: at once if it was released, else once the head kept the same version for longer than its
    /// holder could act on it ([`Timing::takeover`](crate::timing::Timing::takeover)). Only our own monotonic clock counts. With
    /// `command`, the number of an operator command, it also returns as soon as the run's owner has applied that command.
    ///
    /// # Errors
    /// [`DispatchError::Busy`] if the holder keeps saving until the invocation's time is over;
    /// [`DispatchError::NoSuchRun`]; [`DispatchError::Store`].
    pub async fn acquire(
        &self,
        session: &mut Session,
        id: &RunId,
        command: Option<u64>,
    ) -> Result<LeaseResult, DispatchError> {
        let Self { clock, store, timing, .. } = *self;
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
            let waited = clock.elapsed().saturating_sub(since) >= timing.takeover();
            if (run.owner.is_none() || waited)
                && let Some(ours) = self.take_over(session, &run).await?
            {
                return Ok(LeaseResult::Acquired(Box::new(ours)));
            }
            clock.sleep(timing.renew / 3).await;
        }
    }

    /// Takes over the lease of a run whose holder is known to be gone as of this version; `None` if another invocation took it
    /// first.
    ///
    /// # Errors
    /// The store failed, and it is not known who owns the run.
    pub async fn take_over(&self, session: &mut Session, run: &Run) -> Result<Option<Run>, StoreError> {
        let Self { clock, store, .. } = *self;
        let mut ours = run.clone();
        ours.owner = Some(session.owner.clone());
        ours.version = run.version.saturating_add(1);
        // The holder died, or cannot reach the store: its last looks and calls may not be on record. A rollback does not wait
        // for the store, so an undo call of that holder may still be on its way.
        if let (Some(injection), true) = (ours.injection_mut(), run.owner.is_some()) {
            injection.unobserved = true;
            let landed = clock.now() + run.limits.settle;
            ours.settled_at = ours.settled_at.max(Some(landed));
        }
        session.renewed_at = clock.elapsed();
        match store.save(&ours, run.version).await {
            Ok(Saved::Saved) => Ok(Some(ours)),
            // Another invocation was faster; or our save was executed and its answer was lost.
            Ok(Saved::Conflict) | Err(StoreError::Unknown(_)) => {
                let head = store.load(&run.run_id).await?;
                Ok(head.filter(|head| head.owner.as_ref() == Some(&session.owner)))
            }
            Err(error) => Err(error),
        }
    }
}
