//! Private submission: a transaction goes to block builders and to nobody else (SPEC X7).

mod builders;
mod flashbots;

pub use builders::Builders;
pub use flashbots::FlashbotsRelay;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use futures::future::BoxFuture;
use std::fmt;

/// When a transaction may be included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// In exactly one block at exactly one time, first in it: what was simulated is what may happen. A bundle.
    Exact { block: u64, timestamp: u64 },
    /// In any block up to this one. A private transaction.
    Until { block: u64 },
}

impl Window {
    /// The last block that it may be in.
    #[must_use]
    pub const fn last_block(self) -> u64 {
        match self {
            Self::Exact { block, .. } | Self::Until { block } => block,
        }
    }
}

/// A signed transaction on its way to the builders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// EIP-2718.
    pub raw: Bytes,
    pub tx_hash: B256,
    pub window: Window,
    /// Whatever is sent later under the same one takes the place of this.
    pub replacement: ReplacementId,
}

/// Names everything that one account sends under one nonce, as a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplacementId([u8; 16]);

impl ReplacementId {
    #[must_use]
    pub fn new(chain_id: u64, account: Address, nonce: u64) -> Self {
        let text = format!("ballast replacement {chain_id} {account} {nonce}");
        let mut bytes = [0; 16];
        for (byte, hashed) in bytes.iter_mut().zip(keccak256(text)) {
            *byte = hashed;
        }
        // Version and variant of RFC 9562; relays take a version 4 only.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for ReplacementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Takes transactions to block builders.
pub trait Relay: Send + Sync + fmt::Debug {
    /// Hands a transaction over and returns the relay's name for it. Success says that the relay took it, not that it will be
    /// included.
    fn submit<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<B256, RelayError>>;

    /// Asks for what was submitted to be dropped. Success says that the relay will not offer it any more; whoever saw it before may.
    fn cancel<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<(), RelayError>>;

    /// What the relay says became of a transaction, in its own words; `None` if it tells nobody.
    fn status(&self, tx_hash: B256) -> BoxFuture<'_, Result<Option<String>, RelayError>>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// It answered no: asking again with the same request changes nothing.
    #[error("the relay {relay} refused: {message}")]
    Refused { relay: String, message: String },
    /// It did not answer, or not as a relay does. The request may or may not have reached it.
    #[error("the relay {relay} is down: {why}")]
    Down { relay: String, why: String },
    #[error("no relay took it: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    All(Vec<RelayError>),
    #[error("the relay URL {url} is unusable: {why}; expected http:// or https://")]
    BadUrl { url: String, why: String },
    #[error("the relay's authentication key is not 32 bytes of hex")]
    BadKey,
    #[error("no relay is configured, expected at least one")]
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_and_nonce_have_one_uuid_and_no_others_share_it() {
        let id = |chain, byte, nonce| ReplacementId::new(chain, Address::repeat_byte(byte), nonce);
        let text = id(1, 1, 7).to_string();
        assert_eq!(text, id(1, 1, 7).to_string());
        assert!([id(2, 1, 7), id(1, 2, 7), id(1, 1, 8)].iter().all(|other| *other != id(1, 1, 7)));
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(text.as_bytes()[14], b'4', "{text}");
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
    }
}
