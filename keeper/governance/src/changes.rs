//! What on the chain is not as the parameter file says, and the calls that make it so.

use crate::{
    Deployed, Parameters,
    holders::{Holders, Role, intended, live},
};
use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider,
    sol,
    sol_types::SolCall,
    transports::TransportError,
};
use ballast_chain::bindings::{KillSwitchManager, StrategyHub, Vault};
use serde::Serialize;
use std::collections::BTreeSet;

sol! {
    /// The part of OpenZeppelin's TimelockController that is used here.
    #[sol(rpc)]
    interface ITimelock {
        function getMinDelay() external view returns (uint256);
        function updateDelay(uint256 newDelay) external;
        function scheduleBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt, uint256 delay) external;
        function executeBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt) external payable;
    }
}

/// One call that the timelock has to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub target: Address,
    /// For the people who sign.
    pub what: String,
    pub data: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    #[error(
        "the endpoint is on chain {endpoint}, the parameter file is for {parameters} and the deployment file of {deployed}"
    )]
    WrongChain { endpoint: u64, parameters: u64, deployed: u64 },
    #[error("the chain could not be asked: {0}")]
    Rpc(#[from] TransportError),
    #[error(
        "the deployment file and the chain do not agree: {0}; is every address in it a contract of this deployment?"
    )]
    Unanswered(#[from] alloy::contract::Error),
    #[error("the timelock {timelock} does not administer {contract} yet: hand over first (script/Handover.s.sol)")]
    NotHandedOver { timelock: Address, contract: Address },
    #[error(
        "the deployment has {adapters} positions and the parameter file {venues} venues: deploy the missing adapters first"
    )]
    AdapterMissing { adapters: usize, venues: usize },
    #[error("the asset of the vault is {found}, the parameter file has another; it cannot be changed")]
    OtherAsset { found: Address },
    #[error("{0} is empty in the parameter file: fill it in")]
    Missing(&'static str),
}

/// Every difference, in an order in which the calls succeed: what is listed is listed before it is tuned, and a role is granted to
/// the new holder before the old one loses it.
///
/// # Errors
/// [`ChangesError`].
pub async fn changes(
    provider: &impl Provider,
    parameters: &Parameters,
    deployed: &Deployed,
) -> Result<Vec<Change>, ChangesError> {
    let endpoint = provider.get_chain_id().await?;
    if endpoint != parameters.chain_id || endpoint != deployed.chain_id {
        return Err(ChangesError::WrongChain {
            endpoint,
            parameters: parameters.chain_id,
            deployed: deployed.chain_id,
        });
    }
    let (venues, adapters) = (parameters.venues.len(), deployed.adapters.len());
    if venues > adapters {
        return Err(ChangesError::AdapterMissing { adapters, venues });
    }
    let held = live(provider, deployed).await?;
    for contract in [deployed.vault, deployed.hub, deployed.kill_switch] {
        if !held.get(&(contract, Role::ADMIN)).is_some_and(|holders| holders.contains(&deployed.timelock)) {
            return Err(ChangesError::NotHandedOver { timelock: deployed.timelock, contract });
        }
    }
    let mut list = List { deployed, changes: Vec::new() };
    list.vault(provider, parameters).await?;
    list.kill_switch(provider, parameters).await?;
    list.hub(provider, parameters).await?;
    list.venues(provider, parameters).await?;
    list.timelock(provider, parameters).await?;
    list.roles(&intended(parameters, deployed), &held);
    Ok(list.changes)
}

/// Seconds that the timelock makes every operation wait now.
///
/// # Errors
/// [`ChangesError`] if it cannot be asked.
pub async fn current_delay(provider: &impl Provider, deployed: &Deployed) -> Result<u64, ChangesError> {
    let delay = ITimelock::new(deployed.timelock, provider).getMinDelay().call().await?;
    Ok(delay.saturating_to())
}

struct List<'a> {
    deployed: &'a Deployed,
    changes: Vec<Change>,
}

