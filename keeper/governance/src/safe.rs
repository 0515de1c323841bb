//! Transactions of a Safe: proposed, verified offline, signed one by one, and handed to whoever executes them.
//!
//! - [`SafeProposal`] is a file. [`SafeProposal::derive`] makes everything in it from the calls; [`verify()`] does so again, with the
//!   reader's own files, and names the first difference.
//! - [`Books`] says what addresses are, and an [`Effect`] what a call does. What they do not know is [`UNKNOWN`].
//! - [`signatures`] keeps what owners sign: keys, `eth_sign`, contracts (EIP-1271).
//! - [`chain`] asks the chain: owners, nonce, settings before, and what would happen; [`TransactionService`] is Safe's own queue.

mod approval;
mod books;
pub mod builder;
pub mod chain;
mod decode;
mod proposal;
pub mod service;
mod shown;
pub mod signatures;
mod spelling;
pub mod status;
pub mod text;
mod transaction;
mod verify;

pub use approval::{Approved, DecisionContext};
pub use books::{Books, BooksError};
pub use decode::{Argument, Effect, UNKNOWN};
pub use proposal::{Before, Observed, ProposalError, SafeProposal, SimulationReport};
pub use service::{ServiceError, TransactionService};
pub use transaction::{
    Call, ISafe, ISignatureValidator, MULTI_SEND_CALL_ONLY, SAFE_VERSION, SafeTransaction, message_for_contract_owner,
};
pub use verify::{Verified, VerifyError, verify};
