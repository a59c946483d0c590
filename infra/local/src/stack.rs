//! Demo stack: local AWS, the bookstore, and the three templates deployed as they are.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::{Timestamp, kind::DrillKind};
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

/// What local AWS knows of one drill kind: its names in the three templates, its calls, its moment.
#[derive(Debug)]
pub struct LocalDrill {
    /// `environment/application/drill` of its drill in `infra/drills.yaml`, in the default environment.
    pub key: &'static str,
    /// What it does, for the command line.
    pub summary: &'static str,
    /// The call that causes the failure: service and action.
    pub injecting_call: (&'static str, &'static str),
    /// The call that moves the resource: the drill's to undo, its failover function's to fail over.
    pub moving_call: (&'static str, &'static str),
    /// What its parameters and outputs begin with: `InstanceSchedule`, `InstanceAlarmArn`.
    prefix: &'static str,
    /// When a demo starts it: this many milliseconds into a period, and the period.
    starts_at: (i64, i64),
}

impl LocalDrill {
    /// The row of a kind.
    #[must_use]
    pub const fn of(kind: DrillKind) -> &'static Self {
        match kind {
            DrillKind::Instance => &Self {
                key: "staging/bookstore/instance-blue",
                summary: "Stop the instance that serves",
                injecting_call: ("ec2", "StopInstances"),
                moving_call: ("ec2", "StartInstances"),
                prefix: "Instance",
                // The alarm looks at whole periods of ten seconds and needs two. Injected late in one of them, two or
                // three seconds after this moment, the failure is noticed after some 22 seconds rather than up to 30.
                starts_at: (5_000, 10_000),
            },
            DrillKind::Cdn => &Self {
                key: "staging/bookstore/cdn-failover",
                summary: "Fail the CDN over through its alarm",
                injecting_call: ("cloudwatch", "SetAlarmState"),
                moving_call: ("cloudfront", "UpdateDistribution"),
                prefix: "Cdn",
                starts_at: (0, 1_000),
            },
            DrillKind::Database => &Self {
                key: "staging/bookstore/database-failover",
                summary: "Fail the database over through its alarm",
                injecting_call: ("cloudwatch", "SetAlarmState"),
                moving_call: ("rds", "FailoverDBCluster"),
                prefix: "Database",
                // A failover cuts users off for two seconds. Spread over two periods, its alarm would go off for real.
                starts_at: (1_000, 10_000),
            },
        }
    }

    fn schedule_parameter(&self) -> String {
        format!("{}Schedule", self.prefix)
    }

    /// The output of the bookstore's stack that names its alarm.
    pub(crate) fn alarm_output(&self) -> String {
        format!("{}AlarmArn", self.prefix)
    }
}

/// What the logical ids of a function begin with in `infra/template.yaml`: `DrillInstance` for `drill-instance`.
#[must_use]
pub fn logical_id(package: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    package.split('-').map(capital).collect()
}

/// The logical id of a function in `infra/template.yaml`: `DrillInstanceFunction` for `drill-instance`.
#[must_use]
pub(crate) fn function_id(package: &str) -> String {
    logical_id(package) + "Function"
}

/// The key by which the emulator's call log and its faults know a function of the stack `firedrill`.
#[must_use]
pub fn caller_key(package: &str) -> String {
    format!("LOCALFIREDRILL{}", package.replace('-', "").to_uppercase())
}

fn function_output(drill: DrillKind) -> String {
    function_id(drill.row().package) + "Arn"
}

