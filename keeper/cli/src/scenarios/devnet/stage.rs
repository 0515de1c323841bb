//! A local chain with money in the vault's venues, to which every scenario goes back.

use super::timeline::{Change, Place};
use crate::local::{MAX_POSITION, amount, blocks::block_per_bundle, keeper_process::KeeperProcess};
use alloy::{
    primitives::{Address, I256, U256, aliases::U80},
    providers::Provider,
    sol,
};
use ballast_chain::bindings::{IAavePool, IMorpho, KillSwitchManager, StrategyHub};
use ballast_devnet::{
    Devnet, DevnetConfig, SLOT_SECONDS,
    accounts::Role,
    address_book::{Aave, AddressBook},
    deploy::Terms,
    keeper_config::keeper_config,
    market::{IScriptedFeed, Market},
    prepared,
};
use ballast_service::Config;
use eyre::{WrapErr, bail, ensure};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// What the depositor brings, base units of USDC.
const DEPOSIT: u64 = 50_000_000_000;
/// So old that the deployment's checkpoint is the one that sizes are held against.
const AGED: u64 = 25 * 3_600;
/// Code that reverts without a reason.
const REVERTS: &str = "0x60006000fd";
const VARIABLE_RATE: u64 = 2;
/// Enough for whatever one of these people does.
const GAS: u64 = 3_000_000;
/// A round that no earlier one has the id of.
const ODD_ROUND: u128 = (1 << 64) + 1_000_000;

sol! {
    interface IAaveExit {
        function withdraw(address asset, uint256 amount, address to) external returns (uint256);
    }
    interface IMetaMorphoExit {
        function withdraw(uint256 assets, address receiver, address owner) external returns (uint256);
    }
}

/// The chain, the vault's money in its venues.
pub(super) struct Stage {
    pub(super) devnet: Devnet,
    pub(super) book: AddressBook,
}

impl Stage {
    /// Deposits, has the keeper put the money to work, and lets a day pass. Files go to `directory`.
    pub(super) async fn start(root: &Path, directory: &Path) -> eyre::Result<Self> {
        let (devnet, book) = prepared::start(DevnetConfig::new(root), &Terms::default(), directory).await?;
        let config = directory.join("keeper.toml");
        fs::write(&config, keeper_config(&book, MAX_POSITION))
            .wrap_err_with(|| format!("cannot write {}", config.display()))?;
        let market = Market::new(&devnet, &book)?;
        market.refresh_feeds().await?;
        let depositor = Role::Depositor(0);
        market.mint_usdc(depositor.address()?, DEPOSIT).await?;
        market.deposit(depositor, DEPOSIT).await?;
        let store = Config::load(&config)?.store.location()?;
        let keeper = KeeperProcess { config };
        let cycle = tokio::select! {
            biased;
            cycle = keeper.call(&["run", "--once"]) => cycle?,
            failed = block_per_bundle(&devnet, market.rpc(), &store) => match failed? {},
        };
        ensure!(cycle["outcome"]["state"] == "final", "the keeper invested nothing: {:#}", cycle["outcome"]);
        market.pass_time(AGED).await?;
        // Two observations in two blocks, as the keeper's heartbeats make them.
        market.observe_venues().await?;
        market.observe_venues().await?;
        devnet.builder().build_block().await?;
        Ok(Self { devnet, book })
    }

    pub(super) fn people(&self) -> eyre::Result<People<'_>> {
        Ok(People { market: Market::new(&self.devnet, &self.book)?, devnet: &self.devnet, book: &self.book })
    }
}

/// Everyone on the chain but the vault's own keeper.
pub(super) struct People<'a> {
    pub(super) market: Market<'a>,
    pub(super) devnet: &'a Devnet,
    pub(super) book: &'a AddressBook,
}

