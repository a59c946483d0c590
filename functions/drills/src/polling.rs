//! Polling interval of the reads of AWS: shorter after an act or a new phase, longer while AWS throttles.

use std::time::Duration;

/// The shortest pause: `DescribeAlarmHistory` is throttled at three calls a second for a whole account.
const MIN_PAUSE: Duration = Duration::from_secs(2);
/// A shorter interval is set only for AWS on this machine, which throttles nobody.
const MIN_REAL_POLL: Duration = Duration::from_secs(1);
/// The longest pause under throttling.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// When AWS is read next.
#[derive(Debug)]
pub(crate) struct Polling {
    /// The pause between two looks.
    pause: Duration,
    /// The shortest pause, for an urgent look.
    min_pause: Duration,
    /// The pause until the next look: longer than `pause` while AWS throttles.
    current_pause: Duration,
    /// When the last look began, in time since the invocation began.
    last: Option<Duration>,
    urgent: bool,
}

impl Polling {
    pub(crate) fn new(aws_poll: Duration) -> Self {
        let min_pause = if aws_poll < MIN_REAL_POLL { Duration::ZERO } else { MIN_PAUSE };
        let pause = aws_poll.max(min_pause);
        Self { pause, min_pause, current_pause: pause, last: None, urgent: false }
    }

    /// Makes the next look urgent: after an act, or when a phase begins.
    pub(crate) fn look_soon(&mut self) {
        self.urgent = true;
    }

    /// Begins a look if one is due; whether it is.
    pub(crate) fn begin_if_due(&mut self, elapsed: Duration) -> bool {
        let pause =
            if self.urgent && self.current_pause == self.pause { self.min_pause } else { self.current_pause };
        let due = self.last.is_none_or(|last| elapsed.saturating_sub(last) >= pause);
        if due {
            self.last = Some(elapsed);
            self.urgent = false;
        }
        due
    }

    /// Ends a look, and sets the pause until the next one: longer if AWS throttled a read of it.
    pub(crate) fn end(&mut self, throttled: bool) {
        self.current_pause = if throttled { (self.current_pause * 2).min(MAX_PAUSE) } else { self.pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_urgent_waits_for_two_seconds_at_most_and_at_least() {
        let mut polling = Polling::new(at(5));
        assert!(polling.begin_if_due(at(0)));
        assert!(!polling.begin_if_due(at(4)));
        polling.look_soon();
        assert!(polling.begin_if_due(at(4)));
        polling.look_soon();
        assert!(!polling.begin_if_due(at(5)), "the history is asked for every two seconds at most");
        assert!(polling.begin_if_due(at(6)));
        assert!(!polling.begin_if_due(at(8)), "an urgent look is one look");
        assert!(polling.begin_if_due(at(11)));
    }

    #[test]
    fn throttling_doubles_the_pause_up_to_half_a_minute_and_a_good_look_ends_it() {
        let mut polling = Polling::new(at(5));
        let mut last = at(0);
        assert!(polling.begin_if_due(last));
        for pause in [10, 20, 30, 30] {
            polling.end(true);
            polling.look_soon();
            assert!(!polling.begin_if_due(last + at(pause - 1)), "not even when it is urgent");
            last += at(pause);
            assert!(polling.begin_if_due(last));
        }
        polling.end(false);
        assert!(polling.begin_if_due(last + at(5)));
    }

    #[test]
    fn aws_on_this_machine_is_asked_as_often_as_it_is_told() {
        let mut polling = Polling::new(Duration::from_millis(500));
        assert!(polling.begin_if_due(at(0)));
        polling.look_soon();
        assert!(polling.begin_if_due(Duration::from_millis(10)));
    }
}
