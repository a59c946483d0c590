//! The numbers on the pages are those of the records.

use std::collections::BTreeSet;

use firedrill_scorecard::{input::Inputs, sample};
use serde_json::Value;

use crate::{
    browser::Browser,
    pages::{self, AS_OF, Page},
    records::{self, DAY_MS, Drill, Time, first_week_ms, injected, moment},
    server::Server,
};

/// The rows of the drills: `[drill, place, {column: [value, small print]}]`.
const DRILLS: &str = "
    const text = node => node.textContent.trim().replace(/\\s+/g, ' ');
    return [...document.querySelectorAll('table.drills tbody tr')].map(row => {
        const cells = [...row.querySelectorAll('td[data-label]')].map(cell => {
            const small = [...cell.querySelectorAll('small')].map(text).join(' | ');
            const value = cell.cloneNode(true);
            for (const other of value.querySelectorAll('small, svg')) other.remove();
            return [cell.dataset.label, [text(value), small]];
        });
        return [text(row.querySelector('th bdi')), text(row.querySelector('th small')), Object.fromEntries(cells)];
    });
";

/// The rows of the calendar's table: `[drill, place, [[date, what happened], ..]]`.
const CALENDAR: &str = "
    const said = /(\\d{4}-\\d\\d-\\d\\d) (passed|missed its objective|did not recover|was [a-z]+(?: [a-z]+)*)/g;
    return [...document.querySelectorAll('[aria-label=\"Calendar as a table\"] tbody tr')].map(row => [
        row.querySelector('th bdi').textContent, row.querySelector('th small').textContent,
        [...row.querySelector('td').textContent.matchAll(said)].map(([, date, what]) => [date, what])
    ]);
";

/// The rows of the losses: `[application, [time, made of, cost] in drills, the same in incidents]`.
const LOSSES: &str = "
    const text = node => node.textContent.trim().replace(/[ \\n]+/g, ' ');
    return [...document.querySelectorAll('[aria-label=Losses] tbody tr')].map(row => {
        const [drills, drillsCost, incidents, incidentsCost] = row.querySelectorAll('td');
        const sum = (cell, cost) => [text(cell.firstChild), text(cell.querySelector('small')), text(cost)];
        return [text(row.querySelector('th')), sum(drills, drillsCost), sum(incidents, incidentsCost)];
    });
";

/// The index and the pages of applications, served, with the application of each; none for the index.
async fn scorecards() -> (Server, Vec<Page>) {
    let pages = pages::sample().into_iter();
    let pages: Vec<Page> =
        pages.filter(|page| page.path == "index.html" || page.path.starts_with("applications/")).collect();
    (Server::of(&pages).await, pages)
}

/// The application of a page; none for the index.
fn application<'a>(page: &Page, drills: &'a [Drill]) -> Option<&'a str> {
    let named = |drill: &&Drill| page.path.starts_with(&format!("applications/{}-", drill.application));
    drills.iter().find(named).map(|drill| drill.application.as_str())
}

/// The drill of a row, by its name and by the words below it: `application, environment, ..`, on the page of an application
/// without the first.
fn drill_of<'a>(row: &Value, page: &Page, drills: &'a [Drill]) -> &'a Drill {
    let only = application(page, drills);
    let place = row[1].as_str().expect("a text");
    let mut parts = place.split(", ");
    let application = only.unwrap_or_else(|| parts.next().expect("a part"));
    let environment = parts.next().expect("a part");
    let is_it = |drill: &&Drill| {
        drill.name == row[0] && drill.application == application && drill.environment == environment
    };
    drills.iter().find(is_it).unwrap_or_else(|| panic!("{}: nothing on record is {row}", page.path))
}

