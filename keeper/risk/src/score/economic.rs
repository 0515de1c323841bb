//! The economic part (SPEC R3): how steady the venue is, how much of it is lent, and what its loans stand on.
//!
//! | factor | weight | figure | points of 100 |
//! | --- | --- | --- | --- |
//! | TVL | 40 | σ/μ over the window | under 10 %: 12.5, under 30 %: 50, else 100 |
//! | utilisation | 30 | borrowed / supplied | 70–85 %: 16.7, over 95 %: 100, else 50 |
//! | liquidation | 30 | how far collateral may fall before the average loan is liquidated | 0 from 20 % on, 100 at nothing, straight between |
//! | collateral | 20 | Herfindahl index of collateral | under 0.3 low (to 20), over 0.6 high (50 to 100) |
//! | oracles | 20 | least number of independent sources of a price | 3 and more low, 1–2 medium, manipulable 100 |
//!
//! The first three are the specification's points (5/20/40, 5/15/30, ×30) over their own maxima, with those maxima as weights; collateral and
//! oracles, which the plan's table has and its code forgot (ERR-46), weigh 20 each. Utilisation is borrowed over supplied: the table's
//! "borrowed / available" is 9 at 90 %. Oracles count *redundancy*; how many feeds a venue depends on is dependence, and belongs to
//! [`crate::systemic`].

use super::{
    Part, PartId,
    curve::lines,
    factor::{Clock, factor, weighted_mean, within},
    part,
};
use crate::sourced::{Freshness, Input};
use serde::{Deserialize, Serialize};

const TVL_WEIGHT: u32 = 40;
const UTILISATION_WEIGHT: u32 = 30;
const LIQUIDATION_WEIGHT: u32 = 30;
const COLLATERAL_WEIGHT: u32 = 20;
const ORACLE_WEIGHT: u32 = 20;

/// Where a venue's prices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OracleUse {
    /// It needs no price.
    None,
    /// The price with the fewest independent sources has this many.
    Sources(u32),
    /// A price that can be moved within a block.
    Manipulable,
}

/// What the economic part looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EconomicInputs {
    /// Standard deviation over mean of the venue's TVL in its window ([`variation`]).
    pub tvl_variation: Input<f64>,
    /// Borrowed over supplied, a fraction.
    pub utilisation: Input<f64>,
    /// How far collateral may fall before the average loan is liquidated, a fraction.
    pub liquidation_buffer: Input<f64>,
    /// Herfindahl index of the collateral's value by asset, 0–1.
    pub collateral_hhi: Input<f64>,
    pub oracle: Input<OracleUse>,
}

/// Standard deviation over mean (sample, n − 1) of a series of positive values; `None` of fewer than two, or of any that is not a positive number.
#[must_use]
pub fn variation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 || values.iter().any(|value| !value.is_finite() || *value <= 0.0) {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    Some((squares / (count - 1.0)).sqrt() / mean)
}

pub(super) fn judge(inputs: &EconomicInputs, now: u64, freshness: Freshness) -> Part {
    let market = Clock { now, limit: Some(freshness.market) };
    let reviewed = Clock { now, limit: Some(freshness.facts) };
    let percent = |value: f64| format!("{:.2} %", value * 100.0);
    let factors = vec![
        factor("TVL", TVL_WEIGHT, &inputs.tvl_variation, market, |value| {
            let value = within("σ/μ", *value, 1e6)?;
            Ok((tvl_points(value) * 100.0 / 40.0, format!("σ/μ {}", percent(value))))
        }),
        factor("utilisation", UTILISATION_WEIGHT, &inputs.utilisation, market, |value| {
            // Interest that rounds apart, and bad debt, take borrowed slightly above supplied.
            let value = within("utilisation", *value, 1.05)?;
            Ok((utilisation_points(value) * 100.0 / 30.0, format!("{} lent out", percent(value))))
        }),
        factor("liquidation", LIQUIDATION_WEIGHT, &inputs.liquidation_buffer, market, |value| {
            let value = within("the liquidation buffer", *value, 1.0)?;
            Ok((lines(&[(0.0, 100.0), (0.2, 0.0)], value), format!("buffer {}", percent(value))))
        }),
        factor("collateral", COLLATERAL_WEIGHT, &inputs.collateral_hhi, market, |value| {
            let value = within("the Herfindahl index", *value, 1.0)?;
            Ok((collateral_points(value), format!("Herfindahl index {value:.3}")))
        }),
        factor("oracles", ORACLE_WEIGHT, &inputs.oracle, reviewed, |oracle| {
            let detail = match oracle {
                OracleUse::None => "needs no price".to_owned(),
                OracleUse::Sources(count) => format!("at least {count} independent source(s) a price"),
                OracleUse::Manipulable => "a price that can be moved within a block".to_owned(),
            };
            Ok((oracle_points(*oracle), detail))
        }),
    ];
    part(PartId::Economic, weighted_mean(&factors), "weighted mean of the factors that apply", factors)
}

