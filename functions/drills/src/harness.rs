//! Harness: what all drills share. It asks the gates, the probes and the stop conditions, decides when AWS is read, records
//! each finding once, and pages. What one kind of drill does by itself is its [`Procedure`].

use std::rc::Rc;

use firedrill_core::{
    CallOutcome, Observation, Phase, ProbeAnswer, Readiness, Run,
    evidence::Evidence,
    gate,
    plan::{Permission, Plan, PlannedProbe, Proof as PermissionProof},
    ports::{Clock, Drill, InjectingCall},
    request::ProbeKind,
    run::Page,
};
use futures_util::future::{OptionFuture, join, join_all, join4};

use crate::{
    Procedure, Proof, WithFindings, pager,
    polling::Polling,
    ports::{Alarms, Invoker, Prober, Reply, Topics},
    probe,
    procedure::Context,
    recorded::Recorded,
    stop_conditions::{StopConditions, StopLook},
};

/// One drill, for one invocation.
pub struct Harness<C, K> {
    context: Rc<Context<C, K>>,
    procedure: Box<dyn Procedure>,
    polling: Polling,
    last_phase: Option<Phase>,
    /// The latest readiness; none until the first look.
    prepared: Option<Readiness>,
    stop_conditions: StopConditions,
    recorded: Recorded,
}

/// What one observation asked for, before it is noted.
struct Answers {
    probes: Vec<(usize, ProbeAnswer)>,
    look: Option<WithFindings<Observation>>,
    stop: Option<StopLook>,
    preparation: Option<WithFindings<Readiness>>,
}

impl<C: Alarms + Prober + Topics, K: Clock> Harness<C, K> {
    /// The drill of this procedure, before its first look.
    pub fn new(context: Rc<Context<C, K>>, procedure: Box<dyn Procedure>) -> Self {
        Self {
            polling: Polling::new(context.settings.timing.aws_poll),
            stop_conditions: StopConditions::of(&context.request),
            context,
            procedure,
            last_phase: None,
            prepared: None,
            recorded: Recorded::default(),
        }
    }

    /// Asks everything that is due at once, so that a slow read of AWS delays no probe.
    async fn ask(&self, run: &Run, ask_aws: bool) -> Answers {
        let looks = ask_aws && run.phase != Phase::Checking && !run.undo.is_empty();
        let prepares = ask_aws && run.is_untouched() && !run.has_successor();
        let stops = ask_aws && run.is_stoppable();
        let (probes, look, stop, preparation) = join4(
            self.ask_probes(ask_aws),
            OptionFuture::from(looks.then(|| self.procedure.look(run))),
            OptionFuture::from(stops.then(|| Box::pin(self.stop_conditions.look(&self.context)))),
            OptionFuture::from(prepares.then(|| self.procedure.prepare(run))),
        )
        .await;
        Answers { probes, look, stop, preparation }
    }

    /// The answers of all probes that are due, each with its index in the run's limits. Those that ask AWS are asked less
    /// often.
    async fn ask_probes(&self, ask_aws: bool) -> Vec<(usize, ProbeAnswer)> {
        let probes = self.context.request.steady_state.probes.iter().enumerate();
        let due = probes.filter(|(_, probe)| ask_aws || !probe.check.asks_aws());
        let asked = join_all(due.map(async |(index, probe)| (index, self.ask_probe(&probe.check).await)));
        let (mut answers, identity) = join(asked, OptionFuture::from(self.ask_identity())).await;
        if let Some((primary, standby)) = identity {
            answers.extend([(self.identity_index(), primary), (self.identity_index() + 1, standby)]);
        }
        answers
    }

    /// The index of the answer that says whether the primary serves: after the probes of the steady state. The next one says
    /// whether the standby does.
    fn identity_index(&self) -> usize {
        self.context.request.steady_state.probes.len()
    }

    fn ask_identity(&self) -> Option<impl Future<Output = (ProbeAnswer, ProbeAnswer)>> {
        let probe = self.context.request.target.identity()?;
        Some(probe::ask_identity(&self.context.cloud, &self.context.clock, probe))
    }

    async fn ask_probe(&self, check: &ProbeKind) -> ProbeAnswer {
        let Context { cloud, clock, .. } = &*self.context;
        if check.asks_aws() {
            let asked = clock.now();
            return probe::answer(self.procedure.ask_aws(check).await, asked, clock);
        }
        probe::ask(cloud, clock, check).await
    }

    /// Keeps what was found; returns the evidence that is not recorded yet.
    fn note(&mut self, findings: Vec<Evidence>) -> Vec<Evidence> {
        findings.into_iter().filter_map(|found| self.recorded.note(found)).collect()
    }
}

