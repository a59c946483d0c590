//! Scale: moments as coordinates of a chart, and the marks of its axis.

use firedrill_core::Timestamp;

use super::moment::span;

/// The width of every drawing that is stretched to the width of the page, in its own units.
pub(crate) const WIDTH: u16 = 1_000;

/// A linear scale from a span of time to `0..=WIDTH`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeScale {
    from: Timestamp,
    to: Timestamp,
}

/// One mark of the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Its place, in the drawing's units.
    pub x: u16,
    /// Its place as a percentage, for text, which is not stretched.
    pub percent: String,
    /// Which end of the text stands there, so that no label leaves the chart.
    pub anchor: &'static str,
    /// Its label.
    pub label: String,
}

impl TimeScale {
    /// The scale of this span; at least a second long.
    pub(crate) fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to: to.max(from.plus_millis(1_000)) }
    }

    /// The beginning of the scale.
    pub(crate) const fn start(self) -> Timestamp {
        self.from
    }

    /// The end of the scale.
    pub(crate) const fn end(self) -> Timestamp {
        self.to
    }

    /// Where a moment lies; what lies outside lies on the edge.
    pub(crate) fn x(self, at: Timestamp) -> u16 {
        let whole = self.to.millis_since(self.from);
        let part = at.millis_since(self.from).min(whole);
        let x = u128::from(part) * u128::from(WIDTH) / u128::from(whole);
        u16::try_from(x).unwrap_or(WIDTH)
    }

    /// Marks at round distances from `zero`: at most six.
    pub(crate) fn ticks(self, zero: Timestamp) -> Vec<Tick> {
        let step = round_step(self.to.millis_since(self.from) / 5);
        let mut ticks = Vec::new();
        let mut at = zero;
        while at <= self.to {
            if at >= self.from {
                let label = if at == zero { "0".to_owned() } else { span(at.millis_since(zero)) };
                ticks.push(tick(self.x(at), label));
            }
            at = at.plus_millis(step);
        }
        ticks
    }
}

/// A mark at this place.
pub(crate) fn tick(x: u16, label: String) -> Tick {
    let anchor = match x {
        0..=60 => "start",
        940.. => "end",
        _ => "middle",
    };
    Tick { x, percent: format!("{}.{}%", x / 10, x % 10), anchor, label }
}

/// The smallest step that is as long as this and that people count in.
fn round_step(at_least_ms: u64) -> u64 {
    const STEPS_S: [u64; 20] = [
        1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400,
        172_800, 604_800,
    ];
    let fits = STEPS_S.into_iter().map(|s| s * 1_000).find(|step| *step >= at_least_ms);
    fits.unwrap_or(at_least_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_moment_lies_outside_the_chart() {
        let at = Timestamp::from_millis;
        let scale = TimeScale::new(at(10_000), at(20_000));
        assert_eq!(
            [at(0), at(10_000), at(15_000), at(20_000), at(99_000)].map(|at| scale.x(at)),
            [0, 0, 500, 1_000, 1_000]
        );
        assert_eq!(TimeScale::new(at(5), at(5)).x(at(5)), 0);
    }

    #[test]
    fn an_axis_never_has_more_marks_than_fit() {
        for seconds in [1, 7, 59, 301, 4_000, 90_000, 3_000_000, 40_000_000] {
            let at = |s: i64| Timestamp::from_millis(s * 1_000);
            let ticks = TimeScale::new(at(0), at(seconds)).ticks(at(0));
            assert!((1..=6).contains(&ticks.len()), "{seconds}: {ticks:?}");
        }
    }
}
