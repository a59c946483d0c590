//! Template of the drills: for each case an alarm, and the resource that it fails over.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "123456789012";

/// A stack of the drills' functions, with its alarms. A stack's parameter holds a dozen of them, and a
/// fault is of one stack's function.
pub struct Stack {
    pub name: &'static str,
    /// Alarms that fail over a distribution of their own.
    pub distributions: &'static [&'static str],
    /// Alarms that fail over a cluster, or an instance, of their own.
    pub databases: &'static [&'static str],
    /// The cool-down in seconds: sooner after a failover, RDS may drop another one.
    pub cool_down: &'static str,
}

pub const STACKS: [Stack; 5] = [
    Stack {
        name: "drills",
        distributions: &[
            "plain",
            "order",
            "late",
            "composite",
            "terminate",
            "held",
            "left",
            "drift",
            "denied",
            "lost",
            "metric",
            "planned",
            "nameless",
        ],
        databases: &["writer", "restore", "multi"],
        cool_down: "1",
    },
    Stack {
        name: "refuses",
        distributions: &[
            "states",
            "asleep",
            "quiet",
            "elsewhere",
            "untagged",
            "moved",
            "math",
            "vendor",
            "maximum",
        ],
        databases: &["cold", "barred"],
        cool_down: "1",
    },
    // Processes of this stack's `drill-cdn` are killed, so no other case uses it.
    Stack { name: "killed", distributions: &["killed"], databases: &["cooling"], cool_down: "3600" },
    // Answers to this stack's calls are lost.
    Stack { name: "hangs", distributions: &["blind", "mute"], databases: &[], cool_down: "1" },
    // Its drill functions are killed and its watchdog is invoked, so its cases lose their requests on purpose.
    Stack { name: "unread", distributions: &["unread", "stranded"], databases: &["dropped"], cool_down: "1" },
];
/// Alarms for which no failover is configured.
const STRANGERS: [&str; 6] = ["nobody", "nowhere", "dark", "unseen", "unheard", "checked"];

pub fn alarm_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}")
}

