//! Dispatch: reads one delivery, starts, resumes or controls a run, and returns the answer.

mod new_run;
mod stop;

pub use new_run::new_run;

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    Outcome, Phase, Request, Run, Timestamp, Tristate, Verdict,
    answer::list,
    engine::Engine,
    evidence::Evidence,
    gate::{self, Policy},
    kill_switch::Switch,
    lease::LeaseResult,
    plan::Permission,
    ports::{
        Begun, Clock, Drill as _, Drills, InjectingCall, Injector, OperatorCommand, Store, StoreError,
        WrongFunction,
    },
    report::report,
    request::{Delivery, ParseError, Problem, Release, SwitchOrder, WrittenDocument, parse, parse_written},
    run::{Limits, OwnerId, RunId},
    run_loop::{LoopExit, Session},
};

/// One invocation of a drill function: its identity, its time and the stack's parameters.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The Lambda request id; asynchronous retries keep it.
    pub request_id: String,
    /// The owner that this invocation writes into a head; unique to the invocation.
    pub owner: OwnerId,
    /// When to hand the run over, as time since the invocation began.
    pub ends_at: Duration,
    /// What the stack allows, whatever a request says.
    pub policy: Policy,
}

/// Why a delivery was answered with an error.
#[derive(Debug, Error)]
pub enum DispatchError {
    /// The delivery cannot be read or is not valid; nothing was recorded.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The store failed before this invocation touched anything, or its answer was lost.
    #[error("{0}; nothing was injected by this invocation")]
    Store(#[from] StoreError),
    /// The store became unreachable while this invocation owned a run.
    #[error(
        "{error}; run `{run_id}` was {phase}, and its last steps may not be on record: once the lease of this invocation \
         has expired, what may have been injected is rolled back by the watchdog, from the record"
    )]
    StoreLost {
        /// The run.
        run_id: RunId,
        /// Its phase in memory when the invocation ended.
        phase: Phase,
        /// The store's last error.
        error: StoreError,
    },
    /// No run has this id.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// The run is neither held nor did its rollback fail, so it needs no operator.
    #[error("run `{0}` is neither held nor did its rollback fail: there is nothing to release")]
    NothingToRelease(String),
    /// The stop of an application is on record, but not for one of its open runs.
    #[error(
        "{error}; the stop is on record for the application, but it could not be recorded for run `{run_id}`, which may \
         miss it: send it again"
    )]
    StopNotRecorded {
        /// The run.
        run_id: RunId,
        /// Why not.
        error: StoreError,
    },
    /// The request belongs to another drill function: why, and which one.
    #[error("{0}; nothing was touched")]
    WrongFunction(#[from] WrongFunction),
    /// Another invocation owns the run and keeps renewing its lease.
    #[error("run `{0}` is owned by another invocation, which keeps renewing its lease")]
    Busy(String),
    /// An operator command was recorded, but this invocation could not apply it.
    #[error(
        "{then}; the command for run `{run_id}` is on record, and the run's owner or the watchdog will apply it"
    )]
    CommandRecorded {
        /// The run.
        run_id: RunId,
        /// Why this invocation could not apply it.
        then: Box<Self>,
    },
}

impl DispatchError {
    /// A stable name for alarms and callers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Parse(error) => error.name(),
            Self::Store(_) | Self::StopNotRecorded { .. } => "StoreFailed",
            Self::StoreLost { .. } => "StoreLost",
            Self::NoSuchRun(_) => "NoSuchRun",
            Self::NothingToRelease(_) => "NothingToRelease",
            Self::WrongFunction(_) => "WrongFunction",
            Self::Busy(_) => "Busy",
            Self::CommandRecorded { then, .. } => then.name(),
        }
    }

    /// Adds that an operator command for this run is on record.
    fn with_recorded_command(self, id: &RunId) -> Self {
        Self::CommandRecorded { run_id: id.clone(), then: Box::new(self) }
    }
}

