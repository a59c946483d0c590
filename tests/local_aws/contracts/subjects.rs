//! Subjects: what the template made, in the words of the suites.

use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
use aws_sdk_route53::types::{HealthCheckConfig, HealthCheckType};
use firedrill_core::request::{Arn, Delivery, parse};
use firedrill_drills::ports::{HealthCheck, Metric, Rule, Subscription};
use firedrill_simulator::contracts::{
    AlarmsSubject, ClusterSubject, DistributionSubject, FunctionSubject, GroupsSubject, HealthChecksSubject,
    InstancesSubject, KeysSubject, ProberSubject, RulesSubject, StoreSubject, TargetsSubject, TopicsSubject,
};
use serde_json::json;

use super::{
    fixture::Fixture,
    template::{ACCOUNT, ALARMS, REGION, described},
};

/// More instances than there are on one page of the adapter, and more health checks than on one of Route 53.
const MORE_THAN_A_PAGE: i32 = 101;
const NO_INSTANCE: &str = "i-0123456789abcdef0";

fn region() -> String {
    REGION.to_owned()
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

impl Fixture {
    /// Launches instances of the suite's own.
    pub async fn launch(&self) -> InstancesSubject {
        let ec2 = aws_sdk_ec2::Client::new(&self.sdk);
        let tags = Tag::builder().key("case").value("contract").build();
        let tags = TagSpecification::builder().resource_type(ResourceType::Instance).tags(tags);
        let launch = ec2.run_instances().image_id("ami-12c6146b").instance_type(InstanceType::T3Nano);
        let launch = launch.min_count(MORE_THAN_A_PAGE).max_count(MORE_THAN_A_PAGE);
        let launched = launch.tag_specifications(tags.build()).send().await.unwrap();
        let ids = launched.instances().iter().map(|instance| instance.instance_id().unwrap().to_owned());
        InstancesSubject {
            region: region(),
            running: ids.collect(),
            tag: ("case".to_owned(), "contract".to_owned()),
            missing: NO_INSTANCE.to_owned(),
            missing_volume: "vol-0123456789abcdef0".to_owned(),
            pages: 2,
        }
    }

    pub async fn groups(&self) -> GroupsSubject {
        let all = self.aws.instances().await.unwrap().into_iter();
        let members = all.filter(|instance| instance.group.as_deref() == Some("contract"));
        GroupsSubject {
            region: region(),
            groups: vec!["contract".to_owned()],
            group: "contract".to_owned(),
            members: members.map(|instance| instance.id).collect(),
            target_group: self.made("Members"),
            missing: "nobody".to_owned(),
            missing_instance: NO_INSTANCE.to_owned(),
            pages: 1,
        }
    }

    pub fn targets(&self) -> TargetsSubject {
        let group = self.made("Targets");
        TargetsSubject {
            region: region(),
            missing: group.replace("contract-targets", "nobody"),
            group,
            vpc: self.made("Vpc"),
            targets: vec![self.made("One"), self.made("Two")],
        }
    }

    pub fn keys(&self) -> KeysSubject {
        KeysSubject {
            region: region(),
            of_aws: arn("kms", "alias/aws/ebs"),
            of_customer: self.made("Key"),
            missing: arn("kms", "key/11111111-2222-4333-8444-555555555555"),
        }
    }

    pub fn distribution(&self) -> DistributionSubject {
        let id = self.made("Cdn");
        DistributionSubject {
            arn: format!("arn:aws:cloudfront::{ACCOUNT}:distribution/{id}"),
            id,
            from: "primary".to_owned(),
            to: "standby".to_owned(),
            missing: "ENOBODY".to_owned(),
        }
    }

    pub fn topics(&self) -> TopicsSubject {
        let queue =
            Subscription { protocol: "sqs".to_owned(), endpoint: self.made("Queue"), confirmed: true };
        TopicsSubject {
            topic: Arn::try_from(self.made("Topic")).unwrap(),
            subscriptions: vec![queue],
            missing: Arn::try_from(arn("sns", "nobody")).unwrap(),
            pages: 1,
        }
    }

    /// A rule that is off.
    pub fn rules(&self) -> RulesSubject {
        RulesSubject {
            region: region(),
            rule: Rule {
                name: "contract".to_owned(),
                arn: arn("events", "rule/contract"),
                enabled: false,
                // As CloudFormation writes what is an object in the template.
                pattern: Some(r#"{"source": ["contract"]}"#.to_owned()),
            },
            targets: vec![self.made("Queue")],
            pages: 1,
        }
    }

    /// Creates the only health checks of the account.
    pub async fn health_checks(&self) -> HealthChecksSubject {
        let route53 = aws_sdk_route53::Client::new(&self.sdk);
        let mut checks = Vec::new();
        for number in 0..MORE_THAN_A_PAGE {
            let config = HealthCheckConfig::builder().r#type(HealthCheckType::Tcp).ip_address("192.0.2.1");
            let call = route53.create_health_check().caller_reference(format!("contract {number}"));
            let made = call.health_check_config(config.port(80).build().unwrap()).send().await.unwrap();
            let id = made.health_check.unwrap().id;
            checks.push(HealthCheck { id, kind: "TCP".to_owned(), alarm: None });
        }
        HealthChecksSubject { checks, pages: 2 }
    }

    pub fn probe(&self) -> ProberSubject {
        let url = format!("{}/_local/transitions", self.aws.endpoint());
        ProberSubject { url: url.parse().unwrap(), body: "stopMs".to_owned() }
    }
}

/// The record, for runs of a drill of instances. The alarm is registered by nobody.
pub fn record() -> StoreSubject {
    let document = json!({
        "drill": "contract", "application": "bookstore", "dependency": "compute", "environment": "test",
        "execute": true, "mode": "stop", "runId": "1",
        "target": { "instances": {
            "region": REGION, "select": { "tags": { "app": "bookstore" } }, "blastRadius": { "count": 1 }
        } },
        "steadyState": { "probes": [{ "name": "up", "check": { "http": { "url": "http://a.example/" } } }] },
        "objective": { "rtoSeconds": 60 }, "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/", "version": "1", "owner": "team", "severity": "sev2" }
    });
    let Ok(Delivery::Start(request)) = parse(&document) else { panic!("the request is refused") };
    StoreSubject { request: *request, alarm: arn("cloudwatch", "alarm:registered") }
}

/// The alarms that are described, and the one of this name to be forced.
pub fn alarms(alarm: &str) -> AlarmsSubject {
    let metric = Metric { namespace: "Contracts".to_owned(), name: alarm.to_owned(), ..Metric::default() };
    AlarmsSubject {
        region: region(),
        alarms: (0..ALARMS).map(described).chain(["composite".to_owned()]).collect(),
        alarm: alarm.to_owned(),
        arn: arn("cloudwatch", &format!("alarm:{alarm}")),
        metric,
        action: arn("sns", "contract-alarms"),
        composite: "composite".to_owned(),
        missing: "nobody".to_owned(),
        pages: 2,
    }
}

pub fn cluster() -> ClusterSubject {
    ClusterSubject {
        region: region(),
        id: "contract".to_owned(),
        arn: arn("rds", "cluster:contract"),
        writer: "contract-1".to_owned(),
        reader: "contract-2".to_owned(),
        missing: "nobody".to_owned(),
    }
}

pub fn function(name: &str, reserved: Option<i32>) -> FunctionSubject {
    FunctionSubject {
        region: region(),
        arn: arn("lambda", &format!("function:{name}")),
        timeout_seconds: 20,
        variable: ("A".to_owned(), "b".to_owned()),
        reserved,
        missing: arn("lambda", "function:nobody"),
    }
}
