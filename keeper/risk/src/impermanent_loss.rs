//! Impermanent loss of a liquidity position against holding what was put in (SPEC R9, ERR-48 to ERR-50).
//!
//! Losses are negative fractions of the value of holding. `r` is the price now over the price at entry. Of a full-range (Uniswap v2) position the loss is
//! `2√r/(1 + r) − 1`: −2.0204 % at r = 1.5, −0.62 % at r = 1.25 (the plan took one for the other). Of a concentrated one it follows from the amounts that
//! liquidity L holds between two prices (Uniswap v3 whitepaper, 6.29 and 6.30). Only + − × ÷ √.

/// A price range around an entry price, all in the same unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    lower: f64,
    upper: f64,
    entry: f64,
}

/// Why there is no such position.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RangeError {
    #[error(
        "a range of {lower} to {upper} around {entry}: expected positive numbers, the lower below the upper, the entry between them"
    )]
    OutOfOrder { lower: f64, upper: f64, entry: f64 },
}

/// Of a full-range position: 0 at r = 1, below 0 elsewhere, the same for r and 1/r. `None` unless r is positive.
#[must_use]
pub fn full_range(r: f64) -> Option<f64> {
    // As the square of a difference nothing cancels near r = 1: 2√r − 1 − r = −(√r − 1)².
    (r.is_finite() && r > 0.0).then(|| {
        let root = r.sqrt();
        -(root - 1.0) * (root - 1.0) / (1.0 + r)
    })
}

impl Range {
    /// # Errors
    /// Unless 0 < lower ≤ entry ≤ upper and lower < upper.
    pub fn new(lower: f64, upper: f64, entry: f64) -> Result<Self, RangeError> {
        let ordered = lower > 0.0 && lower <= entry && entry <= upper && lower < upper && upper.is_finite();
        if ordered { Ok(Self { lower, upper, entry }) } else { Err(RangeError::OutOfOrder { lower, upper, entry }) }
    }

    /// Around `entry` by a part of it each way: 0.005 of a stable pair, 0.1 of a volatile one (SPEC R9). Ticks lie elsewhere; use the position's own
    /// bounds where they are known.
    ///
    /// # Errors
    /// Unless entry is positive and 0 < part < 1.
    pub fn around(entry: f64, part: f64) -> Result<Self, RangeError> {
        Self::new(entry * (1.0 - part), entry * (1.0 + part), entry)
    }

    /// Base and quote amounts of one unit of liquidity at a price.
    #[must_use]
    pub fn amounts(&self, price: f64) -> (f64, f64) {
        let inside = price.clamp(self.lower, self.upper).sqrt();
        (1.0 / inside - 1.0 / self.upper.sqrt(), inside - self.lower.sqrt())
    }

    /// The loss at a price against holding what went in at the entry price; `None` unless the price is positive.
    #[must_use]
    pub fn loss(&self, price: f64) -> Option<f64> {
        if !(price.is_finite() && price > 0.0) {
            return None;
        }
        let value = |(base, quote): (f64, f64)| base * price + quote;
        let held = value(self.amounts(self.entry));
        let loss = value(self.amounts(price)) / held - 1.0;
        // Not `min` first: of a NaN that would be no loss.
        (!loss.is_nan()).then(|| loss.min(0.0))
    }
}

/// What is expected of a position over one horizon. Every rate below is per year and simple, so that fees and loss are compared over the same time
/// (ERR-49).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Fees on the position's value, a year.
    pub fee_apr: f64,
    /// The loss that is expected over the horizon, as a negative fraction.
    pub loss: f64,
    /// Seconds.
    pub horizon: u64,
}

/// The thresholds of SPEC R9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Enter only if fees exceed the loss by this, a year.
    pub entry_margin: f64,
    /// Leave once the loss so far exceeds the fees so far by this, a fraction of the position (not a rate).
    pub exit_margin: f64,
    /// Leave a *pegged* pair once its price is this far from the entry. Of a volatile pair there is no such rule: at 5 % its full-range loss is 0.03 %,
    /// and the loss rule speaks first only from a third upwards (ERR-50).
    pub pegged_divergence: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { entry_margin: 0.005, exit_margin: 0.01, pegged_divergence: 0.05 }
    }
}

