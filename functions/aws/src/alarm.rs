//! Drills through an alarm, the trigger: the drill forces its state, or publishes breaching datapoints of its metric,
//! and the automation behind the alarm fails a distribution or a database over.
//!
//! This module holds what both have in common; an [`AlarmDrillTarget`] holds what differs. `firedrill_core` decides
//! whether the alarm may be used, what its history means and what is undone; this module reads and sends.

mod clients;
#[cfg(feature = "undo-db")]
mod database;
#[cfg(feature = "undo-cdn")]
mod distribution;
mod history;
#[cfg(feature = "inject")]
mod injection;
mod journal;
mod look;
#[cfg(feature = "inject")]
mod metric;
#[cfg(feature = "inject")]
mod plan;
mod polling;
#[cfg(feature = "inject")]
mod prepare;
mod probes;
mod set_back;
mod target;
#[cfg(feature = "inject")]
mod wiring;

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    CallOutcome, Observation, Phase, ProbeAnswer, Readiness, Request, Run, Timestamp, Tristate,
    evidence::Evidence,
    failover::Done,
    gate,
    ports::{Clock, Drill},
    request::AlarmTrigger,
    run::Page,
};
#[cfg(feature = "inject")]
use firedrill_core::{plan::Plan, ports::Inject};

pub use clients::AlarmDrills;
#[cfg(feature = "undo-db")]
pub use database::Database;
#[cfg(feature = "undo-cdn")]
pub use distribution::Distribution;
pub use target::{AlarmDrillTarget, FailoverPlan};

use crate::{
    clock::SystemClock,
    interval::when_due,
    stop_conditions::{self, StopConditions},
};
use clients::{RegionalClients, SharedClients};
use polling::Polling;

/// One drill through an alarm, for one invocation.
#[derive(Debug)]
pub struct AlarmDrill<R> {
    shared: SharedClients,
    /// Of the alarm's Region.
    clients: RegionalClients,
    /// What fails over.
    resource: R,
    request: Request,
    target: AlarmTrigger,
    clock: SystemClock,
    polling: Polling,
    last_phase: Option<Phase>,
    /// The latest readiness; none until the first look.
    prepared: Option<Readiness>,
    recorded: RecordedEvidence,
    stop_conditions: StopConditions,
}

/// The evidence that this invocation has recorded, so that each item is recorded once, and the latest observations
/// for a page.
#[derive(Debug, Default)]
struct RecordedEvidence {
    #[cfg(feature = "inject")]
    wiring: bool,
    /// The alarm's changes: when, and to which state.
    changes: BTreeSet<(Timestamp, &'static str)>,
    /// The alarm's actions: when, and CloudWatch's summary.
    actions: BTreeSet<(Timestamp, String)>,
    /// The failover function's entries, by key, and what it had done.
    journal: BTreeMap<String, Option<Done>>,
    /// The service's events: when, and the message.
    events: BTreeSet<(Timestamp, String)>,
    /// The latest state of what fails over.
    description: Option<String>,
    /// The latest answer of the primary.
    primary: Option<(Tristate, Option<String>)>,
    last_change: Option<String>,
    last_identity: Option<String>,
}

impl<R: AlarmDrillTarget> Drill for AlarmDrill<R> {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        if self.last_phase.replace(run.phase) != Some(run.phase) {
            self.polling.look_soon();
        }
        let ask_aws = self.polling.begin_if_due(self.clock.elapsed());
        let (checking, untouched) = (run.phase == Phase::Checking, run.is_untouched());
        let mut findings = Vec::new();
        #[cfg(feature = "inject")]
        if ask_aws && untouched && !run.has_successor() {
            findings.extend(self.prepare_and_note(run).await);
        }
        let this = &*self;
        let (answers, looked, stop_look) = tokio::join!(
            Box::pin(this.ask_probes()),
            when_due(ask_aws && !checking && !run.undo.is_empty(), this.look(run)),
            when_due(ask_aws && run.is_stoppable(), this.look_at_stop_conditions()),
        );
        if ask_aws {
            self.polling.end();
        }

        self.note_identity(&answers);
        let mut observed = Observation {
            answers,
            prepared: self.prepared.clone().filter(|_| untouched),
            stop: stop_look.and_then(|looked| self.stop_conditions.note(looked)),
            ..Observation::default()
        };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            observed.gates =
                gate::from_request(&self.request, &self.shared.settings.policy, self.clock.now());
        }
        if checking {
            observed.gates.push(self.stop_conditions.gate());
        }
        if let Some(look) = looked {
            findings.extend(self.note_look(run, &look));
            look.write_to(&mut observed);
        }
        (observed, findings)
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.polling.look_soon();
        let Some(step) = run.undo.get(step) else {
            return target::not_now("NoSuchStep", "the run's head holds no such undo step; not sent");
        };
        if step.awaited {
            return target::not_now("Awaited", "this step needs no call: it completes by itself");
        }
        if step.service == "cloudwatch" {
            return Box::pin(self.set_back(run, step)).await;
        }
        if step.moves_traffic && self.window_is_open(run) {
            return target::not_now("WindowOpen", "the alarm still counts datapoints of the drill; not sent");
        }
        Box::pin(self.resource.undo(run, step, self.clock.now())).await
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        self.shared.pager.page(run, page, &self.status_lines()).await.map_err(|error| error.to_string())
    }
}