impl List<'_> {
    fn add(&mut self, target: Address, what: String, call: &impl SolCall) {
        let name = self.deployed.name_of(target).unwrap_or("contract");
        self.changes.push(Change { target, what: format!("{name}: {what}"), data: call.abi_encode().into() });
    }

    async fn vault(&mut self, provider: &impl Provider, parameters: &Parameters) -> Result<(), ChangesError> {
        let vault = Vault::new(self.deployed.vault, provider);
        let asset = vault.asset().call().await?;
        if !parameters.asset.is(asset) {
            return Err(ChangesError::OtherAsset { found: asset });
        }
        let hub = vault.hub().call().await?;
        if hub != self.deployed.hub {
            let call = Vault::setHubCall { hub_: self.deployed.hub };
            self.add(self.deployed.vault, format!("hub from {hub} to {}", self.deployed.hub), &call);
        }
        let cap = vault.depositCap().call().await?;
        let wanted = U256::from(parameters.vault.deposit_cap);
        if cap != wanted {
            let call = Vault::setDepositCapCall { cap: wanted };
            self.add(self.deployed.vault, format!("deposit cap from {cap} to {wanted} base units"), &call);
        }
        let loss = vault.maxLossBps().call().await?;
        let wanted = U256::from(parameters.vault.max_loss_bps);
        if loss != wanted {
            let call = Vault::setMaxLossCall { bps: wanted };
            self.add(self.deployed.vault, format!("loss bound of one instruction from {loss} to {wanted} bps"), &call);
        }
        let daily = vault.dailyLoss().call().await?.bps;
        let wanted = U256::from(parameters.vault.daily_loss_bps);
        if daily != wanted {
            let call = Vault::setDailyLossCall { bps: wanted };
            self.add(self.deployed.vault, format!("loss budget of a day from {daily} to {wanted} bps"), &call);
        }
        let growth = vault.maxGrowthBps().call().await?;
        let wanted = U256::from(parameters.vault.max_growth_bps);
        if growth != wanted {
            let call = Vault::setMaxGrowthCall { bpsPerYear: wanted };
            self.add(self.deployed.vault, format!("fastest growth from {growth} to {wanted} bps a year"), &call);
        }
        Ok(())
    }

    async fn kill_switch(&mut self, provider: &impl Provider, parameters: &Parameters) -> Result<(), ChangesError> {
        let switch = KillSwitchManager::new(self.deployed.kill_switch, provider);
        for feed in &parameters.feeds {
            let token = feed.token.0.ok_or(ChangesError::Missing("feeds.token"))?;
            let aggregator = feed.aggregator.0.ok_or(ChangesError::Missing("feeds.aggregator"))?;
            let set = switch.feeds(token).call().await?;
            if set.aggregator != aggregator || set.heartbeat != feed.heartbeat {
                let call = KillSwitchManager::setFeedCall { token, aggregator, heartbeat: feed.heartbeat };
                let what = format!(
                    "feed of {token} from {} ({} s) to {aggregator} ({} s)",
                    set.aggregator, set.heartbeat, feed.heartbeat
                );
                self.add(self.deployed.kill_switch, what, &call);
            }
        }
        Ok(())
    }

    async fn hub(&mut self, provider: &impl Provider, parameters: &Parameters) -> Result<(), ChangesError> {
        let hub = StrategyHub::new(self.deployed.hub, provider);
        let set = hub.limits().call().await?;
        let limits = &parameters.limits;
        let mut wanted = set.clone();
        wanted.reserveBps = limits.reserve_bps;
        wanted.minPositionBps = limits.min_position_bps;
        wanted.maxPositionBps = limits.max_position_bps;
        wanted.minStepBps = limits.min_step_bps;
        wanted.maxVenueShareBps = limits.max_venue_share_bps;
        wanted.maxUtilisationBps = limits.max_utilisation_bps;
        wanted.flowBps = limits.flow_bps;
        wanted.approvalBps = limits.approval_bps;
        wanted.approvalFloor = limits.approval_floor;
        wanted.cooldown = limits.cooldown;
        if set != wanted {
            let what = format!("limits from {set:?} to {wanted:?}");
            self.add(self.deployed.hub, what, &StrategyHub::setLimitsCall { limits_: wanted });
        }
        let attestor = hub.attestor().call().await?;
        let wanted = parameters.attestor.0.ok_or(ChangesError::Missing("attestor"))?;
        if attestor != wanted {
            let call = StrategyHub::setAttestorCall { attestor_: wanted };
            self.add(self.deployed.hub, format!("attestor from {attestor} to {wanted}"), &call);
        }
        let grace = hub.lastSeen().call().await?.grace;
        let wanted = U256::from(parameters.grace_period);
        if grace != wanted {
            let call = StrategyHub::setGracePeriodCall { grace: wanted };
            self.add(self.deployed.hub, format!("keeper's grace period from {grace} to {wanted} s"), &call);
        }
        Ok(())
    }

    async fn venues(&mut self, provider: &impl Provider, parameters: &Parameters) -> Result<(), ChangesError> {
        let (vault, hub) = (Vault::new(self.deployed.vault, provider), StrategyHub::new(self.deployed.hub, provider));
        for (venue, &adapter) in parameters.venues.iter().zip(&self.deployed.adapters) {
            let config = vault.adapterConfig(adapter).call().await?;
            let cap = U256::from(venue.cap);
            if !config.listed {
                let what = format!("list {} at {adapter} with a cap of {cap} base units", venue.name);
                if venue.venue.is(adapter) {
                    self.add(self.deployed.vault, what, &Vault::listVenueCall { venue: adapter, cap });
                } else {
                    self.add(self.deployed.vault, what, &Vault::listAdapterCall { adapter, cap });
                }
            } else if config.cap != cap {
                let what = format!("cap of {} from {} to {cap} base units", venue.name, config.cap);
                self.add(self.deployed.vault, what, &Vault::setAdapterCapCall { adapter, cap });
            }
            let score = hub.riskScore(adapter).call().await?;
            let wanted = U256::from(venue.risk_score);
            if score != wanted {
                let what = format!("risk score of {} from {score} to {wanted}", venue.name);
                self.add(self.deployed.hub, what, &StrategyHub::setRiskScoreCall { adapter, score: wanted });
            }
        }
        Ok(())
    }

    async fn timelock(&mut self, provider: &impl Provider, parameters: &Parameters) -> Result<(), ChangesError> {
        let delay = ITimelock::new(self.deployed.timelock, provider).getMinDelay().call().await?;
        let wanted = U256::from(parameters.timelock_delay);
        if delay != wanted {
            let call = ITimelock::updateDelayCall { newDelay: wanted };
            self.add(self.deployed.timelock, format!("delay from {delay} to {wanted} s"), &call);
        }
        Ok(())
    }

    /// Roles that nobody should hold are taken away whatever they are.
    fn roles(&mut self, intended: &Holders, held: &Holders) {
        let nobody = BTreeSet::new();
        for (&(contract, role), holders) in intended {
            for &account in holders.difference(held.get(&(contract, role)).unwrap_or(&nobody)) {
                let what = format!("grant {role} to {}", self.called(account));
                self.add(contract, what, &Vault::grantRoleCall { role: role.0, account });
            }
        }
        for (&(contract, role), holders) in held {
            for &account in holders.difference(intended.get(&(contract, role)).unwrap_or(&nobody)) {
                let what = format!("revoke {role} from {}", self.called(account));
                self.add(contract, what, &Vault::revokeRoleCall { role: role.0, account });
            }
        }
    }

    fn called(&self, account: Address) -> String {
        self.deployed.name_of(account).map_or_else(|| account.to_string(), |name| format!("{name} {account}"))
    }
}
