//! Size: a head stays small, whatever the request and whatever AWS and operators say.
//!
//! Every save writes the whole head, and DynamoDB refuses an item that is too large: a run whose head outgrew the table could
//! not record its rollback any more. So a request is refused, before anything is touched, if its head could outgrow
//! [`MAX_HEAD_BYTES`] by what is added to it later; and the texts in it are cut, first to what is comfortable to read and, in a
//! head that is nearly full, to little more than their beginning. Whole they are in the evidence, in the log, and in what the
//! operator sent.

use super::{
    Call, CallOutcome, Hold, Injection, Outcome, OwnerId, Page, Phase, Progress, Run, StepState, Stop, Times,
    Verdict,
};
use crate::{ClockName, Measured, Streak, Timestamp, request::Release, text::cut_bytes};

/// The most bytes of a head, as JSON. DynamoDB counts fewer, and its keys and the attributes of its indexes are some 500
/// more.
pub const MAX_HEAD_BYTES: usize = 15_800;

/// The most bytes of one text in a head: what is comfortable to read; and less, for a head that is nearly full.
const TEXT_BYTES: [usize; 4] = [1_000, 400, 150, 60];
/// The bytes of all texts together that a head has room for anyway: fewer than [`Run::outgrows`] counts.
const FEW_BYTES: usize = 500;
/// An injecting call that is proven not to have been executed may be sent so often.
const MIN_CALLS: usize = 6;
/// The most pages of one run: one for each cause. A run that moves traffic back may be held, and another may be told of an
/// alarm after its failover.
const MAX_PAGES: usize = 3;

