//! Point of the sweep: a call of one caller, and the fault that is injected there.

use std::{fmt, str::FromStr};

use firedrill_core::kind::DrillKind;
use serde_json::{Value, json};

use crate::stack::{LocalDrill, caller_key};

/// Who makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerRole {
    /// The function that runs the drill.
    Drill,
    /// The function that the alarm triggers.
    Failover,
    /// The watchdog, in a run whose drill function died right after its injecting call.
    Watchdog,
}

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The function is ended by SIGKILL; the call had no effect.
    KillBefore,
    /// The same; the call took effect.
    KillAfter,
    /// The call is throttled.
    Throttled,
    /// The call takes effect after its caller has stopped waiting for it.
    Delayed,
    /// The call takes effect and is answered with an error.
    ErrorAfter,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::KillBefore, Self::KillAfter, Self::Throttled, Self::Delayed, Self::ErrorAfter];

    const fn word(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::Throttled => "throttled",
            Self::Delayed => "delayed",
            Self::ErrorAfter => "error-after",
        }
    }

    /// Whether the call takes effect all the same.
    #[must_use]
    pub const fn takes_effect(self) -> bool {
        matches!(self, Self::KillAfter | Self::Delayed | Self::ErrorAfter)
    }

    /// As `emulator/faults.py` knows it.
    fn how(self, service: &str, delay_ms: u64) -> Value {
        match self {
            Self::KillBefore => json!({ "kind": "kill", "when": "before" }),
            Self::KillAfter => json!({ "kind": "kill", "when": "after" }),
            Self::Delayed => json!({ "kind": "delay", "hangMs": delay_ms }),
            Self::Throttled => {
                let (code, status) = match service {
                    "ec2" => ("RequestLimitExceeded", 503),
                    "dynamodb" => ("ThrottlingException", 400),
                    "lambda" => ("TooManyRequestsException", 429),
                    _ => ("Throttling", 400),
                };
                json!({ "kind": "error", "when": "before", "code": code, "status": status })
            }
            Self::ErrorAfter => {
                json!({ "kind": "error", "when": "after", "code": "InternalServerError", "status": 500 })
            }
        }
    }
}

/// One kind of call of one caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKind {
    /// The caller.
    pub by: CallerRole,
    /// As it is signed for, such as `dynamodb`.
    pub service: String,
    /// Such as `PutItem`.
    pub action: String,
    /// Whether EC2 was only asked if it would.
    pub dry_run: bool,
}

/// A call at which a fault is injected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// In a run of which drill.
    pub drill: DrillKind,
    /// At which kind of call.
    pub which: CallKind,
    /// At which of them, in the run's order, from one.
    pub number: u32,
    /// What goes wrong.
    pub fault: Fault,
}

/// The name of the fault in the emulator that is this point.
pub(super) const POINT: &str = "point";
/// And of the one that ends the drill function, so that the watchdog has something to do.
const PRELUDE: &str = "prelude";

/// The key by which the call log knows a function of the stack `firedrill`.
pub(super) fn caller(by: CallerRole, drill: DrillKind) -> String {
    let row = drill.row();
    caller_key(match by {
        CallerRole::Drill => row.package,
        // No function fails instances over. The one that could move traffic during their drill is the CDN's.
        CallerRole::Failover => row.failover_package.unwrap_or("failover-cdn"),
        CallerRole::Watchdog => "watchdog",
    })
}

/// Ends the drill function right after its injecting call.
pub(super) fn prelude(drill: DrillKind) -> Value {
    let (service, action) = LocalDrill::of(drill).injecting_call;
    json!({
        "id": PRELUDE, "caller": caller(CallerRole::Drill, drill), "service": service, "action": action, "dryRun": false,
        "kind": "kill", "when": "after"
    })
}

impl Point {
    /// The faults that the emulator injects for it, in a run of this identity.
    pub(super) fn faults(&self, run_id: &str, delay_ms: u64) -> Value {
        let CallKind { by, service, action, dry_run } = &self.which;
        let mut fault = self.fault.how(service, delay_ms);
        fault["id"] = json!(POINT);
        fault["caller"] = json!(caller(*by, self.drill));
        fault["service"] = json!(service);
        fault["action"] = json!(action);
        fault["dryRun"] = json!(dry_run);
        fault["skip"] = json!(self.number - 1);
        // The watchdog's heartbeat is no call about a run.
        if *by == CallerRole::Watchdog && service == "dynamodb" {
            fault["contains"] = json!(run_id);
        }
        match by {
            CallerRole::Watchdog => json!([fault, prelude(self.drill)]),
            CallerRole::Drill | CallerRole::Failover => json!([fault]),
        }
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            CallerRole::Drill => {}
            CallerRole::Failover => f.write_str("failover/")?,
            CallerRole::Watchdog => f.write_str("watchdog/")?,
        }
        write!(f, "{}:{}{}", self.service, self.action, if self.dry_run { "(dry)" } else { "" })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}/{}", self.drill, self.which, self.number, self.fault.word())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let wrong = || format!("`{name}` is no point: they look like instance/dynamodb:PutItem#3/kill-after");
        let parts: Vec<&str> = name.split('/').collect();
        let (drill, by, call, fault) = match parts[..] {
            [drill, call, fault] => (drill, CallerRole::Drill, call, fault),
            [drill, "failover", call, fault] => (drill, CallerRole::Failover, call, fault),
            [drill, "watchdog", call, fault] => (drill, CallerRole::Watchdog, call, fault),
            _ => return Err(wrong()),
        };
        let drill = DrillKind::named(drill).ok_or_else(wrong)?;
        let fault = Fault::ALL.into_iter().find(|one| one.word() == fault).ok_or_else(wrong)?;
        let (call, number) = call.split_once('#').ok_or_else(wrong)?;
        let (service, action) = call.split_once(':').ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        let dry_run = action.ends_with("(dry)");
        let which = CallKind {
            by,
            service: service.to_owned(),
            action: action.trim_end_matches("(dry)").to_owned(),
            dry_run,
        };
        Ok(Self { drill, which, number, fault })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_as_it_is_written() {
        for name in [
            "instance/dynamodb:PutItem#3/kill-after",
            "instance/ec2:StopInstances(dry)#1/throttled",
            "cdn/failover/cloudfront:UpdateDistribution#1/delayed",
            "db/watchdog/rds:FailoverDBCluster#2/error-after",
        ] {
            assert_eq!(name.parse::<Point>().unwrap().to_string(), name);
        }
        for name in
            ["", "instance", "instance/ec2:StopInstances#0/delayed", "web/a:B#1/delayed", "cdn/a:B#1/x"]
        {
            assert!(name.parse::<Point>().unwrap_err().contains("is no point"), "{name}");
        }
    }
}
