//! Drawing up a transaction of a Safe: decoded, simulated, signed by whoever proposes it, written to a file and shown to the owners.

use super::key;
use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes},
    providers::DynProvider,
};
use ballast_executor::Signer;
use ballast_governance::safe::{
    Books, Call, DecisionContext, Effect, SafeProposal, TransactionService,
    chain::{self, SafeState},
    signatures::{self, OwnerSignature},
};
use eyre::{WrapErr, bail};
use std::{path::Path, sync::Arc};

/// What is to be drawn up, and where it goes.
pub(crate) struct Draft<'a> {
    pub(crate) books: &'a Books,
    pub(crate) provider: &'a DynProvider,
    pub(crate) safe: Address,
    pub(crate) title: &'a str,
    pub(crate) calls: Vec<Call>,
    pub(crate) decision: Option<DecisionContext>,
    /// The next that is neither used nor queued unless given.
    pub(crate) nonce: Option<u64>,
    /// Draw it up although the simulation fails.
    pub(crate) even_if_failing: bool,
    /// Accept calls that nothing is known about.
    pub(crate) allow_unknown: bool,
    /// An owner or a delegate.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) queue: Option<&'a TransactionService>,
    pub(crate) out: &'a Path,
}

/// Draws it up, writes the file and proposes it. The file comes first: it is good without the service.
pub(crate) async fn draw_up(draft: Draft<'_>) -> eyre::Result<SafeProposal> {
    let Draft { books, provider, safe, out, queue, .. } = draft;
    let chain_id = books.deployed().chain_id;
    let state = SafeState::read(provider, chain_id, safe).await?;
    let nonce = nonce(draft.nonce, &state, safe, queue).await?;
    let decision = draft.decision;
    let observed =
        chain::observe(provider, books, safe, &draft.calls, nonce, decision.as_ref(), BlockId::latest()).await?;
    if let (Some(why), false) = (&observed.simulation.revert, draft.even_if_failing) {
        bail!("it would fail: {why}; nothing was written (--even-if-failing writes it all the same)");
    }
    let mut proposal = SafeProposal::derive(books, safe, draft.title, draft.calls, nonce, decision, observed)?;
    let unknown: Vec<String> = proposal.effects.iter().flat_map(Effect::unknowns).collect();
    if !unknown.is_empty() && !draft.allow_unknown {
        bail!("nobody could say what this does: {}; pass --allow-unknown if you know it", unknown.join("; "));
    }
    if queue.is_some() && draft.signer.is_none() {
        bail!(
            "the Transaction Service takes a proposal only with the signature of an owner or a delegate: pass --kms or --dev-key"
        );
    }
    let mut sender = None;
    if let Some(signer) = draft.signer {
        let signature = Bytes::copy_from_slice(&signer.sign_safe_tx(key::hash_of(&proposal)).await?.as_bytes());
        if state.owners.contains(&signer.address()) {
            let hash = proposal.safe_tx_hash;
            let owners = OwnerSignature::by_key(signer.address(), &signature, hash)?;
            signatures::add(&mut proposal.signatures, owners, &state.owners, hash)?;
        } else if queue.is_none() {
            bail!("{} is not an owner of {safe}; without --service its signature is of no use", signer.address());
        }
        sender = Some((signer.address(), signature));
    }
    proposal.save(out)?;
    if let (Some(queue), Some((sender, signature))) = (queue, &sender) {
        queue
            .propose(&proposal, *sender, signature)
            .await
            .wrap_err_with(|| format!("{} is written, but not proposed", out.display()))?;
    }
    Ok(proposal)
}

/// The next nonce that nobody has used or queued, or the one that is wanted, if nobody has.
async fn nonce(
    wanted: Option<u64>,
    state: &SafeState,
    safe: Address,
    service: Option<&TransactionService>,
) -> eyre::Result<u64> {
    let queued = match service {
        Some(service) => service.queued(safe, state.nonce).await?,
        None => Vec::new(),
    };
    let Some(wanted) = wanted else {
        let after = queued.iter().map(|queued| queued.nonce.saturating_add(1)).max().unwrap_or(0);
        return Ok(after.max(state.nonce));
    };
    if wanted < state.nonce {
        bail!("nonce {wanted} is used: the Safe's next is {}", state.nonce);
    }
    if let Some(taken) = queued.iter().find(|queued| queued.nonce == wanted) {
        bail!(
            "nonce {wanted} is taken at the Transaction Service by {}: of two transactions with one nonce only one can be executed; \
             leave --nonce out to queue behind it, or have the owners reject it first",
            taken.safe_tx_hash
        );
    }
    Ok(wanted)
}
