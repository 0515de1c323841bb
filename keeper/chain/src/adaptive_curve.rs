//! Interest in a Morpho Blue market under the AdaptiveCurveIrm, as the contracts themselves compute it.
//!
//! Morpho stores balances as of the last touch. What a market looks like *now* takes the interest since then, and the curve
//! itself has drifted meanwhile. Source: `AdaptiveCurveIrm.sol`, `ExpLib.sol` and `ConstantsLib.sol` of morpho-blue-irm,
//! `_accrueInterest` of `Morpho.sol`; the tests compare with the deployed contracts.

use alloy::primitives::{I256, U256};
use ballast_types::{SECONDS_PER_YEAR, WAD};

/// Utilisation the curve steers to, 1e18 = 100 %.
pub const TARGET_UTILISATION: u128 = 900_000_000_000_000_000;
/// Ratio of the rate at full utilisation to the rate at target, 1e18 = 1.
pub const CURVE_STEEPNESS: u128 = 4 * WAD;

// Per second, 1e18 = 100 %: what the contract's constant expressions divide by `365 days`.
const YEAR: u128 = SECONDS_PER_YEAR as u128;
const ADJUSTMENT_SPEED: u128 = 50 * WAD / YEAR;
const INITIAL_RATE_AT_TARGET: u128 = WAD / 25 / YEAR;
const MIN_RATE_AT_TARGET: u128 = WAD / 1_000 / YEAR;
const MAX_RATE_AT_TARGET: u128 = 2 * WAD / YEAR;

const LN_2: i128 = 693_147_180_559_945_309;
/// ln(1e-18): below, the result is less than one unit.
const LN_WEI: i128 = -41_446_531_673_892_822_312;
/// Above, the result is clipped by the contract, far beyond what the bounds on the rate let through.
const EXP_UPPER_BOUND: i128 = 93_859_467_695_000_404_319;

/// A market as Morpho stores it: amounts in base units as of `last_update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredMarket {
    pub supplied: u128,
    pub supply_shares: u128,
    pub borrowed: u128,
    /// Unix seconds.
    pub last_update: u64,
    /// Morpho's own part of the interest, 1e18 = 100 %.
    pub fee: u128,
    /// Per second, 1e18 = 100 %; zero before the first interaction.
    pub rate_at_target: u128,
}

/// The same market after the interest up to a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccruedMarket {
    pub supplied: u128,
    /// With the shares that Morpho mints for its fee.
    pub supply_shares: u128,
    pub borrowed: u128,
    /// Per second, 1e18 = 100 %.
    pub rate_at_target: u128,
    /// Average borrow rate since the last update, per second.
    pub average_rate: u128,
}

impl StoredMarket {
    /// The market at `now` (Unix seconds), if anyone touched it then. `None` if an amount leaves 128 bits or the market was
    /// touched after `now`: neither happens with what the contracts hold at one block.
    #[must_use]
    pub fn accrue(&self, now: u64) -> Option<AccruedMarket> {
        let elapsed = now.checked_sub(self.last_update)?;
        let (average_rate, rate_at_target) = self.rates(elapsed)?;
        if elapsed == 0 {
            return Some(AccruedMarket {
                supplied: self.supplied,
                supply_shares: self.supply_shares,
                borrowed: self.borrowed,
                rate_at_target,
                average_rate,
            });
        }
        let interest = wad_mul(U256::from(self.borrowed), compounded(average_rate, elapsed)?)?;
        let supplied = U256::from(self.supplied).checked_add(interest)?;
        let fee = wad_mul(interest, U256::from(self.fee))?;
        let fee_shares = shares_for(fee, supplied.checked_sub(fee)?, self.supply_shares)?;
        Some(AccruedMarket {
            supplied: supplied.try_into().ok()?,
            supply_shares: U256::from(self.supply_shares).checked_add(fee_shares)?.try_into().ok()?,
            borrowed: U256::from(self.borrowed).checked_add(interest)?.try_into().ok()?,
            rate_at_target,
            average_rate,
        })
    }

