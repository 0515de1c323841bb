//! A lending market as its own contracts describe it: what is supplied, what is borrowed, and the curve between.

use crate::{Apr, Assets, Wad};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The venue's own interest-rate curve: borrow rate as a function of utilisation `u` (borrowed / supplied).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "model")]
pub enum RateCurve {
    /// Aave V3 `DefaultReserveInterestRateStrategyV2`: `base + slope1·u/optimal` up to `optimal`, then
    /// `base + slope1 + slope2·(u − optimal)/(1 − optimal)`.
    Kinked { base: Apr, slope1: Apr, slope2: Apr, optimal: Wad },
    /// Morpho `AdaptiveCurveIrm`: `rate_at_target · c(e)` with `e = (u − target)/(u > target ? 1 − target : target)`,
    /// `c(e) = 1 + e·(steepness − 1)` for `e ≥ 0` and `1 + e·(1 − 1/steepness)` below. The drift of
    /// `rate_at_target` with time is left out: it is what the market will do, not what it does now.
    Adaptive { rate_at_target: Apr, target: Wad, steepness: Wad },
}

/// One market that a venue lends into. A single-market venue (Aave) has one with `held == supplied`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Market {
    /// The protocol's name for it, for people.
    pub name: String,
    /// Assets supplied by everyone, the borrowed part included.
    pub supplied: Assets,
    /// Assets owed by borrowers.
    pub borrowed: Assets,
    /// The part of `supplied` that belongs to the venue the adapter holds shares of.
    pub held: Assets,
    /// How much more the venue may supply here (its cap, or the market's).
    pub room: Assets,
    /// The part of the borrowers' interest that suppliers do not get (reserve factor, protocol fee).
    pub fee: Wad,
    pub curve: RateCurve,
}
