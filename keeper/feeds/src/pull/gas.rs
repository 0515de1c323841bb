//! `eth_gas_daily`, from an RPC endpoint's fee history.

use super::{Table, Unit, lending::rounded};
use crate::{
    Bounds, Feed, FeedError, Span,
    calendar::{self, DAY},
    sources::onchain::BaseFees,
};
use alloy::providers::DynProvider;
use ballast_types::{Metric, SeriesId};
use futures::future::BoxFuture;

/// Blocks of one mean: an hour.
const BLOCKS: u64 = 300;
/// More than this, over an hour, is no price: the dearest day on record (2022-05-01) had 475 gwei on average.
const MOST_GWEI: f64 = 10_000.0;

/// The mean gas price of each day over its hours, each hour's being base fee and median tip weighted by gas used. Every other column is
/// empty: gas and transactions of a whole day would take each of its 7 200 blocks.
#[derive(Debug)]
pub struct Gas {
    provider: DynProvider,
    endpoint: String,
    span: Span,
}

impl Gas {
    /// `span` is whole days; `endpoint` names the provider.
    #[must_use]
    pub fn new(provider: DynProvider, endpoint: impl Into<String>, span: Span) -> Self {
        Self { provider, endpoint: endpoint.into(), span }
    }

    async fn day(&self, day: u64, now: u64) -> Result<Unit, FeedError> {
        let bad = |error: ballast_types::SeriesError| FeedError::BadRequest {
            what: "gas".to_owned(),
            why: error.to_string(),
        };
        let price = SeriesId::new("ethereum", Metric::GasPriceGwei).map_err(bad)?;
        let bounds = Bounds::default().within(price.clone(), 0.0, MOST_GWEI);
        let feed =
            BaseFees::new(self.provider.clone(), self.endpoint.clone(), BLOCKS, "ethereum", bounds).map_err(bad)?;
        let gathered = feed.range(Span::new(day, day + DAY)?, now).await?;
        let refused: Vec<_> =
            gathered.refused.iter().map(|refused| format!("row {}: {}", refused.row, refused.why)).collect();
        let prices: Vec<_> = gathered
            .observations
            .iter()
            .filter(|one| one.series() == &price)
            .map(ballast_types::Observation::value)
            .collect();
        if prices.is_empty() {
            return Err(FeedError::Empty {
                endpoint: self.endpoint.clone(),
                what: format!("blocks of {}", calendar::date(day)),
            });
        }
        let mean = rounded(prices.iter().sum::<f64>() / prices.len() as f64, 6);
        Ok(Unit { rows: vec![format!("{},{mean},,,,,,,,,", calendar::date(day))], refused })
    }
}

impl Table for Gas {
    fn name(&self) -> &'static str {
        "eth_gas_daily"
    }

    fn header(&self) -> &'static str {
        "date_utc,avg_gas_price_gwei,gas_used_total,avg_gas_limit,transactions,eth_price_usd,median_gas_price_gwei,min_gas_price_gwei,\
         max_gas_price_gwei,p25_gas_price_gwei,p75_gas_price_gwei"
    }

    fn units(&self) -> Vec<String> {
        (self.span.from() / DAY..self.span.to() / DAY).map(|day| calendar::date(day * DAY)).collect()
    }

    fn ask(&self, index: usize, now: u64) -> BoxFuture<'_, Result<Unit, FeedError>> {
        let day = (self.span.from() / DAY + index as u64) * DAY;
        Box::pin(self.day(day, now))
    }
}
