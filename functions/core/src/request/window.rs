//! Windows: when a drill may run, in the team's own time zone.

use garde::Validate;
use jiff::{civil, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Hours on days of the week. A window whose `to` is not after its `from` crosses midnight and
/// belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Window {
    /// The days on which it begins; at least 1.
    #[garde(length(min = 1))]
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
    let two_digits = |part: &str| (part.len() == 2).then(|| part.parse::<i8>().ok()).flatten();
    civil::Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

impl Window {
    /// What is wrong with it, as (field, what).
    pub(super) fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (field, text) in [("from", &self.from), ("to", &self.to)] {
            if hour_and_minute(text).is_none() {
                found.push((field, format!("`{text}` is not a time of day (HH:MM)")));
            }
        }
        if hour_and_minute(&self.from).is_some() && self.from == self.to {
            found.push(("to", "equals `from`: the window never opens".to_owned()));
        }
        if let Err(error) = TimeZone::get(&self.time_zone) {
            found.push(("timeZone", format!("`{}` is not a time zone: {error}", self.time_zone)));
        }
        found
    }

    /// Whether it is open; `None` if that cannot be told.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> Option<bool> {
        let (from, to) = (hour_and_minute(&self.from)?, hour_and_minute(&self.to)?);
        let local = now.to_jiff()?.to_zoned_datetime(TimeZone::get(&self.time_zone).ok()?);
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
}
