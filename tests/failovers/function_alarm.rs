//! Real alarms, which go off because something is ill: the functions are of use without any drill.

use firedrill_core::failover::{AlarmState, Done, JournalEntry};
use firedrill_local::{DemoStack, emulator::Message, stack::Drill};
use serde_json::{Value, json};

use crate::fixture::{OperatorApi, until, with_stack};

/// What the failover function did about the first change of an alarm to this state, since it first went off.
async fn done_about(
    stack: &DemoStack,
    operator: &OperatorApi,
    alarm: &str,
    state: AlarmState,
) -> JournalEntry {
    let arn = &stack.bookstore_outputs[alarm];
    until(&format!("{alarm} went to {state}, and was handled"), async || {
        let journal = operator.journal(&stack.table.name, arn).await;
        let mut since = journal.into_iter().skip_while(|entry| entry.state != AlarmState::Alarm);
        since.find(|entry| entry.state == state && entry.done.is_some())
    })
    .await
}

#[test]
fn users_are_never_left_with_what_really_fails_nor_moved_back_without_a_person() {
    with_stack(
        |_| {},
        async |stack| {
            let operator = OperatorApi::of(&stack.aws);
            for drill in [Drill::Cdn, Drill::Database] {
                stack.alarm_is(drill, "OK").await.unwrap();
            }
            let cluster = async || stack.aws.databases().await.unwrap().clusters.remove(0);
            let writer = cluster().await.writer;
            stack.bookstore.fail_primary_cdn();
            stack.aws.patch_database("bookstore", &json!({ "connectable": false })).await.unwrap();

            let cdn = done_about(stack, &operator, "CdnAlarmArn", AlarmState::Alarm).await;
            assert_eq!((cdn.done, cdn.run_id), (Some(Done::FailedOver), None));
            let url = format!("{}/static/status.json", stack.bookstore.url());
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            until("the standby serves", async || {
                let answer: Value = http.get(&url).send().await.ok()?.json().await.ok()?;
                (answer["cdn"] == "secondary").then_some(())
            })
            .await;
            let database = done_about(stack, &operator, "DatabaseAlarmArn", AlarmState::Alarm).await;
            assert_eq!((database.done, database.run_id), (Some(Done::FailedOver), None));
            until("another writer takes connections", async || {
                let now = cluster().await;
                (now.connectable && now.writer != writer).then_some(())
            })
            .await;

            stack.bookstore.heal_primary_cdn();
            for alarm in ["CdnAlarmArn", "DatabaseAlarmArn"] {
                let ok = done_about(stack, &operator, alarm, AlarmState::Ok).await;
                assert_eq!(ok.done, Some(Done::Ignored), "{ok:#?}");
            }
            assert_eq!(stack.aws.distributions().await.unwrap()[0].configured.default, "standby");
            let told = stack.aws.messages().await.unwrap();
            // The stack's alarms tell the same people, the watchdog's among them as long as it has not looked yet.
            let is_page = |message: &&Message| {
                message.topic == stack.outputs["PagesTopicArn"] && !message.message.contains("\"AlarmName\"")
            };
            assert_eq!(told.iter().filter(is_page).count(), 2, "one for each: {told:#?}");
        },
    );
}
