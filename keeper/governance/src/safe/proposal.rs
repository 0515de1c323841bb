//! The proposal file: everything that an owner needs to know before signing, and the signatures collected so far.

use super::{
    approval::{Approved, DecisionContext},
    books::Books,
    decode::{Decoder, Effect},
    signatures::OwnerSignature,
    spelling::{checksummed, checksummed_list},
    transaction::{Call, SafeTransaction},
};
use crate::FileError;
use alloy::primitives::{Address, B256, keccak256};
use ballast_types::RecordError;
use serde::{Deserialize, Serialize};
use std::{io::Write, path::Path};

/// What the file says it is.
pub(super) const FORMAT: &str = "ballast-safe-proposal";
/// The version this build writes and reads. A change to any field changes it.
pub(super) const VERSION: u32 = 1;

/// A transaction of a Safe, proposed. docs/RUNBOOK.md, "Approving in Safe", describes the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SafeProposal {
    pub format: String,
    pub version: u32,
    pub chain_id: u64,
    #[serde(with = "checksummed")]
    pub safe: Address,
    /// For a list of proposals; says nothing about what it does.
    pub title: String,
    /// What the Safe does, call by call. All else follows from these, chain, Safe and nonce.
    pub calls: Vec<Call>,
    pub transaction: SafeTransaction,
    /// What the owners sign.
    pub safe_tx_hash: B256,
    pub effects: Vec<Effect>,
    /// The decision whose digest is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionContext>,
    pub observed: Observed,
    /// Keccak-256 of the file in its canonical spelling without this and the signatures: two people who read the same digest read the
    /// same proposal.
    pub digest: B256,
    pub signatures: Vec<OwnerSignature>,
}

/// What the chain said when the proposal was made. It cannot be derived from the calls: `digest` covers it, [`super::chain::confirm`]
/// asks the chain again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observed {
    pub block: u64,
    pub block_hash: B256,
    /// Unix time of the block, seconds.
    pub block_time: u64,
    #[serde(with = "checksummed_list")]
    pub owners: Vec<Address>,
    pub threshold: u64,
    /// Of the Safe.
    pub nonce: u64,
    pub before: Vec<Before>,
    pub simulation: SimulationReport,
}

/// A setting that the proposal replaces, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Before {
    #[serde(with = "checksummed")]
    pub target: Address,
    /// The function that was asked, with its arguments' bytes.
    pub asked: String,
    /// With units and names, or why there is no answer.
    pub value: String,
}

/// What would have happened in the block after [`Observed::block`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SimulationReport {
    pub success: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revert: Option<String>,
    /// Gas of `execTransaction`, with approvals in the place of signatures.
    pub gas: u64,
    pub events: Vec<String>,
    /// What was put in the place of what is not there yet.
    pub assumed: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("this is {found:?} version {version}; expected {FORMAT:?} version {VERSION}, which this build reads")]
    Format { found: String, version: u32 },
    #[error("a proposal needs at least one call")]
    Empty,
    #[error("the decision in the proposal cannot be read: {0}")]
    Decision(#[from] RecordError),
    #[error("the decision is of chain {found}, the proposal of chain {expected}")]
    DecisionOfAnotherChain { found: u64, expected: u64 },
    #[error(
        "no call approves the digest {0} of the decision that the proposal carries; expected the hub's approve with it"
    )]
    DecisionNotApproved(B256),
    #[error("cannot write {path}: {source}; nothing was changed")]
    Unwritable { path: String, source: std::io::Error },
}

impl SafeProposal {
    /// Everything that follows from `calls`, by the reader's files; `digest` included, no signatures.
    ///
    /// # Errors
    /// [`ProposalError`] if there is no call or the decision is not what is approved.
    #[allow(clippy::too_many_arguments, reason = "the parts of a proposal that do not follow from each other")]
    pub fn derive(
        books: &Books,
        safe: Address,
        title: &str,
        calls: Vec<Call>,
        nonce: u64,
        decision: Option<DecisionContext>,
        observed: Observed,
    ) -> Result<Self, ProposalError> {
        let chain_id = books.deployed.chain_id;
        let approved = approved(books, &calls, decision.as_ref())?;
        let decoder = Decoder { books, safe, approved: approved.as_ref() };
        let transaction = SafeTransaction::of(&calls, nonce).ok_or(ProposalError::Empty)?;
        let mut proposal = Self {
            format: FORMAT.into(),
            version: VERSION,
            chain_id,
            safe,
            title: title.into(),
            safe_tx_hash: transaction.hash(chain_id, safe),
            transaction,
            effects: calls.iter().map(|call| decoder.effect(call)).collect(),
            calls,
            decision,
            observed,
            digest: B256::ZERO,
            signatures: Vec::new(),
        };
        proposal.digest = proposal.content_digest();
        Ok(proposal)
    }

    /// Keccak-256 of the proposal without its digest and signatures, as compact JSON with the fields in their order here.
    #[must_use]
    pub fn content_digest(&self) -> B256 {
        let content = Self { digest: B256::ZERO, signatures: Vec::new(), ..self.clone() };
        keccak256(serde_json::to_vec(&content).unwrap_or_default())
    }

    /// The nonce of the transaction.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.transaction.nonce.saturating_to()
    }

    /// Reads a file. Whether it says the truth is for [`verify`](super::verify()).
    ///
    /// # Errors
    /// [`ProposalError::File`] and [`ProposalError::Format`].
    pub fn load(path: &Path) -> Result<Self, ProposalError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = crate::load(path)?;
        if head.format != FORMAT || head.version != VERSION {
            return Err(ProposalError::Format { found: head.format, version: head.version });
        }
        Ok(crate::load(path)?)
    }

    /// Writes the file, all of it or nothing.
    ///
    /// # Errors
    /// [`ProposalError::Unwritable`].
    pub fn save(&self, path: &Path) -> Result<(), ProposalError> {
        let fault = |source| ProposalError::Unwritable { path: path.display().to_string(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| fault(error.into()))? + "\n";
        let beside = path.with_extension("json.new");
        let mut file = std::fs::File::create(&beside).map_err(fault)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
        std::fs::rename(&beside, path).map_err(fault)
    }
}

/// The decision that the calls approve, if the proposal carries one.
pub(super) fn approved(
    books: &Books,
    calls: &[Call],
    decision: Option<&DecisionContext>,
) -> Result<Option<Approved>, ProposalError> {
    let Some(context) = decision else { return Ok(None) };
    let approved = Approved::read(context)?;
    let expected = books.deployed.chain_id;
    if approved.chain_id() != expected {
        return Err(ProposalError::DecisionOfAnotherChain { found: approved.chain_id(), expected });
    }
    let call = approved.call();
    if !calls.iter().any(|one| one.to == books.deployed.hub && one.data == call) {
        return Err(ProposalError::DecisionNotApproved(approved.digest()));
    }
    Ok(Some(approved))
}
