//! Start times: when a schedule starts its drill next, and when it did before.

use std::time::Duration;

use firedrill_core::{Timestamp, millis};
use jiff::{
    ToSpan as _,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::expression::{Expression, WallClock};
use crate::input::ScheduledDrill;

/// How far a clock may be put back: hours that pass twice.
const PUT_BACK_HOURS: i64 = 3;
/// How many times are looked at before a search is given up: more than the minutes of a day.
const MAX_LOOKS: usize = 2_000;

/// When one enabled schedule or rule starts its drill.
#[derive(Clone, Debug)]
pub struct StartTimes {
    expression: Expression,
    zone: TimeZone,
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
    /// From when on a rate counts; none if that is not known.
    counts_from: Option<Timestamp>,
}

impl StartTimes {
    /// The times of a schedule; none if it has no expression: then only events start it.
    ///
    /// # Errors
    /// Why its expression or its time zone cannot be read, in a sentence.
    pub fn of(scheduled: &ScheduledDrill) -> Result<Option<Self>, String> {
        let Some(text) = &scheduled.expression else { return Ok(None) };
        let expression = Expression::parse(text).map_err(|error| error.to_string())?;
        let zone = match scheduled.time_zone.as_deref() {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name)
                .ok()
                .filter(|zone| !zone.is_unknown())
                .ok_or_else(|| format!("{} is not a time zone", firedrill_core::text::quoted(name)))?,
        };
        let (starts, ends) = (scheduled.starts, scheduled.ends);
        Ok(Some(Self { expression, zone, starts, ends, counts_from: starts.or(scheduled.created) }))
    }

    /// Whether its times can be told: of a rate, only if it is known from when on it counts.
    #[must_use]
    pub fn are_known(&self) -> bool {
        !matches!(self.expression, Expression::Rate(_)) || self.counts_from.is_some()
    }

    /// The interval of a rate.
    #[must_use]
    pub fn rate(&self) -> Option<Duration> {
        match self.expression {
            Expression::Rate(every) => Some(every),
            Expression::Cron(_) | Expression::At(_) => None,
        }
    }

    /// The time zone in which its days are counted: a rate counts days of 24 hours.
    pub(super) fn into_zone(self) -> TimeZone {
        if self.rate().is_some() { TimeZone::UTC } else { self.zone }
    }

    /// The first time after this moment; none if there is none, or if it cannot be told.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        // It may start at the very moment at which it begins to count.
        let after = self.starts.map_or(after, |starts| after.max(starts - Duration::from_millis(1)));
        let next = match &self.expression {
            Expression::Rate(every) => {
                let from = self.counts_from?;
                if after < from {
                    from
                } else {
                    let every = millis(*every);
                    from.plus_millis((after.millis_since(from) / every + 1).saturating_mul(every))
                }
            }
            Expression::Cron(cron) => {
                let mut at = WallClock(self.on_the_wall(after));
                let mut next = || {
                    at = cron.find_next_occurrence(&at, false).ok()?;
                    Some(at.0)
                };
                let times = std::iter::from_fn(&mut next).take(MAX_LOOKS);
                times.filter_map(|at| self.moment(at)).find(|at| *at > after)?
            }
            Expression::At(at) => self.moment(*at).filter(|at| *at > after)?,
        };
        (self.ends.is_none_or(|ends| next <= ends)).then_some(next)
    }

    /// The last time until this moment, which is included; none if there is none, or if it cannot be told.
    #[must_use]
    pub fn last_until(&self, until: Timestamp) -> Option<Timestamp> {
        let until = self.ends.map_or(until, |ends| until.min(ends));
        let last = match &self.expression {
            Expression::Rate(every) => {
                let from = self.counts_from.filter(|from| *from <= until)?;
                let every = millis(*every);
                from.plus_millis(until.millis_since(from) / every * every)
            }
            Expression::Cron(cron) => {
                // On the wall, what is later may have been earlier: the clock was put back in between.
                let from = self.on_the_wall(until).saturating_add(PUT_BACK_HOURS.hours());
                let mut at = WallClock(from);
                let mut last = || {
                    at = cron.find_previous_occurrence(&at, false).ok()?;
                    Some(at.0)
                };
                let times = std::iter::from_fn(&mut last).take(MAX_LOOKS);
                times.filter_map(|at| self.moment(at)).find(|at| *at <= until)?
            }
            Expression::At(at) => self.moment(*at).filter(|at| *at <= until)?,
        };
        (self.starts.is_none_or(|starts| last >= starts)).then_some(last)
    }

    fn on_the_wall(&self, at: Timestamp) -> DateTime {
        at.to_jiff().to_zoned_datetime(self.zone.clone()).into()
    }

    /// The moment of a time on the wall: the first of two when the clock is put back, none when it is put forward over
    /// it. So does the Scheduler: it starts nothing twice, and skips what does not exist.
    fn moment(&self, at: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(at);
        if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return None;
        }
        ambiguous.earlier().ok().map(|at| Timestamp::from_millis(at.as_millisecond()))
    }
}
