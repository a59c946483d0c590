//! How often AWS is asked: now and then, soon after something happened, and less often while it says that
//! it is too often.

use std::{cell::Cell, time::Duration};

use crate::error::{Failure, Proof};

/// The history of alarms may be asked for three times a second by a whole account.
const LEAST: Duration = Duration::from_secs(2);
/// Nobody real looks more often than this: what does is AWS on this machine, which throttles nobody.
const REAL: Duration = Duration::from_secs(1);
/// The pause grows up to this.
const MOST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Pace {
    /// Between two looks.
    pause: Duration,
    /// Between two looks, however urgent.
    least: Duration,
    /// The pause now: longer than `pause` while AWS throttles.
    now: Duration,
    last: Option<Duration>,
    urgent: bool,
    throttled: Cell<bool>,
}

impl Pace {
    pub(super) fn new(aws_poll: Duration) -> Self {
        let least = if aws_poll < REAL { Duration::ZERO } else { LEAST };
        let pause = aws_poll.max(least);
        Self { pause, least, now: pause, last: None, urgent: false, throttled: Cell::new(false) }
    }

    /// Something happened: the next look is wanted soon.
    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    /// A read failed. One that was throttled makes the next pause longer.
    pub(super) fn heard(&self, failure: &Failure) {
        if failure.proof == Proof::Again {
            self.throttled.set(true);
        }
    }

    /// Whether it is time for a look, which then begins.
    pub(super) fn take(&mut self, elapsed: Duration) -> bool {
        let wanted = if self.urgent && self.now == self.pause { self.least } else { self.now };
        let due = self.last.is_none_or(|last| elapsed.saturating_sub(last) >= wanted);
        if due {
            self.last = Some(elapsed);
            self.urgent = false;
        }
        due
    }

    /// A look is over.
    pub(super) fn looked(&mut self) {
        self.now = if self.throttled.take() { (self.now * 2).min(MOST) } else { self.pause };
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
        let mut pace = Pace::new(at(5));
        assert!(pace.take(at(0)));
        assert!(!pace.take(at(4)));
        pace.hurry();
        assert!(pace.take(at(4)));
        pace.hurry();
        assert!(!pace.take(at(5)), "the history is asked for every two seconds at most");
        assert!(pace.take(at(6)));
        assert!(!pace.take(at(8)), "an urgent look is one look");
        assert!(pace.take(at(11)));
    }

    #[test]
    fn throttling_doubles_the_pause_up_to_half_a_minute_and_a_good_look_ends_it() {
        let mut pace = Pace::new(at(5));
        let mut last = at(0);
        assert!(pace.take(last));
        for pause in [10, 20, 30, 30] {
            pace.heard(&failure(Proof::Again));
            pace.looked();
            pace.hurry();
            assert!(!pace.take(last + at(pause - 1)), "not even when it is urgent");
            last += at(pause);
            assert!(pace.take(last));
        }
        pace.heard(&failure(Proof::Denied));
        pace.looked();
        assert!(pace.take(last + at(5)));
    }

    #[test]
    fn aws_on_this_machine_is_asked_as_often_as_it_is_told() {
        let mut pace = Pace::new(Duration::from_millis(500));
        assert!(pace.take(at(0)));
        pace.hurry();
        assert!(pace.take(Duration::from_millis(10)));
    }
}
