//! JSON: the scorecard as one document that never grows beyond its bounds.

use serde::Serialize;

use super::room::{Room, last_runs};
use crate::model::{Drill, Scorecard};

/// What is left out of a drill first.
const PASTS: &str = "calendars and runs of drills";

/// Writes the document, one element of a list after the other as long as there is room: first what everybody has to see.
pub(super) fn of(scorecard: &Scorecard) -> String {
    let mut room = Room::new();
    let applications = list(&mut room, "applications", &scorecard.applications);
    let unread = list(&mut room, "unread", &scorecard.unread);
    let weeks = list(&mut room, "weeks", &scorecard.weeks);
    let findings = list(&mut room, "findings", &scorecard.findings);
    let mut drills = kept(&mut room, "drills", scorecard.drills.iter().map(|drill| written(&brief(drill))));
    let stages = list(&mut room, "stages", &scorecard.stages);
    let coverage = list(&mut room, "coverage", &scorecard.coverage);
    let losses = list(&mut room, "losses", &scorecard.losses);
    for (drill, text) in scorecard.drills.iter().zip(&mut drills) {
        if room.is_closed(PASTS) {
            continue;
        }
        let whole = written(&Drill { history: last_runs(drill).to_vec(), ..drill.clone() });
        if room.take(PASTS, whole.len() - text.len()) {
            *text = whole;
        }
    }
    let drills = named("drills", &drills);
    let left_out = room.left_out(&scorecard.drills).iter().map(written).collect::<Vec<_>>();
    let head = [
        format!("\"asOf\":{}", written(&scorecard.as_of)),
        format!("\"version\":{}", written(&scorecard.version)),
        format!("\"confidenceRule\":{}", written(&scorecard.confidence_rule)),
    ];
    let lists =
        [named("leftOut", &left_out), unread, applications, weeks, drills, findings, coverage, stages];
    let fields = head.into_iter().chain(lists).chain([losses]);
    format!("{{{}}}\n", fields.collect::<Vec<_>>().join(",\n"))
}

/// A list of this name with the elements for which there is room.
fn list(room: &mut Room, name: &'static str, elements: &[impl Serialize]) -> String {
    let elements = kept(room, name, elements.iter().map(written));
    named(name, &elements)
}

fn kept(room: &mut Room, name: &'static str, elements: impl Iterator<Item = String>) -> Vec<String> {
    elements.filter(|text| room.take(name, text.len() + 2)).collect()
}

fn named(name: &str, elements: &[String]) -> String {
    format!("\"{name}\":[{}]", elements.join(",\n"))
}

/// A drill without its past.
fn brief(drill: &Drill) -> Drill {
    Drill { calendar: Vec::new(), history: Vec::new(), ..drill.clone() }
}

fn written(value: &impl Serialize) -> String {
    // It consists of texts, numbers and lists alone, which JSON always takes.
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("a scorecard is JSON: {error}"))
}
