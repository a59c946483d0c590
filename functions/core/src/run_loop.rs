//! Run loop: observe, step, save, act, until the run is finished or the invocation's time is over.
//!
//! The same loop runs inside a drill function, for a precise time to recover, and inside the watchdog, for safety. It sends
//! mutating calls only during the first half of its lease, measured by its monotonic clock. It never injects before the
//! intent is saved.

use std::time::Duration;

use tracing::Instrument as _;

use crate::{
    CallOutcome, Decision, DecisionResult, Observation, Outcome, Phase, ProbeRole, Run, StreakRule,
    Timestamp,
    engine::Engine,
    evidence::{Evidence, Recorder},
    gate, kill_switch,
    ports::{Clock, ControlState, Drill as _, Drills, Injector, Saved, Store, StoreError},
    run::{OwnerId, StepState, Stop},
    time::{MAX_PAUSE, backoff},
    timing::Timing,
};

/// One invocation's lease on a run: who owns it, since when, and until when this invocation may continue it.
#[derive(Clone, Debug)]
pub struct Session {
    /// The owner that this invocation writes into the head.
    pub owner: OwnerId,
    /// When to hand the run over, as time since the invocation began.
    pub ends_at: Duration,
    /// When the last successful save of the lease was sent, as time since the invocation began.
    pub renewed_at: Duration,
    /// Whether to hand over as soon as the run only waits: the watchdog then uses the slot for another run.
    pub yields: bool,
    /// Whether to hand over as soon as only an operator or AWS can bring the run further: the watchdog looks at such a run
    /// once in each tick, and does not run without pause for as long as that takes.
    pub leaves_what_is_stuck: bool,
    /// Why the run must end early, known before the first look: an owner that cannot read the request cannot read its
    /// stop conditions, and what cannot be read stops a run.
    pub stop: Option<Stop>,
}

impl Session {
    /// The session of this owner, before it has a lease.
    #[must_use]
    pub const fn new(owner: OwnerId, ends_at: Duration) -> Self {
        let (yields, leaves_what_is_stuck) = (false, false);
        Self { owner, ends_at, renewed_at: Duration::ZERO, yields, leaves_what_is_stuck, stop: None }
    }
}

/// Why the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopExit {
    /// The run is finished, and that is saved.
    Finished(Box<Run>),
    /// The invocation's time is over and the lease is released: the next owner takes it without waiting.
    HandedOver(Box<Run>),
    /// Another invocation owns the run.
    LostLease,
    /// The store could not be reached until the invocation's time was over. The lease was not released and has to expire.
    StoreLost(Box<Run>, StoreError),
}

impl<C: Clock, S: Store, F: Drills, I: Injector> Engine<'_, C, S, F, I> {
    /// Continues a run until it is finished, its lease is lost, or the invocation's time is over. `run` is the head as
    /// stored. Every line that is logged meanwhile carries the run's id, in the span `run`.
    pub async fn run_loop(&self, drill: &mut F::Drill, session: &mut Session, run: Run) -> LoopExit {
        let mut recorder = Recorder::new(&run, self.clock.now(), &session.owner.0);
        let stored = Stored { version: run.version, dirty: false, fails: false };
        let mut run = run;
        if run.has_successor() {
            let item = Evidence::Continued { at: self.clock.now(), by: session.owner.0.clone() };
            recorder.add(&mut run.evidence, item);
        }
        let span = tracing::info_span!("run", runId = %run.run_id);
        let run_loop = RunLoop { engine: self, drill, session, recorder, stored, results: Vec::new() };
        run_loop.run(run).instrument(span).await
    }
}

/// One invocation's work on one run.
struct RunLoop<'a, C, S, F: Drills, I> {
    engine: &'a Engine<'a, C, S, F, I>,
    drill: &'a mut F::Drill,
    session: &'a mut Session,
    recorder: Recorder,
    stored: Stored,
    /// The outcomes of the calls since the last look.
    results: Vec<DecisionResult>,
}

