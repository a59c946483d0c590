use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use firedrill_core::{
    CallOutcome, Run, Timestamp,
    failover::{
        self, CallResult, Direction, FailoverAction, FailoverReadiness, FailoverRule, FailoverTarget,
    },
    ports::StoreError,
    run::RunId,
};

use super::*;
use crate::{client::Connection, failover::FailoverSettings, pager::Pager};

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
    async fn look(&mut self, _: Direction) -> FailoverReadiness {
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
    fn configured(_: &FailoverContext, _: &FailoverRule, _: &FailoverTarget) -> Result<Self, String> {
        Ok(Self { stands: FailoverReadiness::Ready })
    }
}

fn alarm(name: &str) -> String {
    format!("arn:aws:cloudwatch:us-east-1:1:alarm:{name}")
}

fn context(names: &[&str]) -> FailoverContext {
    let entry =
        |name: &&str| json!({ "alarmArn": alarm(name), "instanceArn": "arn:aws:rds:us-east-1:1:db:d" });
    let failovers = json!(names.iter().map(entry).collect::<Vec<_>>()).to_string();
    let connection = Connection::over(&aws_config::SdkConfig::builder().build(), Duration::from_secs(1));
    let settings = FailoverSettings {
        table: "runs".to_owned(),
        retention: Duration::from_hours(24),
        call_deadline: Duration::from_secs(1),
        handling: failover::ChangeLimits {
            max_event_age: Duration::from_mins(5),
            function_timeout: Duration::from_mins(1),
        },
        topic_arn: None,
        cool_down: Duration::ZERO,
        failovers: failover::parse_rules(&failovers).unwrap(),
    };
    FailoverContext { settings, pager: Pager::new(&connection, None), connection }
}

fn message(name: &str) -> Value {
    let message = json!({
        "AlarmArn": alarm(name), "NewStateValue": "ALARM", "NewStateReason": "threshold",
        "StateChangeTime": Timestamp::from_millis(NOW - 1_000).to_string()
    });
    json!({ "Sns": { "Message": message.to_string() } })
}

async fn answered(
    book: &Book,
    context: &FailoverContext,
    stands: &[FailoverReadiness],
    event: &Value,
) -> Result<Value, Unanswered> {
    let failovers: Vec<Switch> = stands.iter().map(|stands| Switch { stands: stands.clone() }).collect();
    answer(&Still, book, context, &failovers, event, "request/1").await
}

#[tokio::test]
async fn each_change_is_answered_with_its_entry_and_once() {
    let (book, context) = (Book::default(), context(&["a"]));
    let event = json!({ "Records": [message("a"), message("a")] });
    let answer = answered(&book, &context, &[FailoverReadiness::Ready], &event).await.unwrap();
    assert_eq!(answer["changes"][0]["done"], "failed-over");
    assert_eq!(answer["changes"][0]["alarmArn"], alarm("a"));
    assert_eq!(answer["changes"][0]["duplicate"], false);
    assert_eq!(answer["changes"][1]["duplicate"], true);
}

#[tokio::test]
async fn one_change_that_fails_keeps_none_of_the_others_from_being_handled() {
    let (book, context) = (Book::default(), context(&["throttled", "well"]));
    let garbled = json!({ "Sns": { "Message": "hello" } });
    let event = json!({ "Records": [message("throttled"), garbled, message("well")] });
    let stands = [FailoverReadiness::Unknown("throttled".to_owned()), FailoverReadiness::Ready];
    let error = answered(&book, &context, &stands, &event).await.unwrap_err();
    assert_eq!(error.name, "NotNow");
    assert!(error.text.contains("throttled"), "{}", error.text);
    assert!(error.text.contains("`Records[1].Sns.Message` is not JSON"), "{}", error.text);
    let expected = [("throttled".to_owned(), None), ("well".to_owned(), Some(Done::FailedOver))];
    assert_eq!(book.done(), expected);
}

#[tokio::test]
async fn an_alarm_that_nobody_configured_leaves_a_record_and_says_what_to_add_where() {
    let (book, context) = (Book::default(), context(&[]));
    for _ in 0..2 {
        let error =
            answered(&book, &context, &[], &json!({ "Records": [message("new")] })).await.unwrap_err();
        assert_eq!(error.name, "UnknownAlarm");
        assert!(error.text.contains(&alarm("new")) && error.text.contains("Switches"), "{}", error.text);
    }
    assert_eq!(book.done(), [("new".to_owned(), Some(Done::Refused))]);
}

#[tokio::test]
async fn what_is_no_change_of_an_alarm_is_refused_by_name() {
    let error = answered(&Book::default(), &context(&[]), &[], &json!({ "hello": 1 })).await.unwrap_err();
    assert_eq!(error.name, "UnreadableEvent");
    assert!(error.text.contains("Records"), "{}", error.text);
}
