//! Pages on a phone, on paper, and without colours.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    browser::{Browser, View},
    pages::{self, Page},
    server::Server,
};

const PHONE: View = View { width: 360, ..View::SCREEN };
/// A4 with margins of a centimetre, at 96 pixels an inch.
const PAPER: View = View { width: 718, media: "print", ..View::SCREEN };

/// What is wider than the window, but for what moves in a frame of its own.
const WIDE: &str = "
    const width = document.documentElement.clientWidth;
    const wide = document.documentElement.scrollWidth > width ? ['the page'] : [];
    for (const element of document.body.querySelectorAll('*')) {
        const frame = element.parentElement.closest('.frame');
        const moves = frame && getComputedStyle(frame).overflowX === 'auto';
        const isShape = element.parentElement.closest('svg');
        const { right, width: its } = element.getBoundingClientRect();
        if (!moves && !isShape && its > 0 && right > width + 1)
            wide.push(`${element.outerHTML.slice(0, 120)} ends at ${right} of ${width}`);
    }
    return wide;
";

/// What would be cut on paper: what is wider than a sheet, and what stays folded.
const CUT: &str = "
    const width = document.documentElement.clientWidth;
    const cut = [];
    for (const element of document.body.querySelectorAll('*')) {
        const { right } = element.getBoundingClientRect();
        const hides = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible';
        const isShape = element.parentElement.closest('svg') || element.localName === 'svg';
        if (!isShape && (right > width + 1 || hides))
            cut.push(`${element.outerHTML.slice(0, 120)} ends at ${right} of ${width}`);
    }
    for (const inside of document.querySelectorAll('details > :not(summary)'))
        if (!inside.checkVisibility() || inside.getBoundingClientRect().height === 0)
            cut.push(`${inside.textContent.trim().slice(0, 60)} stays folded`);
    return cut;
";

/// Which rows would be torn between two sheets of 27.7 cm: those that may be, and those that are longer than a sheet.
const TORN: &str = "
    const rows = 'tr, figure, .calendar-row, .findings > li, .log li, .answers > li, .time-row';
    return [...document.querySelectorAll(rows)].filter(row =>
        row.getBoundingClientRect().height > 1047 || getComputedStyle(row).breakInside !== 'avoid'
    ).map(row => row.outerHTML.slice(0, 120));
";

async fn found(browser: &Browser, view: View, script: &str, pages: &[Page]) -> Vec<String> {
    let server = Server::of(pages).await;
    browser.view(view).await;
    let mut found = Vec::new();
    for page in pages {
        browser.open(&server.url(page)).await;
        let on_page = browser.list(script).await.into_iter().take(5);
        found.extend(on_page.map(|what| format!("{}: {what}", page.path)));
    }
    found
}

/// The pages of the sample and those of many drills.
fn plain() -> Vec<Page> {
    let many = pages::many().into_iter().map(|page| beside("many", page));
    pages::sample().into_iter().chain(many).collect()
}

/// The same, and the hostile ones.
fn all() -> Vec<Page> {
    plain().into_iter().chain(pages::hostile().into_iter().map(|page| beside("hostile", page))).collect()
}

fn beside(folder: &str, page: Page) -> Page {
    Page { path: format!("{folder}/{}", page.path), ..page }
}

/// Without the widget: a dashboard is not ours to print.
fn printed(mut pages: Vec<Page>) -> Vec<Page> {
    pages.retain(|page| !page.path.contains("widget"));
    pages
}

