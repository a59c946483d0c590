use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use firedrill_core::{
    CallOutcome, Run,
    failover::{CallResult, Direction, FailoverAction, FailoverReadiness, parse_rules},
    ports::StoreError,
    request::Arn,
    run::RunId,
};

use super::*;
use futures_util::FutureExt as _;

use crate::ports::{Next, Page, Reply, Subscription};

const NOW: i64 = 1_795_460_400_000;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW)
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, _: Duration) {}
}

#[derive(Default)]
struct Book(RefCell<BTreeMap<String, JournalEntry>>);

impl Book {
    fn done(&self) -> Vec<(String, Option<Done>)> {
        let entries = self.0.borrow();
        let name = |entry: &JournalEntry| entry.alarm_arn.rsplit(':').next().unwrap_or_default().to_owned();
        entries.values().map(|entry| (name(entry), entry.done)).collect()
    }
}

impl Journal for Book {
    async fn claim(&self, entry: &JournalEntry) -> Result<Claimed, StoreError> {
        let mut entries = self.0.borrow_mut();
        let key = format!("{} {}", entry.alarm_arn, entry.key());
        if let Some(there) = entries.get(&key) {
            return Ok(Claimed::Exists(Box::new(there.clone())));
        }
        entries.insert(key, entry.clone());
        Ok(Claimed::New)
    }
    async fn take(&self, _: &JournalEntry, _: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn write(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        self.0.borrow_mut().insert(format!("{} {}", entry.alarm_arn, entry.key()), entry.clone());
        Ok(())
    }
    async fn newest(&self, _: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }
    async fn remember(&self, _: &JournalEntry) -> Result<(), StoreError> {
        Ok(())
    }
    async fn holder(&self, _: &str) -> Result<Option<RunId>, StoreError> {
        Ok(None)
    }
    async fn run(&self, _: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(None)
    }
}

#[derive(Clone)]
struct Switch {
    stands: FailoverReadiness,
}

impl FailoverAction for Switch {
    async fn look(&mut self, _: Direction, _: bool) -> FailoverReadiness {
        self.stands.clone()
    }
    async fn call(&mut self, _: Direction) -> CallResult {
        CallResult { outcome: CallOutcome::Done, what: "the switch".to_owned() }
    }
    fn is_repeatable(&self) -> bool {
        false
    }
    async fn page(&mut self, _: &str) -> bool {
        true
    }
}

impl Failover for Switch {
    const PARAMETER: &'static str = "Switches";
    const ENTRY: &'static str = r#""switch": "…""#;
}

/// A stack without a topic: nothing is published.
struct NoTopic;

impl Topics for NoTopic {
    async fn publish(&self, _: &Arn, _: &str, _: &str) -> Reply<()> {
        unreachable!("the stack has no topic")
    }
    async fn subscriptions(&self, _: &Arn, _: Next<'_>) -> Reply<Page<Subscription>> {
        unreachable!("a failover function reads no subscription")
    }
}

type Function = FailoverFunction<Book, NoTopic, Still, Switch>;

fn alarm(name: &str) -> String {
    format!("arn:aws:cloudwatch:us-east-1:1:alarm:{name}")
}

/// A function with one rule for each of these alarms, and what a look at its target shows.
fn function(rules: &[(&str, FailoverReadiness)]) -> Function {
    let entry = |(name, _): &(&str, _)| json!({ "alarmArn": alarm(name), "instanceArn": "arn:aws:rds:us-east-1:1:db:d" });
    let text = json!(rules.iter().map(entry).collect::<Vec<_>>()).to_string();
    let parsed = parse_rules(&text).unwrap().rules.into_iter();
    let switches = rules.iter().map(|(_, stands)| Switch { stands: stands.clone() });
    let context = FailoverContext {
        cloud: NoTopic,
        clock: Still,
        call_deadline: Duration::from_secs(1),
        cool_down: Duration::ZERO,
        topic_arn: None,
    };
    FailoverFunction {
        journal: Book::default(),
        context: context.into(),
        limits: ChangeLimits {
            max_event_age: Duration::from_mins(5),
            function_timeout: Duration::from_mins(1),
        },
        failovers: parsed.zip(switches).map(|((rule, _), switch)| (rule, switch)).collect(),
        wrong: Vec::new(),
    }
}

fn message(name: &str) -> Value {
    let message = json!({
        "AlarmArn": alarm(name), "NewStateValue": "ALARM", "NewStateReason": "threshold",
        "StateChangeTime": Timestamp::from_millis(NOW - 1_000).to_string()
    });
    json!({ "Sns": { "Message": message.to_string() } })
}

fn answered(function: &Function, event: &Value) -> Result<Value, Unanswered> {
    function.answer(event, "request/1").now_or_never().expect("nothing here waits")
}

#[test]
fn each_change_is_answered_with_its_entry_and_once() {
    let event = json!({ "Records": [message("a"), message("a")] });
    let answer = answered(&function(&[("a", FailoverReadiness::Ready)]), &event).unwrap();
    assert_eq!(answer["changes"][0]["done"], "failed-over");
    assert_eq!(answer["changes"][0]["alarmArn"], alarm("a"));
    assert_eq!(answer["changes"][0]["duplicate"], false);
    assert_eq!(answer["changes"][1]["duplicate"], true);
}

#[test]
fn one_change_that_fails_keeps_none_of_the_others_from_being_handled() {
    let throttled = FailoverReadiness::Unknown("throttled".to_owned());
    let function = function(&[("throttled", throttled), ("well", FailoverReadiness::Ready)]);
    let garbled = json!({ "Sns": { "Message": "hello" } });
    let event = json!({ "Records": [message("throttled"), garbled, message("well")] });
    let error = answered(&function, &event).unwrap_err();
    assert_eq!(error.name, "NotNow");
    assert!(error.text.contains("throttled"), "{}", error.text);
    assert!(error.text.contains("`Records[1].Sns.Message` is not JSON"), "{}", error.text);
    let expected = [("throttled".to_owned(), None), ("well".to_owned(), Some(Done::FailedOver))];
    assert_eq!(function.journal.done(), expected);
}

#[test]
fn an_alarm_that_nobody_configured_leaves_a_record_and_says_what_to_add_where() {
    let function = function(&[]);
    for _ in 0..2 {
        let error = answered(&function, &json!({ "Records": [message("new")] })).unwrap_err();
        assert_eq!(error.name, "UnknownAlarm");
        assert!(error.text.contains(&alarm("new")) && error.text.contains("Switches"), "{}", error.text);
    }
    assert_eq!(function.journal.done(), [("new".to_owned(), Some(Done::Refused))]);
}

#[test]
fn what_is_no_change_of_an_alarm_is_refused_by_name() {
    let error = answered(&function(&[]), &json!({ "hello": 1 })).unwrap_err();
    assert_eq!(error.name, "UnreadableEvent");
    assert!(error.text.contains("Records"), "{}", error.text);
}
