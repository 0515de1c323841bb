//! Share price of an ERC-4626 vault.

use super::{blocks, rpc};
use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Kind, Span, units};
use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    providers::DynProvider,
    sol,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;

sol! {
    /// EIP-4626.
    #[sol(rpc)]
    interface IERC4626 {
        function asset() external view returns (address);
        function decimals() external view returns (uint8);
        function convertToAssets(uint256 shares) external view returns (uint256);
    }
}

/// Calls that one span may need.
const MOST_CALLS: u64 = 20_000;

/// `convertToAssets` of one whole share, in whole assets: exact to the asset's decimals, before fees (EIP-4626). History is sampled each
/// `step` seconds by `eth_call` at the last block up to then, which takes an archive node.
#[derive(Debug)]
pub struct Erc4626Shares {
    provider: DynProvider,
    endpoint: String,
    vault: Address,
    step: u64,
    price: SeriesId,
    bounds: Bounds,
}

/// What one whole share and one whole asset are.
struct Decimals {
    share: U256,
    asset: i32,
}

impl Erc4626Shares {
    /// Gives `subject#share_price`. `endpoint` names the provider in provenance; `step` is at least 1.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        provider: DynProvider,
        endpoint: impl Into<String>,
        vault: Address,
        step: u64,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let price = SeriesId::new(subject, Metric::SharePrice)?;
        Ok(Self { provider, endpoint: endpoint.into(), vault, step: step.max(1), price, bounds })
    }

    async fn decimals(&self) -> Result<Decimals, FeedError> {
        let vault = IERC4626::new(self.vault, &self.provider);
        let share = vault.decimals().call().await.map_err(rpc("decimals of the vault"))?;
        let asset = vault.asset().call().await.map_err(rpc("asset"))?;
        let asset =
            IERC4626::new(asset, &self.provider).decimals().call().await.map_err(rpc("decimals of the asset"))?;
        let one = U256::from(10).checked_pow(U256::from(share)).ok_or_else(|| FeedError::Rpc {
            asked: "decimals of the vault".to_owned(),
            why: format!("{share} was answered, expected at most 77"),
        })?;
        Ok(Decimals { share: one, asset: i32::from(asset) })
    }

    async fn price_at(&self, decimals: &Decimals, number: u64) -> Result<Result<f64, units::UnitError>, FeedError> {
        let vault = IERC4626::new(self.vault, &self.provider);
        let asked = format!("convertToAssets at block {number}");
        let call = vault.convertToAssets(decimals.share).block(BlockId::number(number));
        let assets = call.call().await.map_err(rpc(&asked))?;
        Ok(units::scaled(&assets.to_string(), -decimals.asset))
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let price = self.price_at(&self.decimals().await?, head.number).await?;
        let mut gathering = Gathering::of_now(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        gathering.try_put(0, &self.price, head.time, head.time, price);
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let calls = (span.to() - span.from()).div_ceil(self.step);
        if calls > MOST_CALLS {
            let why = format!("{calls} calls would be needed, at most {MOST_CALLS} are made; take a longer step");
            return Err(FeedError::BadRequest { what: format!("the history of {}", self.price), why });
        }
        let head = blocks::newest(&self.provider).await?;
        let decimals = self.decimals().await?;
        let mut gathering = Gathering::of_history(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        let (mut at, mut before, mut row) = (span.from(), None, 0);
        while at < span.to() && at <= head.time {
            let provider = &self.provider;
            let block = blocks::last_block_at(at, head, |number| blocks::time_of(provider, number)).await?;
            // A chain that slept has the same last block at two of the times.
            if let Some(block) = block.filter(|block| span.contains(block.time) && before != Some(block.number)) {
                before = Some(block.number);
                gathering.try_put(
                    row,
                    &self.price,
                    block.time,
                    block.time,
                    self.price_at(&decimals, block.number).await?,
                );
                row += 1;
            }
            at += self.step;
        }
        Ok(gathering.finish())
    }
}

impl Feed for Erc4626Shares {
    fn source(&self) -> &str {
        "erc4626-chain"
    }

    fn kind(&self) -> Kind {
        Kind::OnChain
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.price.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.newest(now))
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.history(span, now))
    }
}
