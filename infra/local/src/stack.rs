//! Everything together: local AWS, the bookstore, and the three templates deployed as they are.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::Timestamp;
use serde_json::{Value, json};

use crate::{
    Bookstore, LocalAws, LocalError,
    binaries::Binaries,
    bookstore::BookstoreOptions,
    clock::{self, Since},
    emulator::Invoked,
    paths,
    record_reader::RecordReader,
};

/// The drills of `infra/drills.yaml`, in the environment that it names by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drill {
    /// Stops the instance that serves.
    Instance,
    /// Fails the CDN over through its alarm.
    Cdn,
    /// Fails the database over through its alarm.
    Database,
}

impl Drill {
    /// All of them, in the order in which the demo shows them.
    pub const ALL: [Self; 3] = [Self::Instance, Self::Cdn, Self::Database];

    /// `environment/application/drill`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Instance => "staging/bookstore/instance-blue",
            Self::Cdn => "staging/bookstore/cdn-failover",
            Self::Database => "staging/bookstore/database-failover",
        }
    }

    /// The package of the function that runs it.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Self::Instance => "drill-instance",
            Self::Cdn => "drill-cdn",
            Self::Database => "drill-db",
        }
    }

    const fn function_output(self) -> &'static str {
        match self {
            Self::Instance => "DrillInstanceFunctionArn",
            Self::Cdn => "DrillCdnFunctionArn",
            Self::Database => "DrillDbFunctionArn",
        }
    }

    const fn schedule_parameter(self) -> &'static str {
        match self {
            Self::Instance => "InstanceSchedule",
            Self::Cdn => "CdnSchedule",
            Self::Database => "DatabaseSchedule",
        }
    }

    /// The output of the bookstore's stack that names its alarm.
    const fn alarm_output(self) -> &'static str {
        match self {
            Self::Instance => "InstanceAlarmArn",
            Self::Cdn => "CdnAlarmArn",
            Self::Database => "DatabaseAlarmArn",
        }
    }
}

/// An image that the emulator knows.
const IMAGE: &str = "ami-12c6146b";
/// The home stack's timing: a second here is a minute there, but for the call deadline, which a busy machine needs as it is.
const TIMING: [(&str, &str); 13] = [
    ("PollMs", "250"),
    ("AwsPollMs", "500"),
    ("CallDeadlineMs", "10000"),
    ("LeaseMs", "25000"),
    ("RenewMs", "2000"),
    ("MarginMs", "1000"),
    ("FunctionTimeoutSeconds", "120"),
    ("SettleMs", "120000"),
    ("FailoverTimeoutSeconds", "41"),
    ("MaxEventAgeSeconds", "60"),
    ("CoolDownSeconds", "60"),
    ("WatchdogSchedule", "rate(5 seconds)"),
    ("WatchdogTimeoutSeconds", "100"),
];
/// What the playbook of the demo expects.
const EXPECTED: [(&str, &str); 10] = [
    ("RtoSeconds", "30"),
    ("GiveUpAfterSeconds", "40"),
    ("RestoreWithinSeconds", "300"),
    ("CdnRtoSeconds", "30"),
    ("CdnGiveUpAfterSeconds", "40"),
    ("CdnRestoreWithinSeconds", "300"),
    ("DatabaseRtoSeconds", "30"),
    ("DatabaseGiveUpAfterSeconds", "40"),
    ("DatabaseRestoreWithinSeconds", "300"),
    ("HoldForSeconds", "2"),
];
/// The bookstore with everything it can have. Nobody resolves the names of its origins here.
const BOOKSTORE: [(&str, &str); 5] = [
    ("ImageId", IMAGE),
    ("AlarmPeriodSeconds", "10"),
    ("Database", "aurora"),
    ("PrimaryOriginDomain", "bookstore-primary.s3.us-east-1.amazonaws.com"),
    ("StandbyOriginDomain", "bookstore-standby.s3.us-west-2.amazonaws.com"),
];
/// The schedule must lie ahead of the change of the drills' stack: by this, and twice as long as the last change took.
const LEAD: Duration = Duration::from_secs(1);
/// The instance's alarm looks at whole periods of ten seconds and needs two. Injected late in one of them,
/// which is two or three seconds after this one, the failure is noticed after some 22 seconds rather than up to 30.
const PHASE_MS: i64 = 5_000;
const PERIOD_MS: i64 = 10_000;
/// A failover cuts users off for two seconds. In two periods, its alarm would go off for real.
const DATABASE_PHASE_MS: i64 = 1_000;
/// An alarm has no state before two periods of its metric have passed.
const ALARM_WITHIN: Duration = Duration::from_mins(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How the whole is set up.
#[derive(Clone, Debug)]
pub struct StackOptions<'a> {
    /// The functions.
    pub functions: &'a Binaries,
    /// How the bookstore behaves.
    pub bookstore: BookstoreOptions,
    /// How long transitions take (see `emulator/transitions.py`).
    pub transitions: Value,
    /// Parameters of the home stack, instead of those for a demo.
    pub params: Vec<(&'a str, &'a str)>,
    /// Parameters of the drills' stack, instead of those for a demo.
    pub drill_params: Vec<(&'a str, &'a str)>,
}

