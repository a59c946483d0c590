//! What an invocation does with what it was sent.

mod new_run;
mod stop;

pub use new_run::new_run;

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    Outcome, Phase, Request, Run, Timestamp, Tristate, Verdict,
    evidence::Evidence,
    gate::{self, Policy},
    kill_switch::Switch,
    lease::{self, LeaseResult},
    ports::{Begun, Clock, Inject, OperatorCommand, Store, StoreError},
    report::report,
    request::{Delivery, ParseError, Problem, Release, SwitchOrder, parse},
    run::{OwnerId, RunId},
    run_loop::{LoopExit, Session, run_loop},
    timing::Timing,
};

/// What an invocation knows about itself.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The request id; a retry keeps it.
    pub request_id: String,
    /// Unique to this invocation.
    pub owner: OwnerId,
    /// When to hand over, as time since the invocation began.
    pub ends_at: Duration,
    /// The stack's numbers.
    pub timing: Timing,
    /// What the stack allows.
    pub policy: Policy,
}

/// Why a delivery could not be answered.
#[derive(Debug, Error)]
pub enum DispatchError {
    /// It cannot be acted on; nothing was recorded.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The store failed before anything was touched, or its answer never came.
    #[error("{0}; nothing was injected by this invocation")]
    Store(#[from] StoreError),
    /// The store could not be reached any more while a run was carried on.
    #[error(
        "{error}; run `{run_id}` was {phase}, and its last steps may not be on record: what may have been injected is \
         taken back by the watchdog, from the record, once the lease of this invocation has run out"
    )]
    StoreLost {
        /// Which run.
        run_id: RunId,
        /// Where it stood.
        phase: Phase,
        /// What the store said last.
        error: StoreError,
    },
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// A run that is neither held nor failed to roll back goes its own way.
    #[error("run `{0}` is neither held nor did its rollback fail: there is nothing to release")]
    NothingToRelease(String),
    /// The request is for another drill function.
    #[error("{0}; nothing was touched")]
    WrongFunction(String),
    /// Another invocation is carrying the run on.
    #[error("run `{0}` is being carried on by another invocation")]
    Busy(String),
    /// A word was written down, and it was not this invocation that acted on it.
    #[error("{then}; the word on run `{run_id}` is on record, and whoever carries the run on hears it")]
    CommandRecorded {
        /// On which run.
        run_id: RunId,
        /// What came then.
        then: Box<Self>,
    },
}

impl DispatchError {
    /// A stable name for alarms and callers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Parse(error) => error.name(),
            Self::Store(_) => "StoreFailed",
            Self::StoreLost { .. } => "StoreLost",
            Self::NoSuchRun(_) => "NoSuchRun",
            Self::NothingToRelease(_) => "NothingToRelease",
            Self::WrongFunction(_) => "WrongFunction",
            Self::Busy(_) => "Busy",
            Self::CommandRecorded { then, .. } => then.name(),
        }
    }

    /// What is said about it once a word on this run is on record.
    fn with_recorded_command(self, id: &RunId) -> Self {
        Self::CommandRecorded { run_id: id.clone(), then: Box::new(self) }
    }
}

/// Answers one delivery. `make` builds the drill for a request, once it is known.
///
/// # Errors
/// See [`DispatchError`].
pub async fn deliver<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    invocation: &Invocation,
    document: &Value,
) -> Result<Value, DispatchError> {
    dispatch_delivery(clock, store, make, invocation, parse(document)?).await
}

