//! A page needs nothing but itself.

use crate::{
    browser::{Browser, View},
    pages::{self, Page},
    server::Server,
};

/// What a browser asked for on behalf of a page, as the browser tells it, refused requests among it.
async fn requested(browser: &Browser) -> Vec<String> {
    let events = browser.events().await.into_iter();
    let sent = events.filter(|event| event["method"] == "Network.requestWillBeSent");
    let urls = sent.map(|event| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned());
    urls.filter(|url| !url.starts_with("data:")).collect()
}

pub async fn no_request_ever_leaves_a_page(browser: &Browser) {
    let pages: Vec<Page> = pages::sample().into_iter().chain(pages::hostile()).collect();
    let pages: Vec<Page> = pages.iter().flat_map(|page| [page.clone(), page.without_policy()]).collect();
    let server = Server::of(&pages).await;
    for page in &pages {
        requested(browser).await;
        server.asked();
        browser.open(&server.url(page)).await;
        // Styles of other media may ask for more.
        for view in [View { media: "print", ..View::SCREEN }, View { scheme: "dark", ..View::SCREEN }] {
            browser.view(view).await;
        }
        let entries = browser.list("return performance.getEntriesByType('resource').map(e => e.name);").await;
        let entries: Vec<_> = entries.into_iter().filter(|name| name != "data:,").collect();
        assert!(entries.is_empty(), "{} asked for {entries:?}", page.path);
        assert_eq!(requested(browser).await, [server.url(page)]);
        assert_eq!(server.asked(), [format!("/{}", page.path)]);
    }
}

pub async fn a_request_that_leaves_a_page_is_never_passed_over(browser: &Browser) {
    let page = Page {
        path: "leaks.html".to_owned(),
        html: "<!doctype html><title>x</title><link rel=icon href=\"data:,\"><link rel=stylesheet href=\"beside.css\">\
               <img alt=\"\" src=\"https://results.example.com/x.png\">"
            .to_owned(),
    };
    let refused = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">";
    let refused = Page {
        path: "refused.html".to_owned(),
        html: page.html.replace("<title>", &format!("{refused}<title>")),
    };
    let server = Server::of(&[page.clone(), refused.clone()]).await;
    browser.open(&server.url(&page)).await;
    let urls = requested(browser).await;
    assert!(urls.iter().any(|url| url == "https://results.example.com/x.png"), "{urls:?}");
    assert!(server.asked().contains(&"/beside.css".to_owned()));
    browser.open(&server.url(&refused)).await;
    let urls = requested(browser).await;
    assert!(urls.iter().any(|url| url == "https://results.example.com/x.png"), "{urls:?}");
}
