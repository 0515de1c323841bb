//! Aave V3's own subgraph: reserves and their history.

use super::client::{Listed, META, Subgraph};
use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Kind, Span,
    sources::row,
    units::{self, UnitError},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The reserve of one asset in one pool, and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AaveReserve {
    /// The subgraph's id of the reserve: asset address and addresses-provider, lower case, without a separator.
    id: String,
    /// `supply_apr`, `borrow_apr`, `utilisation`, `supplied_usd`, `borrowed_usd`, `liquidity_usd`.
    series: [SeriesId; 6],
}

impl AaveReserve {
    /// # Errors
    /// If `subject` is none.
    pub fn new(asset: &str, addresses_provider: &str, subject: &str) -> Result<Self, SeriesError> {
        let of = |metric| SeriesId::new(subject, metric);
        Ok(Self {
            id: format!("{asset}{addresses_provider}").to_ascii_lowercase(),
            series: [
                of(Metric::SupplyApr)?,
                of(Metric::BorrowApr)?,
                of(Metric::Utilisation)?,
                of(Metric::SuppliedUsd)?,
                of(Metric::BorrowedUsd)?,
                of(Metric::LiquidityUsd)?,
            ],
        })
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// `Reserve` for now, `ReserveParamsHistoryItem` for history: the state after each transaction that touched the reserve, published with its
/// block. Of several in one block the last counts. Between them interest accrues that no event tells of: amounts are those of the last
/// touch, which is why they carry its time.
#[derive(Debug)]
pub struct AaveSubgraph {
    subgraph: Subgraph,
    reserves: Vec<AaveReserve>,
    bounds: Bounds,
}

/// What both entities say. Rates in ray, annual already; amounts in the asset's own decimals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    liquidity_rate: String,
    variable_borrow_rate: String,
    #[serde(rename = "totalATokenSupply")]
    total_a_token_supply: String,
    total_current_variable_debt: String,
    available_liquidity: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reserve {
    id: String,
    decimals: u8,
    last_update_timestamp: u64,
    price: PriceOf,
    #[serde(flatten)]
    state: State,
}

/// On V3 markets `priceInEth` is in the market's base currency, which is USD with `baseCurrencyUnit` 10^8.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceOf {
    price_in_eth: String,
    oracle: Oracle,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oracle {
    base_currency_unit: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    timestamp: u64,
    price_in_usd: String,
    reserve: Decimals,
    #[serde(flatten)]
    state: State,
}

#[derive(Debug, Deserialize)]
struct Decimals {
    decimals: u8,
}

impl State {
    /// In the order of [`AaveReserve::series`]. `price` is USD per token. Utilisation is borrowed over supplied; the subgraph's own
    /// `utilizationRate` leaves out what accrues to the treasury and is not used.
    fn values(&self, decimals: i32, price: f64) -> Result<[f64; 6], UnitError> {
        let amount = |text: &str| units::scaled(text, -decimals);
        let (supplied, borrowed) = (amount(&self.total_a_token_supply)?, amount(&self.total_current_variable_debt)?);
        let utilisation = if supplied > 0.0 { borrowed / supplied } else { 0.0 };
        Ok([
            units::ray(&self.liquidity_rate)?,
            units::ray(&self.variable_borrow_rate)?,
            utilisation,
            supplied * price,
            borrowed * price,
            amount(&self.available_liquidity)? * price,
        ])
    }
}

const STATE: &str = "liquidityRate variableBorrowRate totalATokenSupply totalCurrentVariableDebt availableLiquidity";

impl AaveSubgraph {
    #[must_use]
    pub const fn new(subgraph: Subgraph, reserves: Vec<AaveReserve>, bounds: Bounds) -> Self {
        Self { subgraph, reserves, bounds }
    }

    fn put(
        gathering: &mut Gathering<'_>,
        index: usize,
        reserve: &AaveReserve,
        time: u64,
        values: Result<[f64; 6], UnitError>,
    ) {
        match values {
            Ok(values) => {
                for (series, value) in reserve.series.iter().zip(values) {
                    gathering.put(index, series, time, time, value);
                }
            }
            Err(error) => gathering.refuse(index, format!("{}: {error}", reserve.id)),
        }
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let ids: Vec<_> = self.reserves.iter().map(AaveReserve::id).collect();
        let query = format!(
            "query($ids: [ID!]) {{ reserves(first: 100, where: {{ id_in: $ids }}, orderBy: liquidityRate, orderDirection: desc) {{ \
             id decimals lastUpdateTimestamp price {{ priceInEth oracle {{ baseCurrencyUnit }} }} {STATE} }} {META} }}"
        );
        let Listed { rows, head } = self.subgraph.list(&query, json!({ "ids": ids }), "reserves").await?;
        if rows.is_empty() {
            let endpoint = self.subgraph.http.label().to_owned();
            return Err(FeedError::Empty { endpoint, what: format!("reserves {}", ids.join(", ")) });
        }
        let mut gathering = Gathering::of_now(self.source(), self.subgraph.http.label(), now, &self.bounds);
        gathering.head(head);
        for (index, value) in rows.iter().enumerate() {
            let parsed = match row::<Reserve>(value) {
                Ok(parsed) => parsed,
                Err(why) => {
                    gathering.refuse(index, why);
                    continue;
                }
            };
            let Some(reserve) = self.reserves.iter().find(|reserve| reserve.id == parsed.id) else {
                gathering.refuse(index, format!("reserve {:?} was not asked for", parsed.id));
                continue;
            };
            let price = units::scaled(&parsed.price.price_in_eth, 0)
                .and_then(|price| Ok(price / units::scaled(&parsed.price.oracle.base_currency_unit, 0)?));
            let values = price.and_then(|price| parsed.state.values(parsed.decimals.into(), price));
            Self::put(&mut gathering, index, reserve, parsed.last_update_timestamp, values);
        }
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let mut gathering = Gathering::of_history(self.source(), self.subgraph.http.label(), now, &self.bounds);
        let query = format!(
            "query($reserve: ID!, $first: Int!, $from: Int!, $to: Int!) {{ reserveParamsHistoryItems(first: $first, where: {{ reserve: \
             $reserve, timestamp_gte: $from, timestamp_lt: $to }}, orderBy: timestamp, orderDirection: asc) {{ id timestamp priceInUsd \
             reserve {{ decimals }} {STATE} }} {META} }}"
        );
        let mut before = 0;
        for reserve in &self.reserves {
            let variables: Map<String, Value> =
                [("reserve".to_owned(), json!(reserve.id)), ("to".to_owned(), json!(span.to()))].into_iter().collect();
            let listed =
                self.subgraph.pages(&query, variables, "reserveParamsHistoryItems", "timestamp", span.from()).await?;
            gathering.head(listed.head);
            let mut last_of: BTreeMap<u64, (Vec<u64>, usize, Item)> = BTreeMap::new();
            for (index, value) in listed.rows.iter().enumerate() {
                let index = before + index;
                let parsed = row::<Item>(value).and_then(|item| Ok((place(&item.id)?, item)));
                match parsed {
                    Ok((place, item)) if span.contains(item.timestamp) => {
                        let is_later = last_of.get(&item.timestamp).is_none_or(|(other, ..)| place >= *other);
                        if is_later {
                            last_of.insert(item.timestamp, (place, index, item));
                        }
                    }
                    Ok((_, item)) => gathering.refuse(index, format!("{} was not asked for", item.timestamp)),
                    Err(why) => gathering.refuse(index, why),
                }
            }
            for (time, (_, index, item)) in last_of {
                let values = units::decimal(&item.price_in_usd)
                    .and_then(|price| item.state.values(item.reserve.decimals.into(), price));
                Self::put(&mut gathering, index, reserve, time, values);
            }
            before += listed.rows.len();
        }
        Ok(gathering.finish())
    }
}

/// Where in the chain an item is from: its id is `block:transaction index:hash:log index:log index`.
fn place(id: &str) -> Result<Vec<u64>, String> {
    let parts: Vec<_> = id.split(':').collect();
    let [block, transaction, _, log, ..] = parts.as_slice() else {
        return Err(format!("the id {id:?} has no place, expected block:transaction index:hash:log index"));
    };
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} in the id {id:?} is no number"));
    Ok(vec![number(block)?, number(transaction)?, number(log)?])
}

impl Feed for AaveSubgraph {
    fn source(&self) -> &str {
        "aave-subgraph"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.reserves.iter().flat_map(|reserve| reserve.series.clone()).collect();
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
    use super::*;

    // A negative number of decimals would be turned round, and the least of all has no opposite.
    #[test]
    fn decimals_that_no_token_has_are_refused() {
        for bad in [i64::from(i32::MIN), -6, 256] {
            assert!(row::<Decimals>(&json!({ "decimals": bad })).is_err(), "{bad}");
        }
        assert!(row::<Decimals>(&json!({ "decimals": 6 })).is_ok());
    }
}
