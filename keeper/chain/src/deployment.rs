//! The address book of one vault, and the check that the chain agrees with it.

use crate::{
    bindings::{
        IAavePool, IAdapter, IAggregatorV3, IERC20, IMetaMorpho, KillSwitchManager, MULTICALL3, StrategyHub, Vault,
    },
    endpoint::chain_text,
    multicall::{Answers, At, Batch, BatchError, Slot, Unanswered},
    pool::{PoolError, RpcPool},
};
use alloy::{
    eips::BlockId,
    primitives::Address,
    providers::{DynProvider, Provider},
    sol,
    sol_types::SolCall,
};
use ballast_types::VenueKind;
use futures::future::join_all;
use serde::{Deserialize, Serialize};

sol! {
    /// What tells Aave's adapter from another.
    interface IAaveAdapter {
        function aToken() external view returns (address);
    }
}

/// Decimals in which gas is priced and amounts are shown. Another asset would be decided about with costs that are powers of ten off.
const ASSET_DECIMALS: u8 = 6;
/// One whole unit of the asset, in base units.
pub(crate) const ASSET_UNIT: u128 = 10_u128.pow(ASSET_DECIMALS as u32);

/// The contracts of one vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    pub chain_id: u64,
    pub vault: Address,
    pub hub: Address,
    pub kill_switch: Address,
    /// Every venue that the vault lists; the order does not matter.
    pub venues: Vec<VenueRef>,
    /// ETH/USD, for the cost of gas.
    pub eth_usd: FeedRef,
    /// Multicall3; its canonical address unless said otherwise.
    #[serde(default = "canonical_multicall")]
    pub multicall: Address,
}

fn canonical_multicall() -> Address {
    MULTICALL3
}

/// A venue by its position: the vault's adapter, or the venue itself where the vault holds its shares directly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueRef {
    /// The operator's name for it.
    pub name: String,
    pub kind: VenueKind,
    pub adapter: Address,
}

/// A feed that the kill switch does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedRef {
    pub name: String,
    pub aggregator: Address,
    /// Seconds in which the feed promises a new round.
    pub heartbeat: u64,
}

/// The chain does not hold what the address book says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("the endpoint {endpoint} is on chain {found}, expected chain {expected}: check the RPC URL and chain_id")]
    WrongChain { endpoint: String, found: u64, expected: u64 },
    #[error("the deployment cannot be read: {0}")]
    Unreachable(String),
    #[error("there is no contract at {address}, expected {expected}: check the address and the network")]
    NoCode { address: Address, expected: String },
    #[error("the contract at {address} is not {expected} as this build knows it: {call} {why}")]
    Mismatch { address: Address, expected: String, call: &'static str, why: String },
    #[error("{of} says its {what} is {found}, expected {expected}")]
    WrongLink { of: String, what: &'static str, found: Address, expected: Address },
    #[error(
        "the vault {vault} does not list the adapter {adapter} of {venue}: list it or remove it from the configuration"
    )]
    NotListed { vault: Address, adapter: Address, venue: String },
    #[error("the vault {vault} lists the adapter {adapter}, which is not in the configuration: add it")]
    NotConfigured { vault: Address, adapter: Address },
    #[error("the vault's asset {asset} has {found} decimals, this build counts in {ASSET_DECIMALS} (USDC)")]
    OtherDecimals { asset: Address, found: u8 },
    #[error(
        "the vault holds {adapter} of {venue} directly, as an ERC-4626 venue; Aave is held through an adapter: check venues[].kind"
    )]
    HeldDirectly { adapter: Address, venue: String },
    #[error("the adapter {0} is configured twice")]
    Duplicate(Address),
}

impl From<BatchError> for DeploymentError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::NoMulticall(address) => Self::NoCode { address, expected: "Multicall3".into() },
            BatchError::Transport(_) | BatchError::Refused(_) | BatchError::OtherBlock { .. } => {
                Self::Unreachable(error.to_string())
            }
        }
    }
}

