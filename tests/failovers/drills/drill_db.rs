//! Drills of a database.

use firedrill_core::{Outcome, Timestamp, evidence::Evidence, run::StepState};
use firedrill_local::{Bookstore, table::Record};
use serde_json::json;

use super::world::{Ground, World, effects, history, on_ground};

/// When the database was out of reach, and when it took connections again with this writer.
fn out_and_back(shop: &Bookstore, writer: Option<&str>, after: Timestamp) -> (i64, i64) {
    let truth = shop.database_truth();
    let since = |at: i64| truth.iter().filter(move |truth| truth.at_ms >= at);
    let out = since(after.as_millis()).find(|truth| !truth.connectable);
    let out = out.unwrap_or_else(|| panic!("{truth:#?}")).at_ms;
    let back = since(out).find(|truth| truth.connectable && truth.writer.as_deref() == writer);
    (out, back.unwrap_or_else(|| panic!("{truth:#?}")).at_ms)
}

/// That users were served again was measured as it was.
fn measured_as_it_was(shop: &Bookstore, record: &Record, writer: Option<&str>) {
    let times = &record.run.times;
    let injected = times.injected.unwrap().at;
    let (out, back) = out_and_back(shop, writer, injected);
    assert!(out > injected.as_millis());
    let recovered = times.recovered.unwrap();
    let (at, resolution) = (recovered.at.as_millis(), i64::try_from(recovered.resolution_ms).unwrap());
    assert!(
        at - resolution <= back && back <= at,
        "{recovered:?}, in truth at {}: {:#?}",
        Timestamp::from_millis(back),
        shop.database_truth()
    );
    assert_eq!(record.run.impaired, Some(true), "users were without their books meanwhile");
}

fn events(record: &Record) -> Vec<&str> {
    fn message(item: &Evidence) -> Option<&str> {
        if let Evidence::Event { message, .. } = item { Some(message) } else { None }
    }
    record.evidence.iter().filter_map(message).collect()
}

async fn nothing_is_left(world: &World<'_>, record: &Record) {
    assert_eq!(record.run.outcome, Some(Outcome::Recovered), "{:#?}", record.run);
    assert!(
        record.run.undo.iter().all(|step| step.progress.state == StepState::Done),
        "{:#?}",
        record.run.undo
    );
    assert!(!world.is_registered().await);
    assert_eq!(world.alarm_state().await, "OK");
    assert_eq!(world.by_drill("SetAlarmState").await.len(), 1);
    assert!(world.own_entry(record).is_some(), "{:#?}", record.evidence);
    let id = world.run_id();
    assert!(history(record).iter().any(|text| text.contains(&id)), "{:#?}", record.evidence);
}

#[test]
fn an_instance_is_never_judged_by_its_zones() {
    on_ground(async |ground| {
        let world = ground.world("multi");
        let shop = world.shop();
        world.alarm_is("OK").await;
        let record = world.run(&world.request(&shop.url())).await;
        nothing_is_left(&world, &record).await;
        assert_eq!(world.moved().await, [0, 1]);
        assert_eq!(world.by_failover("RebootDBInstance").await.len(), 1);
        measured_as_it_was(&shop, &record, None);
        let said = events(&record);
        assert!(said.iter().any(|text| text.contains("failover")), "{said:#?}");
    });
}

#[test]
fn a_new_writer_is_never_moved_back_unless_that_is_asked_for() {
    on_ground(async |ground| {
        tokio::join!(the_new_one_stays(ground), the_old_one_is_restored(ground));
    });
}

async fn the_new_one_stays(ground: &Ground) {
    let world = ground.world("writer");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let record = world.run(&world.request(&shop.url())).await;
    nothing_is_left(&world, &record).await;
    assert_eq!(world.moved().await, [0, 1]);
    let cluster = world.cluster().await;
    assert_eq!((cluster.status.as_str(), cluster.writer.as_deref()), ("available", Some("writer-2")));
    measured_as_it_was(&shop, &record, Some("writer-2"));
    assert_eq!(record.run.times.failed_back, None);
    let seen = effects(&record);
    assert_eq!(seen.first().map(String::as_str), Some("available, writer writer-1"), "{seen:#?}");
    assert_eq!(seen.last().map(String::as_str), Some("available, writer writer-2"), "{seen:#?}");
    let said = events(&record);
    assert!(said.iter().any(|text| text.contains("Completed failover")), "{said:#?}");
}

/// Measured apart: its way back is another failover.
async fn the_old_one_is_restored(ground: &Ground) {
    let world = ground.world("restore");
    let shop = world.shop();
    world.alarm_is("OK").await;
    let mut request = world.request(&shop.url());
    request["target"]["restoreWriter"] = json!(true);
    request["target"]["primaryProbe"] =
        json!({ "http": { "url": format!("{}/books/", shop.url()), "status": 200 } });
    let record = world.run(&request).await;
    nothing_is_left(&world, &record).await;
    assert_eq!(world.moved().await, [1, 1]);
    let cluster = world.cluster().await;
    assert_eq!((cluster.status.as_str(), cluster.writer.as_deref()), ("available", Some("restore-1")));
    measured_as_it_was(&shop, &record, Some("restore-2"));
    let times = &record.run.times;
    let (out, back) = out_and_back(&shop, Some("restore-1"), times.recovered.unwrap().at);
    let failed_back = times.failed_back.unwrap().at.as_millis();
    assert!(out < back && back <= failed_back, "{times:#?} {:#?}", shop.database_truth());
    assert!(times.recovered.unwrap().at.as_millis() < out, "{times:#?}");
}
