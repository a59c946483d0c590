//! The one small loop: observe, step, save, act.
//!
//! It runs inside an invocation, for a precise time to recover, and from the watchdog, for safety.
//! What it may do is bounded by its lease: half of it, by a clock that is never set. What it may
//! *inject* is bounded by the store: no save, no injection.

use std::time::Duration;

use crate::{
    CallOutcome, Decision, DecisionResult, Observation, Phase, Run, Timestamp,
    evidence::{Evidence, Recorder},
    gate, kill_switch,
    ports::{Clock, ControlState, Drill, Inject, Saved, Store, StoreError},
    run::{OwnerId, Stop},
    time::{MAX_PAUSE_MS, backoff_ms},
    timing::Timing,
};

/// One invocation's right to carry a run on.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who we are.
    pub owner: OwnerId,
    /// The stack's numbers.
    pub timing: Timing,
    /// When to hand over, as time since the invocation began.
    pub ends_at: Duration,
    /// When we last made the lease ours, as time since the invocation began.
    pub renewed_at: Duration,
    /// Whether to hand over once the run only waits: others may need the place.
    pub yields: bool,
}

/// How an invocation left a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopExit {
    /// Finished.
    Finished(Box<Run>),
    /// Our time is over; whoever comes next goes on without waiting.
    HandedOver(Box<Run>),
    /// Somebody else carries it on.
    LostLease,
    /// The store could not be reached until our time was over. The lease will run out.
    StoreLost(Box<Run>, StoreError),
}

/// Carries a run on until it is finished or our time is over. `run` is the head as it is stored.
pub async fn run_loop(
    clock: &impl Clock,
    store: &impl Store,
    drill: &mut impl Inject,
    session: &mut Session,
    mut run: Run,
) -> LoopExit {
    let mut recorder = Recorder::new(&run, clock.now(), &session.owner.0);
    let mut stored = Stored { version: run.version, dirty: false, fails: false };
    if run.has_successor() {
        let item = Evidence::CarriedOn { at: clock.now(), by: session.owner.0.clone() };
        recorder.add(&mut run.evidence, item);
    }
    note_rollback_saved(&mut run, &mut stored, clock.now());
    let mut results: Vec<DecisionResult> = Vec::new();
    let control_pause = Duration::from_millis(session.timing.aws_poll_ms);
    let mut last_read: Option<Duration> = None;
    while run.phase != Phase::Finished {
        if clock.elapsed() >= session.ends_at {
            return hand_over(clock, store, session, run, &mut recorder, stored).await;
        }
        let looked = clock.elapsed();
        let (mut observed, findings) = drill.observe(&run).await;
        observed.results = std::mem::take(&mut results);
        // Until the verdict, a word or a switch has to be heard within two looks. After it, nobody waits for a store that
        // does not answer.
        let is_time = last_read.is_none_or(|last| looked.saturating_sub(last) >= control_pause);
        if run.is_stoppable() || is_time && !stored.fails {
            last_read = Some(looked);
            let control_state = store.control_state(&run).await;
            stored.fails |= control_state.is_err();
            apply_control_state(&run, &control_state, session, clock.now(), &mut observed);
        }
        let (mut next, decision) = crate::step(&run, &observed, clock.now());
        record_look(&mut recorder, &run, &mut next, &observed, findings, clock.now());

        // A rollback does not wait for the store: what it asks for comes first, and a run that turns back turns at once.
        let hurries = stored.fails && !run.is_rolling_back() && next.is_rolling_back();
        if stored.fails && matches!(decision, Decision::Undo(_)) {
            let done = execute(clock, store, drill, session, &next, decision, looked, &stored).await;
            record_result(&mut recorder, &mut next, decision, done, &mut results);
        }
        let renew = clock.elapsed().saturating_sub(session.renewed_at) >= session.timing.renew();
        let differs = stored.dirty || renew || run.differs(&next);
        if differs && hurries {
            stored.dirty = true;
            revert_finish(&mut next, &run);
        } else if differs {
            match save(clock, store, session, &mut next, &mut recorder, &mut stored).await {
                Ok(Saved::Saved) => stored.fails = false,
                Ok(Saved::Conflict) => return LoopExit::LostLease,
                // Tried again at the next look: what is in memory is not on record.
                Err(_) => {
                    stored.fails = true;
                    revert_finish(&mut next, &run);
                }
            }
        }
        run = next;
        if run.phase == Phase::Finished {
            break;
        }
        note_rollback_saved(&mut run, &mut stored, clock.now());
        if results.is_empty() {
            let done = execute(clock, store, drill, session, &run, decision, looked, &stored).await;
            record_result(&mut recorder, &mut run, decision, done, &mut results);
        }
        send_pages(clock, drill, &mut run, &mut recorder, &mut stored).await;
        if session.yields && only_waits(&run) {
            return hand_over(clock, store, session, run, &mut recorder, stored).await;
        }
        let pause = pause_after(&run, &session.timing).saturating_sub(clock.elapsed().saturating_sub(looked));
        clock.sleep(pause).await;
    }
    LoopExit::Finished(Box::new(run))
}