impl Deployment {
    /// Checks every address against the chain: its id at every endpoint that answers, code, the functions that this build relies
    /// on, and that the contracts point at each other.
    ///
    /// # Errors
    /// The first disagreement, naming the address and what was expected.
    pub async fn verify(&self, pool: &RpcPool) -> Result<(), DeploymentError> {
        for (index, venue) in self.venues.iter().enumerate() {
            if self.venues.iter().skip(index + 1).any(|other| other.adapter == venue.adapter) {
                return Err(DeploymentError::Duplicate(venue.adapter));
            }
        }
        let answers = pool.chain_ids().await;
        let failures: Vec<_> =
            answers.iter().filter_map(|(name, id)| Some((name.clone(), id.as_ref().err()?.clone()))).collect();
        if failures.len() == answers.len() {
            return Err(PoolError::AllDown { failures }.into());
        }
        for (endpoint, id) in answers {
            if let Some(found) = id.ok().filter(|found| *found != self.chain_id) {
                return Err(DeploymentError::WrongChain { endpoint, found, expected: self.chain_id });
            }
        }
        let head = pool.head().await?;
        let at = At { multicall: self.multicall, number: head.block.number, hash: head.block.hash };
        let mut last = DeploymentError::Unreachable("no endpoint serves the head".into());
        for (_, provider) in pool.serving(&head) {
            match self.verify_at(provider, at).await {
                Err(error @ DeploymentError::Unreachable(_)) => last = error,
                outcome => return outcome,
            }
        }
        Err(last)
    }

    async fn verify_at(&self, provider: &DynProvider, at: At) -> Result<(), DeploymentError> {
        self.verify_code(provider, at).await?;
        let mut batch = Batch::default();
        let core = self.ask_core(&mut batch);
        let venues: Vec<_> = self.venues.iter().map(|venue| self.ask_venue(&mut batch, venue)).collect();
        let answers = batch.run(provider, at).await?;
        let asset = self.check_core(&answers, &core)?;
        let mut details = Batch::default();
        let decimals = details.add(asset, IERC20::decimalsCall {});
        let mut probes = Vec::new();
        for (venue, asked) in self.venues.iter().zip(&venues) {
            let protocol = self.check_venue(&answers, venue, asked, asset)?;
            probes.push((venue, Probe::ask(&mut details, venue.kind, protocol, asset)));
        }
        let answers = details.run(provider, at).await?;
        let found = expect(&answers, decimals, "the vault's asset")?;
        if found != ASSET_DECIMALS {
            return Err(DeploymentError::OtherDecimals { asset, found });
        }
        probes.iter().try_for_each(|(venue, probe)| probe.check(&answers, &venue.name))
    }

    async fn verify_code(&self, provider: &DynProvider, at: At) -> Result<(), DeploymentError> {
        let adapters = self.venues.iter().map(|venue| (venue.adapter, format!("the adapter of {}", venue.name)));
        let contracts = [
            (self.multicall, "Multicall3".to_owned()),
            (self.vault, "the Vault".to_owned()),
            (self.hub, "the StrategyHub".to_owned()),
            (self.kill_switch, "the KillSwitchManager".to_owned()),
            (self.eth_usd.aggregator, "the ETH/USD feed".to_owned()),
        ];
        let asked = join_all(contracts.into_iter().chain(adapters).map(async |(address, expected)| {
            let code = provider.get_code_at(address).block_id(BlockId::hash(at.hash)).await;
            match code {
                Ok(code) if code.is_empty() => Err(DeploymentError::NoCode { address, expected }),
                Ok(_) => Ok(()),
                Err(error) => Err(DeploymentError::Unreachable(chain_text(&error))),
            }
        }));
        asked.await.into_iter().collect()
    }

