//! Uniswap V3: single swaps of a pool with a dollar coin in it.

use super::client::{META, Subgraph};
use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Kind, Refused, Span,
    calendar::{self, DAY},
    sources::{newest_only, row},
    units,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the subgraph says a swap was worth may be this share away from the dollars that were swapped; beyond, one of them is wrong. Coins have
/// been further off their peg, but then a swap of them is no measure of dollars.
const LARGEST_DIFFERENCE: f64 = 0.15;

/// Which of the pool's tokens is worth a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DollarToken {
    Zero,
    One,
}

/// One swap, as the pool saw it: positive amounts came in.
#[derive(Clone, Debug, PartialEq)]
pub struct UniswapSwap {
    /// Of the subgraph: the transaction and the swap's number.
    pub id: String,
    /// Unix seconds.
    pub time: u64,
    /// Whole tokens.
    pub amount0: f64,
    pub amount1: f64,
    pub usd: f64,
    /// Of the price after it.
    pub tick: i64,
}

/// Swaps in the subgraph's order, and the entities that were none.
#[derive(Clone, Debug, PartialEq)]
pub struct UniswapSwapList {
    pub swaps: Vec<UniswapSwap>,
    pub refused: Vec<Refused>,
    head: crate::Head,
    /// Days of which an entity is refused; none if nobody knows of which it was.
    doubtful: Option<BTreeSet<u64>>,
}

/// `swaps`: their sum by UTC day, of whole days, known when the day is over. A day with a swap that cannot be read has no sum.
#[derive(Debug)]
pub struct UniswapSwaps {
    subgraph: Subgraph,
    /// The pool's address, lower case.
    pool: String,
    dollar: DollarToken,
    volume: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    timestamp: String,
    amount0: String,
    amount1: String,
    #[serde(rename = "amountUSD")]
    amount_usd: String,
    tick: String,
}

impl UniswapSwaps {
    /// Gives `subject#volume_usd`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        subgraph: Subgraph,
        address: &str,
        dollar: DollarToken,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let volume = SeriesId::new(subject, Metric::VolumeUsd)?;
        Ok(Self { subgraph, pool: address.to_ascii_lowercase(), dollar, volume, bounds })
    }

    /// Every swap whose time is in `span`.
    ///
    /// # Errors
    /// If the subgraph does not give them; one that is wrong is in [`UniswapSwapList::refused`].
    pub async fn swaps(&self, span: Span) -> Result<UniswapSwapList, FeedError> {
        let query = format!(
            "query($pool: String!, $first: Int!, $from: BigInt!, $to: BigInt!) {{ swaps(first: $first, where: {{ pool: $pool, timestamp_gte: \
             $from, timestamp_lt: $to }}, orderBy: timestamp, orderDirection: asc) {{ id timestamp amount0 amount1 amountUSD tick }} {META} }}"
        );
        let variables: Map<_, _> =
            [("pool".to_owned(), json!(self.pool)), ("to".to_owned(), json!(span.to()))].into_iter().collect();
        let listed = self.subgraph.pages(&query, variables, "swaps", "timestamp", span.from()).await?;
        let mut list = UniswapSwapList {
            swaps: Vec::with_capacity(listed.rows.len()),
            refused: Vec::new(),
            head: listed.head,
            doubtful: Some(BTreeSet::new()),
        };
        for (index, value) in listed.rows.iter().enumerate() {
            match self.read(value) {
                Ok(swap) if span.contains(swap.time) => list.swaps.push(swap),
                Ok(_) => {}
                Err(why) => {
                    let time = value.get("timestamp").and_then(Value::as_str).and_then(|time| time.parse::<u64>().ok());
                    match (time, &mut list.doubtful) {
                        (Some(time), Some(doubtful)) => {
                            doubtful.insert(time - time % DAY);
                        }
                        _ => list.doubtful = None,
                    }
                    list.refused.push(Refused { row: index, why });
                }
            }
        }
        Ok(list)
    }

    fn read(&self, value: &Value) -> Result<UniswapSwap, String> {
        let row: Row = row(value)?;
        let time = row.timestamp.parse().map_err(|_| format!("timestamp is {:?}, expected seconds", row.timestamp))?;
        let tick = row.tick.parse().map_err(|_| format!("tick is {:?}, expected an integer", row.tick))?;
        let number = |text: &str| units::decimal(text).map_err(|error| error.to_string());
        let (amount0, amount1, usd) = (number(&row.amount0)?, number(&row.amount1)?, number(&row.amount_usd)?);
        let dollars = match self.dollar {
            DollarToken::Zero => amount0,
            DollarToken::One => amount1,
        }
        .abs();
        let within = (usd - dollars).abs() <= dollars * LARGEST_DIFFERENCE;
        // Nor is what is no number.
        if !within {
            return Err(format!("amountUSD is {usd} and {dollars} dollars were swapped, expected about the same"));
        }
        Ok(UniswapSwap { id: row.id, time, amount0, amount1, usd, tick })
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let list = self.swaps(span).await?;
        gathering.head(list.head);
        let mut days: BTreeMap<u64, (usize, f64)> = BTreeMap::new();
        for (index, swap) in list.swaps.iter().enumerate() {
            days.entry(swap.time - swap.time % DAY).or_insert((index, 0.0)).1 += swap.usd;
        }
        for (day, (index, volume)) in days {
            // Whole days alone.
            if day < span.from() || day + DAY > span.to() || day + DAY > now {
                continue;
            }
            if list.doubtful.as_ref().is_none_or(|doubtful| doubtful.contains(&day)) {
                gathering
                    .refuse(index, format!("{}: not all swaps of {} can be read", self.volume, calendar::date(day)));
            } else {
                gathering.put(index, &self.volume, day, day + DAY, volume);
            }
        }
        for Refused { row, why } in list.refused {
            gathering.refuse(row, why);
        }
        Ok(gathering.finish())
    }
}

impl Feed for UniswapSwaps {
    fn source(&self) -> &str {
        "uniswap-subgraph"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.volume.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async move {
            let today = now - now % DAY;
            let span = Span::new(today.saturating_sub(DAY), today.max(1))?;
            let gathering = Gathering::of_now(self.source(), self.subgraph.http.label(), now, &self.bounds);
            self.gather(gathering, span, now).await.map(newest_only)
        })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.subgraph.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, span, now))
    }
}
