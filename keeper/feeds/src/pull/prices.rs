//! `stablecoin_prices_daily` and `eth_btc_daily`, from DefiLlama's hourly prices.

use super::{Table, Unit, lending::rounded};
use crate::{
    Bounds, Feed, FeedError, Http, Span,
    calendar::{self, DAY},
    sources::defillama::{Coin, DefiLlamaPrices},
};
use ballast_types::{Metric, Observation, SeriesId};
use futures::future::BoxFuture;
use std::{collections::BTreeMap, sync::Arc};

/// Seconds between two points.
const PERIOD: u64 = 3_600;
/// Days of one unit: 480 points, one request.
const DAYS: u64 = 20;
/// Points that a day must have to have a high and a low worth the name.
const LEAST_POINTS: usize = 20;
/// Prices of coins that should be worth a dollar: UST fell below a cent, none rose above two dollars.
const DOLLAR_COINS: (f64, f64) = (0.001, 2.0);

/// A token with what the files call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// `USDC`.
    pub symbol: String,
    /// DefiLlama's: `coingecko:usd-coin`, `ethereum:0x…`.
    pub id: String,
    /// Whether it should be worth a dollar.
    pub is_stable: bool,
}

/// The stablecoins that Ballast knows of, and ETH and BTC.
#[must_use]
pub fn default_assets() -> Vec<Asset> {
    [
        ("USDC", "coingecko:usd-coin", true),
        ("USDT", "coingecko:tether", true),
        ("DAI", "coingecko:dai", true),
        ("FRAX", "coingecko:frax", true),
        ("ETH", "coingecko:ethereum", false),
        ("BTC", "coingecko:bitcoin", false),
    ]
    .map(|(symbol, id, is_stable)| Asset { symbol: symbol.to_owned(), id: id.to_owned(), is_stable })
    .to_vec()
}

/// Open, high, low and close of each day from its hourly points; the first point counts as open and the last as close. Volumes and market
/// capitalisations are empty: the API does not give them.
#[derive(Debug)]
pub struct Prices {
    http: Arc<Http>,
    /// All of one kind.
    assets: Vec<Asset>,
    stable: bool,
    span: Span,
}

/// One day.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Day {
    open: f64,
    high: (f64, u64),
    low: (f64, u64),
    close: f64,
    points: usize,
}

impl Prices {
    /// Of the stable ones among `assets` if `stable`, of the others if not. `span` is whole days.
    #[must_use]
    pub fn new(http: Arc<Http>, assets: Vec<Asset>, stable: bool, span: Span) -> Self {
        Self { http, assets: assets.into_iter().filter(|asset| asset.is_stable == stable).collect(), stable, span }
    }

    /// Beginnings of the windows, counted from 1970 on, so that they are the same in the next pull.
    fn windows(&self) -> Vec<Span> {
        let window = DAYS * DAY;
        let first = self.span.from() / window;
        let last = (self.span.to() - 1) / window;
        let cut = |number: u64| {
            Span::new((number * window).max(self.span.from()), ((number + 1) * window).min(self.span.to())).ok()
        };
        (first..=last).filter_map(cut).collect()
    }

    async fn window(&self, asset: &Asset, span: Span, now: u64) -> Result<Unit, FeedError> {
        let bad = |error: ballast_types::SeriesError| FeedError::BadRequest {
            what: asset.id.clone(),
            why: error.to_string(),
        };
        let coin = Coin::new(asset.id.clone(), "coin").map_err(bad)?;
        let bounds = if asset.is_stable {
            let (least, most) = DOLLAR_COINS;
            Bounds::default().within(SeriesId::new("coin", Metric::PriceUsd).map_err(bad)?, least, most)
        } else {
            Bounds::default()
        };
        let feed = DefiLlamaPrices::new(Arc::clone(&self.http), vec![coin], PERIOD, bounds)?;
        let gathered = feed.range(span, now).await?;
        let mut refused: Vec<_> =
            gathered.refused.iter().map(|refused| format!("row {}: {}", refused.row, refused.why)).collect();
        let mut rows = Vec::new();
        for (day, of_day) in days(&gathered.observations) {
            if of_day.points < LEAST_POINTS {
                let (date, points) = (calendar::date(day), of_day.points);
                refused.push(format!("{date}: it has {points} of 24 points, expected at least {LEAST_POINTS}"));
            } else {
                rows.push(self.row(asset, day, of_day));
            }
        }
        Ok(Unit { rows, refused, samples: None })
    }

