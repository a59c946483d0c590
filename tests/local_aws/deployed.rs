//! What the optional parameters of the template make of the stack.

use aws_sdk_cloudwatch::types::StateValue;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{
    fixture::{FIXTURE, deploy_with, until, with},
    trials,
};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        a_stack_without_the_options_never_has_a_vpc_or_reserved_concurrency,
        what_probes_a_private_application_is_never_left_outside_of_its_vpc,
        a_missing_heartbeat_never_notifies_anyone_before_the_watchdog_is_due,
    ]
}

const PROBING: [&str; 4] = ["drill-instance", "drill-cdn", "drill-db", "watchdog"];
const FAILOVERS: [&str; 2] = ["failover-cdn", "failover-db"];

fn a_stack_without_the_options_never_has_a_vpc_or_reserved_concurrency() {
    with(async |fixture| {
        // Longer than the name of a function may be.
        let stack = format!("stack-{}", "x".repeat(100));
        let prefix = "a-prefix-that-is-as-long-as-the-template-allows--";
        deploy_with(&fixture.aws, &stack, &fixture.functions, &[("NamePrefix", prefix)]).await;
        for function in PROBING.into_iter().chain(FAILOVERS) {
            let name = format!("{prefix}-{function}");
            let made = fixture.aws.function_configuration(&name).await.unwrap();
            assert!(made["VpcConfig"]["SubnetIds"].as_array().is_none_or(Vec::is_empty), "{made:#}");
            assert_eq!(fixture.aws.reserved_concurrency(&name).await.unwrap(), None, "{name}");
        }
    });
}

fn what_probes_a_private_application_is_never_left_outside_of_its_vpc() {
    with(async |fixture| {
        let options = [
            ("SubnetIds", "subnet-0a,subnet-0b"),
            ("SecurityGroupIds", "sg-0c"),
            ("FailoverReservedConcurrency", "2"),
        ];
        // Its watchdog runs once: in a VPC, too, it finds the table.
        deploy_with(&fixture.aws, "private", &fixture.functions, &options).await;
        for function in PROBING {
            let made = fixture.aws.function_configuration(&format!("private-{function}")).await.unwrap();
            assert_eq!(made["VpcConfig"]["SubnetIds"], json!(["subnet-0a", "subnet-0b"]), "{made:#}");
            assert_eq!(made["VpcConfig"]["SecurityGroupIds"], json!(["sg-0c"]), "{made:#}");
        }
        for function in FAILOVERS {
            let name = format!("private-{function}");
            let made = fixture.aws.function_configuration(&name).await.unwrap();
            assert!(made["VpcConfig"]["SubnetIds"].as_array().is_none_or(Vec::is_empty), "{made:#}");
            assert_eq!(fixture.aws.reserved_concurrency(&name).await.unwrap(), Some(2), "{name}");
        }
    });
}

/// The alarms by which a silent watchdog is told, each set by hand: they would take minutes.
fn a_missing_heartbeat_never_notifies_anyone_before_the_watchdog_is_due() {
    with(async |fixture| {
        deploy_with(&fixture.aws, "quiet", &fixture.functions, &[]).await;
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&fixture.sdk);
        let set = async |alarm: &str, to: StateValue| {
            let call = cloudwatch.set_alarm_state().alarm_name(format!("quiet-{alarm}"));
            call.state_value(to).state_reason("a test").send().await.unwrap();
        };
        let told = async || -> Vec<(String, String)> {
            let messages = fixture.aws.messages().await.unwrap();
            let told = messages.iter().filter(|message| message.topic.contains(":quiet-PagesTopic"));
            let told = told.map(|message| -> Value { serde_json::from_str(&message.message).unwrap() });
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            told.map(|said| (text(&said["AlarmName"]), text(&said["NewStateValue"]))).collect()
        };
        set("heartbeat-missing", StateValue::Alarm).await;
        let state = fixture.aws.alarm_state("quiet-watchdog-silent").await.unwrap();
        assert_ne!(state.as_deref(), Some("ALARM"));
        let messages = told().await;
        assert!(messages.is_empty(), "of a first deployment: {messages:?}");
        set("watchdog-due", StateValue::Alarm).await;
        set("heartbeat-missing", StateValue::Alarm).await;
        let silent = |state: &str| ("quiet-watchdog-silent".to_owned(), state.to_owned());
        until(async || (told().await == [silent("ALARM")]).then_some(())).await;
        set("heartbeat-missing", StateValue::Ok).await;
        until(async || (told().await == [silent("ALARM"), silent("OK")]).then_some(())).await;
    });
}