impl<C: Clock, S: Store, F: Drills, I: Injector> RunLoop<'_, C, S, F, I> {
    async fn run(mut self, mut run: Run) -> LoopExit {
        let Engine { clock, store, timing, .. } = *self.engine;
        note_rollback_saved(&mut run, &mut self.stored, clock.now());
        let mut last_read: Option<Duration> = None;
        while run.phase != Phase::Finished {
            if clock.elapsed() >= self.session.ends_at {
                return self.hand_over(run).await;
            }
            let looked = clock.elapsed();
            let (mut observed, findings) = self.drill.observe(&run).await;
            observed.results = std::mem::take(&mut self.results);
            // Until the verdict is set, operator commands and kill switches must take effect within two looks. During the
            // rollback nothing waits for a store that does not answer.
            let is_time = last_read.is_none_or(|last| looked.saturating_sub(last) >= timing.aws_poll);
            if run.is_stoppable() || is_time && !self.stored.fails {
                last_read = Some(looked);
                let control_state = store.control_state(&run).await;
                self.stored.fails |= control_state.is_err();
                self.apply_control_state(&run, &control_state, &mut observed);
            }
            let (mut next, decision) = crate::step(&run, &observed, clock.now());
            self.record_look(&run, &mut next, &observed, findings);

            // A rollback does not wait for a store that fails: its calls are sent first, also those of a rollback that
            // starts now.
            let undoes_before_save = self.stored.fails && !run.is_rolling_back() && next.is_rolling_back();
            if self.stored.fails && matches!(decision, Decision::Undo(_)) {
                self.carry_out(&mut next, decision, looked).await;
            }
            let renew = clock.elapsed().saturating_sub(self.session.renewed_at) >= timing.renew;
            let differs = self.stored.dirty || renew || run.differs(&next);
            if differs && undoes_before_save {
                self.stored.dirty = true;
                revert_finish(&mut next, &run);
            } else if differs {
                match self.save(&mut next).await {
                    Ok(Saved::Saved) => self.stored.fails = false,
                    Ok(Saved::Conflict) => return LoopExit::LostLease,
                    // Saved again after the next look: until then the record is behind what is in memory.
                    Err(_) => {
                        self.stored.fails = true;
                        revert_finish(&mut next, &run);
                    }
                }
            }
            // A look that did not ask AWS, which is asked less often, shows nothing new of the undo.
            let is_whole = observed.looked.is_some() || run.undo.is_empty();
            let may_leave = self.session.leaves_what_is_stuck && is_whole && run.phase == next.phase;
            run = next;
            if run.phase == Phase::Finished {
                break;
            }
            note_rollback_saved(&mut run, &mut self.stored, clock.now());
            if self.results.is_empty() {
                self.carry_out(&mut run, decision, looked).await;
            }
            self.send_pages(&mut run).await;
            if may_leave && self.is_stuck(&run) || self.session.yields && only_waits(&run) {
                return self.hand_over(run).await;
            }
            let pause = pause_after(&run, &timing).saturating_sub(clock.elapsed().saturating_sub(looked));
            clock.sleep(pause).await;
        }
        LoopExit::Finished(Box::new(run))
    }

    /// Whether the next look can wait for the next tick: the run is held, or its rollback failed and is not on its way to
    /// succeed; nothing was sent whose outcome is not on record; and every page was tried.
    fn is_stuck(&self, run: &Run) -> bool {
        let (failed, now) = (run.outcome == Some(Outcome::RollbackFailed), self.engine.clock.now());
        let is_stuck = match run.phase {
            Phase::Held => !moves_soon(run, now),
            Phase::RollingBack => failed && !moves_soon(run, now),
            Phase::Verifying => failed && !becomes_steady(run, now) && !is_well_until_settled(run, now),
            Phase::Pending | Phase::Checking | Phase::Injecting | Phase::Recovering | Phase::Finished => {
                false
            }
        };
        let told = run.pages.iter().all(|page| page.sent || page.last_tried.is_some());
        is_stuck && told && self.results.is_empty() && !self.stored.fails
    }

    /// Adds the control state to the observation: the gates kept in the record, and the operator commands recorded since the
    /// last look, whichever invocation received them. If it could not be read, the gates are closed and no command is applied.
    fn apply_control_state(
        &self,
        run: &Run,
        control_state: &Result<ControlState, StoreError>,
        observed: &mut Observation,
    ) {
        let (timing, now) = (&self.engine.timing, self.engine.clock.now());
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            observed.gates.extend(gate::recorded(control_state, timing, now));
        }
        if observed.stop.is_none() {
            observed.stop.clone_from(&self.session.stop);
        }
        let Ok(control_state) = control_state else { return };
        if let Some(commands) =
            control_state.commands.as_ref().filter(|commands| commands.number > run.last_command)
        {
            observed.last_command = Some(commands.number);
            observed.release.clone_from(&commands.release);
        }
        if let Some(stop) = asked_to_stop(run, control_state, timing.margin, now) {
            observed.stop = Some(stop);
        }
    }

    /// Carries out a decision, and records the outcome as evidence and for the next `step`.
    async fn carry_out(&mut self, run: &mut Run, decision: Decision, looked: Duration) {
        let Some(done) = self.execute(run, decision, looked).await else { return };
        let item = Evidence::Call {
            sent: done.sent,
            answered: done.answered,
            decision: match decision {
                Decision::Inject(number) => format!("inject {number}"),
                Decision::Undo(step) => format!("undo {}", step + 1),
                Decision::Wait => String::new(),
            },
            outcome: done.outcome.clone(),
        };
        self.recorder.add(&mut run.evidence, item);
        self.results.push(done);
    }

    /// Carries out a decision, unless the lease, the record or the age of the look forbids it.
    async fn execute(&mut self, run: &Run, decision: Decision, looked: Duration) -> Option<DecisionResult> {
        let Engine { clock, store, timing, .. } = *self.engine;
        let (renewed_at, stored) = (self.session.renewed_at, &self.stored);
        let not_sent = |code: &str, message: &str| {
            let outcome = CallOutcome::not_sent(code, message, true);
            Some(DecisionResult { decision, sent: None, answered: clock.now(), outcome })
        };
        let is_ours = || clock.elapsed().saturating_sub(renewed_at) < timing.half_lease();
        let is_old = || clock.elapsed().saturating_sub(looked) > timing.call_deadline * 2;
        match decision {
            Decision::Wait => None,
            Decision::Inject(_) if stored.dirty => {
                not_sent("NotSaved", "the intent is not known to be on record")
            }
            Decision::Inject(_) | Decision::Undo(_) if !is_ours() => {
                not_sent("LeaseOver", "half of the lease is over")
            }
            // The gates and the kill switch were read before the save, and a slow save makes that reading stale.
            Decision::Inject(_) if is_old() => not_sent("GatesOld", "too long since the gates were asked"),
            // The primary was also probed before the save: a stale answer must not move traffic.
            Decision::Undo(step) if is_old() && run.undo.get(step).is_some_and(|step| step.moves_traffic) => {
                not_sent("LookOld", "too long since the primary was looked at")
            }
            // What is left of the invocation's time is for handing over, and the next owner undoes it: an undo step may wait
            // for several answers.
            Decision::Undo(_) if clock.elapsed() >= self.session.ends_at => {
                not_sent("TimeOver", "the invocation's time is over")
            }
            Decision::Inject(number) => {
                // Operators may have engaged a kill switch or stopped the run while the intent was being saved.
                let control_state = store.control_state(run).await;
                let now = clock.now();
                if let Some(why) = gate::closed(&gate::recorded(&control_state, &timing, now)) {
                    return not_sent("GateClosed", &why);
                }
                let stop = control_state
                    .ok()
                    .and_then(|control_state| asked_to_stop(run, &control_state, timing.margin, now));
                if let Some(Stop { by, reason }) = stop {
                    return not_sent("StopAsked", &format!("stopped by {by}: {reason}"));
                }
                if !is_ours() {
                    return not_sent("LeaseOver", "half of the lease is over");
                }
                if is_old() {
                    return not_sent("GatesOld", "too long since the gates were asked");
                }
                let sent = clock.now();
                let outcome = self.inject(run, number).await;
                Some(DecisionResult { decision, sent: Some(sent), answered: clock.now(), outcome })
            }
            // An undo step needs no save: it is sent as long as the lease is ours.
            Decision::Undo(step) => {
                let sent = clock.now();
                let outcome = self.drill.undo(run, step).await;
                Some(DecisionResult { decision, sent: Some(sent), answered: clock.now(), outcome })
            }
        }
    }

    /// Sends the injecting call of this number, once.
    async fn inject(&mut self, run: &Run, number: u32) -> CallOutcome {
        let Some(injector) = self.engine.injector else {
            let message = "only the drill function that started the run injects; nothing was sent";
            return CallOutcome::not_sent("NeverInjects", message, false);
        };
        let Some(call) = self.drill.injecting_call(run, number) else {
            let message = "the run's head names nothing to inject; not sent";
            return CallOutcome::not_sent("NothingNamed", message, false);
        };
        injector.send(&call).await
    }

    /// Writes the evidence, then the head: no verdict is on record without its evidence.
    async fn save(&mut self, next: &mut Run) -> Result<Saved, StoreError> {
        let Engine { clock, store, .. } = *self.engine;
        let Self { session, recorder, stored, .. } = self;
        let began = clock.elapsed();
        stored.dirty = true;
        next.version = stored.version.saturating_add(1);
        next.fit();
        if !recorder.waiting().is_empty() {
            store.append(&next.run_id, recorder.waiting()).await?;
            recorder.written();
        }
        let mut saved = write(store, next, stored.version).await?;
        if saved == Saved::Conflict {
            // An earlier save of ours may have been executed although its answer was lost.
            let us = Some(&session.owner);
            match store.load(&next.run_id).await? {
                Some(head) if head.phase == Phase::Finished && head.finished_by.as_ref() == us => {
                    *next = head;
                    saved = Saved::Saved;
                }
                Some(head) if head.version == stored.version + 1 && head.owner.as_ref() == us => {
                    stored.version = head.version;
                    next.version = head.version + 1;
                    saved = write(store, next, stored.version).await?;
                }
                Some(_) | None => return Ok(Saved::Conflict),
            }
        }
        if saved == Saved::Saved {
            stored.version = next.version;
            stored.dirty = false;
            session.renewed_at = began;
        }
        Ok(saved)
    }

    /// Closes the evidence, saves the head, releases the lease, and starts the watchdog.
    async fn hand_over(mut self, mut run: Run) -> LoopExit {
        self.recorder.close_all(&mut run);
        let mut released = run.clone();
        released.owner = None;
        released.handed_over = Some(self.engine.clock.now());
        match self.save(&mut released).await {
            Ok(Saved::Saved) => {
                // The watchdog, which cannot inject, never starts itself: its schedule does.
                if self.engine.injector.is_some()
                    && let Err(why) = self.drill.start_watchdog().await
                {
                    tracing::warn!(why, "the watchdog is not known to be started: its schedule starts it");
                }
                LoopExit::HandedOver(Box::new(released))
            }
            Ok(Saved::Conflict) => LoopExit::LostLease,
            Err(error) => LoopExit::StoreLost(Box::new(run), error),
        }
    }

    /// Records what a look showed, and the change of phase that followed.
    fn record_look(&mut self, run: &Run, next: &mut Run, observed: &Observation, findings: Vec<Evidence>) {
        let (now, recorder) = (self.engine.clock.now(), &mut self.recorder);
        for gate in &observed.gates {
            recorder.gate(&mut next.evidence, now, gate);
        }
        for (index, answer) in &observed.answers {
            recorder.answer(next, *index, answer);
        }
        for finding in findings {
            recorder.add(&mut next.evidence, finding);
        }
        if run.phase != next.phase {
            recorder.close_all(next);
            let by = run.owner.as_ref().map(|owner| owner.0.clone()).unwrap_or_default();
            recorder
                .add(&mut next.evidence, Evidence::Phase { at: now, from: run.phase, to: next.phase, by });
        }
    }

    /// Sends at most one page per look, and only after the decision was carried out, so that an SNS topic that does not answer
    /// delays nothing else. A failure to send is recorded and changes nothing else.
    async fn send_pages(&mut self, run: &mut Run) {
        let now = self.engine.clock.now();
        let due = run.pages.iter().position(|page| {
            let pause = backoff(FIRST_PAGE_PAUSE, page.attempts).min(MAX_PAUSE);
            !page.sent && page.last_tried.is_none_or(|last| now >= last + pause)
        });
        let Some(index) = due else { return };
        let answer = self.drill.page(run, &run.pages[index].clone()).await;
        let page = &mut run.pages[index];
        page.sent = answer.is_ok();
        page.attempts = page.attempts.saturating_add(1);
        page.last_tried = Some(now);
        self.stored.dirty = true;
        let (cause, error) = (page.cause.clone(), answer.err());
        if error.is_none() || page.attempts <= MAX_PAGE_FAILURES {
            self.recorder.add(&mut run.evidence, Evidence::Paged { at: now, cause, error });
        }
    }
}

