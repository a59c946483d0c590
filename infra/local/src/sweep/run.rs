//! Lane: one run after the other on a stack of its own, each from its request to its record.

use std::time::Duration;

use firedrill_core::{Outcome, Phase, kind::DrillKind};
use serde_json::{Value, json};

use super::{application::Application, point::POINT};
use crate::{
    DemoStack, LocalError,
    binaries::Binaries,
    bookstore::BookstoreOptions,
    clock::Since,
    emulator::Call,
    record_reader::Record,
    stack::{LocalDrill, StackOptions},
};

/// A call that is delayed lands after its caller has stopped waiting: later than `CallDeadlineMs`.
pub(super) const DELAY_MS: u64 = 10_500;
/// Beside [`crate::stack::LOCAL`], whose call deadline is production's: the shortest times that the functions accept with
/// it, and no look or renewal that shows nothing new.
const TIMING: [(&str, &str); 11] = [
    ("PollMs", "1000"),
    ("AwsPollMs", "2000"),
    ("LeaseMs", "31000"),
    ("RenewMs", "5000"),
    ("MarginMs", "500"),
    ("FunctionTimeoutSeconds", "90"),
    ("SettleMs", "110000"),
    ("MaxEventAgeSeconds", "60"),
    ("CoolDownSeconds", "0"),
    ("WatchdogSchedule", "rate(10 seconds)"),
    ("WatchdogTimeoutSeconds", "110"),
];
/// One sample of what users saw is enough, and no objective is missed because a machine is busy.
const EXPECTED: [(&str, &str); 11] = [
    ("MinimumOutageSeconds", "0"),
    ("RtoSeconds", "60"),
    ("GiveUpAfterSeconds", "60"),
    ("RestoreWithinSeconds", "900"),
    ("CdnRtoSeconds", "60"),
    ("CdnGiveUpAfterSeconds", "60"),
    ("CdnRestoreWithinSeconds", "900"),
    ("DatabaseRtoSeconds", "60"),
    ("DatabaseGiveUpAfterSeconds", "60"),
    ("DatabaseRestoreWithinSeconds", "900"),
    ("HoldForSeconds", "0"),
];
const INJECT_WITHIN_SECONDS: u32 = 30;
/// A run that is still open after this counts as never finished.
const FINISHES_WITHIN: Duration = Duration::from_mins(15);
/// A function that died before its first save has left no record; a delayed one may still land.
const APPEARS_WITHIN: Duration = Duration::from_millis(2 * DELAY_MS);
/// CloudWatch, CloudFront and RDS come to rest by themselves.
const RESTS_WITHIN: Duration = Duration::from_mins(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A stack on which runs are disturbed, one at a time.
#[derive(Debug)]
pub struct Lane {
    pub(super) stack: DemoStack,
    runs: u32,
    /// The number of the last call that was read: the whole log grows with every run.
    last_call: u64,
}

/// What one run did and left behind.
#[derive(Debug, Default)]
pub struct RunTrace {
    /// Its identity.
    pub run_id: String,
    /// What the drill function answered.
    pub answer: Value,
    /// Every call meanwhile, oldest first.
    pub calls: Vec<Call>,
    /// What is on record; none if nothing is.
    pub record: Option<Record>,
    /// The application before and after.
    pub application: Option<(Application, Application)>,
    /// Runs of the drill that are on record besides.
    pub others: Vec<String>,
    /// What else is left in the table: the lock, the registration of the alarm.
    pub left_over: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl RunTrace {
    /// Whether the point was reached.
    #[must_use]
    pub fn was_hit(&self) -> bool {
        self.calls.iter().any(|call| call.fault.as_deref() == Some(POINT))
    }

    /// Whether it came all the way, so that all calls there can be were made: only such a run shows the points.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.run.outcome == Some(Outcome::Recovered))
    }

    /// Who finished the run: `drill`, `watchdog` or `nobody`.
    #[must_use]
    pub fn finished_by(&self) -> &'static str {
        match self.record.as_ref().and_then(|record| record.run.finished_by.as_ref()) {
            None => "nobody",
            Some(owner) if owner.0.starts_with("watchdog/") => "watchdog",
            Some(_) => "drill",
        }
    }
}

impl Lane {
    /// Brings a stack up and waits until its application is in the steady state.
    ///
    /// # Errors
    /// Whatever did not come up, by name.
    pub async fn up(functions: &Binaries) -> Result<Self, LocalError> {
        let transitions = json!({
            "stopMs": 300, "startMs": 300, "statusChecksMs": 200, "alarmMs": 400, "edgeMs": 300, "deployMs": 600,
            // No user notices: only what is forced is in ALARM.
            "writerMs": 0, "failoverMs": 600, "zoneMs": 100, "snsRetryMs": 300
        });
        let stack = DemoStack::up(StackOptions {
            bookstore: BookstoreOptions { failover_ms: 500, ..BookstoreOptions::default() },
            transitions,
            params: TIMING.to_vec(),
            drill_params: EXPECTED.to_vec(),
            ..StackOptions::new(functions)
        })
        .await?;
        for drill in DrillKind::ALL.into_iter().filter(|drill| drill.works_through_alarm()) {
            stack.alarm_is(drill, "OK").await?;
        }
        Ok(Self { stack, runs: 0, last_call: 0 })
    }

    /// The identity of the next run of this drill.
    #[must_use]
    pub fn next_run(&self, drill: DrillKind) -> String {
        format!("{}/sweep-{}", LocalDrill::of(drill).key, self.runs + 1)
    }

