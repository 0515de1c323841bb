//! One HTTP source: asked within its limits, again where that may help, and read with suspicion.

mod backoff;
mod keys;
mod limit;
mod reply;

pub use backoff::Backoff;
pub use keys::{KeyPlace, KeyRing, Secret};
pub use limit::Limit;

use crate::{FeedError, error::chain_text};
use limit::TokenBucket;
use reply::{QUOTED_CHARS, Reply};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use std::{
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Bound on one attempt, from the connection to the last byte: a body that drips in is given up.
    pub timeout: Duration,
    /// Bound on all attempts together, waiting included.
    pub patience: Duration,
    /// Attempts, the first included; at least 1.
    pub attempts: u32,
    pub backoff: Backoff,
    /// Largest body that is read, bytes.
    pub max_body: usize,
    pub limit: Option<Limit>,
    /// Of the jitter.
    pub seed: u64,
}

impl HttpSettings {
    /// Ten seconds an attempt, four attempts within a minute, 64 MiB (DefiLlama's list of all pools has about 15).
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            timeout: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            attempts: 4,
            backoff: Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(30) },
            max_body: 64 << 20,
            limit: None,
            seed,
        }
    }

    #[must_use]
    pub const fn limited(mut self, requests: u32, per: Duration) -> Self {
        self.limit = Some(Limit { requests, per });
        self
    }
}

/// A source's base URL and all that is kept between requests.
pub struct Http {
    client: reqwest::Client,
    base: Url,
    label: String,
    settings: HttpSettings,
    bucket: Option<Mutex<TokenBucket>>,
    keys: Option<(KeyPlace, KeyRing)>,
    rng: Mutex<fastrand::Rng>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// One for all sources: reading the machine's trusted roots anew for each of them takes longer than most requests.
static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();

fn client() -> Result<reqwest::Client, reqwest::Error> {
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    // The TLS library panics without a process-wide provider; whoever installed one first keeps it.
    drop(rustls::crypto::ring::default_provider().install_default());
    // A redirect would take key and question to a host that nobody configured.
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("ballast/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(CLIENT.get_or_init(|| client).clone())
}

impl Http {
    /// Nothing is contacted yet.
    ///
    /// # Errors
    /// [`FeedError::BadUrl`] if `base` is no http or https URL.
    pub fn new(base: &str, settings: HttpSettings) -> Result<Self, FeedError> {
        let label = ballast_chain::redact(base);
        let bad = |why: String| FeedError::BadUrl { endpoint: label.clone(), why };
        let mut url: Url = base.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("the scheme is {:?}, expected http or https", url.scheme())));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let client = client().map_err(|error| bad(chain_text(&error.without_url())))?;
        let bucket = settings.limit.map(|limit| Mutex::new(TokenBucket::new(limit, Instant::now())));
        let rng = Mutex::new(fastrand::Rng::with_seed(settings.seed));
        Ok(Self { client, base: url, label, settings, bucket, keys: None, rng })
    }

    #[must_use]
    pub fn with_keys(mut self, place: KeyPlace, keys: KeyRing) -> Self {
        self.keys = Some((place, keys));
        self
    }