    /// The average borrow rate over `elapsed` seconds and the rate at target after them, per second.
    fn rates(&self, elapsed: u64) -> Option<(u128, u128)> {
        let error = utilisation_error(self.supplied, self.borrowed)?;
        let start = i256(self.rate_at_target)?;
        if start.is_zero() {
            let initial = i256(INITIAL_RATE_AT_TARGET)?;
            return Some((curve(initial, error)?, INITIAL_RATE_AT_TARGET));
        }
        let speed = wad_mul_to_zero(i256(ADJUSTMENT_SPEED)?, error)?;
        let adaptation = speed.checked_mul(I256::try_from(elapsed).ok()?)?;
        if adaptation.is_zero() {
            return Some((curve(start, error)?, self.rate_at_target));
        }
        let two = I256::try_from(2).ok()?;
        let end = adapted(start, adaptation)?;
        let middle = adapted(start, adaptation.checked_div(two)?)?;
        let sum = start.checked_add(end)?.checked_add(middle.checked_mul(two)?)?;
        let average = sum.checked_div(I256::try_from(4).ok()?)?;
        Some((curve(average, error)?, u128::try_from(end).ok()?))
    }
}

impl AccruedMarket {
    /// What `shares` are worth, rounded down (`SharesMathLib.toAssetsDown`).
    #[must_use]
    pub fn assets_of(&self, shares: U256) -> Option<u128> {
        let assets = U256::from(self.supplied).checked_add(U256::ONE)?;
        let total = U256::from(self.supply_shares).checked_add(VIRTUAL_SHARES)?;
        shares.checked_mul(assets)?.checked_div(total)?.try_into().ok()
    }
}

const VIRTUAL_SHARES: U256 = U256::from_limbs([1_000_000, 0, 0, 0]);

fn shares_for(assets: U256, total_assets: U256, total_shares: u128) -> Option<U256> {
    let shares = U256::from(total_shares).checked_add(VIRTUAL_SHARES)?;
    assets.checked_mul(shares)?.checked_div(total_assets.checked_add(U256::ONE)?)
}

/// Distance of utilisation from the target, scaled so that −1e18 is empty and 1e18 is full.
fn utilisation_error(supplied: u128, borrowed: u128) -> Option<I256> {
    let target = i256(TARGET_UTILISATION)?;
    let utilisation = match supplied {
        0 => I256::ZERO,
        _ => I256::try_from(U256::from(borrowed).checked_mul(U256::from(WAD))?.checked_div(U256::from(supplied))?)
            .ok()?,
    };
    let scale = if utilisation > target { i256(WAD)?.checked_sub(target)? } else { target };
    utilisation.checked_sub(target)?.checked_mul(i256(WAD)?)?.checked_div(scale)
}

/// The borrow rate for a rate at target and a distance from it.
fn curve(rate_at_target: I256, error: I256) -> Option<u128> {
    let wad = i256(WAD)?;
    let steepness = i256(CURVE_STEEPNESS)?;
    let coefficient = if error.is_negative() {
        wad.checked_sub(wad.checked_mul(wad)?.checked_div(steepness)?)?
    } else {
        steepness.checked_sub(wad)?
    };
    let factor = wad_mul_to_zero(coefficient, error)?.checked_add(wad)?;
    u128::try_from(wad_mul_to_zero(factor, rate_at_target)?).ok()
}

/// The rate at target after a drift, within its bounds.
fn adapted(start: I256, adaptation: I256) -> Option<I256> {
    let (least, most) = (i256(MIN_RATE_AT_TARGET)?, i256(MAX_RATE_AT_TARGET)?);
    match exp(adaptation) {
        Some(factor) => Some(wad_mul_to_zero(start, factor)?.clamp(least, most)),
        // The contract clips the exponential at 10^40: any rate at target (at least one unit) is then past its upper bound.
        None => Some(most),
    }
}

/// `ExpLib.wExp`: e^x in 18 decimals by a second-order Taylor polynomial around multiples of ln 2; `None` where the contract clips.
fn exp(x: I256) -> Option<I256> {
    let bound = |value: i128| I256::try_from(value).unwrap_or_default();
    if x < bound(LN_WEI) {
        return Some(I256::ZERO);
    }
    if x >= bound(EXP_UPPER_BOUND) {
        return None;
    }
    let ln2 = bound(LN_2);
    let half = bound(if x.is_negative() { -(LN_2 / 2) } else { LN_2 / 2 });
    let q = x.checked_add(half)?.checked_div(ln2)?;
    let r = x.checked_sub(q.checked_mul(ln2)?)?;
    let wad = i256(WAD)?;
    let square = r.checked_mul(r)?.checked_div(wad)?.checked_div(bound(2))?;
    let fraction = wad.checked_add(r)?.checked_add(square)?;
    let shift = usize::try_from(q.unsigned_abs()).ok()?;
    Some(if q.is_negative() { fraction.asr(shift) } else { fraction.checked_mul(I256::ONE.checked_shl(shift)?)? })
}

