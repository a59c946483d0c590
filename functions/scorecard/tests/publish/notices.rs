//! What people and programs are told, and what not.

use std::collections::BTreeSet;

use firedrill_core::{Outcome, Phase, Verdict, result::DrillResult};
use firedrill_scorecard::{
    event::Event,
    notice::{Notice, StreamChange, notice_of, send},
    settings::Links,
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::{
    common::{ALARM, days, links, now, published, request, result, schedule},
    fixture::{self, evidence::answers},
    schema::violation_of_event,
    world::World,
};

const HOSTILE: &str = "<script>alert(1)</script>\r\nSubject: x\u{202e}\u{0}\u{2028}\"'\\`${jndi}";

fn change(pk: &str, sk: &str, new: Value, old: Option<Value>) -> StreamChange {
    StreamChange { inserted: old.is_none(), pk: pk.to_owned(), sk: sk.to_owned(), new, old }
}

fn head(phase: Phase) -> Value {
    let mut recorded = fixture::begun(fixture::database());
    recorded.run.phase = phase;
    recorded.evidence.push(answers("version", firedrill_core::Tristate::Yes, [0, 1]));
    serde_json::to_value(recorded.run).unwrap()
}

fn started(old: Option<Value>, new: Value) -> StreamChange {
    let pk = format!("run#{}", new["runId"].as_str().unwrap_or_default());
    change(&pk, "head", new, old)
}

fn ended(result: &DrillResult) -> StreamChange {
    let new = serde_json::to_value(result).unwrap();
    change(&format!("drill#{}", result.key()), &result.sort_key(), new, None)
}

fn incident(done: &str) -> Value {
    json!({
        "alarmArn": ALARM, "at": now(), "state": "ALARM", "reason": "Threshold Crossed", "receivedAt": now(),
        "by": "invocation", "claimedAt": now(), "calledAt": now(), "done": done, "why": "the standby was well",
        "concludedAt": now()
    })
}

fn changed_alarm(new: Value) -> StreamChange {
    let mut old = new.clone();
    old.as_object_mut().unwrap().remove("done");
    change(&format!("alarm#{ALARM}"), "change#2026-11-28T04:00:00.000Z#ALARM", new, Some(old))
}

fn told(change: &StreamChange) -> Option<Notice> {
    notice_of(change, &links()).unwrap()
}

fn finished(verdict: Verdict) -> DrillResult {
    DrillResult::of(&fixture::finished(fixture::database(), verdict).run).unwrap()
}

/// One change for each notice that there is.
fn all() -> Vec<StreamChange> {
    let outcomes = [
        Outcome::Recovered,
        Outcome::ObjectiveMissed,
        Outcome::NotRecovered,
        Outcome::NotInjected,
        Outcome::Stopped,
        Outcome::Skipped,
        Outcome::Inconclusive,
        Outcome::RollbackFailed,
    ];
    let mut world = World::default();
    world.set_results(vec![result("blue", now() - days(40), Outcome::Recovered)]);
    let mut disabled = schedule(&request("blue"), "rate(28 days)");
    disabled.enabled = false;
    world.schedules.insert("blue".to_owned(), disabled);
    published(&world, now()).result().unwrap();
    let markers = world.markers.take().into_values();
    let marked = markers.map(|marker| {
        let pk = format!("marker#{}#{}", marker.kind, marker.drill);
        change(&pk, &marker.occasion, json!({ "notice": marker.notice }), None)
    });
    let mut all = vec![
        started(None, head(Phase::Checking)),
        ended(&finished(Verdict::ObjectiveMissed)),
        changed_alarm(incident("failed-over")),
        changed_alarm(incident("failed")),
    ];
    all.extend(outcomes.map(|outcome| ended(&result("blue", now(), outcome))));
    all.extend(marked);
    assert_eq!(all.len(), 4 + 8 + 2);
    all
}

#[test]
fn the_schema_is_never_older_than_the_types() {
    let now = serde_json::to_string_pretty(&schemars::schema_for!(Event)).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == now,
        "functions/scorecard/events.schema.json is out of date: run \
         `UPDATE=1 cargo test -p firedrill-scorecard --test publish`"
    );
}

