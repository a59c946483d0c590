//! State of the application, compared before and after a run.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::kind::DrillKind;

use crate::{DemoStack, LocalError, bookstore::Color, clock::Since, emulator::Behaviors, stack::LocalDrill};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Everything that a drill may change, as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Each instance: its state, its status checks.
    instances: BTreeMap<String, (String, String)>,
    /// Each distribution: its status, what is configured, what the edges serve.
    distributions: BTreeMap<String, (String, Behaviors, Option<Behaviors>)>,
    /// Each cluster: its status, its writer, whether it takes connections.
    clusters: BTreeMap<String, (String, Option<String>, bool)>,
    /// The state of each alarm that a drill may force.
    alarms: BTreeMap<String, Option<String>>,
    /// Who serves users.
    serving: Option<Color>,
}

impl Application {
    async fn look(stack: &DemoStack) -> Result<Self, LocalError> {
        let instances = stack.aws.instances().await?.into_iter();
        let distributions = stack.aws.distributions().await?.into_iter();
        let clusters = stack.aws.databases().await?.clusters.into_iter();
        let mut alarms = BTreeMap::new();
        for drill in DrillKind::ALL.into_iter().filter(|drill| drill.works_through_alarm()) {
            let output = LocalDrill::of(drill).alarm_output();
            let arn = stack.bookstore_outputs.get(&output).map(String::as_str).unwrap_or_default();
            let name = arn.rsplit(":alarm:").next().unwrap_or_default();
            alarms.insert(output, stack.aws.alarm_state(name).await?);
        }
        Ok(Self {
            instances: instances.map(|one| (one.id, (one.state, one.status_checks))).collect(),
            distributions: distributions
                .map(|one| (one.id, (one.status, one.configured, one.serving)))
                .collect(),
            clusters: clusters.map(|one| (one.id, (one.status, one.writer, one.connectable))).collect(),
            alarms,
            serving: stack.bookstore.serving(),
        })
    }

    fn is_well(&self) -> bool {
        self.serving == Some(Color::Blue)
            && self.instances.values().all(|(state, checks)| state == "running" && checks == "ok")
            && self.distributions.values().all(|(status, configured, serving)| {
                status == "Deployed"
                    && configured.default == "primary"
                    && serving.as_ref() == Some(configured)
            })
            && self
                .clusters
                .values()
                .all(|(status, writer, up)| status == "available" && writer.is_some() && *up)
            && self.alarms.values().all(|state| state.as_deref() == Some("OK"))
    }

    /// The application, once all of it is well.
    ///
    /// # Errors
    /// It is not within that time, or the emulator does not answer.
    pub async fn at_rest(stack: &DemoStack, within: Duration) -> Result<Self, LocalError> {
        let seen = Self::until(stack, within, Self::is_well).await?;
        if seen.is_well() {
            Ok(seen)
        } else {
            Err(LocalError::Run(format!("the application is not well: {seen:?}")))
        }
    }

    /// The application, once it is as it was; as it is then, if it never is.
    ///
    /// # Errors
    /// The emulator does not answer.
    pub async fn like(stack: &DemoStack, before: &Self, within: Duration) -> Result<Self, LocalError> {
        Self::until(stack, within, |seen| seen == before).await
    }

    async fn until(
        stack: &DemoStack,
        within: Duration,
        is_so: impl Fn(&Self) -> bool,
    ) -> Result<Self, LocalError> {
        let began = Since::now();
        loop {
            let seen = Self::look(stack).await?;
            if is_so(&seen) || began.elapsed() > within {
                return Ok(seen);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
