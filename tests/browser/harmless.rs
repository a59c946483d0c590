//! Nothing that a name or a reason says ever becomes more than text.

use serde_json::Value;

use crate::{
    browser::Browser,
    hostile::TEXTS,
    pages::{self, Page},
    server::Server,
};

/// Whatever on a page is none of ours: what ran, an element or an attribute that our templates do not have, a link that leads to
/// no web address.
const FOREIGN: &str = r"
    const ours = `a b bdi body br caption circle code dd details div dl dt figcaption figure footer h1 h2 h3 head
        header html i li link main meta nav ol p path pre section small span style summary svg table tbody td text
        th thead time title tr ul`.split(/\s+/);
    const found = window.ran === undefined ? [] : [`it ran: ${window.ran}`];
    for (const element of document.querySelectorAll('*')) {
        if (!ours.includes(element.localName)) found.push(`<${element.localName}>`);
        for (const { name, value } of element.attributes) {
            const leads = ['action', 'formaction', 'href', 'src', 'srcdoc', 'xlink:href'].includes(name);
            const isWeb = leads && ['http:', 'https:'].includes(new URL(value, location).protocol);
            const isIcon = element.localName === 'link' && value === 'data:,';
            if (name.startsWith('on') || (leads && !isWeb && !isIcon)) found.push(`${name}=${value.slice(0, 80)}`);
        }
    }
    return found;
";

/// What a page shows as text.
const SHOWN: &str = "return [document.body.textContent];";

/// Opens a page, and tells what is none of ours on it.
async fn foreign(browser: &Browser, server: &Server, page: &Page) -> Vec<Value> {
    browser.events().await;
    browser.open(&server.url(page)).await;
    let mut found = browser.list(FOREIGN).await;
    let dialogs = browser.events().await.into_iter();
    found.extend(dialogs.filter(|event| event["method"] == "Page.javascriptDialogOpening"));
    found
}

pub async fn nothing_in_a_name_or_a_reason_ever_runs_or_becomes_an_element(browser: &Browser) {
    let pages = pages::hostile();
    let open = pages.iter().map(Page::without_policy);
    let pages: Vec<Page> = pages.iter().cloned().chain(open).collect();
    let server = Server::of(&pages).await;
    for page in &pages {
        let found = foreign(browser, &server, page).await;
        assert!(found.is_empty(), "{}: {found:?}", page.path);
        let text = browser.list(SHOWN).await;
        let text = text[0].as_str().expect("a text");
        // Else nothing hostile was there to be shown.
        let begins = |hostile: &&str| hostile.chars().take(12).collect::<String>();
        let shown = TEXTS.iter().filter(|hostile| text.contains(&begins(hostile))).count();
        assert!(shown > TEXTS.len() / 2, "{} shows only {shown} of {} texts", page.path, TEXTS.len());
    }
}

pub async fn a_text_that_is_not_escaped_is_never_passed_over(browser: &Browser) {
    let page = |(number, text): (usize, &&str)| Page {
        path: format!("{number}.html"),
        html: format!(
            "<!doctype html><title>x</title><link rel=icon href=\"data:,\"><p title=\"{text}\">{text}</p>\
             <a href=\"{text}\">x</a>"
        )
        .replace("alert(1)", "0"),
    };
    let pages: Vec<Page> = TEXTS.iter().enumerate().map(page).collect();
    let server = Server::of(&pages).await;
    // What reorders text makes no element, and what is escaped already is harmless.
    let harmful = |page: &&Page| !page.html.contains('\u{202e}') && !page.html.contains("&lt;");
    for page in pages.iter().filter(harmful) {
        let found = foreign(browser, &server, page).await;
        assert!(!found.is_empty(), "{}", page.html);
    }
}
