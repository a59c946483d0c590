//! Everybody can use each kind of page, as far as axe-core can tell.

use std::fs;

use serde_json::{Value, json};

use crate::{
    axe,
    browser::{Browser, View},
    pages::{self, Page},
    server::Server,
};

/// What axe-core says against the page, with everything that is folded unfolded.
const RUN: &str = "
    const done = arguments[0];
    for (const details of document.querySelectorAll('details')) details.open = true;
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run(document, { runOnly: tags, resultTypes: ['violations'] }).then(
        ({ violations, passes }) => done({
            passes: passes.length,
            violations: violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(n => n.html.slice(0, 200))}`)
        }),
        error => done({ passes: 0, violations: [`${error}`] })
    );
";

async fn violations(browser: &Browser, url: &str) -> Vec<Value> {
    browser.open(url).await;
    let source = fs::read_to_string(axe()).expect("axe-core is readable");
    browser.client.execute(&source, Vec::new()).await.expect("axe-core is loaded");
    let said = browser.client.execute_async(RUN, Vec::new()).await.expect("axe-core runs");
    assert!(said["passes"] != json!(0), "axe-core found nothing good either: {said}");
    said["violations"].as_array().expect("a list").clone()
}

pub async fn axe_finds_nothing_on_any_kind_of_page_light_or_dark(browser: &Browser) {
    let pages = pages::sample();
    let server = Server::of(&pages).await;
    let mut found = Vec::new();
    for (scheme, width) in [("light", 1_280), ("dark", 1_280), ("light", 360)] {
        browser.view(View { width, scheme, ..View::SCREEN }).await;
        for page in &pages {
            let violations = violations(browser, &server.url(page)).await;
            found.extend(violations.into_iter().map(|of| format!("{}, {scheme}, {width}: {of}", page.path)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

pub async fn a_page_that_not_everybody_can_use_is_never_passed_over(browser: &Browser) {
    let html = "<!doctype html><html lang=\"en\"><title>x</title><main><h1>x</h1><style>\
                p { color: #000; background: #fff } \
                @media (prefers-color-scheme: dark) { p { color: #333; background: #222 } }</style><p>words</p>";
    let page = Page { path: "dark.html".to_owned(), html: html.to_owned() };
    let server = Server::of(std::slice::from_ref(&page)).await;
    for (scheme, wanted) in [("light", 0), ("dark", 1)] {
        browser.view(View { scheme, ..View::SCREEN }).await;
        let found = violations(browser, &server.url(&page)).await;
        assert_eq!(found.len(), wanted, "{scheme}: {found:?}");
    }
}
