//! From a decision to a final receipt, exactly once.
//!
//! [`Executor::execute`] takes a decision record and carries it to the chain: the move is simulated on the head state with the
//! attestor check overridden and must do what the decision predicted; the [`Attestor`] makes its own check and signs the proof;
//! the exact transaction is simulated for the exact block; only then the keeper's key signs, and a bundle for that one block and
//! timestamp goes to the private relay. The receipt is held against the simulation, to the unit.
//!
//! # Exactly once
//! Every step is a row on disk before it is taken ([`ballast_store::State`] draws the states). A process killed anywhere leaves an
//! attempt that [`Executor::resume`] settles from the chain's facts: what was never submitted expires, what was is included or not.
//! A decision has one inclusion at most, four times over: attempts of a decision follow each other, each only when the block of
//! the one before has passed; they share the account's nonce; the hub's proof nonce is single-use; and the store's schema refuses
//! a second landing.
//!
//! # Keys
//! The keeper's key stays in KMS ([`KmsSigner`]); an encrypted file is accepted on test networks ([`KeystoreSigner`]), a plain key on chain
//! 31337 only ([`DevKeySigner`]). The attestor's is another key, with a policy and counts of its own. A signer takes a
//! [`Cleared`](ballast_store::Cleared) and nothing else: only the record of a simulation gives leave to sign. The relay's authentication key holds nothing.
//!
//! TLS uses rustls with *ring*; a binary installs that provider at start, before any of the constructors here.

mod approval;
mod attestor;
mod calls;
mod chain;
mod config;
mod confirm;
mod control;
pub mod envelope;
pub mod fees;
mod flight;
mod gas_count;
mod late;
mod outbox;
mod outcome;
mod pipeline;
mod plan;
pub mod prediction;
pub mod proof;
mod reconcile;
mod relay;
mod scope;
mod settle;
mod signer;

pub use approval::{APPROVAL_VALIDITY, Waiting, approval_digest, in_force};
pub use attestor::{
    ApprovedClaim, AttestError, Attestation, Attestor, AttestorBounds, AttestorPolicy, Claim, Exceeded, GasReceipt,
    LedgerError, PolicyConfig, Rederive, ledger, policy,
};
pub use ballast_store::State;
pub use chain::{AccountState, Chain, ChainError, Receipt, RpcChain};
pub use config::{ConfigError, ExecutorConfig, MAX_PROOF_VALIDITY};
pub use control::Control;
pub use envelope::{Envelope, Verdict, still_fits};
pub use flight::Offer;
pub use outcome::{ExecuteError, Landing, Outcome};
pub use pipeline::{Executor, Parts};
pub use reconcile::{Balances, Expected, Observed, RebalanceReconciliation, Reconciliation};
pub use relay::{Builders, FlashbotsRelay, Relay, RelayError, ReplacementId, Submission, Window};
pub use scope::{Scope, Unfit, admit};
pub use signer::{
    CHECK_MESSAGE, DEV_CHAIN_ID, DevKeySigner, KNOWN_TESTNETS, KeystoreError, KeystoreSigner, KmsCause, KmsConfig,
    KmsSigner, PASSPHRASE_VARIABLE, Passphrase, SafeTx, SafeTxHash, Signer, SignerError, StaticCredentials,
};
