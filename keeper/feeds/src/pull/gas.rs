//! `eth_gas_daily`, from an RPC endpoint's fee history.

use super::{Table, Unit, lending::rounded};
use crate::{
    Bounds, Feed, FeedError, Span,
    calendar::{self, DAY},
    sources::onchain::BaseFees,
};
use alloy::providers::DynProvider;
use ballast_types::{Metric, Observation, SeriesId};
use futures::future::BoxFuture;
use std::collections::BTreeMap;

/// Blocks of one mean: an hour.
const BLOCKS: u64 = 300;
const HOUR: u64 = 3_600;
/// More than this, over an hour, is no price: the dearest day on record (2022-05-01) had 475 gwei on average.
const MOST_GWEI: f64 = 10_000.0;

/// Hours of a day that a mean must at least have: a price of the morning is not that of the day, and a few hours may be missing.
const LEAST_HOURS: usize = 20;

/// The mean gas price of each day over its hours, each hour's being base fee and median tip weighted by gas used, and of how many of its hours
/// that is, at least [`LEAST_HOURS`]. Every other column is empty: gas and transactions of a whole day would take each of its 7 200 blocks.
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
        let hours = hours(gathered.observations.iter().filter(|one| one.series() == &price));
        if hours.len() < LEAST_HOURS {
            return Err(FeedError::Incomplete {
                endpoint: self.endpoint.clone(),
                found: hours.len(),
                what: format!("the 24 hours of {}", calendar::date(day)),
                least: LEAST_HOURS,
            });
        }
        let mean = rounded(hours.values().sum::<f64>() / hours.len() as f64, 6);
        let row = format!("{},{mean},,,,,,,,,", calendar::date(day));
        Ok(Unit { rows: vec![row], refused, samples: Some(hours.len()) })
    }
}

/// The mean of each hour, by its number since 1970, over the stretches that ended in it: of an hour with more of them no more is said.
fn hours<'a>(prices: impl Iterator<Item = &'a Observation>) -> BTreeMap<u64, f64> {
    let mut of_hour: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for price in prices {
        // A stretch that ends with the hour's last block is of that hour.
        of_hour.entry(price.time() / HOUR).or_default().push(price.value());
    }
    of_hour.into_iter().map(|(hour, all)| (hour, all.iter().sum::<f64>() / all.len() as f64)).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use axum::{Json, Router, extract::State, routing::post};
    use ballast_chain::RpcPool;
    use serde_json::{Value, json};
    use std::time::Duration;

    const SLOT: u64 = 12;

    /// A chain that began with 1970 and whose newest block is the one of the state; each hour is a gwei dearer than the one before.
    async fn answer(State(newest): State<u64>, Json(request): Json<Value>) -> Json<Value> {
        let number = |value: &Value| u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
        let word = |number: u64| format!("0x{number:064x}");
        let parameters = &request["params"];
        let result = match request["method"].as_str().unwrap() {
            "eth_getBlockByNumber" => {
                let at = if parameters[0] == "latest" { newest } else { number(&parameters[0]) };
                json!({
                    "hash": word(at), "parentHash": word(at), "sha3Uncles": word(0), "miner": format!("0x{:040x}", 0),
                    "stateRoot": word(0), "transactionsRoot": word(0), "receiptsRoot": word(0),
                    "logsBloom": format!("0x{:0512x}", 0), "difficulty": "0x0", "number": format!("{at:#x}"),
                    "gasLimit": "0x1c9c380", "gasUsed": "0x0", "timestamp": format!("{:#x}", at * SLOT), "extraData": "0x",
                    "mixHash": word(0), "nonce": "0x0000000000000000", "baseFeePerGas": "0x1", "uncles": [],
                    "transactions": [], "size": "0x1"
                })
            }
            "eth_feeHistory" => {
                let (blocks, last) = (number(&parameters[0]), number(&parameters[1]));
                let count = usize::try_from(blocks).unwrap();
                let fee = format!("{:#x}", (last * SLOT / HOUR + 1) * 1_000_000_000);
                json!({
                    "oldestBlock": format!("{:#x}", last + 1 - blocks), "baseFeePerGas": vec![fee; count + 1],
                    "gasUsedRatio": vec![0.5; count], "reward": vec![["0x0"]; count]
                })
            }
            other => panic!("{other} was asked"),
        };
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
    }

    /// The first day of a chain that is so many hours old.
    async fn first_day(hours: u64) -> Result<Unit, FeedError> {
        let newest = hours * HOUR / SLOT - 1;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(newest);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let provider = RpcPool::new(&[url], Duration::from_secs(20)).unwrap().primary().clone();
        Gas::new(provider, "local", Span::new(0, DAY).unwrap()).ask(0, 10 * DAY).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_day_is_the_mean_of_its_hours_and_a_morning_is_no_day() {
        let whole = first_day(24).await.unwrap();
        assert_eq!((whole.rows, whole.samples), (vec!["1970-01-01,12.5,,,,,,,,,".to_owned()], Some(24)));
        assert_eq!(first_day(48).await.unwrap().samples, Some(24), "of that day alone");
        assert_eq!(first_day(20).await.unwrap().samples, Some(20));
        for hours in [1, 19] {
            let refused = first_day(hours).await.unwrap_err();
            assert!(matches!(refused, FeedError::Incomplete { .. }), "{refused}");
            let said = format!("local has {hours} of the 24 hours of 1970-01-01, expected at least 20");
            assert!(refused.to_string().contains(&said), "{refused}");
        }
    }

    #[test]
    fn an_hour_with_many_stretches_counts_once() {
        let price = SeriesId::new("ethereum", Metric::GasPriceGwei).unwrap();
        let at = |time, value| Observation::new(price.clone(), "test", time, time, value).unwrap();
        let found = hours([at(10, 10.0), at(20, 30.0), at(3_599, 20.0), at(3_600, 100.0)].iter());
        assert_eq!(found, BTreeMap::from([(0, 20.0), (1, 100.0)]));
    }
}
