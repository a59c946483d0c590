//! Cadence: whether a drill passes as often as it promises to, and what keeps it from that.
//!
//! The rule: a drill is *due* as many days after its last pass as its request's `cadence.everyDays` says, and *overdue* once its
//! grace is over as well. The grace is a quarter of the cadence, rounded up to whole days, at least 1 and at most 7: 28 days
//! have 7, 7 days have 2, 1 day has 1, 366 days have 7. A drill that never passed counts from when its schedule was created
//! or its first run was over, whichever came first.
//!
//! A drill that is started on time and passes is never overdue:
//!
//! - A pass counts from the nominal time of its run: when it was scheduled; without a schedule, when it injected. Counted from
//!   the end of that run, the limit would move with the length of each run.
//! - Days are calendar days in the time zone of what starts the drill, as its schedule counts them: from one first Tuesday of
//!   a month to the next are at most 35 days, and an hour more when the clocks are put back in between. The days of a rate have
//!   24 hours, as those of UTC; UTC also counts where nothing starts a drill, or several time zones do.
//! - What began before the limit is waited for: a drill is not overdue while a run is under way that began before, nor as long as
//!   a start that was scheduled before may still be delivered.
//!
//! The stages of resiliency count their 35 days in the same way, and so does the calendar. Results record no time zone: its past
//! is counted in that of today.
//!
//! Everything here is a function of results, schedules, open runs and the present moment.

mod check;
mod expression;
mod rule;
mod start_times;
mod starts;

pub(crate) use check::{CadenceProblem, Check, check};
pub use expression::{Expression, NotAnExpression};
pub(crate) use rule::{Promise, STAGE_CADENCE_DAYS, days_after, has_passed, zone_of};
pub use rule::{grace_days, overdue_after_days};
pub use start_times::StartTimes;
