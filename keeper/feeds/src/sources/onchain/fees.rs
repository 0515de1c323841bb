//! Base fees, from `eth_feeHistory`.

use super::{blocks, rpc};
use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Kind, Span, units};
use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
    rpc::types::FeeHistory,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;

/// Blocks of one request; geth and its kin tell no more.
const MOST_BLOCKS: u64 = 1_024;
/// The tip that half of a block's gas paid at most.
const MEDIAN: f64 = 50.0;

/// Means over stretches of blocks: `subject#base_fee_gwei`, and `subject#gas_price_gwei`, the base fee and the median tip of each block
/// weighted by the gas that the block used, as a mean over transactions would. A mean has the time of its last block and was known with it.
#[derive(Debug)]
pub struct BaseFees {
    provider: DynProvider,
    endpoint: String,
    blocks: u64,
    base_fee: SeriesId,
    gas_price: SeriesId,
    bounds: Bounds,
}

/// Gwei.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Means {
    base_fee: f64,
    gas_price: f64,
}

impl BaseFees {
    /// A mean each `blocks` blocks, 1 to 1 024; 300 are an hour. `endpoint` names the provider in provenance.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        provider: DynProvider,
        endpoint: impl Into<String>,
        blocks: u64,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let base_fee = SeriesId::new(subject, Metric::BaseFeeGwei)?;
        let gas_price = SeriesId::new(subject, Metric::GasPriceGwei)?;
        Ok(Self {
            provider,
            endpoint: endpoint.into(),
            blocks: blocks.clamp(1, MOST_BLOCKS),
            base_fee,
            gas_price,
            bounds,
        })
    }

    /// Over the blocks up to `last`, `blocks` of them.
    async fn means(&self, blocks: u64, last: u64) -> Result<Result<Means, String>, FeedError> {
        let asked = format!("for the fees of {blocks} blocks up to {last}");
        let history = self.provider.get_fee_history(blocks, BlockNumberOrTag::Number(last), &[MEDIAN]).await;
        Ok(means(&history.map_err(rpc(&asked))?))
    }

    fn put(&self, gathering: &mut Gathering<'_>, row: usize, time: u64, means: Result<Means, String>) {
        match means {
            Ok(means) => {
                gathering.put(row, &self.base_fee, time, time, means.base_fee);
                gathering.put(row, &self.gas_price, time, time, means.gas_price);
            }
            Err(why) => gathering.refuse(row, why),
        }
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let mut gathering = Gathering::of_now(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        let means = self.means(self.blocks.min(head.number + 1), head.number).await?;
        self.put(&mut gathering, 0, head.time, means);
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let mut gathering = Gathering::of_history(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        let Some((first, last)) = blocks::blocks_of(&self.provider, span, head).await? else {
            return Ok(gathering.finish());
        };
        let (mut from, mut row) = (first, 0);
        while from <= last {
            let to = last.min(from + self.blocks - 1);
            let time = blocks::time_of(&self.provider, to).await?;
            let means = self.means(to - from + 1, to).await?;
            self.put(&mut gathering, row, time, means);
            (from, row) = (to + 1, row + 1);
        }
        Ok(gathering.finish())
    }
}

/// The answer has one base fee more than blocks: the next block's, which is not history.
fn means(history: &FeeHistory) -> Result<Means, String> {
    let used = &history.gas_used_ratio;
    let rewards = history.reward.as_deref().unwrap_or_default();
    if used.is_empty() || history.base_fee_per_gas.len() != used.len() + 1 || rewards.len() != used.len() {
        return Err(format!(
            "{} blocks, {} base fees and {} rewards, expected one base fee more than blocks and as many rewards",
            used.len(),
            history.base_fee_per_gas.len(),
            rewards.len()
        ));
    }
    let (mut base_fees, mut prices, mut gas) = (0.0, 0.0, 0.0);
    for ((base_fee, used), reward) in history.base_fee_per_gas.iter().zip(used).zip(rewards) {
        let tip = reward.first().ok_or("a block without a reward, expected its median tip")?;
        if !(0.0..=1.0).contains(used) {
            return Err(format!("a block used {used} of its gas, expected 0 to 1"));
        }
        let base_fee = *base_fee as f64;
        base_fees += base_fee;
        prices += (base_fee + *tip as f64) * used;
        gas += used;
    }
    let base_fee = base_fees / used.len() as f64;
    // Empty blocks have no price of their own.
    let price = if gas > 0.0 { prices / gas } else { base_fee };
    Ok(Means { base_fee: units::gwei(base_fee), gas_price: units::gwei(price) })
}

impl Feed for BaseFees {
    fn source(&self) -> &str {
        "fee-history"
    }

    fn kind(&self) -> Kind {
        Kind::OnChain
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series = vec![self.base_fee.clone(), self.gas_price.clone()];
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn history(blocks: &[(u128, f64, u128)]) -> FeeHistory {
        FeeHistory {
            base_fee_per_gas: blocks.iter().map(|block| block.0).chain([1]).collect(),
            gas_used_ratio: blocks.iter().map(|block| block.1).collect(),
            reward: Some(blocks.iter().map(|block| vec![block.2]).collect()),
            ..FeeHistory::default()
        }
    }

    #[test]
    fn the_base_fee_is_the_mean_of_blocks_and_the_price_the_mean_of_gas() {
        let found =
            means(&history(&[(10_000_000_000, 1.0, 2_000_000_000), (20_000_000_000, 0.5, 1_000_000_000)])).unwrap();
        assert_eq!(found, Means { base_fee: 15.0, gas_price: (12.0 + 21.0 * 0.5) / 1.5 });
        let empty = means(&history(&[(10_000_000_000, 0.0, 0)])).unwrap();
        assert_eq!(empty, Means { base_fee: 10.0, gas_price: 10.0 });
    }

    #[test]
    fn lists_that_do_not_fit_each_other_are_refused() {
        let mut short = history(&[(1, 0.5, 1), (1, 0.5, 1)]);
        short.base_fee_per_gas.pop();
        let without_rewards = FeeHistory { reward: None, ..history(&[(1, 0.5, 1)]) };
        for bad in [short, without_rewards, FeeHistory::default(), history(&[(1, 1.5, 1)])] {
            assert!(means(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_mean_is_between_the_least_and_the_largest(
            blocks in proptest::collection::vec((1_u128..1_000_000_000_000, 0.0_f64..=1.0, 0_u128..1_000_000_000_000), 1..200)
        ) {
            let found = means(&history(&blocks)).unwrap();
            let fees: Vec<f64> = blocks.iter().map(|block| block.0 as f64 / 1e9).collect();
            let (least, most) = (fees.iter().copied().fold(f64::MAX, f64::min), fees.iter().copied().fold(0.0, f64::max));
            let most_price = blocks.iter().map(|block| (block.0 + block.2) as f64 / 1e9).fold(0.0, f64::max);
            prop_assert!(found.base_fee >= least * (1.0 - 1e-12) && found.base_fee <= most * (1.0 + 1e-12));
            prop_assert!(found.gas_price >= least * (1.0 - 1e-12) && found.gas_price <= most_price * (1.0 + 1e-12));
        }
    }
}
