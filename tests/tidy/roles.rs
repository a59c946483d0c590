//! Roles: each function may call what its adapters call, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use firedrill_core::{kind::DrillKind, request::Mode};
use firedrill_local::stack::logical_id;
use regex_lite::Regex;

use crate::{files, read, resource};

/// Each function's package, the adapters it is built with, and what it never asks of them.
pub const ROLES: [(&str, &[&str], &[&str]); 9] = [
    (
        "drill-instance",
        &[
            "autoscaling",
            "cloudwatch",
            "dynamodb",
            "ec2",
            "elbv2",
            "inject/instance",
            "kms",
            "lambda_api/invoke",
            "sns",
        ],
        &[
            "cloudwatch:GetMetricStatistics",
            "cloudwatch:ListAlarmMuteRules",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:SetAlarmState",
            "sns:ListSubscriptionsByTopic",
        ],
    ),
    (
        "drill-cdn",
        &["cloudfront", "cloudwatch", "dynamodb", "events", "inject/alarm", "lambda_api", "route53", "sns"],
        &[],
    ),
    // It never injects a failover, and an instance has no writer to restore.
    (
        "drill-db",
        &["cloudwatch", "dynamodb", "events", "inject/alarm", "lambda_api", "rds", "route53", "sns"],
        &["rds:RebootDBInstance"],
    ),
    // It never prepares a run, and so follows no wiring and resolves no targets.
    (
        "watchdog",
        &[
            "autoscaling",
            "cloudfront",
            "cloudwatch",
            "dynamodb",
            "ec2",
            "elbv2",
            "events",
            "kms",
            "lambda_api",
            "rds",
            "route53",
            "sns",
        ],
        &[
            "autoscaling:DescribeAutoScalingInstances",
            "cloudwatch:GetMetricStatistics",
            "cloudwatch:ListAlarmMuteRules",
            "cloudwatch:ListTagsForResource",
            "ec2:DescribeInstanceAttribute",
            "ec2:DescribeVolumes",
            "elasticloadbalancing:DescribeTargetGroups",
            "events:ListRules",
            "events:ListTargetsByRule",
            "kms:DescribeKey",
            "lambda:GetFunctionConcurrency",
            "lambda:GetFunctionConfiguration",
            // It never starts itself: its schedule does, and functions that hand a run over.
            "lambda:InvokeFunction",
            "rds:RebootDBInstance",
            "route53:ListHealthChecks",
            "sns:ListSubscriptionsByTopic",
        ],
    ),
    (
        "failover-cdn",
        &["cloudfront", "dynamodb/journal", "dynamodb/read", "sns"],
        &["dynamodb:Query", "sns:ListSubscriptionsByTopic"],
    ),
    (
        "failover-db",
        &["dynamodb/journal", "dynamodb/read", "rds", "sns"],
        &["dynamodb:Query", "sns:ListSubscriptionsByTopic"],
    ),
    // It notes what is to be told, and tells nobody itself.
    (
        "publisher",
        &[
            "dynamodb/journal",
            "dynamodb/read",
            "dynamodb/scorecard",
            "event_rules",
            "sns",
            "s3",
            "scheduler",
            "ssm",
        ],
        &["sns:Publish"],
    ),
    ("notifier", &["event_bus", "sns"], &["sns:ListSubscriptionsByTopic"]),
    (
        "widget",
        &["dynamodb/read", "dynamodb/scorecard", "event_rules", "sns", "scheduler", "ssm"],
        &["sns:Publish"],
    ),
];

