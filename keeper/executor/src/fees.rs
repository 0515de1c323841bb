//! What a transaction offers for its place in a block (EIP-1559), and its gas limit.
//!
//! The base fee of the target block is known, since the bundle is for that block only. `max_fee = 2 · base + tip` leaves
//! room without being paid: the sender pays `base + tip`. SPEC X4.

/// The operator's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeCaps {
    /// The most that may be offered, wei per gas.
    pub max_fee_per_gas: u128,
    /// The tip, wei per gas.
    pub priority_fee_per_gas: u128,
}

/// What is offered, wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    pub max_fee_per_gas: u128,
    pub max_priority_fee_per_gas: u128,
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
    #[error("the simulation used {used} gas, more than the {MAX_GAS_LIMIT} a transaction may have")]
    TooMuchGas { used: u64 },
}

impl FeeCaps {
    /// The offer for a block with this base fee (wei per gas), at most the cap.
    ///
    /// # Errors
    /// [`FeeError::AboveCap`] if the cap does not even pay base fee and tip.
    pub fn offer(&self, base_fee: u128) -> Result<Fees, FeeError> {
        let tip = self.priority_fee_per_gas;
        let needed = base_fee.saturating_add(tip);
        if needed > self.max_fee_per_gas {
            return Err(FeeError::AboveCap { needed, cap: self.max_fee_per_gas });
        }
        let wanted = base_fee.saturating_mul(2).saturating_add(tip);
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

    #[test]
    fn the_offer_is_twice_the_base_fee_and_the_tip() {
        let caps = FeeCaps { max_fee_per_gas: 200 * GWEI, priority_fee_per_gas: 2 * GWEI };
        let fees = caps.offer(25 * GWEI).unwrap();
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
        fn an_offer_pays_the_block_and_never_exceeds_the_cap(base in any::<u128>(), tip in any::<u128>(), cap in any::<u128>()) {
            let caps = FeeCaps { max_fee_per_gas: cap, priority_fee_per_gas: tip };
            match caps.offer(base) {
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
            let caps = FeeCaps { max_fee_per_gas: u128::MAX, priority_fee_per_gas: tip };
            prop_assert_eq!(caps.offer(base).unwrap().max_fee_per_gas, 2 * base + tip);
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