/// Answers a delivery that was read.
///
/// # Errors
/// See [`DispatchError`].
pub async fn dispatch_delivery<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    invocation: &Invocation,
    delivery: Delivery,
) -> Result<Value, DispatchError> {
    match delivery {
        Delivery::Start(request) => start(clock, store, make, invocation, &request).await,
        Delivery::Get(id) => {
            let run = store.load(&RunId(id.clone())).await?.ok_or(DispatchError::NoSuchRun(id))?;
            Ok(answer(&report(&run)))
        }
        Delivery::List(key) => {
            let runs = store.list(&key, 100).await?;
            Ok(json!({ "runs": runs.iter().map(report).collect::<Vec<_>>() }))
        }
        Delivery::Resume(id) => {
            let id = RunId(id);
            let drill = drill_of(store, make, &id).await?;
            resume(clock, store, drill, invocation, &id, None).await
        }
        Delivery::Release(release) => {
            let id = RunId(release.run_id.clone());
            let run = store.load(&id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone()))?;
            if !run.awaits_operator() {
                return Err(DispatchError::NothingToRelease(id.0));
            }
            let drill = match drill_of(store, make, &id).await {
                // Before anything is written: nothing comes of what is sent to the wrong function.
                Err(wrong @ DispatchError::WrongFunction(_)) => return Err(wrong),
                Err(DispatchError::NoSuchRun(_)) => {
                    Err(StoreError::Refused("the request that it was begun with is gone".to_owned()).into())
                }
                drill => drill,
            };
            // On record before it is acted upon: whoever carries the run on hears it, even if it cannot be us.
            let release = Release { given_at: Some(clock.now()), ..release };
            let number = store.record_command(&id, &OperatorCommand::Release(release)).await?;
            let drill = drill.map_err(|error| error.with_recorded_command(&id))?;
            resume(clock, store, drill, invocation, &id, Some(number)).await
        }
        Delivery::Stop(order) => stop::stop(clock, store, order).await,
        Delivery::KillSwitch(order) => switch(clock, store, &order).await,
    }
}

/// Engages a switch or takes it away, and answers what holds then.
async fn switch(clock: &impl Clock, store: &impl Store, order: &SwitchOrder) -> Result<Value, DispatchError> {
    let SwitchOrder { engage, switch } = order;
    if let Some(until) = switch.until
        && *engage
        && !switch.is_engaged(clock.now())
    {
        let field = "killSwitch.until".to_owned();
        let what = format!(
            "({until}) is over already: give a moment to come, or leave it out until a person ends it"
        );
        return Err(ParseError::Invalid(vec![Problem { field, what }]).into());
    }
    let holds = store.switch(switch, *engage).await?;
    let Switch { scope, by, until, .. } = holds.as_ref().unwrap_or(switch);
    let mut answer =
        json!({ "killSwitch": scope.to_string(), "engaged": holds.is_some(), "until": until, "by": by });
    if let Some(there) = holds.as_ref().filter(|there| *there != switch) {
        answer["note"] = json!("it was engaged already, for at least as long, and stays as it was");
        answer["reason"] = json!(there.reason);
    }
    Ok(answer)
}

async fn start<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    invocation: &Invocation,
    request: &Request,
) -> Result<Value, DispatchError> {
    let now = clock.now();
    let mut run = new_run(request, invocation, now);
    let mut drill = make(request, &run.run_id).map_err(DispatchError::WrongFunction)?;
    if !request.execute {
        return plan(clock, store, &mut drill, invocation, request, run).await;
    }
    let late = gate::lateness(request, now);
    if late.open != Tristate::Yes {
        let reason = format!("gate `{}` is closed: {}", late.gate, late.why);
        return skipped(store, request, run, reason, now).await;
    }
    let renewed_at = clock.elapsed();
    match store.begin(&run, request).await {
        Ok(Begun::Begun) => {}
        Ok(Begun::Exists(there)) => return Ok(answer(&report(&there))),
        Ok(Begun::Locked(holder)) => {
            let reason = format!(
                "gate `one run` is closed: run `{holder}` holds `{}` in `{}`",
                request.application, request.environment
            );
            return skipped(store, request, run, reason, now).await;
        }
        Err(error @ StoreError::Unknown(_)) => match store.load(&run.run_id).await? {
            // It was done though its answer was lost.
            Some(there) if there.owner.as_ref() == Some(&invocation.owner) => run = there,
            Some(there) => return Ok(answer(&report(&there))),
            None => return Err(error.into()),
        },
        Err(error) => return Err(error.into()),
    }
    let mut session = Session {
        owner: invocation.owner.clone(),
        timing: invocation.timing,
        ends_at: invocation.ends_at,
        renewed_at,
        yields: false,
    };
    answer_exit(run_loop(clock, store, &mut drill, &mut session, run).await)
}

