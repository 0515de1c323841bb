//! What people do with one reserve of an Aave V3 pool, from its logs: deposits and withdrawals, loans and repayments, liquidations.

use super::{blocks, logs};
use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Kind, Refused, Span, sources::newest_only, units};
use alloy::{
    primitives::{Address, B256, U256},
    providers::DynProvider,
    rpc::types::{Filter, Log},
    sol,
    sol_types::SolEvent,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use std::collections::BTreeMap;

sol! {
    /// Of Aave's `IPool`, V3.0 to V3.6. Amounts in the reserve's smallest unit.
    #[derive(Debug)]
    event Supply(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, uint16 indexed referralCode);
    #[derive(Debug)]
    event Withdraw(address indexed reserve, address indexed user, address indexed to, uint256 amount);
    #[derive(Debug)]
    event Borrow(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, uint8 interestRateMode, uint256 borrowRate, uint16 indexed referralCode);
    #[derive(Debug)]
    event Repay(address indexed reserve, address indexed user, address indexed repayer, uint256 amount, bool useATokens);
    #[derive(Debug)]
    event LiquidationCall(
        address indexed collateralAsset,
        address indexed debtAsset,
        address indexed user,
        uint256 debtToCover,
        uint256 liquidatedCollateralAmount,
        address liquidator,
        bool receiveAToken
    );
}

/// Seconds that are looked back for the newest.
const LOOK_BACK: u64 = 3_600;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Supplied,
    Withdrawn,
    Borrowed,
    Repaid,
    /// Repaid by burning the payer's deposit: no money came in.
    RepaidFromDeposit,
    /// A liquidator repaid debt of this reserve.
    Liquidated,
    /// A liquidator was given collateral of this reserve, for debt of another or of this one.
    Seized,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AaveEvent {
    pub block: u64,
    /// Of the block's logs.
    pub index: u64,
    pub transaction: B256,
    pub act: Act,
    /// Whose position it changed.
    pub user: Address,
    /// In the reserve's smallest unit.
    pub amount: U256,
}

/// Events of a stretch of blocks, in their order, and the logs that were none.
#[derive(Clone, Debug, PartialEq)]
pub struct AaveEvents {
    pub events: Vec<AaveEvent>,
    pub refused: Vec<Refused>,
}

/// Sums by block, of a reserve whose unit is a dollar at face value. A block without an event has no value.
#[derive(Debug)]
pub struct AaveFlows {
    provider: DynProvider,
    endpoint: String,
    pool: Address,
    asset: Address,
    decimals: u8,
    supplied: SeriesId,
    withdrawn: SeriesId,
    borrowed: SeriesId,
    repaid: SeriesId,
    liquidated: SeriesId,
    bounds: Bounds,
}

impl AaveFlows {
    /// Gives `subject/deposits#inflow_usd` (supplied), `subject/deposits#outflow_usd` (withdrawn), `subject/loans#outflow_usd` (borrowed),
    /// `subject/loans#inflow_usd` (repaid with money) and `subject#liquidated_usd`. `endpoint` names the provider in provenance; `decimals` are the
    /// asset's.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        provider: DynProvider,
        endpoint: impl Into<String>,
        pool: Address,
        (asset, decimals): (Address, u8),
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let of = |part: &str, metric| SeriesId::new(format!("{subject}{part}"), metric);
        Ok(Self {
            provider,
            endpoint: endpoint.into(),
            pool,
            asset,
            decimals,
            supplied: of("/deposits", Metric::InflowUsd)?,
            withdrawn: of("/deposits", Metric::OutflowUsd)?,
            borrowed: of("/loans", Metric::OutflowUsd)?,
            repaid: of("/loans", Metric::InflowUsd)?,
            liquidated: of("", Metric::LiquidatedUsd)?,
            bounds,
        })
    }

    const fn series_of(&self, act: Act) -> Option<&SeriesId> {
        match act {
            Act::Supplied => Some(&self.supplied),
            Act::Withdrawn => Some(&self.withdrawn),
            Act::Borrowed => Some(&self.borrowed),
            Act::Repaid => Some(&self.repaid),
            Act::Liquidated => Some(&self.liquidated),
            Act::RepaidFromDeposit | Act::Seized => None,
        }
    }

    /// Every event of the reserve from block `first` to block `last`.
    ///
    /// # Errors
    /// [`FeedError::Rpc`] if the endpoint does not give the logs.
    pub async fn events(&self, first: u64, last: u64) -> Result<AaveEvents, FeedError> {
        // Where the reserve is the first indexed field: all of them, and collateral that was seized.
        let own = Filter::new()
            .address(self.pool)
            .event_signature(vec![
                Supply::SIGNATURE_HASH,
                Withdraw::SIGNATURE_HASH,
                Borrow::SIGNATURE_HASH,
                Repay::SIGNATURE_HASH,
                LiquidationCall::SIGNATURE_HASH,
            ])
            .topic1(self.asset.into_word());
        // Debt is the second.
        let debts = Filter::new()
            .address(self.pool)
            .event_signature(LiquidationCall::SIGNATURE_HASH)
            .topic2(self.asset.into_word());
        let mut found = logs::backfill(&self.provider, &own, first, last).await?;
        found.extend(logs::backfill(&self.provider, &debts, first, last).await?);
        found.sort_by_key(|log| (log.block_number, log.log_index));
        // A liquidation of the reserve against itself is in both.
        found.dedup_by_key(|log| (log.block_number, log.log_index));
        let (mut events, mut refused) = (Vec::new(), Vec::new());
        for (row, log) in found.iter().enumerate() {
            match self.read(log) {
                Ok(read) => events.extend(read),
                Err(why) => refused.push(Refused { row, why }),
            }
        }
        Ok(AaveEvents { events, refused })
    }

    fn read(&self, log: &Log) -> Result<Vec<AaveEvent>, String> {
        let (Some(block), Some(index), Some(transaction)) = (log.block_number, log.log_index, log.transaction_hash)
        else {
            return Err("a log without its place, expected a mined one".to_owned());
        };
        let event = |act, user, amount| AaveEvent { block, index, transaction, act, user, amount };
        let wrong = |error: alloy::sol_types::Error| format!("a log of another shape: {error}");
        Ok(match log.topic0().copied().unwrap_or_default() {
            Supply::SIGNATURE_HASH => {
                let data = Supply::decode_log(&log.inner).map_err(wrong)?.data;
                vec![event(Act::Supplied, data.onBehalfOf, data.amount)]
            }
            Withdraw::SIGNATURE_HASH => {
                let data = Withdraw::decode_log(&log.inner).map_err(wrong)?.data;
                vec![event(Act::Withdrawn, data.user, data.amount)]
            }
            Borrow::SIGNATURE_HASH => {
                let data = Borrow::decode_log(&log.inner).map_err(wrong)?.data;
                vec![event(Act::Borrowed, data.onBehalfOf, data.amount)]
            }
            Repay::SIGNATURE_HASH => {
                let data = Repay::decode_log(&log.inner).map_err(wrong)?.data;
                let act = if data.useATokens { Act::RepaidFromDeposit } else { Act::Repaid };
                vec![event(act, data.user, data.amount)]
            }
            LiquidationCall::SIGNATURE_HASH => {
                let data = LiquidationCall::decode_log(&log.inner).map_err(wrong)?.data;
                let debt = (data.debtAsset == self.asset).then(|| event(Act::Liquidated, data.user, data.debtToCover));
                let seized = (data.collateralAsset == self.asset)
                    .then(|| event(Act::Seized, data.user, data.liquidatedCollateralAmount));
                debt.into_iter().chain(seized).collect()
            }
            other => return Err(format!("topic {other} was not asked for")),
        })
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        gathering.head(head.into());
        let Some((first, last)) = blocks::blocks_of(&self.provider, span, head).await? else {
            return Ok(gathering.finish());
        };
        let AaveEvents { events, refused } = self.events(first, last).await?;
        for Refused { row, why } in refused {
            gathering.refuse(row, why);
        }
        let mut sums: BTreeMap<(u64, Act), (usize, U256)> = BTreeMap::new();
        for (row, event) in events.iter().enumerate() {
            let sum = sums.entry((event.block, event.act)).or_insert((row, U256::ZERO));
            sum.1 = sum.1.saturating_add(event.amount);
        }
        let mut times = BTreeMap::new();
        for ((block, act), (row, sum)) in sums {
            let Some(series) = self.series_of(act) else { continue };
            let time = match times.get(&block) {
                Some(time) => *time,
                None => {
                    let time = blocks::time_of(&self.provider, block).await?;
                    times.insert(block, time);
                    time
                }
            };
            gathering.try_put(row, series, time, time, units::scaled(&sum.to_string(), -i32::from(self.decimals)));
        }
        Ok(gathering.finish())
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let span = Span::new(head.time.saturating_sub(LOOK_BACK), head.time + 1)?;
        let gathering = Gathering::of_now(self.source(), &self.endpoint, now, &self.bounds);
        self.gather(gathering, span).await.map(newest_only)
    }
}

impl Feed for AaveFlows {
    fn source(&self) -> &str {
        "aave-chain"
    }

    fn kind(&self) -> Kind {
        Kind::OnChain
    }

    fn series(&self) -> Vec<SeriesId> {
        let all = [&self.supplied, &self.withdrawn, &self.borrowed, &self.repaid, &self.liquidated];
        let mut series: Vec<_> = all.map(Clone::clone).to_vec();
        series.sort();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.newest(now))
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), &self.endpoint, now, &self.bounds);
        Box::pin(self.gather(gathering, span))
    }
}
