//! Template of the drills: for each case an alarm, and the resource that it fails over.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "123456789012";

/// The name of the stack whose functions these tests use.
const STACK: &str = "drills";
/// Alarms that fail over a distribution of their own.
pub const DISTRIBUTIONS: [&str; 2] = ["plain", "metric"];
/// Alarms that fail over a cluster, or an instance, of their own.
pub const DATABASES: [&str; 3] = ["writer", "restore", "multi"];

pub fn alarm_arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}")
}

fn topic(name: &str) -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
}

/// The topic of the alarms of this kind.
pub fn alarms_of(kind: &str) -> String {
    topic(&format!("{STACK}-alarms-{kind}"))
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

fn opt_in() -> Value {
    json!([{ "Key": "firedrill:allowed", "Value": "true" }])
}

fn distribution(name: &str) -> Value {
    let origin = |id: &str| {
        json!({
            "Id": id, "DomainName": format!("{id}.example.com"),
            "CustomOriginConfig": { "OriginProtocolPolicy": "https-only" }
        })
    };
    let config = json!({
        "Comment": format!("drill {name}"), "Enabled": true,
        "Origins": [origin("primary"), origin("standby")],
        "DefaultCacheBehavior": {
            "TargetOriginId": "primary", "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4f5a84be39ad"
        }
    });
    let properties = json!({ "DistributionConfig": config, "Tags": opt_in() });
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
            "MultiAZ": true, "Tags": opt_in()
        });
        return add(format!("Db{name}"), "AWS::RDS::DBInstance", None, properties);
    }
    let properties = json!({
        "DBClusterIdentifier": name, "Engine": "aurora-postgresql", "MasterUsername": "drills",
        "ManageMasterUserPassword": true, "Tags": opt_in()
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

/// An alarm. Its own metric is never published, but by a drill: treated as not breaching, it returns to OK from any state
/// that is set.
fn alarm(name: &str, topic: &str) -> Value {
    let properties = json!({
        "AlarmName": name, "AlarmActions": [topic], "OKActions": [topic], "Tags": opt_in(),
        "Namespace": "Drills", "MetricName": name, "Statistic": "Minimum", "Period": 10,
        "Threshold": 1, "EvaluationPeriods": 1, "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "notBreaching"
    });
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}

/// The template, with an output `Cdn<name>` for the id of each distribution.
pub fn template() -> Value {
    let (mut resources, mut outputs) = (Map::new(), Map::new());
    for (kind, names) in [("cdn", &DISTRIBUTIONS[..]), ("db", &DATABASES)] {
        let topic = json!({ "TopicName": format!("{STACK}-alarms-{kind}") });
        resources.insert(format!("Topic{kind}"), json!({ "Type": "AWS::SNS::Topic", "Properties": topic }));
        for name in names {
            resources.insert(format!("Alarm{name}"), alarm(name, &alarms_of(kind)));
        }
    }
    for name in DISTRIBUTIONS {
        resources.insert(format!("Cdn{name}"), distribution(name));
        outputs.insert(format!("Cdn{name}"), json!({ "Value": { "Ref": format!("Cdn{name}") } }));
    }
    for name in DATABASES {
        database(name, &mut resources);
    }
    // The bookstores' server: without one, `/books/` answers 503 whatever the database does.
    let server = json!({
        "ImageId": "ami-12c6146b", "InstanceType": "t3.nano",
        "Tags": [{ "Key": "app", "Value": "bookstore" }, { "Key": "color", "Value": "blue" }]
    });
    resources.insert("Server".to_owned(), json!({ "Type": "AWS::EC2::Instance", "Properties": server }));
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs })
}

/// `CdnFailovers` of the stack.
pub fn cdn_failovers(distributions: &BTreeMap<String, String>) -> String {
    let entry = |name: &&str| {
        json!({
            "alarmArn": alarm_arn(name), "distributionArn": distribution_arn(&distributions[*name]),
            "primaryOrigin": "primary", "standbyOrigin": "standby"
        })
    };
    DISTRIBUTIONS.iter().map(entry).collect::<Value>().to_string()
}

/// `DatabaseFailovers` of the stack.
pub fn database_failovers() -> String {
    let entry = |name: &&str| {
        let field = if is_instance(name) { "instanceArn" } else { "clusterArn" };
        json!({ "alarmArn": alarm_arn(name), field: database_arn(name) })
    };
    DATABASES.iter().map(entry).collect::<Value>().to_string()
}