fn answer_exit(exit: LoopExit) -> Result<Value, DispatchError> {
    match exit {
        LoopExit::Finished(run) | LoopExit::HandedOver(run) => Ok(answer(&report(&run))),
        LoopExit::LostLease => Ok(json!({ "left": "another invocation carries the run on" })),
        LoopExit::StoreLost(run, error) => {
            let Run { run_id, phase, .. } = *run;
            Err(DispatchError::StoreLost { run_id, phase, error })
        }
    }
}

fn answer(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| json!({ "unreadable": error.to_string() }))
}

async fn skipped(
    store: &impl Store,
    request: &Request,
    mut run: Run,
    reason: String,
    now: Timestamp,
) -> Result<Value, DispatchError> {
    run.verdict = Some(Verdict::Skipped);
    run.reason = Some(reason);
    over(&mut run, Outcome::Skipped, now);
    match store.record(&run, request).await? {
        Begun::Exists(there) => Ok(answer(&report(&there))),
        Begun::Begun | Begun::Locked(_) => Ok(answer(&report(&run))),
    }
}

fn over(run: &mut Run, outcome: Outcome, now: Timestamp) {
    run.phase = Phase::Finished;
    run.outcome = Some(outcome);
    run.finished_by = run.owner.take();
    run.times.finished = Some(now);
}

async fn plan<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    drill: &mut D,
    invocation: &Invocation,
    request: &Request,
    mut run: Run,
) -> Result<Value, DispatchError> {
    let mut plan = drill.plan(&run).await;
    let now = clock.now();
    plan.gates = gate::from_request(request, &invocation.policy, now);
    plan.gates.push(gate::lateness(request, now));
    plan.gates.extend(gate::recorded(&store.control_state(&run).await, &invocation.timing, now));
    run.reason = Some(if plan.could_run() {
        "nothing that could be looked at speaks against executing".to_owned()
    } else {
        plan.refused
            .clone()
            .or_else(|| gate::closed(&plan.gates))
            .unwrap_or_else(|| "a probe does not answer yes, or a permission is denied".to_owned())
    });
    over(&mut run, Outcome::Planned, now);
    run.evidence.written = 1;
    store.record(&run, request).await?;
    let item = Evidence::Plan { at: now, plan: Box::new(plan.clone()) };
    store.append(&run.run_id, &[(format!("evidence#{:014}#plan", now.as_millis()), item)]).await?;
    let mut answer = answer(&report(&run));
    answer["couldRun"] = json!(plan.could_run());
    answer["plan"] = json!(plan);
    Ok(answer)
}

/// The drill that carries a run on. Asked for before the lease: a function that cannot do it must not keep another
/// one from it.
async fn drill_of<D: Inject>(
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    id: &RunId,
) -> Result<D, DispatchError> {
    let request = store.request(id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone()))?;
    make(&request, id).map_err(DispatchError::WrongFunction)
}

async fn resume<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    mut drill: D,
    invocation: &Invocation,
    id: &RunId,
    command: Option<u64>,
) -> Result<Value, DispatchError> {
    let mut session = Session {
        owner: invocation.owner.clone(),
        timing: invocation.timing,
        ends_at: invocation.ends_at,
        renewed_at: Duration::ZERO,
        yields: false,
    };
    let taken = lease::acquire(clock, store, &mut session, id, command).await;
    let run = match taken
        .map_err(|error| if command.is_some() { error.with_recorded_command(id) } else { error })?
    {
        LeaseResult::Acquired(run) => run,
        LeaseResult::NotNeeded(run) => return Ok(answer(&report(&run))),
    };
    answer_exit(run_loop(clock, store, &mut drill, &mut session, *run).await)
}
