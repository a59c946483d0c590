//! Probes of a drill through an alarm: steady state, identity (who serves), and the primary itself.

use firedrill_core::{ProbeAnswer, Run, Tristate, evidence::Evidence, ports::Clock, request::ProbeKind};
use futures_util::future::join_all;

use super::{AlarmDrill, AlarmDrillTarget};

/// The name, in the record, of the probe that asks the primary itself.
pub(super) const PRIMARY: &str = "the primary itself";

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// The answers of all probes, each with its index in the run's limits: those of the steady state, then whether
    /// the primary serves, then whether the standby does.
    pub(super) async fn ask_probes(&self) -> Vec<(usize, ProbeAnswer)> {
        let probes = &self.request.steady_state.probes;
        let asked = join_all(probes.iter().map(|probe| self.ask(&probe.check)));
        let (answers, identity) = tokio::join!(asked, self.ask_identity());
        let mut answers: Vec<(usize, ProbeAnswer)> = answers.into_iter().enumerate().collect();
        if let Some((primary, standby)) = identity {
            answers.push((probes.len(), primary));
            answers.push((probes.len() + 1, standby));
        }
        answers
    }

    async fn ask_identity(&self) -> Option<(ProbeAnswer, ProbeAnswer)> {
        let probe = self.request.target.identity()?;
        Some(self.shared.prober.identity(&self.clock, probe).await)
    }

    async fn ask(&self, kind: &ProbeKind) -> ProbeAnswer {
        match kind {
            ProbeKind::Http(probe) => self.shared.prober.http(&self.clock, probe).await,
            ProbeKind::Tcp(probe) => self.shared.prober.tcp(&self.clock, probe).await,
            // The parser refuses such probes in this kind of request.
            ProbeKind::InstancesRunning(_)
            | ProbeKind::GroupAtStrength(_)
            | ProbeKind::TargetGroupHealthy(_) => {
                let now = self.clock.now();
                let detail = Some("this drill asks the application, not AWS".to_owned());
                ProbeAnswer { seen: Tristate::Unknown, asked: now, answered: now, detail }
            }
        }
    }

    /// Whether the primary is healthy, to which the undo moves traffic back; none without a probe of it.
    pub(super) async fn ask_primary(&self) -> Option<ProbeAnswer> {
        Some(self.ask(self.request.target.primary_probe()?).await)
    }

    /// The primary's answer as evidence, if it differs from the recorded one.
    pub(super) fn note_primary(&mut self, answer: &ProbeAnswer) -> Option<Evidence> {
        let latest = (answer.seen, answer.detail.clone());
        if self.recorded.primary.as_ref() == Some(&latest) {
            return None;
        }
        self.recorded.primary = Some(latest);
        Some(Evidence::Probe {
            probe: PRIMARY.to_owned(),
            seen: answer.seen,
            from: answer.asked,
            to: answer.answered,
            answers: 1,
            detail: answer.detail.clone(),
        })
    }
}

/// Whether the primary's own probe is needed: only while an undo step may move traffic onto the primary.
pub(super) fn is_primary_needed(run: &Run) -> bool {
    run.is_rolling_back() && run.undo.iter().any(|step| step.moves_traffic)
}
