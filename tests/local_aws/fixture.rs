//! Fixture: one local AWS for all tests of this binary, set up by the first test.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use aws_sdk_ec2::types::{Filter, InstanceType, Placement, ResourceType, Tag, TagSpecification};
use firedrill_local::{
    LocalAws,
    binaries::{self, Binaries},
    emulator::Call,
    shared_fixture::SharedFixture,
    stack::LOCAL,
};
use serde_json::{Value, json};

/// The Region of all resources here.
pub const REGION: &str = "us-east-1";
/// The dummy key by which the call log names the function.
pub const DRILL: &str = "LOCALFIREDRILLDRILLINSTANCE";

/// Local AWS with the system deployed.
pub struct Fixture {
    pub aws: LocalAws,
    pub functions: Binaries,
    pub table: String,
    /// The outputs of the stack.
    pub outputs: BTreeMap<String, String>,
    pub sdk: SdkConfig,
    pub ec2: aws_sdk_ec2::Client,
    http: reqwest::Client,
    faults: tokio::sync::Mutex<Vec<Value>>,
}

/// Parameters of a stack whose function is killed, or hands over, in the middle of a run: a short timeout is a short wait.
pub const SHORT_LIFE: [(&str, &str); 2] = [("FunctionTimeoutSeconds", "75"), ("SettleMs", "90000")];

/// The one fixture of these tests.
pub static FIXTURE: SharedFixture<Fixture> = SharedFixture::new();

/// Runs a test on the shared fixture, which the first one sets up.
pub fn with(test: impl AsyncFnOnce(&Fixture)) {
    FIXTURE.with(Fixture::up, test);
}

/// Polls until `look` gives a value.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

impl Fixture {
    async fn up() -> Self {
        let functions = binaries::build().await.unwrap();
        let aws = LocalAws::start().await.unwrap();
        let outputs = deploy_with(&aws, "firedrill", &functions, &[]).await;
        let sdk = sdk(aws.endpoint()).await;
        let ec2 = aws_sdk_ec2::Client::new(&sdk);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            table: outputs["TableName"].clone(),
            outputs,
            aws,
            functions,
            sdk,
            ec2,
            http,
            faults: tokio::sync::Mutex::default(),
        }
    }

    /// Invokes the function and waits for its answer: `Err` holds the error type and message.
    pub async fn invoke(&self, payload: &Value) -> Result<Value, (String, String)> {
        self.invoke_of("firedrill", payload).await
    }

    /// The same, for the stack of this name.
    pub async fn invoke_of(&self, stack: &str, payload: &Value) -> Result<Value, (String, String)> {
        let answer = self.send(stack, payload).await;
        let failed = answer.headers().contains_key("x-amz-function-error");
        let value: Value = answer.json().await.unwrap();
        if failed {
            let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            return Err((text("errorType"), text("errorMessage")));
        }
        Ok(value)
    }

    async fn send(&self, stack: &str, payload: &Value) -> reqwest::Response {
        let url = format!("{}/2015-03-31/functions/{stack}-drill-instance/invocations", self.aws.endpoint());
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=LOCALTEST/20260101/{REGION}/lambda/aws4_request, SignedHeaders=host, \
             Signature=none"
        );
        let request = self.http.post(url).header("authorization", scope).timeout(Duration::from_mins(5));
        let answer = request.json(payload).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer
    }

    /// Starts instances with these tags and the opt-in tag.
    pub async fn launch(&self, count: i32, tags: &[(&str, &str)]) -> Vec<String> {
        let tags = [("firedrill:allowed", "true")].iter().chain(tags);
        let tags = tags.map(|(key, value)| Tag::builder().key(*key).value(*value).build());
        let tags =
            TagSpecification::builder().resource_type(ResourceType::Instance).set_tags(Some(tags.collect()));
        let zone = Placement::builder().availability_zone(format!("{REGION}a"));
        let launch = self.ec2.run_instances().image_id("ami-12c6146b").instance_type(InstanceType::T3Nano);
        let launch = launch.min_count(count).max_count(count).tag_specifications(tags.build());
        let launched = launch.placement(zone.build()).send().await.unwrap();
        launched.instances().iter().map(|instance| instance.instance_id().unwrap().to_owned()).collect()
    }

    /// The states of these instances, as EC2 has them.
    pub async fn states(&self, ids: &[String]) -> Vec<String> {
        let filter = Filter::builder().name("instance-id").set_values(Some(ids.to_vec())).build();
        let answer = self.ec2.describe_instances().filters(filter).send().await.unwrap();
        let instances = answer.reservations().iter().flat_map(aws_sdk_ec2::types::Reservation::instances);
        instances.map(|i| i.state().unwrap().name().unwrap().as_str().to_owned()).collect()
    }

    /// Adds a fault; faults of other tests stay in force. Its field `contains` limits it to calls about this test's
    /// instance or run.
    pub async fn fault(&self, fault: Value) {
        let mut faults = self.faults.lock().await;
        faults.push(fault);
        self.aws.set_faults(&Value::Array(faults.clone())).await.unwrap();
    }

    /// Removes the fault of this id.
    pub async fn no_fault(&self, id: &str) {
        let mut faults = self.faults.lock().await;
        faults.retain(|fault| fault["id"] != id);
        self.aws.set_faults(&Value::Array(faults.clone())).await.unwrap();
    }

    /// The function's mutating calls on these instances so far, without `DryRun`s.
    pub async fn mutations_of(&self, ids: &[String]) -> Vec<Call> {
        let calls = self.aws.calls().await.unwrap();
        let ours = calls
            .into_iter()
            .filter(|call| call.caller.as_deref() == Some(DRILL) && call.mutating && call.service == "ec2");
        ours.filter(|call| ids.iter().any(|id| call.resource.iter().any(|r| r.contains(id.as_str()))))
            .collect()
    }
}

