//! The failover function behind the alarm, as Lambda and the record show it; Route 53.

use firedrill_core::{Timestamp, failover::JournalEntry, kind::DrillKind, ports::StoreError, run::RunId};
use firedrill_drills::{
    Failure,
    failure::Answer,
    ports::{
        AlarmRecord, FunctionConfiguration, Functions, HealthCheck, HealthChecks, Invoker, Next, Page, Reply,
    },
};
use serde_json::json;

use super::{SimulatedAws, changed};
use crate::{
    calls::refused,
    event_queue::Due,
    failover::{ALARM, ANOTHER_FUNCTION, CLUSTER, DISTRIBUTION, FUNCTION, FUNCTION_TIMEOUT, MAX_EVENT_AGE},
    fault_kind::FaultKind,
    requests::{WATCHDOG, of_another_account},
    scenario::{Scenario, WrongFunction},
    store::{Access, with_store_faults},
};

/// Another alarm, for which the function's configuration may hold an entry.
const ANOTHER_ALARM: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:another alarm";

impl Functions for SimulatedAws {
    async fn function_configuration(&self, _: &str, arn: &str) -> Reply<FunctionConfiguration> {
        const ACTION: &str = "lambda:GetFunctionConfiguration";
        self.read(ACTION, |at| {
            if !is_there(arn) {
                return Err(refused(ACTION, "ResourceNotFoundException"));
            }
            let ours = arn == FUNCTION;
            let variables = [
                ("FIREDRILL_FAILOVERS", self.rules()),
                ("FIREDRILL_MAX_EVENT_AGE_SECONDS", MAX_EVENT_AGE.as_secs().to_string()),
            ];
            let variables = variables.into_iter().filter(|_| ours);
            let environment = variables.map(|(name, value)| (name.to_owned(), value)).collect();
            let timeout_seconds = u32::try_from(FUNCTION_TIMEOUT.as_secs()).ok();
            let function = FunctionConfiguration { timeout_seconds, active: true, environment };
            Ok(changed(self.world.overrides().function, at, function))
        })
        .await
    }

    async fn reserved_concurrency(&self, _: &str, arn: &str) -> Reply<Option<i32>> {
        const ACTION: &str = "lambda:GetFunctionConcurrency";
        let disabled = self.world.scenario.failover.wrong_function == Some(WrongFunction::Disabled);
        self.read(ACTION, |_| {
            is_there(arn)
                .then(|| disabled.then_some(0))
                .ok_or_else(|| refused(ACTION, "ResourceNotFoundException"))
        })
        .await
    }
}

impl Invoker for SimulatedAws {
    /// Starts a tick of the watchdog soon: Lambda's queue takes a moment.
    async fn invoke_async(&self, function: &str) -> Reply<()> {
        const ACTION: &str = "lambda:InvokeFunction";
        self.clock.latency().await;
        if function != WATCHDOG {
            return Err(refused(ACTION, "ResourceNotFoundException"));
        }
        if self.world.scenario.watchdog.start_lost || self.world.draws_fault() {
            self.world.note_fault(FaultKind::WatchdogStartLost);
            return Err(Failure { action: ACTION, answer: Answer::None, message: "simulated".to_owned() });
        }
        let queued = self.world.rng.borrow_mut().u64(20..1_000);
        self.world.schedule(queued, Due::StartedTick);
        Ok(())
    }
}

/// Whether there is such a function: ours, or somebody else's.
fn is_there(arn: &str) -> bool {
    [FUNCTION, ANOTHER_FUNCTION].contains(&arn)
}

impl SimulatedAws {
    fn rules(&self) -> String {
        let mut rules = failovers(&self.world.scenario);
        if self.world.scenario.failover.of_another_account {
            for arn in [DISTRIBUTION, CLUSTER] {
                rules = rules.replace(arn, &of_another_account(arn));
            }
        }
        if self.world.scenario.failover.wrong_function == Some(WrongFunction::OfAnother) {
            return rules
                .replace(DISTRIBUTION, &format!("{DISTRIBUTION}2"))
                .replace(CLUSTER, &format!("{CLUSTER}-2"));
        }
        rules
    }
}

/// The rules of the failover function.
pub(crate) fn failovers(scenario: &Scenario) -> String {
    let rule = if scenario.kind == DrillKind::Database {
        json!({ "alarmArn": ALARM, "clusterArn": CLUSTER })
    } else {
        json!({
            "alarmArn": ALARM, "distributionArn": DISTRIBUTION, "primaryOrigin": "primary", "standbyOrigin": "standby"
        })
    };
    // What somebody got wrong about another alarm comes first.
    let wrong = json!({ "alarmArn": ANOTHER_ALARM, "failsOver": "nothing" });
    if scenario.failover.wrong_entry { json!([wrong, rule]) } else { json!([rule]) }.to_string()
}

impl HealthChecks for SimulatedAws {
    async fn list_health_checks(&self, next: Next<'_>) -> Reply<Page<HealthCheck>> {
        let checks = self.world.overrides().health_checks.map_or_else(Vec::new, |checks| checks());
        self.read("route53:ListHealthChecks", |_| Ok(self.page(checks, next))).await
    }
}

impl AlarmRecord for SimulatedAws {
    async fn registered_run(&self, alarm: &str) -> Result<Option<RunId>, StoreError> {
        let holder = || self.world.cloud.borrow().holders.get(alarm).cloned();
        with_store_faults(&self.world, &self.clock, Access::Read, "record:holder", holder).await
    }

    async fn entries(&self, alarm: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError> {
        let entries = || {
            let cloud = self.world.cloud.borrow();
            let of_alarm = cloud.entries.iter().filter(|entry| entry.alarm_arn == alarm && entry.at >= since);
            of_alarm.cloned().collect()
        };
        with_store_faults(&self.world, &self.clock, Access::Read, "record:entries", entries).await
    }
}
