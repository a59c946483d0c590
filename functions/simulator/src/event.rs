//! Events: what was sent and what took effect in a history. The oracle judges by them.

use std::fmt;

use firedrill_core::{Timestamp, run::RunId};

/// Something that took effect, or was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Event {
    /// An injecting call was sent. `intent`: whether it was saved at that moment. `forbidden_by`: what, in truth,
    /// forbade it then; none if nothing did.
    InjectSent { number: u32, by: String, intent: bool, forbidden_by: Option<String> },
    /// An injecting call took effect.
    Injected,
    /// The failure is in place: every target is down, or the alarm is in ALARM.
    InPlace,
    /// The alarm changed to ALARM, and the drill did not set it: in a real incident, or because a failover cut connections.
    RealAlarm,
    /// A step of the undo that moves something was sent: for which run, and whether the primary was healthy then.
    UndoSent { run: Option<RunId>, by: String, primary_healthy: bool },
    /// The injection was undone: targets started, the alarm set to OK.
    Undone,
    /// Traffic, or the writer, was moved back.
    MovedBack,
    /// Whether users are served changed to this.
    Serving(bool),
    /// Whether the standby serves users changed to this.
    Standby(bool),
    /// CloudFront reports the distribution as deployed, with the standby.
    Deployed,
    /// The failover function's call took effect, for the alarm's change of this moment. `by_run`: whether that
    /// change names a run.
    FailedOver { by_run: bool, change: Timestamp },
    /// The failover function concluded a real alarm without a call, although RDS would have failed the database over.
    GivenUp { change: Timestamp },
    /// The Auto Scaling group terminated a stopped instance and launched another.
    Replaced,
    /// The drill overwrote a configuration that an operator had set.
    Overwritten,
    /// The head was saved with the rollback begun.
    RollbackRecorded,
    /// The run was finished. `back`: everything that it stopped or moved was back, and the alarm not forced. `served`: users were.
    Finished { back: bool, served: bool },
    /// A page reached the operators.
    Paged,
    /// An operator's stop of the run or of its application was saved.
    StopRequested,
    /// An operator's release was saved.
    Released { fail_back: bool },
    /// A kill switch was engaged or disengaged.
    Switched { what: String, engaged: bool },
    /// The stop condition of the request tripped.
    ConditionTripped,
    /// The owner of the run looked twice after a stop that it could have read, and did not stop.
    MissedStop { owner: String },
    /// The head was saved, and takes so many bytes: more than a head may.
    HeadTooLarge { bytes: usize },
    /// An invocation took the lease of the run.
    LeaseTaken { by: String },
    /// An invocation was killed.
    Killed { invocation: String },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InjectSent { number, by, intent, forbidden_by } => {
                write!(f, "{by} sends injecting call {number}")?;
                if !intent {
                    f.write_str(", whose intent is not saved")?;
                }
                forbidden_by.iter().try_for_each(|why| write!(f, ", although {why}"))
            }
            Self::Injected => f.write_str("an injecting call takes effect"),
            Self::InPlace => f.write_str("the failure is in place"),
            Self::RealAlarm => f.write_str("the alarm changes to ALARM, and the drill did not set it"),
            Self::UndoSent { by, primary_healthy, .. } => {
                write!(f, "{by} sends a step of the undo")?;
                f.write_str(if *primary_healthy { "" } else { ", while the primary is unhealthy" })
            }
            Self::Undone => f.write_str("the injection is undone"),
            Self::MovedBack => f.write_str("traffic is moved back"),
            Self::Serving(true) => f.write_str("users are served"),
            Self::Serving(false) => f.write_str("users are not served"),
            Self::Standby(true) => f.write_str("the standby serves"),
            Self::Standby(false) => f.write_str("the standby does not serve any more"),
            Self::Deployed => f.write_str("CloudFront has deployed the standby on all edges"),
            Self::FailedOver { by_run, change } => {
                let whose = if *by_run { "the drill's" } else { "another" };
                write!(f, "the failover function fails over for {whose} change of the alarm at {change}")
            }
            Self::GivenUp { change } => {
                write!(f, "the failover function gives up the failover for the real alarm at {change}")
            }
            Self::Replaced => f.write_str("the group replaces a stopped instance"),
            Self::Overwritten => f.write_str("the drill overwrites what an operator set"),
            Self::RollbackRecorded => f.write_str("the run is saved as rolling back"),
            Self::HeadTooLarge { bytes } => write!(f, "a head of {bytes} bytes is saved"),
            Self::Finished { back: true, .. } => f.write_str("the run is finished"),
            Self::Finished { back: false, .. } => {
                f.write_str("the run is finished, and not everything is back")
            }
            Self::Paged => f.write_str("a page reaches the operators"),
            Self::StopRequested => f.write_str("an operator's stop is saved"),
            Self::Released { fail_back: true } => {
                f.write_str("an operator releases the run: continue the rollback")
            }
            Self::Released { fail_back: false } => {
                f.write_str("an operator releases the run: leave the rest to operators")
            }
            Self::Switched { what, engaged: true } => write!(f, "the kill switch of {what} is engaged"),
            Self::Switched { what, engaged: false } => write!(f, "the kill switch of {what} is disengaged"),
            Self::ConditionTripped => f.write_str("the stop condition trips"),
            Self::MissedStop { owner } => write!(f, "{owner} looked twice and missed the stop"),
            Self::LeaseTaken { by } => write!(f, "{by} takes the lease of the run"),
            Self::Killed { invocation } => write!(f, "{invocation} is killed"),
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