/// The rows of a page, each with its drill. None is missing, and none is there twice.
async fn rows<'a>(
    browser: &Browser,
    script: &str,
    page: &Page,
    drills: &'a [Drill],
) -> Vec<(&'a Drill, Value)> {
    let rows = browser.list(script).await;
    let rows: Vec<_> = rows.into_iter().map(|row| (drill_of(&row, page, drills), row)).collect();
    let only = application(page, drills);
    let wanted = drills.iter().filter(|drill| only.is_none_or(|only| only == drill.application));
    let mut keys: Vec<_> =
        rows.iter().map(|(drill, _)| (&drill.environment, &drill.application, &drill.name)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!((keys.len(), rows.len()), (rows.len(), wanted.count()), "{}", page.path);
    rows
}

pub async fn no_drill_has_another_number_on_a_page_than_on_record(browser: &Browser) {
    let drills = records::drills(&sample::year(AS_OF));
    let (server, pages) = scorecards().await;
    for page in &pages {
        browser.open(&server.url(page)).await;
        for (drill, row) in rows(browser, DRILLS, page, &drills).await {
            let cells = &row[2];
            let times = drill.recovery().map_or([None; 3], |times| times.map(Some));
            for (column, time) in ["Last", "Median", "Worst"].into_iter().zip(times) {
                check_time(&cells[column], time, column, &row);
            }
            check_time(&cells["Median to detect"], drill.median("det"), "detect", &row);
            check_time(&cells["Median to fail over"], drill.median("over"), "fail over", &row);
            check_passes(drill, &cells["Passes"]);
            let state = drill.state();
            assert!(cells["State"].to_string().contains(&state), "{state}: {row}");
        }
    }
}

/// Checks a time with its resolution: it is rounded up in the unit in which it is shown.
fn check_time(cell: &Value, time: Option<Time>, what: &str, row: &Value) {
    let value = cell[0].as_str().unwrap_or_default();
    let small = cell[1].as_str().unwrap_or_default();
    match time {
        None => assert_eq!(value, "", "{what}: {row}"),
        Some(Time::NotReached) => assert_eq!((value, small), ("not reached", ""), "{what}: {row}"),
        Some(Time::Measured(ms, resolution_ms)) => {
            assert!(shows(value, ms), "{what}: {ms} ms is shown as {value}: {row}");
            let resolution = small.strip_prefix('−').unwrap_or("0 s");
            assert!(
                shows(resolution, resolution_ms),
                "{what}: −{resolution_ms} ms is shown as {small}: {row}"
            );
        }
    }
}

/// Whether a text such as `1 min 05 s` is this span, rounded up in its last unit.
fn shows(text: &str, ms: u64) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (mut shown_ms, mut step_ms) = (0, 0);
    for pair in words.chunks(2) {
        let [number, unit] = pair else { return false };
        let unit_ms = match *unit {
            "s" => 1_000,
            "min" => 60_000,
            "h" => 3_600_000,
            "days" => 86_400_000,
            _ => return false,
        };
        let (whole, tenth) = number.split_once('.').unwrap_or((number, ""));
        let Ok(whole) = whole.parse::<u64>() else { return false };
        shown_ms += whole * unit_ms + tenth.parse::<u64>().unwrap_or_default() * unit_ms / 10;
        // Below ten seconds a tenth is shown, and left out where it is none.
        step_ms = if *unit == "s" && words.len() == 2 && whole < 10 { 100 } else { unit_ms };
    }
    ms <= shown_ms && shown_ms - ms < step_ms.max(1)
}

/// Checks `12 of 14 passed: at least 61.4 % (95 % confidence)`: with a chance that is a tenth of a percent larger, so many passes
/// or more would happen in more than one of twenty series; with this one they do not.
fn check_passes(drill: &Drill, cell: &Value) {
    let (passed, of) = drill.passes();
    let words = cell[0].as_str().expect("a text");
    if of == 0 {
        assert_eq!(words, "no run yet");
        return;
    }
    let rest = words.strip_prefix(&format!("{passed} of {of} passed: at least "));
    let percent = rest.and_then(|rest| rest.strip_suffix(" % (95 % confidence)"));
    let percent: f64 = percent.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{words}"));
    let so_many = |chance: f64| -> f64 { (passed..=of).map(|k| exactly(k, of, chance)).sum() };
    let bounds = [so_many(percent / 100.0), so_many((percent + 0.1) / 100.0)];
    assert!(bounds[0] <= 0.05 && bounds[1] > 0.05, "{words}: {bounds:?}");
}

/// The chance of exactly `k` passes in `of` runs.
fn exactly(k: u32, of: u32, chance: f64) -> f64 {
    let ways: f64 = (1..=k).map(|i| f64::from(of - k + i) / f64::from(i)).product();
    ways * (0..k).map(|_| chance).product::<f64>() * (k..of).map(|_| 1.0 - chance).product::<f64>()
}

pub async fn no_run_on_record_is_missing_in_the_calendar_nor_another_one_there(browser: &Browser) {
    let drills = records::drills(&sample::year(AS_OF));
    let (server, pages) = scorecards().await;
    for page in &pages {
        browser.open(&server.url(page)).await;
        for (drill, row) in rows(browser, CALENDAR, page, &drills).await {
            let since = drill.items.iter().filter(|item| moment(item, "fin") >= Some(first_week_ms()));
            let mut wanted: Vec<[String; 2]> = since
                .map(|item| [item["fin"].as_str().unwrap()[..10].to_owned(), what_happened(item).to_owned()])
                .collect();
            let mut shown: Vec<[String; 2]> = serde_json::from_value(row[2].clone()).expect("pairs");
            wanted.sort();
            shown.sort();
            assert_eq!(shown, wanted, "{}: {}", page.path, row[0]);
        }
    }
}

