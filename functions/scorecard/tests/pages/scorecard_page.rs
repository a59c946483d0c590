//! The index and the pages of applications.

use std::collections::BTreeSet;

use firedrill_core::Outcome;
use firedrill_scorecard::{
    model::{Scorecard, State},
    render::{SiteFile, run_path, site},
    sample,
};

use crate::{
    cards::{AS_OF, card},
    dom::Element,
    html::{checked_page, text_of},
};

/// The most bytes of the index, however many drills there are.
const MAX_INDEX_BYTES: usize = 400_000;

fn files(card: &Scorecard) -> Vec<SiteFile> {
    site(card, &|_| true).expect("the site is written")
}

/// The pages of the site: the index comes first.
pub fn pages(card: &Scorecard) -> Vec<SiteFile> {
    files(card).into_iter().filter(|file| file.content_type.starts_with("text/html")).collect()
}

#[test]
fn the_site_never_has_two_files_of_one_path_nor_a_link_that_leads_nowhere() {
    for drills in [0, 1, 6, 50] {
        let card = card(drills);
        let files = files(&card);
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), files.len());
        let points = card.drills.iter().flat_map(|drill| &drill.history).map(|point| &point.run_id);
        let weeks = card.drills.iter().flat_map(|drill| &drill.calendar).flat_map(|cell| &cell.runs);
        let runs: BTreeSet<String> =
            points.chain(weeks.map(|run| &run.run_id)).map(|id| run_path(id)).collect();
        for file in pages(&card) {
            let page = checked_page(&file.body);
            for link in page.all("a") {
                let href = link.attr("href").unwrap();
                if href.starts_with("http") || href.starts_with('#') {
                    continue;
                }
                let path = href.split('#').next().unwrap();
                let path = if file.path.contains('/') { path.strip_prefix("../").unwrap() } else { path };
                assert!(paths.contains(path) || runs.contains(path), "{} links to {href}", file.path);
            }
        }
    }
}

#[test]
fn a_link_to_a_drill_never_misses_its_row() {
    let card = card(50);
    let files = pages(&card);
    for link in checked_page(&files[0].body).all("[aria-label=Drills] th a") {
        let (path, id) = link.attr("href").unwrap().split_once('#').unwrap();
        let target = files.iter().find(|file| file.path == path).unwrap();
        assert_eq!(checked_page(&target.body).all(&format!("tr#{id}")).len(), 1, "{path}#{id}");
    }
}

#[test]
fn a_run_without_a_page_is_never_linked_to() {
    let files = site(&card(6), &|_| false).unwrap();
    assert!(files.iter().all(|file| !file.body.contains("href=\"runs/") && !file.body.contains("../runs/")));
}

#[test]
fn an_overdue_or_failing_drill_is_never_shown_as_proven() {
    let card = card(20);
    for file in pages(&card).iter().skip(1) {
        let page = checked_page(&file.body);
        for row in page.all("[aria-label=Drills] tbody tr") {
            let shown = row.text();
            let drill = card
                .drills
                .iter()
                .find(|drill| shown.contains(&format!("{} {},", drill.key.drill, drill.key.environment)));
            let drill = drill.unwrap_or_else(|| panic!("no drill for {shown}"));
            let is_ok = !row.all(".state.ok").is_empty();
            assert_eq!(is_ok, drill.state == State::Proven);
        }
    }
}

#[test]
fn every_number_of_a_drill_is_the_models() {
    let card = card(8);
    let shown: String =
        pages(&card).iter().skip(1).map(|file| text_of(&checked_page(&file.body), "main")).collect();
    for drill in &card.drills {
        for words in [&drill.words, &drill.cadence.words, &drill.passes.words] {
            assert!(shown.contains(words.as_str()), "{words}");
        }
    }
    // drill-1: 63 s, 90 s and 148.1 s; a third and half of the median.
    assert!(shown.contains(
        "objective 2 min in 13 runs 1 min 03 s −6 s 1 min 30 s −6 s 2 min 29 s −6 s 30 s −6 s 45 s −6 s"
    ));
    let losses =
        "application-0 21 min 12 runs, 1 of them of unknown length 21 000 10 min 10 s 3 incidents 77";
    assert!(shown.contains(losses));
    assert!(shown.contains("application-0 2 of 5 a run in production-0"));
}

#[test]
fn every_page_of_a_year_of_records_is_whole() {
    let card = Scorecard::of(&sample::year(AS_OF), AS_OF);
    let shown: String = pages(&card).iter().map(|file| text_of(&checked_page(&file.body), "main")).collect();
    for words in
        card.drills.iter().map(|drill| &drill.words).chain(card.findings.iter().map(|finding| &finding.text))
    {
        assert!(shown.contains(words.as_str()), "{words}");
    }
    for missing in card.stages.iter().flat_map(|stage| &stage.missing) {
        assert!(shown.contains(missing.as_str()), "{missing}");
    }
}

#[test]
fn the_last_outcome_of_a_drill_is_never_shown_as_another() {
    let card = card(10);
    let page = checked_page(&pages(&card)[0].body);
    let rows = page.all("[aria-label=Drills] tbody tr");
    assert_eq!(rows.len(), card.drills.len());
    for (row, drill) in rows.into_iter().zip(&card.drills) {
        let words = match drill.last.as_ref().map(|last| last.outcome) {
            Some(Outcome::Recovered) => ": passed",
            Some(Outcome::ObjectiveMissed) => ": objective missed",
            Some(Outcome::NotRecovered) => ": not recovered",
            None => continue,
            other => panic!("the sample has no {other:?}"),
        };
        assert!(row.text().contains(words), "{}", row.text());
    }
}

