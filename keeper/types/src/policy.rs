//! What the operator wants, inside what the contracts allow.

use crate::{Apr, Assets, BPS_ONE, Bps, Strategy};
use alloy_primitives::Address;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The parameters of `decide`. Part of every decision record.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Kept idle; never below the hub's own reserve (SPEC C5: 5 %, profiles aim at 5 or 10 %).
    pub reserve: Bps,
    /// No venue gets more than this, whatever its cap (at most the hub's 50 %).
    pub max_position: Bps,
    /// No leg moves less than this, unless it empties a position (SPEC X12: 10 USDC).
    pub min_transfer: Assets,
    /// The time over which a move must pay for itself, in seconds. The horizon that SPEC X2 leaves open (ERR-33).
    pub horizon: u64,
    /// A move must raise the yearly yield on NAV by at least this, after gas (ERR-33: 0.5 % *a year*).
    pub min_gain: Apr,
    /// Gas units a rebalance is assumed to cost before it is simulated.
    pub expected_gas: u64,
    /// Seconds for which a move may wait for a lower base fee; zero never waits (SPEC X4, X11).
    pub gas_patience: u64,
    /// Priority fee in wei per gas, part of the gas cost.
    pub priority_fee: u128,
    /// What a leg may lose to rounding and price impact: `min_out = amount · (1 − tolerance)` (SPEC X4).
    pub slippage: Bps,
    /// Venues with a risk score at or above this get nothing new (SPEC X2: 70 of 100).
    pub max_risk_score: u8,
    /// Seconds after which the newest block is too old to act on.
    pub max_head_age: u64,
    /// What becomes of a move that adds more than needs no approval of the Safe.
    pub large_moves: LargeMoves,
    /// What is aimed at.
    #[serde(default)]
    pub strategy: Strategy,
    /// Per-venue judgement; a venue that is not listed gets nothing new.
    pub venues: Vec<VenuePolicy>,
}

/// See [`Policy::large_moves`] (SPEC X15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LargeMoves {
    /// It is made in several, none of which needs approval.
    #[default]
    Divide = 0,
    /// It is proposed to the Safe and made as a whole once approved.
    Ask = 1,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenuePolicy {
    pub adapter: Address,
    /// 0–100, high is risky.
    pub risk_score: u8,
    /// This venue's own limit, at most [`Policy::max_position`].
    pub max_position: Bps,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("policy.{field} is {value}, expected {expected}")]
    OutOfRange { field: &'static str, value: String, expected: &'static str },
    #[error("policy.venues lists adapter {0} twice, expected once")]
    DuplicateVenue(Address),
}

impl Policy {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// The first field that is out of range, with what was expected.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let range = |ok: bool, field: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(PolicyError::OutOfRange { field, value, expected }) }
        };
        range((500..=BPS_ONE).contains(&self.reserve.0), "reserve", self.reserve.0.to_string(), "500 to 10000 bps")?;
        range(
            (500..=5_000).contains(&self.max_position.0),
            "max_position",
            self.max_position.0.to_string(),
            "500 to 5000 bps",
        )?;
        range(
            (3_600..=31_536_000).contains(&self.horizon),
            "horizon",
            self.horizon.to_string(),
            "3600 (an hour) to 31536000 (a year) seconds",
        )?;
        range(self.min_gain.0 <= crate::WAD, "min_gain", self.min_gain.0.to_string(), "at most 1e18 (100 % a year)")?;
        range(
            (21_000..=16_000_000).contains(&self.expected_gas),
            "expected_gas",
            self.expected_gas.to_string(),
            "21000 to 16000000 gas",
        )?;
        range(
            self.gas_patience <= self.horizon.min(604_800),
            "gas_patience",
            self.gas_patience.to_string(),
            "at most the horizon and a week (604800 seconds)",
        )?;
        range(self.slippage.0 <= 200, "slippage", self.slippage.0.to_string(), "at most 200 bps")?;
        range(self.max_risk_score <= 100, "max_risk_score", self.max_risk_score.to_string(), "0 to 100")?;
        range(
            (12..=3_600).contains(&self.max_head_age),
            "max_head_age",
            self.max_head_age.to_string(),
            "12 to 3600 seconds",
        )?;
        if let Some((field, value, expected)) = self.strategy.fault() {
            return Err(PolicyError::OutOfRange { field, value, expected });
        }
        for (index, venue) in self.venues.iter().enumerate() {
            range(venue.risk_score <= 100, "venues.risk_score", venue.risk_score.to_string(), "0 to 100")?;
            range(
                venue.max_position <= self.max_position,
                "venues.max_position",
                venue.max_position.0.to_string(),
                "at most policy.max_position",
            )?;
            if self.venues[..index].iter().any(|earlier| earlier.adapter == venue.adapter) {
                return Err(PolicyError::DuplicateVenue(venue.adapter));
            }
        }
        Ok(())
    }

    /// This policy with, of each venue, the higher of its own score and the one that is given for it.
    #[must_use]
    pub fn scored_at_least(&self, score: impl Fn(Address) -> Option<u8>) -> Self {
        let mut scored = self.clone();
        for venue in &mut scored.venues {
            venue.risk_score = score(venue.adapter).unwrap_or_default().max(venue.risk_score);
        }
        scored
    }

    /// Whether two policies are the same but for what they think of the venues' risk.
    #[must_use]
    pub fn equals_but_for_scores(&self, other: &Self) -> bool {
        let unscored = |venues: &[VenuePolicy]| -> Vec<VenuePolicy> {
            venues.iter().map(|venue| VenuePolicy { risk_score: 0, ..venue.clone() }).collect()
        };
        let (own, others) = (unscored(&self.venues), unscored(&other.venues));
        own == others && *self == Self { venues: self.venues.clone(), ..other.clone() }
    }

    /// The policy's judgement of one adapter, if it has one.
    #[must_use]
    pub fn venue(&self, adapter: Address) -> Option<&VenuePolicy> {
        self.venues.iter().find(|venue| venue.adapter == adapter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Profile;
    use proptest::prelude::*;

    fn policy(scores: [u8; 2]) -> Policy {
        let profile = Profile::parse(include_str!("../../../deploy/profiles/balanced.toml")).unwrap();
        let venue = |(digit, risk_score)| VenuePolicy {
            adapter: Address::repeat_byte(digit),
            risk_score,
            max_position: Bps(4_000),
        };
        profile.policy([1, 2].into_iter().zip(scores).map(venue).collect())
    }

    proptest! {
        #[test]
        fn the_higher_score_of_each_venue_counts_and_nothing_else_changes(
            own in any::<[u8; 2]>(), others in any::<[Option<u8>; 2]>(),
        ) {
            let (before, given) = (policy(own), |venue: Address| others[usize::from(venue.0[0]) - 1]);
            let after = before.scored_at_least(given);
            let higher = [0, 1].map(|index| own[index].max(others[index].unwrap_or(0)));
            prop_assert_eq!(&after, &policy(higher));
            prop_assert!(after.equals_but_for_scores(&before) && before.equals_but_for_scores(&after));
        }
    }

    #[test]
    fn anything_else_that_changes_is_another_policy() {
        let before = policy([20, 40]);
        let mut smaller = before.clone();
        smaller.venues[1].max_position = Bps(1);
        let mut fewer = before.clone();
        fewer.venues.pop();
        let stricter = Policy { max_risk_score: before.max_risk_score - 1, ..before.clone() };
        for other in [smaller, fewer, stricter] {
            assert!(!other.equals_but_for_scores(&before), "{other:?}");
        }
    }
}
