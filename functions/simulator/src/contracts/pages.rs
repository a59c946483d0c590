//! Pages: a token leads on, tokens end, and nothing is lost or repeated.

use std::{collections::BTreeSet, fmt::Debug};

use firedrill_drills::ports::{Next, Page, Reply};

/// The most pages that a suite reads: an answer that has more never ends.
const MOST_PAGES: usize = 1_000;

/// Every item of an answer, and on how many pages they came.
pub(super) async fn all<T: Clone + Debug>(
    mut read: impl AsyncFnMut(Next<'_>) -> Reply<Page<T>>,
) -> (Vec<T>, usize) {
    let (mut items, mut tokens, mut next) = (Vec::new(), BTreeSet::new(), None);
    for number in 1..=MOST_PAGES {
        let page = read(next.as_ref()).await.unwrap_or_else(|failure| panic!("page {number}: {failure}"));
        items.extend(page.items);
        let Some(token) = page.next else { return (items, number) };
        assert!(tokens.insert(token.0.clone()), "page {number} leads back to an earlier one");
        next = Some(token);
    }
    panic!("{MOST_PAGES} pages, and no end")
}

/// Checks that an answer consists of exactly these items, each once, on at least so many pages.
pub(super) fn assert_same<T: Debug>(
    (items, pages): (Vec<T>, usize),
    name: impl Fn(&T) -> String,
    expected: &[String],
    at_least: usize,
) {
    let mut found: Vec<String> = items.iter().map(name).collect();
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected, "found (left), expected (right)");
    assert!(
        pages >= at_least,
        "{pages} pages instead of {at_least}: the set-up is too small to show any paging"
    );
}
