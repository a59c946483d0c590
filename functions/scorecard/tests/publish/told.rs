//! What is told once, and what is told again.

use std::time::Duration;

use firedrill_core::{
    Outcome::{NotRecovered, Recovered, Skipped},
    Timestamp,
};
use firedrill_scorecard::{
    notice::{Notice, StreamChange, notice_of},
    ports::Schedule,
};
use serde_json::{Value, json};

use crate::{
    common::{days, links, now, published, request, result, schedule},
    world::World,
};

const HOUR: Duration = Duration::from_hours(1);

/// Publishes so often, this far apart, and returns how many notices were written.
fn told(world: &World, from: Timestamp, times: u32, apart: Duration) -> usize {
    (0..times).map(|time| published(world, from + apart * time).result().unwrap().notices).sum()
}

/// The kinds of everything that was told so far, each as often as it was.
fn kinds(world: &World) -> Vec<String> {
    world.markers.borrow().values().map(|marker| marker.kind.clone()).collect()
}

/// A drill with these runs that a schedule starts.
fn scheduled(results: &[(u64, firedrill_core::Outcome)], change: impl FnOnce(&mut Schedule)) -> World {
    let mut world = World::default();
    if !results.is_empty() {
        let results = results.iter().map(|(ago, outcome)| result("blue", now() - days(*ago), *outcome));
        world.set_results(results.collect());
    }
    let mut schedule = schedule(&request("blue"), "rate(28 days)");
    change(&mut schedule);
    world.schedules.insert("blue".to_owned(), schedule);
    world
}

#[test]
fn an_overdue_drill_is_never_told_twice_for_one_due_date() {
    let mut world = scheduled(&[(34, Recovered)], |_| ());
    assert_eq!(told(&world, now(), 24, HOUR), 0, "it is due, and not overdue");
    assert_eq!(told(&world, now() + days(2), 24 * 5, HOUR), 1);
    let marker = world.markers.borrow().values().next().unwrap().clone();
    assert_eq!(
        (marker.kind.as_str(), marker.drill.to_string().as_str()),
        ("overdue", "staging/bookstore/blue")
    );
    assert_eq!(marker.occasion, (now() - days(34) + days(28)).to_string(), "the day on which it was due");
    // Failing, being skipped and being started by hand make no new due date.
    let failed = [result("blue", now() - days(34), Recovered), result("blue", now() + days(6), NotRecovered)];
    world.set_results(failed.to_vec());
    assert_eq!(told(&world, now() + days(8), 24, HOUR), 0);
    // A pass does.
    let passed = result("blue", now() + days(10), Recovered);
    world.set_results(vec![failed[0].clone(), failed[1].clone(), passed]);
    assert_eq!(told(&world, now() + days(11), 8, days(7)), 1);
    assert_eq!(kinds(&world), ["overdue", "overdue"]);
}

#[test]
fn an_overdue_drill_is_never_left_untold_though_writing_failed() {
    let world = scheduled(&[(40, Recovered)], |_| ());
    world.fail("mark overdue");
    let publication = published(&world, now());
    assert!(publication.summary.files > 0 && publication.summary.overdue == 1, "the pages say it");
    let why = publication.result().unwrap_err().to_string();
    assert!(why.contains("staging/bookstore/blue is overdue cannot be told"), "{why}");
    world.fail_nothing();
    assert_eq!(told(&world, now() + HOUR, 3, HOUR), 1);
}

#[test]
fn one_notice_that_fails_never_keeps_another_back() {
    let mut world = scheduled(&[(40, Recovered)], |schedule| schedule.enabled = false);
    world.set_results(vec![result("blue", now() - days(40), Recovered)]);
    world.fail("mark overdue");
    assert!(published(&world, now()).result().is_err());
    assert_eq!(kinds(&world), ["disabled"]);
}

#[test]
fn a_drill_that_never_passed_is_never_told_again_because_its_oldest_result_expires() {
    let never_ran = scheduled(&[], |schedule| schedule.created = Some(now() - days(500)));
    assert_eq!(told(&never_ran, now(), 20, days(1)), 1, "never run, and overdue");
    let results: Vec<_> = (0..60).map(|number| (10 + 10 * number, NotRecovered)).collect();
    let failing = scheduled(&results, |schedule| schedule.created = None);
    assert_eq!(told(&failing, now(), 20, days(1)), 1);
    assert_eq!(
        (kinds(&never_ran), kinds(&failing)),
        (vec!["overdue".to_owned()], vec!["overdue".to_owned()])
    );
}

