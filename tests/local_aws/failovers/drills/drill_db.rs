//! Database drills: a cluster or a Multi-AZ instance fails over.

use super::fixture::FIXTURE;
use crate::trials;
use firedrill_core::{Outcome, Timestamp, evidence::Evidence, run::StepState};
use firedrill_local::{Bookstore, record_reader::Record};
use libtest_mimic::Trial;
use serde_json::json;

use super::fixture::{DrillCase, DrillFixture, effects, history, with_drill_fixture};

/// When the database became unreachable, and when it took connections again with this writer.
fn out_and_back(shop: &Bookstore, writer: Option<&str>, after: Timestamp) -> (i64, i64) {
    let truth = shop.database_truth();
    let since = |at: i64| truth.iter().filter(move |truth| truth.at_ms >= at);
    let out = since(after.as_millis()).find(|truth| !truth.connectable);
    let out = out.unwrap_or_else(|| panic!("{truth:#?}")).at_ms;
    let back = since(out).find(|truth| truth.connectable && truth.writer.as_deref() == writer);
    (out, back.unwrap_or_else(|| panic!("{truth:#?}")).at_ms)
}

/// The measured recovery agrees with the bookstore's truth.
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

async fn nothing_is_left(case: &DrillCase<'_>, record: &Record) {
    assert_eq!(record.run.outcome, Some(Outcome::Recovered), "{:#?}", record.run);
    assert!(
        record.run.undo.iter().all(|step| step.progress.state == StepState::Done),
        "{:#?}",
        record.run.undo
    );
    assert!(!case.is_registered().await);
    assert_eq!(case.alarm_state().await, "OK");
    assert_eq!(case.by_drill("SetAlarmState").await.len(), 1);
    assert!(case.own_entry(record).is_some(), "{:#?}", record.evidence);
    let id = case.run_id();
    assert!(history(record).iter().any(|text| text.contains(&id)), "{:#?}", record.evidence);
}

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    trials![with FIXTURE;
        an_instance_is_never_judged_by_its_zones,
        a_new_writer_is_never_moved_back_unless_that_is_asked_for,
    ]
}

fn an_instance_is_never_judged_by_its_zones() {
    with_drill_fixture(async |fixture| {
        let case = fixture.case("multi");
        let shop = case.shop();
        case.alarm_is("OK").await;
        let record = case.run(&case.request(&shop.url())).await;
        nothing_is_left(&case, &record).await;
        assert_eq!(case.moved().await, [0, 1]);
        assert_eq!(case.by_failover("RebootDBInstance").await.len(), 1);
        measured_as_it_was(&shop, &record, None);
        let said = events(&record);
        assert!(said.iter().any(|text| text.contains("failover")), "{said:#?}");
    });
}

fn a_new_writer_is_never_moved_back_unless_that_is_asked_for() {
    with_drill_fixture(async |fixture| {
        tokio::join!(the_new_one_stays(fixture), the_old_one_is_restored(fixture));
    });
}

async fn the_new_one_stays(fixture: &DrillFixture) {
    let case = fixture.case("writer");
    let shop = case.shop();
    case.alarm_is("OK").await;
    let record = case.run(&case.request(&shop.url())).await;
    nothing_is_left(&case, &record).await;
    assert_eq!(case.moved().await, [0, 1]);
    let cluster = case.cluster().await;
    assert_eq!((cluster.status.as_str(), cluster.writer.as_deref()), ("available", Some("writer-2")));
    measured_as_it_was(&shop, &record, Some("writer-2"));
    assert_eq!(record.run.times.failed_back, None);
    let seen = effects(&record);
    assert_eq!(seen.first().map(String::as_str), Some("available, writer writer-1"), "{seen:#?}");
    assert_eq!(seen.last().map(String::as_str), Some("available, writer writer-2"), "{seen:#?}");
    let said = events(&record);
    assert!(said.iter().any(|text| text.contains("Completed failover")), "{said:#?}");
}

/// The writer is restored by a second failover, which is measured apart.
async fn the_old_one_is_restored(fixture: &DrillFixture) {
    let case = fixture.case("restore");
    let shop = case.shop();
    case.alarm_is("OK").await;
    let mut request = case.request(&shop.url());
    request["target"]["database"]["restoreWriter"] = json!(true);
    request["target"]["database"]["primaryProbe"] =
        json!({ "http": { "url": format!("{}/books/", shop.url()), "status": 200 } });
    let record = case.run(&request).await;
    nothing_is_left(&case, &record).await;
    assert_eq!(case.moved().await, [1, 1]);
    let cluster = case.cluster().await;
    assert_eq!((cluster.status.as_str(), cluster.writer.as_deref()), ("available", Some("restore-1")));
    measured_as_it_was(&shop, &record, Some("restore-2"));
    let times = &record.run.times;
    let (out, back) = out_and_back(&shop, Some("restore-1"), times.recovered.unwrap().at);
    let failed_back = times.failed_back.unwrap().at.as_millis();
    assert!(out < back && back <= failed_back, "{times:#?} {:#?}", shop.database_truth());
    assert!(times.recovered.unwrap().at.as_millis() < out, "{times:#?}");
}