impl Run {
    /// How many bytes the head takes, as JSON.
    #[must_use]
    pub fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }

    /// Cuts the texts of the head as far as it takes for the head to fit.
    pub(crate) fn fit(&mut self) {
        // Measuring takes as long as writing the whole head, and nearly all heads have few texts.
        if self.text_bytes() <= FEW_BYTES {
            return;
        }
        for most in TEXT_BYTES {
            self.cut_texts(most);
            if self.bytes() <= MAX_HEAD_BYTES {
                return;
            }
        }
    }

    /// Why nothing may be injected: the head could outgrow its size by what is added to it later. None if it cannot.
    #[must_use]
    pub fn outgrows(&self) -> Option<String> {
        let bytes = self.fullest().bytes();
        let calls = self.planned_calls();
        (bytes > MAX_HEAD_BYTES).then(|| {
            format!(
                "make a record of up to {bytes} bytes, together with target, playbook, undo and {calls} injecting calls; at \
                 most {MAX_HEAD_BYTES}: name fewer or shorter ones"
            )
        })
    }

    fn planned_calls(&self) -> usize {
        let points = self.trigger.as_ref().and_then(|trigger| trigger.datapoints.as_ref());
        points.map_or(MIN_CALLS, |points| (points.planned as usize).max(MIN_CALLS))
    }

    /// The bytes of every text that is not the request's own.
    fn text_bytes(&self) -> usize {
        let outcome = |outcome: &Option<CallOutcome>| match outcome {
            Some(CallOutcome::NotExecuted { code, message, .. }) => code.len() + message.len(),
            Some(CallOutcome::Unknown { message }) => message.len(),
            Some(CallOutcome::Done) | None => 0,
        };
        let texts =
            [&self.reason, &self.missing, &self.automation_report].into_iter().flatten().map(String::len);
        let stop = self.stop.iter().map(|stop| stop.by.len() + stop.reason.len());
        let release = self.release.iter().map(|release| release.by.len() + release.reason.len());
        let pages = self.pages.iter().map(|page| page.text.len());
        let undo = self.undo.iter().map(|step| outcome(&step.progress.last));
        let calls =
            self.injection.iter().flat_map(|injection| &injection.calls).map(|call| outcome(&call.outcome));
        texts.chain(stop).chain(release).chain(pages).chain(undo).chain(calls).sum()
    }

    /// Cuts every text that is not the request's own.
    fn cut_texts(&mut self, most: usize) {
        let shorter = most / 3;
        let cut = |text: &mut String, most: usize| {
            if text.len() > most {
                *text = cut_bytes(text, most);
            }
        };
        let texts = [&mut self.reason, &mut self.missing, &mut self.automation_report];
        texts.into_iter().flatten().for_each(|text| cut(text, most));
        if let Some(Stop { by, reason }) = &mut self.stop {
            cut(by, shorter);
            cut(reason, most);
        }
        if let Some(Release { by, reason, .. }) = &mut self.release {
            cut(by, shorter);
            cut(reason, most);
        }
        self.pages.iter_mut().for_each(|page| cut(&mut page.text, most));
        let outcome = |outcome: &mut Option<CallOutcome>| match outcome {
            Some(CallOutcome::NotExecuted { code, message, .. }) => {
                cut(code, 60);
                cut(message, shorter);
            }
            Some(CallOutcome::Unknown { message }) => cut(message, shorter),
            Some(CallOutcome::Done) | None => {}
        };
        let is_long = |call: &CallOutcome| match call {
            CallOutcome::NotExecuted { code, message, .. } => code.len() > 60 || message.len() > shorter,
            CallOutcome::Unknown { message } => message.len() > shorter,
            CallOutcome::Done => false,
        };
        // Clones of this head keep theirs: only what changes is copied.
        if self.undo.iter().any(|step| step.progress.last.as_ref().is_some_and(is_long)) {
            self.undo_mut().iter_mut().for_each(|step| outcome(&mut step.progress.last));
        }
        let calls = |injection: &Injection| {
            injection.calls.iter().any(|call| call.outcome.as_ref().is_some_and(is_long))
        };
        if self.injection.as_deref().is_some_and(calls)
            && let Some(injection) = self.injection_mut()
        {
            injection.calls.iter_mut().for_each(|call| outcome(&mut call.outcome));
        }
    }

    /// This head with everything that may still be added to it, and texts cut as short as they ever are.
    fn fullest(&self) -> Self {
        let at = Timestamp::from_millis(1_795_428_000_000);
        let of_alarm = self.trigger.as_ref().map(|_| at);
        let owner = || OwnerId("x".repeat(60));
        let text = || "x".repeat(2_000);
        let unknown = || Some(CallOutcome::Unknown { message: text() });
        let call =
            |number| Call { number, intended: at, sent: Some(at), answered: Some(at), outcome: unknown() };
        let calls = (1..=self.planned_calls()).map(|number| call(u32::try_from(number).unwrap_or(u32::MAX)));
        let page = || Page {
            cause: "alarm after the failover".to_owned(),
            text: text(),
            at,
            sent: false,
            attempts: u32::MAX,
            last_tried: Some(at),
        };
        let streak = Streak {
            last_no_asked: Some(at),
            last_no_answered: Some(at),
            first_yes: Some(at),
            last_yes: Some(at),
            last_yes_asked: Some(at),
            count: u32::MAX,
            gap_end: Some(at),
        };
        let mut fullest = self.clone();
        for step in fullest.undo_mut() {
            step.progress = Progress {
                state: StepState::LeftToOperators,
                attempts: u32::MAX,
                last_sent: Some(at),
                last: unknown(),
                done: Some(at),
            };
        }
        fullest = Self {
            phase: Phase::RollingBack,
            verdict: Some(Verdict::ObjectiveMissed),
            outcome: Some(Outcome::RollbackFailed),
            reason: Some(text()),
            impaired: Some(false),
            version: u64::from(u32::MAX),
            owner: Some(owner()),
            handed_over: Some(at),
            finished_by: Some(owner()),
            times: fullest_times(at, of_alarm),
            injection: Some(
                Injection {
                    owner: owner(),
                    deadline: at,
                    calls: calls.collect(),
                    last_absent: Some(at),
                    unobserved: false,
                }
                .into(),
            ),
            streaks: vec![streak; self.limits.probes.len()],
            stop: Some(Stop { by: text(), reason: text() }),
            unwell_since: Some(at),
            own_rise: of_alarm,
            last_rise: of_alarm,
            alarm_read: Some(at),
            last_not_undone: Some(at),
            last_not_failed_over: Some(at),
            last_not_deployed: of_alarm,
            contrary_since: Some(at),
            settled_at: Some(at),
            rollback_saved_at: Some(at),
            missing: Some(text()),
            hold: Some(Hold::PrimaryUnknown),
            release: Some(Release {
                run_id: self.run_id.0.clone(),
                by: text(),
                reason: text(),
                fail_back: false,
                given_at: Some(at),
            }),
            released_at: Some(at),
            automation_report: Some(text()),
            pages: vec![page(); MAX_PAGES],
            ..fullest
        };
        fullest.cut_texts(TEXT_BYTES[TEXT_BYTES.len() - 1]);
        fullest
    }
}

fn fullest_times(at: Timestamp, of_alarm: Option<Timestamp>) -> Times {
    let measured = Some(longest(at));
    Times {
        scheduled: Some(at),
        started: Some(at),
        injected: measured,
        in_place: measured,
        detected: measured,
        failed_over: measured,
        serving_standby: measured,
        deployed: of_alarm.map(longest),
        recovered: measured,
        rollback_started_at: Some(at),
        rolled_back: measured,
        failed_back: measured,
        steady_again: Some(at),
        finished: Some(at),
    }
}

/// A measured moment that takes as many bytes as any.
fn longest(at: Timestamp) -> Measured {
    Measured { at, clock: ClockName::CloudWatch, resolution_ms: u64::from(u32::MAX) }
}
