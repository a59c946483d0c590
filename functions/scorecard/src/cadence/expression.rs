//! Expression: `rate(..)`, `cron(..)` and `at(..)`, as `EventBridge` takes them.

use std::{cmp::Ordering, time::Duration};

use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
    time::{CivilDateTime, CronDateTime, Resolution, Weekday},
};
use firedrill_core::text::quoted;
use jiff::{SignedDuration, civil::DateTime};
use thiserror::Error;

/// When a schedule or a rule starts something, without its time zone.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// `rate(28 days)`: again and again after this time.
    Rate(Duration),
    /// `cron(0 10 ? * TUE#1 *)`: minutes, hours, day of month, month, day of week (1 is Sunday), year.
    Cron(Box<Cron>),
    /// `at(2026-11-23T10:00:00)`: once.
    At(DateTime),
}

/// Text that is no [`Expression`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not an expression of EventBridge: {what}", quoted(.text))]
pub struct NotAnExpression {
    text: String,
    what: String,
}

/// The years that AWS takes. They also bound the search for a time that never comes.
const YEARS: &str = "1970-2199";

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`NotAnExpression`]: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NotAnExpression> {
        let error = |what: String| NotAnExpression { text: text.to_owned(), what };
        let (kind, rest) = text
            .trim()
            .split_once('(')
            .ok_or_else(|| error("it is none of rate(..), cron(..) and at(..)".to_owned()))?;
        let inside = rest.strip_suffix(')').ok_or_else(|| error("it does not end with `)`".to_owned()))?;
        match kind {
            "rate" => rate(inside).map(Self::Rate),
            "cron" => cron(inside).map(|cron| Self::Cron(Box::new(cron))),
            "at" => inside.parse().map(Self::At).map_err(|_| "it is no date and time".to_owned()),
            _ => Err("it is none of rate(..), cron(..) and at(..)".to_owned()),
        }
        .map_err(error)
    }
}

fn rate(inside: &str) -> Result<Duration, String> {
    let mut words = inside.split_whitespace();
    let (Some(value), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return Err("a rate is a number and a unit".to_owned());
    };
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 =
        value.parse().ok().filter(|value| is_number && *value > 0).ok_or("its number is not above 0")?;
    let minutes = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return Err("its unit is not minutes, hours or days".to_owned()),
    };
    Ok(Duration::from_secs(u64::from(value) * minutes * 60))
}

fn cron(inside: &str) -> Result<Cron, String> {
    let fields: Vec<&str> = inside.split_whitespace().collect();
    let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else {
        return Err(format!("it has {} fields; cron(..) has six", fields.len()));
    };
    if (day_of_month == "?") == (day_of_week == "?") {
        return Err("exactly one of day of month and day of week is `?`".to_owned());
    }
    let is_known = |c: char| c.is_ascii_alphanumeric() || ",-*/?#".contains(c);
    let is_question = |field: &&str| field.contains('?') && **field != *"?";
    let others = [minutes, hours, month, year];
    if !inside.chars().all(|c| is_known(c) || c.is_whitespace())
        || fields.iter().any(is_question)
        || others.contains(&"?")
    {
        return Err("it has a character that has no meaning there".to_owned());
    }
    // Alone, `L` is the last day of the week: Saturday.
    let day_of_week = if day_of_week.eq_ignore_ascii_case("L") { "7" } else { day_of_week };
    let year = if year == "*" { YEARS } else { year };
    // AWS counts the days of the week from Sunday, 1, and takes `0/15` for `0-59/15`.
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build();
    parser
        .parse(&format!("0 {minutes} {hours} {day_of_month} {month} {day_of_week} {year}"))
        .map_err(|error| error.to_string())
}

/// A date and time for `croner`, which knows only the clock on the wall: what that means in a time zone,
/// [`StartTimes`](super::StartTimes) decides.
#[derive(Clone, Debug)]
pub(super) struct WallClock(pub(super) DateTime);

impl CronDateTime for WallClock {
    fn to_civil(&self) -> CivilDateTime {
        let Self(at) = self;
        let part = |part: i8| u32::from(part.unsigned_abs());
        let date = (i32::from(at.year()), part(at.month()), part(at.day()));
        CivilDateTime::from_ymd_hms_opt(
            date.0,
            date.1,
            date.2,
            part(at.hour()),
            part(at.minute()),
            part(at.second()),
        )
        .unwrap_or_else(|| unreachable!("a date and time of jiff exists: {at}"))
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(u32::from(self.0.weekday().to_sunday_zero_offset().unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (part(civil.month())?, part(civil.day())?);
        let (hour, minute, second) = (part(civil.hour())?, part(civil.minute())?, part(civil.second())?);
        let at = DateTime::new(year, month, day, hour, minute, second, 0);
        at.map(|at| Resolution::Single(Self(at))).map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
