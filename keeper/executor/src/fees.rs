//! What a transaction offers for its place in a block (EIP-1559), and its gas limit. SPEC X4, X12.
//!
//! The base fee of the target block is known, since the bundle is for that block only. `max_fee = 2 · base + tip` leaves
//! room without being paid: the sender pays `base + tip`. Each attempt that follows one with the same nonce offers an eighth more of
//! both, which every pool and builder takes for a replacement. Nothing ever offers more than the cap.

use alloy::primitives::U256;
use ballast_types::{Assets, BPS_ONE, Bps, DecisionRecord, fixed::product};

/// The operator's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeCaps {
    /// The most that may be offered, wei per gas.
    pub max_fee_per_gas: u128,
    /// The tip, wei per gas.
    pub priority_fee_per_gas: u128,
    /// The part of a move's expected gain that its gas may cost at most.
    pub max_gain_share: Bps,
    /// The part of what a move moves that its gas may cost at most (SPEC X12: 2 %).
    pub max_turnover_share: Bps,
}

/// What is offered, wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    pub max_fee_per_gas: u128,
    pub max_priority_fee_per_gas: u128,
}

/// What a move is worth, and what gas costs in assets, both as its decision reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// Over the policy's horizon.
    pub gain: Assets,
    pub turnover: Assets,
    /// What `gas_wei` cost.
    pub gas_cost: Assets,
    pub gas_wei: u128,
}

impl Worth {
    /// `None` for a record without a prediction.
    #[must_use]
    pub fn of(record: &DecisionRecord) -> Option<Self> {
        let prediction = record.decision.prediction?;
        let policy = &record.policy;
        let fee = record.snapshot.block.next_base_fee.saturating_add(policy.priority_fee);
        Some(Self {
            gain: prediction.gain,
            turnover: prediction.turnover,
            gas_cost: prediction.gas_cost,
            gas_wei: u128::from(policy.expected_gas).saturating_mul(fee),
        })
    }
}

/// No transaction of ours gets more gas. Below the protocol's limit of 2²⁴ per transaction (EIP-7825).
pub const MAX_GAS_LIMIT: u64 = 16_000_000;
/// Gas limits are rounded up to whole thousands.
const GAS_STEP: u64 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    #[error(
        "the next block costs {needed} wei per gas (base fee and tip), more than the cap of {cap}; wait, or raise the cap"
    )]
    AboveCap { needed: u128, cap: u128 },
    #[error("the decision does not say what gas costs in assets, so what it may cost is not known")]
    NoPrice,
    #[error("the simulation used {used} gas, more than the {MAX_GAS_LIMIT} a transaction may have")]
    TooMuchGas { used: u64 },
}

impl FeeCaps {
    /// These bounds with the cap lowered to what a move of this worth may pay for each unit of `gas`, rounded down.
    ///
    /// # Errors
    /// [`FeeError::NoPrice`] if the decision did not say what gas costs.
    pub fn for_move(self, worth: &Worth, gas: u64) -> Result<Self, FeeError> {
        let most = |amount: Assets, share: Bps| -> Option<u128> {
            let budget = product(amount.0, u128::from(share.0)).checked_mul(U256::from(worth.gas_wei))?;
            let divisor = product(worth.gas_cost.0, u128::from(BPS_ONE)).checked_mul(U256::from(gas))?;
            Some(budget.checked_div(divisor)?.saturating_to())
        };
        let by_gain = most(worth.gain, self.max_gain_share).ok_or(FeeError::NoPrice)?;
        let by_turnover = most(worth.turnover, self.max_turnover_share).ok_or(FeeError::NoPrice)?;
        Ok(Self { max_fee_per_gas: self.max_fee_per_gas.min(by_gain).min(by_turnover), ..self })
    }

    /// The offer for a block with this base fee (wei per gas) that replaces `earlier` ones with the same nonce: an eighth more than the
    /// highest of each, but at most the cap.
    ///
    /// # Errors
    /// [`FeeError::AboveCap`] if the cap does not even pay base fee and tip.
    pub fn offer(&self, base_fee: u128, earlier: &[Fees]) -> Result<Fees, FeeError> {
        let bumped =
            |of: fn(&Fees) -> u128| earlier.iter().map(of).max().map_or(0, |fee| fee.saturating_add(fee.div_ceil(8)));
        let tip = self.priority_fee_per_gas;
        let needed = base_fee.saturating_add(tip);
        if needed > self.max_fee_per_gas {
            return Err(FeeError::AboveCap { needed, cap: self.max_fee_per_gas });
        }
        // A tip above what the cap leaves beside the base fee could not be paid in full.
        let tip =
            tip.max(bumped(|fees| fees.max_priority_fee_per_gas)).min(self.max_fee_per_gas.saturating_sub(base_fee));
        let wanted = base_fee.saturating_mul(2).saturating_add(tip).max(bumped(|fees| fees.max_fee_per_gas));
        Ok(Fees { max_fee_per_gas: wanted.min(self.max_fee_per_gas), max_priority_fee_per_gas: tip })
    }
}