impl<C: Clock, S: Store, F: Drills, I: Injector> Engine<'_, C, S, F, I> {
    /// Answers one delivery.
    ///
    /// # Errors
    /// See [`DispatchError`].
    pub async fn dispatch(&self, invocation: &Invocation, document: &Value) -> Result<Value, DispatchError> {
        self.dispatch_delivery(invocation, parse(document)?).await
    }

    /// Answers one delivery as it was written: what stands in it twice is refused, and not overwritten.
    ///
    /// # Errors
    /// See [`DispatchError`].
    pub async fn dispatch_written(
        &self,
        invocation: &Invocation,
        document: &WrittenDocument,
    ) -> Result<Value, DispatchError> {
        self.dispatch_delivery(invocation, parse_written(document)?).await
    }

    /// Answers a delivery that was parsed already.
    ///
    /// # Errors
    /// See [`DispatchError`].
    pub async fn dispatch_delivery(
        &self,
        invocation: &Invocation,
        delivery: Delivery,
    ) -> Result<Value, DispatchError> {
        match delivery {
            Delivery::Start(request) => self.start(invocation, &request).await,
            Delivery::Get(id) => {
                let run = self.store.load(&RunId(id.clone())).await?.ok_or(DispatchError::NoSuchRun(id))?;
                Ok(answer(&report(&run)))
            }
            Delivery::List(key) => {
                let runs = self.store.list(&key, 100).await?;
                let mut listed = json!({});
                list(&mut listed, "runs", runs.iter().map(|run| answer(&report(run))));
                Ok(listed)
            }
            Delivery::Resume(id) => {
                let id = RunId(id);
                let drill = self.drill_of(&id).await?;
                self.resume(drill, invocation, &id, None).await
            }
            Delivery::Release(release) => self.release(invocation, release).await,
            Delivery::Stop(order) => self.stop(order).await,
            Delivery::KillSwitch(order) => self.switch(order).await,
        }
    }

    /// Starts a run, or plans one. A run that is too late, or finds the application locked, is recorded as skipped.
    async fn start(&self, invocation: &Invocation, request: &Request) -> Result<Value, DispatchError> {
        let Self { clock, store, .. } = *self;
        let now = clock.now();
        let mut run = new_run(request, invocation, &self.timing, now);
        let mut drill = self.drills.drill(request)?;
        if let Some(what) = run.outgrows() {
            let problem = Problem { field: "steadyState.probes".to_owned(), what };
            return Err(ParseError::Invalid(vec![problem]).into());
        }
        if !request.execute {
            return self.plan(&mut drill, invocation, request, run).await;
        }
        let early = gate::earliness(request, self.timing.margin, now);
        if early.open != Tristate::Yes {
            // Refused, not recorded: the record would take the identity of the delivery that comes in time.
            let field = "schedule.scheduledAt".to_owned();
            let what = format!("is in the future: this delivery comes {}", early.why);
            return Err(ParseError::Invalid(vec![Problem { field, what }]).into());
        }
        let late = gate::lateness(request, now);
        if late.open != Tristate::Yes {
            let reason = format!("gate `{}` is closed: {}", late.gate, late.why);
            return self.skipped(request, run, reason, now).await;
        }
        let renewed_at = clock.elapsed();
        match store.begin(&run, request).await {
            Ok(Begun::Begun) => {}
            Ok(Begun::Exists(head)) => return Ok(answer(&report(&head))),
            Ok(Begun::Locked(holder)) => {
                let reason = format!(
                    "gate `one run` is closed: run `{holder}` holds `{}` in `{}`",
                    request.application, request.environment
                );
                return self.skipped(request, run, reason, now).await;
            }
            Err(error @ StoreError::Unknown(_)) => match store.load(&run.run_id).await? {
                // Our transaction was executed although its answer was lost.
                Some(head) if head.owner.as_ref() == Some(&invocation.owner) => run = head,
                Some(head) => return Ok(answer(&report(&head))),
                None => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
        let mut session = Session { renewed_at, ..invocation.session() };
        answer_exit(self.run_loop(&mut drill, &mut session, run).await)
    }

    /// Records a run that ends before it began: nothing was touched.
    async fn skipped(
        &self,
        request: &Request,
        mut run: Run,
        reason: String,
        now: Timestamp,
    ) -> Result<Value, DispatchError> {
        run.verdict = Some(Verdict::Skipped);
        run.reason = Some(reason);
        close(&mut run, Outcome::Skipped, now);
        run.fit();
        match self.store.record(&run, request).await? {
            Begun::Exists(head) => Ok(answer(&report(&head))),
            Begun::Begun | Begun::Locked(_) => Ok(answer(&report(&run))),
        }
    }

    /// Plans a run: reads everything it would need, touches nothing, and records the plan.
    async fn plan(
        &self,
        drill: &mut F::Drill,
        invocation: &Invocation,
        request: &Request,
        mut run: Run,
    ) -> Result<Value, DispatchError> {
        let Self { clock, store, .. } = *self;
        let mut plan = drill.plan(&run).await;
        let planned = Run { undo: plan.undo.clone().into(), ..run.clone() };
        plan.refused = plan.refused.or_else(|| planned.outgrows());
        plan.permissions.splice(0..0, self.permissions(&drill.dry_runs(&plan)).await);
        let now = clock.now();
        plan.gates = gate::from_request(request, &invocation.policy, now);
        plan.gates.push(gate::earliness(request, self.timing.margin, now));
        plan.gates.push(gate::lateness(request, now));
        plan.notes.extend(request.window_notes(now));
        plan.notes.extend(outlasts(&run, invocation.ends_at));
        plan.gates.extend(gate::recorded(&store.control_state(&run).await, &self.timing, now));
        run.reason = Some(if plan.could_run() {
            "a run could start: every gate is open, every probe answers yes, and no permission is denied"
                .to_owned()
        } else {
            plan.refused.clone().or_else(|| gate::closed(&plan.gates)).unwrap_or_else(|| {
                "a run could not start: a probe does not answer yes, or a permission is denied".to_owned()
            })
        });
        close(&mut run, Outcome::Planned, now);
        run.fit();
        run.evidence.written = 1;
        store.record(&run, request).await?;
        let item = Evidence::Plan { at: now, plan: Box::new(plan.clone()) };
        store.append(&run.run_id, &[(format!("evidence#{:014}#plan", now.as_millis()), item)]).await?;
        let mut answer = answer(&report(&run));
        answer["couldRun"] = json!(plan.could_run());
        answer["plan"] = json!(plan);
        Ok(answer)
    }

    /// Asks AWS whether these calls may be sent.
    async fn permissions(&self, calls: &[InjectingCall]) -> Vec<Permission> {
        let Some(injector) = self.injector else { return Vec::new() };
        join_all(calls.iter().map(|call| injector.permission(call))).await
    }

    /// The drill of a recorded run. Built before the lease is acquired: a function that cannot continue the run must not keep
    /// the lease from one that can.
    async fn drill_of(&self, id: &RunId) -> Result<F::Drill, DispatchError> {
        let request = self.store.request(id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone()))?;
        Ok(self.drills.drill(&request)?)
    }

    /// Records an operator's release, and applies it if the run's owner is gone.
    async fn release(&self, invocation: &Invocation, release: Release) -> Result<Value, DispatchError> {
        let id = RunId(release.run_id.clone());
        let run = self.store.load(&id).await?.ok_or_else(|| DispatchError::NoSuchRun(id.0.clone()))?;
        if !run.awaits_operator() {
            return Err(DispatchError::NothingToRelease(id.0));
        }
        let drill = match self.drill_of(&id).await {
            // Checked before the command is recorded: one sent to the wrong function must have no effect.
            Err(wrong @ DispatchError::WrongFunction(_)) => return Err(wrong),
            Err(DispatchError::NoSuchRun(_)) => {
                let why = "the request that started the run is not on record";
                Err(StoreError::Refused(why.to_owned()).into())
            }
            drill => drill,
        };
        // Recorded before it is applied: if this invocation cannot get the lease, the run's owner applies it.
        let release = Release { given_at: Some(self.clock.now()), ..release };
        let number = self.store.record_command(&id, &OperatorCommand::Release(release)).await?;
        let drill = drill.map_err(|error| error.with_recorded_command(&id))?;
        self.resume(drill, invocation, &id, Some(number)).await
    }

    /// Acquires the lease of a run and continues it; `command` is the number of the operator command to apply, if any.
    async fn resume(
        &self,
        mut drill: F::Drill,
        invocation: &Invocation,
        id: &RunId,
        command: Option<u64>,
    ) -> Result<Value, DispatchError> {
        let mut session = invocation.session();
        let acquired = self.acquire(&mut session, id, command).await;
        let run = match acquired
            .map_err(|error| if command.is_some() { error.with_recorded_command(id) } else { error })?
        {
            LeaseResult::Acquired(run) => run,
            LeaseResult::NotNeeded(run) => return Ok(answer(&report(&run))),
        };
        answer_exit(self.run_loop(&mut drill, &mut session, *run).await)
    }

    /// Engages or disengages a kill switch, and answers which one is engaged then.
    async fn switch(&self, order: SwitchOrder) -> Result<Value, DispatchError> {
        let SwitchOrder { engage, switch, notes } = order;
        if let Some(until) = switch.until
            && engage
            && !switch.is_engaged(self.clock.now())
        {
            let field = "killSwitch.until".to_owned();
            let what = format!(
                "({until}) is over already: give a time in the future, or leave it out to engage the switch until an \
                 operator disengages it"
            );
            return Err(ParseError::Invalid(vec![Problem { field, what }]).into());
        }
        let engaged = self.store.switch(&switch, engage).await?;
        let Switch { scope, by, until, .. } = engaged.as_ref().unwrap_or(&switch);
        let mut answer = json!({ "killSwitch": scope.to_string(), "engaged": engaged.is_some(), "until": until, "by": by });
        if let Some(earlier) = engaged.as_ref().filter(|engaged| **engaged != switch) {
            answer["note"] =
                json!("this kill switch was already engaged, for at least as long: it stays as it was");
            answer["reason"] = json!(earlier.reason);
        }
        note(&mut answer, &notes);
        Ok(answer)
    }
}

