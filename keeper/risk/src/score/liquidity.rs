//! The liquidity part (SPEC R5): what it costs to leave, how much of the venue we are, and whether one has to wait.
//!
//! Selling the whole position under 0.5 % and a share of the venue under 1 %: 0; under 2 % and under 5 %: 30; else 80; a delay adds 20; 100 at most.
//! "And" means that the worse of the two counts. The prices of leaving with a tenth and with half are shown beside the whole; a tenth that
//! costs more than the whole is counted as if the whole cost that much.

use super::{
    Part, PartId, RISKIEST,
    curve::lines,
    factor::{Clock, factor},
    part,
};
use crate::sourced::{Freshness, Input};
use serde::{Deserialize, Serialize};

/// What leaving with a part of our position costs, as fractions of that part's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slippage {
    pub tenth: f64,
    pub half: f64,
    pub whole: f64,
}

/// What the liquidity part looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiquidityInputs {
    pub slippage: Input<Slippage>,
    /// Our position over the venue, a fraction.
    pub share_of_venue: Input<f64>,
    /// Seconds between asking for a withdrawal and having it.
    pub delay: Input<u64>,
}

pub(super) fn judge(inputs: &LiquidityInputs, now: u64, freshness: Freshness) -> Part {
    let market = Clock { now, limit: Some(freshness.market) };
    let reviewed = Clock { now, limit: Some(freshness.facts) };
    let slippage = factor("slippage", 0, &inputs.slippage, market, |slippage| {
        let Slippage { tenth, half, whole } = *slippage;
        let costs = [tenth, half, whole];
        if costs.iter().any(|cost| !cost.is_finite() || !(0.0..=1.0).contains(cost)) {
            return Err(format!("slippage is {tenth}, {half}, {whole}, expected fractions of 0 to 1"));
        }
        let percent = |cost: f64| format!("{:.3} %", cost * 100.0);
        let detail = format!("{}, {}, {} for a tenth, half, all", percent(tenth), percent(half), percent(whole));
        Ok((slippage_points(tenth.max(half).max(whole)), detail))
    });
    let share = factor("share of venue", 0, &inputs.share_of_venue, market, |share| {
        let share = super::factor::within("our share", *share, 1.0)?;
        Ok((share_points(share), format!("{:.3} %", share * 100.0)))
    });
    let mut delay = factor("delay", 0, &inputs.delay, reviewed, |delay| {
        let detail = if *delay == 0 { "none".to_owned() } else { format!("{delay} s") };
        Ok((delay_points(*delay), detail))
    });
    // Of this factor, the riskiest is 20.
    delay.score = delay.score.min(delay_points(1));
    let score = (slippage.score.max(share.score) + delay.score).min(RISKIEST);
    let rule = "the worse of slippage and share, and 20 for a delay; at most 100";
    part(PartId::Liquidity, score, rule, vec![slippage, share, delay])
}

fn slippage_points(cost: f64) -> f64 {
    lines(&[(0.004, 0.0), (0.005, 30.0), (0.017, 30.0), (0.02, 80.0)], cost)
}

fn share_points(share: f64) -> f64 {
    lines(&[(0.008, 0.0), (0.01, 30.0), (0.042, 30.0), (0.05, 80.0)], share)
}

const fn delay_points(seconds: u64) -> f64 {
    if seconds == 0 { 0.0 } else { 20.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(whole: f64, share: f64, delay: u64) -> f64 {
        let inputs = LiquidityInputs {
            slippage: Input::given(Slippage { tenth: whole / 10.0, half: whole / 2.0, whole }, "test", 5),
            share_of_venue: Input::given(share, "test", 5),
            delay: Input::given(delay, "test", 5),
        };
        judge(&inputs, 5, Freshness::default()).score
    }

    // SPEC R5
    #[test]
    fn the_tables_points_hold_at_their_edges() {
        for (whole, share, delay, points) in [
            (0.0, 0.0, 0, 0.0),
            (0.004, 0.008, 0, 0.0),
            (0.005, 0.0, 0, 30.0),
            (0.0, 0.01, 0, 30.0),
            (0.01, 0.02, 0, 30.0),
            (0.02, 0.0, 0, 80.0),
            (0.0, 0.05, 0, 80.0),
            (0.5, 0.5, 0, 80.0),
            (0.0, 0.0, 1, 20.0),
            (0.01, 0.0, 3_600, 50.0),
            (0.5, 0.5, 3_600, 100.0),
        ] {
            assert_eq!(of(whole, share, delay), points, "{whole} {share} {delay}");
        }
    }

    #[test]
    fn nothing_known_is_the_riskiest_and_a_tenth_that_costs_more_counts() {
        assert_eq!(judge(&LiquidityInputs::default(), 5, Freshness::default()).score, 100.0);
        let inputs = LiquidityInputs {
            slippage: Input::given(Slippage { tenth: 0.03, half: 0.0, whole: 0.0 }, "test", 5),
            share_of_venue: Input::given(0.0, "test", 5),
            delay: Input::given(0, "test", 5),
        };
        assert_eq!(judge(&inputs, 5, Freshness::default()).score, 80.0);
    }

    proptest! {
        #[test]
        fn points_rise_with_each_figure_and_are_never_below_the_table(
            a in 0.0..0.1f64, b in 0.0..0.1f64, share in 0.0..0.1f64, delay in 0u64..3,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(of(low, share, delay) <= of(high, share, delay));
            prop_assert!(of(share, low, delay) <= of(share, high, delay));
            prop_assert!(of(a, share, delay) <= of(a, share, delay + 1));
            let table = if a < 0.005 && share < 0.01 { 0.0 } else if a < 0.02 && share < 0.05 { 30.0 } else { 80.0 };
            prop_assert!(of(a, share, 0) >= table);
        }
    }
}