impl People<'_> {
    /// The state of now, to go back to.
    pub(super) async fn snapshot(&self) -> eyre::Result<Value> {
        Ok(self.market.rpc().raw_request("evm_snapshot".into(), json!([])).await?)
    }

    /// Goes back, which uses the snapshot up.
    pub(super) async fn restore(&self, snapshot: Value) -> eyre::Result<()> {
        let undone: bool = self.market.rpc().raw_request("evm_revert".into(), json!([snapshot])).await?;
        ensure!(undone, "the chain did not go back to the state that every scenario begins with");
        Ok(())
    }

    /// The next block has this time, if that is not before its slot.
    pub(super) async fn aim(&self, head: u64, time: u64) -> eyre::Result<()> {
        if time > head && time != head + SLOT_SECONDS {
            self.devnet.builder().set_next_timestamp(time).await?;
        }
        Ok(())
    }

    /// Makes it happen, in the next block or, where it takes several transactions, in the next blocks.
    pub(super) async fn make(&self, change: Change) -> eyre::Result<()> {
        let feed = self.book.protocols.feeds.usdc_usd;
        match change {
            Change::Round(answer) => {
                let call = IScriptedFeed::pushCall { answer: I256::try_from(answer)? };
                self.market.send_with_gas(Role::Deployer, feed, call, GAS).await?;
            }
            Change::CarriedOver => self.odd_round(0, ODD_ROUND - 1).await?,
            Change::FromTheFuture => self.odd_round(3_600, ODD_ROUND).await?,
            Change::FeedReverts(reverting) => {
                let call = IScriptedFeed::setRevertingCall { reverting };
                self.market.send_with_gas(Role::Deployer, feed, call, GAS).await?;
            }
            Change::LendOut { place, left } => self.lend_out(place, left).await?,
            Change::Repay { place: Place::Aave, amount } => self.market.repay_aave(amount).await?,
            Change::Repay { place: Place::Morpho, amount } => self.market.repay_morpho(amount).await?,
            Change::Repay { place, .. } => {
                bail!("borrowers repay to the first Aave and the first Morpho, not to {place:?}")
            }
            Change::Leave { place, bps } => self.leave(place, bps).await?,
            Change::Pause { place, paused } => {
                self.market.pause_aave(self.aave(place)?, paused).await?;
            }
            Change::Break(place) => self.break_code(self.venue(place)?).await?,
            Change::BreakToken(place) => self.break_code(self.aave(place)?.a_usdc).await?,
            Change::Wait => {
                self.devnet.builder().build_block().await?;
            }
        }
        Ok(())
    }

    async fn break_code(&self, contract: Address) -> eyre::Result<()> {
        self.market.rpc().raw_request::<_, ()>("anvil_setCode".into(), json!([contract, REVERTS])).await?;
        self.devnet.builder().build_block().await?;
        Ok(())
    }

    async fn odd_round(&self, ahead: u64, answered_in: u128) -> eyre::Result<()> {
        let feed = self.book.protocols.feeds.usdc_usd;
        let now = self.market.rpc().get_block(alloy::eips::BlockId::latest()).await?;
        let now = now.ok_or_else(|| eyre::eyre!("the chain has no head"))?.header.timestamp;
        let call = IScriptedFeed::pushRoundCall {
            roundId: U80::from(ODD_ROUND),
            answer: self.market.read(feed, IScriptedFeed::latestAnswerCall {}).await?,
            startedAt: U256::from(now),
            updatedAt: U256::from(now + ahead),
            answeredInRound: U80::from(answered_in),
        };
        self.market.send_with_gas(Role::Deployer, feed, call, GAS).await?;
        Ok(())
    }

    async fn lend_out(&self, place: Place, left: u64) -> eyre::Result<()> {
        let (usdc, borrower) = (self.book.protocols.usdc, Role::Borrower.address()?);
        if let Ok(aave) = self.aave(place) {
            let available = IAavePool::getVirtualUnderlyingBalanceCall { asset: usdc };
            let available = self.market.read(aave.pool, available).await?;
            let borrow = IAavePool::borrowCall {
                asset: usdc,
                amount: U256::from(available.saturating_sub(u128::from(left))),
                interestRateMode: U256::from(VARIABLE_RATE),
                referralCode: 0,
                onBehalfOf: borrower,
            };
            self.market.send_with_gas(Role::Borrower, aave.pool, borrow, GAS).await?;
            return Ok(());
        }
        let morpho = match place {
            Place::Morpho => &self.book.protocols.morpho,
            _ => &self.book.protocols.morpho_prime,
        };
        let market = self.market.read(morpho.blue, IMorpho::marketCall { id: morpho.market_id }).await?;
        let available = market.totalSupplyAssets.saturating_sub(market.totalBorrowAssets);
        let params = self.market.read(morpho.blue, IMorpho::idToMarketParamsCall { id: morpho.market_id }).await?;
        let borrow = IMorpho::borrowCall {
            marketParams: params,
            assets: U256::from(available.saturating_sub(u128::from(left))),
            shares: U256::ZERO,
            onBehalf: borrower,
            receiver: borrower,
        };
        self.market.send_with_gas(Role::Borrower, morpho.blue, borrow, GAS).await?;
        Ok(())
    }

    /// The outside supplier withdraws until the venue, without the vault's own part, is `bps` smaller than the checkpoint.
    async fn leave(&self, place: Place, bps: u64) -> eyre::Result<()> {
        let adapter = self.adapter(place)?;
        let tvl = KillSwitchManager::evaluateCall { trigger: ballast_chain::Trigger::Tvl as u8, adapter };
        let found = self.market.read(self.book.contracts.kill_switch, tvl).await?;
        let (size, checkpoint) = (amount(found.measured)?, amount(found.bound)?);
        ensure!(checkpoint > 0, "{place:?} has no checkpoint to be held against");
        let wanted = checkpoint / 10_000 * u128::from(10_000 - bps);
        ensure!(size > wanted, "{place:?} is smaller than that already");
        let (assets, supplier) = (U256::from(size - wanted), Role::Supplier);
        let to = supplier.address()?;
        let venue = self.venue(place)?;
        if self.aave(place).is_ok() {
            let call = IAaveExit::withdrawCall { asset: self.book.protocols.usdc, amount: assets, to };
            self.market.send_with_gas(supplier, venue, call, GAS).await?;
        } else {
            let call = IMetaMorphoExit::withdrawCall { assets, receiver: to, owner: to };
            self.market.send_with_gas(supplier, venue, call, GAS).await?;
        }
        Ok(())
    }

    /// Takes everything that can be had home, as anyone may in Exit mode.
    pub(super) async fn exit(&self) -> eyre::Result<()> {
        /// Enough for any exit of the devnet's four venues.
        const EXIT_GAS: u64 = 15_000_000;
        let hub = self.book.contracts.hub;
        self.market.send_with_gas(Role::Borrower, hub, StrategyHub::emergencyExitCall {}, EXIT_GAS).await?;
        Ok(())
    }

    pub(super) fn adapter(&self, place: Place) -> eyre::Result<Address> {
        let listed = self.book.venues.get(place.index());
        Ok(listed.ok_or_else(|| eyre::eyre!("the vault lists no {place:?}"))?.adapter)
    }

    fn venue(&self, place: Place) -> eyre::Result<Address> {
        let listed = self.book.venues.get(place.index());
        Ok(listed.ok_or_else(|| eyre::eyre!("the vault lists no {place:?}"))?.venue)
    }

    fn aave(&self, place: Place) -> eyre::Result<&Aave> {
        match place {
            Place::Aave => Ok(&self.book.protocols.aave),
            Place::AavePrime => Ok(&self.book.protocols.aave_prime),
            Place::Morpho | Place::MorphoPrime => bail!("{place:?} is no Aave"),
        }
    }
}
