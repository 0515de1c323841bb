//! How the executor behaves, and what it refuses to be told.

use crate::{fees::FeeCaps, flight::Offer, scope::Scope, signer::DEV_CHAIN_ID};
use alloy::primitives::Address;
use ballast_store::State;
use ballast_types::Bps;
use std::time::Duration;

/// `StrategyHub.MAX_PROOF_VALIDITY` in seconds.
pub const MAX_PROOF_VALIDITY: u64 = 3_600;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorConfig {
    pub scope: Scope,
    /// Seconds between a block's timestamp and its parent's.
    pub slot_seconds: u64,
    /// Blocks, its own included, that make an inclusion final.
    pub confirmations: u64,
    /// Bundles sent for one decision before it is given up.
    pub max_attempts: u32,
    /// Blocks after the snapshot's in which its decision may still land.
    pub max_decision_blocks: u64,
    /// Seconds of chain time for which the attestor's signature is valid, counted from the target block.
    pub proof_validity: u64,
    /// The most of NAV that a move may lose, in the simulation.
    pub max_nav_loss: Bps,
    pub fees: FeeCaps,
    /// A move that is too large for keeper and attestor alone waits for the Safe; else it is refused.
    pub asks_safe: bool,
    /// How transactions are offered to the builders.
    pub offer: Offer,
    /// Pause between two looks at the chain.
    pub poll_interval: Duration,
    /// How long to wait for the chain to reach the target block. What was sent stays recorded when it does not.
    pub inclusion_timeout: Duration,
    /// For drills on the development chain: stop for ever once this state is on disk.
    pub halt_after: Option<State>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("executor.{field} is {value}, expected {expected}")]
    OutOfRange { field: &'static str, value: String, expected: &'static str },
    #[error(
        "executor.halt_after is set on chain {chain_id}; it is a drill for the development chain {DEV_CHAIN_ID}, remove it"
    )]
    HaltElsewhere { chain_id: u64 },
    #[error("keeper and attestor have the same address {0}; the second key must be another one")]
    SameKey(Address),
}

impl ExecutorConfig {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// The first that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let range = |ok: bool, field, value: String, expected| {
            if ok { Ok(()) } else { Err(ConfigError::OutOfRange { field, value, expected }) }
        };
        let seconds = |duration: Duration| format!("{duration:?}");
        range((1..=60).contains(&self.slot_seconds), "slot_seconds", self.slot_seconds.to_string(), "1 to 60")?;
        range(
            (1..=64).contains(&self.confirmations),
            "confirmations",
            self.confirmations.to_string(),
            "1 to 64 blocks",
        )?;
        range((1..=20).contains(&self.max_attempts), "max_attempts", self.max_attempts.to_string(), "1 to 20")?;
        range(
            (1..=300).contains(&self.max_decision_blocks),
            "max_decision_blocks",
            self.max_decision_blocks.to_string(),
            "1 to 300 blocks",
        )?;
        range(
            (self.slot_seconds..=MAX_PROOF_VALIDITY).contains(&self.proof_validity),
            "proof_validity",
            self.proof_validity.to_string(),
            "slot_seconds to 3600 seconds, the hub's limit",
        )?;
        range(self.max_nav_loss.0 <= 100, "max_nav_loss", self.max_nav_loss.0.to_string(), "at most 100 bps")?;
        range(
            self.fees.priority_fee_per_gas <= self.fees.max_fee_per_gas,
            "fees.priority_fee_per_gas",
            self.fees.priority_fee_per_gas.to_string(),
            "at most fees.max_fee_per_gas",
        )?;
        let shares = [
            ("fees.max_gain_share", self.fees.max_gain_share),
            ("fees.max_turnover_share", self.fees.max_turnover_share),
        ];
        for (field, share) in shares {
            range((1..=10_000).contains(&share.0), field, share.0.to_string(), "1 to 10000 bps")?;
        }
        range(
            (Duration::from_millis(10)..=Duration::from_secs(60)).contains(&self.poll_interval),
            "poll_interval",
            seconds(self.poll_interval),
            "10 ms to 60 s",
        )?;
        range(
            (self.poll_interval..=Duration::from_secs(3_600)).contains(&self.inclusion_timeout),
            "inclusion_timeout",
            seconds(self.inclusion_timeout),
            "poll_interval to an hour",
        )?;
        if let Offer::Blocks(blocks) = self.offer {
            range(
                (1..=25).contains(&blocks),
                "offer",
                blocks.to_string(),
                "1 to 25 blocks, which is how long relays try",
            )?;
        }
        if self.halt_after.is_some() && self.scope.chain_id != DEV_CHAIN_ID {
            return Err(ConfigError::HaltElsewhere { chain_id: self.scope.chain_id });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config() -> ExecutorConfig {
        ExecutorConfig {
            scope: Scope { chain_id: DEV_CHAIN_ID, vault: Address::repeat_byte(1), hub: Address::repeat_byte(2) },
            slot_seconds: 12,
            confirmations: 1,
            max_attempts: 3,
            max_decision_blocks: 25,
            proof_validity: 300,
            max_nav_loss: Bps(1),
            fees: FeeCaps {
                max_fee_per_gas: 100,
                priority_fee_per_gas: 1,
                max_gain_share: Bps(5_000),
                max_turnover_share: Bps(200),
            },
            asks_safe: false,
            offer: Offer::NextBlock,
            poll_interval: Duration::from_millis(100),
            inclusion_timeout: Duration::from_secs(30),
            halt_after: None,
        }
    }

    #[test]
    fn a_halt_is_a_drill_for_the_development_chain() {
        let drill = ExecutorConfig { halt_after: Some(State::Signed), ..config() };
        drill.validate().unwrap();
        let elsewhere = ExecutorConfig { scope: Scope { chain_id: 1, ..drill.scope }, ..drill };
        assert_eq!(elsewhere.validate(), Err(ConfigError::HaltElsewhere { chain_id: 1 }));
    }

    #[test]
    fn each_number_has_its_range() {
        config().validate().unwrap();
        let wrong: [fn(&mut ExecutorConfig); 16] = [
            |config| config.slot_seconds = 0,
            |config| config.slot_seconds = 61,
            |config| config.confirmations = 0,
            |config| config.max_attempts = 0,
            |config| config.max_attempts = 21,
            |config| config.max_decision_blocks = 0,
            |config| config.proof_validity = 11,
            |config| config.proof_validity = 3_601,
            |config| config.max_nav_loss = Bps(101),
            |config| config.fees.priority_fee_per_gas = 101,
            |config| config.fees.max_gain_share = Bps(0),
            |config| config.fees.max_turnover_share = Bps(10_001),
            |config| config.offer = Offer::Blocks(0),
            |config| config.offer = Offer::Blocks(26),
            |config| config.poll_interval = Duration::ZERO,
            |config| config.inclusion_timeout = Duration::from_millis(99),
        ];
        for change in wrong {
            let mut changed = config();
            change(&mut changed);
            assert!(matches!(changed.validate(), Err(ConfigError::OutOfRange { .. })), "{changed:?}");
        }
    }
}
