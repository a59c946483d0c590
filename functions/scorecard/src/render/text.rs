//! Text of callers and of AWS, as a page shows it: one line, bounded, escaped, and isolated from the text around it.

use std::fmt;

use askama::filters::{Escaper, Html, HtmlSafe};
use firedrill_core::{request::Mode, text::cut};

/// The most characters of a reason, a message or a state.
pub(crate) const MAX_TEXT: usize = 400;
/// The most characters of a name in a heading.
pub(crate) const MAX_SHORT: usize = 48;
/// The most characters of a name, an id or an ARN.
pub(crate) const MAX_NAME: usize = 160;

/// A foreign text. It is written escaped, in a `bdi` element: right-to-left text in it never reorders what stands
/// around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(String);

impl Text {
    /// A text of at most [`MAX_TEXT`] characters.
    pub(crate) fn new(text: &str) -> Self {
        Self(plain(text, MAX_TEXT))
    }

    /// A name, an id or an ARN of at most [`MAX_NAME`] characters.
    pub(crate) fn name(text: &str) -> Self {
        Self(plain(text, MAX_NAME))
    }

    /// A text that may be longer than others, because it is there to be copied.
    pub(crate) fn up_to(text: &str, most: usize) -> Self {
        Self(plain(text, most))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi>")?;
        Html.write_escaped_str(&mut *f, &self.0)?;
        f.write_str("</bdi>")
    }
}

/// What [`Text`] writes is escaped already.
impl HtmlSafe for Text {}

/// A foreign text for an attribute or a title, where no element can isolate it: on one line, bounded, and without
/// characters that reorder text. The template escapes it.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let shown = text.chars().take(most + 1).map(|c| match c {
        c if c.is_control() => ' ',
        // What overrides, embeds or isolates a direction, and the separators of lines and paragraphs.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => '\u{fffd}',
        c => c,
    });
    cut(&shown.collect::<String>(), most)
}

/// A link out of the page: only `http` and `https`, and no longer than a browser takes. None otherwise.
pub(crate) fn web_link(link: &str) -> Option<String> {
    const MAX_LINK: usize = 2_000;
    let parsed = url::Url::parse(link).ok()?;
    let is_web = matches!(parsed.scheme(), "http" | "https");
    (is_web && parsed.as_str().len() <= MAX_LINK).then(|| parsed.into())
}

/// What a run of this mode does to the application, for who does not know the modes.
pub(crate) const fn what_fails(mode: Mode) -> &'static str {
    match mode {
        Mode::Stop => "stops instances",
        Mode::Alarm => "forces an alarm",
        Mode::Metric => "feeds an alarm's metric",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_never_comes_out_as_markup() {
        let shown = Text::new("<script>\"'&</script><cwdb-action>").to_string();
        assert!(!shown.contains("<script") && !shown.contains("<cwdb") && !shown.contains('"'), "{shown}");
    }

    #[test]
    fn a_foreign_text_is_never_longer_than_its_bound_and_says_that_it_was_cut() {
        assert_eq!(plain(&"x".repeat(10_000), MAX_TEXT).chars().count(), MAX_TEXT);
        assert!(plain(&"x".repeat(10_000), MAX_TEXT).ends_with('…'));
    }

    #[test]
    fn a_foreign_text_never_reorders_the_text_around_it() {
        let shown = Text::new("a\u{202e}b\u{2066}c\n").to_string();
        assert_eq!(shown, "<bdi>a\u{fffd}b\u{fffd}c </bdi>");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_link("javascript:alert(1)"), None);
        assert_eq!(web_link("data:text/html,x"), None);
        assert_eq!(web_link(&format!("https://example.com/{}", "x".repeat(5_000))), None);
        assert_eq!(web_link("https://example.com/a").as_deref(), Some("https://example.com/a"));
    }
}
