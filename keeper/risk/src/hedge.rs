//! What it costs, or pays, to hedge a liquidity position with a perpetual (SPEC R9, ERR-51).
//!
//! A full-range position loses with its base asset as half of it would: the hedge is a short of `−0.5` of its value. Funding is paid by longs to shorts
//! when it is positive, so a short *receives* it; the master plan had the sign wrong and used the cost before it was defined.

/// Part of the position's value that is held through the perpetual: −0.5 is a short of half of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    pub delta: f64,
}

impl Hedge {
    /// Of a full-range (constant product) position: half of it is the base asset.
    pub const FULL_RANGE: Self = Self { delta: -0.5 };

    /// What the hedge earns in a year as a part of the position's value, below zero if it costs: minus delta times the funding rate of one interval
    /// (a fraction, positive: longs pay) times the intervals in a year, less what opening and closing cost once per `holding` seconds.
    ///
    /// `None` if a figure is not finite or below zero where it cannot be, or nothing is held.
    #[must_use]
    pub fn carry(&self, funding_rate: f64, intervals_per_year: f64, round_trip_cost: f64, holding: u64) -> Option<f64> {
        let finite = [self.delta, funding_rate, intervals_per_year, round_trip_cost].iter().all(|one| one.is_finite());
        if !finite || intervals_per_year < 0.0 || round_trip_cost < 0.0 || holding == 0 {
            return None;
        }
        let trips = ballast_types::SECONDS_PER_YEAR as f64 / holding as f64;
        Some(-self.delta * funding_rate * intervals_per_year - self.delta.abs() * round_trip_cost * trips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const YEAR: u64 = ballast_types::SECONDS_PER_YEAR;

    // ERR-51: 0.01 % every eight hours is 10.95 % a year, of which a short of half receives half.
    #[test]
    fn a_short_receives_positive_funding_and_pays_negative() {
        let of = |rate| Hedge::FULL_RANGE.carry(rate, 3.0 * 365.0, 0.0, YEAR);
        assert!(of(0.0001).is_some_and(|carry| (carry - 0.05475).abs() < 1e-15));
        assert!(of(-0.0001).is_some_and(|carry| (carry + 0.05475).abs() < 1e-15));
    }

    #[test]
    fn what_is_no_figure_has_no_carry() {
        assert_eq!(Hedge::FULL_RANGE.carry(f64::NAN, 1.0, 0.0, YEAR), None);
        assert_eq!(Hedge::FULL_RANGE.carry(0.0, 1.0, -0.1, YEAR), None);
        assert_eq!(Hedge::FULL_RANGE.carry(0.0, 1.0, 0.0, 0), None);
    }

    proptest! {
        #[test]
        fn opening_and_closing_more_often_never_pays(
            delta in -1.0..1.0f64, rate in -0.01..0.01f64, cost in 0.0..0.01f64, holding in 3_600..YEAR,
        ) {
            let hedge = Hedge { delta };
            let (often, seldom) = (hedge.carry(rate, 1_095.0, cost, holding), hedge.carry(rate, 1_095.0, cost, holding * 2));
            prop_assert!(often <= seldom);
        }

        // The hedge does what it is for: near the entry the position with it moves by the second order only.
        #[test]
        fn a_hedged_position_does_not_move_with_small_moves(change in -0.02..0.02f64) {
            let r = 1.0 + change;
            let position = r.sqrt() - 1.0;
            let hedged = position + Hedge::FULL_RANGE.delta * change;
            prop_assert!(hedged.abs() <= change * change / 7.0);
        }
    }
}