/// Whether to go in, with the yearly figures that say so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    pub enter: bool,
    /// The loss as a positive yearly rate.
    pub loss_apr: f64,
    /// Fees less loss less margin, a year.
    pub surplus_apr: f64,
}

/// Why to leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exit {
    /// The loss exceeds the fees by more than the margin; by how much in all.
    Loss { beyond_fees: f64 },
    /// A pegged pair is this far from its entry.
    Divergence { part: f64 },
}

impl Rules {
    /// Whether the fees pay for the loss that is expected. `None` of an outlook without a horizon or of figures that are not finite.
    #[must_use]
    pub fn entry(&self, outlook: &Outlook) -> Option<Entry> {
        let Outlook { fee_apr, loss, horizon } = *outlook;
        if horizon == 0 || !fee_apr.is_finite() || !loss.is_finite() || loss > 0.0 {
            return None;
        }
        let loss_apr = -loss * ballast_types::SECONDS_PER_YEAR as f64 / horizon as f64;
        let surplus_apr = fee_apr - loss_apr - self.entry_margin;
        Some(Entry { enter: surplus_apr > 0.0, loss_apr, surplus_apr })
    }

    /// Whether to leave now: `loss` so far (negative), `fees` so far (a fraction of the position, never annualised), `r` the price over that at entry.
    ///
    /// A loss or fee that is no number counts as beyond every margin, and so does the price of a pegged pair: nobody stays in what nobody measured.
    #[must_use]
    pub fn exit(&self, loss: f64, fees: f64, r: f64, pegged: bool) -> Option<Exit> {
        let beyond_fees = -loss - fees;
        if beyond_fees.is_nan() || beyond_fees > self.exit_margin {
            return Some(Exit::Loss { beyond_fees });
        }
        let part = (r - 1.0).abs();
        (pegged && (part.is_nan() || part > self.pegged_divergence)).then_some(Exit::Divergence { part })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    // SPEC R9, ERR-48
    #[test]
    fn a_rise_by_half_costs_2_02_percent_and_a_quarter_0_62() {
        assert!((full_range(1.5).unwrap() + 0.020_204_102_886_728_9).abs() < 1e-15);
        assert!((full_range(1.25).unwrap() + 0.006_192_010_000_093_5).abs() < 1e-12);
        assert_eq!(full_range(1.0), Some(0.0));
        assert_eq!(full_range(0.0), None);
    }

    // ERR-49
    #[test]
    fn half_a_percent_of_range_costs_an_eighth_at_its_edge_and_nine_tenths_at_two() {
        let range = Range::around(1.0, 0.005).unwrap();
        assert!((range.loss(1.005).unwrap() + 0.00125).abs() < 1e-5);
        assert!((range.loss(0.98).unwrap() + 0.0089).abs() < 1e-4);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (lower, upper, entry) in
            [(0.0, 1.0, 0.5), (1.0, 1.0, 1.0), (1.0, 2.0, 3.0), (f64::NAN, 2.0, 1.0), (1.0, f64::INFINITY, 2.0)]
        {
            assert!(Range::new(lower, upper, entry).is_err());
        }
        assert_eq!(Range::around(1.0, 0.1).unwrap().loss(-1.0), None);
    }

    // SPEC R9, ERR-49: one horizon, one unit.
    #[test]
    fn fees_and_loss_are_compared_by_the_year() {
        let week = 7 * 86_400;
        let of = |fee_apr, loss| Rules::default().entry(&Outlook { fee_apr, loss, horizon: week }).unwrap();
        // 0.01 % in a week is 0.52 % a year: with the margin 1.02 %.
        assert!(!of(0.0102, -0.0001).enter);
        assert!(of(0.0103, -0.0001).enter);
        assert!((of(0.05, -0.0001).loss_apr - 0.0001 * 365.0 / 7.0).abs() < 1e-15);
        assert_eq!(Rules::default().entry(&Outlook { fee_apr: 0.1, loss: 0.0, horizon: 0 }), None);
    }

    // ERR-50
    #[test]
    fn divergence_ends_a_pegged_pair_only_and_loss_ends_any() {
        let rules = Rules::default();
        let loss = full_range(1.06).unwrap();
        assert_eq!(rules.exit(loss, 0.0, 1.06, false), None);
        assert!(matches!(rules.exit(loss, 0.0, 1.06, true), Some(Exit::Divergence { .. })));
        // One percent beyond no fees at all needs a third.
        assert_eq!(rules.exit(full_range(1.32).unwrap(), 0.0, 1.32, false), None);
        assert!(matches!(rules.exit(full_range(1.34).unwrap(), 0.0, 1.34, false), Some(Exit::Loss { .. })));
        assert_eq!(rules.exit(full_range(1.34).unwrap(), 0.001, 1.34, false), None, "fees make up for it");
    }

    #[test]
    fn nobody_stays_in_a_position_that_nobody_measured() {
        let rules = Rules::default();
        assert!(matches!(rules.exit(f64::NAN, 0.0, 1.0, false), Some(Exit::Loss { .. })));
        assert!(matches!(rules.exit(0.0, f64::NAN, 1.0, false), Some(Exit::Loss { .. })));
        assert!(matches!(rules.exit(0.0, 0.0, f64::NAN, true), Some(Exit::Divergence { .. })));
        let extreme = Range::new(1e-308, 1.7e308, 1e308).unwrap();
        assert!(extreme.loss(1.7e308).is_none_or(|loss| !loss.is_nan()));
    }

    /// Swaps of a constant product x·y = k without a fee, in small steps, until the pool's price is `price`.
    fn swapped(mut base: f64, mut quote: f64, price: f64, steps: u32) -> (f64, f64) {
        let product = base * quote;
        let start = quote;
        let end = (product * price).sqrt();
        for step in 1..=steps {
            let paid = start + (end - start) * f64::from(step) / f64::from(steps) - quote;
            // Whoever pays `paid` of the quote gets what keeps the product.
            let bought = base - product / (quote + paid);
            (base, quote) = (base - bought, quote + paid);
        }
        (base, quote)
    }

    proptest! {
        // SPEC R9: analytic = simulated.
        #[test]
        fn the_formula_is_what_swapping_through_a_pool_leaves(r in 0.05..20.0f64, entry in 0.01..5_000.0f64) {
            let (base, quote) = (1_000.0, 1_000.0 * entry);
            let price = entry * r;
            let (after_base, after_quote) = swapped(base, quote, price, 50);
            let held = base * price + quote;
            let simulated = (after_base * price + after_quote) / held - 1.0;
            prop_assert!((simulated - full_range(r).unwrap()).abs() < 1e-10);
        }

        // The same through a concentrated pool: swaps against its virtual reserves, stopped at the edge of the range.
        #[test]
        fn the_concentrated_formula_is_what_swapping_through_its_range_leaves(
            width in 0.001..0.5f64, r in 0.3..3.0f64, skew in 0.05..0.95f64,
        ) {
            let (lower, upper) = (1.0 - width, 1.0 + width);
            let entry = lower + (upper - lower) * skew;
            let range = Range::new(lower, upper, entry).unwrap();
            let (base, quote) = range.amounts(entry);
            // Virtual reserves: what a full-range pool of the same liquidity would hold.
            let (more_base, more_quote) = (1.0 / upper.sqrt(), lower.sqrt());
            let price = entry * r;
            let (virtual_base, virtual_quote) = swapped(base + more_base, quote + more_quote, price.clamp(lower, upper), 50);
            let after = (virtual_base - more_base) * price + virtual_quote - more_quote;
            let simulated = after / (base * price + quote) - 1.0;
            prop_assert!((simulated - range.loss(price).unwrap()).abs() < 1e-8);
        }

        // Of ranges that reach as far up as down by ratio: those by difference begin with more of the quote the wider they are.
        #[test]
        fn a_narrower_range_never_loses_less(narrow in 1.001..1.5f64, more in 1.0..1.5f64, r in 0.2..5.0f64) {
            let loss = |by: f64| Range::new(1.0 / by, by, 1.0).unwrap().loss(r).unwrap();
            prop_assert!(loss(narrow) <= loss(narrow * more) + 1e-12);
            prop_assert!(loss(narrow * more) <= full_range(r).unwrap() + 1e-12);
        }

        #[test]
        fn the_loss_is_none_at_the_entry_and_the_same_up_and_down(r in 0.01..100.0f64) {
            let (up, down) = (full_range(r).unwrap(), full_range(1.0 / r).unwrap());
            prop_assert!(up <= 0.0 && (up - down).abs() < 1e-12);
        }
    }
}