#[test]
fn a_dependency_without_a_drill_in_an_environment_is_never_shown_as_covered() {
    let page = checked_page(&pages(&card(4))[1].body);
    let rows = page.all("[aria-label=Coverage] tbody tr");
    assert_eq!(rows[0].text(), "dependency-0 critical ✓ Proven no drill");
    assert_eq!(text_of(&page, "[aria-label=Coverage] thead"), "Dependency staging production");
}

#[test]
fn a_time_never_stands_without_its_objective() {
    let page = checked_page(&pages(&card(8))[0].body);
    for shown in page.all("[aria-label=Drills] tbody tr").into_iter().chain(page.all(".multiples figure")) {
        assert!(shown.text().contains("objective 2 min"), "{}", shown.text());
    }
    // An objective that was another one before does not look as if it had always been this one.
    assert!(page.all(".multiples figure")[0].text().contains("objective 2 min, before 3 min"));
}

#[test]
fn what_failed_never_stands_below_a_lesser_finding() {
    let card = Scorecard::of(&sample::year(AS_OF), AS_OF);
    let page = checked_page(&pages(&card)[0].body);
    let shown: Vec<String> = page.all(".findings .state").into_iter().map(Element::text).collect();
    assert_eq!(
        shown,
        ["✕ Failed", "↻ Overdue", "↻ Overdue", "! Skipped repeatedly", "! Never run"],
        "failed, overdue, all else"
    );
}

#[test]
fn a_page_never_leaves_open_whose_it_is_and_for_when() {
    let title = |drills: usize| text_of(&checked_page(&pages(&card(drills))[0].body), "head title");
    assert_eq!(title(4), "Can application-0 fail over? 28 November 2026 · Firedrill");
    assert_eq!(
        title(12),
        "Can application-0, application-1 and application-2 fail over? 28 November 2026 · Firedrill"
    );
    assert_eq!(title(16), "Can our 4 applications fail over? 28 November 2026 · Firedrill");
    let own = checked_page(&pages(&card(12))[2].body);
    assert_eq!(text_of(&own, "h1"), "Can application-1 fail over?");
}

#[test]
fn a_state_never_lacks_a_form_of_its_own() {
    let page = checked_page(&pages(&card(10))[0].body);
    let style = text_of(&page, "style");
    let classes: BTreeSet<&str> = page
        .all(".state")
        .iter()
        .map(|state| state.attr("class").unwrap().split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(classes, BTreeSet::from(["bad", "late", "none", "ok", "warn"]));
    for class in classes.iter().filter(|class| **class != "ok") {
        assert!(style.contains(&format!(".state.{class} {{")), "{class}");
    }
}

#[test]
fn what_is_folded_on_a_screen_is_never_missing_on_paper() {
    let page = checked_page(&pages(&card(4))[1].body);
    let style = text_of(&page, "style");
    let print = style.split_once("@media print").unwrap().1;
    assert!(!page.all("details").is_empty() && print.contains("details::details-content {"));
}

#[test]
fn an_incident_without_an_end_is_never_shown_as_over() {
    let page = checked_page(&pages(&card(4))[1].body);
    let incident = text_of(&page, "[aria-label='Real incidents'] tbody");
    let began = "19 September 2026, 04:00:00 UTC";
    assert_eq!(incident, format!("alarm-0 {began} no end on record ! Refused why-0"));
}

#[test]
fn the_index_stays_small_however_many_drills_there_are() {
    for drills in [200, 1_000] {
        let card = card(drills);
        let index = &pages(&card)[0];
        assert!(index.body.len() < MAX_INDEX_BYTES, "{drills} drills: {} bytes", index.body.len());
        let page = checked_page(&index.body);
        let shown = text_of(&page, "main");
        assert!(
            shown.contains(&format!("{} more drills are on the pages of their applications", drills - 40))
        );
    }
}

#[test]
fn what_the_index_leaves_out_is_never_worse_than_what_it_shows() {
    let card = card(200);
    let page = checked_page(&pages(&card)[0].body);
    let rows = page.all("[aria-label=Drills] tbody tr");
    let worst: Vec<_> = card.drills.iter().take(rows.len()).collect();
    for (row, drill) in rows.into_iter().zip(worst) {
        assert!(row.text().starts_with(&drill.key.drill), "{}", row.text());
    }
}

#[test]
fn the_table_of_the_calendar_never_lacks_what_the_drawing_shows() {
    let card = card(4);
    let page = checked_page(&pages(&card)[1].body);
    let table = text_of(&page, "details table");
    let drill = card.drills.iter().find(|drill| drill.state == State::Stale).unwrap();
    for cell in drill
        .calendar
        .iter()
        .filter(|cell| !cell.words.ends_with("Nothing") && !cell.words.ends_with("Unknown"))
    {
        assert!(table.contains(&cell.words), "{}", cell.words);
    }
}

#[test]
fn a_scorecard_of_nothing_is_still_a_page_that_says_so() {
    let page = checked_page(&pages(&card(0))[0].body);
    assert!(text_of(&page, "main").contains("No drill is scheduled, and none ever ran."));
}
