//! How much can leave at once, how long the rest takes, and what it costs.

use serde::Serialize;

/// A position and what its market gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    pub name: String,
    pub value_usd: f64,
    /// What could be taken out now, all comers together.
    pub liquid_usd: f64,
    /// What becomes available in a day after that: repayments and new deposits, or traded volume.
    pub daily_usd: f64,
    /// Seconds of any queue or unbonding before the first dollar comes.
    pub delay: u64,
}

/// One position's way out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExitPlan {
    pub name: String,
    /// Paid out at once; zero while there is a delay.
    pub at_once_usd: f64,
    /// Days until the last dollar is out; `None` if it never is.
    pub days: Option<f64>,
}

/// What could be turned into the asset at once, over what may be asked for. `None` unless something may be asked for.
///
/// `None` too if a figure of a holding is no number: what is not measured is not liquid.
///
/// Basel's liquidity coverage ratio with the horizon of an instant: what leaves through a queue does not count. 1 and more is enough.
#[must_use]
pub fn liquidity_coverage(idle_usd: f64, holdings: &[Holding], outflow_usd: f64) -> Option<f64> {
    let liquid = idle_usd + holdings.iter().map(at_once).sum::<f64>();
    let measured = holdings.iter().all(is_measured);
    (measured && outflow_usd.is_finite() && outflow_usd > 0.0 && liquid.is_finite())
        .then(|| liquid.max(0.0) / outflow_usd)
}

/// How each position leaves if we take at most `participation` (0–1) of what its market gives in a day, so that leaving does not move it.
#[must_use]
pub fn plan_exit(holdings: &[Holding], participation: f64) -> Vec<ExitPlan> {
    let plan = |holding: &Holding| {
        let now = at_once(holding);
        let first = holding.liquid_usd.min(holding.value_usd).max(0.0);
        let rest = (holding.value_usd - first).max(0.0);
        let pace = holding.daily_usd * participation;
        let waiting = holding.delay as f64 / 86_400.0;
        let days = if !is_measured(holding) {
            None
        } else if rest == 0.0 {
            Some(waiting)
        } else {
            (pace.is_finite() && pace > 0.0).then(|| waiting + rest / pace)
        };
        ExitPlan { name: holding.name.clone(), at_once_usd: now, days }
    };
    holdings.iter().map(plan).collect()
}

/// What selling `amount` costs as a part of it, at a depth given as (cost, dollars that can be sold at up to that cost), costs rising. The cost of a
/// dollar between two depths is the dearer one's. `None` if the depth does not reach.
#[must_use]
pub fn slippage(depth: &[(f64, f64)], amount: f64) -> Option<f64> {
    if !(amount.is_finite() && amount > 0.0) {
        return (amount == 0.0).then_some(0.0);
    }
    let (mut sold, mut cost) = (0.0, 0.0);
    if depth.iter().any(|(at, up_to)| at.is_nan() || up_to.is_nan()) {
        return None;
    }
    for &(at, up_to) in depth {
        let part = (up_to.min(amount) - sold).max(0.0);
        cost += part * at;
        sold += part;
        if sold >= amount {
            return Some(cost / amount);
        }
    }
    None
}

/// `f64::min` takes the other one of a NaN: without this, a liquidity that nobody knows would be all of the position.
fn is_measured(holding: &Holding) -> bool {
    [holding.value_usd, holding.liquid_usd, holding.daily_usd].iter().all(|figure| !figure.is_nan())
}

fn at_once(holding: &Holding) -> f64 {
    if holding.delay == 0 && is_measured(holding) { holding.liquid_usd.min(holding.value_usd).max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn holding(value: f64, liquid: f64, daily: f64, delay: u64) -> Holding {
        Holding { name: "a".into(), value_usd: value, liquid_usd: liquid, daily_usd: daily, delay }
    }

    #[test]
    fn what_is_liquid_leaves_at_once_and_the_rest_by_the_day() {
        let plans =
            plan_exit(&[holding(100.0, 60.0, 20.0, 0), holding(50.0, 80.0, 0.0, 0), holding(10.0, 0.0, 0.0, 0)], 0.5);
        assert_eq!((plans[0].at_once_usd, plans[0].days), (60.0, Some(4.0)));
        assert_eq!((plans[1].at_once_usd, plans[1].days), (50.0, Some(0.0)));
        assert_eq!(plans[2].days, None, "nothing ever comes");
        let queued = plan_exit(&[holding(10.0, 10.0, 0.0, 43_200)], 1.0);
        assert_eq!((queued[0].at_once_usd, queued[0].days), (0.0, Some(0.5)));
    }

    #[test]
    fn coverage_counts_idle_and_what_leaves_at_once() {
        let held = [holding(100.0, 60.0, 20.0, 0), holding(50.0, 80.0, 0.0, 60)];
        assert_eq!(liquidity_coverage(15.0, &held, 50.0), Some(1.5));
        assert_eq!(liquidity_coverage(15.0, &held, 0.0), None);
    }

    #[test]
    fn what_is_not_measured_is_not_liquid() {
        for unknown in [holding(100.0, f64::NAN, 20.0, 0), holding(f64::NAN, 60.0, 20.0, 0)] {
            let plan = &plan_exit(std::slice::from_ref(&unknown), 0.5)[0];
            assert_eq!((plan.at_once_usd, plan.days), (0.0, None), "{unknown:?}");
            assert_eq!(liquidity_coverage(15.0, &[unknown], 50.0), None);
        }
        assert_eq!(slippage(&[(0.001, f64::NAN)], 100.0), None);
    }

    #[test]
    fn dearer_depth_is_used_last() {
        let depth = [(0.001, 100.0), (0.01, 200.0)];
        assert_eq!(slippage(&depth, 0.0), Some(0.0));
        assert!((slippage(&depth, 100.0).unwrap() - 0.001).abs() < 1e-15);
        assert!((slippage(&depth, 200.0).unwrap() - 0.0055).abs() < 1e-15);
        assert_eq!(slippage(&depth, 201.0), None);
    }

    proptest! {
        #[test]
        fn more_liquidity_never_takes_longer(
            value in 0.0..1e9f64, liquid in 0.0..1e9f64, more in 0.0..1e9f64, daily in 1.0..1e8f64,
        ) {
            let days = |liquid| plan_exit(&[holding(value, liquid, daily, 0)], 0.2)[0].days.unwrap();
            prop_assert!(days(liquid + more) <= days(liquid));
        }

        #[test]
        fn a_larger_sale_never_costs_less(a in 0.0..1_000.0f64, b in 0.0..1_000.0f64) {
            let depth = [(0.0005, 100.0), (0.002, 500.0), (0.02, 1_000.0)];
            prop_assert!(slippage(&depth, a.min(b)).unwrap() <= slippage(&depth, a.max(b)).unwrap() + 1e-15);
        }
    }
}
