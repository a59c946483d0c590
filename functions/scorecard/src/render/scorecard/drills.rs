//! Drills: a row per drill with its state, its cadence, its times against its objective, what its passes prove, and
//! who owns it.

use super::{
    Scope,
    bullet::{Bullet, bullet, time},
};
use crate::{
    model::{Drill, Figures, Playbook, Time},
    render::{
        listed::Listed,
        moment::{resolution, short_day, span},
        path::drill_anchor,
        state::{Shown, outcome, state},
        text::{Text, web_link, what_fails},
    },
    words::count,
};

/// One drill.
#[derive(Clone, Debug)]
pub(super) struct DrillRow {
    /// The id of the row, on the page of its application.
    pub anchor: String,
    /// The drill's name.
    pub drill: Text,
    /// The link to it.
    pub href: String,
    /// Where it runs, what it makes fail, and how.
    pub place: Text,
    /// Its state.
    pub state: Shown,
    /// Its state in words; none if they are only its name.
    pub words: Option<Text>,
    /// How its cadence stands; none if the words of its state say it already.
    pub cadence: Option<Text>,
    /// What starts it.
    pub schedule: Text,
    /// The last run: its outcome, its day, and the link to its page.
    pub last: Option<LastShown>,
    /// Its time to recover as a drawing.
    pub bullet: Option<Bullet>,
    /// The objective.
    pub objective: String,
    /// In how many runs the time to recover was decided; empty without one.
    pub runs: String,
    /// Last, median and worst time to recover; none without a run.
    pub times: Option<[TimeShown; 3]>,
    /// The median time to detect and to fail over, each with what it is called.
    pub parts: [(&'static str, Option<TimeShown>); 2],
    /// What the passes prove.
    pub passes: Text,
    /// Whose it is, and by which procedure.
    pub playbook: Option<PlaybookLink>,
    /// What a reader has to know besides.
    pub notes: Vec<Text>,
}

/// The last run of a drill.
#[derive(Clone, Debug)]
pub(super) struct LastShown {
    /// Its outcome.
    pub outcome: Shown,
    /// Its day.
    pub day: String,
    /// The link to its page; none if it has none.
    pub href: Option<String>,
}

/// One time.
#[derive(Clone, Debug)]
pub(super) struct TimeShown {
    /// The time in words.
    pub time: String,
    /// By how much it may have been shorter; empty if it is exact, or was not reached.
    pub resolution: String,
}

/// The procedure, with its owner.
#[derive(Clone, Debug)]
pub(crate) struct PlaybookLink {
    /// Whose it is.
    pub owner: Text,
    /// Its version.
    pub version: Text,
    /// Where it can be opened; none if that is no web address.
    pub href: Option<String>,
}

impl From<&Playbook> for PlaybookLink {
    fn from(playbook: &Playbook) -> Self {
        Self {
            owner: Text::name(&playbook.owner),
            version: Text::name(&playbook.version),
            href: playbook.link.as_deref().and_then(web_link),
        }
    }
}

/// The drills of this page, the worst first.
pub(super) fn drills(scope: &Scope<'_>) -> Listed<DrillRow> {
    Listed::first(scope.drills(), scope.limits.drills, |drill| row(drill, scope))
}

fn row(drill: &Drill, scope: &Scope<'_>) -> DrillRow {
    let key = &drill.key;
    let mode = drill.mode.map(|mode| format!("; {}", what_fails(mode))).unwrap_or_default();
    let application = if scope.is_index() { format!("{}, ", key.application) } else { String::new() };
    let place = format!("{application}{}, {}{mode}", key.environment, drill.dependency);
    let last = drill.last.as_ref().map(|last| LastShown {
        outcome: outcome(last.outcome),
        day: short_day(last.at),
        href: scope.run_link(&last.run_id),
    });
    DrillRow {
        anchor: drill_anchor(&key.to_string()),
        drill: Text::name(&key.drill),
        href: scope.drill_link(key),
        place: Text::name(&place),
        state: state(drill.state),
        words: state_words(drill),
        cadence: (!drill.words.contains("overdue")).then(|| Text::name(&drill.cadence.words)),
        schedule: Text::name(drill.cadence.schedule.as_deref().unwrap_or("nothing starts it")),
        last,
        bullet: bullet(drill),
        objective: drill.objective_ms.map_or("not known".to_owned(), span),
        runs: match drill.time_to_recover.runs {
            0 => String::new(),
            runs => format!("in {}", count(runs as u64, "run")),
        },
        times: times(drill.time_to_recover),
        parts: [
            ("Median to detect", drill.time_to_detect.median.map(shown)),
            ("Median to fail over", drill.time_to_fail_over.median.map(shown)),
        ],
        passes: Text::name(&drill.passes.words),
        playbook: drill.playbook.as_ref().map(PlaybookLink::from),
        notes: notes(drill),
    }
}

/// The state of a drill in words; none if they are only its name.
pub(crate) fn state_words(drill: &Drill) -> Option<Text> {
    (drill.words != drill.state.words()).then(|| Text::name(&drill.words))
}

/// Last, median and worst, each with its resolution; none without a run.
fn times(figures: Figures) -> Option<[TimeShown; 3]> {
    Some([figures.last?, figures.median?, figures.worst?].map(shown))
}

fn shown(shown: Time) -> TimeShown {
    let resolution = match shown {
        Time::Measured(took) => resolution(took),
        Time::NotReached => String::new(),
    };
    TimeShown { time: time(shown), resolution }
}

fn notes(drill: &Drill) -> Vec<Text> {
    let replaced =
        drill.replaced_by.as_ref().map(|by| Text::name(&format!("replaced by {by}: it counts no more")));
    let cut = drill.results_cut.then(|| Text::name("older results were not read"));
    [replaced, cut].into_iter().flatten().collect()
}
