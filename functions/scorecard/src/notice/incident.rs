//! Notice of a real incident: a failover function acted on an alarm that no run set.

use firedrill_core::{
    failover::{AlarmState, Done, JournalEntry},
    text::one_line,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Notice, StreamChange,
    lines::{Lines, ascii},
    run::INDEX,
};
use crate::{
    event::{Event, EventHeader, RealIncident},
    render::text::{MAX_NAME, MAX_TEXT, plain},
    settings::Links,
};

/// The most characters of an alarm's name in a subject.
const MAX_SUBJECT_NAME: usize = 50;

/// A real incident; none if this entry is about a run, about another state than ALARM, or told nothing new.
pub(super) fn real_incident(
    change: &StreamChange,
    alarm_arn: &str,
    links: &Links,
) -> Result<Option<Notice>, String> {
    let done = &change.new["done"];
    let is_told = [Done::FailedOver, Done::Failed].iter().any(|told| *done == json!(told));
    let was_done = change.old.as_ref().is_some_and(|old| old["done"] == *done);
    if !is_told || was_done {
        return Ok(None);
    }
    let entry = JournalEntry::deserialize(&change.new).map_err(|error| error.to_string())?;
    if entry.alarm_arn != alarm_arn {
        return Err(format!("it is about the alarm {}", entry.alarm_arn));
    }
    let Some(done) = entry.done.filter(|_| entry.run_id.is_none() && entry.state == AlarmState::Alarm) else {
        return Ok(None);
    };
    Ok(Some(notice(&entry, done, links)))
}

fn notice(entry: &JournalEntry, done: Done, links: &Links) -> Notice {
    let name = entry.alarm_arn.split_once(":alarm:").map_or(&*entry.alarm_arn, |(_, name)| name);
    // What else a failover function does is not told (`real_incident`).
    let (what, first) = if done == Done::FailedOver {
        ("failed over", "The failover function failed over on a real alarm: AWS accepted its call.")
    } else {
        (
            "FAILOVER FAILED",
            "The failover function called AWS on a real alarm, and it is not known that AWS did what it asked. Look at it now.",
        )
    };
    let header = EventHeader::new(format!("{}#{}#{done}", entry.alarm_arn, entry.key()), links.to(INDEX));
    let text = Lines::new(first.to_owned())
        .text("Why", entry.why.as_deref())
        .gap()
        .own("Alarm", Some(plain(name, MAX_NAME)))
        .moment("Went to ALARM", Some(entry.at))
        .text("Reason of the alarm", Some(&entry.reason))
        .moment("AWS was called", entry.called_at)
        .moment("Concluded", entry.concluded_at)
        .gap()
        .own("Alarm's ARN", Some(plain(&entry.alarm_arn, MAX_TEXT)))
        .own("Results", Some(header.link.clone()));
    let event = RealIncident {
        header,
        alarm_arn: entry.alarm_arn.clone(),
        began_at: entry.at,
        alarm_reason: one_line(&entry.reason, MAX_TEXT),
        done,
        reason: entry.why.as_deref().map(|why| one_line(why, MAX_TEXT)),
        called_at: entry.called_at,
        concluded_at: entry.concluded_at,
    };
    Notice {
        subject: ascii(&format!("Firedrill: real incident: {what}: {}", ascii(name, MAX_SUBJECT_NAME)), 99),
        text: text.into_text(),
        event: Event::RealIncident(Box::new(event)),
    }
}
