//! CDN drills: a distribution fails over and back.

use firedrill_core::{Outcome, Phase, evidence::Evidence, failover::Done, run::StepState};
use firedrill_local::{Bookstore, bookstore::Cdn, record_reader::Record};
use serde_json::json;

use super::fixture::{
    DrillCase, DrillFixture, effects, history, served_as_measured, served_since, with_drill_fixture,
};
use crate::fixture::until;

/// The run recovered and failed back, and left nothing behind: each call was sent once, by the right function.
async fn is_recovered_and_restored(case: &DrillCase<'_>, shop: &Bookstore, record: &Record) {
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    assert_eq!(case.moved().await, [1, 1]);
    assert_eq!(case.origin().await, "primary");
    assert!(!case.is_registered().await, "its alarm is its no more");
    assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
    assert_eq!(case.alarm_state().await, "OK");
    assert!(case.own_entry(record).is_some(), "{:#?}", record.evidence);
    served_as_measured(shop, record);
}

#[test]
fn who_served_when_is_never_recorded_otherwise_than_it_was() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("plain");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let record = case.run(&case.request(&shop.url())).await;
        is_recovered_and_restored(&case, &shop, &record).await;

        assert_eq!(case.by_drill("SetAlarmState").await.len(), 1, "it fell back by itself");
        let id = case.run_id();
        let told = history(&record);
        assert!(told.iter().any(|text| text.contains("OK to ALARM") && text.contains(&id)), "{told:#?}");
        let wiring = record.evidence.iter().find_map(|item| match item {
            Evidence::Wiring { hops, .. } => Some(hops),
            _ => None,
        });
        let hops: Vec<&str> = wiring.unwrap().iter().map(|hop| hop.to.rsplit(':').next().unwrap()).collect();
        let distribution = format!("distribution/{}", case.id);
        let failover = case.drill().replace("-drill-", "-failover-");
        assert_eq!(hops, ["drills-alarms-cdn", &failover, &distribution]);
        // The configuration and what the edges serve are recorded apart.
        let seen = effects(&record);
        let at = |text: &str| seen.iter().position(|state| state == text);
        let (before, moved) = (at("default -> primary, Deployed"), at("default -> standby, InProgress"));
        assert!(before.is_some() && before < moved.or(at("default -> standby, Deployed")), "{seen:#?}");
        let answered = |name: &str| {
            record.evidence.iter().any(|item| {
                matches!(item, Evidence::Probe { probe, detail, .. } if probe == &format!("{name} serves")
                    && detail.as_deref() == Some(&format!("200, /cdn is \"{name}\"")))
            })
        };
        assert!(answered("primary") && answered("secondary"), "{:#?}", record.evidence);
        let notes = record.evidence.iter().filter(|item| matches!(item, Evidence::Note { .. }));
        assert!(notes.count() > 0, "that detection was not exercised is on record");
        assert_eq!((record.run.times.detected, record.run.impaired), (None, Some(false)));
        assert!(case.pages().await.is_empty(), "nobody is woken by a drill that goes well");

        // SNS may deliver again for weeks.
        let alarm = case.deliveries("ALARM").await;
        let again = fixture.aws.redeliver(alarm[0].n).await.unwrap();
        case.delivered(again.n).await;
        assert_eq!(case.moved().await, [1, 1]);
        assert_eq!(case.origin().await, "primary");
        let journal = case.journal().await;
        let acted = journal.iter().filter(|entry| entry.called_at.is_some());
        assert_eq!(acted.count(), 1, "{journal:#?}");
    });
}

#[test]
fn a_composite_alarm_is_never_left_as_the_drill_set_it() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("composite");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let record = case.run(&case.request(&shop.url())).await;
        is_recovered_and_restored(&case, &shop, &record).await;
        assert_eq!(case.by_drill("SetAlarmState").await.len(), 2, "forced, and set back");
        let told = history(&record);
        let back = told.iter().find(|text| text.contains("ALARM to OK"));
        assert!(back.is_some_and(|text| text.contains(&case.run_id())), "{told:#?}");
        let step = &record.run.undo[0];
        assert_eq!((step.action.as_str(), step.progress.attempts), ("SetAlarmState", 1));
    });
}

