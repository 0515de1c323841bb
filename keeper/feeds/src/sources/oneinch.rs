//! 1inch: spot prices of tokens, from what decentralised exchanges would give for them.
//!
//! Shape: <https://business.1inch.com/portal/documentation/apis/spot-price/quick-start>. A bearer token; one request a second ([`limit`]).

use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span, sources::number};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

pub const URL: &str = "https://api.1inch.com";
pub const KEY_VARIABLE: &str = "ONEINCH_API_KEY";

/// One request a second, as the portal's free plan allows.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(60, Duration::from_secs(60))
}

/// A token and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its address, lower case, as the answer has it.
    address: String,
    price: SeriesId,
}

impl Token {
    /// Gives `subject#price_usd`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(address: &str, subject: &str) -> Result<Self, SeriesError> {
        Ok(Self { address: address.to_ascii_lowercase(), price: SeriesId::new(subject, Metric::PriceUsd)? })
    }
}

/// `GET /price/v1.1/{chain}/{addresses}?currency=USD`: prices by address, without a time of their own. They are taken as of now. A token that
/// cannot be priced comes as 0, which is out of every price's range and refused.
#[derive(Debug)]
pub struct OneInch {
    http: Http,
    chain: u64,
    tokens: Vec<Token>,
    bounds: Bounds,
}

impl OneInch {
    #[must_use]
    pub const fn new(http: Http, chain: u64, tokens: Vec<Token>, bounds: Bounds) -> Self {
        Self { http, chain, tokens, bounds }
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let addresses = self.tokens.iter().map(|token| token.address.as_str()).collect::<Vec<_>>().join(",");
        let path = format!("price/v1.1/{}/{addresses}", self.chain);
        let answer: BTreeMap<String, Value> = self.http.get(&path, &[("currency", "USD".to_owned())]).await?;
        let prices: BTreeMap<String, Value> =
            answer.into_iter().map(|(address, price)| (address.to_ascii_lowercase(), price)).collect();
        if !self.tokens.iter().any(|token| prices.contains_key(&token.address)) {
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what: addresses });
        }
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        for (index, token) in self.tokens.iter().enumerate() {
            match prices.get(&token.address) {
                Some(price) => gathering.try_put(index, &token.price, now, now, number(price)),
                None => gathering.refuse(index, format!("the answer does not have {}", token.address)),
            }
        }
        Ok(gathering.finish())
    }
}

impl Feed for OneInch {
    fn source(&self) -> &str {
        "1inch"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.tokens.iter().map(|token| token.price.clone()).collect();
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
