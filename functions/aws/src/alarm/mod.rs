//! Drills through an alarm: its state is forced, or its metric published, and the automation behind it fails a
//! distribution or a database over.
//!
//! What both share is here; what differs is a [`Resource`]. Whether the lever may be pulled, what the alarm's
//! history means and what is undone is decided by `firedrill_core`; here it is read and sent.

#[cfg(feature = "undo-db")]
mod database;
#[cfg(feature = "undo-cdn")]
mod distribution;
mod entries;
#[cfg(feature = "inject")]
mod force;
mod kit;
mod lever;
mod look;
#[cfg(feature = "inject")]
mod metric;
mod pace;
#[cfg(feature = "inject")]
mod plan;
#[cfg(feature = "inject")]
mod prepare;
mod probes;
mod resource;
mod watch;
#[cfg(feature = "inject")]
mod wiring;

use std::collections::{BTreeMap, BTreeSet};

use firedrill_core::{
    Answer, CallOutcome, Observation, Phase, Prepared, Request, Run, Seen, Timestamp,
    evidence::Evidence,
    failover::Done,
    gate,
    ports::{Clock, Drill},
    request::AlarmTarget,
    run::Page,
};
#[cfg(feature = "inject")]
use firedrill_core::{plan::Plan, ports::Inject};

#[cfg(feature = "undo-db")]
pub use database::Database;
#[cfg(feature = "undo-cdn")]
pub use distribution::Distribution;
pub use kit::Kit;
pub use resource::{Ground, Resource};

use crate::{
    clock::SystemClock,
    due::when,
    stops::{self, Stops},
};
use kit::{Regional, Tools};
use pace::Pace;

/// One drill through an alarm, as far as one invocation carries it.
#[derive(Debug)]
pub struct AlarmDrill<R> {
    tools: Tools,
    /// Of the alarm's Region.
    clients: Regional,
    resource: R,
    request: Request,
    target: AlarmTarget,
    clock: SystemClock,
    pace: Pace,
    last_phase: Option<Phase>,
    prepared: Option<Prepared>,
    known: Known,
    stops: Stops,
}

/// What the record has already, and what a message to people tells.
#[derive(Debug, Default)]
struct Known {
    #[cfg(feature = "inject")]
    wiring: bool,
    changes: BTreeSet<(Timestamp, &'static str)>,
    actions: BTreeSet<(Timestamp, String)>,
    entries: BTreeMap<String, Option<Done>>,
    events: BTreeSet<(Timestamp, String)>,
    told: Option<String>,
    primary: Option<(Seen, Option<String>)>,
    last_change: Option<String>,
    last_identity: Option<String>,
}

impl<R: Resource> Drill for AlarmDrill<R> {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        if self.last_phase.replace(run.phase) != Some(run.phase) {
            self.pace.hurry();
        }
        let ask_aws = self.pace.take(self.clock.elapsed());
        let (checking, untouched) = (run.phase == Phase::Checking, run.is_untouched());
        let mut findings = Vec::new();
        #[cfg(feature = "inject")]
        if ask_aws && untouched && !run.is_successors() {
            findings.extend(self.prepare_and_note(run).await);
        }
        let this = &*self;
        let (answers, looked, stopping) = tokio::join!(
            Box::pin(this.ask_probes()),
            when(ask_aws && !checking && !run.undo.is_empty(), this.look(run)),
            when(ask_aws && run.is_stoppable(), this.stop_conditions()),
        );
        if ask_aws {
            self.pace.looked();
        }

