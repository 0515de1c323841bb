//! Circle: how much of its stablecoins is in circulation, in all and by chain.
//!
//! Shape: <https://developers.circle.com/api-reference/circle-mint/general/list-stablecoins>. No key; one request a minute ([`limit`]).

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span, calendar,
    sources::{number, row},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

pub const URL: &str = "https://api.circle.com";

/// Chains may be counted a few minutes apart; a total that is further from their sum, as a share of it, is an error of the publisher.
const LARGEST_DIFFERENCE: f64 = 0.01;

/// One at once, then one a minute: that is how a limit of two spreads them.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(2, Duration::from_secs(60))
}

/// `GET /v1/stablecoins`: tokens in circulation, at their face value of a dollar (Circle redeems at that); of the time at which the chain was
/// counted, the total of the latest of these.
#[derive(Debug)]
pub struct Circle {
    http: Http,
    /// Circle's: `USDC`.
    symbol: String,
    total: SeriesId,
    /// By Circle's name of the chain: `ETH`.
    chains: BTreeMap<String, SeriesId>,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Coin {
    total_amount: Value,
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chain {
    amount: Value,
    chain: String,
    update_date: String,
}

impl Circle {
    /// Gives `subject#supply_usd`, and `subject/chain#supply_usd` for each of `chains`, its name in lower case.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(http: Http, symbol: &str, chains: &[&str], subject: &str, bounds: Bounds) -> Result<Self, SeriesError> {
        let of_chain = |chain: &&str| {
            let series = SeriesId::new(format!("{subject}/{}", chain.to_ascii_lowercase()), Metric::SupplyUsd)?;
            Ok(((*chain).to_owned(), series))
        };
        let chains = chains.iter().map(of_chain).collect::<Result<_, SeriesError>>()?;
        let total = SeriesId::new(subject, Metric::SupplyUsd)?;
        Ok(Self { http, symbol: symbol.to_owned(), total, chains, bounds })
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let answer: Answer = self.http.get("v1/stablecoins", &[]).await?;
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        let is_asked = |(_, coin): &(usize, &Value)| coin.get("symbol").and_then(Value::as_str) == Some(&self.symbol);
        let Some((index, coin)) = answer.data.iter().enumerate().find(is_asked) else {
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what: self.symbol.clone() });
        };
        match row::<Coin>(coin) {
            Ok(coin) => self.take(&mut gathering, index, &coin),
            Err(why) => gathering.refuse(index, why),
        }
        Ok(gathering.finish())
    }

    fn take(&self, gathering: &mut Gathering<'_>, index: usize, coin: &Coin) {
        let (mut sum, mut newest) = (0.0, 0);
        for chain in &coin.chains {
            let read = number(&chain.amount).and_then(|amount| {
                Ok((amount, calendar::parse(&chain.update_date).map_err(|error| error.to_string())?))
            });
            let (amount, time) = match read {
                Ok(read) => read,
                Err(why) => return gathering.refuse(index, format!("{} on {}: {why}", self.symbol, chain.chain)),
            };
            (sum, newest) = (sum + amount, newest.max(time));
            if let Some(series) = self.chains.get(&chain.chain) {
                gathering.put(index, series, time, time, amount);
            }
        }
        for missing in self.chains.keys().filter(|name| coin.chains.iter().all(|chain| chain.chain != **name)) {
            gathering.refuse(index, format!("{} is not listed on {missing}", self.symbol));
        }
        let total = number(&coin.total_amount).and_then(|total| {
            if (total - sum).abs() > sum * LARGEST_DIFFERENCE {
                return Err(format!("the total is {total} and its chains sum up to {sum}, expected the same"));
            }
            Ok(total)
        });
        gathering.try_put(index, &self.total, newest, newest, total);
    }
}

impl Feed for Circle {
    fn source(&self) -> &str {
        "circle"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.chains.values().chain([&self.total]).cloned().collect();
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
