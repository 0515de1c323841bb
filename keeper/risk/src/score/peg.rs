//! The peg part (SPEC R4): the worst deviation among the stablecoins a venue depends on.
//!
//! Deviation from a dollar under 0.5 %: 0, under 1 %: 30, under 2 %: 70, else 100, for each of the four coins alike (ERR-46: the plan's function had
//! no answer for any but USDC). Where the coin stands in its own band (SPEC C8) is said beside it.

use super::{
    Factor, Part, PartId, RISKIEST,
    curve::lines,
    factor::{Clock, Standing, factor, worst},
    part,
};
use crate::{
    peg::Stablecoin,
    sourced::{Freshness, Input},
};

/// The stablecoins that a venue depends on, and their prices in dollars.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PegInputs {
    pub prices: Vec<(Stablecoin, Input<f64>)>,
}

pub(super) fn judge(inputs: &PegInputs, now: u64, freshness: Freshness) -> Part {
    let clock = Clock { now, limit: Some(freshness.market) };
    let mut factors: Vec<Factor> = inputs
        .prices
        .iter()
        .map(|(coin, price)| {
            factor(coin.name(), 0, price, clock, |price| {
                if !price.is_finite() || *price <= 0.0 {
                    return Err(format!("the price is {price}, expected a positive number of dollars"));
                }
                let status = coin.band().classify_f64(*price);
                Ok((peg_points((price - 1.0).abs()), format!("{price:.4} dollars, {status}")))
            })
        })
        .collect();
    if factors.is_empty() {
        factors.push(Factor {
            name: "stablecoins",
            weight: 0,
            score: RISKIEST,
            standing: Standing::Missing,
            detail: "nobody said which stablecoins the venue depends on: counted as the riskiest".into(),
            source: None,
            as_of: None,
            age: None,
        });
    }
    part(PartId::Peg, worst(&factors), "the worst of the coins it depends on", factors)
}

fn peg_points(deviation: f64) -> f64 {
    lines(&[(0.004, 0.0), (0.005, 30.0), (0.009, 30.0), (0.010, 70.0), (0.018, 70.0), (0.020, 100.0)], deviation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(deviation: f64) -> f64 {
        match deviation {
            d if d < 0.005 => 0.0,
            d if d < 0.01 => 30.0,
            d if d < 0.02 => 70.0,
            _ => 100.0,
        }
    }

    // SPEC R4
    #[test]
    fn the_tables_points_hold_for_every_coin_on_both_sides() {
        for coin in Stablecoin::ALL {
            for (price, points) in [
                (1.0, 0.0),
                (0.9965, 0.0),
                (0.993, 30.0),
                (1.007, 30.0),
                (0.985, 70.0),
                (1.015, 70.0),
                (0.979, 100.0),
                (1.021, 100.0),
            ] {
                let inputs = PegInputs { prices: vec![(coin, Input::given(price, "test", 10))] };
                assert_eq!(judge(&inputs, 10, Freshness::default()).score, points, "{coin} at {price}");
            }
        }
    }

    #[test]
    fn the_worst_coin_counts_and_an_unknown_one_is_the_worst() {
        let price = |price| Input::given(price, "test", 10);
        let of = |prices| judge(&PegInputs { prices }, 10, Freshness::default()).score;
        assert_eq!(of(vec![(Stablecoin::Usdc, price(1.0)), (Stablecoin::Dai, price(0.993))]), 30.0);
        assert_eq!(of(vec![(Stablecoin::Usdc, price(1.0)), (Stablecoin::Frax, Input::Missing)]), 100.0);
        assert_eq!(of(vec![(Stablecoin::Usdc, price(-1.0))]), 100.0);
        assert_eq!(of(Vec::new()), 100.0);
    }

    proptest! {
        #[test]
        fn points_rise_with_the_deviation_never_below_the_table(a in 0.0..0.05f64, b in 0.0..0.05f64) {
            prop_assert!(peg_points(a.min(b)) <= peg_points(a.max(b)));
            prop_assert!(peg_points(a) >= table(a));
            prop_assert!((peg_points(a + 1e-6) - peg_points(a)).abs() < 0.1);
        }
    }
}
