//! Readiness of a drill through an alarm: whether the alarm may be set off, what it leads to, and the undo.

use firedrill_core::{
    PreparedInjection, ProbeAnswer, Readiness, Run, Tristate, UndoStep,
    evidence::Evidence,
    plan::Hop,
    ports::Clock,
    request::Mode,
    run::Trigger,
    trigger::{FailoverPath, alarm_step, hops, metric_step},
};

use super::{AlarmDrill, AlarmDrillTarget, probes::PRIMARY, wiring::Alarm};
use crate::not_ready::NotReady;

/// The result of one check of readiness, with everything that was found before it ended.
pub(super) struct Preparation {
    pub prepared: Readiness,
    pub hops: Vec<Hop>,
    /// What the alarm starts when it goes to ALARM.
    pub actions: Vec<String>,
    /// What the alarm starts when it goes to OK.
    pub ok_actions: Vec<String>,
    /// The state of what fails over.
    pub description: Option<String>,
    pub primary: Option<ProbeAnswer>,
}

impl<R: AlarmDrillTarget> AlarmDrill<R> {
    /// Checks readiness and keeps the result; returns the evidence that is not recorded yet.
    pub(super) async fn prepare_and_note(&mut self, run: &Run) -> Vec<Evidence> {
        let found = Box::pin(self.prepare(run)).await;
        let at = self.clock.now();
        let mut new = Vec::new();
        if !found.hops.is_empty() && !std::mem::replace(&mut self.recorded.wiring, true) {
            new.push(Evidence::Wiring { at, hops: found.hops });
            if self.request.mode == Mode::Alarm {
                let text = format!("mode {}: {}", self.request.mode, self.request.mode.exercises());
                new.push(Evidence::Note { at, text });
            }
        }
        new.extend(found.description.and_then(|description| self.note_state(at, description)));
        new.extend(found.primary.and_then(|answer| self.note_primary(&answer)));
        self.prepared = Some(found.prepared);
        new
    }

    /// Checks readiness, within twice the call deadline.
    pub(super) async fn prepare(&self, run: &Run) -> Preparation {
        let mut found = Preparation {
            prepared: Readiness::Unknown("nothing was read yet".to_owned()),
            hops: Vec::new(),
            actions: Vec::new(),
            ok_actions: Vec::new(),
            description: None,
            primary: None,
        };
        // Several hops are read one after the other, each within a call deadline of its own.
        let within = self.shared.settings.timing.call_deadline * 2;
        let checked = tokio::time::timeout(within, Box::pin(self.check(run, &mut found))).await;
        found.prepared = match checked {
            Ok(Ok(injection)) => Readiness::Ready(Box::new(injection)),
            Ok(Err(not_ready)) => not_ready.into(),
            Err(_) => Readiness::Unknown(format!("AWS did not answer within {} ms", within.as_millis())),
        };
        found
    }

    async fn check(&self, run: &Run, found: &mut Preparation) -> Result<PreparedInjection, NotReady> {
        let arn = &self.target.alarm_arn;
        let now = self.clock.now();
        let (alarm, state, holder, primary) = tokio::join!(
            self.read_alarm(),
            self.resource.read(run, now),
            self.shared.table.holder(arn.as_str()),
            self.ask_primary(),
        );
        found.description = state.as_ref().ok().map(|state| self.resource.describe(run, state));
        found.primary = primary;
        let alarm = alarm?;
        found.actions.clone_from(&alarm.state.actions);
        found.ok_actions.clone_from(&alarm.setup.ok_actions);
        self.check_alarm(&alarm)?;
        match holder {
            Ok(Some(id)) if id != run.run_id => {
                return Err(NotReady::Refused(format!(
                    "alarm {arn} is held by run {id}, which is still open"
                )));
            }
            Ok(_) => {}
            Err(error) => {
                return Err(NotReady::Unknown(format!(
                    "whether a run holds {arn} could not be read: {error}"
                )));
            }
        }
        let path = self.path(&alarm.state).await?;
        found.hops = hops(&alarm.state, Some(&path));
        let (trigger_step, trigger) = self.trigger(run, &alarm, &path).await?;
        let state = state.map_err(|failure| self.note_failure(&failure))?;
        let failover_plan = self.resource.prepare(run, &state, &path, now)?;
        check_primary(&failover_plan.undo, found.primary.as_ref())?;
        let undo = std::iter::once(trigger_step).chain(failover_plan.undo).collect();
        Ok(PreparedInjection { trigger: Some(Trigger { database: failover_plan.database, ..trigger }), undo })
    }

    /// The trigger, and the undo step that belongs to it.
    async fn trigger(
        &self,
        run: &Run,
        alarm: &Alarm,
        path: &FailoverPath,
    ) -> Result<(UndoStep, Trigger), NotReady> {
        let (arn, mode) = (&self.target.alarm_arn, self.request.mode);
        let datapoints = match mode {
            Mode::Metric => Some(self.datapoints(run, &alarm.setup).await?),
            Mode::Alarm | Mode::Stop => None,
        };
        let margin = self.shared.settings.timing.margin;
        let acts_for = path.acts_for(mode, self.target.automation_deadline_seconds, margin);
        let step = datapoints.as_ref().map_or_else(|| alarm_step(arn), |points| metric_step(arn, points));
        let trigger = Trigger {
            alarm_arn: arn.to_string(),
            automation: path.automation().to_owned(),
            acts_for: acts_for.map_err(|unknown| NotReady::Refused(unknown.to_string()))?,
            datapoints,
            database: None,
        };
        Ok((step, trigger))
    }
}

/// Checks that the primary's own probe answers yes, where the undo moves traffic back onto the primary. With an
/// unhealthy primary, or a wrong probe, the run would end up held.
fn check_primary(undo: &[UndoStep], primary: Option<&ProbeAnswer>) -> Result<(), NotReady> {
    if !undo.iter().any(|step| step.moves_traffic) {
        return Ok(());
    }
    match primary {
        Some(answer) if answer.seen == Tristate::Yes => Ok(()),
        Some(answer) => {
            let detail = answer.detail.as_deref().unwrap_or("no answer");
            Err(NotReady::Unknown(format!(
                "{PRIMARY} is not known to be healthy (`target.primaryProbe`: {detail}): traffic could not be \
                 moved back onto it"
            )))
        }
        None => Err(NotReady::Refused(
            "`target.primaryProbe` is missing: traffic is moved back only onto a primary that answers it"
                .to_owned(),
        )),
    }
}
