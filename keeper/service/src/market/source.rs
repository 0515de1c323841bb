//! A source as it is configured, and what it last said.

use super::MarketError;
use crate::config::{ConfigError, GivesConfig, SourceConfig, SourceKind, secret};
use ballast_feeds::{
    Bounds, Feed, Gathered, Http, HttpSettings, KeyPlace, KeyRing, Lag, Lags,
    sources::{
        coingecko::{self, CoinGecko},
        defillama::{self, DefiLlamaHacks, DefiLlamaPrices, DefiLlamaYields, HackedProtocol, Pool, Quoted},
        dune::{self, Column, Dune, Unit},
        fear_greed::{self, FearGreed},
        glassnode::{self, Glassnode, Mvrv},
        pyth::{self, PriceFeed, Pyth},
        subgraph::{AaveReserve, AaveSubgraph, Subgraph},
    },
};
use ballast_types::{Metric, Observation, SeriesId};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Attempts of one poll: the next poll is another try.
const ATTEMPTS: u32 = 2;
/// The Graph's gateway.
const SUBGRAPH_URL: &str = "https://gateway.thegraph.com/api";
/// Seconds between the points of a history that nobody asks the running service for.
const HISTORY_STEP: u64 = 3_600;

/// One source and its task's memory.
pub(super) struct Source {
    pub(super) kind: SourceKind,
    pub(super) feed: Box<dyn Feed>,
    pub(super) period: Duration,
    /// Bound on one poll as a whole.
    pub(super) patience: Duration,
    pub(super) required: bool,
    /// Scheme, host and port.
    pub(super) endpoint: String,
    held: Mutex<Held>,
}

/// What is known from a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) newest: BTreeMap<SeriesId, Observation>,
    /// Rows of the last answer that were refused, with the reason.
    pub(super) refused: Vec<String>,
    /// Unix seconds of the last answer.
    pub(super) answered_at: Option<u64>,
    /// Why the last poll failed; `None` if it did not.
    pub(super) fault: Option<String>,
    pub(super) polls: u64,
    pub(super) failures: u64,
    pub(super) lags: Lags,
    /// Of the last poll.
    pub(super) lag: Option<Lag>,
}

impl Source {
    pub(super) fn open(config: &SourceConfig) -> Result<Self, MarketError> {
        let kind = config.kind;
        let bad = |why: String| MarketError::Source { kind, why };
        let published = match kind {
            SourceKind::DefiLlamaYields => defillama::YIELDS_URL,
            SourceKind::DefiLlamaPrices => defillama::PRICES_URL,
            SourceKind::Coingecko => coingecko::URL,
            SourceKind::Pyth => pyth::URL,
            SourceKind::AaveSubgraph => SUBGRAPH_URL,
            SourceKind::Dune => dune::URL,
            SourceKind::FearGreed => fear_greed::URL,
            SourceKind::Glassnode => glassnode::URL,
            SourceKind::DefiLlamaHacks => defillama::API_URL,
        };
        let url = config.url.as_deref().unwrap_or(published);
        let mut settings = HttpSettings::new(seed(kind));
        settings.timeout = Duration::from_secs(config.timeout);
        settings.attempts = ATTEMPTS;
        settings.patience = settings.timeout * (ATTEMPTS + 1);
        let settings = match kind {
            SourceKind::Coingecko => coingecko::limit(settings),
            SourceKind::Pyth => pyth::limit(settings),
            SourceKind::Glassnode => glassnode::limit(settings),
            _ => settings,
        };
        let mut http = Http::new(url, settings).map_err(|error| bad(error.to_string()))?;
        if config.keyed {
            http = keyed(http, kind, url)?;
        }
        let endpoint = http.label().to_owned();
        let feed = feed(http, config).map_err(bad)?;
        Ok(Self {
            kind,
            feed,
            period: Duration::from_secs(config.period),
            // A list in several requests may take several times what one does.
            patience: settings.patience * 2,
            required: config.required,
            endpoint,
            held: Mutex::new(Held::default()),
        })
    }

    /// Nothing that holds it can panic half-way through a change.
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an answer with nothing about what was asked for is one: of a list of what was stolen it is the best.
    pub(super) const fn may_be_empty(&self) -> bool {
        matches!(self.kind, SourceKind::DefiLlamaHacks)
    }

    pub(super) fn gives(&self, series: &SeriesId) -> bool {
        self.feed.series().contains(series)
    }
}

impl Held {
    /// An answer: what is newer takes the place of what was. A value that does not come again stays, and grows old.
    pub(super) fn take(&mut self, gathered: &Gathered, now: u64, slot: u64) {
        let refused = gathered.refused.iter().map(|refused| format!("row {}: {}", refused.row, refused.why));
        self.refused = refused.collect();
        for observation in &gathered.observations {
            let age = |one: &Observation| (one.time(), one.known_at());
            let newest = self.newest.entry(observation.series().clone()).or_insert_with(|| observation.clone());
            if age(observation) >= age(newest) {
                *newest = observation.clone();
            }
        }
        self.answered_at = Some(now);
        self.fault = None;
        let head = gathered.head.and_then(|head| head.time);
        self.polled(head, now, slot);
    }

