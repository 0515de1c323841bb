//! API keys: from the environment, never shown, changed when one is refused.

use crate::FeedError;
use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where a source wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In a header of this name.
    Header(&'static str),
    /// `Authorization: Bearer …`.
    Bearer,
}

/// One or more keys for one source, used in turn: the next one from the moment that one is refused or exhausted.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<Secret>,
    variable: String,
    current: AtomicUsize,
}

impl KeyRing {
    /// Keys separated by commas, as an environment variable holds them; blanks around them do not count.
    ///
    /// # Errors
    /// [`FeedError::NoKey`] if there is none, or one could not stand in a header.
    pub fn parse(source_name: &str, variable: &str, text: &str) -> Result<Self, FeedError> {
        let keys: Vec<_> = text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(Secret::new).collect();
        let printable = keys.iter().all(|key| key.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
        if keys.is_empty() || !printable {
            return Err(FeedError::NoKey { source_name: source_name.to_owned(), variable: variable.to_owned() });
        }
        Ok(Self { keys, variable: variable.to_owned(), current: AtomicUsize::new(0) })
    }

    /// From the environment variable.
    ///
    /// # Errors
    /// [`FeedError::NoKey`] if it is not set or holds no key.
    pub fn from_env(source_name: &str, variable: &str) -> Result<Self, FeedError> {
        Self::parse(source_name, variable, &std::env::var(variable).unwrap_or_default())
    }

    /// How many there are; never 0.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The environment variable they are from.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// The key to use now, with its place for [`Self::rotate`].
    pub(crate) fn current(&self) -> Option<(usize, &Secret)> {
        let index = self.current.load(Ordering::Acquire).checked_rem(self.keys.len())?;
        self.keys.get(index).map(|key| (index, key))
    }

    /// The key at `index` is refused: the next one's turn, unless somebody else has turned already.
    pub(crate) fn rotate(&self, index: usize) {
        let next = (index + 1) % self.keys.len().max(1);
        // If it fails, another request has rotated away from the same key.
        let _ = self.current.compare_exchange(index, next, Ordering::AcqRel, Ordering::Acquire);
    }

    /// `text` without any of the keys.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.keys.iter().fold(text.to_owned(), |text, key| text.replace(key.reveal(), "…"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_parsed_and_never_shown() {
        let ring = KeyRing::parse("dune", "DUNE_API_KEY", " first-key , second-key,").unwrap();
        assert_eq!(ring.len(), 2);
        let shown = format!("{ring:?} {:?} {}", ring.current(), ring.current().unwrap().1);
        assert!(!shown.contains("first") && !shown.contains("second"), "{shown}");
        assert_eq!(ring.scrub("no such key: first-key"), "no such key: …");
    }

    #[test]
    fn no_key_says_which_variable_was_expected() {
        for text in ["", " , ", "two words"] {
            let error = KeyRing::parse("dune", "DUNE_API_KEY", text).unwrap_err().to_string();
            assert!(error.contains("DUNE_API_KEY") && !error.contains("words"), "{error}");
        }
    }

    #[test]
    fn a_refused_key_gives_way_to_the_next_once_however_many_requests_saw_it_refused() {
        let ring = KeyRing::parse("x", "X", "a,b,c").unwrap();
        ring.rotate(0);
        ring.rotate(0);
        assert_eq!(ring.current().unwrap().0, 1);
        ring.rotate(1);
        ring.rotate(2);
        assert_eq!(ring.current().unwrap().0, 0);
    }
}
