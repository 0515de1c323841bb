//! `[cache]`: what several keepers remember together for a while (SPEC D7).

use super::{ConfigError, secret};
use crate::shared::Shared;
use ballast_store::cache::{Limit, RedisUrl};
use serde::Deserialize;

/// The variable that may hold the URL of Redis: a URL holds a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RedisVariable {
    #[serde(rename = "BALLAST_REDIS_URL")]
    Ballast,
}

/// Without it each process has a cache and limits of its own.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// The environment variable, or the credential, that holds the URL of Redis. A URL holds a password, so it is never in the file.
    pub url_variable: Option<RedisVariable>,
}

const NAME: &str = "BALLAST_REDIS_URL";

impl CacheConfig {
    /// The cache and the limiter. Reads the URL, if one is wanted, and does not connect.
    ///
    /// # Errors
    /// [`ConfigError::MissingSecret`] or [`ConfigError::MalformedSecret`] for the URL, which they do not repeat.
    pub(crate) fn shared(&self, limit: Limit) -> Result<Shared, ConfigError> {
        let malformed = |_| ConfigError::MalformedSecret {
            name: NAME,
            expected: "redis://user:password@host:port/database or redis+unix:///path",
        };
        let url = match self.url_variable {
            None => None,
            Some(RedisVariable::Ballast) => {
                let url = secret(NAME, "the URL of the Redis that keepers share")?;
                Some(url.trim().parse::<RedisUrl>().map_err(malformed)?)
            }
        };
        Shared::new(url.as_ref(), limit).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_named_and_never_in_the_file() {
        let read = |text: &str| toml::from_str::<CacheConfig>(text);
        assert_eq!(read("").unwrap().url_variable, None);
        assert_eq!(read("url_variable = 'BALLAST_REDIS_URL'").unwrap().url_variable, Some(RedisVariable::Ballast));
        for bad in ["url = 'redis://u:p@h'", "url_variable = 'redis://u:p@h'", "url_variable = 'HOME'"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
