//! A person's word that something stops.

use serde_json::{Value, json};

use super::DispatchError;
use crate::{
    Phase, Run,
    ports::{Clock, OperatorCommand, Store},
    request::{StopOrder, StopWhat},
    run::{RunId, StepState, Stop},
};

/// Writes the word down, and answers what will be undone by whoever carries the runs on. Nobody is waited for: a run
/// that nobody carries on is the watchdog's.
pub(super) async fn stop(
    clock: &impl Clock,
    store: &impl Store,
    order: StopOrder,
) -> Result<Value, DispatchError> {
    let StopOrder { what, stop } = order;
    let runs = match what {
        StopWhat::Run(id) => {
            let id = RunId(id);
            let there =
                || async { store.load(&id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone())) };
            let mut run = there().await?;
            if run.phase != Phase::Finished {
                store.record_command(&id, &OperatorCommand::Stop(stop.clone())).await?;
                // What it had touched when the word was on record: after that it injects nothing more.
                run = there().await?;
            }
            vec![will_be_undone(&run)]
        }
        StopWhat::Application(name) => {
            store.stop_application(&name, &stop, clock.now()).await?;
            let mut runs = Vec::new();
            for id in store.open().await? {
                match store.load(&id).await {
                    Ok(Some(run)) if *run.application == *name && run.phase != Phase::Finished => {
                        runs.push(will_be_undone(&run));
                    }
                    Ok(_) => {}
                    // It may be of this application or not; the word holds for it all the same.
                    Err(error) => runs.push(json!({ "runId": id, "unreadable": error.to_string() })),
                }
            }
            runs
        }
    };
    let Stop { by, reason } = stop;
    Ok(json!({ "stop": { "by": by, "reason": reason }, "runs": runs }))
}

/// What follows from a stop of this run.
fn will_be_undone(run: &Run) -> Value {
    let then = match run.phase {
        Phase::Finished => "it is over: nothing follows",
        Phase::Pending | Phase::Checking => "nothing was touched: it is skipped",
        Phase::Injecting | Phase::Recovering => "it stops, and is rolled back",
        Phase::RollingBack | Phase::Verifying | Phase::Held => {
            "it is being rolled back already: nothing changes"
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
