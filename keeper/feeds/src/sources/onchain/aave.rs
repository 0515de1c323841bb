//! One reserve of an Aave V3 pool, from its contracts.

use super::{blocks, logs, rpc};
use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Kind, Span, units};
use alloy::{eips::BlockId, primitives::Address, providers::DynProvider, rpc::types::Filter, sol, sol_types::SolEvent};
use ballast_chain::bindings::{IAavePool, IERC20};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use std::collections::BTreeMap;

sol! {
    /// Of Aave's `IPool`, since V3.0. Rates and indexes in ray; rates are annual already (ERR-23).
    #[derive(Debug)]
    event ReserveDataUpdated(
        address indexed reserve,
        uint256 liquidityRate,
        uint256 stableBorrowRate,
        uint256 variableBorrowRate,
        uint256 liquidityIndex,
        uint256 variableBorrowIndex
    );
}

/// Rates from `ReserveDataUpdated`, which the pool emits whenever they change: the last one of a block is what holds after it, the same as
/// `getReserveData` says there. The newest values come from `getReserveData`, with utilisation from the supplies of the aToken and of the
/// variable debt.
#[derive(Debug)]
pub struct AaveOnChain {
    provider: DynProvider,
    endpoint: String,
    pool: Address,
    asset: Address,
    supply: SeriesId,
    borrow: SeriesId,
    utilisation: SeriesId,
    bounds: Bounds,
}

impl AaveOnChain {
    /// Gives `subject#supply_apr`, `subject#borrow_apr` and `subject#utilisation`. `endpoint` names the provider in provenance.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        provider: DynProvider,
        endpoint: impl Into<String>,
        pool: Address,
        asset: Address,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let of = |metric| SeriesId::new(subject, metric);
        let (supply, borrow, utilisation) = (of(Metric::SupplyApr)?, of(Metric::BorrowApr)?, of(Metric::Utilisation)?);
        Ok(Self { provider, endpoint: endpoint.into(), pool, asset, supply, borrow, utilisation, bounds })
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let at = BlockId::number(head.number);
        let pool = IAavePool::new(self.pool, &self.provider);
        let asked = "getReserveData";
        let data = pool.getReserveData(self.asset).block(at).call().await.map_err(rpc(asked))?;
        let total = async |token: Address| {
            let token = IERC20::new(token, &self.provider);
            token.totalSupply().block(at).call().await.map_err(rpc("totalSupply"))
        };
        let supplied = total(data.aTokenAddress).await?;
        let borrowed = total(data.variableDebtTokenAddress).await?;
        let mut gathering = Gathering::of_now(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        let time = head.time;
        gathering.try_put(0, &self.supply, time, time, units::ray(&data.currentLiquidityRate.to_string()));
        gathering.try_put(0, &self.borrow, time, time, units::ray(&data.currentVariableBorrowRate.to_string()));
        let amount = |amount: alloy::primitives::U256| units::scaled(&amount.to_string(), 0);
        let utilisation =
            amount(supplied).and_then(|supplied| Ok(if supplied > 0.0 { amount(borrowed)? / supplied } else { 0.0 }));
        gathering.try_put(0, &self.utilisation, time, time, utilisation);
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let mut gathering = Gathering::of_history(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        let Some((first, last)) = blocks::blocks_of(&self.provider, span, head).await? else {
            return Ok(gathering.finish());
        };
        let filter = Filter::new()
            .address(self.pool)
            .event_signature(ReserveDataUpdated::SIGNATURE_HASH)
            .topic1(self.asset.into_word());
        let mut pages = logs::Pages::new(&self.provider, &filter, first, last);
        // A page has whole blocks, so that the last event of each is in it.
        while let Some(page) = pages.next().await? {
            let mut last_of: BTreeMap<u64, (usize, ReserveDataUpdated)> = BTreeMap::new();
            for (index, log) in page {
                match (log.block_number, ReserveDataUpdated::decode_log(&log.inner)) {
                    (Some(number), Ok(event)) => {
                        last_of.insert(number, (index, event.data));
                    }
                    (_, Err(error)) => gathering.refuse(index, format!("no ReserveDataUpdated: {error}")),
                    (None, Ok(_)) => gathering.refuse(index, "a log without a block number, expected a mined one"),
                }
            }
            for (number, (index, event)) in last_of {
                let time = blocks::time_of(&self.provider, number).await?;
                gathering.try_put(index, &self.supply, time, time, units::ray(&event.liquidityRate.to_string()));
                gathering.try_put(index, &self.borrow, time, time, units::ray(&event.variableBorrowRate.to_string()));
            }
        }
        Ok(gathering.finish())
    }
}

impl Feed for AaveOnChain {
    fn source(&self) -> &str {
        "aave-chain"
    }

    fn kind(&self) -> Kind {
        Kind::OnChain
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series = vec![self.supply.clone(), self.borrow.clone(), self.utilisation.clone()];
        series.sort();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.newest(now))
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.history(span, now))
    }
}