#[cfg(feature = "inject")]
impl<R: AlarmDrillTarget> Inject for AlarmDrill<R> {
    async fn inject(&mut self, run: &Run, _number: u32) -> CallOutcome {
        self.polling.look_soon();
        Box::pin(self.set_off(run)).await
    }

    async fn plan(&mut self, run: &Run) -> Plan {
        Box::pin(self.plan_run(run)).await
    }
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    fn new(
        shared: SharedClients,
        resource: R,
        request: Request,
        target: AlarmTrigger,
        clock: SystemClock,
    ) -> Self {
        let polling = Polling::new(shared.settings.timing.aws_poll);
        Self {
            clients: shared.clients_in(target.alarm_arn.region()),
            shared,
            resource,
            stop_conditions: StopConditions::of(&request),
            request,
            target,
            clock,
            polling,
            last_phase: None,
            prepared: None,
            recorded: RecordedEvidence::default(),
        }
    }

    fn alarm_name(&self) -> &str {
        self.target.alarm_arn.alarm_name().unwrap_or_default()
    }

    /// The clients for a Region.
    fn clients_in(&self, region: &str) -> RegionalClients {
        if region == self.target.alarm_arn.region() {
            self.clients.clone()
        } else {
            self.shared.clients_in(region)
        }
    }

    /// Reads the alarms and asks the probes that would end the run early.
    async fn look_at_stop_conditions(&self) -> stop_conditions::StopLook {
        let SharedClients { settings, connection, prober, .. } = &self.shared;
        self.stop_conditions.look(connection, prober, &self.clock, settings.timing.call_deadline).await
    }

    /// Keeps the latest answer of the identity probe, which follows those of the steady state.
    fn note_identity(&mut self, answers: &[(usize, ProbeAnswer)]) {
        if let Some((_, answer)) = answers.get(self.request.steady_state.probes.len()) {
            self.recorded.last_identity.clone_from(&answer.detail);
        }
    }

    /// The lines of a page that say what serves now and how the primary is.
    fn status_lines(&self) -> Vec<String> {
        let recorded = &self.recorded;
        let mut lines = Vec::new();
        if let Some(detail) = &recorded.last_identity {
            lines.push(format!("The identity probe's latest answer: {detail}."));
        }
        if let Some(description) = &recorded.description {
            lines.push(format!("Latest state of {}: {description}.", self.resource.arn()));
        }
        if let Some((observed, detail)) = &recorded.primary {
            let health = match observed {
                Tristate::Yes => "is healthy",
                Tristate::No => "is not healthy",
                Tristate::Unknown => "could not be asked",
            };
            let detail = detail.as_deref().unwrap_or("no answer");
            lines.push(format!("The primary itself {health}: {detail}."));
        }
        if let Some(change) = &recorded.last_change {
            lines.push(format!("Alarm {}: {change}.", self.target.alarm_arn));
        }
        lines.push(format!("Playbook: {}", self.request.playbook.link));
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firedrill_core::{
        Request, Run, Timestamp,
        dispatch::{Invocation, new_run},
        gate::Policy,
        run::OwnerId,
        timing::Timing,
    };
    use serde_json::json;

    /// A run of a drill of a distribution.
    pub(super) fn run(mode: &str) -> Run {
        let probe = json!({"name": "up", "check": { "http": {"url": "http://a.example/"} }});
        let request: Request = serde_json::from_value(json!({
            "drill": "cdn", "application": "bookstore", "dependency": "cdn", "environment": "staging",
            "execute": true, "mode": mode, "runId": "one",
            "target": {"distribution": {
                "arn": "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE",
                "trigger": {"alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn"},
                "primaryProbe": {"http": {"url": "http://primary.example/"}}
            }},
            "steadyState": {"probes": [probe]},
            "objective": {"rtoSeconds": 60}, "cadence": {"everyDays": 28},
            "playbook": {"link": "https://example.com/", "version": "1", "owner": "team", "severity": "sev2"}
        }))
        .unwrap();
        let timing = Timing::DEFAULT;
        let invocation = Invocation {
            request_id: "request".to_owned(),
            owner: OwnerId("owner".to_owned()),
            ends_at: Duration::ZERO,
            timing,
            policy: Policy::default(),
        };
        new_run(&request, &invocation, Timestamp::from_millis(0))
    }
}