impl<'a> StackOptions<'a> {
    /// As for a demo.
    #[must_use]
    pub fn new(functions: &'a Binaries) -> Self {
        Self {
            functions,
            bookstore: BookstoreOptions::default(),
            // An instance that is away for less than two whole periods of the alarm may never be noticed: it goes
            // when it goes, and is started again some five seconds later.
            transitions: json!({
                "stopMs": 2000, "startMs": 26000, "statusChecksMs": 3000, "alarmMs": 500,
                "edgeMs": 2000, "deployMs": 2500, "writerMs": 2000, "failoverMs": 4000
            }),
            params: Vec::new(),
            drill_params: Vec::new(),
        }
    }
}

/// A running home. Dropping it takes everything down.
#[derive(Debug)]
pub struct DemoStack {
    /// The practice application. Before the emulator: it is closed first.
    pub bookstore: Bookstore,
    /// AWS on this machine.
    pub aws: LocalAws,
    /// The record.
    pub table: RecordReader,
    /// Outputs of the home stack.
    pub outputs: BTreeMap<String, String>,
    /// Outputs of the bookstore's stack.
    pub bookstore_outputs: BTreeMap<String, String>,
    /// Outputs of the drills' stack.
    pub drill_outputs: BTreeMap<String, String>,
    /// Parameters of the drills' stack, as they were last deployed.
    drill_params: BTreeMap<String, String>,
    /// How long that took.
    deploying: Duration,
}

impl DemoStack {
    /// Starts and deploys everything.
    ///
    /// # Errors
    /// Whatever did not come up, by name.
    pub async fn up(options: StackOptions<'_>) -> Result<Self, LocalError> {
        let aws = LocalAws::start().await?;
        Self::on(aws, options).await
    }

    /// Deploys everything on an emulator that runs already.
    ///
    /// # Errors
    /// Whatever did not come up, by name.
    pub async fn on(aws: LocalAws, options: StackOptions<'_>) -> Result<Self, LocalError> {
        aws.set_transitions(&options.transitions).await?;
        let bookstore = Bookstore::open(&aws, &options.bookstore)?;
        let infra = paths::workspace().join("infra");
        let (bookstore_yaml, template_yaml) = (infra.join("bookstore.yaml"), infra.join("template.yaml"));
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let bookstore_outputs = aws.deploy("bookstore", &bookstore_yaml, &[], &BOOKSTORE).await?;
        let of_bookstore = |name: &str| output(&bookstore_outputs, name);
        let (cdn_alarm, database_alarm) = (of_bookstore("CdnAlarmArn")?, of_bookstore("DatabaseAlarmArn")?);
        let (distribution, cluster) = (of_bookstore("DistributionArn")?, of_bookstore("ClusterArn")?);
        let cdn_failovers = json!([{
            "alarmArn": cdn_alarm, "distributionArn": distribution,
            "primaryOrigin": "primary", "standbyOrigin": "standby"
        }])
        .to_string();
        let database_failovers = json!([{ "alarmArn": database_alarm, "clusterArn": cluster }]).to_string();
        let (cdn_topic, database_topic) =
            (of_bookstore("CdnAlarmTopicArn")?, of_bookstore("DatabaseAlarmTopicArn")?);
        let own = [
            ("Architecture", architecture),
            ("CdnFailovers", &cdn_failovers),
            ("CdnAlarmTopicArn", &cdn_topic),
            ("DatabaseFailovers", &database_failovers),
            ("DatabaseAlarmTopicArn", &database_topic),
            ("MetricNamespaces", "Bookstore"),
        ];
        let params = merged(&own, &TIMING, &options.params);
        let outputs = aws.deploy("firedrill", &template_yaml, &options.functions.codes(), &params).await?;
        // Its first tick comes with its schedule, and a drill that is scheduled sooner would be skipped.
        aws.watch("firedrill").await?;
        let url = bookstore.url();
        let mut drill_params: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: &str| drill_params.insert(name.to_owned(), value.to_owned());
        for drill in Drill::ALL {
            set(drill.function_output(), &output(&outputs, drill.function_output())?);
            set(drill.alarm_output(), &of_bookstore(drill.alarm_output())?);
        }
        for name in ["ScheduleRoleArn", "DeadLetterQueueArn"] {
            set(name, &output(&outputs, name)?);
        }
        set("DistributionArn", &distribution);
        set("ClusterArn", &cluster);
        set("BookstoreUrl", &url);
        set("CdnUrl", &url);
        set("CdnPrimaryUrl", &format!("{url}/origins/primary"));
        for (name, value) in
            [("Windows", "[]"), ("FlexibleWindowMode", "OFF"), ("TimeZone", "UTC")].iter().chain(&EXPECTED)
        {
            set(name, value);
        }
        for (name, value) in &options.drill_params {
            set(name, value);
        }
        let table = RecordReader::new(&aws, &output(&outputs, "TableName")?);
        let mut stack = Self {
            bookstore,
            aws,
            table,
            outputs,
            bookstore_outputs,
            drill_outputs: BTreeMap::new(),
            drill_params,
            deploying: Duration::ZERO,
        };
        stack.deploy_drills().await?;
        Ok(stack)
    }

