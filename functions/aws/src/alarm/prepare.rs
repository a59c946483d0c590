//! Finds out whether the lever may be pulled and what it leads to, before it is.

use firedrill_core::{
    Answer, Prepared, Ready, Run, Seen, UndoStep,
    evidence::Evidence,
    lever::{Way, alarm_step, hops, metric_step},
    plan::Hop,
    ports::Clock,
    request::Mode,
    run::Lever,
};

use super::{AlarmDrill, Resource, probes::PRIMARY, wiring::Alarm};

/// What came of preparing once: also what was found before it ended.
pub(super) struct Found {
    pub prepared: Prepared,
    pub hops: Vec<Hop>,
    pub actions: Vec<String>,
    pub ok_actions: Vec<String>,
    pub told: Option<String>,
    pub primary: Option<Answer>,
}

impl<R: Resource> AlarmDrill<R> {
    /// Finds it out; what was found is kept, and written down once.
    pub(super) async fn prepare_and_note(&mut self, run: &Run) -> Vec<Evidence> {
        let found = Box::pin(self.prepare(run)).await;
        let at = self.clock.now();
        let mut new = Vec::new();
        if !found.hops.is_empty() && !std::mem::replace(&mut self.known.wiring, true) {
            new.push(Evidence::Wiring { at, hops: found.hops });
            if self.request.mode == Mode::Alarm {
                let text = format!("mode {}: {}", self.request.mode, self.request.mode.exercises());
                new.push(Evidence::Note { at, text });
            }
        }
        new.extend(found.told.and_then(|told| self.note_told(at, told)));
        new.extend(found.primary.and_then(|answer| self.note_primary(&answer)));
        self.prepared = Some(found.prepared);
        new
    }

    pub(super) async fn prepare(&self, run: &Run) -> Found {
        let mut found = Found {
            prepared: Prepared::Unknown("nothing was read".to_owned()),
            hops: Vec::new(),
            actions: Vec::new(),
            ok_actions: Vec::new(),
            told: None,
            primary: None,
        };
        // Several hops, one after the other, each with a deadline of its own.
        let within = self.tools.config.timing.call_deadline() * 2;
        found.prepared = match tokio::time::timeout(within, Box::pin(self.ready(run, &mut found))).await {
            Ok(Ok(ready)) => Prepared::Ready(Box::new(ready)),
            Ok(Err(prepared)) => prepared,
            Err(_) => Prepared::Unknown(format!("AWS did not answer within {} ms", within.as_millis())),
        };
        found
    }

    async fn ready(&self, run: &Run, found: &mut Found) -> Result<Ready, Prepared> {
        let arn = &self.target.alarm_arn;
        let now = self.clock.now();
        let (alarm, facts, holder, primary) = tokio::join!(
            self.read_alarm(),
            self.resource.read(run, now),
            self.tools.table.holder(arn.as_str()),
            self.ask_primary(),
        );
        found.told = facts.as_ref().ok().map(|facts| self.resource.told(run, facts));
        found.primary = primary;
        let alarm = alarm?;
        found.actions.clone_from(&alarm.facts.actions);
        found.ok_actions.clone_from(&alarm.setup.ok_actions);
        self.may_pull(&alarm)?;
        match holder {
            Ok(Some(id)) if id != run.run_id => {
                return Err(Prepared::Refused(format!(
                    "alarm {arn} is held by run {id}, which is still open"
                )));
            }
            Ok(_) => {}
            Err(error) => return Err(Prepared::Unknown(format!("whether a run holds {arn}: {error}"))),
        }
        let way = self.way(&alarm.facts).await?;
        found.hops = hops(&alarm.facts, Some(&way));
        let (lever_step, lever) = self.lever(run, &alarm, &way).await?;
        let facts = facts.map_err(|failure| self.heard(&failure))?;
        let ground = self.resource.prepare(run, &facts, &way, now)?;
        may_fail_back(&ground.undo, found.primary.as_ref())?;
        let undo = std::iter::once(lever_step).chain(ground.undo).collect();
        Ok(Ready { lever: Some(Lever { database: ground.database, ..lever }), undo })
    }

    async fn lever(&self, run: &Run, alarm: &Alarm, way: &Way) -> Result<(UndoStep, Lever), Prepared> {
        let (arn, mode) = (&self.target.alarm_arn, self.request.mode);
        let datapoints = match mode {
            Mode::Metric => Some(self.datapoints(run, &alarm.setup).await?),
            Mode::Alarm | Mode::Stop => None,
        };
        let margin_ms = self.tools.config.timing.margin_ms;
        let acts_for = way.acts_for_ms(mode, self.target.automation_deadline_seconds, margin_ms);
        let step = datapoints.as_ref().map_or_else(|| alarm_step(arn), |points| metric_step(arn, points));
        let lever = Lever {
            alarm_arn: arn.to_string(),
            automation: way.automation().to_owned(),
            automation_ms: acts_for.map_err(Prepared::Refused)?,
            datapoints,
            database: None,
        };
        Ok((step, lever))
    }
}

/// What moves traffic back needs a yes from the primary itself: one that is not well now, or is asked
/// wrongly, would leave the run held.
fn may_fail_back(undo: &[UndoStep], primary: Option<&Answer>) -> Result<(), Prepared> {
    if !undo.iter().any(|step| step.moves_traffic) {
        return Ok(());
    }
    match primary {
        Some(answer) if answer.seen == Seen::Yes => Ok(()),
        Some(answer) => {
            let detail = answer.detail.as_deref().unwrap_or("no answer");
            Err(Prepared::Unknown(format!(
                "{PRIMARY} is not known to be well (`target.primaryProbe`: {detail}): traffic could not be \
                 moved back onto it"
            )))
        }
        None => Err(Prepared::Refused(
            "`target.primaryProbe` is missing: traffic is moved back only onto what answers".to_owned(),
        )),
    }
}