/// What AWS checks on our behalf: a service needs it of the caller of another action, and no code of ours calls it.
const CHECKED_BY_AWS: [(&str, &[&str]); 6] = [
    ("drill-instance", &["kms:CreateGrant"]),
    ("drill-cdn", &UPDATE_DISTRIBUTION),
    ("watchdog", &WATCHDOG),
    ("failover-cdn", &UPDATE_DISTRIBUTION),
    ("publisher", &STREAM),
    ("notifier", &STREAM),
];
/// Of the function that a stream starts: Lambda reads the stream in the name of its role.
const STREAM: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
/// Of whoever updates a distribution with a web ACL, a VPC origin or a Lambda@Edge function.
const UPDATE_DISTRIBUTION: [&str; 5] = [
    "cloudfront:GetVpcOrigin",
    "lambda:EnableReplication",
    "lambda:GetFunction",
    "waf:GetWebACL",
    "wafv2:GetWebACL",
];
/// The same, and what EC2 checks of whoever starts an instance with encrypted volumes.
const WATCHDOG: [&str; 6] = [
    "cloudfront:GetVpcOrigin",
    "kms:CreateGrant",
    "lambda:EnableReplication",
    "lambda:GetFunction",
    "waf:GetWebACL",
    "wafv2:GetWebACL",
];

#[test]
fn no_permission_is_a_wildcard_without_a_reason() {
    for template in ["infra/template.yaml", "infra/drills.yaml", "infra/bookstore.yaml"] {
        let text = read(template);
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let bare: String =
                line.split('#').next().unwrap().chars().filter(|c| !"\"' -".contains(*c)).collect();
            assert!(
                bare != "Action:*" && bare != "*" || !line.contains("Action"),
                "{template}:{}",
                number + 1
            );
            if bare == "Resource:*" {
                let near = &lines[number.saturating_sub(16)..=number];
                assert!(
                    near.iter().any(|line| line.contains('#')),
                    "{template}:{}: Resource \"*\" without a comment that says why",
                    number + 1
                );
            }
        }
    }
}

