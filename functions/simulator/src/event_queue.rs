//! What will happen without anybody's invocation, and when.

use crate::{failover::Pending, fleet::Change, operators::OperatorOrder};

/// Something that will happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing but time passes; something may follow from that.
    Passes,
    /// To what fails over, or its alarm.
    Cloud(Pending),
    /// To instances.
    Fleet(Change),
    /// The event that starts the drill is delivered.
    Delivery,
    /// A minute of the watchdog's.
    Tick,
    /// The watchdog, which was throttled, comes after all.
    LateTick,
    /// A person says something, after so many times without an answer.
    OperatorOrder(OperatorOrder, u32),
}

/// All of it. What is due at the same moment happens in the order in which it was written down.
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

    /// Takes back the last of these that was written down.
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
