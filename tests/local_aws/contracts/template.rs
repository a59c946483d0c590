//! Template of the resources that the suites read and change, each one's its own.

use serde_json::{Map, Value, json};

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "123456789012";
/// How many alarms the suite describes: more than there are on one page.
pub const ALARMS: usize = 60;
const IMAGE: &str = "ami-12c6146b";

/// The name of an alarm that the suite describes.
pub fn described(number: usize) -> String {
    format!("described-{number:02}")
}

fn opt_in() -> Value {
    json!([{ "Key": "firedrill:allowed", "Value": "true" }])
}

fn of(kind: &str, properties: &Value) -> Value {
    json!({ "Type": kind, "Properties": properties })
}

/// An alarm on a metric that nobody publishes. With `ignore` its state is what it was last set to; with `notBreaching` it
/// is OK whenever it is evaluated.
fn alarm(name: &str, missing: &str) -> Value {
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:contract-alarms");
    let properties = json!({
        "AlarmName": name, "AlarmActions": [topic], "OKActions": [topic], "Tags": opt_in(),
        "Namespace": "Contracts", "MetricName": name, "Statistic": "Minimum", "Period": 10, "EvaluationPeriods": 1,
        "Threshold": 1, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": missing
    });
    of("AWS::CloudWatch::Alarm", &properties)
}

fn alarms(resources: &mut Map<String, Value>) {
    for number in 0..ALARMS {
        resources.insert(format!("Alarm{number}"), alarm(&described(number), "ignore"));
    }
    for (name, missing) in [("forced", "ignore"), ("evaluated", "notBreaching"), ("muted", "ignore")] {
        resources.insert(format!("Alarm{name}"), alarm(name, missing));
    }
    let rule = format!("ALARM(\"{}\")", described(0));
    let mut composite =
        of("AWS::CloudWatch::CompositeAlarm", &json!({ "AlarmName": "composite", "AlarmRule": rule }));
    composite["DependsOn"] = json!("Alarm0");
    resources.insert("Composite".to_owned(), composite);
    let topic = of("AWS::SNS::Topic", &json!({ "TopicName": "contract-alarms" }));
    resources.insert("AlarmTopic".to_owned(), topic);
}

fn servers(resources: &mut Map<String, Value>) {
    for name in ["One", "Two"] {
        let server = json!({ "ImageId": IMAGE, "InstanceType": "t3.nano" });
        resources.insert(name.to_owned(), of("AWS::EC2::Instance", &server));
    }
    let ids = json!([{ "Id": { "Ref": "One" } }, { "Id": { "Ref": "Two" } }]);
    let targets = json!({ "Name": "contract-targets", "Port": 80, "Protocol": "HTTP", "Targets": ids });
    resources.insert("Targets".to_owned(), of("AWS::ElasticLoadBalancingV2::TargetGroup", &targets));
    let registered = json!({ "Name": "contract-members", "Port": 80, "Protocol": "HTTP" });
    resources.insert("Members".to_owned(), of("AWS::ElasticLoadBalancingV2::TargetGroup", &registered));
    let launch = json!({ "LaunchTemplateData": { "ImageId": IMAGE, "InstanceType": "t3.nano" } });
    resources.insert("Launch".to_owned(), of("AWS::EC2::LaunchTemplate", &launch));
    let launched = json!({
        "LaunchTemplateId": { "Ref": "Launch" }, "Version": { "Fn::GetAtt": ["Launch", "LatestVersionNumber"] }
    });
    let group = json!({
        "AutoScalingGroupName": "contract", "MinSize": "2", "MaxSize": "2", "LaunchTemplate": launched,
        "TargetGroupARNs": [{ "Ref": "Members" }]
    });
    resources.insert("Group".to_owned(), of("AWS::AutoScaling::AutoScalingGroup", &group));
}

fn databases(resources: &mut Map<String, Value>) {
    let cluster = json!({
        "DBClusterIdentifier": "contract", "Engine": "aurora-postgresql", "MasterUsername": "contract",
        "ManageMasterUserPassword": true, "Tags": opt_in()
    });
    resources.insert("Cluster".to_owned(), of("AWS::RDS::DBCluster", &cluster));
    for (number, after) in [(1, "Cluster"), (2, "Member1")] {
        let properties = json!({
            "DBInstanceIdentifier": format!("contract-{number}"), "DBClusterIdentifier": "contract",
            "DBInstanceClass": "db.t4g.medium", "Engine": "aurora-postgresql"
        });
        let mut member = of("AWS::RDS::DBInstance", &properties);
        member["DependsOn"] = json!(after);
        resources.insert(format!("Member{number}"), member);
    }
    let multi = json!({
        "DBInstanceIdentifier": "multi", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres",
        "AllocatedStorage": "20", "MasterUsername": "contract", "ManageMasterUserPassword": true, "MultiAZ": true
    });
    resources.insert("Multi".to_owned(), of("AWS::RDS::DBInstance", &multi));
}

