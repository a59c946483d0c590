//! Completeness: the stack's numbers agree, and every kind of drill and failover function has all of its parts.

use std::{collections::BTreeSet, time::Duration};

use firedrill_core::{kind::DrillKind, timing::Timing};
use firedrill_local::stack::logical_id;

use crate::{files, read, resource, roles::ROLES, root};

#[test]
fn what_the_template_leaves_as_it_is_fits_together() {
    let template = read("infra/template.yaml");
    let default = |name: &str| -> u64 {
        let mut lines = template.lines().skip_while(|line| *line != format!("  {name}:"));
        let value = lines.find_map(|line| line.trim().strip_prefix("Default: "));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} has no number"))
    };
    let millis = |name: &str| Duration::from_millis(default(name));
    let seconds = |name: &str| Duration::from_secs(default(name));
    let set = Timing {
        poll: millis("PollMs"),
        aws_poll: millis("AwsPollMs"),
        call_deadline: millis("CallDeadlineMs"),
        lease: millis("LeaseMs"),
        renew: millis("RenewMs"),
        margin: millis("MarginMs"),
        settle: millis("SettleMs"),
        function_timeout: seconds("FunctionTimeoutSeconds"),
        heartbeat_fresh: seconds("HeartbeatFreshSeconds"),
    };
    let timing = Timing::DEFAULT;
    assert_eq!(set, timing, "template.yaml (left), `Timing::DEFAULT` (right)");
    assert_eq!(timing.checked(), Ok(timing));
    let failover = seconds("FailoverTimeoutSeconds");
    assert!(failover > 4 * timing.call_deadline, "failover functions would refuse every change");
    assert!(failover <= timing.settle);
    let watchdog = Timing { function_timeout: seconds("WatchdogTimeoutSeconds"), ..timing };
    assert_eq!(watchdog.checked(), Ok(watchdog));
    // Within one tick it has to be able to see that a lease's holder is gone, and to continue the run.
    assert!(2 * watchdog.takeover() < watchdog.function_timeout);
    assert!(timing.heartbeat_fresh >= Duration::from_mins(3), "a late tick would keep drills from running");
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
    let workspace = read("Cargo.toml");
    let rows = DrillKind::ALL.into_iter().map(DrillKind::row);
    let of_rows = rows.flat_map(|row| [Some(row.package), row.failover_package]).flatten();
    let known: BTreeSet<String> = of_rows.map(str::to_owned).collect();
    let default =
        workspace.lines().any(|line| line.starts_with("default-members = [\".\", \"functions/*\","));
    assert!(default, "a plain `cargo test` would skip functions");
    let mut missing = Vec::new();
    let mut lacks = |package: &str, is_there: bool, what: String| {
        if !is_there {
            missing.push(format!("{package}: {what}"));
        }
    };
    for package in packages().union(&known) {
        let name = logical_id(package);
        let is_drill = package.starts_with("drill-");
        let drill = DrillKind::ALL.into_iter().find(|kind| kind.row().package == package);
        let kind = drill.map_or(package.as_str(), |drill| drill.row().name);
        let has = |path: String| root().join(path).is_file();
        lacks(package, known.contains(package), "its row (functions/core/src/kind.rs)".to_owned());
        let has_role = ROLES.iter().any(|(of, ..)| of == package);
        lacks(package, has_role, "its adapters (ROLES in tests/tidy/roles.rs)".to_owned());
        for file in ["Cargo.toml", "src/main.rs"] {
            lacks(package, has(format!("functions/{package}/{file}")), format!("functions/{package}/{file}"));
        }

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
            &["schedule"]
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

#[test]
fn no_alarm_of_the_stack_ever_changes_its_state_and_tells_no_one() {
    let template = read("infra/template.yaml");
    let alarms: Vec<&str> = template
        .lines()
        .zip(template.lines().skip(1))
        .filter(|(_, kind)| {
            let kind = kind.trim();
            kind.starts_with("Type: AWS::CloudWatch::") && kind.ends_with("Alarm")
        })
        .filter_map(|(name, _)| name.trim().strip_suffix(':'))
        .collect();
    assert_eq!(alarms.len(), 11, "{alarms:?}");
    let topic = "!If [HasAlarmTopic, !Ref AlarmTopicArn, !Ref PagesTopic]";
    let over = resource(&template, "AlarmsOverRule");
    assert!(over.contains(&format!("Arn: {topic}\n")), "{over}");
    for changes in ["previousState: {value: [ALARM]}", "state: {value: [OK]}"] {
        assert!(over.contains(&format!("          {changes}\n")), "{changes}: {over}");
    }
    let silent = resource(&template, "WatchdogSilentAlarm");
    for name in alarms {
        let alarm = resource(&template, name);
        // One of two that tell only together.
        if silent.contains(&format!("ALARM(\"${{{name}}}\")")) {
            assert!(!alarm.contains("Actions:"), "{name}: {alarm}");
            continue;
        }
        // Of each such drill a notice tells, and the dashboard shows the alarm.
        if ["OverdueDrillsAlarm", "FailingDrillsAlarm"].contains(&name) {
            assert!(!alarm.contains("Actions:") && alarm.contains("a notice told of"), "{name}: {alarm}");
            let dashboard = resource(&template, "DrillsDashboard");
            assert!(dashboard.contains(&format!("\"${{{name}.Arn}}\"")), "{name} is nowhere to be seen");
            continue;
        }
        assert!(alarm.contains(&format!("AlarmActions: [{topic}]\n")), "{name}: {alarm}");
        // A message stays in its queue until an operator has looked at it: that alarm needs no end.
        let of_a_queue = ["DeadLetterAlarm", "UndeliveredNoticesAlarm"].contains(&name);
        let ends = of_a_queue || over.contains(&format!("- !GetAtt {name}.Arn\n"));
        assert!(ends, "{name} never says that it is over");
        // It would also tell of the first OK of an alarm that has just been made.
        assert!(!alarm.contains("OKActions"), "{name}: {alarm}");
    }
    // CloudWatch may publish there: no KMS key stands in its way, and the topic's policy allows it.
    let topic = resource(&template, "PagesTopic");
    assert!(!topic.is_empty() && !topic.contains("KmsMasterKeyId"), "{topic}");
    let policy = resource(&template, "AlarmsMayPage");
    for part in ["Topics: [!Ref PagesTopic]", "Service: cloudwatch.amazonaws.com", "Action: sns:Publish"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(policy.contains("aws:SourceArn: !GetAtt AlarmsOverRule.Arn"), "{policy}");
}

#[test]
fn the_watchdogs_alarms_ask_for_what_it_publishes_and_for_no_lowest_count() {
    let template = read("infra/template.yaml");
    let published = read("functions/aws/src/lambda/watchdog.rs");
    for (name, metric, fields) in [
        ("HeartbeatMissingAlarm", "heartbeats", &["Statistic: Sum", "EvaluationPeriods: 3"][..]),
        ("RollbackFailedAlarm", "rollbackFailedRuns", &["Statistic: Maximum", "EvaluationPeriods: 1"]),
        ("HeldRunsAlarm", "heldRuns", &["Statistic: Maximum", "EvaluationPeriods: 1"]),
        // The numbers with which the core's test of this alarm counts.
        (
            "AbandonedRunsAlarm",
            "abandonedRuns",
            &["Statistic: Maximum", "EvaluationPeriods: 10", "DatapointsToAlarm: 3"],
        ),
    ] {
        let alarm = resource(&template, name);
        assert!(alarm.contains(&format!("MetricName: {metric}\n")), "{name}: {alarm}");
        assert!(published.contains(&format!("(\"{metric}\", ")), "the watchdog never publishes {metric}");
        assert!(alarm.contains("Period: 60\n"), "{name}: {alarm}");
        for field in fields {
            assert!(alarm.contains(&format!("      {field}\n")), "{name}: {field}: {alarm}");
        }
    }
}
