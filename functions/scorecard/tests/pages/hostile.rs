//! Names and reasons of somebody who means no good.

use std::collections::BTreeMap;

use firedrill_core::{Tristate, Verdict, evidence::Evidence, gate::GateAnswer, plan::Hop, run::Stop};
use firedrill_scorecard::render::widget;
use serde_json::json;

use crate::{
    cards::{card, hostile, hostile_card},
    fixture::{Recorded, at, database, finished},
    html::{checked_fragment, checked_page, text_of},
    run_page::source,
    scorecard_page::pages,
};

/// Checks that nothing hostile is more than text in this page.
fn assert_harmless(source: &str, most_bytes: usize) {
    assert!(source.len() < most_bytes, "{} bytes", source.len());
    for never in ["<script", "<cwdb-action", "\u{202e}", "javascript:"] {
        assert!(!source.contains(never), "{never}");
    }
    let longest = source.split(|c| c != 'x').map(str::len).max().unwrap_or_default();
    assert!(longest <= 1_200, "{longest} characters of one text");
}

fn hostile_run() -> Recorded {
    let mut recorded = finished(database(), Verdict::NotRecovered);
    let text = || hostile("text");
    let run = &mut recorded.run;
    run.run_id.0 = hostile("run");
    run.starter.0 = hostile("owner");
    run.reason = Some(text());
    run.missing = Some(text());
    run.stop = Some(Stop { by: text(), reason: text() });
    run.automation_report = Some(text());
    for step in run.undo_mut() {
        (step.service, step.action, step.before, step.set) = (text(), text(), text(), text());
        step.resources = vec![text(); 300];
    }
    let mut recorded_target = (*run.recorded).clone();
    recorded_target.playbook.owner = text();
    recorded_target.playbook.version = text();
    recorded_target.playbook.link = "javascript:alert(1)".parse().unwrap();
    run.recorded = recorded_target.into();
    let hop = Hop { from: text(), to: text(), seen: Tristate::Unknown, detail: text() };
    recorded.evidence.extend([
        Evidence::Note { at: at(30), text: text() },
        Evidence::Gate { at: at(30), answer: GateAnswer::new(&text(), Tristate::No, text()) },
        Evidence::Wiring { at: at(30), hops: vec![hop; 300] },
        Evidence::Targets { at: at(30), states: BTreeMap::from([(text(), text())]) },
        Evidence::Probe {
            probe: text(),
            seen: Tristate::No,
            from: at(30),
            to: at(31),
            answers: 1,
            detail: Some(text()),
        },
    ]);
    recorded
}

#[test]
fn hostile_text_never_becomes_markup_on_the_page_of_a_run() {
    let mut source = source(&hostile_run());
    // The one place where a scheme may stand: as text, not as a link.
    source = source.replacen("<bdi>javascript:alert(1)</bdi>", "", 1);
    assert_harmless(&source, 400_000);
    let page = checked_page(&source);
    assert!(text_of(&page, "main").contains("<script>text"), "hostile text is shown as text");
    assert!(page.all("a").iter().all(|link| !link.attr("href").unwrap().starts_with("javascript")));
}

#[test]
fn hostile_text_never_becomes_markup_on_the_scorecards_pages() {
    let card = hostile_card();
    for file in pages(&card) {
        assert_harmless(&file.body, 400_000);
        checked_page(&file.body);
        assert!(file.path.len() < 200 && file.path.is_ascii(), "{}", file.path);
    }
}

#[test]
fn hostile_text_never_becomes_markup_in_the_widget() {
    let shown = widget(&json!({}), &hostile_card(), Some("https://results.example.com"), &|_| true).unwrap();
    let source = shown.as_str().unwrap();
    assert_harmless(source, 200_000);
    checked_fragment(source);
}

#[test]
fn what_is_shown_without_harm_is_still_shown() {
    let page = checked_page(&pages(&card(4))[1].body);
    let links = page.all("a");
    assert!(links.iter().any(|link| link.attr("href") == Some("https://playbooks.example.com/a?b=1&c=%22")));
}