    pub(super) fn fail(&mut self, why: String, now: u64, slot: u64) {
        self.fault = Some(why);
        self.failures += 1;
        self.polled(None, now, slot);
    }

    /// A poll that failed counts with the age of what is there.
    fn polled(&mut self, head: Option<u64>, now: u64, slot: u64) {
        self.polls += 1;
        let newest = head.max(self.newest.values().map(Observation::time).max());
        self.lag = newest.map(|newest| Lag::at(now, newest, slot));
        if let Some(lag) = self.lag {
            self.lags.note(lag);
        }
    }
}

/// So that two sources do not wait in step.
const fn seed(kind: SourceKind) -> u64 {
    kind as u64 + 1
}

fn keyed(http: Http, kind: SourceKind, url: &str) -> Result<Http, MarketError> {
    let Some(variable) = kind.key_variable() else { return Ok(http) };
    let place = match kind {
        SourceKind::Coingecko if url.starts_with(coingecko::PRO_URL) => KeyPlace::Header(coingecko::PRO_KEY_HEADER),
        SourceKind::Coingecko => KeyPlace::Header(coingecko::KEY_HEADER),
        SourceKind::Dune => KeyPlace::Header(dune::KEY_HEADER),
        SourceKind::Glassnode => KeyPlace::Header(glassnode::KEY_HEADER),
        _ => KeyPlace::Bearer,
    };
    let text = secret(variable, "the key of a source of market data, or several separated by commas")?;
    let malformed =
        |_| ConfigError::MalformedSecret { name: variable, expected: "one or more keys, separated by commas" };
    Ok(http.with_keys(place, KeyRing::parse(kind.name(), variable, &text).map_err(malformed)?))
}

fn feed(http: Http, config: &SourceConfig) -> Result<Box<dyn Feed>, String> {
    fn each<T, E: ToString>(
        config: &SourceConfig,
        make: impl Fn(&GivesConfig) -> Result<T, E>,
    ) -> Result<Vec<T>, String> {
        config.gives.iter().map(|gives| make(gives).map_err(|error| error.to_string())).collect()
    }
    let bounds = Bounds::default();
    Ok(match config.kind {
        SourceKind::DefiLlamaYields => {
            let quoted = |gives: &GivesConfig| gives.quoted.map_or(Quoted::Apy, Quoted::from);
            let pools = each(config, |gives| Pool::new(&gives.id, &gives.subject, quoted(gives)))?;
            Box::new(DefiLlamaYields::new(http, pools, bounds))
        }
        SourceKind::DefiLlamaPrices => {
            let coins = each(config, |gives| defillama::Coin::new(&gives.id, &gives.subject))?;
            let prices = DefiLlamaPrices::new(http, coins, HISTORY_STEP, bounds);
            Box::new(prices.map_err(|error| error.to_string())?)
        }
        SourceKind::Coingecko => {
            let coins = each(config, |gives| coingecko::Coin::new(&gives.id, &gives.subject))?;
            Box::new(CoinGecko::new(http, coins, bounds))
        }
        SourceKind::Pyth => {
            let feeds = each(config, |gives| PriceFeed::new(&gives.id, &gives.subject))?;
            Box::new(Pyth::new(http, feeds, HISTORY_STEP, bounds))
        }
        SourceKind::AaveSubgraph => {
            let reserves = each(config, |gives| {
                let (asset, provider) = gives.id.split_once(':').unwrap_or((&gives.id, ""));
                AaveReserve::new(asset, provider, &gives.subject)
            })?;
            let path = config.path.clone().unwrap_or_default();
            Box::new(AaveSubgraph::new(Subgraph::new(http, path), reserves, bounds))
        }
        SourceKind::Dune => {
            let series = config.series()?;
            let columns = config.gives.iter().zip(series).map(|(gives, series)| Column {
                name: gives.id.clone(),
                series,
                unit: gives.unit.map_or(Unit::Plain, Unit::from),
            });
            let (query, time) = (config.query.unwrap_or_default(), config.time_column.clone().unwrap_or_default());
            Box::new(Dune::new(http, query, time, columns.collect(), bounds))
        }
        SourceKind::FearGreed => {
            let gives = config.gives.first().ok_or("no subject")?;
            Box::new(FearGreed::new(http, &gives.subject).map_err(|error| error.to_string())?)
        }
        SourceKind::Glassnode => {
            let gives = config.gives.first().ok_or("no subject")?;
            let measure = if gives.metric == Some(Metric::MvrvZScore) { Mvrv::ZScore } else { Mvrv::Ratio };
            let glassnode = Glassnode::new(http, gives.id.clone(), measure, &gives.subject, bounds);
            Box::new(glassnode.map_err(|error| error.to_string())?)
        }
        SourceKind::DefiLlamaHacks => {
            let protocols = each(config, |gives| HackedProtocol::new(&gives.id, &gives.subject))?;
            Box::new(DefiLlamaHacks::new(http, protocols, bounds))
        }
    })
}
