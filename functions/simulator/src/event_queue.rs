//! Event queue: what will happen outside invocations, and when.

use crate::{failover::Pending, fleet::Change, operators::PlannedCommand};

/// An event that is due at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Time has passed, from which changes may follow.
    Passes,
    /// A change of what fails over or of its alarm.
    Cloud(Pending),
    /// A change of instances.
    Fleet(Change),
    /// The event that starts the drill is delivered.
    Delivery,
    /// The watchdog's schedule invokes it.
    Tick,
    /// A tick that was throttled runs after all.
    LateTick,
    /// A drill function that handed its run over starts the watchdog.
    StartedTick,
    /// An operator sends a command, after this many repetitions.
    Command(PlannedCommand, u32),
}

/// All events that are due. Those due at the same moment happen in the order in which they were added.
#[derive(Debug)]
pub(crate) struct EventQueue {
    items: Vec<(i64, Due)>,
    next: i64,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self { items: Vec::new(), next: i64::MAX }
    }
}

impl EventQueue {
    pub fn add(&mut self, at: i64, due: Due) {
        self.items.push((at, due));
        self.next = self.next.min(at);
    }

    pub fn has(&self, at: i64, due: &Due) -> bool {
        self.items.iter().any(|(then, what)| *then == at && what == due)
    }

    pub const fn next(&self) -> i64 {
        self.next
    }

    pub fn take(&mut self) -> Option<Due> {
        let index = self.items.iter().position(|(at, _)| *at == self.next)?;
        Some(self.remove(index))
    }

    /// Removes the last of these that was added; whether there was one.
    pub fn cancel(&mut self, due: &Due) -> bool {
        let index = self.items.iter().rposition(|(_, what)| what == due);
        index.map(|index| self.remove(index)).is_some()
    }

    fn remove(&mut self, index: usize) -> Due {
        let (_, due) = self.items.remove(index);
        self.next = self.items.iter().map(|(at, _)| *at).min().unwrap_or(i64::MAX);
        due
    }
}
