//! What is written, and what is not.

use firedrill_core::{Outcome::Recovered, Phase, Verdict, run::RunId};
use firedrill_scorecard::{
    ports::RunEvidence,
    publish::{NotPublished, PublishedRun, publish_run},
    render::run_path,
};
use futures_util::FutureExt as _;

use crate::{
    common::{days, now, published, request, result, schedule, settings},
    fixture::{self, Recorded},
    world::World,
};

fn world() -> World {
    let mut world = World::default();
    world.set_results(vec![result("blue", now() - days(3), Recovered)]);
    world.schedules.insert("blue".to_owned(), schedule(&request("blue"), "rate(28 days)"));
    world
}

fn with_run(recorded: Recorded, unreadable: usize) -> (World, RunId) {
    let Recorded { run, request, evidence } = recorded;
    let id = run.run_id.clone();
    let mut world = World::default();
    world.runs.insert(id.clone(), (run, request, RunEvidence { items: evidence, unreadable }));
    (world, id)
}

fn publish_it(world: &World, id: &RunId) -> Result<PublishedRun, NotPublished> {
    publish_run(world, &settings(), id, now()).now_or_never().expect("every port answers at once")
}

#[test]
fn the_index_never_links_to_what_is_not_written_yet() {
    let world = world();
    let summary = published(&world, now()).result().unwrap();
    let files = world.files.borrow();
    assert_eq!(files.last().unwrap().path, "index.html");
    assert_eq!((summary.files, summary.drills), (files.len(), 1));
    assert!(files.iter().any(|file| file.path.starts_with("applications/bookstore-")));
}

#[test]
fn a_file_that_fails_never_keeps_the_others_back_and_is_named() {
    published(&world(), now()).result().unwrap();
    let paths: Vec<String> = {
        let healthy = world();
        published(&healthy, now()).result().unwrap();
        healthy.files.take().into_iter().map(|file| file.path).collect()
    };
    for path in &paths {
        let world = world();
        world.fail(&format!("put_object {path}"));
        let publication = published(&world, now());
        assert_eq!(publication.summary.files, paths.len() - 1, "{path}");
        assert!(!publication.metrics.is_empty(), "what was read is told nevertheless");
        let why = publication.result().unwrap_err().to_string();
        assert!(why.contains(&format!("{path} is not written: s3:PutObject")), "{why}");
    }
}

#[test]
fn the_page_of_a_run_lies_where_its_links_lead_and_says_how_it_ended() {
    let (world, id) = with_run(fixture::finished(fixture::database(), Verdict::ObjectiveMissed), 0);
    let run = publish_it(&world, &id).unwrap();
    assert_eq!(run.path, run_path(&id.0));
    assert!(world.file(&run.path).contains("Objective missed"));
    let line = run.metrics.expect("it is over");
    assert_eq!(
        (&line["timeToRecoverMs"], &line["objectiveMs"]),
        (&442_000.into(), &300_000.into()),
        "{line}"
    );
    assert_eq!(
        line["_aws"]["Timestamp"],
        fixture::at(462 + 30 + 150).as_millis(),
        "when it was over: {line}"
    );
}

#[test]
fn a_run_that_is_not_over_or_touched_nothing_never_has_metrics() {
    for recorded in [
        fixture::in_phase(fixture::instance(), Phase::Recovering),
        fixture::awaiting(fixture::database(), true),
        fixture::finished(fixture::instance(), Verdict::Skipped),
        fixture::planned(fixture::instance()),
    ] {
        let (world, id) = with_run(recorded, 0);
        assert_eq!(publish_it(&world, &id).unwrap().metrics, None, "{id}");
    }
}

#[test]
fn a_page_never_shows_less_than_the_record_has_without_saying_so() {
    let recorded = || fixture::finished(fixture::instance(), Verdict::Recovered);
    let (world, id) = with_run(recorded(), 3);
    publish_it(&world, &id).unwrap();
    assert!(world.file(&run_path(&id.0)).contains("3 items of evidence could not be read"));
    for call in ["head", "request", "evidence", "put_object"] {
        let (world, id) = with_run(recorded(), 0);
        let path = run_path(&id.0);
        world.fail(&if call == "put_object" { format!("put_object {path}") } else { format!("{call} {id}") });
        let why = publish_it(&world, &id).unwrap_err().to_string();
        assert!(why.contains("it broke"), "{why}");
        assert!(world.files.borrow().is_empty(), "{call}");
    }
}

#[test]
fn a_run_that_is_not_on_record_never_has_a_page() {
    let id = RunId("staging/bookstore/blue/none".to_owned());
    assert_eq!(publish_it(&World::default(), &id), Err(NotPublished::NoSuchRun(id.0)));
}
