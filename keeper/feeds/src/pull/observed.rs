//! What any [`Feed`] gives, as it is: one row an observation. For sources whose values stand in no file of the data set.

use super::{Table, Unit};
use crate::{
    Feed, FeedError, Gathered, Span,
    calendar::{self, DAY},
    sources::defillama::DefiLlamaHacks,
};
use ballast_types::Observation;
use futures::future::BoxFuture;

/// Days of one unit.
const DAYS: u64 = 90;

/// Of history, or of now where the feeds have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Whole days.
    Over(Span),
    /// The newest values; asked for anew on another day.
    Now {
        /// Unix seconds.
        at: u64,
    },
}

/// The observations of some feeds: time, time from which on it was known, series, source, value.
pub struct Observed {
    name: &'static str,
    feeds: Vec<Box<dyn Feed>>,
    reach: Reach,
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Observed {
    /// `name` is that of the file, without an ending.
    #[must_use]
    pub fn new(name: &'static str, feeds: Vec<Box<dyn Feed>>, reach: Reach) -> Self {
        Self { name, feeds, reach }
    }

    /// Stretches of the span, counted from 1970 on, so that they are the same in the next pull; none of what is asked for now.
    fn windows(&self) -> Vec<Option<Span>> {
        let Reach::Over(span) = self.reach else { return vec![None] };
        let window = DAYS * DAY;
        let cut =
            |number: u64| Span::new((number * window).max(span.from()), ((number + 1) * window).min(span.to())).ok();
        (span.from() / window..=(span.to() - 1) / window).map(cut).filter(Option::is_some).collect()
    }

    fn stretch(&self, window: Option<Span>) -> String {
        match (window, self.reach) {
            (Some(span), _) | (None, Reach::Over(span)) => {
                format!("{}_{}", calendar::date(span.from()), calendar::date(span.to()))
            }
            (None, Reach::Now { at }) => calendar::date(at),
        }
    }
}

fn row(one: &Observation) -> String {
    let [time, known_at] = [one.time(), one.known_at()].map(calendar::timestamp);
    format!("{time},{known_at},{},{},{}", one.series(), one.source(), one.value())
}

fn unit(gathered: Gathered) -> Unit {
    let refused = gathered.refused.into_iter().map(|refused| format!("row {}: {}", refused.row, refused.why));
    Unit { rows: gathered.observations.iter().map(row).collect(), refused: refused.collect(), samples: None }
}

impl Table for Observed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn header(&self) -> &'static str {
        "timestamp_utc,known_at_utc,series,source_id,value"
    }

    fn units(&self) -> Vec<String> {
        let windows = self.windows();
        let of = |feed: &dyn Feed| {
            let series: Vec<_> =
                feed.series().iter().map(|series| series.to_string().replace(['/', '#'], "-")).collect();
            // A name of a file; whatever it leaves out is in the number.
            let first: String = series.first().map_or_else(String::new, |first| first.chars().take(80).collect());
            format!("{}_{first}_{}", feed.source(), series.len())
        };
        let feeds = self.feeds.iter().map(|feed| of(feed.as_ref()));
        feeds.flat_map(|feed| windows.iter().map(move |window| format!("{feed}_{}", self.stretch(*window)))).collect()
    }

    fn ask(&self, index: usize, now: u64) -> BoxFuture<'_, Result<Unit, FeedError>> {
        let windows = self.windows();
        let count = windows.len().max(1);
        let (feed, window) = (self.feeds.get(index / count), windows.get(index % count).copied());
        Box::pin(async move {
            match (feed, window) {
                (Some(feed), Some(Some(span))) => feed.range(span, now).await.map(unit),
                (Some(feed), Some(None)) => feed.latest(now).await.map(unit),
                _ => Ok(Unit::default()),
            }
        })
    }
}

/// `exploits`: DefiLlama's list of hacks with the columns of the table of exploits. `protocol` is empty where it is none of ours.
#[derive(Debug)]
pub struct Exploits {
    feed: DefiLlamaHacks,
    since: u64,
}

impl Exploits {
    /// Those of `since` (Unix seconds) or later.
    #[must_use]
    pub const fn new(feed: DefiLlamaHacks, since: u64) -> Self {
        Self { feed, since }
    }
}

/// As RFC 4180 has it.
fn quoted(text: &str) -> String {
    let plain = text.replace(['\n', '\r'], " ");
    if plain.contains([',', '"']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

impl Table for Exploits {
    fn name(&self) -> &'static str {
        "exploits"
    }

    fn header(&self) -> &'static str {
        "date_utc,name,protocol,lost_usd,recovered_usd,what,source"
    }

    fn units(&self) -> Vec<String> {
        vec![format!("since_{}", calendar::date(self.since))]
    }

    fn ask(&self, _: usize, now: u64) -> BoxFuture<'_, Result<Unit, FeedError>> {
        Box::pin(async move {
            let found = self.feed.incidents(self.since, now).await?;
            let sum = |usd: Option<f64>| usd.map_or_else(String::new, |usd| usd.to_string());
            let rows = found.rows.iter().map(|incident| {
                let listed = &incident.listed;
                // Known from the day after it on.
                let date = calendar::date(listed.exploit.time.saturating_sub(DAY));
                let (lost, recovered) = (sum(listed.exploit.lost_usd), sum(listed.exploit.recovered_usd));
                let [name, what, source] = [&incident.name, &listed.what, &listed.source].map(|text| quoted(text));
                let protocol = incident.protocol.as_deref().unwrap_or_default();
                format!("{date},{name},{protocol},{lost},{recovered},{what},{source}")
            });
            let refused = found.refused.iter().map(|refused| format!("row {}: {}", refused.row, refused.why));
            Ok(Unit { rows: rows.collect(), refused: refused.collect(), samples: None })
        })
    }
}