/// Whether the run only waits: for an operator, or until nothing of it can still land. Nothing is measured any more.
const fn only_waits(run: &Run) -> bool {
    match run.phase {
        Phase::Held => true,
        Phase::Verifying => run.times.steady_again.is_some(),
        Phase::Pending
        | Phase::Checking
        | Phase::Injecting
        | Phase::Recovering
        | Phase::RollingBack
        | Phase::Finished => false,
    }
}

/// Whether AWS has just taken an undo step, which shows within moments, or is asked again before another tick would be there.
fn moves_soon(run: &Run, now: Timestamp) -> bool {
    run.undo.iter().filter(|step| step.progress.state == StepState::Open).any(|step| {
        let progress = &step.progress;
        let pause = match progress.last {
            Some(CallOutcome::Done) => SOON,
            Some(CallOutcome::NotExecuted { .. } | CallOutcome::Unknown { .. }) | None => {
                backoff(run.limits.retry_pause, progress.attempts)
            }
        };
        pause <= SOON && progress.last_sent.is_some_and(|sent| now < sent + pause)
    })
}

/// Whether the probes of the steady state all answer yes, and not for long enough yet: only looks in a row can tell.
fn becomes_steady(run: &Run, now: Timestamp) -> bool {
    let mut streaks = run.streaks_of(ProbeRole::STEADY_STATE);
    let answers_yes = |last: Timestamp, rule: &StreakRule| now - last <= rule.widest_gap;
    let began = streaks.clone().all(|(streak, rule)| streak.last_yes.is_some_and(|at| answers_yes(at, rule)));
    began && streaks.any(|(streak, rule)| !streak.holds(rule))
}

