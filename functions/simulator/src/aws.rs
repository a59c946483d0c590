//! AWS in memory: the ports of `firedrill_drills` on the simulated world, for one invocation.
//!
//! Reads are paged, may show an older state, be throttled or stay unanswered; mutating calls meet the faults of
//! [`crate::calls`].

mod alarms;
mod application;
mod databases;
mod distributions;
mod functions;
mod instances;
mod rules;

pub(crate) use alarms::watched_metric;
pub(crate) use functions::failovers;
pub(crate) use instances::{AWS_KEY, CUSTOMER_KEY};

use std::{cell::RefCell, future::pending, rc::Rc};

use firedrill_core::{
    CallOutcome, Observation, Request, Run, Verdict,
    evidence::Evidence,
    failover::AlarmChange,
    kind::DrillKind,
    plan::{Permission, Plan, Proof},
    ports::{Clock as _, Drill, Drills, InjectingCall, Injector, WrongFunction},
    run::{OwnerId, Page as PageToOperators, RunId},
};
use firedrill_drills::{
    Context, Failure, Harness, Procedure, WrongDrill, alarm,
    failure::Answer,
    instance,
    ports::{Next, Page, Reply, Token, outcome},
};

use crate::{
    calls::{Landing, denied, not_connected, refused, send},
    clock::SimulatedClock,
    event_queue::Due,
    failover::Pending,
    fault_kind::FaultKind,
    fleet::Change,
    overrides::Override,
    planned_fault::{FaultEffect, FaultPoint},
    requests::TIMING,
    world::{BEGINS, World},
};

/// AWS, the application and the operators, as one invocation meets them.
#[derive(Clone)]
pub struct SimulatedAws {
    pub(crate) world: Rc<World>,
    pub(crate) clock: Rc<SimulatedClock>,
    /// The invocation.
    pub(crate) by: Rc<str>,
    /// The alarm's change that a failover function handles; none if the invocation is a drill's.
    change: Option<Rc<AlarmChange>>,
    /// The run that the drill looks at; each drill of the invocation has its own.
    looked_at: Rc<RefCell<Option<LookedAt>>>,
    /// The run whose injecting call comes next, and the number of that call.
    injecting: Rc<RefCell<Option<(RunId, u32)>>>,
}

/// What the invocation knows of the run that it looks at.
#[derive(Clone, Debug)]
pub(crate) struct LookedAt {
    pub run_id: RunId,
    pub owner: Option<OwnerId>,
    pub verdict: Option<Verdict>,
    pub is_stoppable: bool,
    pub is_stopped: bool,
}

impl LookedAt {
    fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id.clone(),
            owner: run.owner.clone(),
            verdict: run.verdict,
            is_stoppable: run.is_stoppable(),
            is_stopped: run.stop.is_some(),
        }
    }
}

impl SimulatedAws {
    pub(crate) fn new(world: &Rc<World>, clock: &Rc<SimulatedClock>, by: &str) -> Self {
        Self {
            world: Rc::clone(world),
            clock: Rc::clone(clock),
            by: by.into(),
            change: None,
            looked_at: Rc::default(),
            injecting: Rc::default(),
        }
    }

    /// The same for an invocation of the failover function that handles this change.
    pub(crate) fn handling(self, change: AlarmChange) -> Self {
        Self { change: Some(Rc::new(change)), ..self }
    }

    /// How this operation fails because of its name and of the run that is looked at, if it does.
    fn operation_fault(&self, operation: &str) -> Option<FaultEffect> {
        let looked_at = self.looked_at.borrow();
        self.world.operation_fault(operation, looked_at.as_ref().map(|run| &run.run_id))
    }

    /// Counts one operation of this kind and name; how it fails by plan, if it does.
    pub(crate) fn fault(&self, point: FaultPoint, operation: &str) -> Option<FaultEffect> {
        let looked_at = self.looked_at.borrow();
        self.world.fault(point, operation, looked_at.as_ref().map(|run| &run.run_id))
    }

    /// Notes that a step of the undo is sent.
    fn note_undo(&self) {
        let run = self.looked_at.borrow().as_ref().map(|run| run.run_id.clone());
        self.world.note_undo(run, &self.by);
    }

    /// One read. `answer` gets the moment, in milliseconds, whose state it shows.
    async fn read<T>(&self, action: &'static str, answer: impl FnOnce(i64) -> Reply<T>) -> Reply<T> {
        self.clock.latency().await;
        let unread = self.world.overrides().unread.filter(|_| self.change.is_none());
        if let Some(unread) = unread.filter(|it| it.action == action && self.world.is_within(Some(it.span))) {
            return Err(self.unread(action, unread.denied).await);
        }
        if let Some(effect) = self.operation_fault(action) {
            return Err(failed_read(action, effect).await);
        }
        if let Some(failure) = self.read_failure(action) {
            self.world.note_fault(FaultKind::AwsReadFails);
            return Err(failure);
        }
        answer(self.world.now.get() - self.world.staleness())
    }

