//! `[server]`: where what the keeper knows can be asked for.

use super::{Config, ConfigError};
use ballast_server::Bounds;
use ballast_store::cache::Limit;
use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// Absent addresses are not served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// gRPC (SPEC D8): an IP address and a port.
    pub grpc: Option<SocketAddr>,
    /// REST (SPEC D14, R15); may be the same as `grpc`.
    pub rest: Option<SocketAddr>,
    /// Whether the two may be reached from other machines. Nobody is asked there who they are.
    pub public: bool,
    /// Alchemy's notices (SPEC D2).
    pub webhook: Option<WebhookConfig>,
    /// Seconds in which the head of a request has to come in.
    pub header_timeout: u64,
    /// Connections at once, of each address that is listened at.
    pub max_connections: usize,
    /// Calls of one client in any minute, over gRPC and REST together (SPEC D7).
    pub calls_per_minute: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let Bounds { header, connections } = Bounds::default();
        Self {
            grpc: None,
            rest: None,
            public: false,
            webhook: None,
            header_timeout: header.as_secs(),
            max_connections: connections,
            calls_per_minute: 100,
        }
    }
}

/// Its signing key is a secret, not a key of the file.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whatever comes in here without a valid signature is refused, so that it may be reached from anywhere.
    pub listen: SocketAddr,
}

impl ServerConfig {
    /// What clients may take of each listener.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        Bounds { header: Duration::from_secs(self.header_timeout), connections: self.max_connections }
    }

    /// How often one client may ask.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for none at all, which a configuration that was loaded does not have.
    pub fn limit(&self) -> Result<Limit, ConfigError> {
        Limit::new(self.calls_per_minute, MINUTE).map_err(|_| ConfigError::OutOfRange {
            key: "server.calls_per_minute",
            value: self.calls_per_minute.to_string(),
            expected: "1 to 100000 calls",
        })
    }

    /// Whether anything is served that has to be observed for.
    #[must_use]
    pub const fn shows(&self) -> bool {
        self.grpc.is_some() || self.rest.is_some()
    }
}

impl Config {
    pub(super) fn validate_server(&self) -> Result<(), ConfigError> {
        let server = &self.server;
        for (key, address) in [("server.grpc", server.grpc), ("server.rest", server.rest)] {
            if let Some(address) = address
                && !address.ip().is_loopback()
                && !server.public
            {
                let expected =
                    "an address of loopback, such as 127.0.0.1, or server.public = true: whoever reaches it may read";
                return Err(ConfigError::OutOfRange { key, value: address.to_string(), expected });
            }
        }
        if let Some(webhook) = server.webhook
            && [server.grpc, server.rest].contains(&Some(webhook.listen))
        {
            let expected = "an address of its own: others may reach it than server.grpc and server.rest";
            let value = webhook.listen.to_string();
            return Err(ConfigError::OutOfRange { key: "server.webhook.listen", value, expected });
        }
        let range = |ok: bool, key: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(ConfigError::OutOfRange { key, value, expected }) }
        };
        let ServerConfig { header_timeout, max_connections, calls_per_minute, .. } = *server;
        range(
            (1..=300).contains(&header_timeout),
            "server.header_timeout",
            header_timeout.to_string(),
            "1 to 300 seconds",
        )?;
        range(
            (1..=10_000).contains(&max_connections),
            "server.max_connections",
            max_connections.to_string(),
            "1 to 10000 connections",
        )?;
        range(
            (1..=100_000).contains(&calls_per_minute),
            "server.calls_per_minute",
            calls_per_minute.to_string(),
            "1 to 100000 calls",
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn load(server: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ballast.toml");
        let file = include_str!("../../../../deploy/debian/ballast.toml");
        fs::write(&path, format!("{file}\n{server}")).unwrap();
        Config::load(&path)
    }

    // SPEC D14
    #[test]
    fn nothing_is_served_unless_wanted_and_beyond_loopback_only_if_said_so() {
        assert!(!load("").unwrap().server.shows());
        let both = load("[server]\ngrpc = '127.0.0.1:50051'\nrest = '[::1]:8090'").unwrap();
        assert!(both.server.shows());
        assert!(load("[server]\nrest = '10.0.0.5:8090'\npublic = true").is_ok());
        let usual = load("").unwrap().server;
        assert_eq!((usual.bounds(), usual.limit().unwrap()), (Bounds::default(), Limit::DEFAULT));
        for (text, said) in [
            ("[server]\nrest = '10.0.0.5:8090'", "server.rest is 10.0.0.5:8090, expected an address of loopback"),
            ("[server]\ngrpc = '0.0.0.0:1'", "server.grpc is 0.0.0.0:1"),
            ("[server]\nrest = 'localhost:8090'", "invalid socket address"),
            ("[server]\nrest = '127.0.0.1'", "invalid socket address"),
            ("[server]\nlisten = '127.0.0.1:1'", "unknown field `listen`"),
            ("[server]\nheader_timeout = 0", "server.header_timeout is 0, expected 1 to 300 seconds"),
            ("[server]\nmax_connections = 0", "server.max_connections is 0, expected 1 to 10000"),
            ("[server]\ncalls_per_minute = 100001", "server.calls_per_minute is 100001, expected 1 to 100000"),
            ("[server.webhook]\nkey = 'x'", "unknown field `key`"),
            ("[server]\nrest = '127.0.0.1:1'\n[server.webhook]\nlisten = '127.0.0.1:1'", "an address of its own"),
        ] {
            let refused = load(text).unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
