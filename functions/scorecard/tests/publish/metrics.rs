//! What CloudWatch counts.

use firedrill_core::Outcome::{NotRecovered, Recovered};
use serde_json::{Value, json};

use crate::{
    common::{days, now, published, request, result, schedule},
    world::World,
};

/// One drill that passed three days ago, one that is overdue, and one that fails since it passed.
fn world() -> World {
    let mut world = World::default();
    for (drill, outcome, ago) in
        [("well", Recovered, 3), ("overdue", Recovered, 40), ("failing", NotRecovered, 2)]
    {
        let before = result(drill, now() - days(ago + 10), Recovered);
        world.set_results(vec![before, result(drill, now() - days(ago), outcome)]);
        world.schedules.insert(drill.to_owned(), schedule(&request(drill), "rate(28 days)"));
    }
    world
}

fn line<'a>(lines: &'a [Value], dimension: &str, value: &str) -> &'a Value {
    lines.iter().find(|line| line[dimension] == value).expect("there is such a line")
}

#[test]
fn each_metric_is_named_with_its_dimensions_and_has_a_value() {
    let lines = published(&world(), now()).metrics;
    assert_eq!(lines.len(), 4);
    for line in &lines {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!((directives.len(), &directives[0]["Namespace"]), (1, &json!("Firedrill")));
        assert_eq!(line["_aws"]["Timestamp"], now().as_millis());
        let dimensions = directives[0]["Dimensions"][0].as_array().unwrap();
        assert!(dimensions.iter().all(|name| line[name.as_str().unwrap()].is_string()), "{line}");
        let metrics = directives[0]["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{line}");
        assert!(metrics.iter().all(|of| line[of["Name"].as_str().unwrap()].is_number()), "{line}");
        // Whatever is named by nothing would be a property, which costs nothing and shows nowhere.
        let fields = line.as_object().unwrap().len();
        assert_eq!(fields, 1 + dimensions.len() + metrics.len(), "{line}");
    }
    let of = |drill: &str| line(&lines, "drill", drill);
    assert_eq!(
        of("well")["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["application", "environment", "drill"]])
    );
    assert_eq!((&of("well")["daysSinceLastPass"], &of("well")["overdue"]), (&json!(3.0), &json!(0)));
    assert_eq!((&of("overdue")["overdue"], &of("overdue")["failing"]), (&json!(1), &json!(0)));
    assert_eq!((&of("failing")["failing"], &of("failing")["daysSinceLastPass"]), (&json!(1), &json!(12.0)));
    let stack = line(&lines, "stack", "firedrill");
    assert_eq!((&stack["overdueDrills"], &stack["failingDrills"]), (&json!(1), &json!(1)));
    assert_eq!(stack["unreadSources"], 0);
}

#[test]
fn what_cannot_be_told_is_never_counted_as_none() {
    let world = world();
    world.fail("results staging/bookstore/overdue");
    let lines = published(&world, now()).metrics;
    let stack = line(&lines, "stack", "firedrill");
    assert_eq!((stack.get("overdueDrills"), &stack["failingDrills"]), (None, &json!(1)), "{stack}");
    assert_eq!(stack["unreadSources"], 1);
    assert!(!lines.iter().any(|line| line["drill"] == "overdue"), "nothing is known of it: {lines:?}");
    world.fail("drills");
    let lines = published(&world, now()).metrics;
    let stack = line(&lines, "stack", "firedrill");
    assert_eq!((stack.get("overdueDrills"), stack.get("failingDrills")), (None, None), "{stack}");
}

#[test]
fn a_name_that_no_request_can_have_never_becomes_a_dimension() {
    let mut world = World::default();
    let mut hostile = result("blue", now() - days(3), Recovered);
    hostile.run_id = format!("staging/book\u{202e}store/{}/1", "x".repeat(5_000));
    world.set_results(vec![hostile]);
    let publication = published(&world, now());
    assert_eq!((publication.summary.drills, publication.metrics.len()), (1, 1));
}