    async fn deploy_drills(&mut self) -> Result<(), LocalError> {
        let params: Vec<(&str, &str)> =
            self.drill_params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let template = paths::workspace().join("infra/drills.yaml");
        let began = Since::now();
        self.drill_outputs = self.aws.deploy("firedrill-drills", &template, &[], &params).await?;
        self.deploying = began.elapsed();
        Ok(())
    }

    /// Lets a drill's schedule start it once, within some seconds from now; when.
    ///
    /// # Errors
    /// Its alarm never came to OK, or the stack cannot be changed.
    pub async fn schedule(&mut self, drill: Drill) -> Result<Timestamp, LocalError> {
        if drill != Drill::Instance {
            self.alarm_is(drill, "OK").await?;
        }
        let at = soon(drill, LEAD + self.deploying * 2);
        let expression = format!("at({:.19})", at.to_string());
        self.drill_params.insert(drill.schedule_parameter().to_owned(), expression);
        self.deploy_drills().await?;
        Ok(at)
    }

    /// Waits until a drill's alarm is in this state: only in OK it may be pulled, or a held run be released.
    ///
    /// # Errors
    /// It never was.
    pub async fn alarm_is(&self, drill: Drill, wanted: &str) -> Result<(), LocalError> {
        let arn = output(&self.bookstore_outputs, drill.alarm_output())?;
        let name = arn.rsplit(":alarm:").next().unwrap_or_default();
        let began = Since::now();
        loop {
            let state = self.aws.alarm_state(name).await?;
            if state.as_deref() == Some(wanted) {
                return Ok(());
            }
            if began.elapsed() > ALARM_WITHIN {
                let why = format!("is {}, not {wanted}", state.as_deref().unwrap_or("not there"));
                return Err(LocalError::Answer { what: format!("alarm {name}"), why });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The name of the function that runs a drill.
    #[must_use]
    pub fn drill_function(&self, drill: Drill) -> &str {
        let arn = self.outputs.get(drill.function_output()).map(String::as_str).unwrap_or_default();
        arn.rsplit(':').next().unwrap_or_default()
    }

    /// Invokes the function of a drill and waits for its answer.
    ///
    /// # Errors
    /// It was not invoked. What the function itself fails with is in the answer.
    pub async fn invoke(&self, drill: Drill, payload: &Value) -> Result<Invoked, LocalError> {
        self.aws.invoke(self.drill_function(drill), payload).await
    }

    /// What the template gave a drill's function: its variables, for one that is run by hand.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub async fn drill_variables(&self, drill: Drill) -> Result<Vec<(String, String)>, LocalError> {
        let function = self.aws.requests().function(self.drill_function(drill)).await?;
        let Value::Object(variables) = &function["Environment"]["Variables"] else { return Ok(Vec::new()) };
        let ours = variables.iter().filter(|(name, _)| name.starts_with("FIREDRILL_"));
        Ok(ours.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
    }

    /// What a drill's function printed so far.
    #[must_use]
    pub fn drill_log(&self, drill: Drill) -> String {
        self.aws.function_log(self.drill_function(drill))
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

fn output(of: &BTreeMap<String, String>, name: &str) -> Result<String, LocalError> {
    of.get(name).cloned().ok_or_else(|| LocalError::Answer {
        what: format!("output {name}"),
        why: format!("the stack has none; it has {}", of.keys().cloned().collect::<Vec<_>>().join(", ")),
    })
}

/// The next whole second that suits the drill's alarm, far enough ahead.
fn soon(drill: Drill, lead: Duration) -> Timestamp {
    let earliest = clock::epoch_ms() + i64::try_from(lead.as_millis()).unwrap_or(0);
    let wait = match drill {
        Drill::Instance => (PHASE_MS - earliest).rem_euclid(PERIOD_MS),
        Drill::Cdn => (-earliest).rem_euclid(1_000),
        Drill::Database => (DATABASE_PHASE_MS - earliest).rem_euclid(PERIOD_MS),
    };
    Timestamp::from_millis(earliest + wait)
}