#[test]
fn each_role_grants_what_its_adapters_call_and_nothing_else() {
    let quoted = Regex::new(r#""([a-z0-9]+:[A-Z]\w+)""#).unwrap();
    let named = Regex::new(r"\b[a-z0-9]+:[A-Z]\w+").unwrap();
    // What every function needs of the platform, and condition keys, which are no actions.
    let given = ["sts:AssumeRole", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"];
    let conditions = ["aws:ResourceTag", "dynamodb:LeadingKeys", "kms:GrantIsForAWSResource"];
    let template = read("infra/template.yaml");
    let mut by_file = BTreeMap::new();
    for file in files() {
        let of_aws = file.strip_prefix("functions/aws/src").map(Path::to_owned);
        let injects = file.strip_prefix("functions/inject/src").map(|file| Path::new("inject").join(file));
        let Ok(inside) = of_aws.or(injects) else { continue };
        let text = read(&file);
        let mut called: BTreeSet<String> =
            quoted.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        // There is no permission of this name: a transaction needs those of its parts.
        if called.remove("dynamodb:TransactWriteItems") {
            called.extend(["PutItem", "UpdateItem", "DeleteItem"].map(|part| format!("dynamodb:{part}")));
        }
        by_file.insert(inside, called);
    }
    let mut granted_to_any = BTreeSet::new();
    for (package, adapters, never) in ROLES {
        let is_of = |file: &Path| {
            let file = file.with_extension("");
            adapters.iter().any(|adapter| file.starts_with(adapter))
        };
        let mut called: BTreeSet<String> =
            by_file.iter().filter(|(file, _)| is_of(file)).flat_map(|(_, called)| called.clone()).collect();
        for action in never {
            assert!(called.remove(*action), "{package} never calls {action}, and neither does an adapter");
        }
        let role = resource(&template, &format!("{}Role", logical_id(package)));
        let mut granted: BTreeSet<String> =
            named.find_iter(&role).map(|found| found.as_str().to_owned()).collect();
        for action in given {
            // The next tick makes a failed one good, and a dashboard shows what failed: they need no dead-letter queue.
            let needed = !["watchdog", "widget"].contains(&package) || action != "sqs:SendMessage";
            assert_eq!(granted.remove(action), needed, "{package}: {action}");
        }
        let checked = CHECKED_BY_AWS.iter().find(|(of, _)| *of == package);
        for action in checked.into_iter().flat_map(|(_, checked)| *checked) {
            assert!(granted.remove(*action), "{package}: AWS checks {action} on our behalf");
        }
        granted.retain(|action| !conditions.contains(&action.as_str()));
        assert_eq!(called, granted, "{package}: called by its adapters (left), granted by its role (right)");
        granted_to_any.extend(granted);
    }
    for (file, called) in by_file {
        let missing: Vec<_> = called.difference(&granted_to_any).collect();
        assert!(missing.is_empty(), "no role grants {missing:?}, which {} names", file.display());
    }
}

#[test]
fn only_drills_can_cause_a_failure_and_only_what_is_tagged_is_moved() {
    let template = read("infra/template.yaml");
    for (package, ..) in ROLES {
        let role = resource(&template, &format!("{}Role", logical_id(package)));
        let drill = DrillKind::ALL.into_iter().find(|kind| kind.row().package == package);
        let injects_by = |mode| drill.is_some_and(|kind| kind.row().modes.contains(&mode));
        // IAM cannot tell setting an alarm back from forcing it: the watchdog is built without what forces it.
        let sets = role.contains("cloudwatch:SetAlarmState");
        assert_eq!(sets, injects_by(Mode::Alarm) || package == "watchdog", "{package}");
        let publishes = role.contains("cloudwatch:PutMetricData");
        assert_eq!(publishes, injects_by(Mode::Metric), "{package}");
        assert_eq!(role.contains("ec2:StopInstances"), injects_by(Mode::Stop), "{package}");
        for statement in role.split("- Sid: ").skip(1) {
            let moves = [
                "ec2:StopInstances",
                "ec2:StartInstances",
                "cloudwatch:SetAlarmState",
                "cloudfront:UpdateDistribution",
                "rds:FailoverDBCluster",
                "rds:RebootDBInstance",
            ];
            // Of the call that names a reader, for that instance alone: the tag of its cluster guards it.
            let names_a_reader = statement.starts_with("NameTheReader") && !statement.contains("cluster:");
            if moves.iter().any(|action| statement.contains(action)) && !names_a_reader {
                assert!(
                    statement.contains("aws:ResourceTag/firedrill:allowed: \"true\""),
                    "{package}: {statement}"
                );
            }
            if statement.contains("cloudwatch:PutMetricData") {
                assert!(statement.contains("cloudwatch:namespace: !Split"), "{package}: {statement}");
            }
        }
    }
}

#[test]
fn whoever_publishes_can_never_change_a_run_and_the_widget_nothing_at_all() {
    let template = read("infra/template.yaml");
    let statement = |package: &str, action: &str| {
        let role = resource(&template, &format!("{}Role", logical_id(package)));
        let found = role.split("- Sid: ").find(|statement| statement.contains(action)).map(str::to_owned);
        found.unwrap_or_else(|| panic!("{package}: no {action}"))
    };
    let puts = statement("publisher", "dynamodb:PutItem");
    assert!(puts.contains("dynamodb:LeadingKeys: [\"marker#*\"]\n"), "{puts}");
    assert!(puts.contains("ForAllValues:StringLike:\n") && !puts.contains("Query"), "{puts}");
    let writes = statement("publisher", "s3:PutObject");
    assert!(writes.contains("Resource: !Sub \"${ScorecardBucket.Arn}/*\"\n"), "{writes}");
    let tells = statement("notifier", "events:PutEvents");
    assert!(tells.contains("events:source: [firedrill]\n"), "{tells}");
    let publishes = statement("notifier", "sns:Publish");
    assert!(publishes.contains("Resource: !Ref NoticesTopic"), "{publishes}");
    let action = Regex::new(r"\b[a-z0-9]+:([A-Z]\w+)").unwrap();
    let widget = resource(&template, "WidgetRole");
    for found in action.captures_iter(&widget) {
        let name = &found[1];
        let reads = ["Get", "List", "Query", "Describe"].iter().any(|verb| name.starts_with(verb));
        assert!(reads || ["AssumeRole", "CreateLogStream", "PutLogEvents"].contains(&name), "{}", &found[0]);
    }
}
