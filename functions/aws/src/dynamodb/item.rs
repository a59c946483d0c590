//! Items: runs, requests, evidence and journal entries as `DynamoDB` items, and read back.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use firedrill_core::{
    Outcome, Phase, Request, Run, Timestamp,
    evidence::Evidence,
    failover::JournalEntry,
    ports::StoreError,
    request::read_leniently,
    result::DrillResult,
    run::{LAYOUT, RunId},
};
use serde::Serialize;
use serde_json::Value;

use super::Item;

/// The most bytes of an item, as JSON. DynamoDB takes 400 KB, and counts names and numbers a little differently.
const MAX_BYTES: usize = 350_000;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn run_pk(id: &RunId) -> String {
    format!("run#{id}")
}

/// The run that an item belongs to, by its key.
pub(super) fn id_of(item: &Item) -> Option<RunId> {
    let Some(AttributeValue::S(pk)) = item.get("pk") else { return None };
    pk.strip_prefix("run#").map(|id| RunId(id.to_owned()))
}

/// The key under which the summaries of all drills lie.
pub(super) const DRILLS_PK: &str = "drills";

pub(super) fn lock_pk(run: &Run) -> String {
    format!("lock#{}/{}", run.environment, run.application)
}

pub(super) fn alarm_pk(alarm_arn: &str) -> String {
    format!("alarm#{alarm_arn}")
}

pub(super) fn keys(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn unwritable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("the record cannot be written: {error}"))
}

/// The fields of a value as attributes.
pub(super) fn fields(value: impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value).map_err(unwritable)
}

/// A value as an attribute.
#[cfg(feature = "widget")]
pub(super) fn attribute(value: impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(unwritable)
}

/// An item as plain JSON, keys included.
#[cfg(feature = "widget")]
pub(super) fn plain(item: Item) -> Result<Value, StoreError> {
    serde_dynamo::from_item(item)
        .map_err(|error| StoreError::Refused(format!("an item cannot be read: {error}")))
}

pub(super) fn expires(at: Timestamp, retention: Duration) -> AttributeValue {
    AttributeValue::N(((at + retention).as_millis() / 1_000).to_string())
}

/// The key under which `run` is listed. A plan has one of its own, so that it is in no drill's list.
pub(super) fn drill_key(run: &Run) -> String {
    let key = run.drill_key();
    if run.outcome == Some(Outcome::Planned) { format!("{key}#plan") } else { key }
}

/// When the run began: the items beside its head were first written then.
fn started(run: &Run) -> Timestamp {
    run.times.started.or(run.times.scheduled).unwrap_or(Timestamp::from_millis(0))
}

pub(super) fn head(run: &Run, retention: Duration) -> Result<Item, StoreError> {
    let mut item = fields(run)?;
    item.extend(keys(run_pk(&run.run_id), "head"));
    item.insert("status".to_owned(), text(run.status().to_string()));
    item.insert("drillKey".to_owned(), text(drill_key(run)));
    item.insert("startedAt".to_owned(), text(started(run).to_string()));
    if run.phase == Phase::Finished {
        let over = run.times.finished.unwrap_or_else(|| started(run));
        item.insert("ttl".to_owned(), expires(over, retention));
    } else {
        item.insert("open".to_owned(), text("1"));
    }
    Ok(item)
}

pub(super) fn request(run: &Run, request: &Request, retention: Duration) -> Result<Item, StoreError> {
    let mut item = keys(run_pk(&run.run_id), "request");
    let value = serde_dynamo::to_attribute_value(request).map_err(unwritable)?;
    item.insert("request".to_owned(), value);
    item.insert("ttl".to_owned(), expires(started(run), retention));
    Ok(item)
}

/// The result of a run as an item: under its drill, in the order in which runs were over.
pub(super) fn result(result: &DrillResult, retention: Duration) -> Result<Item, StoreError> {
    let mut item = fields(result)?;
    item.extend(keys(format!("drill#{}", result.key()), result.sort_key()));
    item.insert("ttl".to_owned(), expires(result.finished, retention));
    Ok(item)
}

