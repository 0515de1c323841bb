//! `[server]`: where what the keeper knows can be asked for.

use super::{Config, ConfigError};
use serde::Deserialize;
use std::net::SocketAddr;

/// Absent addresses are not served.
#[derive(Clone, Debug, Default, Deserialize)]
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
}

/// Its signing key is a secret, not a key of the file.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whatever comes in here without a valid signature is refused, so that it may be reached from anywhere.
    pub listen: SocketAddr,
}

impl ServerConfig {
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
        Ok(())
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
        for (text, said) in [
            ("[server]\nrest = '10.0.0.5:8090'", "server.rest is 10.0.0.5:8090, expected an address of loopback"),
            ("[server]\ngrpc = '0.0.0.0:1'", "server.grpc is 0.0.0.0:1"),
            ("[server]\nrest = 'localhost:8090'", "invalid socket address"),
            ("[server]\nrest = '127.0.0.1'", "invalid socket address"),
            ("[server]\nlisten = '127.0.0.1:1'", "unknown field `listen`"),
            ("[server.webhook]\nkey = 'x'", "unknown field `key`"),
            ("[server]\nrest = '127.0.0.1:1'\n[server.webhook]\nlisten = '127.0.0.1:1'", "an address of its own"),
        ] {
            let refused = load(text).unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