/// Of 40.
fn tvl_points(variation: f64) -> f64 {
    lines(&[(0.08, 5.0), (0.10, 20.0), (0.26, 20.0), (0.30, 40.0)], variation)
}

/// Of 30.
fn utilisation_points(utilisation: f64) -> f64 {
    lines(&[(0.70, 15.0), (0.73, 5.0), (0.82, 5.0), (0.85, 15.0), (0.93, 15.0), (0.95, 30.0)], utilisation)
}

fn collateral_points(index: f64) -> f64 {
    lines(&[(0.0, 0.0), (0.3, 20.0), (0.6, 50.0), (1.0, 100.0)], index)
}

fn oracle_points(oracle: OracleUse) -> f64 {
    match oracle {
        OracleUse::None => 0.0,
        OracleUse::Sources(0) | OracleUse::Manipulable => 100.0,
        OracleUse::Sources(count) => lines(&[(1.0, 50.0), (3.0, 20.0), (7.0, 0.0)], f64::from(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The specification's steps.
    fn tvl_table(variation: f64) -> f64 {
        if variation < 0.10 {
            5.0
        } else if variation < 0.30 {
            20.0
        } else {
            40.0
        }
    }

    fn utilisation_table(utilisation: f64) -> f64 {
        if utilisation > 0.95 {
            30.0
        } else if (0.70..=0.85).contains(&utilisation) {
            5.0
        } else {
            15.0
        }
    }

    // SPEC R3: golden vectors, the specification's own points.
    #[test]
    fn the_tables_points_hold_inside_their_bands() {
        for (variation, points) in [(0.0, 5.0), (0.05, 5.0), (0.10, 20.0), (0.20, 20.0), (0.30, 40.0), (2.0, 40.0)] {
            assert_eq!(tvl_points(variation), points, "{variation}");
        }
        for (utilisation, points) in
            [(0.0, 15.0), (0.5, 15.0), (0.75, 5.0), (0.80, 5.0), (0.90, 15.0), (0.951, 30.0), (1.0, 30.0)]
        {
            assert_eq!(utilisation_points(utilisation), points, "{utilisation}");
        }
        assert_eq!((collateral_points(0.3), collateral_points(0.6)), (20.0, 50.0));
        assert_eq!(oracle_points(OracleUse::Sources(1)), 50.0);
        assert_eq!(oracle_points(OracleUse::Sources(3)), 20.0);
        assert_eq!(oracle_points(OracleUse::Manipulable), 100.0);
    }

    #[test]
    fn variation_is_the_sample_deviation_over_the_mean() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, sum of squares 32, n − 1 = 7.
        let found = variation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert!(found.is_some_and(|value| (value - (32.0f64 / 7.0).sqrt() / 5.0).abs() < 1e-15));
        assert_eq!(variation(&[1.0]), None);
        assert_eq!(variation(&[1.0, 0.0]), None);
        assert_eq!(variation(&[1.0, f64::NAN]), None);
    }

    proptest! {
        #[test]
        fn the_lines_are_never_below_the_table_and_have_no_cliff(x in 0.0..1.2f64) {
            prop_assert!(tvl_points(x) >= tvl_table(x));
            prop_assert!(utilisation_points(x) >= utilisation_table(x));
            let step = 1e-4;
            prop_assert!((tvl_points(x + step) - tvl_points(x)).abs() < 0.2);
            prop_assert!((utilisation_points(x + step) - utilisation_points(x)).abs() < 0.2);
        }

        #[test]
        fn each_factor_is_monotone(a in 0.0..1.0f64, b in 0.0..1.0f64, sources in 1u32..10) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(tvl_points(low) <= tvl_points(high));
            prop_assert!(collateral_points(low) <= collateral_points(high));
            prop_assert!(oracle_points(OracleUse::Sources(sources + 1)) <= oracle_points(OracleUse::Sources(sources)));
            // Too little lent is a risk to the yield, too much one to the exit: it falls to 73 % and rises from 82 % on.
            if low >= 0.73 {
                prop_assert!(utilisation_points(low) <= utilisation_points(high));
            }
            if high <= 0.82 {
                prop_assert!(utilisation_points(low) >= utilisation_points(high));
            }
        }
    }
}
