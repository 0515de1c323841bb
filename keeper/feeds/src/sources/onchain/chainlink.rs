//! Rounds of a Chainlink price feed.

use super::{blocks, logs, rpc};
use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Kind, Span, units};
use alloy::{
    primitives::Address,
    providers::DynProvider,
    rpc::types::{Filter, Log},
    sol,
    sol_types::SolEvent,
};
use ballast_chain::bindings::IAggregatorV3;
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;

sol! {
    /// Of Chainlink's `AggregatorInterface`; emitted by the aggregator behind a proxy, not by the proxy.
    #[derive(Debug)]
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    /// Of `EACAggregatorProxy`: the aggregators that were behind it, by phase from 1 on.
    #[sol(rpc)]
    interface IAggregatorProxy {
        function phaseId() external view returns (uint16);
        function phaseAggregators(uint16 phase) external view returns (address);
    }
}

/// `latestRoundData` of the proxy for now; for history `AnswerUpdated` of every aggregator that was behind it. An answer was known when its
/// round was updated. Answers of zero and below are no prices and are refused (SPEC C8).
#[derive(Debug)]
pub struct ChainlinkRounds {
    provider: DynProvider,
    endpoint: String,
    proxy: Address,
    price: SeriesId,
    bounds: Bounds,
}

impl ChainlinkRounds {
    /// Gives `subject#price_usd`. `endpoint` names the provider in provenance.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        provider: DynProvider,
        endpoint: impl Into<String>,
        proxy: Address,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let price = SeriesId::new(subject, Metric::PriceUsd)?;
        Ok(Self { provider, endpoint: endpoint.into(), proxy, price, bounds })
    }

    async fn decimals(&self) -> Result<i32, FeedError> {
        let feed = IAggregatorV3::new(self.proxy, &self.provider);
        feed.decimals().call().await.map(i32::from).map_err(rpc("decimals"))
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let decimals = self.decimals().await?;
        let feed = IAggregatorV3::new(self.proxy, &self.provider);
        let round = feed.latestRoundData().call().await.map_err(rpc("latestRoundData"))?;
        let mut gathering = Gathering::of_now(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        match u64::try_from(round.updatedAt) {
            Ok(0) | Err(_) => gathering.refuse(0, format!("updatedAt is {}, expected a time", round.updatedAt)),
            Ok(time) => {
                gathering.try_put(0, &self.price, time, time, units::scaled(&round.answer.to_string(), -decimals))
            }
        }
        Ok(gathering.finish())
    }

    /// The proxy's aggregators; the address itself where it is no proxy.
    async fn aggregators(&self) -> Result<Vec<Address>, FeedError> {
        let proxy = IAggregatorProxy::new(self.proxy, &self.provider);
        let phases = match proxy.phaseId().call().await {
            Ok(phases) => phases,
            // It was reached and does not know the function.
            Err(error) if !matches!(error, alloy::contract::Error::TransportError(ref error) if error.is_transport_error()) =>
            {
                return Ok(vec![self.proxy]);
            }
            Err(error) => return Err(rpc("phaseId")(error)),
        };
        let mut aggregators = Vec::new();
        for phase in 1..=phases {
            let aggregator = proxy.phaseAggregators(phase).call().await.map_err(rpc("phaseAggregators"))?;
            if !aggregator.is_zero() && !aggregators.contains(&aggregator) {
                aggregators.push(aggregator);
            }
        }
        Ok(aggregators)
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let head = blocks::newest(&self.provider).await?;
        let mut gathering = Gathering::of_history(self.source(), &self.endpoint, now, &self.bounds);
        gathering.head(head.into());
        let Some((first, last)) = blocks::blocks_of(&self.provider, span, head).await? else {
            return Ok(gathering.finish());
        };
        let decimals = self.decimals().await?;
        let filter = Filter::new().address(self.aggregators().await?).event_signature(AnswerUpdated::SIGNATURE_HASH);
        let mut pages = logs::Pages::new(&self.provider, &filter, first, last);
        while let Some(page) = pages.next().await? {
            self.put(&mut gathering, page, decimals, span);
        }
        Ok(gathering.finish())
    }

    fn put(&self, gathering: &mut Gathering<'_>, page: Vec<(usize, Log)>, decimals: i32, span: Span) {
        for (index, log) in page {
            match AnswerUpdated::decode_log(&log.inner) {
                Ok(event) => match u64::try_from(event.updatedAt) {
                    Ok(time) if span.contains(time) => {
                        let price = units::scaled(&event.current.to_string(), -decimals);
                        gathering.try_put(index, &self.price, time, time, price);
                    }
                    Ok(_) => {}
                    Err(_) => gathering.refuse(index, format!("updatedAt is {}, expected a time", event.updatedAt)),
                },
                Err(error) => gathering.refuse(index, format!("no AnswerUpdated: {error}")),
            }
        }
    }
}

impl Feed for ChainlinkRounds {
    fn source(&self) -> &str {
        "chainlink"
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
