//! What users lost, in drills and in real incidents.

use std::time::Duration;

use firedrill_core::{
    Outcome::{Inconclusive, Recovered, Skipped},
    Timestamp,
    failover::{AlarmState, Done, JournalEntry},
    run::RunId,
};
use firedrill_scorecard::{
    input::{Incident, Inputs},
    model::{Loss, Scorecard},
};
use serde_json::json;

use crate::common::{days, declare, inputs, now, read, request, result_of, scheduled};

const ALARM: &str = "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:bookstore";
const MINUTE: Duration = Duration::from_mins(1);

fn entry(at: Timestamp, state: AlarmState, done: Option<Done>) -> JournalEntry {
    JournalEntry {
        alarm_arn: ALARM.to_owned(),
        at,
        state,
        reason: "Threshold Crossed".to_owned(),
        run_id: None,
        received_at: at,
        by: "invocation".to_owned(),
        claimed_at: at,
        called_at: None,
        outcome: None,
        done,
        why: None,
        concluded_at: None,
    }
}

#[test]
fn only_a_real_alarm_that_was_acted_on_is_ever_an_incident() {
    let at = now() - days(3);
    let ok = entry(at + MINUTE * 9, AlarmState::Ok, Some(Done::Ignored));
    let of = |state, done, run_id: Option<&str>| {
        let mut alarm = entry(at, state, done);
        alarm.run_id = run_id.map(|id| RunId(id.to_owned()));
        Incident::of(&[ok.clone(), alarm])
    };
    let found = of(AlarmState::Alarm, Some(Done::FailedOver), None);
    assert_eq!((found.len(), found[0].began, found[0].duration_ms()), (1, at, Some(540_000)));
    assert_eq!(of(AlarmState::Alarm, Some(Done::Failed), None).len(), 1);
    for done in [None, Some(Done::Already), Some(Done::Ignored), Some(Done::Refused), Some(Done::FailedBack)]
    {
        assert_eq!(of(AlarmState::Alarm, done, None), [], "{done:?}");
    }
    assert_eq!(of(AlarmState::Alarm, Some(Done::FailedOver), Some("staging/bookstore/cdn/1")), []);
    assert_eq!(of(AlarmState::Ok, Some(Done::FailedOver), None), []);
}

#[test]
fn an_incident_that_has_not_ended_never_has_a_duration() {
    let at = now() - days(3);
    let alarm = entry(at, AlarmState::Alarm, Some(Done::FailedOver));
    // What was OK before it, or went off elsewhere, does not end it.
    let before = entry(at - MINUTE, AlarmState::Ok, None);
    let mut elsewhere = entry(at + MINUTE, AlarmState::Ok, None);
    elsewhere.alarm_arn.push('2');
    let found = Incident::of(&[elsewhere, before, alarm]);
    assert_eq!((found.len(), found[0].duration_ms()), (1, None));
}

/// The bookstore, with an incident of 10 minutes that began a day ago.
fn bookstore() -> Inputs {
    let run = |days_ago: u64, fields| {
        result_of("staging/bookstore/blue", now() - days(days_ago), Recovered, &fields)
    };
    let mut document = request();
    document["detection"] = json!({ "alarmArn": ALARM });
    let mut scheduled = scheduled("rate(28 days)");
    scheduled.request = Ok(read(&document));
    let results = vec![
        run(3, json!({ "lostMs": 90_000, "perMin": 100 })),
        run(40, json!({ "lostMs": 60_000, "perMin": 10 })),
        result_of("staging/bookstore/blue", now() - days(4), Inconclusive, &json!({})),
        result_of("staging/bookstore/blue", now() - days(5), Skipped, &json!({})),
    ];
    let mut inputs = inputs(results, vec![scheduled]);
    let began = now() - days(1);
    inputs.incidents = Incident::of(&[
        entry(began, AlarmState::Alarm, Some(Done::FailedOver)),
        entry(began + MINUTE * 10, AlarmState::Ok, None),
    ]);
    inputs
}

fn declare_revenue(inputs: &mut Inputs) {
    declare(
        inputs,
        &json!({
            "application": "bookstore", "owner": "team", "revenuePerMinute": 1_000,
            "dependencies": [{ "name": "compute", "critical": true }]
        }),
    );
}

fn loss(inputs: &Inputs, now: Timestamp) -> Loss {
    Scorecard::of(inputs, now).losses.remove(0)
}

#[test]
fn what_is_unknown_is_never_added_up_as_nothing() {
    let mut of = bookstore();
    declare_revenue(&mut of);
    let loss = loss(&of, now());
    assert_eq!((loss.drills.events, loss.drills.unknown, loss.drills.lost_ms), (3, 1, 150_000));
    assert_eq!(loss.drills.cost, Some(160), "at what each run recorded: 1.5 times 100, and 10");
    assert_eq!(
        (loss.incidents.events, loss.incidents.lost_ms, loss.incidents.cost),
        (1, 600_000, Some(10_000))
    );
    let listed: Vec<_> =
        loss.incident_list.iter().map(|incident| (incident.began, incident.lost_ms)).collect();
    assert_eq!(listed, [(now() - days(1), Some(600_000))]);
    let months: Vec<_> =
        loss.months.iter().rev().take(2).map(|month| (&month.month[..], month.drills.lost_ms)).collect();
    assert_eq!(months, [("2026-11", 90_000), ("2026-10", 60_000)]);
    let sum: u64 = loss.months.iter().map(|month| month.drills.lost_ms + month.incidents.lost_ms).sum();
    assert_eq!(sum, 750_000);
}

#[test]
fn without_a_declared_revenue_there_is_never_a_sum_of_money() {
    let loss = loss(&bookstore(), now());
    assert_eq!(loss.incidents.cost, None);
    let mut of = bookstore();
    of.results[1].revenue_per_minute = None;
    assert_eq!(self::loss(&of, now()).drills.cost, None, "one of the runs has none");
}

#[test]
fn what_is_yet_to_happen_is_never_counted() {
    let of = bookstore();
    let during = loss(&of, now() - days(1) + MINUTE);
    assert_eq!((during.incidents.events, during.incidents.unknown, during.incidents.lost_ms), (1, 1, 0));
    assert_eq!(loss(&of, now() - days(2)).incidents.events, 0);
}

#[test]
fn an_incident_of_an_alarm_that_no_drill_names_is_never_dropped_in_silence() {
    let mut of = bookstore();
    of.incidents[0].alarm_arn = format!("{ALARM}-other");
    let scorecard = Scorecard::of(&of, now());
    assert_eq!(scorecard.losses[0].incidents.events, 0);
    assert!(
        scorecard.unread[0].contains("bookstore-other belongs to no application"),
        "{:?}",
        scorecard.unread
    );
}