/// `simulated · 1.25`, rounded up to whole thousands, at most [`MAX_GAS_LIMIT`].
///
/// # Errors
/// [`FeeError::TooMuchGas`] if the simulation used more than the limit.
pub fn gas_limit(simulated: u64) -> Result<u64, FeeError> {
    if simulated > MAX_GAS_LIMIT {
        return Err(FeeError::TooMuchGas { used: simulated });
    }
    let with_margin = simulated + simulated.div_ceil(4);
    Ok((with_margin.div_ceil(GAS_STEP) * GAS_STEP).min(MAX_GAS_LIMIT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const GWEI: u128 = 1_000_000_000;

    const fn caps(max_fee_per_gas: u128, priority_fee_per_gas: u128) -> FeeCaps {
        FeeCaps { max_fee_per_gas, priority_fee_per_gas, max_gain_share: Bps(5_000), max_turnover_share: Bps(200) }
    }

    /// 500 000 gas at 25 gwei cost 40 USD (ERR-34).
    const fn worth(gain: u128, turnover: u128) -> Worth {
        Worth {
            gain: Assets(gain),
            turnover: Assets(turnover),
            gas_cost: Assets(40_000_000),
            gas_wei: 500_000 * 25 * GWEI,
        }
    }

    // SPEC X12
    #[test]
    fn a_move_pays_no_more_than_its_share_of_gain_and_turnover() {
        let much = 1_u128 << 60;
        // Half of a gain of 80 USD is 40 USD.
        let by_gain = caps(u128::MAX, 0).for_move(&worth(80_000_000, much), 500_000).unwrap();
        assert_eq!(by_gain.max_fee_per_gas, 25 * GWEI);
        // 2 % of 2 000 USD are 40 USD.
        let by_turnover = caps(u128::MAX, 0).for_move(&worth(much, 2_000_000_000), 500_000).unwrap();
        assert_eq!(by_turnover.max_fee_per_gas, 25 * GWEI);
        let by_cap = caps(7, 0).for_move(&worth(80_000_000, 2_000_000_000), 500_000).unwrap();
        assert_eq!(by_cap.max_fee_per_gas, 7);
        let unpriced = Worth { gas_cost: Assets(0), ..worth(1, 1) };
        assert_eq!(caps(7, 0).for_move(&unpriced, 500_000), Err(FeeError::NoPrice));
        assert_eq!(caps(7, 0).for_move(&worth(1, 1), 0), Err(FeeError::NoPrice));
    }

    #[test]
    fn the_offer_is_twice_the_base_fee_and_the_tip() {
        let fees = caps(200 * GWEI, 2 * GWEI).offer(25 * GWEI, &[]).unwrap();
        assert_eq!(fees, Fees { max_fee_per_gas: 52 * GWEI, max_priority_fee_per_gas: 2 * GWEI });
    }

    #[test]
    fn a_gas_limit_has_a_quarter_more_in_whole_thousands() {
        assert_eq!(gas_limit(400_000).unwrap(), 500_000);
        assert_eq!(gas_limit(400_001).unwrap(), 501_000);
        assert_eq!(gas_limit(MAX_GAS_LIMIT).unwrap(), MAX_GAS_LIMIT);
        assert_eq!(gas_limit(MAX_GAS_LIMIT + 1), Err(FeeError::TooMuchGas { used: MAX_GAS_LIMIT + 1 }));
    }

    proptest! {
        // SPEC X4
        #[test]
        fn an_offer_pays_the_block_and_never_exceeds_the_cap(
            base in any::<u128>(),
            tip in any::<u128>(),
            cap in any::<u128>(),
            earlier in proptest::collection::vec((any::<u128>(), any::<u128>()), 0..4),
        ) {
            let earlier: Vec<Fees> = earlier.into_iter().map(|(fee, tip)| Fees { max_fee_per_gas: fee, max_priority_fee_per_gas: tip }).collect();
            match caps(cap, tip).offer(base, &earlier) {
                Ok(fees) => {
                    prop_assert!(fees.max_fee_per_gas <= cap);
                    prop_assert!(fees.max_fee_per_gas - base >= tip);
                    prop_assert!(fees.max_priority_fee_per_gas <= fees.max_fee_per_gas);
                }
                Err(_) => prop_assert!(base.checked_add(tip).is_none_or(|needed| needed > cap)),
            }
        }

        #[test]
        fn an_offer_survives_a_doubled_base_fee_unless_capped(base in 0..u128::MAX / 4, tip in 0..u128::MAX / 4) {
            prop_assert_eq!(caps(u128::MAX, tip).offer(base, &[]).unwrap().max_fee_per_gas, 2 * base + tip);
        }

        // SPEC X4: pools take a replacement for an eighth more of both.
        #[test]
        fn a_replacement_offers_an_eighth_more_of_both(base in 1..1_000 * GWEI, tip in 1..10 * GWEI, tries in 1..12_usize) {
            let caps = caps(u128::MAX, tip);
            let mut offers: Vec<Fees> = Vec::new();
            for _ in 0..tries {
                let next = caps.offer(base, &offers).unwrap();
                for earlier in &offers {
                    prop_assert!(8 * next.max_fee_per_gas >= 9 * earlier.max_fee_per_gas);
                    prop_assert!(8 * next.max_priority_fee_per_gas >= 9 * earlier.max_priority_fee_per_gas);
                }
                offers.push(next);
            }
        }

        #[test]
        fn a_gas_limit_holds_a_quarter_more_but_no_thousand_above(simulated in 0..=MAX_GAS_LIMIT) {
            let limit = gas_limit(simulated).unwrap();
            prop_assert!(limit >= simulated && limit <= MAX_GAS_LIMIT);
            if limit < MAX_GAS_LIMIT {
                prop_assert!(4 * limit >= 5 * simulated);
                prop_assert!(4 * limit < 5 * simulated + 4 * (GAS_STEP + 1));
                prop_assert_eq!(limit % GAS_STEP, 0);
            }
        }
    }
}
