//! Interest rates of one market from its own curve, in 18-decimal fixed point, rounded down.

use ballast_types::{Apr, Assets, RateCurve, WAD, Wad, fixed::mul_div_floor};

/// Above this a rate or a curve parameter is taken for garbage: a million times 100 % a year.
const MAX_RATE: u128 = 1_000_000 * WAD;

/// Why a curve or a fee cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    #[error("{what} is {value}, expected {expected}")]
    OutOfRange { what: &'static str, value: u128, expected: &'static str },
}

/// Borrowed over supplied, rounded down, at most 1e18; zero for an empty market.
///
/// Both protocols round interest so that debt can pass supply by dust; no more than everything is lent.
#[must_use]
pub fn utilisation(borrowed: Assets, supplied: Assets) -> Wad {
    if borrowed >= supplied {
        return Wad(if borrowed == Assets::ZERO { 0 } else { WAD });
    }
    // Below one by the guard, so it always fits.
    Wad(mul_div_floor(borrowed.0, WAD, supplied.0).unwrap_or(WAD))
}

/// Checks that every parameter is inside the range in which [`borrow_rate`] is defined and cannot overflow.
///
/// # Errors
/// The parameter that is outside.
pub fn check(curve: &RateCurve) -> Result<(), RateError> {
    let within = |what, value: u128, least: u128, most: u128, expected| {
        if (least..=most).contains(&value) { Ok(()) } else { Err(RateError::OutOfRange { what, value, expected }) }
    };
    let rate = |what, rate: Apr| within(what, rate.0, 0, MAX_RATE, "at most a million times 1e18");
    match *curve {
        RateCurve::Kinked { base, slope1, slope2, optimal } => {
            rate("base rate", base)?;
            rate("slope 1", slope1)?;
            rate("slope 2", slope2)?;
            within("optimal utilisation", optimal.0, 1, WAD, "1 to 1e18")
        }
        RateCurve::Adaptive { rate_at_target, target, steepness } => {
            rate("rate at target", rate_at_target)?;
            within("target utilisation", target.0, 1, WAD - 1, "1 to 1e18 - 1")?;
            within("steepness", steepness.0, WAD, 1_000 * WAD, "1e18 to 1000e18")
        }
    }
}

/// What borrowers pay a year at utilisation `u` (at most 1e18); `None` only for a curve that [`check`] refuses.
///
/// Kinked: Aave V3.6 `DefaultReserveInterestRateStrategyV2.calculateInterestRates`, which rounds half up in 27 decimals where
/// this rounds down in 18. Adaptive: morpho-blue-irm `AdaptiveCurveIrm._curve`, with its own rounding towards zero.
#[must_use]
pub fn borrow_rate(curve: &RateCurve, u: Wad) -> Option<Apr> {
    match *curve {
        RateCurve::Kinked { base, slope1, slope2, optimal } => {
            let low = mul_div_floor(slope1.0, u.0.min(optimal.0), optimal.0)?;
            let high = match u.0.checked_sub(optimal.0) {
                Some(excess) if excess != 0 => mul_div_floor(slope2.0, excess, WAD.checked_sub(optimal.0)?)?,
                _ => 0,
            };
            base.0.checked_add(low)?.checked_add(high).map(Apr)
        }
        RateCurve::Adaptive { rate_at_target, target, steepness } => {
            let factor = if u > target {
                let error = mul_div_floor(u.0 - target.0, WAD, WAD.checked_sub(target.0)?)?;
                WAD.checked_add(mul_div_floor(steepness.0.checked_sub(WAD)?, error, WAD)?)?
            } else {
                let error = mul_div_floor(target.0 - u.0, WAD, target.0)?;
                let coefficient = WAD.checked_sub(mul_div_floor(WAD, WAD, steepness.0)?)?;
                WAD.checked_sub(mul_div_floor(coefficient, error, WAD)?)?
            };
            mul_div_floor(factor, rate_at_target.0, WAD).map(Apr)
        }
    }
}

/// What suppliers earn a year: `borrow rate · u · (1 − fee)`, each product rounded down.
#[must_use]
pub fn supply_rate(curve: &RateCurve, u: Wad, fee: Wad) -> Option<Apr> {
    let paid = mul_div_floor(borrow_rate(curve, u)?.0, u.0, WAD)?;
    mul_div_floor(paid, WAD.checked_sub(fee.0)?, WAD).map(Apr)
}