pub(super) fn evidence(
    id: &RunId,
    sk: &str,
    item: &Evidence,
    retention: Duration,
) -> Result<Item, StoreError> {
    let at = moment(item);
    let bytes = serde_json::to_vec(item).map_err(unwritable)?.len();
    let mut fields = if bytes > MAX_BYTES {
        let text = format!("an item of {bytes} bytes did not fit into the record");
        fields(Evidence::Note { at, text })?
    } else {
        fields(item)?
    };
    fields.extend(keys(run_pk(id), sk));
    fields.insert("ttl".to_owned(), expires(at, retention));
    Ok(fields)
}

/// A journal entry as an item.
pub(super) fn entry(entry: &JournalEntry, retention: Duration) -> Result<Item, StoreError> {
    let mut item = fields(entry)?;
    item.extend(keys(alarm_pk(&entry.alarm_arn), entry.key()));
    item.insert("ttl".to_owned(), expires(entry.received_at, retention));
    Ok(item)
}

/// A journal entry, read from its item.
pub(super) fn entry_of(item: Item) -> Result<JournalEntry, StoreError> {
    serde_dynamo::from_item(item)
        .map_err(|error| StoreError::Refused(format!("a journal entry cannot be read: {error}")))
}

/// The time from which this evidence is kept: near enough to when it was recorded.
fn moment(item: &Evidence) -> Timestamp {
    match item {
        Evidence::Probe { to: at, .. }
        | Evidence::Call { answered: at, .. }
        | Evidence::Targets { at, .. }
        | Evidence::Selection { at, .. }
        | Evidence::Gate { at, .. }
        | Evidence::Alarm { at, .. }
        | Evidence::Phase { at, .. }
        | Evidence::Continued { at, .. }
        | Evidence::Wiring { at, .. }
        | Evidence::Failover { at, .. }
        | Evidence::Effect { at, .. }
        | Evidence::Event { at, .. }
        | Evidence::Paged { at, .. }
        | Evidence::Plan { at, .. }
        | Evidence::Note { at, .. } => *at,
    }
}

/// A head, read from its item. Its layout is checked first.
pub(super) fn run(item: Item) -> Result<Run, StoreError> {
    let run_id = || match item.get("runId").or_else(|| item.get("pk")) {
        Some(AttributeValue::S(id)) => RunId(id.trim_start_matches("run#").to_owned()),
        _ => RunId("?".to_owned()),
    };
    let layout = match item.get("layout") {
        Some(AttributeValue::N(layout)) => layout.parse::<u64>().unwrap_or(u64::MAX),
        _ => 0,
    };
    if layout != u64::from(LAYOUT) {
        return Err(StoreError::UnknownLayout { run_id: run_id(), layout });
    }
    let id = run_id();
    serde_dynamo::from_item(item)
        .map_err(|error| StoreError::Refused(format!("the head of {id} cannot be read: {error}")))
}

