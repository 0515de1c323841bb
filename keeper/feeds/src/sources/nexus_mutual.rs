//! Nexus Mutual: how much cover against a protocol's failure can still be bought, and what it costs.
//!
//! Shape: the Cover Router's API, <https://api.nexusmutual.io/v2/api/docs/>, `/v2/capacity/` and its `CapacityResult`. No key.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span,
    sources::{number, row},
    units,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

pub const URL: &str = "https://api.nexusmutual.io";

/// Days of cover that are asked for; the API takes 28 to 365.
const PERIOD: u64 = 30;
/// The asset that capacity is stated in. The same capacity is listed in each asset, so that they do not add up.
const ASSET: &str = "USDC";

/// 30 requests a minute.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(30, Duration::from_secs(60))
}

/// `GET /v2/capacity/`: all products, as of now. Capacity in USDC counts at a dollar each; the price is the lowest of the staking pools, a fraction of the
/// cover a year.
#[derive(Debug)]
pub struct NexusMutual {
    http: Http,
    /// Capacity and price, by Nexus Mutual's id of the product.
    products: BTreeMap<u64, (SeriesId, SeriesId)>,
    bounds: Bounds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    available_capacity: Vec<Capacity>,
    min_annual_price: Value,
}

#[derive(Deserialize)]
struct Capacity {
    /// In the asset's smallest unit.
    amount: String,
    asset: Asset,
}

#[derive(Deserialize)]
struct Asset {
    symbol: String,
    decimals: u8,
}

impl NexusMutual {
    /// `products` are pairs of Nexus Mutual's product and the protocol it covers; each gives `protocol#cover_capacity_usd` and
    /// `protocol#cover_price`.
    ///
    /// # Errors
    /// If a protocol is no subject.
    pub fn new(http: Http, products: &[(u64, &str)], bounds: Bounds) -> Result<Self, SeriesError> {
        let series = |(product, protocol): &(u64, &str)| {
            let of = |metric| SeriesId::new(*protocol, metric);
            Ok((*product, (of(Metric::CoverCapacityUsd)?, of(Metric::CoverPrice)?)))
        };
        let products = products.iter().map(series).collect::<Result<_, SeriesError>>()?;
        Ok(Self { http, products, bounds })
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let list: Vec<Map<String, Value>> = self.http.get("v2/capacity/", &[("period", PERIOD.to_string())]).await?;
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        let mut missing: Vec<u64> = self.products.keys().copied().collect();
        let rows = list.len();
        for (index, product) in list.into_iter().enumerate() {
            let id = product.get("productId").and_then(Value::as_u64);
            let Some((id, (capacity, price))) = id.and_then(|id| self.products.get_key_value(&id)) else { continue };
            missing.retain(|other| other != id);
            match row::<Product>(&Value::Object(product)) {
                Ok(product) => {
                    gathering.try_put(index, capacity, now, now, in_dollars(&product.available_capacity));
                    gathering.try_put(index, price, now, now, number(&product.min_annual_price));
                }
                Err(why) => gathering.refuse(index, format!("product {id}: {why}")),
            }
        }
        if missing.len() == self.products.len() {
            let what = missing.iter().map(|id| format!("product {id}")).collect::<Vec<_>>().join(", ");
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what });
        }
        for id in missing {
            gathering.refuse(rows, format!("the list does not have product {id}"));
        }
        Ok(gathering.finish())
    }
}

fn in_dollars(capacities: &[Capacity]) -> Result<f64, String> {
    let listed = capacities.iter().find(|capacity| capacity.asset.symbol == ASSET);
    let capacity = listed.ok_or_else(|| format!("no capacity in {ASSET}"))?;
    units::scaled(&capacity.amount, -i32::from(capacity.asset.decimals)).map_err(|error| error.to_string())
}

impl Feed for NexusMutual {
    fn source(&self) -> &str {
        "nexus-mutual"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> =
            self.products.values().flat_map(|(capacity, price)| [capacity.clone(), price.clone()]).collect();
        series.sort();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.newest(now))
    }

    fn range(&self, _: Span, _: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async { Err(FeedError::NoHistory { source_name: self.source().to_owned() }) })
    }
}
