//! The widget, as a dashboard asks for it.

use firedrill_scorecard::render::widget;
use serde_json::{Value, json};

use crate::{
    cards::card,
    html::{checked_fragment, text_of},
};

fn shown(event: &Value, drills: usize, base_url: Option<&str>) -> String {
    let answer = widget(event, &card(drills), base_url, &|_| true).unwrap();
    answer.as_str().expect("HTML is answered as a string").to_owned()
}

#[test]
fn a_dashboard_that_asks_what_the_widget_is_never_gets_html() {
    let answer = widget(&json!({ "describe": true }), &card(6), None, &|_| true).unwrap();
    let markdown = answer["markdown"].as_str().unwrap();
    assert!(markdown.starts_with("## Firedrill") && !markdown.contains('<'), "{markdown}");
}

#[test]
fn a_widget_never_grows_with_the_number_of_drills() {
    let source = shown(&json!({}), 1_000, Some("https://results.example.com/a/"));
    assert!(source.len() < 64_000, "{} bytes", source.len());
    let page = checked_fragment(&source);
    assert!(text_of(&page, "div").contains("980 more drills are not shown here"));
}

#[test]
fn a_widget_never_links_to_a_site_that_nobody_serves() {
    let page = checked_fragment(&shown(&json!({}), 6, None));
    assert!(page.all("a").is_empty());
    let page = checked_fragment(&shown(&json!({}), 6, Some("javascript:alert(1)//")));
    assert!(page.all("a").is_empty());
}

#[test]
fn every_link_of_a_widget_leads_below_the_site() {
    let page = checked_fragment(&shown(&json!({}), 6, Some("https://results.example.com/site")));
    let links = page.all("a");
    assert!(!links.is_empty());
    for link in links {
        let href = link.attr("href").unwrap();
        assert!(href.starts_with("https://results.example.com/site/"), "{href}");
    }
}

#[test]
fn a_widget_of_one_application_never_shows_another() {
    let text = text_of(&checked_fragment(&shown(&json!({ "application": "application-1" }), 8, None)), "div");
    assert!(text.contains("application-1") && !text.contains("application-0"), "{text}");
}

#[test]
fn a_widget_has_the_theme_of_its_dashboard() {
    for theme in ["light", "dark"] {
        let page = checked_fragment(&shown(&json!({ "widgetContext": { "theme": theme } }), 6, None));
        assert_eq!(page.all(&format!("div.firedrill.{theme}")).len(), 1);
    }
}
