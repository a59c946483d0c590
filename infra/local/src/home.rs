//! Everything together: local AWS, the bookstore, and the three templates deployed as they are.

use std::{collections::BTreeMap, path::Path};

use firedrill_core::Timestamp;
use serde_json::{Value, json};

use crate::{
    Bookstore, LocalAws, LocalError, bookstore::BookstoreOptions, clock, emulator::Invoked, places,
    table::Table,
};

/// The drill of `infra/drills.yaml`, in the environment that it names by default.
pub const DRILL_KEY: &str = "staging/bookstore/instance-blue";
/// An image that the emulator knows.
const IMAGE: &str = "ami-12c6146b";
/// The home stack's timing: a second here is a minute there.
const TIMING: [(&str, &str); 8] = [
    ("PollMs", "250"),
    ("AwsPollMs", "500"),
    ("CallDeadlineMs", "3000"),
    ("LeaseMs", "12000"),
    ("RenewMs", "2000"),
    ("MarginMs", "1000"),
    ("FunctionTimeoutSeconds", "120"),
    ("SettleMs", "120000"),
];
/// What the playbook of the demo expects.
const EXPECTED: [(&str, &str); 4] = [
    ("RtoSeconds", "10"),
    ("GiveUpAfterSeconds", "15"),
    ("RestoreWithinSeconds", "90"),
    ("HoldForSeconds", "2"),
];
/// Deploying the last stack takes a second; the schedule must lie ahead of it.
const LEAD_MS: i64 = 3_000;
/// The alarm looks at whole periods of ten seconds and needs two. Injected late in one of them, which is
/// two or three seconds after this one, the failure is noticed after some 22 seconds rather than up to 30.
const PHASE_MS: i64 = 5_000;
const PERIOD_MS: i64 = 10_000;

/// When the drill starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Starts {
    /// Once, by its schedule, within some seconds from now.
    #[default]
    Soon,
    /// On the first Tuesday of the month: a test delivers its own.
    AsScheduled,
}

/// How the whole is set up.
#[derive(Clone, Debug)]
pub struct HomeOptions<'a> {
    /// The binary of each function, by its logical id in `infra/template.yaml`.
    pub functions: Vec<(&'a str, &'a Path)>,
    /// How the bookstore behaves.
    pub bookstore: BookstoreOptions,
    /// How long transitions take (see `emulator/transitions.py`).
    pub transitions: Value,
    /// Parameters of the home stack, instead of those for a demo.
    pub params: Vec<(&'a str, &'a str)>,
    /// Parameters of the drills' stack, instead of those for a demo.
    pub drill_params: Vec<(&'a str, &'a str)>,
    /// When the drill starts.
    pub starts: Starts,
}

impl<'a> HomeOptions<'a> {
    /// As for a demo, with this binary of the instance drill.
    #[must_use]
    pub fn new(drill_instance: &'a Path) -> Self {
        Self {
            functions: vec![("DrillInstanceFunction", drill_instance)],
            bookstore: BookstoreOptions::default(),
            // An instance that is away for less than two periods of the alarm would never be noticed.
            transitions: json!({ "stopMs": 2000, "startMs": 20000, "statusChecksMs": 3000, "alarmMs": 500 }),
            params: Vec::new(),
            drill_params: Vec::new(),
            starts: Starts::Soon,
        }
    }
}

/// A running home. Dropping it takes everything down.
#[derive(Debug)]
pub struct Home {
    /// The practice application. Before the emulator: it is closed first.
    pub bookstore: Bookstore,
    /// AWS on this machine.
    pub aws: LocalAws,
    /// The record.
    pub table: Table,
    /// Outputs of the home stack.
    pub outputs: BTreeMap<String, String>,
    /// Outputs of the bookstore's stack.
    pub bookstore_outputs: BTreeMap<String, String>,
    /// Outputs of the drills' stack.
    pub drill_outputs: BTreeMap<String, String>,
    /// When the schedule starts the drill.
    pub starts_at: Option<Timestamp>,
}

impl Home {
    /// Starts and deploys everything.
    ///
    /// # Errors
    /// Whatever did not come up, by name.
    pub async fn up(options: HomeOptions<'_>) -> Result<Self, LocalError> {
        let aws = LocalAws::start().await?;
        Self::on(aws, options).await
    }

