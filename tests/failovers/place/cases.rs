//! What the cases are made of: a template with their alarms and what these fail over.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(super) const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";

/// Cases with a distribution: it has the origins `primary`, `standby` and `third`, and the behaviours
/// `/static/*` and `/origins/*`. A stack's parameter holds a dozen of them.
pub(super) const DISTRIBUTIONS: [&[&str]; 2] = [
    &["shapes", "thrice", "math", "composite", "late", "order", "mine", "nobody", "race", "update"],
    &[
        "lost",
        "hangs",
        "elsewhere",
        "untagged",
        "denied",
        "back",
        "hiccup",
        "unpaged",
        "many",
        "ended",
        "tardy",
    ],
];
/// Cases with a database, a Multi-AZ cluster unless the name says otherwise. All are of the first stack.
pub(super) const DATABASES: &[&str] = &[
    "cluster",
    "twice",
    "cold",
    "vague",
    "stays",
    "instance",
    "single",
    "mute",
    "unwritten",
    "forgotten",
    "dead",
];

pub(super) fn stack_name(number: usize) -> String {
    format!("stack{number}")
}

pub(super) fn alarm_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}")
}

pub(super) fn function(stack: usize, kind: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}-failover-{kind}", stack_name(stack))
}

pub(super) fn topic(stack: usize, kind: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:alarms-{kind}-{stack}")
}

pub(super) fn opt_in(name: &str) -> Value {
    if name == "untagged" { json!([]) } else { json!([{ "Key": "firedrill:allowed", "Value": "true" }]) }
}

pub(super) fn distribution(name: &str) -> Value {
    let behavior = |origin: &str| {
        json!({
            "TargetOriginId": origin, "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4f5a84be39ad"
        })
    };
    let with = |pattern: &str| {
        let mut behavior = behavior("primary");
        behavior["PathPattern"] = json!(pattern);
        behavior
    };
    let origin = |id: &str| {
        let over = json!({ "OriginProtocolPolicy": "https-only" });
        json!({ "Id": id, "DomainName": format!("{id}.example.com"), "CustomOriginConfig": over })
    };
    json!({
        "Type": "AWS::CloudFront::Distribution",
        "Properties": {
            "DistributionConfig": {
                "Comment": format!("case {name}"), "Enabled": true,
                "Origins": [origin("primary"), origin("standby"), origin("third")],
                "DefaultCacheBehavior": behavior(if name == "elsewhere" { "third" } else { "primary" }),
                "CacheBehaviors": [with("/static/*"), with("/origins/*")]
            },
            "Tags": opt_in(name)
        }
    })
}

/// An alarm on a metric that nobody publishes, with `ignore`: its state is what it was last set to.
pub(super) fn alarm(name: &str, topic: &str, function: &str) -> Value {
    let metric = |name: &str| {
        let metric = json!({ "Namespace": "Cases", "MetricName": name });
        json!({ "Metric": metric, "Period": 60, "Stat": "Sum" })
    };
    let actions = match name {
        // Two of the three ways in; the third is a rule.
        "shapes" | "math" => json!([topic, function]),
        "composite" => json!([function]),
        _ => json!([topic]),
    };
    let rest = json!({
        "AlarmName": name, "AlarmActions": actions, "OKActions": actions, "Threshold": 1,
        "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "ignore"
    });
    let own = match name {
        "math" => json!({ "Metrics": [
            { "Id": "rate", "Expression": "100 * errors / requests", "Label": "Errors in percent" },
            { "Id": "errors", "MetricStat": metric("errors"), "ReturnData": false },
            { "Id": "requests", "MetricStat": metric("requests"), "ReturnData": false }
        ] }),
        "composite" => {
            let properties = json!({
                "AlarmName": name, "AlarmActions": actions, "OKActions": actions,
                "AlarmRule": "ALARM(\"child\")"
            });
            let kind = "AWS::CloudWatch::CompositeAlarm";
            return json!({ "Type": kind, "DependsOn": "Child", "Properties": properties });
        }
        _ => json!({ "Namespace": "Cases", "MetricName": name, "Statistic": "Minimum", "Period": 60 }),
    };
    let (Value::Object(mut properties), Value::Object(own)) = (rest, own) else { unreachable!() };
    properties.extend(own);
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}

