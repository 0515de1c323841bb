//! How far a proposal is: who has signed, by whom and in what way, and whether it can be executed now.

use super::{
    chain::{self, ChainError, SafeState},
    proposal::SafeProposal,
    service::ServiceTransaction,
    signatures::{self, OwnerSignature, SignatureKind},
};
use alloy::{
    primitives::{Address, Bytes, TxHash},
    providers::DynProvider,
};
use serde::Serialize;

/// Where a proposal stands at the head.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The Safe's next.
    pub nonce: u64,
    pub threshold: u64,
    pub owners: Vec<OwnerStanding>,
    /// The transaction that executed it.
    pub executed: Option<TxHash>,
    /// Why it cannot be executed now; `None` if it can.
    pub obstacle: Option<String>,
    /// Signatures that do not count, with the reason.
    pub refused: Vec<String>,
    #[serde(skip)]
    good: Vec<OwnerSignature>,
}

/// An owner of the Safe as it is now.
#[derive(Clone, Debug, Serialize)]
pub struct OwnerStanding {
    pub owner: Address,
    pub signed: Option<SignatureKind>,
}

impl Standing {
    /// Asks the chain about a verified proposal. `queued` is what the Transaction Service shows of it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn read(
        provider: &DynProvider,
        proposal: &SafeProposal,
        queued: Option<&ServiceTransaction>,
    ) -> Result<Self, ChainError> {
        let (safe, hash) = (proposal.safe, proposal.safe_tx_hash);
        let state = SafeState::read(provider, proposal.chain_id, safe).await?;
        let encoded = proposal.transaction.encoded(proposal.chain_id, safe);
        let (mut good, mut refused) = (Vec::new(), Vec::new());
        let of_service =
            queued.iter().flat_map(|queued| &queued.confirmations).filter_map(|one| one.signature(hash).ok());
        for signature in proposal.signatures.iter().cloned().chain(of_service) {
            let owner = signature.owner;
            if good.iter().any(|known: &OwnerSignature| known.owner == owner) {
                continue;
            }
            let agreed = match signature.kind {
                SignatureKind::Contract => {
                    chain::contract_agrees(provider, owner, &encoded, &signature.signature).await
                }
                _ => Ok(()),
            };
            if let Err(why) = agreed.and_then(|()| signatures::add(&mut good, signature, &state.owners, hash)) {
                refused.push(why.to_string());
            }
        }
        for owner in chain::approvals(provider, safe, &state.owners, hash).await? {
            // One that signed as well counts once.
            drop(signatures::add(&mut good, OwnerSignature::on_chain(owner), &state.owners, hash));
        }
        let executed = match state.nonce > proposal.nonce() {
            true => chain::execution(provider, safe, hash, proposal.observed.block).await?,
            false => None,
        };
        let obstacle = obstacle(proposal, &state, executed, good.len());
        let owners = state.owners.iter().map(|owner| OwnerStanding {
            owner: *owner,
            signed: good.iter().find(|signature| signature.owner == *owner).map(|signature| signature.kind),
        });
        Ok(Self {
            nonce: state.nonce,
            threshold: state.threshold,
            owners: owners.collect(),
            executed,
            obstacle,
            refused,
            good,
        })
    }

    /// Calldata of `execTransaction`, with as many signatures as the Safe asks for; `None` while there is an obstacle.
    #[must_use]
    pub fn execution(&self, proposal: &SafeProposal) -> Option<Bytes> {
        if self.obstacle.is_some() {
            return None;
        }
        let enough = usize::try_from(self.threshold).unwrap_or(usize::MAX).min(self.good.len());
        Some(proposal.transaction.execution(signatures::packed(&self.good[..enough])))
    }
}

fn obstacle(proposal: &SafeProposal, state: &SafeState, executed: Option<TxHash>, signed: usize) -> Option<String> {
    let (nonce, now) = (proposal.nonce(), state.nonce);
    if let Some(tx) = executed {
        return Some(format!("it was executed already, in {tx}"));
    }
    if now > nonce {
        return Some(format!(
            "the Safe's nonce is {now}: another transaction took nonce {nonce}, and this one never can be executed; propose it anew"
        ));
    }
    if now < nonce {
        return Some(format!("the Safe's nonce is {now}: the transactions before nonce {nonce} come first"));
    }
    let threshold = state.threshold;
    let missing = usize::try_from(threshold).unwrap_or(usize::MAX).saturating_sub(signed);
    (missing > 0).then(|| format!("{signed} of the {threshold} owners that are needed have signed, {missing} missing"))
}
