//! The repository against itself: schema, events, templates, layout, words.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use firedrill_core::{
    Request,
    failover::{AlarmState, Resource, changes, configured, run_of},
    request::{Delivery, Mode, StopWhat, parse},
    run::Caller,
    timing::Timing,
};
use regex_lite::Regex;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file that belongs to the project, from its root.
fn files() -> Vec<PathBuf> {
    fn walk(at: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let skipped = ["target", ".git", ".aws-sam", "__pycache__"].iter().any(|skip| name == *skip);
            if skipped {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.path().strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

#[test]
fn the_schema_is_never_older_than_the_types() {
    let schema = schemars::schema_for!(Request);
    let now = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let path = root().join("events/request.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert!(
        read(path) == now,
        "events/request.schema.json is out of date: run `UPDATE=1 cargo test --test tidy`"
    );
}

fn event(name: &str) -> Value {
    let text = read(format!("events/{name}.json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}.json: {error}"))
}

#[test]
fn every_event_is_read_as_what_it_is() {
    for (name, caller, execute, mode) in [
        ("instance-schedule", Caller::Schedule, true, Mode::Stop),
        ("instance-rule", Caller::Rule, true, Mode::Stop),
        ("instance-console", Caller::Direct, false, Mode::Stop),
        ("instance-local", Caller::Direct, true, Mode::Stop),
        ("cdn-schedule", Caller::Schedule, true, Mode::Alarm),
        ("cdn-rule", Caller::Rule, true, Mode::Alarm),
        ("cdn-console", Caller::Direct, false, Mode::Alarm),
        ("cdn-metric-console", Caller::Direct, false, Mode::Metric),
        ("cdn-local", Caller::Direct, true, Mode::Alarm),
        ("db-schedule", Caller::Schedule, true, Mode::Alarm),
        ("db-rule", Caller::Rule, true, Mode::Alarm),
        ("db-console", Caller::Direct, false, Mode::Alarm),
        ("db-local", Caller::Direct, true, Mode::Alarm),
    ] {
        let event = event(name);
        let Ok(Delivery::Start(request)) = parse(&event) else {
            panic!("{name}: {:?}", parse(&event));
        };
        assert_eq!((request.caller(), request.execute, request.mode), (caller, execute, mode), "{name}");
        let kind = match name.split_once('-').unwrap().0 {
            "instance" => "instances",
            "cdn" => "distributionArn",
            _ => "clusterArn",
        };
        assert!(!event["target"][kind].is_null(), "{name} is not what the function of its name drills");
    }
    for (name, expected) in [
        ("get", Delivery::Get("staging/bookstore/instance-blue/2026-12-01T10:00:00.000Z".to_owned())),
        ("list", Delivery::List("staging/bookstore/instance-blue".to_owned())),
        ("resume", Delivery::Resume("staging/bookstore/instance-blue/2026-12-01T10:00:00.000Z".to_owned())),
    ] {
        assert_eq!(parse(&event(name)), Ok(expected), "{name}");
    }
    let stops = |name| match parse(&event(name)) {
        Ok(Delivery::Stop(order)) => order.what,
        other => panic!("{name}: {other:?}"),
    };
    assert!(matches!(stops("stop"), StopWhat::Run(_)));
    assert_eq!(stops("stop-application"), StopWhat::Application("bookstore".to_owned()));
    let Ok(Delivery::KillSwitch(order)) = parse(&event("kill-switch")) else { panic!("kill-switch") };
    assert!(order.engage && order.switch.until.is_some());
    // What a tick of the watchdog is sent says nothing.
    assert_eq!(event("watchdog"), serde_json::json!({}));
    assert!(matches!(parse(&event("release")), Ok(Delivery::Release(release)) if !release.fail_back));
}

#[test]
fn every_change_of_an_alarm_is_read_and_its_alarm_is_in_the_configuration() {
    let drill = "staging/bookstore/database-failover/2026-12-15T10:00:00.000Z";
    for (name, config, state, run) in [
        ("failover-cdn-sns", "failover-cdn-config", AlarmState::Alarm, None),
        // Metric math: no `metricStat` beside the expression.
        ("failover-cdn-alarm", "failover-cdn-config", AlarmState::Alarm, None),
        // A composite alarm: no metrics at all.
        ("failover-cdn-eventbridge", "failover-cdn-config", AlarmState::Alarm, None),
        // Forced by a drill.
        ("failover-db-sns", "failover-db-config", AlarmState::Alarm, Some(drill)),
        ("failover-db-alarm", "failover-db-config", AlarmState::Alarm, None),
        // CloudWatch takes the forced state back: without the drill's name.
        ("failover-db-eventbridge", "failover-db-config", AlarmState::Ok, None),
    ] {
        let read = changes(&event(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [change] = &read[..] else { panic!("{name}: {read:?}") };
        assert_eq!(change.state, state, "{name}");
        assert_eq!(run_of(&change.reason).map(|id| id.to_string()).as_deref(), run, "{name}");
        let configs =
            configured(&event(config).to_string()).unwrap_or_else(|error| panic!("{config}: {error}"));
        let found = configs.iter().find(|(config, _)| config.alarm_arn.as_str() == change.alarm_arn);
        let (_, resource) = found.unwrap_or_else(|| panic!("{config} does not know {}", change.alarm_arn));
        let distribution = matches!(resource, Resource::Distribution { .. });
        assert_eq!(distribution, name.starts_with("failover-cdn"), "{name}: {resource:?}");
    }
}

#[test]
fn every_event_file_is_known_to_these_tests() {
    let this = read("tests/tidy.rs");
    for file in files().iter().filter(|file| file.starts_with("events")) {
        let name = file.file_stem().unwrap().to_string_lossy();
        assert!(
            this.contains(&format!("\"{name}\"")) || name == "request.schema",
            "{} is tested nowhere",
            file.display()
        );
    }
}

#[test]
fn the_top_level_is_the_one_that_was_agreed() {
    let known =
        BTreeSet::from(["Cargo.toml", "Cargo.lock", "functions", "infra", "events", "tests", "README.md"]);
    let beside = BTreeSet::from(["LICENSE", "CHANGELOG.md", "clippy.toml", "rustfmt.toml"]);
    for file in files() {
        let first = file.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let fits = known.contains(&*first) || beside.contains(&*first) || first.starts_with('.');
        assert!(fits, "{} does not belong at the top level", file.display());
    }
}

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
fn the_core_never_names_aws_or_a_clock() {
    let manifest = read("functions/core/Cargo.toml");
    for word in ["aws", "tokio", "lambda"] {
        assert!(!manifest.contains(word), "functions/core depends on {word}");
    }
    for file in files() {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = read(&file);
        let inside = file.starts_with("functions/aws") || file.starts_with("infra/local");
        let sdk = concat!("aws_", "sdk_");
        assert!(inside || !text.contains(sdk) || file.starts_with("tests"), "{} names {sdk}", file.display());
    }
}

#[test]
fn what_is_scheduled_by_schedule_and_by_rule_is_the_same_drill() {
    let text = read("infra/drills.yaml");
    let drills: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("\"drill\":")).collect();
    assert!(!drills.is_empty(), "no drill is scheduled");
    let names: BTreeSet<&str> = drills.iter().map(|line| line.trim()).collect();
    assert_eq!(drills.len(), 2 * names.len(), "each drill has one schedule and one rule: {drills:?}");
}

/// The inputs in `infra/drills.yaml`, in their order.
fn inputs() -> Vec<String> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let text = read("infra/drills.yaml");
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim() == "- |" {
            let input = lines.by_ref().take_while(|inside| depth(inside) > depth(line));
            found.push(input.collect::<Vec<_>>().join("\n"));
        }
    }
    found
}

/// One of these inputs as it is delivered: every placeholder filled in, from the parameters' defaults where
/// there are any, else as in the event.
fn delivered(input: &str, event: &Value, mode: &str) -> Value {
    let template = read("infra/drills.yaml");
    let line = |begin: &str| {
        let found = template.lines().find(|line| line.trim().starts_with(begin));
        found.unwrap_or_else(|| panic!("drills.yaml has no line {begin}")).trim().to_owned()
    };
    let default = |name: &str| {
        let mut lines = template.lines().skip_while(|line| *line != format!("  {name}:"));
        let value = lines.find_map(|line| line.trim().strip_prefix("Default: "));
        value.unwrap_or_else(|| panic!("drills.yaml has no parameter {name}")).to_owned()
    };
    let of = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let value = |name: &str| match name {
        "Windows" => line("[{\"days\""),
        "Detection" => line("\"detection\":"),
        "Metric" if mode == "metric" => line("\"metric\":"),
        "Metric" => String::new(),
        "CdnMode" | "DatabaseMode" => mode.to_owned(),
        "TargetRegion" => of("/target/region"),
        "InstanceAlarmArn" => of("/detection/alarmArn"),
        "CdnAlarmArn" | "DatabaseAlarmArn" => of("/target/alarmArn"),
        "DistributionArn" => of("/target/distributionArn"),
        "ClusterArn" => of("/target/clusterArn"),
        "LatestStartMinutes" => default("FlexibleWindowMinutes"),
        _ => default(name),
    };
    let placeholder = Regex::new(r"\$\{(\w+)\}").unwrap();
    let mut text = input.to_owned();
    while let Some(found) = placeholder.captures(&text) {
        text = text.replace(&found[0], &value(&found[1]));
    }
    for (placeholder, field) in [
        ("<aws.scheduler.scheduled-time>", "/schedule/scheduledAt"),
        ("<aws.scheduler.schedule-arn>", "/schedule/arn"),
        ("<aws.scheduler.attempt-number>", "/schedule/attempt"),
        ("<time>", "/schedule/scheduledAt"),
        ("<arn>", "/schedule/arn"),
    ] {
        text = text.replace(placeholder, &of(field));
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn what_is_scheduled_is_a_request_and_the_events_show_it_as_it_is_delivered() {
    let inputs = inputs();
    assert_eq!(inputs.len(), 6, "an input without its events");
    let events =
        ["instance", "cdn", "db"].map(|kind| ["schedule", "rule"].map(|way| format!("{kind}-{way}")));
    for (input, name) in inputs.iter().zip(events.as_flattened()) {
        let event = event(name);
        let mode = event["mode"].as_str().unwrap();
        assert_eq!(delivered(input, &event, mode), event, "drills.yaml (left), events/{name}.json (right)");
        if input.contains("${Metric}") {
            let parsed = parse(&delivered(input, &event, "metric"));
            let Ok(Delivery::Start(request)) = parsed else { panic!("{name} in mode metric: {parsed:?}") };
            assert!(request.target.alarm().is_some_and(|alarm| alarm.metric.is_some()), "{name}");
        }
    }
}

#[test]
fn the_tests_add_no_feature_to_what_the_functions_are_built_with() {
    let tree = |edges: &str| -> BTreeSet<String> {
        let arguments = ["tree", "--offline", "--prefix", "none", "--format", "{p} [{f}]", "--edges", edges];
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| line.trim_end_matches(" (*)").to_owned())
            .collect()
    };
    let (built, tested) = (tree("normal,build"), tree("normal,build,dev"));
    let changed: Vec<_> = built.difference(&tested).collect();
    assert!(changed.is_empty(), "`cargo test` builds these with other features: {changed:#?}");
}

/// Each function's package, the adapters it is built with, and what it never asks of them. Adapters that
/// combine others name no action of their own.
const ROLES: [(&str, &[&str], &[&str]); 6] = [
    (
        "drill-instance",
        &[
            "autoscaling",
            "cloudwatch/alarms",
            "cloudwatch/history",
            "dynamodb",
            "ec2",
            "elbv2",
            "instance",
            "kms",
            "sns",
        ],
        &["cloudwatch:ListAlarmMuteRules", "cloudwatch:ListTagsForResource", "sns:ListSubscriptionsByTopic"],
    ),
    ("drill-cdn", &["cloudfront", "cloudwatch", "dynamodb", "functions", "route53", "sns"], &[]),
    // It never injects a failover, and an instance has no writer to restore.
    (
        "drill-db",
        &["cloudwatch", "dynamodb", "functions", "rds", "route53", "sns"],
        &["rds:RebootDBInstance"],
    ),
    // It never prepares a run, and so follows no wiring and resolves no targets.
    (
        "watchdog",
        &["autoscaling", "cloudfront", "cloudwatch", "dynamodb", "ec2", "elbv2", "rds", "sns"],
        &[
            "autoscaling:DescribeAutoScalingInstances",
            "cloudwatch:GetMetricStatistics",
            "cloudwatch:ListAlarmMuteRules",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricData",
            "ec2:DescribeInstanceAttribute",
            "ec2:DescribeVolumes",
            "ec2:StopInstances",
            "elasticloadbalancing:DescribeTargetGroups",
            "rds:RebootDBInstance",
            "sns:ListSubscriptionsByTopic",
        ],
    ),
    (
        "failover-cdn",
        &["cloudfront", "dynamodb/alarm", "dynamodb/read", "sns"],
        &["dynamodb:Query", "sns:ListSubscriptionsByTopic"],
    ),
    (
        "failover-db",
        &["dynamodb/alarm", "dynamodb/read", "rds", "sns"],
        &["dynamodb:Query", "sns:ListSubscriptionsByTopic"],
    ),
];

/// `drill-instance` as the template has it: `DrillInstance`.
fn logical(package: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    package.split('-').map(capital).collect()
}

/// One resource of the template, without comments.
fn resource(template: &str, name: &str) -> String {
    let mut lines = template.lines().skip_while(|line| *line != format!("  {name}:"));
    let Some(first) = lines.next() else { return String::new() };
    let inside = lines.take_while(|line| line.starts_with("   ") || line.trim().is_empty());
    let bare = |line: &str| line.split('#').next().unwrap_or_default().to_owned() + "\n";
    std::iter::once(first).chain(inside).map(bare).collect()
}

#[test]
fn each_role_grants_what_its_adapters_call_and_nothing_else() {
    let quoted = Regex::new(r#""([a-z0-9]+:[A-Z]\w+)""#).unwrap();
    let named = Regex::new(r"\b[a-z0-9]+:[A-Z]\w+").unwrap();
    // What every function needs of the platform, and a condition on a grant.
    let given = ["sts:AssumeRole", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"];
    let conditions = ["aws:ResourceTag", "kms:GrantIsForAWSResource"];
    let template = read("infra/template.yaml");
    let mut by_file = BTreeMap::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("functions/aws/src") else { continue };
        let text = read(&file);
        let mut called: BTreeSet<String> =
            quoted.captures_iter(&text).map(|found| found[1].to_owned()).collect();
        // There is no permission of this name: a transaction needs those of its parts.
        if called.remove("dynamodb:TransactWriteItems") {
            called.extend(["PutItem", "UpdateItem", "DeleteItem"].map(|part| format!("dynamodb:{part}")));
        }
        by_file.insert(inside.to_owned(), called);
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
        let role = resource(&template, &format!("{}Role", logical(package)));
        let mut granted: BTreeSet<String> =
            named.find_iter(&role).map(|found| found.as_str().to_owned()).collect();
        for action in given {
            // A tick that failed is made good by the next one.
            let needed = package != "watchdog" || action != "sqs:SendMessage";
            assert_eq!(granted.remove(action), needed, "{package}: {action}");
        }
        if package == "watchdog" {
            // No call of ours: EC2 asks for it in the name of whoever starts an instance.
            assert!(granted.remove("kms:CreateGrant"), "it could not start what the drill could");
        }
        granted.retain(|action| !conditions.contains(&action.as_str()));
        assert_eq!(called, granted, "{package}: called by its adapters (left), granted by its role (right)");
        granted_to_any.extend(granted);
    }
    // A plan also names what CloudWatch itself does on the way from an alarm.
    granted_to_any.insert("lambda:InvokeFunction".to_owned());
    for (file, called) in by_file {
        let missing: Vec<_> = called.difference(&granted_to_any).collect();
        assert!(missing.is_empty(), "no role grants {missing:?}, which {} names", file.display());
    }
}

#[test]
fn only_drills_can_cause_a_failure_and_only_what_is_tagged_is_moved() {
    let template = read("infra/template.yaml");
    for (package, ..) in ROLES {
        let role = resource(&template, &format!("{}Role", logical(package)));
        // IAM cannot tell setting an alarm back from forcing it: the watchdog is built without what forces it.
        let sets = role.contains("cloudwatch:SetAlarmState");
        assert_eq!(sets, matches!(package, "drill-cdn" | "drill-db" | "watchdog"), "{package}");
        let publishes = role.contains("cloudwatch:PutMetricData");
        assert_eq!(publishes, matches!(package, "drill-cdn" | "drill-db"), "{package}");
        assert_eq!(role.contains("ec2:StopInstances"), package == "drill-instance", "{package}");
        for statement in role.split("- Sid: ").skip(1) {
            let moves = [
                "ec2:StopInstances",
                "ec2:StartInstances",
                "cloudwatch:SetAlarmState",
                "cloudfront:UpdateDistribution",
                "rds:FailoverDBCluster",
                "rds:RebootDBInstance",
            ];
            if moves.iter().any(|action| statement.contains(action)) {
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

/// Invariant 10. IAM tells stopping from starting; where one action serves both ways, it is the build that does.
#[test]
fn the_watchdog_is_never_built_with_what_injects() {
    let features = |package: &str| {
        let arguments = ["tree", "--offline", "--package", package, "--edges", "normal,features"];
        let format = ["--prefix", "none", "--format", "{p} [{f}]"];
        let output =
            Command::new(env!("CARGO")).args(arguments).args(format).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = tree.lines().find(|line| line.starts_with("firedrill-aws v")).unwrap().to_owned();
        let (_, list) = line.rsplit_once('[').unwrap();
        let list = list.split(']').next().unwrap();
        list.split(',').map(|name| name.trim().to_owned()).collect::<BTreeSet<String>>()
    };
    let watchdog = features("watchdog");
    assert!(watchdog.contains("watchdog") && !watchdog.contains("inject"), "{watchdog:?}");
    assert!(features("drill-instance").contains("inject"), "or this test would prove nothing");
    // What injects, by name: behind the feature, each of them.
    for (file, name) in [
        ("ec2.rs", "pub async fn stop("),
        ("cloudwatch/mod.rs", "pub async fn force("),
        ("cloudwatch/metric.rs", "pub async fn publish("),
        ("instance/mod.rs", "impl Inject for"),
        ("alarm/mod.rs", "impl<R: Resource> Inject for"),
        ("alarm/mod.rs", "mod force;"),
    ] {
        let text = read(format!("functions/aws/src/{file}"));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| line.starts_with(name));
        let at = at.unwrap_or_else(|| panic!("{file} has no `{name}`"));
        assert_eq!(lines[at - 1], "#[cfg(feature = \"inject\")]", "{file}: {name}");
    }
    for file in files().iter().filter(|file| file.starts_with("functions/aws/src")) {
        let text = read(file);
        let injects = ["stop_instances()", "put_metric_data()", "State::Alarm, reason"];
        let known = ["ec2.rs", "metric.rs", "mod.rs"].iter().any(|name| file.ends_with(name));
        assert!(known || !injects.iter().any(|call| text.contains(call)), "{} injects", file.display());
    }
}

#[test]
fn what_the_template_leaves_as_it_is_fits_together() {
    let template = read("infra/template.yaml");
    let default = |name: &str| -> u64 {
        let mut lines = template.lines().skip_while(|line| *line != format!("  {name}:"));
        let value = lines.find_map(|line| line.trim().strip_prefix("Default: "));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} has no number"))
    };
    let timing = Timing {
        poll_ms: default("PollMs"),
        aws_poll_ms: default("AwsPollMs"),
        call_deadline_ms: default("CallDeadlineMs"),
        lease_ms: default("LeaseMs"),
        renew_ms: default("RenewMs"),
        margin_ms: default("MarginMs"),
        settle_ms: default("SettleMs"),
        function_timeout_ms: default("FunctionTimeoutSeconds") * 1_000,
        heartbeat_fresh_ms: default("HeartbeatFreshSeconds") * 1_000,
    };
    assert_eq!(timing.checked(), Ok(timing));
    let failover_ms = default("FailoverTimeoutSeconds") * 1_000;
    assert!(failover_ms > 4 * timing.call_deadline_ms, "failover functions would refuse every change");
    assert!(failover_ms <= timing.settle_ms);
    let watchdog = Timing { function_timeout_ms: default("WatchdogTimeoutSeconds") * 1_000, ..timing };
    assert_eq!(watchdog.checked(), Ok(watchdog));
    // Within one tick it has to be able to see that a holder is gone, and to go on.
    assert!(watchdog.takeover().as_secs() * 2 < default("WatchdogTimeoutSeconds"));
    assert!(timing.heartbeat_fresh_ms >= 3 * 60_000, "a late tick would keep drills from running");
}

/// The packages of `functions/` that are functions.
fn packages() -> BTreeSet<String> {
    let folders = files().into_iter().filter_map(|file| {
        let mut parts = file.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
        (parts.next()? == "functions").then(|| parts.next()).flatten()
    });
    folders.filter(|name| name.starts_with("drill-") || name.starts_with("failover-")).collect()
}

#[test]
fn every_kind_of_drill_and_failover_is_whole() {
    let (template, drills) = (read("infra/template.yaml"), read("infra/drills.yaml"));
    let (workspace, adapters) = (read("Cargo.toml"), read("functions/aws/Cargo.toml"));
    let kinds = ROLES.iter().map(|(package, ..)| *package).filter(|package| *package != "watchdog");
    let known: BTreeSet<String> = kinds.map(str::to_owned).collect();
    let mut missing = Vec::new();
    let mut lacks = |package: &str, is_there: bool, what: String| {
        if !is_there {
            missing.push(format!("{package}: {what}"));
        }
    };
    for package in packages().union(&known) {
        let name = logical(package);
        let is_drill = package.starts_with("drill-");
        let kind = package.strip_prefix("drill-").unwrap_or(package);
        let has = |path: String| root().join(path).is_file();
        lacks(package, known.contains(package), "its adapters (ROLES in tests/tidy.rs)".to_owned());
        for file in ["Cargo.toml", "src/main.rs"] {
            lacks(package, has(format!("functions/{package}/{file}")), format!("functions/{package}/{file}"));
        }
        let default = workspace.contains(&format!("\"functions/{package}\""));
        lacks(package, default, "default-members of Cargo.toml, or `cargo test` skips it".to_owned());
        let feature = adapters.lines().any(|line| line.starts_with(&format!("{kind} = [")));
        lacks(package, feature, format!("feature {kind} of functions/aws/Cargo.toml"));

        let function = resource(&template, &format!("{name}Function"));
        let uri = format!("CodeUri: ../functions/{package}/\n");
        lacks(package, function.contains(&uri), format!("{name}Function of template.yaml, with {uri}"));
        let own_role = function.contains(&format!("Role: !GetAtt {name}Role.Arn\n"));
        lacks(package, own_role, format!("a role of its own, {name}Role of template.yaml"));
        let own_log = function.contains(&format!("LogGroup: !Ref {name}LogGroup\n"));
        lacks(package, own_log, format!("a log group of its own, {name}LogGroup of template.yaml"));
        let retried = if is_drill { "MaximumRetryAttempts: 0" } else { "MaximumRetryAttempts: 2" };
        lacks(package, function.contains(retried), format!("{retried} in {name}Function"));
        let queue = "Destination: !GetAtt DeadLetterQueue.Arn";
        lacks(package, function.contains(queue), format!("the dead-letter queue, in {name}Function"));
        let output = template.contains(&format!("  {name}FunctionArn:\n"));
        lacks(package, output, format!("output {name}FunctionArn of template.yaml"));
        let rule = resource(&template, &format!("RulesMayStart{name}"));
        lacks(package, !rule.is_empty(), format!("RulesMayStart{name} of template.yaml"));

        let ways: &[&str] = if is_drill {
            let scheduled =
                resource(&template, "ScheduleRole").contains(&format!("- !GetAtt {name}Function.Arn\n"));
            lacks(package, scheduled, "the right of ScheduleRole to start it".to_owned());
            let stanza = drills.contains(&format!("Arn: !Ref {name}FunctionArn\n"));
            lacks(package, stanza, format!("a stanza of drills.yaml with {name}FunctionArn"));
            &["schedule", "rule", "console", "local"]
        } else {
            let direct = resource(&template, &format!("AlarmsMayStart{name}"));
            lacks(package, !direct.is_empty(), format!("AlarmsMayStart{name} of template.yaml"));
            &["sns", "alarm", "eventbridge", "config"]
        };
        for way in ways {
            lacks(package, has(format!("events/{kind}-{way}.json")), format!("events/{kind}-{way}.json"));
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}
