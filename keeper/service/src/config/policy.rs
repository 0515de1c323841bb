//! `[attestor.policy]`: what the attestor lets pass without the Safe.

use super::{Config, ConfigError};
use ballast_executor::{AttestorPolicy, DEV_CHAIN_ID, PolicyConfig, policy::MAX_GAS_BUDGET};
use ballast_types::{Assets, Bps};
use serde::Deserialize;
use std::{
    env,
    path::{Path, PathBuf},
};

/// The ledger where no store's file gives it a name.
const LEDGER: &str = "attestor.ledger";
/// Where `StateDirectory=` is (systemd.exec(5)).
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
/// Base units of one USDC.
const USDC: u128 = 1_000_000;

/// The bounds, each the last value that passes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttestorPolicyConfig {
    /// The file with the attestor's own counts; beside the store unless set.
    pub ledger: Option<PathBuf>,
    /// Wei per gas; `execution.max_fee_wei` unless set.
    pub max_fee_per_gas_wei: Option<u64>,
    /// Wei that the gas of one transaction may cost.
    pub max_fee_wei: u64,
    /// Moves in any 24 hours.
    pub daily_moves: u32,
    /// Turnover of one move, bps of NAV.
    pub move_turnover: u16,
    /// Turnover of one move, whole USDC; by share only unless set.
    pub move_turnover_usdc: Option<u64>,
    /// Turnover in any 24 hours, bps of NAV.
    pub daily_turnover: u16,
    /// Turnover in any 24 hours, whole USDC; by share only unless set.
    pub daily_turnover_usdc: Option<u64>,
    /// What gas may cost in any 365 days, bps of NAV.
    pub yearly_gas: u16,
    /// Seconds that a block may be ahead of the clock; not applied on chain 31337.
    pub max_clock_skew: u64,
}

impl Default for AttestorPolicyConfig {
    fn default() -> Self {
        Self {
            ledger: None,
            max_fee_per_gas_wei: None,
            max_fee_wei: 500_000_000_000_000_000,
            // As many as the hub lets through.
            daily_moves: 4,
            // All of NAV from one venue to another: it leaves one and enters the other.
            move_turnover: 20_000,
            move_turnover_usdc: None,
            daily_turnover: 40_000,
            daily_turnover_usdc: None,
            yearly_gas: MAX_GAS_BUDGET.0,
            max_clock_skew: 120,
        }
    }
}

impl AttestorPolicyConfig {
    /// A relative path means beside the configuration file; no path, beside the store's file, or where the store is a database in the
    /// service manager's state directory, for lack of one beside the configuration.
    pub(super) fn beside(&mut self, directory: &Path, store: Option<&Path>) {
        let named = self.ledger.take().map(|ledger| directory.join(ledger));
        let default = || match store {
            Some(store) => {
                let mut path = store.as_os_str().to_owned();
                path.push(".attestor");
                PathBuf::from(path)
            }
            None => env::var_os(STATE_DIRECTORY).map_or(directory.to_owned(), PathBuf::from).join(LEDGER),
        };
        self.ledger = Some(named.unwrap_or_else(default));
    }
}

impl Config {
    /// What the attestor is to let pass, and where it keeps count.
    #[must_use]
    pub fn attestor_policy(&self) -> PolicyConfig {
        let config = &self.attestor.policy;
        let usdc = |whole: Option<u64>| whole.map(|whole| Assets(u128::from(whole) * USDC));
        let policy = AttestorPolicy {
            max_fee_per_gas: config.max_fee_per_gas_wei.unwrap_or(self.execution.max_fee_wei).into(),
            max_fee: config.max_fee_wei.into(),
            daily_moves: config.daily_moves,
            move_turnover: Bps(config.move_turnover),
            move_notional: usdc(config.move_turnover_usdc),
            daily_turnover: Bps(config.daily_turnover),
            daily_notional: usdc(config.daily_turnover_usdc),
            gas_budget: Bps(config.yearly_gas),
            max_skew: (self.chain.id != DEV_CHAIN_ID).then_some(config.max_clock_skew),
        };
        PolicyConfig { policy, ledger: config.ledger.clone().unwrap_or_else(|| LEDGER.into()) }
    }

    pub(super) fn validate_policy(&self) -> Result<(), ConfigError> {
        let config = &self.attestor.policy;
        let range = |ok: bool, key: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(ConfigError::OutOfRange { key, value, expected }) }
        };
        if let Some(fee) = config.max_fee_per_gas_wei {
            range(fee > 0, "attestor.policy.max_fee_per_gas_wei", fee.to_string(), "at least 1 wei")?;
        }
        let fee = config.max_fee_wei;
        range(fee > 0, "attestor.policy.max_fee_wei", fee.to_string(), "at least 1 wei")?;
        let moves = config.daily_moves;
        range((1..=4).contains(&moves), "attestor.policy.daily_moves", moves.to_string(), "1 to 4, the hub's limit")?;
        let one = config.move_turnover;
        range((1..=20_000).contains(&one), "attestor.policy.move_turnover", one.to_string(), "1 to 20000 bps")?;
        range(
            config.daily_turnover >= one,
            "attestor.policy.daily_turnover",
            config.daily_turnover.to_string(),
            "at least move_turnover, at most 65535 bps",
        )?;
        let gas = config.yearly_gas;
        range((1..=MAX_GAS_BUDGET.0).contains(&gas), "attestor.policy.yearly_gas", gas.to_string(), "1 to 50 bps")?;
        let skew = config.max_clock_skew;
        range((1..=3_600).contains(&skew), "attestor.policy.max_clock_skew", skew.to_string(), "1 to 3600 seconds")
    }
}
