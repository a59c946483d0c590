//! Windows: when a drill may run, in the team's own time zone.

use garde::Validate;
use jiff::{
    ToSpan as _, civil,
    tz::{AmbiguousOffset, TimeZone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Timestamp, text::quoted};

/// How many days a plan looks ahead.
const DAYS_AHEAD: usize = 366;

/// Hours on days of the week. A window whose `to` is not after its `from` crosses midnight and
/// belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Window {
    /// The days on which it begins; 1 to 7.
    #[garde(length(min = 1, max = 7))]
    pub days: Vec<Day>,
    /// `HH:MM`, local time: from this minute on it is open.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// `HH:MM`, local time: from this minute on it is closed again.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
    /// An IANA time zone, such as `Europe/London`.
    pub time_zone: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the days speak for themselves")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<civil::Weekday> for Day {
    fn from(day: civil::Weekday) -> Self {
        match day {
            civil::Weekday::Monday => Self::Monday,
            civil::Weekday::Tuesday => Self::Tuesday,
            civil::Weekday::Wednesday => Self::Wednesday,
            civil::Weekday::Thursday => Self::Thursday,
            civil::Weekday::Friday => Self::Friday,
            civil::Weekday::Saturday => Self::Saturday,
            civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

fn hour_and_minute(text: &str) -> Option<civil::Time> {
    let (hour, minute) = text.split_once(':')?;
    // A number may also be written with a sign, which no time of day has.
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let two_digits = |part: &str| is_two_digits(part).then(|| part.parse::<i8>().ok()).flatten();
    civil::Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

impl Window {
    /// What is wrong with it, as (field, what).
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (field, text) in [("from", &self.from), ("to", &self.to)] {
            if hour_and_minute(text).is_none() {
                found.push((field, format!("{} is not a time of day (HH:MM)", quoted(text))));
            }
        }
        if hour_and_minute(&self.from).is_some() && self.from == self.to {
            found.push(("to", "equals `from`: the window never opens".to_owned()));
        }
        if self.zone().is_none() {
            let what = "is not a time zone, such as Europe/London";
            found.push(("timeZone", format!("{} {what}", quoted(&self.time_zone))));
        }
        found
    }

    /// Its time zone. `Etc/Unknown` is the name of none: its clock would be UTC's, which nobody asked for.
    fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(&self.time_zone).ok().filter(|zone| !zone.is_unknown())
    }

    /// The days of the coming year on which it would begin and does not open at all, because the clocks are put forward over
    /// it.
    pub(crate) fn never_opens_on(&self, now: Timestamp) -> Vec<civil::Date> {
        let found = || {
            let (from, to) = (hour_and_minute(&self.from)?, hour_and_minute(&self.to)?);
            let zone = self.zone()?;
            let today = now.to_jiff().to_zoned_datetime(zone.clone()).date();
            let is_skipped = |moment: civil::DateTime| {
                matches!(zone.to_ambiguous_timestamp(moment).offset(), AmbiguousOffset::Gap { .. })
            };
            let is_empty = |day: &civil::Date| {
                let ends_on = if from < to { Ok(*day) } else { day.tomorrow() };
                let last = ends_on.and_then(|day| day.to_datetime(to).checked_sub(1.minute()));
                // Both in one gap: it is longer than the window, which has no minute outside it.
                is_skipped(day.to_datetime(from)) && last.is_ok_and(is_skipped)
            };
            let days = today.series(1.day()).take(DAYS_AHEAD);
            Some(days.filter(|day| self.days.contains(&day.weekday().into())).filter(is_empty).collect())
        };
        found().unwrap_or_default()
    }

    /// Whether it is open; `None` if that cannot be told.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> Option<bool> {
        let (from, to) = (hour_and_minute(&self.from)?, hour_and_minute(&self.to)?);
        let local = now.to_jiff().to_zoned_datetime(self.zone()?);
        let (date, time) = (local.date(), local.time());
        let on = |date: civil::Date| self.days.contains(&date.weekday().into());
        if from < to {
            return Some(on(date) && from <= time && time < to);
        }
        let began_yesterday = time < to && on(date.yesterday().ok()?);
        Some(began_yesterday || (time >= from && on(date)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Day], from: &str, to: &str, zone: &str) -> Window {
        Window { days: days.to_vec(), from: from.into(), to: to.into(), time_zone: zone.into() }
    }
    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_weekday_is_the_zones_and_not_utcs() {
        // 23:30 UTC on a Monday is already Tuesday in Tokyo.
        let tuesday = window(&[Day::Tuesday], "08:00", "12:00", "Asia/Tokyo");
        assert_eq!(tuesday.is_open(at("2026-11-23T23:30:00Z")), Some(true));
        assert_eq!(tuesday.is_open(at("2026-11-24T23:30:00Z")), Some(false));
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_begins() {
        let night = window(&[Day::Friday], "22:00", "02:00", "UTC");
        assert_eq!(night.is_open(at("2026-11-27T23:00:00Z")), Some(true), "Friday night");
        assert_eq!(night.is_open(at("2026-11-28T01:59:00Z")), Some(true), "the hours after it");
        assert_eq!(night.is_open(at("2026-11-28T02:00:00Z")), Some(false));
        assert_eq!(night.is_open(at("2026-11-27T01:00:00Z")), Some(false), "Thursday night");
    }

    #[test]
    fn summer_time_moves_the_window() {
        let office = window(&[Day::Monday], "09:00", "10:00", "Europe/London");
        assert_eq!(office.is_open(at("2026-07-06T08:30:00Z")), Some(true));
        assert_eq!(office.is_open(at("2026-12-07T08:30:00Z")), Some(false));
    }

    #[test]
    fn a_window_that_cannot_be_read_is_never_open() {
        assert_eq!(window(&[Day::Monday], "9", "10:00", "UTC").is_open(at("2026-12-07T09:30:00Z")), None);
        assert_eq!(
            window(&[Day::Monday], "09:00", "10:00", "Mars").is_open(at("2026-12-07T09:30:00Z")),
            None
        );
    }

    #[test]
    fn a_time_of_day_is_written_in_digits_only() {
        for text in [
            "+9:00", "-0:00", "09:+5", "0٩:00", "9:00", "09:0", " 9:00", "24:00", "09:60", "09-00",
            "09:00:00",
        ] {
            assert_eq!(hour_and_minute(text), None, "{text}");
        }
        assert!(hour_and_minute("09:00").is_some() && hour_and_minute("23:59").is_some());
    }

    #[test]
    fn what_names_no_time_zone_is_refused() {
        let problems = |zone: &str| window(&[Day::Monday], "09:00", "10:00", zone).problems();
        for zone in ["Etc/Unknown", "etc/unknown", "Mars/Olympus", ""] {
            assert!(problems(zone)[0].1.contains("is not a time zone"), "{zone}");
            let open = window(&[Day::Monday], "09:00", "10:00", zone).is_open(at("2026-12-07T09:30:00Z"));
            assert_eq!(open, None, "{zone}");
        }
        assert_eq!(problems("Etc/UTC"), []);
    }

    #[test]
    fn a_window_over_which_the_clocks_are_put_forward_is_named_and_no_other() {
        let days = |from: &str, to: &str, zone: &str| {
            let window = window(&[Day::Saturday, Day::Sunday], from, to, zone);
            window
                .never_opens_on(at("2026-11-23T10:00:00Z"))
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        // In London, 01:00 to 02:00 does not exist on the last Sunday of March.
        assert_eq!(days("01:00", "02:00", "Europe/London"), ["2027-03-28"]);
        assert_eq!(days("01:15", "01:45", "Europe/London"), ["2027-03-28"]);
        assert!(days("00:59", "01:45", "Europe/London").is_empty(), "open for a minute");
        assert!(days("01:15", "02:01", "Europe/London").is_empty(), "open for a minute");
        assert!(days("01:00", "02:00", "UTC").is_empty());
        // On such a day it is never open, as the days say.
        let window = window(&[Day::Sunday], "01:00", "02:00", "Europe/London");
        let minutes = (0..1_440).map(|minute| at("2027-03-28T00:00:00Z").plus_millis(minute * 60_000));
        assert!(minutes.clone().all(|minute| window.is_open(minute) == Some(false)));
    }
}