    fn ask_core(&self, batch: &mut Batch) -> CoreQuestions {
        CoreQuestions {
            asset: batch.add(self.vault, Vault::assetCall {}),
            vault_hub: batch.add(self.vault, Vault::hubCall {}),
            adapters: batch.add(self.vault, Vault::adaptersCall {}),
            nav: batch.add(self.vault, Vault::navCall {}),
            hub_vault: batch.add(self.hub, StrategyHub::vaultCall {}),
            hub_switch: batch.add(self.hub, StrategyHub::killSwitchCall {}),
            limits: batch.add(self.hub, StrategyHub::limitsCall {}),
            recent: batch.add(self.hub, StrategyHub::recentRebalancesCall {}),
            switch_vault: batch.add(self.kill_switch, KillSwitchManager::vaultCall {}),
            status: batch.add(self.kill_switch, KillSwitchManager::operationalStatusCall {}),
            eth_usd: batch.add(self.eth_usd.aggregator, IAggregatorV3::descriptionCall {}),
        }
    }

    /// The asset, if vault, hub and switch are what they should be and point at each other.
    fn check_core(&self, answers: &Answers, asked: &CoreQuestions) -> Result<Address, DeploymentError> {
        // First what each contract is, then whom it points at: another contract at an address explains a wrong link.
        let asset = expect(answers, asked.asset, "the Vault")?;
        let vault_hub = expect(answers, asked.vault_hub, "the Vault")?;
        expect(answers, asked.nav, "the Vault")?;
        let hub_vault = expect(answers, asked.hub_vault, "the StrategyHub")?;
        let hub_switch = expect(answers, asked.hub_switch, "the StrategyHub")?;
        expect(answers, asked.limits, "the StrategyHub")?;
        expect(answers, asked.recent, "the StrategyHub")?;
        let switch_vault = expect(answers, asked.switch_vault, "the KillSwitchManager")?;
        expect(answers, asked.status, "the KillSwitchManager")?;
        self.check_pair(&expect(answers, asked.eth_usd, "the ETH/USD feed")?)?;
        link(vault_hub, self.hub, "the vault", "hub")?;
        link(hub_vault, self.vault, "the hub", "vault")?;
        link(hub_switch, self.kill_switch, "the hub", "kill switch")?;
        link(switch_vault, self.vault, "the kill switch", "vault")?;
        let listed = expect(answers, asked.adapters, "the Vault")?;
        for venue in &self.venues {
            if !listed.contains(&venue.adapter) {
                return Err(DeploymentError::NotListed {
                    vault: self.vault,
                    adapter: venue.adapter,
                    venue: venue.name.clone(),
                });
            }
        }
        match listed.iter().find(|adapter| !self.venues.iter().any(|venue| venue.adapter == **adapter)) {
            Some(adapter) => Err(DeploymentError::NotConfigured { vault: self.vault, adapter: *adapter }),
            None => Ok(asset),
        }
    }

    /// The price of something else would make gas look cheap or dear without anybody noticing.
    fn check_pair(&self, description: &str) -> Result<(), DeploymentError> {
        let pair: String = description.chars().filter(|c| !c.is_whitespace()).collect();
        if pair.eq_ignore_ascii_case("ETH/USD") {
            return Ok(());
        }
        Err(DeploymentError::Mismatch {
            address: self.eth_usd.aggregator,
            expected: "the ETH/USD feed".into(),
            call: "description()",
            why: format!("says {description:?}"),
        })
    }

    fn ask_venue(&self, batch: &mut Batch, venue: &VenueRef) -> VenueQuestions {
        VenueQuestions {
            kind: batch.add(self.vault, Vault::positionKindCall { adapter: venue.adapter }),
            vault: batch.add(venue.adapter, IAdapter::vaultCall {}),
            asset: batch.add(venue.adapter, IAdapter::assetCall {}),
            protocol: batch.add(venue.adapter, IAdapter::venueCall {}),
            a_token: (venue.kind == VenueKind::AaveV3).then(|| batch.add(venue.adapter, IAaveAdapter::aTokenCall {})),
        }
    }