/// A request, read from its item, which this version or another one wrote.
pub(super) fn request_of(mut item: Item, id: &RunId) -> Result<Request, StoreError> {
    let unreadable =
        |what: String| StoreError::Refused(format!("the request of {id} cannot be read: {what}"));
    let value = item.remove("request").ok_or_else(|| unreadable("its item holds none".to_owned()))?;
    let value: Value = serde_dynamo::from_attribute_value(value).map_err(|e| unreadable(e.to_string()))?;
    read_leniently(&value).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    use firedrill_core::{
        CallOutcome, dispatch,
        failover::{AlarmState, Done},
        gate::Policy,
        run::OwnerId,
        timing::Timing,
    };
    use serde_json::json;

    use super::*;

    const KEPT: Duration = Duration::from_hours(24);

    pub(in crate::dynamodb) fn drill() -> (Run, Request) {
        let equals = json!({"n": 1, "list": [null, true, "x"]});
        let probe = json!({"name": "up", "check": { "http": {"url": "http://a.example/", "json": {"pointer": "/v", "equals": equals}} }});
        let request: Request = serde_json::from_value(json!({
            "drill": "instance", "application": "bookstore", "dependency": "compute", "environment": "staging",
            "execute": true, "mode": "stop", "runId": "one",
            "target": {"instances": {
                "region": "eu-west-2", "select": {"tags": {"app": "bookstore"}}, "blastRadius": {"count": 1}
            }},
            "steadyState": {"probes": [probe]},
            "objective": {"rtoSeconds": 60}, "cadence": {"everyDays": 28},
            "playbook": {"link": "https://example.com/", "version": "1", "owner": "team", "severity": "sev2"}
        }))
        .unwrap();
        let invocation = dispatch::Invocation {
            request_id: "request".to_owned(),
            owner: OwnerId("owner".to_owned()),
            ends_at: Duration::ZERO,
            policy: Policy::default(),
        };
        (
            dispatch::new_run(&request, &invocation, &Timing::DEFAULT, Timestamp::from_millis(1_000_000)),
            request,
        )
    }

    #[test]
    fn what_was_written_is_read_back_whole() {
        let (begun, asked) = drill();
        assert_eq!(run(head(&begun, KEPT).unwrap()).unwrap(), begun);
        assert_eq!(request_of(request(&begun, &asked, KEPT).unwrap(), &begun.run_id).unwrap(), asked);
    }

    #[test]
    fn an_entry_is_read_back_whole_and_sorts_by_the_time_of_its_change() {
        let at = Timestamp::from_millis(1_795_460_400_123);
        let mut concluded = JournalEntry {
            alarm_arn: "arn:aws:cloudwatch:us-east-1:1:alarm:a".to_owned(),
            at,
            state: AlarmState::Alarm,
            reason: "r".to_owned(),
            run_id: Some(RunId("run".to_owned())),
            received_at: at.plus_millis(1_000),
            by: "request/1".to_owned(),
            claimed_at: at.plus_millis(1_000),
            called_at: None,
            outcome: None,
            done: None,
            why: None,
            concluded_at: None,
        };
        let fresh = entry(&concluded, KEPT).unwrap();
        assert!(!fresh.contains_key("done"), "its absence says that it is in hand");
        assert_eq!(fresh["pk"], text("alarm#arn:aws:cloudwatch:us-east-1:1:alarm:a"));
        assert_eq!(fresh["sk"], text("change#2026-11-23T19:00:00.123Z#ALARM"));
        assert_eq!(fresh["ttl"], AttributeValue::N("1795546801".to_owned()));
        concluded.done = Some(Done::FailedOver);
        concluded.outcome = Some(CallOutcome::Unknown { message: "m".to_owned() });
        assert_eq!(entry_of(entry(&concluded, KEPT).unwrap()).unwrap(), concluded);
    }

    #[test]
    fn only_an_unfinished_run_is_open_and_only_a_finished_one_expires() {
        let (mut begun, _) = drill();
        let item = head(&begun, KEPT).unwrap();
        assert!(item.contains_key("open") && !item.contains_key("ttl"));
        begun.phase = Phase::Finished;
        begun.times.finished = Some(Timestamp::from_millis(2_000_000));
        let item = head(&begun, KEPT).unwrap();
        assert!(!item.contains_key("open"));
        assert_eq!(item["ttl"], AttributeValue::N("88400".to_owned()), "2000 s and a day");
    }

    #[test]
    fn a_plan_is_in_no_drills_list() {
        let (mut begun, _) = drill();
        assert_eq!(drill_key(&begun), "staging/bookstore/instance");
        begun.outcome = Some(Outcome::Planned);
        assert_eq!(drill_key(&begun), "staging/bookstore/instance#plan");
    }

    #[test]
    fn a_head_of_another_layout_is_not_parsed() {
        let mut item = keys("run#a/b/c/d", "head");
        item.insert("layout".to_owned(), AttributeValue::N("2".to_owned()));
        let run_id = RunId("a/b/c/d".to_owned());
        assert_eq!(run(item), Err(StoreError::UnknownLayout { run_id, layout: 2 }));
    }

    #[test]
    fn evidence_that_does_not_fit_leaves_a_note() {
        let at = Timestamp::from_millis(0);
        let note = Evidence::Note { at, text: "x".repeat(MAX_BYTES) };
        let item = evidence(&RunId("r".to_owned()), "evidence#1", &note, KEPT).unwrap();
        assert!(matches!(&item["text"], AttributeValue::S(text) if text.contains("did not fit")));
    }
}
