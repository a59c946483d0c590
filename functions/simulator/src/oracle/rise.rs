//! Rises of a database's alarm that the drill did not set: a failover cuts connections, so that the alarm goes off once more.
//! Such a rise is the drill's if the drill's failover took place, and users were steadily served again soon enough.

use firedrill_core::{Timestamp, kind::DrillKind};

use crate::{
    event::Event,
    failover::{PERIOD, PERIODS},
    history::History,
};

/// How soon after it: the periods that the simulated alarm evaluates, and two more.
const WITHIN: u64 = (PERIODS + 2) * PERIOD;
/// How long the request's probe must answer yes.
const HOLDS_FOR: u64 = 4_000;
/// How much later, or sooner, than in truth a run may know that users are served: clocks, lost and slow answers.
const KNOWN_WITHIN: u64 = 14_000;

/// Whether a run may take this rise for its own, by what it can know at the moment `known`.
pub(super) fn may_be_explained(history: &History, at: Timestamp, known: Timestamp) -> bool {
    is_candidate(history, at, known)
        && served_after(history, at).is_some_and(|took| took <= WITHIN + KNOWN_WITHIN)
}

/// Whether a run may take one of the rises for a real one: it is one, or whatever goes wrong may hide that it is not.
pub(super) fn some_may_be_real(history: &History) -> bool {
    let mut rises = history.log.iter().filter(|logged| logged.what == Event::RealAlarm);
    rises.any(|logged| {
        !history.scenario.hides_nothing()
            || !is_candidate(history, logged.at, logged.at.plus_millis(WITHIN + KNOWN_WITHIN))
            || served_after(history, logged.at).is_none_or(|took| took + KNOWN_WITHIN > WITHIN)
    })
}

/// Whether this is the first rise after the drill's own, and the only failover until `known` was the drill's. An alarm that is
/// made of others has no periods, and in mode `metric` the alarm may stay up: no rise counts as the failover's there.
fn is_candidate(history: &History, at: Timestamp, known: Timestamp) -> bool {
    let failover = &history.scenario.failover;
    if history.scenario.kind != DrillKind::Database || failover.metric || failover.composite {
        return false;
    }
    let own = history.log.iter().find(|logged| logged.what == Event::InPlace).map(|logged| logged.at);
    let first = history
        .log
        .iter()
        .find(|logged| logged.what == Event::RealAlarm && own.is_some_and(|own| logged.at > own))
        .map(|logged| logged.at);
    let mut failovers = history
        .log
        .iter()
        .filter(|logged| logged.at <= known)
        .filter_map(|logged| match logged.what {
            Event::FailedOver { by_run, .. } => Some(by_run),
            _ => None,
        })
        .peekable();
    first == Some(at) && failovers.peek().is_some() && failovers.all(|by_run| by_run)
}

/// How long after this moment users had been served for long enough, without interruption; none if they never were.
fn served_after(history: &History, at: Timestamp) -> Option<u64> {
    let mut since = Some(history.log.first()?.at);
    let mut changes = history.log.iter().filter_map(|logged| match logged.what {
        Event::Serving(now) => Some((logged.at, now)),
        _ => None,
    });
    loop {
        let next = changes.next();
        let steady = since.map(|since| since.plus_millis(HOLDS_FOR).max(at));
        if let Some(steady) = steady.filter(|steady| next.is_none_or(|(until, _)| until >= *steady)) {
            return Some(steady.millis_since(at));
        }
        let (when, serving) = next?;
        since = serving.then_some(when);
    }
}
