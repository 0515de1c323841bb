//! Thefts and failures, as DefiLlama lists them.

use super::API_URL;
use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, Kind, Refused, Span,
    calendar::{self, DAY},
    sources::{newest_only, number, row},
};
use ballast_risk::{facts::ListedExploit, score::Exploit};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// A protocol and what the list calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HackedProtocol {
    name: String,
    lost: SeriesId,
    incidents: SeriesId,
}

impl HackedProtocol {
    /// `name` is the list's, capitals aside: `Euler V1`. Gives `protocol#lost_usd` of the rows with a sum, and `protocol#incidents` of all: in the first
    /// hours of an exploit nobody knows what was lost.
    ///
    /// # Errors
    /// If `protocol` is no subject.
    pub fn new(name: &str, protocol: &str) -> Result<Self, SeriesError> {
        let series = |metric| SeriesId::new(protocol, metric);
        Ok(Self { name: name.to_lowercase(), lost: series(Metric::LostUsd)?, incidents: series(Metric::Incidents)? })
    }
}

/// A row of the list as the table of exploits has it (`keeper/risk/facts/exploits.toml`).
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The list's own name of what was hit.
    pub name: String,
    /// The table's id of it, if it is one of those that were asked for.
    pub protocol: Option<String>,
    /// The list does not say whose contracts failed: all count as the protocol's own until somebody has looked, which is the worse of the two.
    pub listed: ListedExploit,
}

/// Incidents in order of time, and the rows that were none.
#[derive(Clone, Debug, PartialEq)]
pub struct Incidents {
    pub rows: Vec<Incident>,
    pub refused: Vec<Refused>,
}

/// `GET /hacks`: the whole list. A row carries a day; it is known when that day is over. Two rows of one protocol and day are one event, of which
/// the larger sum counts, as in the table.
#[derive(Debug)]
pub struct DefiLlamaHacks {
    http: Arc<Http>,
    protocols: Vec<HackedProtocol>,
    bounds: Bounds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Seconds, midnight.
    date: u64,
    name: String,
    classification: Option<String>,
    technique: Option<String>,
    /// USD.
    #[serde(default)]
    amount: Value,
    #[serde(default)]
    returned_funds: Value,
    source: Option<String>,
}

/// A sum, or that nobody knows it.
fn sum(value: &Value) -> Result<Option<f64>, String> {
    if value.is_null() { Ok(None) } else { number(value).map(Some) }
}

impl DefiLlamaHacks {
    #[must_use]
    pub fn new(http: impl Into<Arc<Http>>, protocols: Vec<HackedProtocol>, bounds: Bounds) -> Self {
        Self { http: http.into(), protocols, bounds }
    }