/// Nothing is measured any more: people are waited for, or until nothing of the run can land.
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

/// From one look to the next.
fn pause_after(run: &Run, timing: &Timing) -> Duration {
    if only_waits(run) { Duration::from_millis(timing.aws_poll_ms) } else { timing.poll() }
}

/// Hears what the record says: the gates that lie in it, and what people said since, to whichever invocation. Not
/// being able to is no word, but a closed gate.
fn apply_control_state(
    run: &Run,
    control_state: &Result<ControlState, StoreError>,
    session: &Session,
    now: Timestamp,
    observed: &mut Observation,
) {
    if matches!(run.phase, Phase::Checking | Phase::Injecting) {
        observed.gates.extend(gate::recorded(control_state, &session.timing, now));
    }
    let Ok(control_state) = control_state else { return };
    if let Some(commands) =
        control_state.commands.as_ref().filter(|commands| commands.number > run.last_command)
    {
        observed.last_command = Some(commands.number);
        observed.release.clone_from(&commands.release);
    }
    if let Some(stop) = asked_to_stop(run, control_state, session.timing.margin_ms, now) {
        observed.stop = Some(stop);
    }
}

/// Who wants the run to end, by a word or by a switch.
fn asked_to_stop(run: &Run, control_state: &ControlState, margin_ms: u64, now: Timestamp) -> Option<Stop> {
    if let Some(stop) = control_state.commands.as_ref().and_then(|commands| commands.stop.clone()) {
        return Some(stop);
    }
    // Said to every run that had begun; whether it had is told by two clocks, and ends it in doubt.
    let began = run.times.started.unwrap_or(now);
    if let Some((at, stop)) = &control_state.application_stop
        && at.plus_millis(margin_ms) >= began
    {
        return Some(stop.clone());
    }
    // Before anything was touched it is a gate, and says so.
    let touched = matches!(run.phase, Phase::Injecting | Phase::Recovering);
    let switch = kill_switch::engaged(&control_state.switches, now).filter(|_| touched)?;
    Some(Stop { by: format!("the kill switch of {}", switch.scope), reason: switch.to_string() })
}

/// What we know of the stored head.
struct Stored {
    version: u64,
    /// What we hold in memory is not on record.
    dirty: bool,
    /// The store did not answer when it was last asked.
    fails: bool,
}

/// Notes what came of an act.
fn record_result(
    recorder: &mut Recorder,
    run: &mut Run,
    decision: Decision,
    done: Option<DecisionResult>,
    results: &mut Vec<DecisionResult>,
) {
    let Some(done) = done else { return };
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
    recorder.add(&mut run.evidence, item);
    results.push(done);
}

/// Sends what `step` asked for, if it is still ours to send.
#[expect(clippy::too_many_arguments, reason = "everything that a call depends on")]
async fn execute(
    clock: &impl Clock,
    store: &impl Store,
    drill: &mut impl Inject,
    session: &Session,
    run: &Run,
    decision: Decision,
    looked: Duration,
    stored: &Stored,
) -> Option<DecisionResult> {
    let not_sent = |code: &str, message: &str| {
        let outcome =
            CallOutcome::NotExecuted { code: code.to_owned(), message: message.to_owned(), again: true };
        Some(DecisionResult { decision, sent: None, answered: clock.now(), outcome })
    };
    let is_ours = || clock.elapsed().saturating_sub(session.renewed_at) < session.timing.half_lease();
    let is_old = || clock.elapsed().saturating_sub(looked) > session.timing.call_deadline() * 2;
    match decision {
        Decision::Wait => None,
        Decision::Inject(_) if stored.dirty => {
            not_sent("NotSaved", "the intent is not known to be on record")
        }
        Decision::Inject(_) | Decision::Undo(_) if !is_ours() => {
            not_sent("LeaseOver", "half of the lease is over")
        }
        // Gates and kill switch were read before the save; a slow save makes them old.
        Decision::Inject(_) if is_old() => not_sent("GatesOld", "too long since the gates were asked"),
        // So do they what was seen of the primary.
        Decision::Undo(step) if is_old() && run.undo.get(step).is_some_and(|step| step.moves_traffic) => {
            not_sent("LookOld", "too long since the primary was looked at")
        }
        Decision::Inject(number) => {
            // The save took its time: what people said meanwhile counts.
            let control_state = store.control_state(run).await;
            let now = clock.now();
            if let Some(why) = gate::closed(&gate::recorded(&control_state, &session.timing, now)) {
                return not_sent("GateClosed", &why);
            }
            let margin_ms = session.timing.margin_ms;
            let stop = control_state
                .ok()
                .and_then(|control_state| asked_to_stop(run, &control_state, margin_ms, now));
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
            let outcome = drill.inject(run, number).await;
            Some(DecisionResult { decision, sent: Some(sent), answered: clock.now(), outcome })
        }
        // A rollback does not wait for the store: while the lease is ours it is carried out.
        Decision::Undo(step) => {
            let sent = clock.now();
            let outcome = drill.undo(run, step).await;
            Some(DecisionResult { decision, sent: Some(sent), answered: clock.now(), outcome })
        }
    }
}