    /// The protocol contract behind the position, if its adapter is one of this vault and of the kind it should be.
    fn check_venue(
        &self,
        answers: &Answers,
        venue: &VenueRef,
        asked: &VenueQuestions,
        asset: Address,
    ) -> Result<Address, DeploymentError> {
        let kind = expect(answers, asked.kind, "the Vault")?;
        if kind.direct {
            if venue.kind == VenueKind::AaveV3 {
                return Err(DeploymentError::HeldDirectly { adapter: venue.adapter, venue: venue.name.clone() });
            }
            let expected = format!("the ERC-4626 venue {}", venue.name);
            link(expect(answers, asked.asset, &expected)?, asset, &expected, "asset")?;
            return Ok(venue.adapter);
        }
        let expected = format!("the adapter of {}", venue.name);
        link(expect(answers, asked.vault, &expected)?, self.vault, &expected, "vault")?;
        link(expect(answers, asked.asset, &expected)?, asset, &expected, "asset")?;
        if let Some(a_token) = asked.a_token {
            expect(answers, a_token, &format!("an AaveV3Adapter ({})", venue.name))?;
        }
        expect(answers, asked.protocol, &expected)
    }
}

struct CoreQuestions {
    asset: Slot<Vault::assetCall>,
    vault_hub: Slot<Vault::hubCall>,
    adapters: Slot<Vault::adaptersCall>,
    nav: Slot<Vault::navCall>,
    hub_vault: Slot<StrategyHub::vaultCall>,
    hub_switch: Slot<StrategyHub::killSwitchCall>,
    limits: Slot<StrategyHub::limitsCall>,
    recent: Slot<StrategyHub::recentRebalancesCall>,
    switch_vault: Slot<KillSwitchManager::vaultCall>,
    status: Slot<KillSwitchManager::operationalStatusCall>,
    eth_usd: Slot<IAggregatorV3::descriptionCall>,
}

struct VenueQuestions {
    kind: Slot<Vault::positionKindCall>,
    vault: Slot<IAdapter::vaultCall>,
    asset: Slot<IAdapter::assetCall>,
    protocol: Slot<IAdapter::venueCall>,
    a_token: Option<Slot<IAaveAdapter::aTokenCall>>,
}

/// What only a protocol of the given kind can answer.
enum Probe {
    Aave {
        liquidity: Slot<IAavePool::getVirtualUnderlyingBalanceCall>,
        strategy: Slot<IAavePool::RESERVE_INTEREST_RATE_STRATEGYCall>,
    },
    MetaMorpho {
        morpho: Slot<IMetaMorpho::MORPHOCall>,
        queue: Slot<IMetaMorpho::supplyQueueLengthCall>,
    },
}

impl Probe {
    fn ask(batch: &mut Batch, kind: VenueKind, protocol: Address, asset: Address) -> Self {
        match kind {
            VenueKind::AaveV3 => Self::Aave {
                liquidity: batch.add(protocol, IAavePool::getVirtualUnderlyingBalanceCall { asset }),
                strategy: batch.add(protocol, IAavePool::RESERVE_INTEREST_RATE_STRATEGYCall {}),
            },
            VenueKind::MetaMorpho => Self::MetaMorpho {
                morpho: batch.add(protocol, IMetaMorpho::MORPHOCall {}),
                queue: batch.add(protocol, IMetaMorpho::supplyQueueLengthCall {}),
            },
        }
    }

    fn check(&self, answers: &Answers, venue: &str) -> Result<(), DeploymentError> {
        match self {
            Self::Aave { liquidity, strategy } => {
                let expected = format!("an Aave V3 pool of version 3.4 or later ({venue})");
                expect(answers, *liquidity, &expected)?;
                expect(answers, *strategy, &expected).map(drop)
            }
            Self::MetaMorpho { morpho, queue } => {
                let expected = format!("a MetaMorpho ({venue})");
                expect(answers, *morpho, &expected)?;
                expect(answers, *queue, &expected).map(drop)
            }
        }
    }
}

fn expect<C: SolCall>(answers: &Answers, slot: Slot<C>, expected: &str) -> Result<C::Return, DeploymentError> {
    answers.get(slot).map_err(|Unanswered { target, call, why }| DeploymentError::Mismatch {
        address: target,
        expected: expected.to_owned(),
        call,
        why,
    })
}

fn link(found: Address, expected: Address, of: &str, what: &'static str) -> Result<(), DeploymentError> {
    if found == expected {
        Ok(())
    } else {
        Err(DeploymentError::WrongLink { of: of.to_owned(), what, found, expected })
    }
}
