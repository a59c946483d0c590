//! How often AWS is asked: now and then, soon after something happened, and less often while it says that
//! it is too often.

use std::{cell::Cell, time::Duration};

use crate::error::{Failure, Proof};

/// The history of alarms may be asked for three times a second by a whole account.
const MIN_PAUSE: Duration = Duration::from_secs(2);
/// Nobody real looks more often than this: what does is AWS on this machine, which throttles nobody.
const MIN_REAL_POLL: Duration = Duration::from_secs(1);
/// The pause grows up to this.
const MAX_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Polling {
    /// Between two looks.
    pause: Duration,
    /// Between two looks, however urgent.
    min_pause: Duration,
    /// The pause now: longer than `pause` while AWS throttles.
    now: Duration,
    last: Option<Duration>,
    urgent: bool,
    throttled: Cell<bool>,
}

impl Polling {
    pub(super) fn new(aws_poll: Duration) -> Self {
        let min_pause = if aws_poll < MIN_REAL_POLL { Duration::ZERO } else { MIN_PAUSE };
        let pause = aws_poll.max(min_pause);
        Self { pause, min_pause, now: pause, last: None, urgent: false, throttled: Cell::new(false) }
    }

    /// Something happened: the next look is wanted soon.
    pub(super) fn look_soon(&mut self) {
        self.urgent = true;
    }

    /// A read failed. One that was throttled makes the next pause longer.
    pub(super) fn note_failure(&self, failure: &Failure) {
        if failure.proof == Proof::Again {
            self.throttled.set(true);
        }
    }

    /// Whether it is time for a look, which then begins.
    pub(super) fn take(&mut self, elapsed: Duration) -> bool {
        let wanted = if self.urgent && self.now == self.pause { self.min_pause } else { self.now };
        let due = self.last.is_none_or(|last| elapsed.saturating_sub(last) >= wanted);
        if due {
            self.last = Some(elapsed);
            self.urgent = false;
        }
        due
    }

    /// A look is over.
    pub(super) fn looked(&mut self) {
        self.now = if self.throttled.take() { (self.now * 2).min(MAX_PAUSE) } else { self.pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failure(proof: Proof) -> Failure {
        Failure {
            action: "cloudwatch:DescribeAlarmHistory",
            proof,
            code: "Throttling".to_owned(),
            message: String::new(),
        }
    }

    #[test]
    fn what_is_urgent_waits_for_two_seconds_at_most_and_at_least() {
        let mut polling = Polling::new(at(5));
        assert!(polling.take(at(0)));
        assert!(!polling.take(at(4)));
        polling.look_soon();
        assert!(polling.take(at(4)));
        polling.look_soon();
        assert!(!polling.take(at(5)), "the history is asked for every two seconds at most");
        assert!(polling.take(at(6)));
        assert!(!polling.take(at(8)), "an urgent look is one look");
        assert!(polling.take(at(11)));
    }

    #[test]
    fn throttling_doubles_the_pause_up_to_half_a_minute_and_a_good_look_ends_it() {
        let mut polling = Polling::new(at(5));
        let mut last = at(0);
        assert!(polling.take(last));
        for pause in [10, 20, 30, 30] {
            polling.note_failure(&failure(Proof::Again));
            polling.looked();
            polling.look_soon();
            assert!(!polling.take(last + at(pause - 1)), "not even when it is urgent");
            last += at(pause);
            assert!(polling.take(last));
        }
        polling.note_failure(&failure(Proof::Denied));
        polling.looked();
        assert!(polling.take(last + at(5)));
    }

    #[test]
    fn aws_on_this_machine_is_asked_as_often_as_it_is_told() {
        let mut polling = Polling::new(Duration::from_millis(500));
        assert!(polling.take(at(0)));
        polling.look_soon();
        assert!(polling.take(Duration::from_millis(10)));
    }
}