/// What the calendar says of a run.
fn what_happened(item: &Value) -> &'static str {
    match item["out"].as_str().expect("a word") {
        "recovered" => "passed",
        "objective-missed" => "missed its objective",
        "not-recovered" => "did not recover",
        "not-injected" => "was not injected",
        "stopped" => "was stopped",
        "skipped" => "was skipped",
        "inconclusive" => "was inconclusive",
        "rollback-failed" => "was not rolled back in time",
        other => panic!("{other}"),
    }
}

pub async fn no_loss_is_another_on_a_page_than_on_record(browser: &Browser) {
    let inputs = sample::year(AS_OF);
    let drills = records::drills(&inputs);
    let (server, pages) = scorecards().await;
    for page in &pages {
        browser.open(&server.url(page)).await;
        let only = application(page, &drills);
        let rows = browser.list(LOSSES).await;
        let wanted = drills.iter().map(|drill| drill.application.as_str());
        let wanted: BTreeSet<&str> = wanted.filter(|of| only.is_none_or(|only| only == *of)).collect();
        assert_eq!(rows.len(), wanted.len(), "{}", page.path);
        for row in rows {
            let application = row[0].as_str().expect("a text").to_lowercase();
            let of = drills.iter().filter(|drill| drill.application == application);
            check_loss(&row[1], &in_drills(of), declared(&inputs, &application), "run");
            check_loss(
                &row[2],
                &in_incidents(&inputs, &application),
                declared(&inputs, &application),
                "incident",
            );
        }
    }
}

/// What users lost in one event: milliseconds, and what a minute costs; none if it is not known.
type Lost = (Option<u64>, Option<u64>);

fn declared(inputs: &Inputs, application: &str) -> Option<u64> {
    let declared = inputs.declarations.get(application)?.as_ref().ok()?;
    declared.revenue_per_minute.map(u64::from)
}

fn in_drills<'a>(drills: impl Iterator<Item = &'a Drill>) -> Vec<Lost> {
    let items = drills.flat_map(|drill| &drill.items).filter(|item| injected(item));
    let items = items.filter(|item| moment(item, "fin") >= Some(first_week_ms()));
    items.map(|item| (item["lostMs"].as_u64(), item["perMin"].as_u64())).collect()
}

/// The sample's alarms are named after their applications.
fn in_incidents(inputs: &Inputs, application: &str) -> Vec<Lost> {
    let name = format!(":alarm:{application}-");
    let of = inputs.incidents.iter().filter(|incident| incident.alarm_arn.contains(&name));
    of.map(|incident| {
        assert!(AS_OF.millis_since(incident.began) < 52 * u64::try_from(7 * DAY_MS).unwrap());
        (incident.ended.map(|ended| ended.millis_since(incident.began)), declared(inputs, application))
    })
    .collect()
}

fn check_loss(shown: &Value, events: &[Lost], declared: Option<u64>, noun: &str) {
    let [lost, made_of, cost] = [0, 1, 2].map(|index| shown[index].as_str().expect("a text"));
    let known: Vec<(u64, Option<u64>)> = events.iter().filter_map(|(ms, per)| Some(((*ms)?, *per))).collect();
    let sum: u64 = known.iter().map(|(ms, _)| ms).sum();
    if known.is_empty() && !events.is_empty() {
        assert_eq!(lost, "cannot tell", "{shown}");
    } else {
        assert!(shows(lost, sum), "{sum} ms is shown as {lost}");
    }
    let unknown = events.len() - known.len();
    let plural = if events.len() == 1 { "" } else { "s" };
    let of_them = if unknown > 0 { format!(", {unknown} of them of unknown length") } else { String::new() };
    let words = format!("{} {noun}{plural}{of_them}", events.len());
    assert_eq!(made_of, words);
    let is_whole = known.iter().all(|(_, per)| per.is_some()) && (declared.is_some() || !known.is_empty());
    let spent: u64 = known.iter().map(|(ms, per)| ms * per.unwrap_or_default()).sum();
    let wanted = if is_whole { spent.div_ceil(60_000).to_string() } else { "not declared".to_owned() };
    assert_eq!(cost.replace('\u{202f}', ""), wanted, "{shown}");
}
