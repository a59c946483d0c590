//! Confidence: what a number of passed runs proves about the chance of the next one to pass.
//!
//! The exact one-sided lower bound (Clopper and Pearson, 1934): the smallest chance with which so many passes or more
//! would still happen in one of twenty series. Its equation is solved here by bisection, without a library: a
//! drill has at most 500 runs, so the tail of the binomial distribution is a short sum.

/// The rule, as it is printed beside the figures.
pub const RULE: &str = "At least p % (95 % confidence): the exact one-sided lower bound of Clopper and Pearson. If the chance to \
                        pass were smaller than p, so many passes or more would happen in fewer than 5 of 100 such series. \
                        If all n runs passed, it is 0.05^(1/n). Every run that injected a failure counts; one that ended without a \
                        verdict counts as not passed.";

const SIGNIFICANCE: f64 = 0.05;
/// Halving an interval of 1 so often leaves less than a double can tell apart.
const HALVINGS: usize = 60;

/// The lower bound of the chance to pass, from 0 to 1; none without a run.
#[must_use]
pub fn lower_bound(passed: u32, of: u32) -> Option<f64> {
    if of == 0 || passed > of {
        return None;
    }
    if passed == 0 {
        return Some(0.0);
    }
    if passed == of {
        return Some(SIGNIFICANCE.powf(f64::from(of).recip()));
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        // The tail grows with the chance.
        if tail(passed, of, middle) < SIGNIFICANCE { low = middle } else { high = middle }
    }
    Some(low)
}

/// The chance of at least `passed` passes in `of` runs, if each passes with chance `p`, above 0 and below 1.
fn tail(passed: u32, of: u32, p: f64) -> f64 {
    let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
    // The logarithm of the binomial coefficient, from one to the next.
    let mut ln_choose = 0.0;
    let mut sum = 0.0;
    for k in 0..=of {
        if k > 0 {
            ln_choose += f64::from(of - k + 1).ln() - f64::from(k).ln();
        }
        if k >= passed {
            sum += (ln_choose + f64::from(k) * ln_p + f64::from(of - k) * ln_q).exp();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(passed: u32, of: u32) -> f64 {
        lower_bound(passed, of).unwrap()
    }

    #[test]
    fn the_bound_is_never_another_than_that_of_published_tables() {
        // Lower ends of two-sided 90 % intervals, which are one-sided 95 % bounds.
        for (passed, of, wanted) in [
            (1, 10, 0.005_116),
            (5, 10, 0.222_44),
            (9, 10, 0.605_84),
            (18, 20, 0.717_38),
            (90, 100, 0.836_277),
        ] {
            assert!((bound(passed, of) - wanted).abs() < 1e-5, "{passed} of {of}: {}", bound(passed, of));
        }
    }

    #[test]
    fn runs_that_all_passed_never_prove_that_the_next_one_will() {
        for of in 1..=500 {
            let exact = 0.05_f64.powf(1.0 / f64::from(of));
            assert!((bound(of, of) - exact).abs() < 1e-12 && bound(of, of) < 1.0);
            // The general way meets the special case.
            assert!((tail(of, of, exact) - 0.05).abs() < 1e-9, "{of}");
        }
    }

    #[test]
    fn another_failure_never_raises_the_bound_and_nothing_proves_nothing() {
        for of in 1..=60 {
            for passed in 1..=of {
                assert!(bound(passed - 1, of) < bound(passed, of), "{passed} of {of}");
                assert!(bound(passed, of) <= f64::from(passed) / f64::from(of));
            }
        }
        assert_eq!((lower_bound(0, 0), lower_bound(2, 1), lower_bound(0, 7)), (None, None, Some(0.0)));
        assert!(bound(499, 500) > 0.98 && bound(1, 500) > 0.0);
    }
}
