//! What holds for every page, checked on what an HTML parser makes of it.

use std::collections::BTreeSet;

use crate::dom::{Element, Page};

/// Elements that no page of ours has: they run something, load something, or are removed by CloudWatch.
const NEVER: [&str; 15] = [
    "script",
    "use",
    "iframe",
    "img",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "video",
    "audio",
    "base",
    "foreignobject",
    "cwdb-action",
    "image",
];

/// The text of all that a selector finds.
pub fn text_of(page: &Page, css: &str) -> String {
    page.all(css).into_iter().map(Element::text).collect::<Vec<_>>().join(" ")
}

/// Parses a whole page, and checks what holds for each.
pub fn checked_page(source: &str) -> Page {
    let page = Page::document(source);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    check(&page);
    assert_eq!(page.all("html[lang=en]").len(), 1);
    assert_eq!((page.all("main").len(), page.all("h1").len()), (1, 1));
    assert!(!text_of(&page, "title").is_empty());
    let policy = page.all("meta[http-equiv=Content-Security-Policy]");
    let policy = policy[0].attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    let mut level = 0;
    for heading in page.all("h1, h2, h3, h4") {
        let next: u32 = heading.name()[1..].parse().unwrap();
        assert!(next <= level + 1, "heading {:?} leaves out a level", heading.text());
        level = next;
    }
    page
}

/// Parses what a dashboard shows, and checks it.
pub fn checked_fragment(source: &str) -> Page {
    let page = Page::fragment(source);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    check(&page);
    page
}

fn check(page: &Page) {
    let mut ids = BTreeSet::new();
    for element in page.all("*") {
        let name = element.name();
        assert!(!NEVER.contains(&name.to_ascii_lowercase().as_str()), "an element `{name}`");
        for (attribute, value) in element.attributes() {
            assert!(
                !attribute.starts_with("on") && attribute != "src" && attribute != "srcset",
                "{name} {attribute}={value}"
            );
            assert!(!value.contains("url(") && attribute != "xlink:href", "{name} {attribute}={value}");
            assert!(!value.contains("NaN") && !value.contains("inf"), "{name} {attribute}={value}");
        }
        if let Some(id) = element.attr("id") {
            assert!(ids.insert(id.to_owned()), "the id {id} stands twice");
        }
    }
    for link in page.all("a") {
        check_link(link, &ids);
    }
    for table in page.all("table") {
        assert!(table.all("caption").first().is_some_and(|caption| !caption.text().is_empty()));
        assert!(table.all("th").iter().all(|header| header.attr("scope").is_some()), "{}", table.text());
    }
    // A key of a legend, or the words of an axis, is only for who sees the drawing.
    for drawing in page.all("svg").into_iter().filter(|drawing| drawing.attr("aria-hidden") != Some("true")) {
        assert!(drawing.attr("role") == Some("img") && !drawing.all("title").is_empty());
    }
    for style in page.all("style") {
        let css = style.text();
        assert!(
            !css.contains("url(") && !css.contains("@import") && !css.contains("</"),
            "the stylesheet loads something"
        );
    }
    let mut labels = BTreeSet::new();
    for frame in page.all("[role=region]") {
        assert!(
            labels.insert(frame.attr("aria-label")),
            "two frames are called {:?}",
            frame.attr("aria-label")
        );
        assert!(frame.attr("aria-label").is_some() && frame.attr("tabindex") == Some("0"));
    }
}

/// A link leads to a part of this page, to another page of the site, or to the web.
fn check_link(link: Element<'_>, ids: &BTreeSet<String>) {
    let href = link.attr("href").expect("a link leads somewhere");
    assert!(!link.text().is_empty(), "the link to {href} has no words");
    if let Some(id) = href.strip_prefix('#') {
        assert!(ids.contains(id), "nothing has the id {id}");
        return;
    }
    let is_web = href.starts_with("https://") || href.starts_with("http://");
    let is_ours = !href.contains(':') && !href.starts_with('/');
    assert!(is_web || is_ours, "a link to {href}");
}