    /// Scheme, host and port: what it is called in errors and provenance.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// # Errors
    /// As [`FeedError`] says, when no attempt gave a JSON document of the shape `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, FeedError> {
        self.ask(Method::GET, path, query, None).await
    }

    /// # Errors
    /// As [`Self::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, FeedError> {
        self.ask(Method::POST, path, &[], Some(body)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<&serde_json::Value>,
    ) -> Result<T, FeedError> {
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .map_err(|error| FeedError::BadUrl { endpoint: self.label.clone(), why: format!("{path:?}: {error}") })?;
        let deadline = Instant::now() + self.settings.patience;
        let (mut repetition, mut refused_keys) = (0, 0);
        loop {
            self.await_turn(deadline).await?;
            let key = self.keys.as_ref().and_then(|(_, keys)| keys.current());
            let mut request = self.client.request(method.clone(), url.clone()).query(query);
            if let (Some((place, _)), Some((_, key))) = (&self.keys, key) {
                request = match place {
                    KeyPlace::Header(name) => request.header(*name, key.reveal()),
                    KeyPlace::Bearer => request.bearer_auth(key.reveal()),
                };
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let left = deadline.saturating_duration_since(Instant::now()).min(self.settings.timeout);
            let reply = tokio::time::timeout(left, Reply::read(request, &self.label, self.settings.max_body)).await;
            let reply = reply.unwrap_or_else(|_| {
                Err(FeedError::TimedOut { endpoint: self.label.clone(), after: self.settings.timeout })
            });
            let mut asked_for = None;
            let error = match reply.and_then(|reply| {
                asked_for = reply.retry_after;
                let status = reply.status;
                reply.parse::<T>().map_err(|error| (error, status)).or_else(|(error, status)| {
                    self.refused_key(key.map(|(index, _)| index), status, &mut refused_keys).map_or(Err(error), Err)
                })
            }) {
                Ok(value) => return Ok(value),
                Err(error) => self.scrubbed(error),
            };
            let another_key = matches!(error, FeedError::KeysRefused { .. } | FeedError::Limited { .. })
                && self.keys.as_ref().is_some_and(|(_, keys)| refused_keys > 0 && refused_keys < keys.len());
            if another_key {
                continue;
            }
            repetition += 1;
            if !error.is_passing() || repetition >= self.settings.attempts.max(1) {
                return Err(error);
            }
            let jitter = {
                let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
                self.settings.backoff.wait(repetition - 1, &mut rng)
            };
            let wait = asked_for.map_or(jitter, |asked_for| asked_for.saturating_add(jitter));
            if Instant::now() + wait >= deadline {
                return Err(error);
            }
            tracing::debug!(endpoint = self.label, %error, ?wait, "asked again after a pause");
            tokio::time::sleep(wait).await;
        }
    }

    /// Waits for the source's own limit.
    async fn await_turn(&self, deadline: Instant) -> Result<(), FeedError> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        let now = Instant::now();
        let taken = {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(now, deadline.saturating_duration_since(now))
        };
        match taken {
            Ok(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Err(wait) => Err(FeedError::Limited { endpoint: self.label.clone(), retry_after: Some(wait) }),
        }
    }

    /// Turns to the next key if this status says that the present one is refused or used up.
    fn refused_key(&self, index: Option<usize>, status: u16, refused: &mut usize) -> Option<FeedError> {
        let ((_, keys), index) = (self.keys.as_ref()?, index?);
        if !matches!(status, 401 | 403 | 429) {
            return None;
        }
        keys.rotate(index);
        *refused += 1;
        (status != 429).then(|| FeedError::KeysRefused {
            endpoint: self.label.clone(),
            keys: keys.len(),
            status,
            variable: keys.variable().to_owned(),
        })
    }

    /// The source says no, in a document of its own. Its words are cut short, and are without the keys.
    pub(crate) fn declined(&self, why: &str) -> FeedError {
        let why = self.keys.as_ref().map_or_else(|| why.to_owned(), |(_, keys)| keys.scrub(why));
        FeedError::Declined { endpoint: self.label.clone(), why: why.chars().take(QUOTED_CHARS).collect() }
    }

    /// Without the keys, which a server may repeat in what it says.
    fn scrubbed(&self, error: FeedError) -> FeedError {
        let Some((_, keys)) = &self.keys else { return error };
        match error {
            FeedError::Status { endpoint, status, said } => {
                FeedError::Status { endpoint, status, said: keys.scrub(&said) }
            }
            FeedError::ContentType { endpoint, found, said } => {
                FeedError::ContentType { endpoint, found: keys.scrub(&found), said: keys.scrub(&said) }
            }
            FeedError::Shape { endpoint, at, why } => {
                FeedError::Shape { endpoint, at: keys.scrub(&at), why: keys.scrub(&why) }
            }
            FeedError::NotJson { endpoint, why } => FeedError::NotJson { endpoint, why: keys.scrub(&why) },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_source_says_in_its_own_document_is_told_short_and_without_the_keys() {
        let keys = KeyRing::parse("graph", "GRAPH_API_KEY", "first-key,second-key").unwrap();
        let http = Http::new("http://127.0.0.1:1", HttpSettings::new(1)).unwrap().with_keys(KeyPlace::Bearer, keys);
        let told = http.declined(&format!("API key second-key not found{}", "x".repeat(10_000))).to_string();
        assert!(!told.contains("second-key") && told.contains("not found") && told.len() < 500, "{told}");
    }
}
