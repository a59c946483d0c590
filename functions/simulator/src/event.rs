//! What took effect in a history, or was sent: all that the oracle knows.

use std::fmt;

use firedrill_core::Timestamp;

/// Something that took effect, or was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    /// An injecting call left its sender. `intent` says whether the record held it at that moment, `against` what
    /// forbade it, in truth.
    InjectSent { number: u32, by: String, intent: bool, against: Option<String> },
    /// Its effect took place.
    Injected,
    /// Every target is down; the alarm is up.
    InPlace,
    /// The alarm went off, and not because of the drill.
    RealAlarm,
    /// A step of the undo that moves something left its sender while the primary was well, or not.
    UndoSent { by: String, primary_well: bool },
    /// What was injected was taken back: targets started, the alarm set back.
    Undone,
    /// Traffic, or the writer, was moved back.
    MovedBack,
    /// Users began to be served, or ceased to be.
    Serving(bool),
    /// The standby began to serve users, or ceased to.
    Standby(bool),
    /// The failover function's call took effect, for the change of the alarm of this moment; whether that
    /// change says that a run forced it.
    FailedOver { by_run: bool, change: Timestamp },
    /// The group terminated what was stopped, and began another.
    Replaced,
    /// The drill changed what somebody else had set.
    Overwritten,
    /// It was on record that the run turned back.
    TurnedBack,
    /// The run ended; whether everything it moves was where it was and the alarm free, and whether users were served.
    Finished { back: bool, served: bool },
    /// People were told.
    Paged,
    /// Somebody's word that the run, or its application, stops was on record.
    StopSaid,
    /// A person's word on a run that is held, or whose rollback failed, was on record.
    Released { fail_back: bool },
    /// A kill switch was on record, or off it.
    Switched { what: String, engaged: bool },
    /// A stop condition of the request is tripped from now on.
    ConditionTripped,
    /// Whoever carries the run on looked twice and did not hear who wants it to stop.
    Deaf { owner: String },
    /// Somebody began to carry the run on.
    TakenUp { by: String },
    /// An invocation was killed.
    Died { who: String },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InjectSent { number, by, intent, against } => {
                write!(f, "{by} sends injecting call {number}")?;
                if !intent {
                    f.write_str(", which is not on record")?;
                }
                against.iter().try_for_each(|why| write!(f, ", although {why}"))
            }
            Self::Injected => f.write_str("an injecting call takes effect"),
            Self::InPlace => f.write_str("the failure is in place"),
            Self::RealAlarm => f.write_str("the alarm goes off, and not because of the drill"),
            Self::UndoSent { by, primary_well } => {
                write!(f, "{by} asks for a step of the undo")?;
                f.write_str(if *primary_well { "" } else { ", while the primary is ill" })
            }
            Self::Undone => f.write_str("what was injected is taken back"),
            Self::MovedBack => f.write_str("traffic is moved back"),
            Self::Serving(true) => f.write_str("users are served"),
            Self::Serving(false) => f.write_str("users are not served"),
            Self::Standby(true) => f.write_str("the standby serves"),
            Self::Standby(false) => f.write_str("the standby does not serve any more"),
            Self::FailedOver { by_run, change } => {
                let whose = if *by_run { "the drill's" } else { "a nameless" };
                write!(f, "the failover function acts on {whose} change of the alarm of {change}")
            }
            Self::Replaced => f.write_str("the group replaces a stopped instance"),
            Self::Overwritten => f.write_str("the drill overwrites what somebody else set"),
            Self::TurnedBack => f.write_str("it is on record that the run turned back"),
            Self::Finished { back: true, .. } => f.write_str("the run is finished"),
            Self::Finished { back: false, .. } => {
                f.write_str("the run is finished, and not everything is back")
            }
            Self::Paged => f.write_str("people are paged"),
            Self::StopSaid => f.write_str("a person's stop is on record"),
            Self::Released { fail_back: true } => f.write_str("a person orders to fail back"),
            Self::Released { fail_back: false } => f.write_str("a person takes the rest over"),
            Self::Switched { what, engaged: true } => write!(f, "the kill switch of {what} is engaged"),
            Self::Switched { what, engaged: false } => write!(f, "the kill switch of {what} is taken away"),
            Self::ConditionTripped => f.write_str("a stop condition is tripped"),
            Self::Deaf { owner } => write!(f, "{owner} looked twice, and heard no stop"),
            Self::TakenUp { by } => write!(f, "{by} carries the run on"),
            Self::Died { who } => write!(f, "{who} is killed"),
        }
    }
}

/// An event and its moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Logged {
    pub at: Timestamp,
    pub what: Event,
}