#[test]
fn a_dangerous_action_is_never_set_off_unless_it_is_allowed_by_name() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("terminate");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let mut request = case.request(&shop.url());
        let refused = case.run(&request).await.run;
        assert_eq!(refused.outcome, Some(Outcome::NotInjected), "{refused:#?}");
        assert!(refused.reason.unwrap().contains(super::template::TERMINATE));
        case.untouched().await;
        request["runId"] = json!("2");
        request["target"]["distribution"]["trigger"]["allowedActions"] = json!([super::template::TERMINATE]);
        let mut answer = case.invoke(&request).await;
        let id = answer["runId"].as_str().unwrap().to_owned();
        while answer["phase"] != "finished" {
            answer = case.invoke(&json!({ "resume": id })).await;
        }
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        assert_eq!(case.moved().await, [1, 1]);
    });
}

#[test]
fn a_configuration_is_never_taken_for_serving() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("nameless");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let mut request = case.request(&shop.url());
        request["target"]["distribution"].as_object_mut().unwrap().remove("identity");
        let record = case.run(&request).await;
        let run = &record.run;
        assert_eq!(run.outcome, Some(Outcome::Inconclusive), "{run:#?}");
        assert!(run.reason.as_deref().unwrap().contains("`target.identity`"), "{:?}", run.reason);
        assert!(run.times.failed_over.is_some() && run.times.serving_standby.is_none(), "{:#?}", run.times);
        assert_eq!((case.moved().await, case.origin().await.as_str()), ([1, 1], "primary"));
        assert!(!case.is_registered().await);
    });
}

#[test]
fn neither_order_nor_lateness_of_deliveries_ever_decides_who_serves() {
    with_drill_fixture(async |fixture| {
        tokio::join!(ok_before_alarm(fixture), alarm_after_its_run(fixture));
    });
}

async fn ok_before_alarm(fixture: &DrillFixture) {
    let case = fixture.case("order");
    let shop = case.shop();
    case.alarm_is("OK").await;
    let settled = case.deliveries("OK").await.len();
    fixture.aws.hold_deliveries(case.name).await.unwrap();
    let request = case.request(&shop.url());
    let reorder = async {
        case.in_phase(Phase::Recovering).await;
        let held = async |state| {
            until("it is held back", async || {
                case.deliveries(state).await.into_iter().find(|one| one.state == "held")
            })
            .await
        };
        let (ok, alarm) = (held("OK").await, held("ALARM").await);
        assert!(alarm.n < ok.n);
        // The forced state is gone before the failover function has acted: the alarm's history is the proof.
        assert_eq!((case.alarm_state().await.as_str(), case.moved().await), ("OK", [0, 0]));
        for n in [ok.n, alarm.n] {
            fixture.aws.release_delivery(n).await.unwrap();
            case.delivered(n).await;
        }
        fixture.aws.resume_deliveries(case.name).await.unwrap();
    };
    let (record, ()) = tokio::join!(case.run(&request), reorder);
    is_recovered_and_restored(&case, &shop, &record).await;
    let journal = case.journal().await;
    let done: Vec<Option<Done>> = journal.iter().skip(settled).map(|entry| entry.done).collect();
    assert_eq!(done, [Some(Done::FailedOver), Some(Done::Ignored)], "{journal:#?}");
    assert!(journal[settled + 1].received_at < journal[settled].received_at, "{journal:#?}");
}

async fn alarm_after_its_run(fixture: &DrillFixture) {
    let case = fixture.case("late");
    let shop = case.shop();
    case.alarm_is("OK").await;
    fixture.aws.hold_deliveries(case.name).await.unwrap();
    let mut request = case.request(&shop.url());
    request["objective"]["rtoSeconds"] = json!(2);
    request["objective"]["giveUpAfterSeconds"] = json!(4);
    let record = case.run(&request).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::NotRecovered), "{run:#?}");
    assert!(run.times.in_place.is_some(), "the alarm went off; nobody was told");
    assert!(run.times.serving_standby.is_none() && run.times.failed_over.is_none(), "{:#?}", run.times);
    assert!(run.reason.as_deref().unwrap().contains("secondary serves"), "{:?}", run.reason);
    let late = case.deliveries("ALARM").await;
    assert_eq!((late.len(), late[0].state.as_str()), (1, "held"));
    fixture.aws.resume_deliveries(case.name).await.unwrap();
    fixture.aws.release_delivery(late[0].n).await.unwrap();
    case.delivered(late[0].n).await;
    assert_eq!(case.moved().await, [0, 0]);
    assert_eq!(case.origin().await, "primary");
    let journal = case.journal().await;
    let entry = journal.iter().find(|entry| entry.run_id.is_some()).unwrap();
    assert_eq!((entry.done, entry.called_at), (Some(Done::Refused), None), "{entry:#?}");
    assert!(served_since(&shop, Cdn::Secondary, run.times.injected.unwrap().at).is_none());
}