#[test]
fn a_drill_that_was_scheduled_just_now_is_never_told_as_never_run() {
    let world = scheduled(&[], |schedule| schedule.created = Some(now() - days(1)));
    assert_eq!(told(&world, now(), 24, HOUR), 0);
}

#[test]
fn a_state_that_lasts_is_never_told_twice() {
    let plain = || schedule(&request("blue"), "rate(28 days)");
    let with = |field: &str, value: Value| {
        let mut request = request("blue");
        request[field] = value;
        Some(request.to_string())
    };
    let window = json!([{ "days": ["monday"], "from": "02:00", "to": "03:00", "timeZone": "Europe/London" }]);
    let tuesdays = "cron(0 12 ? * TUE *)".to_owned();
    let cases = [
        ("disabled", Schedule { enabled: false, ..plain() }),
        ("only-planned", Schedule { input: with("execute", json!(false)), ..plain() }),
        ("scheduled-too-rarely", Schedule { expression: "rate(60 days)".to_owned(), ..plain() }),
        ("schedule-ended", Schedule { ends: Some(now() - days(1)), ..plain() }),
        ("never-in-window", Schedule { expression: tuesdays, input: with("windows", window), ..plain() }),
        ("schedule-unreadable", Schedule { expression: "rate(soon)".to_owned(), ..plain() }),
    ];
    for (kind, changed) in cases {
        let world = scheduled(&[(2, Recovered)], |schedule| *schedule = changed);
        assert_eq!(told(&world, now(), 10, 7 * HOUR), 1, "{kind}");
        assert_eq!(kinds(&world), [kind]);
    }
}

#[test]
fn a_schedule_that_is_disabled_again_after_a_run_is_told_again() {
    let mut world = scheduled(&[(20, Recovered)], |schedule| schedule.enabled = false);
    assert_eq!(told(&world, now() - days(10), 24, HOUR), 1);
    world.set_results([20, 2].map(|ago| result("blue", now() - days(ago), Recovered)).to_vec());
    assert_eq!(told(&world, now(), 24, HOUR), 1);
}

#[test]
fn a_drill_that_is_skipped_each_hour_is_never_told_twice() {
    let mut world = scheduled(&[(3, Recovered)], |_| ());
    for hours in [600, 601, 602] {
        let end = now() + HOUR * hours;
        let skipped = (0..hours).map(|hour| result("blue", end - HOUR * hour, Skipped));
        let passed = result("blue", now() - days(3), Recovered);
        world.set_results(skipped.chain([passed]).collect());
        published(&world, end).result().unwrap();
    }
    assert_eq!(kinds(&world).iter().filter(|kind| *kind == "skipped-repeatedly").count(), 1);
}

#[test]
fn a_schedule_that_was_deleted_or_replaced_is_told_once() {
    let mut world = scheduled(&[(5, Recovered)], |_| ());
    world.schedules.clear();
    assert_eq!(told(&world, now(), 24, HOUR), 1);
    assert_eq!(kinds(&world), ["schedule-deleted"]);
    world.schedules.insert("green".to_owned(), schedule(&request("green"), "rate(28 days)"));
    assert!(told(&world, now(), 24, HOUR) >= 1);
    assert!(kinds(&world).contains(&"renamed".to_owned()), "{:?}", kinds(&world));
}

#[test]
fn what_a_marker_holds_is_what_its_insertion_tells() {
    let world = scheduled(&[(40, Recovered)], |_| ());
    published(&world, now()).result().unwrap();
    let markers = world.markers.borrow();
    let (key, marker) = markers.first_key_value().unwrap();
    let change = StreamChange {
        inserted: true,
        pk: format!("marker#{}#{}", marker.kind, marker.drill),
        sk: marker.occasion.clone(),
        new: json!({ "pk": "x", "sk": "y", "at": marker.at, "notice": marker.notice }),
        old: None,
    };
    let notice = notice_of(&change, &links()).unwrap().expect("it is told");
    assert_eq!(json!(notice), marker.notice);
    let Notice { subject, text, event } = notice;
    assert_eq!(subject, "Firedrill: blue is overdue (bookstore, staging)");
    assert!(text.contains("It has been overdue for 5 days"), "{text}");
    assert!(
        text.contains("Playbook: https://example.com/p (version 3)") && text.contains("Owner: team"),
        "{text}"
    );
    assert!(text.contains("https://results.example.com/applications/bookstore-"), "{text}");
    assert!(event.into_parts().1["id"].as_str().unwrap().contains(key.split('#').next().unwrap()));
    // It is told when it is written, and never when it expires or is written over.
    let changed = StreamChange { inserted: false, old: Some(change.new.clone()), ..change };
    assert_eq!(notice_of(&changed, &links()), Ok(None));
}
