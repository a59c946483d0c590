//! Pages of answers.

use firedrill_drills::ports::{Next, Page, Token};

/// The token of the page to read, as the SDK takes it.
pub(crate) fn token(page: Next<'_>) -> Option<String> {
    page.map(|token| token.0.clone())
}

/// One page, and where the next one begins. AWS answers the last page without a token, or with an empty one.
pub(crate) fn page<T>(items: impl IntoIterator<Item = T>, next: Option<String>) -> Page<T> {
    Page { items: items.into_iter().collect(), next: next.filter(|token| !token.is_empty()).map(Token) }
}
