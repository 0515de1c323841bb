//! What the people around the vault and the network do.

use crate::{schedule::Event, support::Stage};
use alloy::{primitives::Bytes, providers::Provider};
use ballast_devnet::{
    accounts::Role,
    market::{IScriptedFeed, Market, MarketError, USD},
};
use serde_json::{Value, json};

const MILLION: u64 = 1_000_000_000_000;
const THOUSAND: u64 = 1_000_000_000;
/// Outside debt at the start, millions of USDC (script/protocols/Protocols.sol), without interest.
const AAVE_DEBT: u64 = 82;
const MORPHO_DEBT: u64 = 53;

pub(crate) struct World {
    eth: i64,
    aave: u64,
    morpho: u64,
    deposited: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { eth: 3_000 * USD, aave: AAVE_DEBT, morpho: MORPHO_DEBT, deposited: false }
    }

    /// What the market does at this event, in blocks of its own.
    pub(crate) async fn act(&mut self, stage: &Stage, event: &Event) -> Result<(), MarketError> {
        let market = stage.market();
        let feeds = stage.book.protocols.feeds;
        match *event {
            Event::Prices { eth, usdc } => {
                self.eth += self.eth * eth / 10_000;
                market.push_price(feeds.eth_usd, self.eth).await?;
                market.push_price(feeds.usdc_usd, USD + USD * usdc / 10_000).await?;
                market.push_price(feeds.usdt_usd, USD).await?;
            }
            Event::Debt { aave, millions } => self.owe(&market, aave, millions).await?,
            Event::Deposit { thousands } => {
                let (role, amount) = (Role::Depositor(1), thousands * THOUSAND);
                market.mint_usdc(role.address()?, amount).await?;
                market.deposit(role, amount).await?;
                self.deposited = true;
            }
            Event::Redeem if self.deposited => {
                market.redeem_what_is_liquid(Role::Depositor(1)).await?;
                self.deposited = false;
            }
            _ => {}
        }
        Ok(())
    }

    async fn owe(&mut self, market: &Market<'_>, aave: bool, millions: u64) -> Result<(), MarketError> {
        let owed = if aave { &mut self.aave } else { &mut self.morpho };
        let (more, less) = (millions.saturating_sub(*owed) * MILLION, owed.saturating_sub(millions) * MILLION);
        match (aave, more, less) {
            (_, 0, 0) => {}
            (true, 0, less) => market.repay_aave(less).await?,
            (true, more, _) => market.borrow_aave(more).await?,
            (false, 0, less) => market.repay_morpho(less).await?,
            (false, more, _) => market.borrow_morpho(more).await?,
        }
        *owed = millions;
        Ok(())
    }
}

/// The asset's feed reverts, or answers again.
pub(crate) async fn silence_feed(stage: &Stage, reverting: bool) -> Result<(), MarketError> {
    let feed = stage.book.protocols.feeds.usdc_usd;
    let call = IScriptedFeed::setRevertingCall { reverting };
    stage.market().send(Role::Deployer, feed, call).await.map(drop)
}

/// The base fee of the next block, gwei.
pub(crate) async fn set_base_fee(stage: &Stage, gwei: u64) {
    let fee = json!([format!("{:#x}", gwei * 1_000_000_000)]);
    let _: Value = stage.rpc().raw_request("anvil_setNextBlockBaseFeePerGas".into(), fee).await.unwrap();
}

/// Replaces the newest `depth` blocks by as many others: empty ones, or with the same transactions in the last of them.
pub(crate) async fn reorganise(stage: &Stage, depth: u64, again: bool) {
    let rpc = stage.rpc();
    let mut transactions = Vec::new();
    if again {
        let head = rpc.get_block_number().await.unwrap();
        for number in head + 1 - depth..=head {
            let block = rpc.get_block_by_number(number.into()).await.unwrap().unwrap();
            for hash in block.transactions.hashes() {
                let raw: Bytes = rpc.raw_request("eth_getRawTransactionByHash".into(), [hash]).await.unwrap();
                transactions.push(json!([raw, depth - 1]));
            }
        }
    }
    let _: Value = rpc.raw_request("anvil_reorg".into(), json!([depth, transactions])).await.unwrap();
}
