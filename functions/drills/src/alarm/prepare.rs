//! Readiness of a drill through an alarm: whether the alarm may be set off, what it leads to, and the undo.

use std::time::Duration;

use firedrill_core::{
    PreparedInjection, ProbeAnswer, Readiness, Run, Tristate, UndoStep,
    evidence::Evidence,
    millis,
    plan::{Hop, Permission},
    ports::Clock,
    request::Mode,
    run::Trigger,
    trigger::{Effect, FailoverPath, alarm_step, hops, metric_step},
};

use futures_util::future::join4;

use super::{
    AlarmDrill, AlarmDrillTarget, Cloud,
    look::{PRIMARY, primary_found},
    wiring::Alarm,
};
use crate::{
    NotReady, WithFindings,
    deadline::within,
    ports::{AlarmSetup, Kind},
};

/// Everything that one check found before it ended.
#[derive(Default)]
pub(super) struct Checked {
    /// The hops of the path to what fails over.
    pub hops: Vec<Hop>,
    /// Everything that the alarm sets off.
    pub effects: Vec<Effect>,
    /// What the alarm starts when it goes to ALARM.
    pub actions: Vec<String>,
    /// What the alarm starts when it goes to OK.
    pub ok_actions: Vec<String>,
    /// The state of what fails over.
    pub description: Option<String>,
    pub primary: Option<ProbeAnswer>,
    /// The permissions that AWS may check beside those of our own calls.
    pub permissions: Vec<Permission>,
}

impl<C: Cloud, K: Clock, R: AlarmDrillTarget> AlarmDrill<C, K, R> {
    /// Checks readiness, with what was found as evidence.
    pub(super) async fn preparation(&self, run: &Run) -> WithFindings<Readiness> {
        let (readiness, found) = self.checked(run).await;
        let (at, mode) = (self.context.clock.now(), self.context.request.mode);
        let mut findings = Vec::new();
        if !found.hops.is_empty() {
            findings.push(Evidence::Wiring { at, hops: found.hops });
            if mode == Mode::Alarm {
                findings.push(Evidence::Note { at, text: format!("mode {mode}: {}", mode.exercises()) });
            }
        }
        findings.extend(found.description.map(|description| self.state_found(at, description)));
        findings.extend(found.primary.as_ref().map(primary_found));
        (readiness, findings)
    }

    /// Checks readiness, within twice the call deadline.
    pub(super) async fn checked(&self, run: &Run) -> (Readiness, Checked) {
        let mut found = Checked::default();
        // Several hops are read one after the other, each within a call deadline of its own.
        let deadline = self.context.settings.timing.call_deadline * 2;
        let checked = within(&self.context.clock, deadline, self.check(run, &mut found)).await;
        let readiness = match checked {
            Ok(Ok(injection)) => Readiness::Ready(Box::new(injection)),
            Ok(Err(not_ready)) => not_ready.into(),
            Err(late) => Readiness::Unknown(late.to_string()),
        };
        (readiness, found)
    }

    async fn check(&self, run: &Run, found: &mut Checked) -> Result<PreparedInjection, NotReady> {
        let arn = &self.target.alarm_arn;
        let now = self.context.clock.now();
        let (alarm, state, holder, primary) = join4(
            self.read_alarm(),
            self.resource.read(run, now),
            self.context.cloud.registered_run(arn.as_str()),
            self.ask_primary(),
        )
        .await;
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
        let (effects, path) = self.follow_alarm(&alarm).await;
        found.effects = effects;
        let path = path?;
        found.hops = hops(&alarm.state, &path);
        self.check_effects(&found.effects, &path)?;
        let (trigger_step, trigger) = self.trigger(run, &alarm, &path).await?;
        let state = state.map_err(|failure| self.not_ready(failure))?;
        // Tags that could not be read are no opt-in either: the resource itself says so.
        if let Some(why) =
            self.resource.tags(&state).and_then(|tags| self.context.environment().excludes(tags))
        {
            return Err(NotReady::Refused(format!("{} {why}", self.resource.arn())));
        }
        let failover_plan = self.resource.prepare(run, &state, &path, now)?;
        found.permissions = failover_plan.permissions;
        check_primary(&failover_plan.undo, found.primary.as_ref())?;
        let undo = std::iter::once(trigger_step).chain(failover_plan.undo).collect();
        // A rise that the failover's cut causes names no run, as in mode `metric`.
        let acts_on_rise_ms = match failover_plan.database {
            Some(_) => Some(millis(self.acts_for(&path, Mode::Metric)?)),
            None => None,
        };
        let trigger = Trigger { acts_on_rise_ms, database: failover_plan.database, ..trigger };
        Ok(PreparedInjection { trigger: Some(trigger), undo })
    }

    /// The trigger, and the undo step that belongs to it.
    async fn trigger(
        &self,
        run: &Run,
        alarm: &Alarm,
        path: &FailoverPath,
    ) -> Result<(UndoStep, Trigger), NotReady> {
        let (arn, mode) = (&self.target.alarm_arn, self.context.request.mode);
        let datapoints = match mode {
            Mode::Metric => Some(self.datapoints(run, &alarm.setup).await?),
            Mode::Alarm | Mode::Stop => None,
        };
        let step = datapoints.as_ref().map_or_else(|| alarm_step(arn), |points| metric_step(arn, points));
        let trigger = Trigger {
            alarm_arn: arn.to_string(),
            automation: path.automation().to_owned(),
            acts_for: self.acts_for(path, mode)?,
            acts_on_rise_ms: None,
            datapoints,
            database: None,
            steady_within_ms: steady_within(&alarm.setup).map(millis),
        };
        Ok((step, trigger))
    }

    /// See [`FailoverPath::acts_for`].
    fn acts_for(&self, path: &FailoverPath, mode: Mode) -> Result<Duration, NotReady> {
        let margin = self.context.settings.timing.margin;
        path.acts_for(mode, self.target.automation_deadline_seconds, margin)
            .map_err(|unknown| NotReady::Refused(unknown.to_string()))
    }
}

/// The periods that the alarm evaluates, and two more; none if it has no periods of its own.
fn steady_within(alarm: &AlarmSetup) -> Option<Duration> {
    let Kind::Metric(rule) = &alarm.kind else { return None };
    let period = Duration::from_secs(rule.period_seconds?.into());
    Some(period.saturating_mul(rule.evaluation_periods?.saturating_add(2)))
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