/// e^(rate·seconds) − 1 by the first three terms (`MathLib.wTaylorCompounded`).
fn compounded(rate: u128, seconds: u64) -> Option<U256> {
    let first = U256::from(rate).checked_mul(U256::from(seconds))?;
    let second = first.checked_mul(first)?.checked_div(U256::from(2 * WAD))?;
    let third = second.checked_mul(first)?.checked_div(U256::from(3 * WAD))?;
    first.checked_add(second)?.checked_add(third)
}

fn wad_mul(x: U256, y: U256) -> Option<U256> {
    x.checked_mul(y)?.checked_div(U256::from(WAD))
}

fn wad_mul_to_zero(x: I256, y: I256) -> Option<I256> {
    x.checked_mul(y)?.checked_div(i256(WAD)?)
}

fn i256(value: u128) -> Option<I256> {
    I256::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_arithmetic)]
    use super::*;

    const DAY: u64 = 86_400;

    fn market(borrowed: u128, rate_at_target: u128) -> StoredMarket {
        StoredMarket {
            supplied: 1_000_000_000_000,
            supply_shares: 1_000_000_000_000_000_000,
            borrowed,
            last_update: 1_000,
            fee: 0,
            rate_at_target,
        }
    }

    #[test]
    fn at_the_target_the_rate_is_the_rate_at_target_and_stays() {
        let accrued = market(900_000_000_000, INITIAL_RATE_AT_TARGET).accrue(1_000 + 30 * DAY).unwrap();
        assert_eq!(accrued.average_rate, INITIAL_RATE_AT_TARGET);
        assert_eq!(accrued.rate_at_target, INITIAL_RATE_AT_TARGET);
    }

    #[test]
    fn the_curve_is_a_quarter_when_empty_and_four_times_when_full() {
        assert_eq!(market(0, 4_000).accrue(1_000).unwrap().average_rate, 1_000);
        assert_eq!(market(1_000_000_000_000, 4_000).accrue(1_000).unwrap().average_rate, 16_000);
    }

    #[test]
    fn the_drift_follows_the_exponential_and_stops_at_its_bounds() {
        // Full for five days: 50 a year, hence e^(50·5/365).
        let drifted = market(1_000_000_000_000, INITIAL_RATE_AT_TARGET).accrue(1_000 + 5 * DAY).unwrap().rate_at_target;
        let expected = INITIAL_RATE_AT_TARGET as f64 * (250.0_f64 / 365.0).exp();
        assert!((drifted as f64 / expected - 1.0).abs() < 0.01, "{drifted} {expected}");
        assert_eq!(
            market(1_000_000_000_000, INITIAL_RATE_AT_TARGET).accrue(1_000 + 900 * DAY).unwrap().rate_at_target,
            MAX_RATE_AT_TARGET
        );
        assert_eq!(
            market(0, INITIAL_RATE_AT_TARGET).accrue(1_000 + 900 * DAY).unwrap().rate_at_target,
            MIN_RATE_AT_TARGET
        );
    }

    #[test]
    fn the_fee_dilutes_suppliers_and_not_borrowers() {
        let free = market(900_000_000_000, INITIAL_RATE_AT_TARGET).accrue(1_000 + 365 * DAY).unwrap();
        let charged = StoredMarket { fee: WAD / 10, ..market(900_000_000_000, INITIAL_RATE_AT_TARGET) }
            .accrue(1_000 + 365 * DAY)
            .unwrap();
        assert_eq!((free.supplied, free.borrowed), (charged.supplied, charged.borrowed));
        let all = U256::from(1_000_000_000_000_000_000u128);
        let (earned, kept) =
            (free.assets_of(all).unwrap() - 1_000_000_000_000, charged.assets_of(all).unwrap() - 1_000_000_000_000);
        // A tenth of the interest, to the rounding of the shares.
        assert!((earned * 9 / 10).abs_diff(kept) <= earned / 1_000, "{earned} {kept}");
    }

    #[test]
    fn a_market_of_the_future_or_without_bounds_has_no_answer() {
        assert_eq!(market(0, 1).accrue(999), None);
        let huge = StoredMarket { supplied: u128::MAX, borrowed: u128::MAX, ..market(0, MAX_RATE_AT_TARGET) };
        assert_eq!(huge.accrue(1_000 + 365 * DAY), None);
    }
}
