//! A run of any kind, in the hands of the watchdog: looked at and taken back, never begun.

use firedrill_core::{
    CallOutcome, Observation, Request, Run,
    evidence::Evidence,
    ports::Drill,
    request::{self, Target},
    run::Page,
};

use crate::{
    alarm::{self, AlarmDrill, Database, Distribution},
    clock::SystemClock,
    instance::{self, InstanceDrill},
    lambda::FunctionContext,
};

/// What runs of every kind need for as long as the function lives.
#[derive(Debug)]
pub struct WatchdogDrills {
    instances: instance::InstanceDrills,
    alarms: alarm::AlarmDrills,
}

/// A run of any kind.
#[derive(Debug)]
pub enum WatchdogDrill {
    /// Instances were stopped.
    Instances(Box<InstanceDrill>),
    /// A distribution was failed over.
    Distribution(Box<AlarmDrill<Distribution>>),
    /// A database was failed over.
    Database(Box<AlarmDrill<Database>>),
}

impl WatchdogDrills {
    /// Builds every client.
    #[must_use]
    pub fn new(context: &FunctionContext) -> Self {
        Self { instances: instance::InstanceDrills::new(context), alarms: alarm::AlarmDrills::new(context) }
    }

    /// What carries this run on. Where its request cannot be read, the head alone says what is taken back.
    ///
    /// # Errors
    /// It means what this version does not know.
    pub fn drill_for(
        &self,
        clock: SystemClock,
        run: &Run,
        request: Option<&Request>,
    ) -> Result<WatchdogDrill, String> {
        let of_head;
        let request = if let Some(request) = request {
            request
        } else {
            of_head = request::of_head(run)?;
            &of_head
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
