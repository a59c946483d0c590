//! Configuration: one entry that is wrong takes nothing from the others, and people are told of it once.

use firedrill_core::failover::{AlarmChange, AlarmState, Done};
use firedrill_simulator::{
    FailoverCase, Shape,
    failover_case::{Attempt, Resource},
};
use serde_json::{Value, json};

use super::check::{CROSSED, error, goes_off, logged};

const RESOURCES: [Resource; 3] = [Resource::Distribution, Resource::Cluster, Resource::Instance];

/// Another alarm, whose name has spaces.
const ANOTHER: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:Bookstore checkout: down";

/// What somebody got wrong about it.
fn wrong_entries() -> Vec<Value> {
    vec![
        json!({ "alarmArn": ANOTHER, "failsOver": "nothing" }),
        json!({ "alarmArn": ANOTHER }),
        json!({ "alarmArn": ANOTHER, "clusterArn": "bookstore" }),
        json!({ "alarmArn": "bookstore-checkout", "clusterArn": "arn:aws:rds:us-east-1:1:cluster:c" }),
        json!(null),
    ]
}

#[test]
fn one_bad_entry_of_the_configuration_never_keeps_another_alarm_from_being_handled() {
    for resource in RESOURCES {
        for wrong in wrong_entries() {
            let mut case = FailoverCase::with(resource, |setup| setup.other_entries = vec![wrong.clone()]);
            let (change, delivery) = goes_off(&mut case);
            let Some(answer) = delivery.answer() else {
                panic!("{resource:?}, {wrong}: {:#?}", delivery.attempts)
            };
            assert_eq!(case.entry(&change).done, Some(Done::FailedOver), "{resource:?}, {wrong}");
            let said = answer["wrongConfiguration"][0].as_str().unwrap();
            assert!(said.starts_with("FIREDRILL_FAILOVERS[0]"), "{said}");
            logged(&case, &[said]);
        }
    }
}

#[test]
fn people_are_told_of_a_bad_entry_once_and_of_the_failover_all_the_same() {
    let wrong = json!({ "alarmArn": ANOTHER, "failsOver": "nothing" });
    let mut case = FailoverCase::with(Resource::Distribution, |setup| setup.other_entries = vec![wrong]);
    goes_off(&mut case);
    let told = case.pages();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains(ANOTHER) && told[1].contains("CdnFailovers"), "{told:#?}");
    let ok = case.change(AlarmState::Ok, "well");
    case.deliver(&ok);
    goes_off(&mut case);
    let about_it = case.pages().iter().filter(|page| page.contains(ANOTHER)).count();
    assert_eq!(about_it, 1, "{:#?}", case.pages());
}

#[test]
fn the_alarm_of_a_bad_entry_is_never_taken_for_one_that_nobody_configured() {
    let wrong = json!({ "alarmArn": ANOTHER, "failsOver": "nothing" });
    let mut case = FailoverCase::with(Resource::Distribution, |setup| setup.other_entries = vec![wrong]);
    let change = AlarmChange { alarm_arn: ANOTHER.to_owned(), ..case.change(AlarmState::Alarm, CROSSED) };
    let attempt = case.invoke(&change, &Shape::Topic.event(&change));
    assert_eq!(error(&attempt), "UnknownAlarm");
    let Attempt::Failed(failed) = &attempt else { unreachable!() };
    assert!(
        failed.text.contains("repair this entry") && failed.text.contains("failsOver"),
        "{}",
        failed.text
    );
    assert!(case.calls().is_empty());
}
