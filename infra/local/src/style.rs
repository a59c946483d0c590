//! Colors on a terminal, plain text everywhere else.

use std::{env, io::IsTerminal as _};

/// Whether standard output shows colors. `NO_COLOR` is respected.
pub(crate) fn shows_colors() -> bool {
    std::io::stdout().is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How a text is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Plain,
    Faint,
    Good,
    Bad,
    Strong,
}

/// The text, marked if that can be shown.
pub(crate) fn marked(text: &str, mark: Mark, colors: bool) -> String {
    let code = match mark {
        Mark::Faint if colors => "2",
        Mark::Good if colors => "32",
        Mark::Bad if colors => "31",
        Mark::Strong if colors => "1",
        Mark::Plain | Mark::Faint | Mark::Good | Mark::Bad | Mark::Strong => return text.to_owned(),
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Milliseconds as seconds with a tenth.
pub(crate) fn seconds(ms: u64) -> String {
    let tenths = (ms + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}