/// Deploys the template that users deploy, with production's call deadline, other times that are short, and these
/// parameters as well.
pub async fn deploy_with(
    aws: &LocalAws,
    stack: &str,
    functions: &Binaries,
    others: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let parameters = [
        ("NamePrefix", stack),
        ("NonProductionEnvironments", "test"),
        ("ProductionApplications", "allowed-in-production"),
        ("PollMs", "250"),
        ("AwsPollMs", "500"),
        ("MarginMs", "500"),
        // Longer than any undisturbed run takes, so that it is not handed over.
        ("SettleMs", "180000"),
        ("FunctionTimeoutSeconds", "180"),
        ("WatchdogTimeoutSeconds", "90"),
        // These tests resume open runs themselves: the watchdog runs once, for the heartbeat that drills need.
        ("WatchdogSchedule", "rate(30 days)"),
        ("HeartbeatFreshSeconds", "86400"),
    ];
    let all: BTreeMap<_, _> = LOCAL.iter().chain(&parameters).chain(others).copied().collect();
    let prefix = all["NamePrefix"];
    let parameters: Vec<_> = all.into_iter().collect();
    let outputs = aws
        .deploy(stack, &root().join("infra/template.yaml"), &functions.codes(), &parameters)
        .await
        .unwrap();
    aws.watch(prefix).await.unwrap();
    outputs
}

/// SDK configuration with explicit endpoint, Region and keys, so that nothing of the host's configuration applies.
async fn sdk(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::for_tests())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_mins(2)).build())
        .load()
        .await
}

/// A request that stops one of the instances with the tag `case`. The probe is a TCP connection to `address`, so the
/// steady state holds while something listens there.
pub fn request(case: &str, address: &str) -> Value {
    let (host, port) = address.trim_start_matches("http://").rsplit_once(':').unwrap();
    json!({
        "drill": "stop-one", "application": case, "dependency": "compute", "environment": "test",
        "execute": true, "mode": "stop", "runId": "1",
        "target": {
            "instances": {
                "region": REGION,
                "select": { "tags": { "case": case } },
                "blastRadius": { "count": 1 }
            }
        },
        "steadyState": {
            "withinSeconds": 90,
            "probes": [{
                "name": "port answers",
                "check": { "tcp": { "host": host, "port": port.parse::<u16>().unwrap(), "deadlineMs": 10_000 } },
                "count": 2
            }]
        },
        "objective": {
            "rtoSeconds": 120, "giveUpAfterSeconds": 180, "restoreWithinSeconds": 300, "injectWithinSeconds": 60
        },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "team", "severity": "sev2" }
    })
}
