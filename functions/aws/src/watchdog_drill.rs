//! Drill of any kind for the watchdog: it observes and undoes a run, and never begins one.

use firedrill_core::{
    CallOutcome, Observation, Request, Run, evidence::Evidence, ports::Drill, request::Target, run::Page,
};

use crate::{
    alarm::{self, AlarmDrill, Database, Distribution},
    clock::SystemClock,
    instance::{self, InstanceDrill},
    lambda::FunctionContext,
    wrong_drill::WrongDrill,
};

/// Builds drills of every kind, one for each open run.
#[derive(Debug)]
pub struct WatchdogDrills {
    instances: instance::InstanceDrills,
    alarms: alarm::AlarmDrills,
}

/// The drill of one run, of any kind.
#[derive(Debug)]
pub enum WatchdogDrill {
    /// It stopped instances.
    Instances(Box<InstanceDrill>),
    /// It failed a distribution over.
    Distribution(Box<AlarmDrill<Distribution>>),
    /// It failed a database over.
    Database(Box<AlarmDrill<Database>>),
}

impl WatchdogDrills {
    /// Builds every client.
    #[must_use]
    pub fn new(context: &FunctionContext) -> Self {
        Self { instances: instance::InstanceDrills::new(context), alarms: alarm::AlarmDrills::new(context) }
    }

    /// The drill of this run. If its request cannot be read (`None`), target and probes are those that the head records.
    ///
    /// # Errors
    /// The target is not what its kind of drill needs.
    pub fn drill_for(
        &self,
        clock: SystemClock,
        run: &Run,
        request: Option<&Request>,
    ) -> Result<WatchdogDrill, WrongDrill> {
        let recorded;
        let request = if let Some(request) = request {
            request
        } else {
            recorded = run.recorded_request();
            &recorded
        };
        Ok(match request.target {
            Target::Instances(_) => WatchdogDrill::Instances(Box::new(self.instances.drill(clock, request)?)),
            Target::Distribution(_) => {
                WatchdogDrill::Distribution(Box::new(self.alarms.cdn(clock, request)?))
            }
            Target::Database(_) => WatchdogDrill::Database(Box::new(self.alarms.db(clock, request)?)),
        })
    }
}

impl Drill for WatchdogDrill {
    async fn observe(&mut self, run: &Run) -> (Observation, Vec<Evidence>) {
        match self {
            Self::Instances(drill) => drill.observe(run).await,
            Self::Distribution(drill) => drill.observe(run).await,
            Self::Database(drill) => drill.observe(run).await,
        }
    }

    async fn undo(&mut self, run: &Run, step: usize) -> CallOutcome {
        match self {
            Self::Instances(drill) => drill.undo(run, step).await,
            Self::Distribution(drill) => drill.undo(run, step).await,
            Self::Database(drill) => drill.undo(run, step).await,
        }
    }

    async fn page(&mut self, run: &Run, page: &Page) -> Result<(), String> {
        match self {
            Self::Instances(drill) => drill.page(run, page).await,
            Self::Distribution(drill) => drill.page(run, page).await,
            Self::Database(drill) => drill.page(run, page).await,
        }
    }
}