    /// Runs a drill to its end under these faults: whoever it is that finishes it.
    ///
    /// # Errors
    /// The emulator failed. What became of the run is in the answer.
    pub async fn run(&mut self, drill: DrillKind, faults: &Value) -> Result<RunTrace, LocalError> {
        let began = Since::now();
        let run_id = self.next_run(drill);
        self.runs += 1;
        let request = self.request(drill).await?;
        let before = Application::at_rest(&self.stack, RESTS_WITHIN).await?;
        let known = self.stack.table.runs_of(LocalDrill::of(drill).key).await?;
        let last = self.last_call().await?;
        self.stack.aws.set_faults(faults).await?;
        // How it ends is on record; that it was killed is what is wanted.
        let answer = self.stack.invoke(drill, &request).await?.payload;
        let record = self.finished(&run_id).await?;
        self.stack.aws.set_faults(&json!([])).await?;
        let after = Application::like(&self.stack, &before, RESTS_WITHIN).await?;
        let mut others = self.stack.table.runs_of(LocalDrill::of(drill).key).await?;
        others.retain(|id| *id != run_id && !known.contains(id));
        let calls = self.stack.aws.calls_since(last).await?;
        self.last_call = calls.last().map_or(last, |call| call.n);
        let left_over = self.left_over(drill).await?;
        let application = Some((before, after));
        Ok(RunTrace { run_id, answer, calls, record, application, others, left_over, took: began.elapsed() })
    }

    /// The number of the last call so far.
    async fn last_call(&self) -> Result<u64, LocalError> {
        let since = self.stack.aws.calls_since(self.last_call).await?;
        Ok(since.last().map_or(self.last_call, |call| call.n))
    }

    /// The request that the drill's schedule would send, as a person sends it; it undoes all that can be undone.
    async fn request(&self, drill: DrillKind) -> Result<Value, LocalError> {
        let schedule =
            format!("firedrill-drills-{}", LocalDrill::of(drill).key.rsplit('/').next().unwrap_or_default());
        let found = self.stack.aws.requests().schedule(&schedule).await?;
        let input = found["Target"]["Input"].as_str().unwrap_or_default();
        let mut request: Value = serde_json::from_str(input).map_err(|error| LocalError::Answer {
            what: format!("the input of schedule {schedule}"),
            why: error.to_string(),
        })?;
        if let Value::Object(fields) = &mut request {
            fields.remove("schedule");
            fields.insert("runId".to_owned(), json!(format!("sweep-{}", self.runs)));
        }
        // A busy machine answers late, which is no failure of the application.
        for probe in [
            "/steadyState/probes/0/check/http",
            "/target/distribution/identity",
            "/target/distribution/primaryProbe/http",
        ] {
            if let Some(probe) = request.pointer_mut(probe) {
                probe["deadlineMs"] = json!(10_000);
            }
        }
        // A failure that was never caused is not looked for any longer.
        request["objective"]["injectWithinSeconds"] = json!(INJECT_WITHIN_SECONDS);
        if drill == DrillKind::Database {
            request["target"]["database"]["restoreWriter"] = json!(true);
            request["target"]["database"]["primaryProbe"] =
                request["steadyState"]["probes"][0]["check"].clone();
        }
        Ok(request)
    }

    /// Waits until the run is finished, or it is clear that it never began.
    async fn finished(&self, run_id: &str) -> Result<Option<Record>, LocalError> {
        let began = Since::now();
        loop {
            let record = self.stack.table.record(run_id).await?;
            let within = if record.is_some() { FINISHES_WITHIN } else { APPEARS_WITHIN };
            let over = record.as_ref().is_some_and(|record| record.run.phase == Phase::Finished);
            if over || began.elapsed() > within {
                return Ok(record);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What a finished run has to give back, and did not.
    async fn left_over(&self, drill: DrillKind) -> Result<Vec<String>, LocalError> {
        let application =
            LocalDrill::of(drill).key.rsplit_once('/').map_or("", |(application, _)| application);
        let mut left = Vec::new();
        if !self.stack.table.items(&format!("lock#{application}")).await?.is_empty() {
            left.push(format!("the lock of {application}"));
        }
        for (name, arn) in &self.stack.bookstore_outputs {
            let is_alarm = name.ends_with("AlarmArn");
            let items =
                if is_alarm { self.stack.table.items(&format!("alarm#{arn}")).await? } else { Vec::new() };
            if items.iter().any(|item| item["sk"] == "run") {
                left.push(format!("the registration of {name}"));
            }
        }
        Ok(left)
    }

    /// What the functions of a drill printed, for whoever looks into it.
    #[must_use]
    pub fn logs(&self, drill: DrillKind) -> String {
        let row = drill.row();
        let packages = [Some(row.package), row.failover_package, Some("watchdog")];
        let names = packages.into_iter().flatten().map(|package| format!("firedrill-{package}"));
        let logs = names.map(|name| format!("==== {name}\n{}", self.stack.aws.function_log(&name)));
        logs.collect::<Vec<_>>().join("\n")
    }

    /// Takes it down.
    ///
    /// # Errors
    /// Something of it did not go.
    pub fn down(self) -> Result<(), LocalError> {
        self.stack.down()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::LOCAL;

    #[test]
    fn a_delayed_call_never_lands_while_its_caller_waits() {
        let (_, deadline) = LOCAL.into_iter().find(|(name, _)| *name == "CallDeadlineMs").unwrap();
        assert!(DELAY_MS > deadline.parse().unwrap(), "{DELAY_MS} and {deadline}");
    }
}