impl Invocation {
    /// A session of this invocation, before it has a lease.
    fn session(&self) -> Session {
        Session::new(self.owner.clone(), self.ends_at)
    }
}

/// What to know of a run that may last longer than the function that starts it works; none if it cannot.
fn outlasts(run: &Run, works_for: Duration) -> Option<String> {
    let Limits { baseline_within, inject_within, give_up_after, .. } = &*run.limits;
    let longest = baseline_within.saturating_add(*inject_within).saturating_add(*give_up_after);
    (longest > works_for).then(|| {
        format!(
            "the verdict may take {} s (`steadyState.withinSeconds`, `objective.injectWithinSeconds` and \
             `objective.giveUpAfterSeconds` together), and this function works for {} s: a run that takes longer is handed over \
             to the watchdog, which goes on within seconds, or within a minute if it could not be started at once",
            longest.as_secs(),
            works_for.as_secs()
        )
    })
}

fn answer_exit(exit: LoopExit) -> Result<Value, DispatchError> {
    match exit {
        LoopExit::Finished(run) | LoopExit::HandedOver(run) => Ok(answer(&report(&run))),
        LoopExit::LostLease => Ok(json!({ "left": "another invocation owns the run and continues it" })),
        LoopExit::StoreLost(run, error) => {
            let Run { run_id, phase, .. } = *run;
            Err(DispatchError::StoreLost { run_id, phase, error })
        }
    }
}

/// Says in an answer what of the command was not read, or is recorded otherwise than it was sent.
fn note(answer: &mut Value, notes: &[String]) {
    if !notes.is_empty() {
        answer["notes"] = json!(notes);
    }
}

fn answer(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| json!({ "unreadable": error.to_string() }))
}

/// Marks a head that was never in progress as finished.
fn close(run: &mut Run, outcome: Outcome, now: Timestamp) {
    run.phase = Phase::Finished;
    run.outcome = Some(outcome);
    run.finished_by = run.owner.take();
    run.times.finished = Some(now);
}