    fn row(&self, asset: &Asset, day: u64, of_day: Day) -> String {
        let Day { open, high, low, close, .. } = of_day;
        let [open, high_usd, low_usd, close] = [open, high.0, low.0, close].map(|price| rounded(price, 10));
        let symbol = &asset.symbol;
        if self.stable {
            let [high_time, low_time] = [high.1, low.1].map(calendar::timestamp);
            let date = calendar::timestamp(day);
            format!("{date},{symbol},{open},{high_usd},{low_usd},{close},,,,{high_time},{low_time},defillama_hourly")
        } else {
            let date = calendar::date(day);
            format!("{date},{symbol},defillama_hourly,{open},{high_usd},{low_usd},{close},,,")
        }
    }
}

/// By their midnight.
fn days(observations: &[Observation]) -> BTreeMap<u64, Day> {
    let mut days: BTreeMap<u64, Day> = BTreeMap::new();
    for observation in observations {
        let (time, price) = (observation.time(), observation.value());
        let at = (price, time);
        days.entry(time - time % DAY)
            .and_modify(|day| {
                day.high = if price > day.high.0 { at } else { day.high };
                day.low = if price < day.low.0 { at } else { day.low };
                day.close = price;
                day.points += 1;
            })
            .or_insert(Day { open: price, high: at, low: at, close: price, points: 1 });
    }
    days
}

impl Table for Prices {
    fn name(&self) -> &'static str {
        if self.stable { "stablecoin_prices_daily" } else { "eth_btc_daily" }
    }

    fn header(&self) -> &'static str {
        if self.stable {
            "date_utc,symbol,open_usd,high_usd,low_usd,close_usd,volume_usd,market_cap_usd,circulating_supply,high_time_utc,low_time_utc,\
             source_id"
        } else {
            "date_utc,asset,source_id,open_usd,high_usd,low_usd,close_usd,volume_base,volume_usd,market_cap_usd"
        }
    }

    fn units(&self) -> Vec<String> {
        let windows = self.windows();
        let name = |asset: &Asset, span: &Span| {
            format!("{}_{}_{}", asset.symbol, calendar::date(span.from()), calendar::date(span.to()))
        };
        self.assets.iter().flat_map(|asset| windows.iter().map(move |span| name(asset, span))).collect()
    }

    fn ask(&self, index: usize, now: u64) -> BoxFuture<'_, Result<Unit, FeedError>> {
        let windows = self.windows();
        let count = windows.len().max(1);
        let (asset, span) = (self.assets.get(index / count), windows.get(index % count).copied());
        Box::pin(async move {
            match (asset, span) {
                (Some(asset), Some(span)) => self.window(asset, span, now).await,
                _ => Ok(Unit::default()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_day_opens_with_its_first_price_closes_with_its_last_and_holds_all_between(
            prices in proptest::collection::vec(0.5_f64..2.0, 1..100)
        ) {
            let series = SeriesId::new("coin", Metric::PriceUsd).unwrap();
            let observations: Vec<_> = prices
                .iter()
                .zip(0_u64..)
                .map(|(price, hour)| Observation::new(series.clone(), "test", hour * 3_600, hour * 3_600, *price).unwrap())
                .collect();
            let found = days(&observations);
            prop_assert_eq!(found.len(), prices.len().div_ceil(24));
            for (of_day, (midnight, day)) in prices.chunks(24).zip(found) {
                prop_assert_eq!((day.open, day.close, day.points), (of_day[0], of_day[of_day.len() - 1], of_day.len()));
                prop_assert_eq!(day.high.0, of_day.iter().copied().fold(f64::MIN, f64::max));
                prop_assert_eq!(day.low.0, of_day.iter().copied().fold(f64::MAX, f64::min));
                let at = |time: u64| of_day[usize::try_from((time - midnight) / 3_600).unwrap()];
                prop_assert_eq!((at(day.high.1), at(day.low.1)), (day.high.0, day.low.0));
            }
        }
    }
}
