//! What an invocation does with what it was sent.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    Outcome, Part, Phase, Request, Run, Seen, Shared, StreakRule, Timestamp, Verdict,
    drive::{Left, Session, drive},
    evidence::Evidence,
    gate::{self, Policy},
    ports::{Begun, Clock, Inject, Saved, Store, StoreError, Word},
    report::report,
    request::{Delivery, ParseError, StopOrder, StopWhat, SwitchOrder, parse},
    run::{AnswerCounts, EvidenceCounts, LAYOUT, Limits, OwnerId, RunId, StepState, Stop, Times},
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
}

impl DeliverError {
    /// A stable name for alarms and callers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Parse(error) => error.name(),
            Self::Store(_) => "StoreFailed",
            Self::NoSuchRun(_) => "NoSuchRun",
            Self::NothingToRelease(_) => "NothingToRelease",
            Self::WrongFunction(_) => "WrongFunction",
            Self::Busy(_) => "Busy",
        }
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
    match parse(document)? {
        Delivery::Start(request) => start(clock, store, make, invocation, &request).await,
        Delivery::Get(id) => {
            let run = store.load(&RunId(id.clone())).await?.ok_or(DeliverError::NoSuchRun(id))?;
            Ok(answer(&report(&run)))
        }
        Delivery::List(key) => {
            let runs = store.list(&key, 100).await?;
            Ok(json!({ "runs": runs.iter().map(report).collect::<Vec<_>>() }))
        }
        Delivery::Resume(id) => resume(clock, store, make, invocation, RunId(id), None).await,
        Delivery::Release(release) => {
            let id = RunId(release.run_id.clone());
            let run = store.load(&id).await?.ok_or_else(|| DeliverError::NoSuchRun(id.0.clone()))?;
            if !run.waits_for_people() {
                return Err(DeliverError::NothingToRelease(id.0));
            }
            // On record before it is acted upon: whoever carries the run on hears it.
            let number = store.say(&id, &Word::Release(release)).await?;
            resume(clock, store, make, invocation, id, Some(number)).await
        }
        Delivery::Stop(order) => stop(clock, store, order).await,
        Delivery::KillSwitch(SwitchOrder { engage, switch }) => {
            store.switch(&switch, engage).await?;
            let scope = switch.scope.to_string();
            Ok(json!({ "killSwitch": scope, "engaged": engage, "until": switch.until, "by": switch.by }))
        }
    }
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
    };
    left(drive(clock, store, &mut drill, &mut session, run).await)
}

