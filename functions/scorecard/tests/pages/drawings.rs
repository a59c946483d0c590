//! The drawings, read back: what they show is what the model has.

use firedrill_core::Outcome;
use firedrill_scorecard::model::{Drill, Mark, Scorecard};

use crate::{
    cards::card,
    dom::{Element, Page},
    html::checked_page,
    scorecard_page::pages,
};

/// How often this piece of a path stands in the paths of these classes.
fn pieces(drawing: Element<'_>, class: &str, piece: &str) -> usize {
    let paths = drawing.all(&format!("path[class='{class}']"));
    paths.iter().map(|path| path.attr("d").unwrap().matches(piece).count()).sum()
}

fn index(card: &Scorecard) -> Page {
    checked_page(&pages(card)[0].body)
}

fn weeks(drill: &Drill, mark: Mark) -> usize {
    drill.calendar.iter().filter(|cell| cell.mark == mark).count()
}

#[test]
fn a_week_of_the_calendar_is_never_drawn_as_another() {
    let card = card(10);
    let page = index(&card);
    // The first row holds the months.
    let rows = page.all(".calendar-row").into_iter().skip(1);
    for (row, drill) in rows.zip(&card.drills) {
        assert!(row.text().starts_with(&drill.key.drill), "{}", row.text());
        let marks = [
            (Mark::Passed, "f-ok", "h8v13h-8z"),
            (Mark::ObjectiveMissed, "l l-bad", "h8v13h-8zm0 13l8-13"),
            (Mark::NotRecovered, "l l-bad", "h8v13h-8zl8 13"),
            (Mark::Inconclusive, "l l-mute", "l4-6 4 6-4 6z"),
            (Mark::Skipped, "l l-mute", "10.5h5"),
        ];
        for (mark, class, piece) in marks {
            assert_eq!(pieces(row, class, piece), weeks(drill, mark), "{mark:?} of {}", drill.key);
        }
        let overdue = if weeks(drill, Mark::Overdue) > 0 { "M490 0H530V21H490z" } else { "M" };
        assert_eq!(
            pieces(row, "f-bad", overdue),
            usize::from(weeks(drill, Mark::Overdue) > 0),
            "{}",
            drill.key
        );
    }
}

#[test]
fn a_run_that_did_not_pass_is_never_drawn_as_one_that_did() {
    let card = card(10);
    let page = index(&card);
    let drills = card.drills.iter().filter(|drill| !drill.history.is_empty());
    for (figure, drill) in page.all(".multiples figure").into_iter().zip(drills) {
        let runs = |outcome| drill.history.iter().filter(|point| point.outcome == outcome).count();
        let marks = [
            (Outcome::Recovered, "f-ok", "a3 3 0 1 0 6 0"),
            (Outcome::ObjectiveMissed, "l l-bad", "h6v6h-6z"),
            (Outcome::NotRecovered, "l l-bad", "l6 6m0-6l-6 6"),
        ];
        for (outcome, class, piece) in marks {
            assert_eq!(pieces(figure, class, piece), runs(outcome), "{outcome:?} of {}", drill.key);
        }
        // Detect, fail over, users well, restored: a column of each run has each of them, in a form of its own.
        for (class, column) in [("l l-mute", "h10V"), ("f-work", "h5V"), ("f-bad", "h10V"), ("f-ok", "h2V")] {
            assert_eq!(pieces(figure, class, column), drill.history.len(), "{class} of {}", drill.key);
        }
    }
}

#[test]
fn the_objective_is_never_drawn_without_its_steps() {
    let card = card(4);
    let drill = &card.drills[0];
    let changes =
        drill.history.windows(2).filter(|pair| pair[0].objective_ms != pair[1].objective_ms).count();
    let page = index(&card);
    let path = page.all(".multiples path.dash")[0].attr("d").unwrap();
    let heights: Vec<&str> =
        path.split(['V', 'M']).skip(1).map(|part| part.split('H').next().unwrap()).collect();
    let first = heights[0].trim_start_matches("0 ");
    let steps = std::iter::once(first).chain(heights[1..].iter().copied()).collect::<Vec<_>>();
    assert_eq!(steps.windows(2).filter(|pair| pair[0] != pair[1]).count(), changes, "{path}");
}

#[test]
fn a_bullet_never_says_what_the_figures_do_not() {
    let card = card(4);
    let page = index(&card);
    let title = page
        .all("svg.bullet title")
        .into_iter()
        .map(Element::text)
        .find(|title| title.contains("last 1 min 03 s"));
    let title = title.expect("the drill whose last run took 1 min 03 s has a bullet");
    let words =
        "Time to recover: last 1 min 03 s, median 1 min 30 s, best 1 min, worst 2 min 29 s; objective 2 min";
    assert_eq!(title, words);
}