        self.note_identity(&answers);
        let mut seen = Observation {
            answers,
            prepared: self.prepared.clone().filter(|_| untouched),
            stop: stopping.and_then(|looked| self.stops.note(looked)),
            ..Observation::default()
        };
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            seen.gates = gate::standing(&self.request, &self.tools.config.policy, self.clock.now());
        }
        if checking {
            seen.gates.push(self.stops.gate());
        }
        if let Some(look) = looked {
            findings.extend(self.note_look(run, &look));
            look.put_into(&mut seen);
        }
        (seen, findings)
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        self.pace.hurry();
        let Some(step) = run.undo.get(step) else {
            return resource::not_now("NoSuchStep", "the record holds no such step; not sent");
        };
        if step.awaited {
            return resource::not_now("Awaited", "nothing is called for it: it comes by itself");
        }
        if step.service == "cloudwatch" {
            return Box::pin(self.set_back(run, step)).await;
        }
        if step.moves_traffic && self.window_is_open(run) {
            return resource::not_now("WindowOpen", "datapoints of the drill still count; not sent");
        }
        Box::pin(self.resource.undo(run, step, self.clock.now())).await
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        self.tools.pager.page(run, page, &self.stands()).await
    }
}

#[cfg(feature = "inject")]
impl<R: Resource> Inject for AlarmDrill<R> {
    async fn inject(&mut self, run: &Run, _number: u32) -> CallOutcome {
        self.pace.hurry();
        Box::pin(self.pull(run)).await
    }

    async fn plan(&mut self, run: &Run) -> Plan {
        Box::pin(self.look_ahead(run)).await
    }
}

impl<R: Resource> AlarmDrill<R> {
    fn new(
        tools: Tools,
        clients: Regional,
        resource: R,
        request: Request,
        target: AlarmTarget,
        clock: SystemClock,
    ) -> Self {
        let pace = Pace::new(std::time::Duration::from_millis(tools.config.timing.aws_poll_ms));
        Self {
            tools,
            clients,
            resource,
            stops: Stops::of(&request),
            request,
            target,
            clock,
            pace,
            last_phase: None,
            prepared: None,
            known: Known::default(),
        }
    }

    fn alarm_name(&self) -> &str {
        self.target.alarm_arn.alarm_name().unwrap_or_default()
    }

    /// The clients for a Region.
    fn there(&self, region: &str) -> Regional {
        if region == self.target.alarm_arn.region() { self.clients.clone() } else { self.tools.there(region) }
    }

    /// Looks at what would end the run early.
    async fn stop_conditions(&self) -> stops::Looked {
        let Tools { config, connection, prober, .. } = &self.tools;
        self.stops.look(connection, prober, &self.clock, config.timing.call_deadline()).await
    }

    fn note_identity(&mut self, answers: &[(usize, Answer)]) {
        if let Some((_, answer)) = answers.get(self.request.steady_state.probes.len()) {
            self.known.last_identity.clone_from(&answer.detail);
        }
    }

    /// What people are told of how things stand.
    fn stands(&self) -> Vec<String> {
        let known = &self.known;
        let mut lines = Vec::new();
        if let Some(detail) = &known.last_identity {
            lines.push(format!("Users are answered: {detail}."));
        }
        if let Some(told) = &known.told {
            lines.push(format!("AWS says of {}: {told}.", self.resource.arn()));
        }
        if let Some((seen, detail)) = &known.primary {
            let well = match seen {
                Seen::Yes => "is well",
                Seen::No => "is not well",
                Seen::Unknown => "could not be asked",
            };
            let detail = detail.as_deref().unwrap_or("no answer");
            lines.push(format!("The primary itself {well}: {detail}."));
        }
        if let Some(change) = &known.last_change {
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
        deliver::{Invocation, begin},
        gate::Policy,
        run::OwnerId,
        timing::Timing,
    };
    use serde_json::json;

    /// A run of a drill of a distribution.
    pub(super) fn run(mode: &str) -> Run {
        let probe = json!({"name": "up", "http": {"url": "http://a.example/"}});
        let request: Request = serde_json::from_value(json!({
            "drill": "cdn", "application": "bookstore", "dependency": "cdn", "environment": "staging",
            "execute": true, "mode": mode, "runId": "one",
            "target": {
                "alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:cdn",
                "distributionArn": "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE",
                "primaryProbe": {"http": {"url": "http://primary.example/"}}
            },
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
        begin(&request, &invocation, Timestamp::from_millis(0))
    }
}