    /// A read that is denied, or has no answer within the call deadline.
    async fn unread(&self, action: &'static str, denied: bool) -> Failure {
        if denied {
            let answer = Answer::Error { code: "AccessDenied".to_owned(), status: 403 };
            return Failure { action, answer, message: "simulated".to_owned() };
        }
        self.clock.sleep(TIMING.call_deadline).await;
        Failure { action, answer: Answer::None, message: "simulated".to_owned() }
    }

    /// How a read fails, if it does: without an answer, or throttled.
    fn read_failure(&self, action: &'static str) -> Option<Failure> {
        let failure = |answer| Some(Failure { action, answer, message: "simulated".to_owned() });
        if self.world.is_blind_by_plan() {
            return failure(Answer::None);
        }
        if !self.world.draws_fault() {
            return None;
        }
        let throttled = Answer::Error { code: "Throttling".to_owned(), status: 400 };
        failure(if self.world.rng.borrow_mut().bool() { throttled } else { Answer::None })
    }

    /// One page of these items.
    fn page<T>(&self, items: Vec<T>, next: Next<'_>) -> Page<T> {
        let size = self.world.scenario.page_size;
        let from: usize = next.map_or(0, |token| token.0.parse().unwrap_or(usize::MAX));
        let more = items.len() > from.saturating_add(size);
        let next = more.then(|| Token((from + size).to_string()));
        Page { items: items.into_iter().skip(from).take(size).collect(), next }
    }

    /// One mutating call that takes effect on the instances.
    async fn change_fleet(&self, action: &'static str, change: Change) -> Reply<()> {
        let land = |landing| {
            match landing {
                Landing::Now => {
                    self.world.change_fleet(change);
                    self.world.propagate();
                }
                Landing::Later(ms) => self.world.schedule(ms, Due::Fleet(change)),
            }
            Ok(())
        };
        send(self, action, "RequestLimitExceeded", true, land).await
    }

    /// One mutating call that takes effect on the alarm or on what it fails over.
    async fn change_cloud(&self, action: &'static str, pending: Pending) -> Reply<()> {
        let by_function = self.change.as_deref();
        let may_land_late = by_function.is_none() || self.world.scenario.failover.function_lands_late;
        let number = by_function.map(|_| self.world.note_call(&self.by, action));
        let land = |landing| match landing {
            Landing::Later(ms) if may_land_late => {
                self.world.schedule(ms, Due::Cloud(pending));
                Ok(())
            }
            Landing::Now | Landing::Later(_) => {
                self.world.refuse(action, &pending)?;
                if let Some(change) = by_function {
                    self.world.log_failover(change);
                }
                self.world.take_effect(pending);
                self.world.propagate();
                Ok(())
            }
        };
        let reply = send(self, action, "Throttling", by_function.is_none(), land).await;
        if let (Some(number), Err(failure)) = (number, &reply) {
            self.world.note_refusal(number, failure.code());
        }
        reply
    }

    /// The answer to a call that AWS refuses.
    async fn refuse(&self, action: &'static str, code: &str) -> Failure {
        self.clock.latency().await;
        refused(action, code)
    }

    /// Whether AWS refuses this call of an undo, or of the failover function; if so, the refusal.
    async fn refusal(&self, action: &'static str, code: &str) -> Reply<()> {
        let scenario = &self.world.scenario;
        let (refused, fault) = match self.change {
            Some(_) => (scenario.failover.function_denied, FaultKind::FailoverFunctionDenied),
            None => (self.world.is_within(scenario.undo_refused), FaultKind::UndoRefused),
        };
        if refused { Err(denied(self, fault, action, code).await) } else { Ok(()) }
    }
}

/// This answer of AWS, which shows its state at this moment, in milliseconds, with a test's change.
fn changed<T>(change: Override<T>, at: i64, mut answer: T) -> T {
    if let Some(change) = change {
        change(&mut answer, u64::try_from(at - BEGINS).unwrap_or(0));
    }
    answer
}

/// How a read fails that a test lets fail by its name.
async fn failed_read(action: &'static str, effect: FaultEffect) -> Failure {
    match effect {
        FaultEffect::Throttled => refused(action, "Throttling"),
        FaultEffect::NotConnected => not_connected(action),
        FaultEffect::Denied => refused(action, "AccessDenied"),
        // Longer than the function itself waits for it.
        FaultEffect::Hangs | FaultEffect::DiesBefore => pending().await,
        _ => Failure { action, answer: Answer::None, message: "simulated".to_owned() },
    }
}

impl Injector for SimulatedAws {
    async fn send(&self, call: &InjectingCall) -> CallOutcome {
        outcome(self.inject(call).await)
    }

    async fn permission(&self, call: &InjectingCall) -> Permission {
        let proof = match call {
            InjectingCall::StopInstances { .. } => Proof::Proven,
            InjectingCall::SetAlarmState { .. } | InjectingCall::PutMetricData { .. } => Proof::NotChecked,
        };
        Permission { action: call.action().to_owned(), proof, detail: None }
    }
}

