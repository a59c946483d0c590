//! Room: what still fits into a file, and what was left out of it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Drill, Point};

/// The most bytes of each file.
pub const MAX_BYTES: usize = 4_000_000;
/// So many of the last runs of a drill are in the files: as many as a page draws.
pub const MAX_RUNS: usize = 60;
/// What is kept free for saying what was left out.
const RESERVED_BYTES: usize = 4_000;

/// What was left out of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LeftOut {
    pub what: &'static str,
    pub number: usize,
    pub why: String,
}

/// The room that is left in a file.
pub(super) struct Room {
    bytes: usize,
    left_out: BTreeMap<&'static str, usize>,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self { bytes: MAX_BYTES - RESERVED_BYTES, left_out: BTreeMap::new() }
    }

    /// Whether there is room for so many bytes more, which are taken then. If there is none, one of `what` is left out, and
    /// so is each later one: see [`Self::is_closed`].
    pub(super) fn take(&mut self, what: &'static str, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes).filter(|_| !self.left_out.contains_key(what));
        match left {
            Some(left) => self.bytes = left,
            None => *self.left_out.entry(what).or_default() += 1,
        }
        left.is_some()
    }

    /// Whether no more of `what` is taken, so that it need not be written. One of it is left out then.
    pub(super) fn is_closed(&mut self, what: &'static str) -> bool {
        self.left_out.get_mut(what).is_some_and(|number| {
            *number += 1;
            true
        })
    }

    /// Everything that was left out, of these drills too.
    pub(super) fn left_out(self, drills: &[Drill]) -> Vec<LeftOut> {
        let why = format!("the file has at most {MAX_BYTES} bytes");
        let full = self.left_out.into_iter().map(|(what, number)| LeftOut { what, number, why: why.clone() });
        let number = drills.iter().map(|drill| drill.history.len() - last_runs(drill).len()).sum();
        let why = format!("of each drill, at most the last {MAX_RUNS} are listed");
        let older = LeftOut { what: "older runs", number, why };
        full.chain((number > 0).then_some(older)).collect()
    }
}

/// The runs of a drill that are listed.
pub(super) fn last_runs(drill: &Drill) -> &[Point] {
    &drill.history[drill.history.len().saturating_sub(MAX_RUNS)..]
}
