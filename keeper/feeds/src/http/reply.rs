//! One answer: its status, its type, its size, and whether it is a JSON document of the expected shape.

use crate::{FeedError, error::chain_text};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::time::{Duration, SystemTime};

/// Most of an error page that is repeated, characters.
pub(super) const QUOTED_CHARS: usize = 160;
/// What a source asks for in `Retry-After` is believed up to here; beyond, it is down.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(super) struct Reply {
    label: String,
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    content_type: String,
    body: Vec<u8>,
}

impl Reply {
    /// Sends, and reads at most `max_body` bytes.
    pub(super) async fn read(
        request: reqwest::RequestBuilder,
        label: &str,
        max_body: usize,
    ) -> Result<Self, FeedError> {
        let unreachable = |error: reqwest::Error| FeedError::Unreachable {
            endpoint: label.to_owned(),
            why: chain_text(&error.without_url()),
        };
        let too_large = || FeedError::TooLarge { endpoint: label.to_owned(), limit: max_body };
        let mut response = request.send().await.map_err(unreachable)?;
        if response.content_length().is_some_and(|length| length > max_body as u64) {
            return Err(too_large());
        }
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let retry_after = header(RETRY_AFTER).and_then(|text| pause(&text, SystemTime::now()));
        let content_type = header(CONTENT_TYPE).unwrap_or_else(|| "no content type".to_owned());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > max_body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { label: label.to_owned(), status, retry_after, content_type, body })
    }

    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let quoted: String = text.chars().take(QUOTED_CHARS).collect();
        format!("{quoted:?}")
    }

    /// The document.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, FeedError> {
        let endpoint = self.label.clone();
        match self.status {
            200 => {}
            429 => return Err(FeedError::Limited { endpoint, retry_after: self.retry_after }),
            status => return Err(FeedError::Status { endpoint, status, said: self.said() }),
        }
        // `application/json; charset=utf-8`, and The Graph's `application/graphql-response+json`.
        let essence = self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
            let found: String = self.content_type.chars().take(QUOTED_CHARS).collect();
            return Err(FeedError::ContentType { endpoint, found, said: self.said() });
        }
        let mut document = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut document).map_err(|error| {
            let (endpoint, at, why) = (endpoint.clone(), error.path().to_string(), error.inner().to_string());
            match error.inner().classify() {
                Category::Data => FeedError::Shape { endpoint, at, why },
                Category::Syntax | Category::Eof | Category::Io => FeedError::NotJson { endpoint, why },
            }
        })?;
        document.end().map_err(|error| FeedError::NotJson { endpoint, why: error.to_string() })?;
        Ok(value)
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn pause(text: &str, now: SystemTime) -> Option<Duration> {
    let asked = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text.trim()).ok()?.duration_since(now).unwrap_or(Duration::ZERO),
    };
    Some(asked.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(pause("120", now), Some(Duration::from_secs(120)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(pause("999999999", now), Some(LONGEST_PAUSE));
        assert_eq!(pause("soon", now), None);
    }
}
