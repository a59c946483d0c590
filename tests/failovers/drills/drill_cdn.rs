//! Drills of a distribution that take place.

use firedrill_core::{Outcome, Phase, evidence::Evidence, failover::Done, run::StepState};
use firedrill_local::{Bookstore, bookstore::Cdn, table::Record};
use serde_json::json;

use super::world::{Ground, World, effects, history, on_ground, served_as_measured, served_since};
use crate::place::until;

/// Recovered, failed back, and nothing of it left: each call sent once, and by whom it should be.
async fn went_well(world: &World<'_>, shop: &Bookstore, record: &Record) {
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::Recovered), "{run:#?}");
    assert_eq!(world.moved().await, [1, 1]);
    assert_eq!(world.origin().await, "primary");
    assert!(!world.is_registered().await, "its alarm is its no more");
    assert!(run.undo.iter().all(|step| step.progress.state == StepState::Done), "{:#?}", run.undo);
    assert_eq!(world.alarm_state().await, "OK");
    assert!(world.own_entry(record).is_some(), "{:#?}", record.evidence);
    served_as_measured(shop, record);
}

#[test]
fn who_served_when_is_never_recorded_otherwise_than_it_was() {
    on_ground(async |ground| {
        let world = ground.world("plain");
        let shop = world.shop();
        let record = world.run(&world.request(&shop.url())).await;
        went_well(&world, &shop, &record).await;

        assert_eq!(world.by_drill("SetAlarmState").await.len(), 1, "it fell back by itself");
        let id = world.run_id();
        let told = history(&record);
        assert!(told.iter().any(|text| text.contains("OK to ALARM") && text.contains(&id)), "{told:#?}");
        let wiring = record.evidence.iter().find_map(|item| match item {
            Evidence::Wiring { hops, .. } => Some(hops),
            _ => None,
        });
        let hops: Vec<&str> = wiring.unwrap().iter().map(|hop| hop.to.rsplit(':').next().unwrap()).collect();
        let distribution = format!("distribution/{}", world.id);
        let failover = world.drill().replace("-drill-", "-failover-");
        assert_eq!(hops, ["drills-alarms-cdn", &failover, &distribution]);
        // Configured is kept apart from served.
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
        assert!(world.told().await.is_empty(), "nobody is woken by a drill that goes well");

        // A topic may deliver again for weeks.
        let alarm = world.deliveries("ALARM").await;
        let again = ground.aws.redeliver(alarm[0].n).await.unwrap();
        world.delivered(again.n).await;
        assert_eq!(world.moved().await, [1, 1]);
        assert_eq!(world.origin().await, "primary");
        let entries = world.entries().await;
        let acted = entries.iter().filter(|entry| entry.called_at.is_some());
        assert_eq!(acted.count(), 1, "{entries:#?}");
    });
}

#[test]
fn a_composite_alarm_is_never_left_as_the_drill_set_it() {
    on_ground(async |ground| {
        let world = ground.world("composite");
        let shop = world.shop();
        world.alarm_is("OK").await;
        let record = world.run(&world.request(&shop.url())).await;
        went_well(&world, &shop, &record).await;
        assert_eq!(world.by_drill("SetAlarmState").await.len(), 2, "forced, and set back");
        let told = history(&record);
        let back = told.iter().find(|text| text.contains("ALARM to OK"));
        assert!(back.is_some_and(|text| text.contains(&world.run_id())), "{told:#?}");
        let step = &record.run.undo[0];
        assert_eq!((step.action.as_str(), step.progress.attempts), ("SetAlarmState", 1));
    });
}

#[test]
fn a_dangerous_action_is_never_set_off_unless_it_is_allowed_by_name() {
    on_ground(async |ground| {
        let world = ground.world("terminate");
        let shop = world.shop();
        world.alarm_is("OK").await;
        let mut request = world.request(&shop.url());
        let refused = world.run(&request).await.run;
        assert_eq!(refused.outcome, Some(Outcome::NotInjected), "{refused:#?}");
        assert!(refused.reason.unwrap().contains(super::template::TERMINATE));
        world.untouched().await;
        request["runId"] = json!("2");
        request["target"]["allowedActions"] = json!([super::template::TERMINATE]);
        let mut answer = world.invoke(&request).await;
        let id = answer["runId"].as_str().unwrap().to_owned();
        while answer["phase"] != "finished" {
            answer = world.invoke(&json!({ "resume": id })).await;
        }
        assert_eq!(answer["outcome"], "recovered", "{answer:#}");
        assert_eq!(world.moved().await, [1, 1]);
    });
}