impl<C: Alarms + Prober + Topics + Invoker, K: Clock> Drill for Harness<C, K> {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        if self.last_phase.replace(run.phase) != Some(run.phase) {
            self.polling.look_soon();
        }
        let ask_aws = self.polling.begin_if_due(self.context.clock.elapsed());
        let Answers { probes, look, stop, preparation } = self.ask(run, ask_aws).await;
        if ask_aws {
            self.polling.end(self.context.take_throttled());
        }
        if let Some((_, answer)) = probes.iter().find(|(index, _)| *index == self.identity_index()) {
            self.recorded.note_identity(answer);
        }
        let mut findings = Vec::new();
        if let Some((readiness, found)) = preparation {
            findings.extend(self.note(found));
            self.prepared = Some(readiness);
        }
        let (mut observed, found) = look.unwrap_or_default();
        findings.extend(self.note(found));
        observed.answers = probes;
        observed.prepared = self.prepared.clone().filter(|_| run.is_untouched());
        observed.stop = stop.and_then(|looked| self.stop_conditions.note(looked));
        if matches!(run.phase, Phase::Checking | Phase::Injecting) {
            let Context { request, settings, clock, .. } = &*self.context;
            observed.gates = gate::from_request(request, &settings.policy, clock.now());
        }
        if run.phase == Phase::Checking {
            observed.gates.push(self.stop_conditions.gate());
        }
        (observed, findings)
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        // A mutating call is sent: AWS is read soon.
        self.polling.look_soon();
        self.procedure.undo(run, step).await
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        let mut lines = self.recorded.status_lines();
        lines.push(format!("Playbook: {}", self.context.request.playbook.link));
        let topic = self.context.settings.topic_arn.as_ref();
        let sent = pager::page(&self.context.cloud, topic, run, page, &lines).await;
        sent.map_err(|error| error.to_string())
    }

    async fn start_watchdog(&mut self) -> Result<(), String> {
        let Some(watchdog) = &self.context.settings.watchdog else {
            return Err("no watchdog is configured (FIREDRILL_WATCHDOG_FUNCTION is empty)".to_owned());
        };
        self.context.cloud.invoke_async(watchdog).await.map_err(|failure| failure.to_string())
    }

    fn injecting_call(&mut self, run: &Run, number: u32) -> Option<InjectingCall> {
        // A mutating call is sent: AWS is read soon.
        self.polling.look_soon();
        self.procedure.injecting_call(run, number)
    }

    async fn plan(&mut self, run: &Run) -> Plan {
        let stop_look = Box::pin(self.stop_conditions.look(&self.context));
        let ((answers, stop), mut plan) =
            join(join(self.ask_probes(true), stop_look), self.procedure.plan(run)).await;
        // Before a failover the standby does not serve: its no is expected, and left out.
        let asked = answers.into_iter().filter(|(index, _)| *index != self.identity_index() + 1);
        let asked = asked.map(|(index, answer)| PlannedProbe {
            probe: run.limits.probes[index].probe.clone(),
            seen: answer.seen,
            detail: answer.detail,
        });
        plan.probes.splice(0..0, asked.collect::<Vec<_>>());
        if let Some(stop) = stop.against_start(&self.stop_conditions) {
            plan.refused.get_or_insert(format!("{}: {}", stop.by, stop.reason));
        }
        plan
    }

    fn dry_runs(&self, plan: &Plan) -> Vec<InjectingCall> {
        self.procedure.dry_runs(plan)
    }
}

/// What the reply to a dry run shows: AWS answers an allowed one with the error `DryRunOperation` (API reference,
/// `DryRun`).
#[must_use]
pub fn dry_run(action: &str, reply: Reply<()>) -> Permission {
    let (proof, detail) = match reply {
        Ok(()) => (PermissionProof::NotChecked, Some("answered as if it had not been a dry run".to_owned())),
        Err(failure) if failure.code() == "DryRunOperation" => (PermissionProof::Proven, None),
        Err(failure) if failure.proof() == Proof::Denied => {
            (PermissionProof::Denied, Some(failure.to_string()))
        }
        Err(failure) => (PermissionProof::NotChecked, Some(failure.to_string())),
    };
    Permission { action: action.to_owned(), proof, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, failure::Answer};

    #[test]
    fn a_dry_run_is_allowed_only_by_the_error_that_says_so() {
        let proof = |code: &str, status| {
            let answer = Answer::Error { code: code.to_owned(), status };
            let failure = Failure { action: "ec2:StopInstances", answer, message: String::new() };
            dry_run("ec2:StopInstances", Err(failure)).proof
        };
        assert_eq!(proof("DryRunOperation", 412), PermissionProof::Proven);
        assert_eq!(proof("UnauthorizedOperation", 403), PermissionProof::Denied);
        assert_eq!(proof("", 502), PermissionProof::NotChecked);
        assert_eq!(dry_run("ec2:StopInstances", Ok(())).proof, PermissionProof::NotChecked);
    }
}
