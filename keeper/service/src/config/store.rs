//! `[store]`: where the keeper's memory is.

use super::{ConfigError, secret};
use ballast_store::{DatabaseUrl, Location};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Exactly one of the two.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// The SQLite file.
    pub path: Option<PathBuf>,
    /// The environment variable that holds the URL of the PostgreSQL database. A URL holds a password, so it is never in the file.
    pub url_variable: Option<UrlVariable>,
}

/// The variable that may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum UrlVariable {
    #[serde(rename = "BALLAST_DATABASE_URL")]
    Ballast,
}

impl UrlVariable {
    const fn name(self) -> &'static str {
        match self {
            Self::Ballast => "BALLAST_DATABASE_URL",
        }
    }
}

impl StoreConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let value = match (&self.path, self.url_variable) {
            (Some(_), None) | (None, Some(_)) => return Ok(()),
            (None, None) => "empty",
            (Some(_), Some(_)) => "both path and url_variable",
        };
        let expected =
            "either path, a SQLite file, or url_variable = \"BALLAST_DATABASE_URL\", for a PostgreSQL database";
        Err(ConfigError::OutOfRange { key: "store", value: value.to_owned(), expected })
    }

    /// A relative path means beside the configuration file, wherever the service is started from.
    pub(super) fn beside(&mut self, directory: &Path) {
        if let Some(path) = &mut self.path {
            *path = directory.join(&*path);
        }
    }

    /// Where it is. Reads the URL from the environment, if it is there.
    ///
    /// # Errors
    /// [`ConfigError::MissingSecret`] or [`ConfigError::MalformedSecret`] for the URL, which they do not repeat.
    pub fn location(&self) -> Result<Location, ConfigError> {
        if let Some(path) = &self.path {
            return Ok(Location::Sqlite(path.clone()));
        }
        let name = self.url_variable.unwrap_or(UrlVariable::Ballast).name();
        let url = secret(name, "the URL of the store's PostgreSQL database")?;
        let malformed = |_| ConfigError::MalformedSecret {
            name,
            expected: "postgresql://user:password@host:port/database, with no other parameters than docs/CONFIG.md names",
        };
        url.trim().parse::<DatabaseUrl>().map(Location::Postgres).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn store(text: &str) -> StoreConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_store_is_a_file_or_a_database_and_not_both() {
        assert!(store("path = 'keeper.db'").validate().is_ok());
        assert!(store("url_variable = 'BALLAST_DATABASE_URL'").validate().is_ok());
        for text in ["", "path = 'keeper.db'\nurl_variable = 'BALLAST_DATABASE_URL'"] {
            let refused = store(text).validate().unwrap_err().to_string();
            assert!(refused.contains("either path, a SQLite file, or url_variable"), "{refused}");
        }
        assert!(toml::from_str::<StoreConfig>("url = 'postgresql://u:p@h/d'").is_err());
        assert!(toml::from_str::<StoreConfig>("url_variable = 'HOME'").is_err());
    }

    #[test]
    fn a_relative_path_is_beside_the_configuration() {
        let mut config = store("path = 'keeper.db'");
        config.beside(Path::new("/etc/ballast"));
        assert_eq!(config.location().unwrap(), Location::Sqlite("/etc/ballast/keeper.db".into()));
    }
}
