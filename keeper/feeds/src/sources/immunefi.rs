//! Immunefi: the most that a protocol pays for a bug.
//!
//! Shape: `GET https://immunefi.com/public-api/bounties.json`, the list behind <https://immunefi.com/bug-bounty/>. It is public and has no
//! documentation; the fields that are read are those that its users rely on (`slug`, `maxBounty`, `launchDate`, `endDate`). No key.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span, calendar,
    sources::{number, row},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

pub const URL: &str = "https://immunefi.com";

/// 6 requests a minute: a page of a site, that changes once in days.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(6, Duration::from_secs(60))
}

/// A row for `keeper/risk/facts/protocols.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounty {
    /// The table's id of the protocol.
    pub protocol: String,
    /// When it was found in the list, Unix seconds.
    pub found: u64,
    pub usd: f64,
    /// The list's own name of the programme.
    pub slug: String,
}

impl Bounty {
    /// The row as the table has it, dollars rounded down.
    #[must_use]
    pub fn fact(&self) -> String {
        let Self { protocol, found, usd, slug } = self;
        let day = calendar::date(*found);
        format!(
            "[[fact]]\nprotocol = {protocol:?}\nas_of = \"{day}\"\nbounty_usd = {}\nsource = \"Immunefi, programme {slug}\"\n",
            usd.floor()
        )
    }
}

/// What the whole list says today; it is taken as of now. A programme that has ended pays nothing and has no value.
#[derive(Debug)]
pub struct Immunefi {
    http: Http,
    /// By slug.
    programmes: BTreeMap<String, SeriesId>,
    bounds: Bounds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Programme {
    max_bounty: Value,
    end_date: Option<String>,
}

impl Immunefi {
    /// `programmes` are pairs of Immunefi's slug and the protocol it is for; each gives `protocol#bounty_usd`.
    ///
    /// # Errors
    /// If a protocol is no subject.
    pub fn new(http: Http, programmes: &[(&str, &str)], bounds: Bounds) -> Result<Self, SeriesError> {
        let series =
            |(slug, protocol): &(&str, &str)| Ok(((*slug).to_owned(), SeriesId::new(*protocol, Metric::BountyUsd)?));
        let programmes = programmes.iter().map(series).collect::<Result<_, SeriesError>>()?;
        Ok(Self { http, programmes, bounds })
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let list: Vec<Map<String, Value>> = self.http.get("public-api/bounties.json", &[]).await?;
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        let mut missing = self.programmes.clone();
        let rows = list.len();
        for (index, programme) in list.into_iter().enumerate() {
            let slug = programme.get("slug").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(series) = self.programmes.get(&slug) else { continue };
            missing.remove(&slug);
            match row::<Programme>(&Value::Object(programme)) {
                Ok(programme) => match ended(&programme, now) {
                    Ok(false) => gathering.try_put(index, series, now, now, number(&programme.max_bounty)),
                    Ok(true) => gathering.refuse(index, format!("programme {slug} has ended")),
                    Err(why) => gathering.refuse(index, format!("programme {slug}: {why}")),
                },
                Err(why) => gathering.refuse(index, format!("programme {slug}: {why}")),
            }
        }
        if missing.len() == self.programmes.len() {
            let what = missing.into_keys().collect::<Vec<_>>().join(", ");
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what });
        }
        for slug in missing.into_keys() {
            gathering.refuse(rows, format!("the list does not have programme {slug}"));
        }
        Ok(gathering.finish())
    }

    /// What was gathered as rows for the table of facts.
    ///
    /// # Errors
    /// As [`Feed::latest`].
    pub async fn bounties(&self, now: u64) -> Result<Vec<Bounty>, FeedError> {
        let gathered = self.newest(now).await?;
        let bounty = |(slug, series): (&String, &SeriesId)| {
            let found = gathered.observations.iter().find(|one| one.series() == series)?;
            let protocol = series.subject().to_owned();
            Some(Bounty { protocol, found: found.time(), usd: found.value(), slug: slug.clone() })
        };
        Ok(self.programmes.iter().filter_map(bounty).collect())
    }
}

fn ended(programme: &Programme, now: u64) -> Result<bool, String> {
    let Some(end) = programme.end_date.as_deref().filter(|end| !end.is_empty()) else { return Ok(false) };
    calendar::parse(end).map(|end| end <= now).map_err(|error| error.to_string())
}

impl Feed for Immunefi {
    fn source(&self) -> &str {
        "immunefi"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.programmes.values().cloned().collect();
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
