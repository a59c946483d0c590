//! What a publication costs: it never grows with history.

use std::time::{Duration, Instant};

use firedrill_core::Outcome::Recovered;
use serde_json::{Value, json};

use crate::{
    common::{days, now, published, request, result, schedule},
    world::World,
};

const DRILLS: usize = 1_000;

/// So many drills with so many results each in the table, ten of which are not older than 400 days.
fn world(drills: usize, results: u64) -> World {
    let mut world = World::default();
    for number in 0..drills {
        let name = format!("drill-{number}");
        let template = serde_json::to_value(result(&name, now(), Recovered)).unwrap();
        let key = result(&name, now(), Recovered).key();
        world.schedules.insert(name.clone(), schedule(&request(&name), "rate(28 days)"));
        let of_table = move || -> Box<dyn Iterator<Item = Value>> {
            let (template, name) = (template.clone(), name.clone());
            let older = |number: u64| days(400) + Duration::from_hours(number);
            let ago = move |number: u64| if number < 10 { days(3 + 28 * number) } else { older(number) };
            Box::new((0..results).map(move |number| {
                let mut item = template.clone();
                item["fin"] = json!(now() - ago(number));
                item["run"] = json!(format!("staging/bookstore/{name}/{number:06}"));
                item
            }))
        };
        world.results.insert(key, Box::new(of_table));
    }
    world
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the times are printed, and nothing depends on them")]
fn a_hundred_times_as_many_runs_never_make_the_page_read_more() {
    let measured = [10, 1_000].map(|results| {
        let world = world(DRILLS, results);
        let began = Instant::now();
        let summary = published(&world, now()).result().unwrap();
        let (items, bytes) = world.read.get();
        let calls = world.calls.borrow().len();
        println!(
            "{DRILLS} drills, {} runs in the table: {items} results of {bytes} bytes in {calls} calls, published in {} ms",
            DRILLS as u64 * results,
            began.elapsed().as_millis()
        );
        assert_eq!(summary.drills, DRILLS);
        (items, bytes, calls, summary.files)
    });
    assert_eq!(measured[0].0, 10 * DRILLS);
    assert_eq!(measured[0], measured[1]);
}

/// A drill that runs each hour.
#[test]
fn a_drill_is_never_read_beyond_its_bound() {
    let read = |results: u64| {
        let mut world = World::default();
        let template = serde_json::to_value(result("blue", now(), Recovered)).unwrap();
        let of_table = move || -> Box<dyn Iterator<Item = Value>> {
            let template = template.clone();
            Box::new((0..results).map(move |number| {
                let mut item = template.clone();
                item["fin"] = json!(now() - Duration::from_hours(number));
                item["run"] = json!(format!("staging/bookstore/blue/{number:06}"));
                item
            }))
        };
        world.results.insert(result("blue", now(), Recovered).key(), Box::new(of_table));
        published(&world, now()).result().unwrap();
        let is_cut = world.file("scorecard.json").contains("\"resultsCut\":true");
        (world.read.get(), is_cut)
    };
    let (most, is_cut) = read(501);
    assert_eq!((most.0, is_cut), (501, true));
    assert_eq!(read(5_000), (most, true));
    assert!(!read(500).1);
}
