//! Stop: an operator ends one run, or every run of an application, early.

use serde_json::{Value, json};

use super::DispatchError;
use crate::{
    Phase, Run,
    engine::Engine,
    ports::{Clock, OperatorCommand, Store},
    request::{StopOrder, StopWhat},
    run::{RunId, StepState, Stop},
};

impl<C: Clock, S: Store, F, I> Engine<'_, C, S, F, I> {
    /// Records the stop, and answers what will be undone. It waits for nobody: each run's owner applies the stop at its next
    /// look, and the watchdog does so for a run whose owner is gone.
    pub(super) async fn stop(&self, order: StopOrder) -> Result<Value, DispatchError> {
        let Self { clock, store, .. } = *self;
        let StopOrder { what, stop } = order;
        let runs = match what {
            StopWhat::Run(id) => {
                let id = RunId(id);
                let load =
                    || async { store.load(&id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone())) };
                let mut run = load().await?;
                if run.phase != Phase::Finished {
                    store.record_command(&id, &OperatorCommand::Stop(stop.clone())).await?;
                    // Loaded again: once the stop is on record the run injects nothing more, so this head shows everything that
                    // it may have touched.
                    run = load().await?;
                }
                vec![will_be_undone(&run)]
            }
            StopWhat::Application(name) => {
                store.stop_application(&name, &stop, clock.now()).await?;
                let mut runs = Vec::new();
                for id in store.open().await? {
                    match store.load(&id).await {
                        Ok(Some(run)) if run.application.as_str() == name && run.phase != Phase::Finished => {
                            runs.push(will_be_undone(&run));
                        }
                        Ok(_) => {}
                        // It may belong to this application; the recorded stop then applies to it as well.
                        Err(error) => runs.push(json!({ "runId": id, "unreadable": error.to_string() })),
                    }
                }
                runs
            }
        };
        let Stop { by, reason } = stop;
        Ok(json!({ "stop": { "by": by, "reason": reason }, "runs": runs }))
    }
}

/// What the stop of this run leads to, and which undo steps are still open.
fn will_be_undone(run: &Run) -> Value {
    let then = match run.phase {
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