impl SimulatedAws {
    async fn inject(&self, injection: &InjectingCall) -> Reply<()> {
        let action = injection.action();
        let beyond = match injection {
            InjectingCall::StopInstances { ids, .. } => self.world.beyond_blast_radius(ids.as_slice()),
            InjectingCall::SetAlarmState { .. } | InjectingCall::PutMetricData { .. } => None,
        };
        if let Some((run, number)) = &*self.injecting.borrow() {
            self.world.note_inject(run, *number, &self.by, beyond);
        }
        if self.world.scenario.injection_denied {
            return Err(denied(self, FaultKind::CallDenied, action, "UnauthorizedOperation").await);
        }
        match injection {
            InjectingCall::StopInstances { ids, .. } if !self.world.has_instances(ids.as_slice()) => {
                Err(self.refuse(action, "InvalidInstanceID.NotFound").await)
            }
            InjectingCall::SetAlarmState { name, .. } if !alarms::is_trigger(name) => {
                Err(self.refuse(action, "ResourceNotFound").await)
            }
            InjectingCall::StopInstances { ids, .. } => {
                let targets = self.world.set_targets(ids.as_slice());
                self.change_fleet(action, Change::Stop(targets)).await
            }
            InjectingCall::SetAlarmState { reason, .. } => {
                let to = firedrill_core::failover::AlarmState::Alarm;
                self.change_cloud(action, Pending::SetAlarmState { to, reason: reason.clone() }).await
            }
            InjectingCall::PutMetricData { .. } => self.change_cloud(action, Pending::Datapoint).await,
        }
    }
}

/// A drill's whole look, as an operation that may fail: it never ends.
const OBSERVE: &str = "drill:observe";

type DrillContext = Rc<Context<SimulatedAws, SimulatedClock>>;

/// The drills of one invocation: the real ones. What the oracle has to know of their calls is noted on the way.
pub(crate) struct ObservedDrills {
    pub aws: SimulatedAws,
    /// Which of them the function carries out.
    make: fn(DrillContext) -> Result<Box<dyn Procedure>, WrongDrill>,
}

impl ObservedDrills {
    /// Of every kind.
    pub fn new(world: &Rc<World>, clock: &Rc<SimulatedClock>, by: &str) -> Self {
        Self { aws: SimulatedAws::new(world, clock, by), make: firedrill_drills::procedure }
    }

    /// Those of the drill function of this kind.
    pub fn of(self, kind: DrillKind) -> Self {
        let make = match kind {
            DrillKind::Instance => instance::procedure,
            DrillKind::Cdn => alarm::distribution,
            DrillKind::Database => alarm::database,
        };
        Self { make, ..self }
    }
}

impl Drills for ObservedDrills {
    type Drill = ObservedDrill;

    fn drill(&self, request: &Request) -> Result<ObservedDrill, WrongFunction> {
        let aws = SimulatedAws { looked_at: Rc::default(), ..self.aws.clone() };
        let world = &self.aws.world;
        let seed = u32::try_from(world.scenario.seed & u64::from(u32::MAX)).unwrap_or_default();
        let (clock, settings) = (SimulatedClock::clone(&aws.clock), Rc::clone(&world.settings));
        let context = Rc::new(Context::new(aws.clone(), clock, settings, Rc::new(request.clone()), seed));
        let procedure = (self.make)(Rc::clone(&context)).map_err(|wrong| WrongFunction(wrong.to_string()))?;
        Ok(ObservedDrill { aws, drill: Harness::new(context, procedure) })
    }
}

/// One of them.
pub(crate) struct ObservedDrill {
    aws: SimulatedAws,
    drill: Harness<SimulatedAws, SimulatedClock>,
}

impl Drill for ObservedDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        *self.aws.looked_at.borrow_mut() = Some(LookedAt::of(run));
        if self.aws.operation_fault(OBSERVE).is_some() {
            pending::<()>().await;
        }
        self.drill.observe(run).await
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        // Starting an instance moves no traffic: an invocation that looks first and finds nothing to start has rolled back.
        if self.aws.world.scenario.kind == DrillKind::Instance {
            self.aws.note_undo();
        }
        self.drill.undo(run, step).await
    }

    async fn start_watchdog(&mut self) -> Result<(), String> {
        self.drill.start_watchdog().await
    }

    async fn page(&mut self, run: &Run, page: &PageToOperators) -> Result<(), String> {
        self.drill.page(run, page).await
    }

    fn injecting_call(&mut self, run: &Run, number: u32) -> Option<InjectingCall> {
        self.aws.injecting.replace(Some((run.run_id.clone(), number)));
        self.drill.injecting_call(run, number)
    }

    async fn plan(&mut self, run: &Run) -> Plan {
        self.drill.plan(run).await
    }

    fn dry_runs(&self, plan: &Plan) -> Vec<InjectingCall> {
        self.drill.dry_runs(plan)
    }
}