#[test]
fn no_event_ever_differs_from_the_published_schema() {
    let schema: Value = serde_json::to_value(schemars::schema_for!(Event)).unwrap();
    let mut types = BTreeSet::new();
    for change in all() {
        let event = serde_json::to_value(told(&change).expect("it is told").event).unwrap();
        assert_eq!(violation_of_event(&schema, &event), None, "{event}");
        types.insert(event["detail-type"].as_str().unwrap().to_owned());
        let mut without = event.clone();
        without["detail"].as_object_mut().unwrap().remove("id");
        assert!(violation_of_event(&schema, &without).is_some(), "or the schema would check nothing");
    }
    assert_eq!(types.len(), schema["oneOf"].as_array().unwrap().len(), "{types:?}");
}

#[test]
fn a_notice_says_what_where_whose_and_where_to_read_on() {
    let end = told(&ended(&finished(Verdict::ObjectiveMissed))).unwrap();
    assert!(end.subject.contains("missed its objective (bookstore, "), "{}", end.subject);
    for wanted in [
        "missed its objective. The application recovered, too late.",
        "Reason: the standby served 442000 ms",
        "Objective: 5 min\n",
        "Recovered after: 7 min 22 s (−3.2\u{a0}s)",
        "Owner: ",
        "Playbook: https://",
        "Page: https://results.example.com/runs/",
    ] {
        assert!(end.text.contains(wanted), "{wanted}: {}", end.text);
    }
    let start = told(&started(None, head(Phase::Checking))).unwrap();
    assert!(start.text.contains(r#"{"stop":{"by":"YOU","reason":"WHY","runId":"#), "{}", start.text);
    let failed = told(&changed_alarm(incident("failed"))).unwrap();
    assert_eq!(failed.subject, "Firedrill: real incident: FAILOVER FAILED: bookstore-instance");
    for notice in all().iter().filter_map(told) {
        assert!(notice.text.lines().count() <= 22, "{}", notice.text);
    }
}

#[test]
fn the_same_thing_told_twice_always_has_the_same_id_and_another_one_never() {
    let ids = |changes: Vec<StreamChange>| -> Vec<String> {
        let id = |change| told(&change).unwrap().event.into_parts().1["id"].as_str().unwrap().to_owned();
        changes.into_iter().map(id).collect()
    };
    let first = ids(all());
    assert_eq!(first, ids(all()));
    // The eight outcomes are those of one run.
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len() - 7);
}

#[test]
fn what_is_no_news_is_never_told() {
    let checking = || head(Phase::Checking);
    let of_run = |mut entry: Value| {
        entry["runId"] = json!("staging/bookstore/db/1");
        changed_alarm(entry)
    };
    let repeated = |entry: Value| {
        let mut change = changed_alarm(entry.clone());
        change.old = Some(entry);
        change
    };
    let ok = |mut entry: Value| {
        entry["state"] = json!("OK");
        changed_alarm(entry)
    };
    let old_result = ended(&finished(Verdict::Recovered));
    let nothing = [
        ("a lease that is renewed", started(Some(checking()), checking())),
        ("a run that goes on", started(Some(checking()), head(Phase::Injecting))),
        ("a run that was announced", started(None, head(Phase::Pending))),
        ("a skipped head", started(None, head(Phase::Finished))),
        ("an alarm that a run set", of_run(incident("failed-over"))),
        ("an alarm that is over", ok(incident("failed-over"))),
        ("an entry that was told", repeated(incident("failed-over"))),
        ("nothing to do", changed_alarm(incident("ignored"))),
        ("refused", changed_alarm(incident("refused"))),
        ("in hand", changed_alarm(json!({}))),
        ("a result that is written over", StreamChange { inserted: false, ..old_result }),
        ("evidence", change("run#a", "evidence#1", json!({}), None)),
        ("a summary", change("drills", "staging/bookstore/blue", json!({}), None)),
        ("a registration", change(&format!("alarm#{ALARM}"), "run", json!({ "runId": "a" }), None)),
        ("the heartbeat", change("watchdog", "heartbeat", json!({}), None)),
        ("no key of ours", change("", "", json!(null), None)),
    ];
    for (what, change) in nothing {
        assert_eq!(told(&change), None, "{what}");
    }
    let announced = started(Some(head(Phase::Pending)), checking());
    assert!(told(&announced).is_some(), "or nothing would be told of a run that was announced");
}

#[test]
fn what_should_be_told_and_cannot_be_read_is_never_passed_over() {
    let with = |mut item: Value, field: &str, value: Value| {
        item[field] = value;
        item
    };
    let end = ended(&finished(Verdict::Recovered));
    let unreadable = [
        (started(None, with(head(Phase::Checking), "layout", json!(9))), "its layout is 9"),
        (started(None, with(head(Phase::Checking), "mode", json!("explode"))), "explode"),
        (change("run#another", "head", head(Phase::Checking), None), "it is the head of run"),
        (StreamChange { new: with(end.new.clone(), "v", json!(9)), ..end.clone() }, "layout 9"),
        (StreamChange { new: json!({}), ..end.clone() }, "cannot be read"),
        (StreamChange { pk: "drill#a/b/c".to_owned(), ..end }, "lies under another drill"),
        (changed_alarm(with(incident("failed"), "at", json!("soon"))), "failed to parse"),
        (changed_alarm(with(incident("failed"), "alarmArn", json!("other"))), "about the alarm other"),
        (change("marker#overdue#a/b/c", "x", json!({}), None), "`notice`"),
        (change("marker#overdue#a/b/c", "x", json!({ "notice": { "subject": "a" } }), None), "`notice`"),
    ];
    for (change, wanted) in unreadable {
        let why = notice_of(&change, &links()).expect_err(wanted).to_string();
        assert!(why.contains(wanted) && why.contains(change.pk.as_str()), "{why}");
    }
    let long = change(&format!("marker#{}", "x".repeat(9_000)), &"y".repeat(9_000), json!({}), None);
    assert!(notice_of(&long, &links()).unwrap_err().to_string().len() < 1_500);
}

#[test]
fn a_hostile_text_never_leaves_its_line_and_is_never_long() {
    let long = HOSTILE.repeat(500);
    let mut hostile = finished(Verdict::NotRecovered);
    hostile.run_id = format!("{long}/{long}/{long}/1").replace("</script>", "");
    hostile.reason = Some(long.clone());
    hostile.owner = long.clone();
    hostile.playbook_version = long.clone();
    hostile.playbook_link = Some("javascript:alert(1)".to_owned());
    let mut entry = incident("failed");
    (entry["reason"], entry["why"]) = (json!(long), json!(long));
    let arn = format!("arn:aws:cloudwatch:eu-west-2:123456789012:alarm:{long}");
    entry["alarmArn"] = json!(arn);
    let of_alarm = StreamChange { pk: format!("alarm#{arn}"), ..changed_alarm(entry) };
    let plain = told(&ended(&finished(Verdict::NotRecovered))).unwrap().text.lines().count();
    for notice in [told(&ended(&hostile)).unwrap(), told(&of_alarm).unwrap()] {
        let Notice { subject, text, .. } = &notice;
        assert!((1..=99).contains(&subject.len()) && subject.is_ascii(), "{subject}");
        assert!(!subject.chars().any(char::is_control), "{subject}");
        assert!(
            text.len() < 8_000 && text.lines().count() <= plain,
            "{} {}",
            text.len(),
            text.lines().count()
        );
        let moves = |c: char| matches!(c, '\u{202e}' | '\u{2028}' | '\r' | '\u{0}');
        assert!(!text.contains(moves), "{text}");
        assert!(!text.contains("javascript:"), "{text}");
    }
}

#[test]
fn without_an_address_every_link_leads_to_the_console() {
    let links = Links { base_url: None, ..links() };
    for change in all().iter().take(4) {
        let text = notice_of(change, &links).unwrap().unwrap().text;
        assert!(text.contains("https://eu-west-2.console.aws.amazon.com/s3/object/results?"), "{text}");
    }
}

#[test]
fn a_message_that_fails_never_keeps_the_event_back_nor_the_other_way_round() {
    let notice = told(&started(None, head(Phase::Checking))).unwrap();
    let sent = |world: &World| send(&notice, world, world, now()).now_or_never().expect("it answers at once");
    let world = World::default();
    assert_eq!(sent(&world), Ok(()));
    assert_eq!(*world.sent.borrow(), ["Drill run started".to_owned(), notice.subject.clone()]);
    for (call, action, others) in
        [("publish", "sns:Publish", "Drill run started"), ("put_event", "events:PutEvents", &notice.subject)]
    {
        let world = World::default();
        world.fail(call);
        let why = sent(&world).unwrap_err().to_string();
        assert!(why.contains(action) && why.contains(&notice.subject), "{why}");
        assert_eq!(*world.sent.borrow(), [others.to_owned()]);
    }
}