/// Writes the word down, and answers what will be undone by whoever carries the runs on. Nobody is waited for: a run
/// that nobody carries on is the watchdog's.
async fn stop(clock: &impl Clock, store: &impl Store, order: StopOrder) -> Result<Value, DeliverError> {
    let StopOrder { what, stop } = order;
    let runs = match what {
        StopWhat::Run(id) => {
            let id = RunId(id);
            let there =
                || async { store.load(&id).await?.ok_or_else(|| DeliverError::NoSuchRun(id.0.clone())) };
            let mut run = there().await?;
            if run.phase != Phase::Finished {
                store.say(&id, &Word::Stop(stop.clone())).await?;
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

fn left(left: Left) -> Result<Value, DeliverError> {
    match left {
        Left::Finished(run) | Left::HandedOver(run) => Ok(answer(&report(&run))),
        Left::LostLease => Ok(json!({ "left": "another invocation carries the run on" })),
        Left::StoreLost(_, error) => Err(error.into()),
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

async fn resume<D: Inject>(
    clock: &impl Clock,
    store: &impl Store,
    make: impl FnOnce(&Request, &RunId) -> Result<D, String>,
    invocation: &Invocation,
    id: RunId,
    word: Option<u64>,
) -> Result<Value, DeliverError> {
    // Before the lease: a function that cannot carry this run on must not keep another one from it.
    let request = store.request(&id).await?.ok_or_else(|| DeliverError::NoSuchRun(id.0.clone()))?;
    let mut drill = make(&request, &id).map_err(DeliverError::WrongFunction)?;
    let mut session = Session {
        owner: invocation.owner.clone(),
        timing: invocation.timing,
        ends_at: invocation.ends_at,
        renewed_at: Duration::ZERO,
    };
    let run = match take(clock, store, &mut session, &id, word).await? {
        Taken::Ours(run) => run,
        Taken::NotOurs(run) => return Ok(answer(&report(&run))),
    };
    left(drive(clock, store, &mut drill, &mut session, *run).await)
}

/// What came of asking for a run's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is ours.
    Ours(Box<Run>),
    /// There is nothing to carry on: the run is finished, or its owner has heard the word.
    NotOurs(Box<Run>),
}

/// Makes the lease of a run ours: at once if it was released, else once the same version was seen
/// for as long as its holder could act on it. Clocks of other machines are not asked. Where it is only
/// wanted so that `word` is heard, hearing it is enough.
///
/// # Errors
/// [`DeliverError::Busy`] if its holder goes on saving until our time is over.
pub async fn take(
    clock: &impl Clock,
    store: &impl Store,
    session: &mut Session,
    id: &RunId,
    word: Option<u64>,
) -> Result<Taken, DeliverError> {
    let mut known: Option<(u64, Duration)> = None;
    loop {
        if clock.elapsed() >= session.ends_at {
            return Err(DeliverError::Busy(id.0.clone()));
        }
        let run = store.load(id).await?.ok_or_else(|| DeliverError::NoSuchRun(id.0.clone()))?;
        if run.phase == Phase::Finished || word.is_some_and(|number| run.heard >= number) {
            return Ok(Taken::NotOurs(Box::new(run)));
        }
        let since = match known {
            Some((version, since)) if version == run.version => since,
            _ => clock.elapsed(),
        };
        known = Some((run.version, since));
        let waited = clock.elapsed().saturating_sub(since) >= session.timing.takeover();
        if (run.owner.is_none() || waited)
            && let Some(ours) = claim(clock, store, session, &run).await?
        {
            return Ok(Taken::Ours(Box::new(ours)));
        }
        clock.sleep(session.timing.renew() / 3).await;
    }
}

/// Makes the lease of a run ours, whose holder is known to be gone as of this version; none if somebody else was
/// faster.
///
/// # Errors
/// The store failed, and it is not known whose it is.
pub async fn claim(
    clock: &impl Clock,
    store: &impl Store,
    session: &mut Session,
    run: &Run,
) -> Result<Option<Run>, StoreError> {
    let mut ours = run.clone();
    ours.owner = Some(session.owner.clone());
    ours.version = run.version + 1;
    // Its holder died, or is cut off: what it saw and did last may not be on record.
    if let (Some(injection), true) = (&mut ours.injection, run.owner.is_some()) {
        injection.unwatched = true;
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

/// The head of a new run.
#[must_use]
pub fn begin(request: &Request, invocation: &Invocation, now: Timestamp) -> Run {
    Run {
        layout: LAYOUT,
        run_id: request.identity(&invocation.request_id),
        environment: request.environment.as_str().into(),
        application: request.application.as_str().into(),
        drill: request.drill.as_str().into(),
        dependency: request.dependency.as_str().into(),
        mode: request.mode,
        caller: request.caller(),
        phase: Phase::Checking,
        verdict: None,
        outcome: None,
        reason: None,
        impaired: None,
        version: 1,
        starter: invocation.owner.clone(),
        owner: Some(invocation.owner.clone()),
        finished_by: None,
        deadline: Some(now.plus_millis(u64::from(request.run_within()) * 1_000)),
        limits: limits(request, &invocation.timing).into(),
        times: Times {
            scheduled: request.schedule.as_ref().map(|schedule| schedule.scheduled_at),
            started: Some(now),
            ..Times::default()
        },
        injection: None,
        lever: None,
        undo: Shared::default(),
        streaks: Vec::new(),
        answers: AnswerCounts::default(),
        stop: None,
        unwell_since: None,
        last_not_undone: None,
        last_not_failed_over: None,
        settled_at: None,
        roll_back_on_record: None,
        missing: None,
        hold: None,
        release: None,
        heard: 0,
        released_at: None,
        automation_said: None,
        pages: Vec::new(),
        evidence: EvidenceCounts::default(),
    }
}

fn limits(request: &Request, timing: &Timing) -> Limits {
    let ms = |seconds: u32| u64::from(seconds) * 1_000;
    let objective = &request.objective;
    let probes = request.steady_state.probes.iter().map(|probe| {
        let pause = if probe.kind.asks_aws() { timing.aws_poll_ms } else { timing.poll_ms };
        StreakRule {
            probe: probe.name.clone(),
            count: probe.count,
            hold_for_ms: ms(probe.hold_for_seconds),
            widest_gap_ms: 2 * pause + probe.kind.deadline_ms(timing.call_deadline_ms) + timing.poll_ms,
            part: Part::Steady,
        }
    });
    let identity = request.target.identity().into_iter().flat_map(|identity| {
        let rule = |name: &str, part| StreakRule {
            probe: format!("{name} serves"),
            count: identity.count,
            hold_for_ms: ms(identity.hold_for_seconds),
            widest_gap_ms: 3 * timing.poll_ms + u64::from(identity.deadline_ms),
            part,
        };
        [rule(&identity.primary, Part::Primary), rule(&identity.standby, Part::Standby)]
    });
    Limits {
        probes: probes.chain(identity).collect(),
        baseline_within_ms: ms(request.steady_state.within_seconds),
        inject_within_ms: ms(objective.inject_within_seconds),
        rto_ms: ms(objective.rto_seconds),
        give_up_after_ms: ms(objective.give_up_after()),
        restore_within_ms: ms(objective.restore_within_seconds),
        // Whoever waits for it may read another clock than whoever sent the call.
        settle_ms: timing.settle_ms + timing.margin_ms,
        consistency_ms: timing.margin_ms,
        patience_ms: 2 * timing.aws_poll_ms + 2 * timing.call_deadline_ms + timing.margin_ms,
        retry_pause_ms: timing.aws_poll_ms,
    }
}
