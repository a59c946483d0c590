//! What an invocation does with what it was sent.

mod head;
mod stop;
mod take;

pub use head::begin;
pub use take::{Taken, claim, take};

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    Outcome, Phase, Request, Run, Seen, Timestamp, Verdict,
    drive::{Left, Session, drive},
    evidence::Evidence,
    gate::{self, Policy},
    ports::{Begun, Clock, Inject, Store, StoreError, Word},
    report::report,
    request::{Delivery, ParseError, Problem, Release, SwitchOrder, parse},
    run::{OwnerId, RunId},
    switch::Switch,
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
pub enum DeliverError {
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
    Said {
        /// On which run.
        run_id: RunId,
        /// What came then.
        then: Box<Self>,
    },
}

impl DeliverError {
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
            Self::Said { then, .. } => then.name(),
        }
    }

    /// What is said about it once a word on this run is on record.
    fn after_a_word(self, id: &RunId) -> Self {
        Self::Said { run_id: id.clone(), then: Box::new(self) }
    }
}

/// Answers one delivery. `make` builds the drill for a request, once it is known.
///
/// # Errors
/// See [`DeliverError`].
pub async fn deliver<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    invocation: &Invocation,
    document: &Value,
) -> Result<Value, DeliverError> {
    act_on(clock, store, make, invocation, parse(document)?).await
}

/// Answers a delivery that was read.
///
/// # Errors
/// See [`DeliverError`].
pub async fn act_on<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    invocation: &Invocation,
    delivery: Delivery,
) -> Result<Value, DeliverError> {
    match delivery {
        Delivery::Start(request) => start(clock, store, make, invocation, &request).await,
        Delivery::Get(id) => {
            let run = store.load(&RunId(id.clone())).await?.ok_or(DeliverError::NoSuchRun(id))?;
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
            let run = store.load(&id).await?.ok_or_else(|| DeliverError::NoSuchRun(id.0.clone()))?;
            if !run.waits_for_people() {
                return Err(DeliverError::NothingToRelease(id.0));
            }
            let drill = match drill_of(store, make, &id).await {
                // Before anything is written: nothing comes of what is sent to the wrong function.
                Err(wrong @ DeliverError::WrongFunction(_)) => return Err(wrong),
                Err(DeliverError::NoSuchRun(_)) => {
                    Err(StoreError::Refused("the request that it was begun with is gone".to_owned()).into())
                }
                drill => drill,
            };
            // On record before it is acted upon: whoever carries the run on hears it, even if it cannot be us.
            let release = Release { said_at: Some(clock.now()), ..release };
            let number = store.say(&id, &Word::Release(release)).await?;
            let drill = drill.map_err(|error| error.after_a_word(&id))?;
            resume(clock, store, drill, invocation, &id, Some(number)).await
        }
        Delivery::Stop(order) => stop::stop(clock, store, order).await,
        Delivery::KillSwitch(order) => switch(clock, store, &order).await,
    }
}

/// Engages a switch or takes it away, and answers what holds then.
async fn switch(clock: &impl Clock, store: &impl Store, order: &SwitchOrder) -> Result<Value, DeliverError> {
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
) -> Result<Value, DeliverError> {
    let now = clock.now();
    let mut run = begin(request, invocation, now);
    let mut drill = make(request, &run.run_id).map_err(DeliverError::WrongFunction)?;
    if !request.execute {
        return plan(clock, store, &mut drill, invocation, request, run).await;
    }
    let late = gate::lateness(request, now);
    if late.open != Seen::Yes {
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
    left(drive(clock, store, &mut drill, &mut session, run).await)
}

fn left(left: Left) -> Result<Value, DeliverError> {
    match left {
        Left::Finished(run) | Left::HandedOver(run) => Ok(answer(&report(&run))),
        Left::LostLease => Ok(json!({ "left": "another invocation carries the run on" })),
        Left::StoreLost(run, error) => {
            let Run { run_id, phase, .. } = *run;
            Err(DeliverError::StoreLost { run_id, phase, error })
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
) -> Result<Value, DeliverError> {
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
) -> Result<Value, DeliverError> {
    let mut plan = drill.plan(&run).await;
    let now = clock.now();
    plan.gates = gate::standing(request, &invocation.policy, now);
    plan.gates.push(gate::lateness(request, now));
    plan.gates.extend(gate::recorded(&store.orders(&run).await, &invocation.timing, now));
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
) -> Result<D, DeliverError> {
    let request = store.request(id).await?.ok_or_else(|| DeliverError::NoSuchRun(id.0.clone()))?;
    make(&request, id).map_err(DeliverError::WrongFunction)
}

async fn resume<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    mut drill: D,
    invocation: &Invocation,
    id: &RunId,
    word: Option<u64>,
) -> Result<Value, DeliverError> {
    let mut session = Session {
        owner: invocation.owner.clone(),
        timing: invocation.timing,
        ends_at: invocation.ends_at,
        renewed_at: Duration::ZERO,
        yields: false,
    };
    let taken = take(clock, store, &mut session, id, word).await;
    let run = match taken.map_err(|error| if word.is_some() { error.after_a_word(id) } else { error })? {
        Taken::Ours(run) => run,
        Taken::NotOurs(run) => return Ok(answer(&report(&run))),
    };
    left(drive(clock, store, &mut drill, &mut session, *run).await)
}
