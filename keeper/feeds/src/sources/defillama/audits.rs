//! Which protocols have published audits, as DefiLlama lists them.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, Kind, Span,
    sources::{number, row},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// What the list's `audits` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audited {
    /// 0
    No,
    /// 1: part of it may not be.
    InPart,
    /// 2
    Yes,
    /// 3: it is a copy of a protocol that is.
    ByItsOriginal,
}

impl Audited {
    /// # Errors
    /// Unless it is a number from 0 to 3, as such or in a string.
    fn parse(code: &Value) -> Result<Self, String> {
        let code = number(code)?;
        [(0.0, Self::No), (1.0, Self::InPart), (2.0, Self::Yes), (3.0, Self::ByItsOriginal)]
            .into_iter()
            .find_map(|(number, audited)| (number == code).then_some(audited))
            .ok_or_else(|| format!("audits is {code}, expected 0 to 3"))
    }
}

/// What is listed of one protocol: the ground for rows of audits in `keeper/risk/facts/protocols.toml`. The list has no dates and no names of
/// firms, so that somebody has to read the reports before they count as first-tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditListing {
    pub protocol: String,
    pub audited: Audited,
    /// Where the reports are, each once.
    pub links: Vec<String>,
}

/// `GET /protocols`: how many reports are linked, each link once, as of now. A link may lead to a page of many reports, so this is the least that
/// there are.
#[derive(Debug)]
pub struct DefiLlamaAudits {
    http: Arc<Http>,
    /// By slug.
    protocols: BTreeMap<String, SeriesId>,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Row {
    audits: Value,
    audit_links: Option<Vec<String>>,
}

impl DefiLlamaAudits {
    /// `protocols` are pairs of DefiLlama's slug and the protocol it is; each gives `protocol#audit_reports`.
    ///
    /// # Errors
    /// If a protocol is no subject.
    pub fn new(http: impl Into<Arc<Http>>, protocols: &[(&str, &str)], bounds: Bounds) -> Result<Self, SeriesError> {
        let series =
            |(slug, protocol): &(&str, &str)| Ok(((*slug).to_owned(), SeriesId::new(*protocol, Metric::AuditReports)?));
        let protocols = protocols.iter().map(series).collect::<Result<_, SeriesError>>()?;
        Ok(Self { http: http.into(), protocols, bounds })
    }

    /// What is listed, with the row's place, or why it is not used.
    async fn listings(&self) -> Result<Vec<(usize, Result<AuditListing, String>)>, FeedError> {
        let list: Vec<Map<String, Value>> = self.http.get("protocols", &[]).await?;
        let mut missing = self.protocols.clone();
        let (mut found, rows) = (Vec::new(), list.len());
        for (index, listed) in list.into_iter().enumerate() {
            let slug = listed.get("slug").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(series) = self.protocols.get(&slug) else { continue };
            missing.remove(&slug);
            let listing = row::<Row>(&Value::Object(listed)).and_then(|row| {
                let audited = Audited::parse(&row.audits)?;
                let mut links = row.audit_links.unwrap_or_default();
                links.sort();
                links.dedup();
                Ok(AuditListing { protocol: series.subject().to_owned(), audited, links })
            });
            found.push((index, listing.map_err(|why| format!("{slug}: {why}"))));
        }
        if missing.len() == self.protocols.len() {
            let what = missing.into_keys().collect::<Vec<_>>().join(", ");
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what });
        }
        found.extend(missing.into_keys().map(|slug| (rows, Err(format!("the list does not have {slug}")))));
        Ok(found)
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        for (index, listing) in self.listings().await? {
            match listing {
                Ok(listing) => {
                    let series = self.protocols.values().find(|series| series.subject() == listing.protocol);
                    if let Some(series) = series {
                        gathering.put(index, series, now, now, listing.links.len() as f64);
                    }
                }
                Err(why) => gathering.refuse(index, why),
            }
        }
        Ok(gathering.finish())
    }

    /// What is listed of the protocols, in the list's order; rows that are not in its shape are left out, [`Feed::latest`] names them.
    ///
    /// # Errors
    /// As [`Feed::latest`].
    pub async fn audits(&self) -> Result<Vec<AuditListing>, FeedError> {
        Ok(self.listings().await?.into_iter().filter_map(|(_, listing)| listing.ok()).collect())
    }
}

impl Feed for DefiLlamaAudits {
    fn source(&self) -> &str {
        "defillama-audits"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.protocols.values().cloned().collect();
        series.sort();
        series.dedup();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.newest(now))
    }

    fn range(&self, _: Span, _: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async { Err(FeedError::NoHistory { source_name: self.source().to_owned() }) })
    }
}