fn distribution() -> Value {
    let behavior = |pattern: Option<&str>| {
        let mut behavior = json!({
            "TargetOriginId": "primary", "ViewerProtocolPolicy": "redirect-to-https",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4f5a84be39ad"
        });
        if let Some(pattern) = pattern {
            behavior["PathPattern"] = json!(pattern);
        }
        behavior
    };
    let origin = |id: &str| {
        let over = json!({ "OriginProtocolPolicy": "https-only" });
        json!({ "Id": id, "DomainName": format!("{id}.example.com"), "CustomOriginConfig": over })
    };
    let config = json!({
        "Comment": "contract", "Enabled": true, "Origins": [origin("primary"), origin("standby")],
        "DefaultCacheBehavior": behavior(None), "CacheBehaviors": [behavior(Some("/static/*"))]
    });
    of("AWS::CloudFront::Distribution", &json!({ "DistributionConfig": config, "Tags": opt_in() }))
}

/// Functions that nobody invokes.
fn functions(resources: &mut Map<String, Value>) {
    for (name, reserved) in [("plain", None), ("disabled", Some(0))] {
        let mut properties = json!({
            "FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler", "Timeout": 20,
            "Code": { "ZipFile": "def handler(event, context): pass" },
            "Role": format!("arn:aws:iam::{ACCOUNT}:role/contract"), "Environment": { "Variables": { "A": "b" } }
        });
        if let Some(reserved) = reserved {
            properties["ReservedConcurrentExecutions"] = json!(reserved);
        }
        resources.insert(format!("Function{name}"), of("AWS::Lambda::Function", &properties));
    }
}

/// The table, with the keys and indexes of `RunsTable` in `infra/template.yaml`.
fn table() -> Value {
    let attributes = ["pk", "sk", "drillKey", "open", "startedAt"];
    let attribute = |name: &&str| json!({ "AttributeName": name, "AttributeType": "S" });
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let index = |name: &str, hash: &str, projection: &str| {
        json!({
            "IndexName": name, "KeySchema": keys(hash, "startedAt"), "Projection": { "ProjectionType": projection }
        })
    };
    let properties = json!({
        "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("pk", "sk"),
        "AttributeDefinitions": attributes.iter().map(attribute).collect::<Value>(),
        "GlobalSecondaryIndexes": [index("byDrill", "drillKey", "ALL"), index("open", "open", "KEYS_ONLY")]
    });
    of("AWS::DynamoDB::Table", &properties)
}

/// The template. Its outputs are what only AWS can name.
pub fn template() -> Value {
    let mut resources = Map::new();
    alarms(&mut resources);
    servers(&mut resources);
    databases(&mut resources);
    functions(&mut resources);
    resources.insert("Cdn".to_owned(), distribution());
    resources.insert("Table".to_owned(), table());
    resources.insert("Key".to_owned(), of("AWS::KMS::Key", &json!({ "Description": "contract" })));
    resources.insert("Topic".to_owned(), of("AWS::SNS::Topic", &json!({ "TopicName": "contract-pages" })));
    resources.insert("Queue".to_owned(), of("AWS::SQS::Queue", &json!({ "QueueName": "contract" })));
    let subscription = json!({
        "TopicArn": { "Ref": "Topic" }, "Protocol": "sqs", "Endpoint": { "Fn::GetAtt": ["Queue", "Arn"] }
    });
    resources.insert("Subscription".to_owned(), of("AWS::SNS::Subscription", &subscription));
    let rule = json!({
        "Name": "contract", "EventPattern": { "source": ["contract"] }, "State": "DISABLED",
        "Targets": [{ "Id": "queue", "Arn": { "Fn::GetAtt": ["Queue", "Arn"] } }]
    });
    resources.insert("Rule".to_owned(), of("AWS::Events::Rule", &rule));
    let value = |value: Value| json!({ "Value": value });
    let refs = ["Cdn", "Table", "Topic", "Targets", "Members", "One", "Two"];
    let mut outputs: Map<String, Value> =
        refs.iter().map(|name| ((*name).to_owned(), value(json!({ "Ref": name })))).collect();
    for (name, from) in [("Key", ["Key", "Arn"]), ("Vpc", ["One", "VpcId"]), ("Queue", ["Queue", "Arn"])] {
        outputs.insert(name.to_owned(), value(json!({ "Fn::GetAtt": from })));
    }
    json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs })
}