    async fn ask(&self) -> Result<Vec<Map<String, Value>>, FeedError> {
        let rows: Vec<Map<String, Value>> = self.http.get("hacks", &[]).await?;
        if rows.is_empty() {
            let what = "the list of hacks".to_owned();
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what });
        }
        Ok(rows)
    }

    fn tracked(&self, name: &str) -> Option<&HackedProtocol> {
        let name = name.to_lowercase();
        self.protocols.iter().find(|protocol| protocol.name == name)
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Option<Span>) -> Result<Gathered, FeedError> {
        let mut largest: BTreeMap<(&SeriesId, u64), (usize, f64)> = BTreeMap::new();
        let mut listed: BTreeMap<&SeriesId, BTreeMap<u64, usize>> = BTreeMap::new();
        for (index, value) in self.ask().await?.into_iter().enumerate() {
            // Rows of others may have whatever shape.
            let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
            let Some(protocol) = self.tracked(name) else { continue };
            let row = match row::<Row>(&Value::Object(value)) {
                Ok(row) => row,
                Err(why) => {
                    gathering.refuse(index, why);
                    continue;
                }
            };
            let time = row.date;
            listed.entry(&protocol.incidents).or_default().entry(time).or_insert(index);
            match sum(&row.amount) {
                Ok(Some(lost)) if span.is_none_or(|span| span.contains(time)) => {
                    if lost.is_finite() && lost >= 0.0 {
                        let known = largest.entry((&protocol.lost, time)).or_insert((index, lost));
                        if lost > known.1 {
                            *known = (index, lost);
                        }
                    } else {
                        gathering.put(index, &protocol.lost, time, time.saturating_add(DAY), lost);
                    }
                }
                // Outside of the span, or nobody knows the sum.
                Ok(_) => {}
                Err(why) => gathering.refuse(index, why),
            }
        }
        for ((series, time), (index, lost)) in largest {
            gathering.put(index, series, time, time.saturating_add(DAY), lost);
        }
        for (series, days) in listed {
            // Counted from the first on, whatever part of them is asked for.
            for (before, (time, index)) in days.into_iter().enumerate() {
                if span.is_none_or(|span| span.contains(time)) {
                    gathering.put(index, series, time, time.saturating_add(DAY), (before + 1) as f64);
                }
            }
        }
        Ok(gathering.finish())
    }

    /// Every incident of `since` (Unix seconds) or later, of whatever protocol, in order of time.
    ///
    /// # Errors
    /// As [`Feed::latest`].
    pub async fn incidents(&self, since: u64, now: u64) -> Result<Incidents, FeedError> {
        let (mut rows, mut refused) = (Vec::new(), Vec::new());
        for (index, value) in self.ask().await?.into_iter().enumerate() {
            match row::<Row>(&Value::Object(value)).and_then(|row| self.incident(row, now)) {
                Ok((day, incident)) if day >= since => rows.push((day, incident)),
                Ok(_) => {}
                Err(why) => refused.push(Refused { row: index, why }),
            }
        }
        rows.sort_by(|(day, one), (other_day, other)| (day, &one.name).cmp(&(other_day, &other.name)));
        Ok(Incidents { rows: rows.into_iter().map(|(_, incident)| incident).collect(), refused })
    }

    fn incident(&self, row: Row, now: u64) -> Result<(u64, Incident), String> {
        let usable = |what: &str, value: &Value| match sum(value)? {
            Some(usd) if !(usd.is_finite() && usd >= 0.0) => {
                Err(format!("{what} is {usd}, expected dollars, zero or more"))
            }
            usd => Ok(usd),
        };
        let (lost_usd, recovered_usd) = (usable("amount", &row.amount)?, usable("returnedFunds", &row.returned_funds)?);
        if row.date > now {
            return Err(format!("it is of {}, after the time of asking", calendar::timestamp(row.date)));
        }
        let said = [row.classification, row.technique].into_iter().flatten().filter(|text| !text.is_empty());
        let what = said.collect::<Vec<_>>().join(": ");
        let cited = row.source.filter(|source| !source.is_empty()).unwrap_or_else(|| "none named".to_owned());
        let day = row.date - row.date % DAY;
        let listed = ListedExploit {
            exploit: Exploit { time: day + DAY, lost_usd, recovered_usd },
            own_contracts: true,
            what: if what.is_empty() { "not said".to_owned() } else { what },
            source: format!("{API_URL}/hacks, {}, source: {cited}", calendar::date(day)),
        };
        let protocol = self.tracked(&row.name).map(|protocol| protocol.lost.subject().to_owned());
        Ok((day, Incident { name: row.name, protocol, listed }))
    }
}

impl Feed for DefiLlamaHacks {
    fn source(&self) -> &str {
        "defillama-hacks"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let both = |of: &HackedProtocol| [of.lost.clone(), of.incidents.clone()];
        let mut series: Vec<_> = self.protocols.iter().flat_map(both).collect();
        series.sort();
        series.dedup();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(async move { self.gather(gathering, None).await.map(newest_only) })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, Some(span)))
    }
}