pub async fn nothing_is_ever_wider_than_a_phone(browser: &Browser) {
    let wide = found(browser, PHONE, WIDE, &all()).await;
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

pub async fn nothing_is_ever_cut_off_on_paper(browser: &Browser) {
    let cut = found(browser, PAPER, CUT, &printed(all())).await;
    assert!(cut.is_empty(), "{}", cut.join("\n"));
}

pub async fn no_row_is_ever_torn_between_two_sheets(browser: &Browser) {
    let torn = found(browser, PAPER, TORN, &printed(plain())).await;
    assert!(torn.is_empty(), "{}", torn.join("\n"));
}

pub async fn a_page_that_does_not_fit_is_never_passed_over(browser: &Browser) {
    let html = "<!doctype html><title>x</title><style>.frame { overflow: auto } .log li { break-inside: avoid }</style>\
                <details open><summary>x</summary><p>x</p></details>"
        .to_owned();
    let page = |name: &str, more: &str| Page { path: format!("{name}.html"), html: html.clone() + more };
    let fits = [page("fits", "<ol class=\"log\"><li>x</ol>")];
    let wide = page("wide", "<p style=\"width: 900px\">x</p>");
    let moves = page("moves", "<div class=\"frame\"><p style=\"width: 900px\">x</p></div>");
    let folded = page("folded", "<details><summary>x</summary><p>x</p></details>");
    let torn = [
        page("torn", "<ol class=\"answers\"><li>x</ol>"),
        page("long", "<ol class=\"log\"><li style=\"height: 2000px\">x</ol>"),
    ];
    for (view, script) in [(PHONE, WIDE), (PAPER, CUT), (PAPER, TORN)] {
        assert_eq!(found(browser, view, script, &fits).await, [""; 0]);
    }
    for (view, script, page) in
        [(PHONE, WIDE, &wide), (PAPER, CUT, &wide), (PAPER, CUT, &moves), (PAPER, CUT, &folded)]
    {
        let found = found(browser, view, script, std::slice::from_ref(page)).await;
        assert!(!found.is_empty(), "{}, {view:?}", page.path);
    }
    assert_eq!(found(browser, PHONE, WIDE, &[moves]).await, [""; 0]);
    assert_eq!(found(browser, PAPER, TORN, &torn).await.len(), torn.len());
}

/// Gives every line, area and word one ink, and makes a white stage on which one drawing is shown at a time. The answer
/// names the drawings: `LEGEND/KEY words`.
const ONE_INK: &str = "
    for (const name of ['fg', 'mute', 'line', 'ok', 'warn', 'bad', 'work'])
        document.documentElement.style.setProperty(`--${name}`, '#000');
    const stage = document.createElement('div');
    stage.id = 'stage';
    stage.style = 'position: fixed; top: 0; left: 0; width: 64px; height: 64px; background: #fff; z-index: 9';
    document.body.append(stage);
    window.drawings = [...document.querySelectorAll('.legend')].flatMap((legend, number) =>
        [...legend.querySelectorAll('li > svg')].map(svg => [`${number}/${svg.parentElement.textContent}`, svg]));
    return window.drawings.map(([name]) => name);
";

pub async fn no_mark_and_no_state_ever_needs_its_colour(browser: &Browser) {
    let pages = pages::sample();
    let server = Server::of(&pages).await;
    browser.view(View::SCREEN).await;
    for page in pages.iter().filter(|page| page.path == "index.html" || page.path.starts_with("runs/")) {
        browser.open(&server.url(page)).await;
        let without_word =
            "return [...document.querySelectorAll('.state')].map(state => state.innerText.trim())
            .filter(words => !/^\\S\\s+\\p{Lu}[\\p{L} ]+$/u.test(words));";
        assert_eq!(browser.list(without_word).await, [""; 0], "{}", page.path);
        let drawings = browser.list(ONE_INK).await;
        let blank = browser.picture("#stage").await;
        let mut looks: BTreeMap<(String, Vec<u8>), Value> = BTreeMap::new();
        for (number, name) in drawings.into_iter().enumerate() {
            let show = format!(
                "const drawing = window.drawings[{number}][1].cloneNode(true);
                 drawing.style = 'width: 64px; height: 64px';
                 document.getElementById('stage').replaceChildren(drawing);
                 return [];"
            );
            browser.list(&show).await;
            let picture = browser.picture("#stage").await;
            assert_ne!(picture, blank, "{}: {name} shows nothing", page.path);
            let legend = name.as_str().and_then(|name| name.split('/').next()).unwrap_or_default().to_owned();
            if let Some(other) = looks.insert((legend, picture), name.clone()) {
                panic!("{}: {name} and {other} look alike without colours", page.path);
            }
        }
        let legends = if page.path == "index.html" { 12 } else { 0 };
        assert!(looks.len() >= legends, "{}: the legends were not found", page.path);
    }
}
