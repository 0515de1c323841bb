//! Intervals by the stationary bootstrap (Politis and Romano, 1994): returns of neighbouring days depend on each other, so blocks of random
//! length are drawn, with replacement and around the end. The draws are the same for every figure and every run: differences are of the same days.

use crate::metrics::Interval;

/// Mean length of a block, in steps.
const BLOCK: u64 = 30;
/// Drawn series.
const DRAWS: usize = 1_000;
/// What is cut off on each side.
const TAIL: f64 = 0.025;
/// Any number; it only has to stay.
const SEED: u64 = 0x6261_6c6c_6173_7400;

/// The interval of `figure` over series of `length` drawn steps.
pub(crate) fn interval(length: usize, figure: impl Fn(&[usize]) -> f64) -> Interval {
    let mut random = SplitMix::new(SEED);
    let mut picked = vec![0usize; length];
    let mut figures: Vec<f64> = (0..DRAWS)
        .map(|_| {
            draw(&mut random, &mut picked);
            figure(&picked)
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    let at = |part: f64| figures.get((part * (DRAWS - 1) as f64) as usize).copied().unwrap_or_default();
    Interval { low: at(TAIL), high: at(1.0 - TAIL) }
}

fn draw(random: &mut SplitMix, picked: &mut [usize]) {
    let length = picked.len();
    let mut step = 0;
    for (index, slot) in picked.iter_mut().enumerate() {
        let fresh = index == 0 || random.below(BLOCK) == 0;
        step = if fresh { random.below(length as u64) as usize } else { (step + 1) % length };
        *slot = step;
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], picked: &[usize]) -> f64 {
        picked.iter().map(|step| values[*step]).sum::<f64>() / picked.len() as f64
    }

    #[test]
    fn the_interval_of_a_mean_is_about_what_theory_says() {
        // Independent, so the block length does not matter: ± 1.96 / √n.
        let mut random = SplitMix::new(7);
        let values: Vec<f64> =
            (0..4_000).map(|_| (0..12).map(|_| random.next() as f64 / u64::MAX as f64).sum::<f64>() - 6.0).collect();
        let Interval { low, high } = interval(values.len(), |picked| mean(&values, picked));
        let width = high - low;
        assert!((width - 2.0 * 1.96 / 4_000f64.sqrt()).abs() < 0.012, "{width}");
    }

    #[test]
    fn what_never_changes_has_no_width_and_every_rerun_is_the_same() {
        let constant = [0.5; 100];
        assert_eq!(interval(100, |picked| mean(&constant, picked)), Interval { low: 0.5, high: 0.5 });
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let once = interval(100, |picked| mean(&values, picked));
        assert_eq!(once, interval(100, |picked| mean(&values, picked)));
        assert!(once.low < once.high);
    }
}
