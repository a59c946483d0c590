//! Table of the sweep, with a line for each point that is done; on a terminal, a progress bar below.

use std::{collections::BTreeSet, fs, io::IsTerminal as _, path::Path, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Point, Swept};
use crate::{
    LocalError,
    clock::{Since, epoch_ms},
    emulator::Call,
};

/// What is printed while it goes on.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Since,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar =
            if std::io::stdout().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, began: Since::now() }
    }

    pub(super) fn work(&self, doing: &str) {
        self.bar.set_message(doing.to_owned());
    }

    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    /// The head of the table, of so many lines.
    pub(super) fn head(&mut self, points: usize) {
        self.bar.set_message("");
        self.bar.set_length(points as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len}, {eta} left") {
            self.bar.set_style(style);
        }
        self.say(&row("point", "outcome", "finished by", "s", "what is wrong"));
    }

    pub(super) fn line(&self, swept: &Swept) {
        let wrong =
            if swept.wrong.is_empty() { "ok".to_owned() } else { format!("BAD: {}", swept.wrong.join("; ")) };
        let moved = swept.hit.filter(|number| *number != swept.point.number);
        let point = moved.map_or_else(|| swept.point.to_string(), |at| format!("{} (at #{at})", swept.point));
        let seconds = format!("{:.1}", swept.took.as_secs_f64());
        self.say(&row(&point, &swept.outcome, swept.finished_by, &seconds, &wrong));
        self.bar.inc(1);
    }

    pub(super) fn total(&self, swept: &[Swept]) {
        self.bar.finish_and_clear();
        let bad = swept.iter().filter(|one| !one.wrong.is_empty());
        let (all, seconds) = (swept.len(), self.began.elapsed().as_secs());
        println!(
            "{all} points in {} min {} s, {} of them bad",
            seconds / 60,
            seconds % 60,
            bad.clone().count()
        );
        for one in bad {
            println!("  again: cargo sweep --point '{}'; its run is in target/sweep/", one.point);
        }
    }
}

/// The points that this output of a sweep shows as ok.
pub(super) fn read_ok(output: &Path) -> Result<BTreeSet<Point>, LocalError> {
    let text = fs::read_to_string(output).map_err(|source| LocalError::File {
        what: "cannot read",
        path: output.to_owned(),
        source,
    })?;
    let rows = text.lines().filter_map(|line| line.strip_suffix("  ok"));
    Ok(rows.filter_map(|row| row.split_whitespace().next()?.parse().ok()).collect())
}

fn row(point: &str, outcome: &str, by: &str, seconds: &str, wrong: &str) -> String {
    format!("{point:<58} {outcome:<16} {by:<12} {seconds:>5}  {wrong}")
}

/// One call, for whoever looks into a run.
pub(super) fn call(call: &Call) -> String {
    let since = |at: i64| {
        format!("{:.3}", Duration::from_millis(u64::try_from(epoch_ms() - at).unwrap_or(0)).as_secs_f64())
    };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "-{} s  {} {}:{}{} {} {} -> {} {} {} {}",
        since(call.at),
        or_none(&call.caller),
        call.service,
        call.action,
        if call.dry_run { "(dry)" } else { "" },
        or_none(&call.resource),
        or_none(&call.detail),
        call.done.map_or_else(|| "never".to_owned(), |done| format!("{} ms", done - call.at)),
        call.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
        or_none(&call.code),
        or_none(&call.fault),
    )
}
