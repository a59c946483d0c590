//! Page: what every page has: title, trail, and as of when it was made by which version.

use firedrill_core::Timestamp;

use super::{
    moment::long,
    text::{MAX_NAME, Text, plain},
};

/// When the pages are made, and by which version of Firedrill.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// The time as of which the record was read.
    pub as_of: Timestamp,
    /// The version of Firedrill, such as `0.4.0`.
    pub version: &'a str,
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The title, for the window and for search.
    pub title: String,
    /// The pages above this one, from the first on.
    pub trail: Vec<Link>,
    /// This page, at the end of the trail.
    pub here: Text,
    /// As of when.
    pub as_of: String,
    /// The version of Firedrill.
    pub version: Text,
}

/// A link to another page of the site.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Where it leads, relative to the page on which it stands.
    pub href: String,
    /// What it is called.
    pub text: Text,
}

impl Frame {
    /// The frame of the page of this title, below these pages.
    pub(crate) fn new(title: &str, trail: Vec<Link>, here: &str, published: Published<'_>) -> Self {
        Self {
            title: plain(title, MAX_NAME),
            trail,
            here: Text::name(here),
            as_of: long(published.as_of),
            version: Text::name(published.version),
        }
    }
}

impl Link {
    /// A link of this text to this page.
    pub(crate) fn new(href: impl Into<String>, text: &str) -> Self {
        Self { href: href.into(), text: Text::name(text) }
    }
}