/// An image that the emulator knows.
const IMAGE: &str = "ami-12c6146b";
/// Parameters of every stack of functions on local AWS: this machine's architecture; production's call deadline, because
/// with a shorter one a busy machine would decide how a run ends; and what follows from it.
pub const LOCAL: [(&str, &str); 5] = [
    ("Architecture", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }),
    ("CallDeadlineMs", "10000"),
    ("LeaseMs", "25000"),
    ("RenewMs", "2000"),
    ("FailoverTimeoutSeconds", "41"),
];
/// Timing of the stack `firedrill`, beside [`LOCAL`]: a second here is a minute there.
const TIMING: [(&str, &str); 9] = [
    ("PollMs", "250"),
    ("AwsPollMs", "500"),
    ("MarginMs", "1000"),
    ("FunctionTimeoutSeconds", "120"),
    ("SettleMs", "120000"),
    ("MaxEventAgeSeconds", "60"),
    ("CoolDownSeconds", "60"),
    ("WatchdogSchedule", "rate(5 seconds)"),
    ("WatchdogTimeoutSeconds", "100"),
];
/// What the playbook of the demo expects.
const EXPECTED: [(&str, &str); 11] = [
    ("MinimumOutageSeconds", "0"),
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
/// How far ahead of the change of the drills' stack a schedule lies: this, and twice as long as the last change took.
const LEAD: Duration = Duration::from_secs(1);
/// An alarm has no state before two periods of its metric have passed.
const ALARM_WITHIN: Duration = Duration::from_mins(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How a demo stack is set up.
#[derive(Clone, Debug)]
pub struct StackOptions<'a> {
    /// The functions.
    pub functions: &'a Binaries,
    /// How the bookstore behaves.
    pub bookstore: BookstoreOptions,
    /// How long transitions take (see `emulator/transitions.py`).
    pub transitions: Value,
    /// Parameters of the stack `firedrill`, instead of those for a demo.
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

/// Local AWS with all stacks deployed. Dropping it ends everything.
#[derive(Debug)]
pub struct DemoStack {
    /// The practice application. Before the emulator: it is closed first.
    pub bookstore: Bookstore,
    /// AWS on this machine.
    pub aws: LocalAws,
    /// The record.
    pub table: RecordReader,
    /// Outputs of the stack `firedrill`.
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
            ("CdnFailovers", cdn_failovers.as_str()),
            ("CdnAlarmTopicArn", &cdn_topic),
            ("DatabaseFailovers", &database_failovers),
            ("DatabaseAlarmTopicArn", &database_topic),
            ("MetricNamespaces", "Bookstore"),
        ];
        let own: Vec<_> = LOCAL.into_iter().chain(own).collect();
        let params = merged(&own, &TIMING, &options.params);
        let outputs = aws.deploy("firedrill", &template_yaml, &options.functions.codes(), &params).await?;
        // Its first tick comes with its schedule, and a drill that is scheduled sooner would be skipped.
        aws.watch("firedrill").await?;
        let url = bookstore.url();
        let mut drill_params: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: &str| drill_params.insert(name.to_owned(), value.to_owned());
        for drill in DrillKind::ALL {
            for (name, of) in [
                (function_output(drill), &outputs),
                (LocalDrill::of(drill).alarm_output(), &bookstore_outputs),
            ] {
                set(&name, &output(of, &name)?);
            }
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
    pub async fn schedule(&mut self, drill: DrillKind) -> Result<Timestamp, LocalError> {
        if drill.works_through_alarm() {
            self.alarm_is(drill, "OK").await?;
        }
        let at = soon(drill, LEAD + self.deploying * 2);
        let expression = format!("at({:.19})", at.to_string());
        self.drill_params.insert(LocalDrill::of(drill).schedule_parameter(), expression);
        self.deploy_drills().await?;
        Ok(at)
    }

    /// Waits until a drill's alarm is in this state: only in OK may it be set to ALARM, or a held run be released.
    ///
    /// # Errors
    /// It never was.
    pub async fn alarm_is(&self, drill: DrillKind, wanted: &str) -> Result<(), LocalError> {
        let arn = output(&self.bookstore_outputs, &LocalDrill::of(drill).alarm_output())?;
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
    pub fn drill_function(&self, drill: DrillKind) -> &str {
        let arn = self.outputs.get(&function_output(drill)).map(String::as_str).unwrap_or_default();
        arn.rsplit(':').next().unwrap_or_default()
    }

    /// An output of the stack `firedrill`.
    ///
    /// # Errors
    /// The stack has no output of this name.
    pub fn output(&self, name: &str) -> Result<String, LocalError> {
        output(&self.outputs, name)
    }

    /// The ARN of the function that runs a drill.
    #[must_use]
    pub fn drill_function_arn(&self, drill: DrillKind) -> &str {
        self.outputs.get(&function_output(drill)).map(String::as_str).unwrap_or_default()
    }

    /// Invokes the function of a drill and waits for its answer.
    ///
    /// # Errors
    /// It was not invoked. What the function itself fails with is in the answer.
    pub async fn invoke(&self, drill: DrillKind, payload: &Value) -> Result<Invoked, LocalError> {
        self.aws.invoke(self.drill_function(drill), payload).await
    }

    /// What the template gave a drill's function: its variables, for one that is run by hand.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub async fn drill_variables(&self, drill: DrillKind) -> Result<Vec<(String, String)>, LocalError> {
        let function = self.aws.requests().function(self.drill_function(drill)).await?;
        let Value::Object(variables) = &function["Environment"]["Variables"] else { return Ok(Vec::new()) };
        let ours = variables.iter().filter(|(name, _)| name.starts_with("FIREDRILL_"));
        Ok(ours.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
    }

    /// What a drill's function printed so far.
    #[must_use]
    pub fn drill_log(&self, drill: DrillKind) -> String {
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
fn soon(drill: DrillKind, lead: Duration) -> Timestamp {
    let earliest = clock::epoch_ms() + i64::try_from(lead.as_millis()).unwrap_or(0);
    let (moment, period) = LocalDrill::of(drill).starts_at;
    Timestamp::from_millis(earliest + (moment - earliest).rem_euclid(period))
}