/// Whether the application is well again and the run ends as soon as nothing of it can land any more, which is soon.
fn is_well_until_settled(run: &Run, now: Timestamp) -> bool {
    run.unwell_since.is_none() && !run.nothing_can_land(now)
}

/// The pause between two looks.
fn pause_after(run: &Run, timing: &Timing) -> Duration {
    if only_waits(run) { timing.aws_poll } else { timing.poll }
}

/// The stop that applies to this run: an operator's, of the run or of its application, or an engaged kill switch.
fn asked_to_stop(run: &Run, control_state: &ControlState, margin: Duration, now: Timestamp) -> Option<Stop> {
    if let Some(stop) = control_state.commands.as_ref().and_then(|commands| commands.stop.clone()) {
        return Some(stop);
    }
    // It applies to every run that had begun by then. Two clocks tell whether this one had; in doubt it is stopped.
    let began = run.times.started.unwrap_or(now);
    if let Some((at, stop)) = &control_state.application_stop
        && *at + margin >= began
    {
        return Some(stop.clone());
    }
    // Before the intent is saved a kill switch is a gate; it stops a run only afterwards.
    let touched = matches!(run.phase, Phase::Injecting | Phase::Recovering);
    let switch = kill_switch::engaged(&control_state.switches, now).filter(|_| touched)?;
    Some(Stop { by: format!("the kill switch of {}", switch.scope), reason: switch.to_string() })
}

