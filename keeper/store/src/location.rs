//! Where a store is.

use crate::StoreError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a store is. As text it holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(DatabaseUrl),
    /// A [`MemoryDisk`](crate::MemoryDisk), which is opened by itself.
    Memory,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
            Self::Memory => f.write_str("the store in memory"),
        }
    }
}

/// What may follow the `?`. Others are refused: a misspelt one would be ignored, and logged with its value.
const PARAMETERS: [&str; 9] =
    ["host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey"];

/// The URL of a PostgreSQL database: `postgresql://user:password@host:port/database?…`. It is shown without its password and its
/// parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// With the password.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// Whether nobody on the way can read along: the URL demands TLS, or the server is on this machine. Without `sslmode` TLS is used if
    /// the server offers it, which whoever is on the way decides.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        // What cannot be parsed is refused when it is opened.
        let Ok(options) = PgConnectOptions::from_str(&self.0) else { return true };
        let demanded = !matches!(options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer);
        let host = options.get_host();
        let loopback = host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
        demanded || loopback || host.starts_with('/') || options.get_socket().is_some()
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            return Err(StoreError::NotADatabaseUrl);
        }
        let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let name = parameter.split('=').next().unwrap_or_default();
            if !PARAMETERS.contains(&name) {
                return Err(StoreError::UnknownUrlParameter { expected: PARAMETERS.join(", ") });
            }
        }
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("postgresql", &self.0));
        // Parameters can hold a password as well.
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        match rest.rsplit_once('@') {
            None => write!(f, "{scheme}://{rest}"),
            Some((account, place)) => {
                write!(f, "{scheme}://{}@{place}", account.split(':').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_database_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("postgresql://ballast:s3cr3t@db:5432/keeper", "postgresql://ballast@db:5432/keeper"),
            ("postgres://ballast:s3c@r3t@db/keeper?sslmode=require&password=s3cr3t", "postgres://ballast@db/keeper"),
            ("postgresql:///keeper?host=/run/postgresql&password=s3cr3t", "postgresql:///keeper"),
        ] {
            let url: DatabaseUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?} {:?}", Location::Postgres(url.clone())).contains("s3c"));
        }
    }

    #[test]
    fn a_database_over_a_network_is_protected_only_by_tls_that_is_demanded() {
        let protected = |url: &str| url.parse::<DatabaseUrl>().unwrap().is_protected();
        for url in ["h/d?sslmode=require", "h/d?sslmode=verify-full", "localhost/d", "127.0.0.1/d", "/d?host=/run/pg"] {
            assert!(protected(&format!("postgresql://{url}")), "{url}");
        }
        for url in ["h/d", "10.0.0.7/d", "h/d?sslmode=prefer", "h/d?sslmode=disable", "localhost/d?host=db"] {
            assert!(!protected(&format!("postgresql://{url}")), "{url}");
        }
    }

    #[test]
    fn what_is_no_database_url_is_refused_without_being_repeated() {
        for url in ["mysql://u:s3cr3t@h/d", "keeper.db", "", "postgresql://h/d?pasword=s3cr3t"] {
            let refused = url.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(refused.contains("expected") && !refused.contains("s3cr3t"), "{refused}");
        }
    }
}
