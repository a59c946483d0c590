//! Bullet: best to worst, median, last and objective of one drill in one small drawing.

use crate::{
    model::{Drill, Time},
    render::moment::span,
};

/// The width of the drawing, in its units.
const WIDTH: u64 = 120;

/// The drawing; it is not stretched.
#[derive(Clone, Debug)]
pub(super) struct Bullet {
    /// From the best to the worst; an arrow at the end if the worst was never reached.
    pub range: String,
    /// The median.
    pub median: String,
    /// Where the last one lies; none if it was not reached.
    pub last: Option<u64>,
    /// The objective.
    pub objective: String,
    /// All of it in a sentence.
    pub title: String,
}

/// The bullet of a drill; none without a time to recover.
pub(super) fn bullet(drill: &Drill) -> Option<Bullet> {
    let figures = drill.time_to_recover;
    let (worst, median, last) = (figures.worst?, figures.median?, figures.last?);
    let measured = drill.history.iter().filter_map(|point| point.time_to_recover);
    let best = measured.clone().map(|took| took.ms).min();
    let longest =
        measured.map(|took| took.ms).max().unwrap_or_default().max(drill.objective_ms.unwrap_or_default());
    let x = |ms: u64| {
        u64::try_from(u128::from(ms) * u128::from(WIDTH - 16) / u128::from(longest.max(1)))
            .unwrap_or(WIDTH)
            .min(WIDTH - 8)
    };
    let place = |time: Time| match time {
        Time::Measured(took) => x(took.ms),
        Time::NotReached => WIDTH,
    };
    let start = best.map_or(WIDTH - 16, x);
    let end = place(worst);
    let arrow = if worst == Time::NotReached { format!("M{} 5l5 4-5 4", WIDTH - 5) } else { String::new() };
    Some(Bullet {
        range: format!("M{start} 9H{end}{arrow}"),
        median: format!("M{} 4V14", place(median)),
        last: matches!(last, Time::Measured(_)).then(|| place(last)),
        objective: drill.objective_ms.map(|ms| format!("M{} 1V17", x(ms))).unwrap_or_default(),
        title: title(drill, best, [last, median, worst]),
    })
}

fn title(drill: &Drill, best: Option<u64>, [last, median, worst]: [Time; 3]) -> String {
    let best = best.map_or("none".to_owned(), span);
    let objective = drill.objective_ms.map_or("not known".to_owned(), span);
    format!(
        "Time to recover: last {}, median {}, best {best}, worst {}; objective {objective}",
        time(last),
        time(median),
        time(worst)
    )
}

/// A figure in words, without its resolution.
pub(super) fn time(time: Time) -> String {
    match time {
        Time::Measured(took) => span(took.ms),
        Time::NotReached => "not reached".to_owned(),
    }
}
