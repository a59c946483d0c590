//! Lines: the subject and the text of a message to people. Whatever comes from a request or from AWS is bounded, and stays on
//! its line.

use firedrill_core::Timestamp;

use crate::render::{
    moment,
    text::{MAX_NAME, MAX_TEXT, plain, web_link},
};

/// The most characters of a subject: fewer than 100 (API reference of SNS, `Publish`).
const MAX_SUBJECT: usize = 99;
/// The most characters of a name in a subject: three of them fit, with the longest words between them.
const MAX_SUBJECT_NAME: usize = 17;

/// A subject about a drill: what happened to it, where it belongs.
pub(super) fn drill_subject(drill: &str, what: &str, [application, environment]: [&str; 2]) -> String {
    let [drill, application, environment] =
        [drill, application, environment].map(|name| ascii(name, MAX_SUBJECT_NAME));
    ascii(&format!("Firedrill: {drill} {what} ({application}, {environment})"), MAX_SUBJECT)
}

/// A text on one line, in at most so many characters of ASCII; a longer one ends in two dots.
pub(super) fn ascii(text: &str, most: usize) -> String {
    let printed = |c: char| match c {
        ' '..='~' => c,
        _ if c.is_control() || c.is_whitespace() => ' ',
        _ => '?',
    };
    let mut short: String = text.chars().take(most + 1).map(printed).collect();
    if short.len() > most {
        short.truncate(most.saturating_sub(2));
        short.push_str("..");
    }
    short
}

/// A message: a sentence, then one line for each thing that is known.
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn new(first: String) -> Self {
        Self(first + "\n")
    }

    /// A blank line.
    pub(super) fn gap(mut self) -> Self {
        self.0.push('\n');
        self
    }

    /// A text of somebody else's; nothing if there is none.
    pub(super) fn text(self, label: &str, text: Option<&str>) -> Self {
        self.own(label, text.map(|text| plain(text, MAX_TEXT)))
    }

    /// A moment; nothing if it is not known.
    pub(super) fn moment(self, label: &str, at: Option<Timestamp>) -> Self {
        self.own(label, at.map(moment::long))
    }

    /// A duration in milliseconds; nothing if it is not known.
    pub(super) fn span(self, label: &str, ms: Option<u64>) -> Self {
        self.own(label, ms.map(moment::span))
    }

    /// The owner and the playbook, as far as they are known.
    pub(super) fn playbook(self, owner: Option<&str>, link: Option<&str>, version: Option<&str>) -> Self {
        let link = link.and_then(web_link);
        let version = version.map(|version| plain(version, MAX_NAME));
        let playbook = match (link, version) {
            (Some(link), Some(version)) => Some(format!("{link} (version {version})")),
            (Some(link), None) => Some(link),
            (None, version) => version.map(|version| format!("version {version}; its link is not known")),
        };
        self.own("Owner", owner.map(|owner| plain(owner, MAX_NAME))).own("Playbook", playbook)
    }

    /// What this version wrote itself, or has made fit.
    pub(super) fn own(mut self, label: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            for part in [label, ": ", &value, "\n"] {
                self.0.push_str(part);
            }
        }
        self
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_never_longer_than_sns_takes_and_never_loses_the_environment() {
        let name = "é".repeat(500);
        let subject = drill_subject(&name, "was not rolled back in time", [&name, "production"]);
        assert!(subject.len() <= MAX_SUBJECT && subject.is_ascii(), "{subject}");
        assert!(subject.ends_with(", production)"), "{subject}");
        assert_eq!(ascii("a\r\nb\u{202e}", 9), "a  b?");
    }

    #[test]
    fn a_text_never_breaks_out_of_its_line() {
        let lines = Lines::new("First.".to_owned()).text("Reason", Some("a\nOwner: somebody else\u{2028}x"));
        assert_eq!(lines.into_text(), "First.\nReason: a Owner: somebody else\u{fffd}x\n");
    }
}
