//! Stop: an operator ends one run, or every run of an application, early.

use serde_json::{Value, json};

use super::{DispatchError, note};
use crate::{
    Phase, Run, Verdict,
    answer::list,
    engine::Engine,
    ports::{Clock, OperatorCommand, Store, StoreError},
    request::{StopOrder, StopWhat},
    run::{RunId, StepState, Stop},
};

impl<C: Clock, S: Store, F, I> Engine<'_, C, S, F, I> {
    /// Records the stop, and answers what will be undone. It waits for nobody: each run's owner applies the stop at its next
    /// look, and the watchdog does so for a run whose owner is gone.
    pub(super) async fn stop(&self, order: StopOrder) -> Result<Value, DispatchError> {
        let StopOrder { what, stop, notes } = order;
        let runs = match what {
            StopWhat::Run(id) => vec![will_be_undone(&self.stop_run(&RunId(id), &stop).await?, &stop)],
            StopWhat::Application(name) => self.stop_application(&name, &stop).await?,
        };
        let Stop { by, reason } = stop;
        let mut answer = json!({ "stop": { "by": by, "reason": reason } });
        list(&mut answer, "runs", runs);
        note(&mut answer, &notes);
        Ok(answer)
    }

    /// Records the stop of one run, and answers its head.
    async fn stop_run(&self, id: &RunId, stop: &Stop) -> Result<Run, DispatchError> {
        let load =
            || async { self.store.load(id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone())) };
        let run = load().await?;
        if run.phase == Phase::Finished {
            return Ok(run);
        }
        self.store.record_command(id, &OperatorCommand::Stop(stop.clone())).await?;
        // Loaded again: once the stop is on record the run injects nothing more, so this head shows everything that it may
        // have touched.
        load().await
    }

    /// Records the stop of an application for runs that begin now, which no index shows yet; and for each open run of it. A
    /// run compares the former with the moment at which it began, by another clock than this one: only what is recorded for
    /// the run itself is certain to be applied.
    ///
    /// # Errors
    /// The stop could not be recorded for a run. It was for all others.
    async fn stop_application(&self, name: &str, stop: &Stop) -> Result<Vec<Value>, DispatchError> {
        self.store.stop_application(name, stop, self.clock.now()).await?;
        let (mut runs, mut missed) = (Vec::new(), Vec::new());
        for id in self.store.open().await? {
            if id.application().is_some_and(|application| application != name) {
                continue;
            }
            match self.stop_open_run(&id, name, stop).await {
                Ok(run) => runs.extend(run),
                Err(error) => missed.push((id, error)),
            }
        }
        match missed.into_iter().next() {
            None => Ok(runs),
            Some((run_id, error)) => Err(DispatchError::StopNotRecorded { run_id, error }),
        }
    }

    /// Records the stop for one open run, if it is one of this application, and answers what will be undone.
    async fn stop_open_run(&self, id: &RunId, name: &str, stop: &Stop) -> Result<Option<Value>, StoreError> {
        // One that is finished because of this stop is ours, too.
        let is_stopped = |run: &Run| run.stop.as_ref() == Some(stop);
        let is_ours =
            |run: &Run| run.application.as_str() == name && (run.phase != Phase::Finished || is_stopped(run));
        match self.store.load(id).await {
            Ok(Some(run)) if !is_ours(&run) => return Ok(None),
            Ok(None) => return Ok(None),
            // A stop changes nothing any more, and would take away a release that is not applied yet.
            Ok(Some(run)) if run.is_rolling_back() => return Ok(Some(will_be_undone(&run, stop))),
            Ok(Some(_)) | Err(_) => {}
        }
        self.store.record_command(id, &OperatorCommand::Stop(stop.clone())).await?;
        Ok(match self.store.load(id).await {
            Ok(run) => run.filter(is_ours).map(|run| will_be_undone(&run, stop)),
            Err(error) => Some(json!({ "runId": id, "unreadable": error.to_string() })),
        })
    }
}

/// What the stop of this run leads to, and which undo steps are still open.
fn will_be_undone(run: &Run, stop: &Stop) -> Value {
    // Its owner may have applied the stop before we read the head again.
    let ended_it = run.stop.as_ref() == Some(stop) && run.verdict.is_none_or(|is| is == Verdict::Stopped);
    let then = match run.phase {
        Phase::Finished if ended_it => "the run stopped, and is finished",
        Phase::RollingBack | Phase::Verifying | Phase::Held if ended_it => {
            "the run stopped, and is being rolled back"
        }
        Phase::Finished => "the run is finished: nothing changes",
        Phase::Pending | Phase::Checking => "nothing was touched: the run ends as skipped",
        Phase::Injecting | Phase::Recovering => "the run stops and is rolled back",
        Phase::RollingBack | Phase::Verifying | Phase::Held => {
            "the run is being rolled back already: nothing changes"
        }
    };
    let open = run.undo.iter().filter(|step| step.progress.state == StepState::Open);
    let undo: Vec<Value> = open
        .map(|step| {
            json!({
                "service": step.service, "action": step.action, "region": step.region,
                "resources": step.resources, "movesTraffic": step.moves_traffic
            })
        })
        .collect();
    json!({ "runId": run.run_id, "phase": run.phase, "then": then, "willBeUndone": undo })
}