#[test]
fn a_configuration_is_never_taken_for_serving() {
    on_ground(async |ground| {
        let world = ground.world("nameless");
        let shop = world.shop();
        world.alarm_is("OK").await;
        let mut request = world.request(&shop.url());
        request["target"].as_object_mut().unwrap().remove("identity");
        let record = world.run(&request).await;
        let run = &record.run;
        assert_eq!(run.outcome, Some(Outcome::Inconclusive), "{run:#?}");
        assert!(run.reason.as_deref().unwrap().contains("`target.identity`"), "{:?}", run.reason);
        assert!(run.times.failed_over.is_some() && run.times.serving_standby.is_none(), "{:#?}", run.times);
        assert_eq!((world.moved().await, world.origin().await.as_str()), ([1, 1], "primary"));
        assert!(!world.is_registered().await);
    });
}

#[test]
fn neither_order_nor_lateness_of_deliveries_ever_decides_who_serves() {
    on_ground(async |ground| {
        tokio::join!(ok_before_alarm(ground), alarm_after_its_run(ground));
    });
}

async fn ok_before_alarm(ground: &Ground) {
    let world = ground.world("order");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let settled = world.deliveries("OK").await.len();
    ground.aws.hold_deliveries(world.name).await.unwrap();
    let request = world.request(&shop.url());
    let reorder = async {
        world.in_phase(Phase::Recovering).await;
        let held = async |state| {
            until("it is held back", async || {
                world.deliveries(state).await.into_iter().find(|one| one.state == "held")
            })
            .await
        };
        let (ok, alarm) = (held("OK").await, held("ALARM").await);
        assert!(alarm.n < ok.n);
        // The forced state is gone, and nobody has acted on it yet: its history is the proof.
        assert_eq!((world.alarm_state().await.as_str(), world.moved().await), ("OK", [0, 0]));
        for n in [ok.n, alarm.n] {
            ground.aws.release_delivery(n).await.unwrap();
            world.delivered(n).await;
        }
        ground.aws.resume_deliveries(world.name).await.unwrap();
    };
    let (record, ()) = tokio::join!(world.run(&request), reorder);
    went_well(&world, &shop, &record).await;
    let entries = world.entries().await;
    let done: Vec<Option<Done>> = entries.iter().skip(settled).map(|entry| entry.done).collect();
    assert_eq!(done, [Some(Done::FailedOver), Some(Done::Ignored)], "{entries:#?}");
    assert!(entries[settled + 1].received_at < entries[settled].received_at, "{entries:#?}");
}

async fn alarm_after_its_run(ground: &Ground) {
    let world = ground.world("late");
    let shop = world.shop();
    world.alarm_is("OK").await;
    ground.aws.hold_deliveries(world.name).await.unwrap();
    let mut request = world.request(&shop.url());
    request["objective"]["rtoSeconds"] = json!(2);
    request["objective"]["giveUpAfterSeconds"] = json!(4);
    let record = world.run(&request).await;
    let run = &record.run;
    assert_eq!(run.outcome, Some(Outcome::NotRecovered), "{run:#?}");
    assert!(run.times.in_place.is_some(), "the alarm went off; nobody was told");
    assert!(run.times.serving_standby.is_none() && run.times.failed_over.is_none(), "{:#?}", run.times);
    assert!(run.reason.as_deref().unwrap().contains("secondary serves"), "{:?}", run.reason);
    let late = world.deliveries("ALARM").await;
    assert_eq!((late.len(), late[0].state.as_str()), (1, "held"));
    ground.aws.resume_deliveries(world.name).await.unwrap();
    ground.aws.release_delivery(late[0].n).await.unwrap();
    world.delivered(late[0].n).await;
    assert_eq!(world.moved().await, [0, 0]);
    assert_eq!(world.origin().await, "primary");
    let entries = world.entries().await;
    let entry = entries.iter().find(|entry| entry.run_id.is_some()).unwrap();
    assert_eq!((entry.done, entry.called_at), (Some(Done::Refused), None), "{entry:#?}");
    assert!(served_since(&shop, Cdn::Secondary, run.times.injected.unwrap().at).is_none());
}