    /// Deploys everything on an emulator that runs already.
    ///
    /// # Errors
    /// Whatever did not come up, by name.
    pub async fn on(aws: LocalAws, options: HomeOptions<'_>) -> Result<Self, LocalError> {
        aws.set_transitions(&options.transitions).await?;
        let bookstore = Bookstore::open(&aws, &options.bookstore)?;
        let infra = places::workspace().join("infra");
        let (bookstore_yaml, template_yaml) = (infra.join("bookstore.yaml"), infra.join("template.yaml"));
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let params = merged(&[("Architecture", architecture)], &TIMING, &options.params);
        let bookstore_params = [("ImageId", IMAGE), ("AlarmPeriodSeconds", "10")];
        let (bookstore_outputs, outputs) = tokio::try_join!(
            aws.deploy("bookstore", &bookstore_yaml, &[], &bookstore_params),
            aws.deploy("firedrill", &template_yaml, &options.functions, &params),
        )?;
        let output = |of: &BTreeMap<String, String>, name: &str| {
            of.get(name).cloned().ok_or_else(|| LocalError::Answer {
                what: format!("output {name}"),
                why: format!(
                    "the stack has none; it has {}",
                    of.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
            })
        };
        let starts_at = (options.starts == Starts::Soon).then(soon);
        let expression = starts_at.map(|at| format!("at({:.19})", at.to_string()));
        let (url, function) = (bookstore.url(), output(&outputs, "DrillInstanceFunctionArn")?);
        let role = output(&outputs, "ScheduleRoleArn")?;
        let queue = output(&outputs, "DeadLetterQueueArn")?;
        let alarm = output(&bookstore_outputs, "InstanceAlarmArn")?;
        let mut drill_params = vec![
            ("DrillInstanceFunctionArn", function.as_str()),
            ("ScheduleRoleArn", &role),
            ("DeadLetterQueueArn", &queue),
            ("InstanceAlarmArn", &alarm),
            ("BookstoreUrl", &url),
            ("Windows", "[]"),
            ("FlexibleWindowMode", "OFF"),
            ("TimeZone", "UTC"),
        ];
        if let Some(expression) = &expression {
            drill_params.push(("InstanceSchedule", expression));
        }
        let drill_params = merged(&drill_params, &EXPECTED, &options.drill_params);
        let drill_outputs =
            aws.deploy("firedrill-drills", &infra.join("drills.yaml"), &[], &drill_params).await?;
        let table = Table::new(&aws, &output(&outputs, "TableName")?);
        Ok(Self { bookstore, aws, table, outputs, bookstore_outputs, drill_outputs, starts_at })
    }

    /// The name of the function that runs the instance drill.
    #[must_use]
    pub fn drill_function(&self) -> &str {
        let arn = self.outputs.get("DrillInstanceFunctionArn").map(String::as_str).unwrap_or_default();
        arn.rsplit(':').next().unwrap_or_default()
    }

    /// Invokes the instance drill and waits for its answer.
    ///
    /// # Errors
    /// It was not invoked. What the function itself fails with is in the answer.
    pub async fn invoke(&self, payload: &Value) -> Result<Invoked, LocalError> {
        self.aws.invoke(self.drill_function(), payload).await
    }

    /// What the template gave the instance drill: its variables, for one that is run by hand.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub async fn drill_variables(&self) -> Result<Vec<(String, String)>, LocalError> {
        let function = self.aws.requests().function(self.drill_function()).await?;
        let Value::Object(variables) = &function["Environment"]["Variables"] else { return Ok(Vec::new()) };
        let ours = variables.iter().filter(|(name, _)| name.starts_with("FIREDRILL_"));
        Ok(ours.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
    }

    /// What the instance drill printed so far.
    #[must_use]
    pub fn drill_log(&self) -> String {
        self.aws.function_log(self.drill_function())
    }

    /// Takes everything down and waits until it is gone.
    ///
    /// # Errors
    /// Something of it did not go.
    pub fn down(self) -> Result<(), LocalError> {
        drop(self.bookstore);
        self.aws.stop()
    }
}

/// Of equal names, the last counts.
fn merged<'a>(
    first: &[(&'a str, &'a str)],
    second: &[(&'a str, &'a str)],
    third: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let all = first.iter().chain(second).chain(third).copied();
    all.collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// The next whole second that suits the alarm, far enough ahead.
fn soon() -> Timestamp {
    let earliest = clock::epoch_ms() + LEAD_MS;
    let wait = (PHASE_MS - earliest).rem_euclid(PERIOD_MS);
    Timestamp::from_millis(earliest + wait)
}