/// A topic's ARN.
pub fn topic(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// The topic of a stack's alarms.
pub fn alarms_of(stack: &Stack, kind: &str) -> String {
    topic(&format!("{}-alarms-{kind}", stack.name))
}

pub fn distribution_arn(id: &str) -> String {
    format!("arn:aws:cloudfront::{ACCOUNT}:distribution/{id}")
}

pub fn is_instance(name: &str) -> bool {
    name == "multi"
}

pub fn database_arn(name: &str) -> String {
    let kind = if is_instance(name) { "db" } else { "cluster" };
    format!("arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{name}")
}

fn opt_in(name: &str) -> Value {
    if matches!(name, "untagged" | "barred") {
        json!([])
    } else {
        json!([{ "Key": "firedrill:allowed", "Value": "true" }])
    }
}

fn distribution(name: &str) -> Value {
    let default = if name == "moved" { "standby" } else { "primary" };
    let origin = |id: &str| {
        json!({
            "Id": id, "DomainName": format!("{id}.example.com"),
            "CustomOriginConfig": { "OriginProtocolPolicy": "https-only" }
        })
    };
    let config = json!({
        "Comment": format!("drill {name}"), "Enabled": true,
        "Origins": [origin("primary"), origin("standby"), origin("third")],
        "DefaultCacheBehavior": {
            "TargetOriginId": default, "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4f5a84be39ad"
        }
    });
    let properties = json!({ "DistributionConfig": config, "Tags": opt_in(name) });
    json!({ "Type": "AWS::CloudFront::Distribution", "Properties": properties })
}

fn database(name: &str, resources: &mut Map<String, Value>) {
    let mut add = |logical: String, kind: &str, after: Option<String>, properties: Value| {
        let mut resource = json!({ "Type": kind, "Properties": properties });
        if let Some(after) = after {
            resource["DependsOn"] = json!(after);
        }
        resources.insert(logical, resource);
    };
    if is_instance(name) {
        let properties = json!({
            "DBInstanceIdentifier": name, "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
            "AllocatedStorage": "20", "MasterUsername": "drills", "ManageMasterUserPassword": true,
            "MultiAZ": true, "Tags": opt_in(name)
        });
        return add(format!("Db{name}"), "AWS::RDS::DBInstance", None, properties);
    }
    let properties = json!({
        "DBClusterIdentifier": name, "Engine": "aurora-postgresql", "MasterUsername": "drills",
        "ManageMasterUserPassword": true, "Tags": opt_in(name)
    });
    add(format!("Db{name}"), "AWS::RDS::DBCluster", None, properties);
    for number in [1, 2] {
        let after = if number == 1 { format!("Db{name}") } else { format!("Db{name}1") };
        let properties = json!({
            "DBInstanceIdentifier": format!("{name}-{number}"), "DBClusterIdentifier": name,
            "DBInstanceClass": "db.t4g.medium", "Engine": "aurora-postgresql"
        });
        add(format!("Db{name}{number}"), "AWS::RDS::DBInstance", Some(after), properties);
    }
}

/// An alarm. Its own metric is never published: treated as not breaching, it returns to OK from any state that is set;
/// with `ignore` it stays as set.
fn alarm(name: &str, topic: &str) -> Value {
    let actions = match name {
        "nobody" => json!([]),
        "terminate" => json!([topic, TERMINATE]),
        _ => json!([topic]),
    };
    let allowed = json!([{ "Key": "firedrill:allowed", "Value": "true" }]);
    let mut properties = json!({
        "AlarmName": name, "AlarmActions": actions, "OKActions": actions, "Tags": allowed,
        "Threshold": 1, "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": if matches!(name, "states" | "held") { "ignore" } else { "notBreaching" }
    });
    let metric = |name: &str| {
        let metric = json!({ "Namespace": "Drills", "MetricName": name });
        json!({ "Metric": metric, "Period": 10, "Stat": "Sum" })
    };
    let own = match name {
        "composite" => {
            let properties = json!({
                "AlarmName": name, "AlarmActions": actions, "OKActions": actions, "Tags": allowed,
                "AlarmRule": "ALARM(\"child\")"
            });
            return json!({
                "Type": "AWS::CloudWatch::CompositeAlarm", "DependsOn": "Alarmchild", "Properties": properties
            });
        }
        "math" => json!({ "Metrics": [
            { "Id": "rate", "Expression": "100 * errors / requests", "Label": "Errors in percent" },
            { "Id": "errors", "MetricStat": metric("errors"), "ReturnData": false },
            { "Id": "requests", "MetricStat": metric("requests"), "ReturnData": false }
        ] }),
        _ => json!({
            "Namespace": if name == "vendor" { "AWS/CloudFront" } else { "Drills" }, "MetricName": name,
            "Statistic": if name == "maximum" { "Maximum" } else { "Minimum" }, "Period": 10
        }),
    };
    if name == "asleep" {
        properties["ActionsEnabled"] = json!(false);
    }
    properties.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}

/// An action that no drill may set off by accident.
pub const TERMINATE: &str = "arn:aws:automate:us-east-1:ec2:terminate";

/// The template, with an output `Cdn<name>` for the id of each distribution.
pub fn template() -> Value {
    let (mut resources, mut outputs) = (Map::new(), Map::new());
    let mut topics: Vec<String> = vec!["nowhere".to_owned(), "dark".to_owned()];
    for stack in &STACKS {
        for (kind, names) in [("cdn", stack.distributions), ("db", stack.databases)] {
            topics.push(format!("{}-alarms-{kind}", stack.name));
            for name in names {
                resources.insert(format!("Alarm{name}"), alarm(name, &alarms_of(stack, kind)));
            }
        }
        for name in stack.distributions {
            resources.insert(format!("Cdn{name}"), distribution(name));
            outputs.insert(format!("Cdn{name}"), json!({ "Value": { "Ref": format!("Cdn{name}") } }));
        }
        for name in stack.databases {
            database(name, &mut resources);
        }
    }
    for name in STRANGERS.into_iter().chain(["child"]) {
        let topic = topic(if name == "dark" { "dark" } else { "nowhere" });
        resources.insert(format!("Alarm{name}"), alarm(name, &topic));
    }
    // The bookstores' server: without one, `/books/` answers 503 whatever the database does.
    let server = json!({
        "ImageId": "ami-12c6146b", "InstanceType": "t3.nano",
        "Tags": [{ "Key": "app", "Value": "bookstore" }, { "Key": "color", "Value": "blue" }]
    });
    resources.insert("Server".to_owned(), json!({ "Type": "AWS::EC2::Instance", "Properties": server }));
    for (number, name) in topics.iter().enumerate() {
        let resource = json!({ "Type": "AWS::SNS::Topic", "Properties": { "TopicName": name } });
        resources.insert(format!("Topic{number}"), resource);
    }
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs })
}

/// `CdnFailovers` of a stack.
pub fn cdn_failovers(stack: &Stack, distributions: &BTreeMap<String, String>) -> String {
    let entry = |name: &&str| {
        json!({
            "alarmArn": alarm_arn(name), "distributionArn": distribution_arn(&distributions[*name]),
            "primaryOrigin": "primary", "standbyOrigin": "standby"
        })
    };
    stack.distributions.iter().map(entry).collect::<Value>().to_string()
}

/// `DatabaseFailovers` of a stack.
pub fn database_failovers(stack: &Stack) -> String {
    let entry = |name: &&str| {
        let field = if is_instance(name) { "instanceArn" } else { "clusterArn" };
        json!({ "alarmArn": alarm_arn(name), field: database_arn(name) })
    };
    stack.databases.iter().map(entry).collect::<Value>().to_string()
}
