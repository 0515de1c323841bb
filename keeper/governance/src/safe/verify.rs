//! Whether a proposal is what it says: everything that can be derived is derived again, from the calls alone and the reader's own files.

use super::{
    books::Books,
    proposal::{FORMAT, ProposalError, SafeProposal, VERSION},
    signatures::{SignatureError, SignatureKind},
};
use alloy::primitives::{Address, B256};
use serde::Serialize;
use serde_json::Value;

/// What holds of a proposal that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Derived, not read. What an owner compares with the screen of the device that signs.
    pub safe_tx_hash: B256,
    pub digest: B256,
    /// Owners whose signatures are good.
    pub signed: Vec<Address>,
    /// Owners that are contracts: whether they agree, only the chain can say.
    pub unchecked: Vec<Address>,
    /// Calls that nobody can vouch for; only if they are allowed.
    pub unknown: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    #[error("the proposal is of chain {found}, your deployment file of chain {expected}: do not sign")]
    WrongChain { found: u64, expected: u64 },
    #[error("{field} is {claimed} in the proposal, but {derived} follows from its calls and your files: do not sign")]
    Different { field: String, claimed: String, derived: String },
    #[error("the signature of {owner}: {source}")]
    Signature { owner: Address, source: SignatureError },
    #[error("the signatures are not in the order of their owners' addresses, each once")]
    Order,
    #[error(
        "nobody can say what this does: {}; add the contract to the address book, or pass --allow-unknown if you know it", .0.join("; ")
    )]
    Unknown(Vec<String>),
}

/// Derives everything again and compares. Nothing is asked of anybody.
///
/// What the chain said when the proposal was made ([`super::Observed`]) cannot be derived: that it is as the proposer wrote it is shown by
/// the digest, which the reader compares with the proposer's; that it is true, by [`super::chain::confirm`].
///
/// # Errors
/// [`VerifyError`] with the first difference.
pub fn verify(proposal: &SafeProposal, books: &Books, allow_unknown: bool) -> Result<Verified, VerifyError> {
    if proposal.format != FORMAT || proposal.version != VERSION {
        let (found, version) = (proposal.format.clone(), proposal.version);
        return Err(ProposalError::Format { found, version }.into());
    }
    let expected = books.deployed.chain_id;
    if proposal.chain_id != expected {
        return Err(VerifyError::WrongChain { found: proposal.chain_id, expected });
    }
    let nonce = u64::try_from(proposal.transaction.nonce).map_err(|_| VerifyError::Different {
        field: "transaction.nonce".into(),
        claimed: proposal.transaction.nonce.to_string(),
        derived: "a number below 2^64".into(),
    })?;
    let derived = SafeProposal::derive(
        books,
        proposal.safe,
        &proposal.title,
        proposal.calls.clone(),
        nonce,
        proposal.decision.clone(),
        proposal.observed.clone(),
    )?;
    let claimed = SafeProposal { signatures: Vec::new(), ..proposal.clone() };
    let (claimed, of_calls) = (value(&claimed), value(&derived));
    // In the order of the file, so that the first difference is the one that the others follow from.
    if let Some((field, claimed, derived)) = difference("", &claimed, &of_calls) {
        return Err(VerifyError::Different { field, claimed, derived });
    }
    let (signed, unchecked) = signatures(proposal, derived.safe_tx_hash)?;
    let unknown: Vec<String> = derived.effects.iter().flat_map(super::Effect::unknowns).collect();
    if !unknown.is_empty() && !allow_unknown {
        return Err(VerifyError::Unknown(unknown));
    }
    Ok(Verified { safe_tx_hash: derived.safe_tx_hash, digest: derived.digest, signed, unchecked, unknown })
}

fn signatures(proposal: &SafeProposal, hash: B256) -> Result<(Vec<Address>, Vec<Address>), VerifyError> {
    if !proposal.signatures.is_sorted_by(|one, next| one.owner < next.owner) {
        return Err(VerifyError::Order);
    }
    let (mut signed, mut unchecked) = (Vec::new(), Vec::new());
    for signature in &proposal.signatures {
        let owner = signature.owner;
        let fault = |source| VerifyError::Signature { owner, source };
        if !proposal.observed.owners.contains(&owner) {
            return Err(fault(SignatureError::NotAnOwner(owner)));
        }
        signature.check(hash).map_err(fault)?;
        match signature.kind {
            SignatureKind::Ecdsa | SignatureKind::EthSign => signed.push(owner),
            SignatureKind::Contract => unchecked.push(owner),
            SignatureKind::Approved => {
                let why = "an approval on the chain is read from the chain, not from a file".into();
                return Err(fault(SignatureError::Refused { owner, why }));
            }
        }
    }
    Ok((signed, unchecked))
}

fn value(proposal: &SafeProposal) -> Value {
    serde_json::to_value(proposal).unwrap_or_default()
}

/// The first place where two values differ: where, and what each has there. The proposal's digest comes last, as it differs whenever
/// anything does.
pub(super) fn difference(at: &str, claimed: &Value, derived: &Value) -> Option<(String, String, String)> {
    match (claimed, derived) {
        (Value::Object(one), Value::Object(other)) => {
            let order = |key: &&String| (at.is_empty() && *key == "digest", at.is_empty() && *key == "effects");
            let mut keys: Vec<&String> = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))).collect();
            keys.sort_by_key(order);
            keys.into_iter().find_map(|key| {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                difference(&at, one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null))
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .enumerate()
            .find_map(|(i, (one, other))| difference(&format!("{at}[{i}]"), one, other)),
        (one, other) if one == other => None,
        (one, other) => Some((at.to_owned(), one.to_string(), other.to_string())),
    }
}