/// Writes the evidence, then the head. Evidence first: a verdict never stands without it.
async fn save(
    clock: &impl Clock,
    store: &impl Store,
    session: &mut Session,
    next: &mut Run,
    recorder: &mut Recorder,
    stored: &mut Stored,
) -> Result<Saved, StoreError> {
    let began = clock.elapsed();
    stored.dirty = true;
    next.version = stored.version + 1;
    if !recorder.waiting().is_empty() {
        store.append(&next.run_id, recorder.waiting()).await?;
        recorder.written();
    }
    let mut saved = write(store, next, stored.version).await?;
    if saved == Saved::Conflict {
        // An earlier save of ours may have been carried out though its answer was lost.
        let us = Some(&session.owner);
        match store.load(&next.run_id).await? {
            Some(there) if there.phase == Phase::Finished && there.finished_by.as_ref() == us => {
                *next = there;
                saved = Saved::Saved;
            }
            Some(there) if there.version == stored.version + 1 && there.owner.as_ref() == us => {
                stored.version = there.version;
                next.version = there.version + 1;
                saved = write(store, next, stored.version).await?;
            }
            Some(_) | None => return Ok(Saved::Conflict),
        }
    }
    if saved == Saved::Saved {
        *stored = Stored { version: next.version, dirty: false, ..*stored };
        session.renewed_at = began;
    }
    Ok(saved)
}

async fn write(store: &impl Store, next: &Run, expected: u64) -> Result<Saved, StoreError> {
    if next.phase == Phase::Finished {
        store.finish(next, expected).await
    } else {
        store.save(next, expected).await
    }
}

/// A run is over only once it is on record that it is.
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

async fn hand_over(
    clock: &impl Clock,
    store: &impl Store,
    session: &mut Session,
    mut run: Run,
    recorder: &mut Recorder,
    mut stored: Stored,
) -> LoopExit {
    recorder.close_all(&mut run);
    let mut released = run.clone();
    released.owner = None;
    match save(clock, store, session, &mut released, recorder, &mut stored).await {
        Ok(Saved::Saved) => LoopExit::HandedOver(Box::new(released)),
        Ok(Saved::Conflict) => LoopExit::LostLease,
        Err(error) => LoopExit::StoreLost(Box::new(run), error),
    }
}

/// Writes down what a look showed and what it changed.
fn record_look(
    recorder: &mut Recorder,
    run: &Run,
    next: &mut Run,
    observed: &Observation,
    findings: Vec<Evidence>,
    now: Timestamp,
) {
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
        recorder.add(&mut next.evidence, Evidence::Phase { at: now, from: run.phase, to: next.phase, by });
    }
}

/// From here on the automation behind the trigger, which reads the run before its one call, refuses it.
/// Known only once a save was answered: until then nobody can say when its last act may land.
fn note_rollback_saved(run: &mut Run, stored: &mut Stored, now: Timestamp) {
    if run.is_rolling_back() && !stored.dirty && run.trigger.is_some() && run.rollback_saved_at.is_none() {
        run.rollback_saved_at = Some(now);
        stored.dirty = true;
    }
}

/// A message that cannot be sent is tried again with growing pauses, for as long as the run is open.
const FIRST_PAGE_PAUSE_MS: u64 = 5_000;
/// So many failures to send it are written down.
const MAX_PAGE_FAILURES: u32 = 8;

/// Sends what was not sent yet: one message a look, after the act, so that a topic that does not answer
/// delays nothing but itself. One that cannot be sent is on record, and changes nothing else.
async fn send_pages(
    clock: &impl Clock,
    drill: &mut impl Drill,
    run: &mut Run,
    recorder: &mut Recorder,
    stored: &mut Stored,
) {
    let now = clock.now();
    let due = run.pages.iter().position(|page| {
        let pause = backoff_ms(FIRST_PAGE_PAUSE_MS, page.attempts).min(MAX_PAUSE_MS);
        !page.sent && page.last_tried.is_none_or(|last| now >= last.plus_millis(pause))
    });
    let Some(index) = due else { return };
    let answer = drill.page(run, &run.pages[index].clone()).await;
    let page = &mut run.pages[index];
    page.sent = answer.is_ok();
    page.attempts += 1;
    page.last_tried = Some(now);
    stored.dirty = true;
    let (cause, error) = (page.cause.clone(), answer.err());
    if error.is_none() || page.attempts <= MAX_PAGE_FAILURES {
        recorder.add(&mut run.evidence, Evidence::Paged { at: now, cause, error });
    }
}