/// What this invocation knows about the stored head.
struct Stored {
    /// The version of our last successful save.
    version: u64,
    /// The head in memory differs from the stored one.
    dirty: bool,
    /// The last call to the store failed.
    fails: bool,
}

async fn write(store: &impl Store, next: &Run, expected: u64) -> Result<Saved, StoreError> {
    if next.phase == Phase::Finished {
        store.finish(next, expected).await
    } else {
        store.save(next, expected).await
    }
}

/// Takes the finish back in memory: a run is finished only once that is saved.
fn revert_finish(next: &mut Run, run: &Run) {
    if next.phase == Phase::Finished {
        next.phase = run.phase;
        next.outcome = run.outcome;
        next.verdict = run.verdict;
        next.reason.clone_from(&run.reason);
        next.owner.clone_from(&run.owner);
        next.finished_by = None;
        next.times.finished = None;
    }
}

/// Notes when the rollback was first known to be saved. From then on the failover function, which reads the run before its
/// one call, refuses that call. Before a save was answered, nobody can say how late the function may still act.
fn note_rollback_saved(run: &mut Run, stored: &mut Stored, now: Timestamp) {
    if run.is_rolling_back() && !stored.dirty && run.trigger.is_some() && run.rollback_saved_at.is_none() {
        run.rollback_saved_at = Some(now);
        stored.dirty = true;
    }
}

/// For how long a tick waits for a run that would otherwise be stuck: as long as it takes until the next tick.
const SOON: Duration = Duration::from_mins(1);
/// The first pause before a page is sent again; it doubles, for as long as the run is open.
const FIRST_PAGE_PAUSE: Duration = Duration::from_secs(5);
/// How many failures to send one page are recorded as evidence.
const MAX_PAGE_FAILURES: u32 = 8;