pub(super) fn database(name: &str) -> Vec<(String, Value)> {
    let member = |number: u8| {
        // So that the first begins as the writer.
        let after = if number == 1 { format!("Db{name}") } else { format!("Db{name}1") };
        json!({
            "Type": "AWS::RDS::DBInstance", "DependsOn": after,
            "Properties": {
                "DBInstanceIdentifier": format!("{name}-{number}"), "DBClusterIdentifier": name,
                "DBInstanceClass": "db.t4g.medium", "Engine": "aurora-postgresql"
            }
        })
    };
    if matches!(name, "instance" | "single") {
        let properties = json!({
            "DBInstanceIdentifier": name, "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
            "AllocatedStorage": "20", "MasterUsername": "cases", "ManageMasterUserPassword": true,
            "MultiAZ": name == "instance", "Tags": opt_in(name)
        });
        return vec![(
            format!("Db{name}"),
            json!({ "Type": "AWS::RDS::DBInstance", "Properties": properties }),
        )];
    }
    let properties = json!({
        "DBClusterIdentifier": name, "Engine": "aurora-postgresql", "MasterUsername": "cases",
        "ManageMasterUserPassword": true, "Tags": opt_in(name)
    });
    vec![
        (format!("Db{name}"), json!({ "Type": "AWS::RDS::DBCluster", "Properties": properties })),
        (format!("Db{name}1"), member(1)),
        (format!("Db{name}2"), member(2)),
    ]
}

/// A template with the alarms, their topics, and what they fail over.
pub(super) fn cases() -> Value {
    let (mut resources, mut outputs) = (Map::new(), Map::new());
    let topics = |stack: usize, kind: &str, resources: &mut Map<String, Value>| {
        let properties = json!({ "TopicName": topic(stack, kind).rsplit(':').next().unwrap() });
        resources.insert(
            format!("Topic{kind}{stack}"),
            json!({ "Type": "AWS::SNS::Topic", "Properties": properties }),
        );
    };
    for (stack, names) in DISTRIBUTIONS.iter().enumerate() {
        topics(stack, "cdn", &mut resources);
        for name in *names {
            resources.insert(format!("Cdn{name}"), distribution(name));
            outputs.insert(format!("Cdn{name}"), json!({ "Value": { "Ref": format!("Cdn{name}") } }));
            resources
                .insert(format!("Alarm{name}"), alarm(name, &topic(stack, "cdn"), &function(stack, "cdn")));
        }
    }
    topics(0, "db", &mut resources);
    for name in DATABASES.iter().copied() {
        resources.extend(database(name));
        resources.insert(format!("Alarm{name}"), alarm(name, &topic(0, "db"), &function(0, "db")));
    }
    // One that nothing is configured for.
    resources.insert("Alarmstranger".to_owned(), alarm("stranger", &topic(0, "cdn"), &function(0, "cdn")));
    let child = json!({
        "AlarmName": "child", "Namespace": "Cases", "MetricName": "child", "Statistic": "Minimum",
        "Period": 60, "Threshold": 1, "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "ignore"
    });
    resources.insert("Child".to_owned(), json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": child }));
    let rule = json!({
        "EventPattern": {
            "source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"],
            "detail": { "alarmName": ["shapes"] }
        },
        "Targets": [{ "Id": "failover", "Arn": function(0, "cdn") }]
    });
    resources.insert("Rule".to_owned(), json!({ "Type": "AWS::Events::Rule", "Properties": rule }));
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs })
}

pub(super) fn cdn_failovers(names: &[&str], distributions: &BTreeMap<String, String>) -> Value {
    let entry = |name: &&str| {
        let id = &distributions[*name];
        let mut entry = json!({
            "alarmArn": alarm_arn(name),
            "distributionArn": format!("arn:aws:cloudfront::{ACCOUNT}:distribution/{id}"),
            "primaryOrigin": "primary", "standbyOrigin": "standby"
        });
        match *name {
            "shapes" => entry["behaviors"] = json!(["/static/*"]),
            "back" => entry["failBackOnOk"] = json!(true),
            _ => {}
        }
        entry
    };
    names.iter().map(entry).collect()
}

pub(super) fn database_failovers() -> Value {
    let entry = |name: &str| {
        let mut entry = json!({ "alarmArn": alarm_arn(name) });
        if matches!(name, "instance" | "single") {
            entry["instanceArn"] = json!(format!("arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}"));
        } else {
            entry["clusterArn"] = json!(format!("arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{name}"));
        }
        if name == "cluster" {
            entry["reader"] = json!("cluster-2");
        }
        entry
    };
    DATABASES.iter().copied().map(entry).collect()
}
