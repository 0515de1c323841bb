//! What must hold at the end of every run.

use crate::scenario::{FEES, Run};
use alloy::consensus::Transaction as _;
use ballast_executor::{Outcome, State};
use ballast_store::{Store, Subject};

macro_rules! promise {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

pub(crate) async fn check(run: &Run, store: &Store, outcomes: &[Outcome]) -> Result<(), String> {
    let records = run.records();
    promise!(outcomes.len() == records.len(), "a decision was lost");
    for (record, outcome) in records.iter().zip(outcomes) {
        let hash = record.hash().map_err(|error| error.to_string())?;
        let landed: Vec<bool> = run.network.with(|world| {
            let mined = world.blocks.iter().flat_map(|block| &block.mined);
            mined.filter(|mined| mined.decision == Some(hash)).map(|mined| mined.success).collect()
        });
        promise!(landed.len() <= 1, "decision {hash} landed {} times", landed.len());
        let expected = match (landed.first(), outcome.state) {
            (Some(true), State::Final) | (Some(false), State::Reverted) => true,
            (None, state) => state.is_settled() && !state.is_on_chain(),
            _ => false,
        };
        promise!(expected, "decision {hash} is {:?} in the store and {landed:?} on the chain", outcome.state);
        one_way(store, Subject::Decision(hash)).await?;
    }
    for call in store.calls(1_000).await.map_err(|error| error.to_string())? {
        let subject = Subject::Call(call.id);
        let attempts = store.attempts(subject).await.map_err(|error| error.to_string())?;
        let landed = run.network.with(|world| {
            let mined = world.blocks.iter().flat_map(|block| &block.mined);
            mined.filter(|mined| attempts.iter().any(|attempt| attempt.facts.tx_hash == Some(mined.tx_hash))).count()
        });
        let recorded = attempts.iter().filter(|attempt| attempt.state.is_on_chain()).count();
        promise!(landed <= 1, "call {:?} landed {landed} times", call.id);
        promise!(recorded == landed, "call {:?}: {recorded} in the store, {landed} on the chain", call.id);
        one_way(store, subject).await?;
    }
    let audit = store.verify_audit(None).await.map_err(|error| error.to_string())?;
    promise!(audit.fault.is_none(), "the audit log is broken: {:?}", audit.fault);
    let open = store.open_attempts().await.map_err(|error| error.to_string())?;
    promise!(open.is_empty(), "attempts are still open: {open:?}");
    run.network.with(|world| {
        for signed in &world.keeper_signed {
            promise!(world.simulated.contains(signed), "the keeper's key signed {signed}, which was never simulated");
        }
        for signed in &world.attestor_signed {
            promise!(
                world.proofs_simulated.contains(signed),
                "the attestor signed {signed}, which was never simulated"
            );
        }
        // SPEC X8: the nonce is the chain's, so there is never a gap to be filled.
        let gaps = &world.behind_a_gap;
        promise!(gaps.is_empty(), "transactions were offered behind a gap (their nonce, the account's): {gaps:?}");
        for tx in &world.handed_over {
            let (fee, cap) = (tx.max_fee_per_gas(), FEES.max_fee_per_gas);
            promise!(fee <= cap, "{} offers {fee}, the cap is {cap}", tx.tx_hash());
        }
        // SPEC X4: what replaces an offer of ours offers an eighth more, until the cap.
        for (index, tx) in world.handed_over.iter().enumerate() {
            for earlier in &world.handed_over[..index] {
                let (fee, before) = (tx.max_fee_per_gas(), earlier.max_fee_per_gas());
                let another = tx.nonce() == earlier.nonce() && tx.tx_hash() != earlier.tx_hash();
                let enough = !another || 8 * fee >= 9 * before || fee == FEES.max_fee_per_gas;
                promise!(enough, "nonce {}: {before} was replaced by {fee}", tx.nonce());
            }
        }
        let mined: usize = world.blocks.iter().map(|block| block.mined.len()).sum();
        let nonce = world.head().after.account_nonce;
        promise!(nonce == mined as u64, "nonce {nonce} after {mined} transactions");
        Ok(())
    })
}

/// Every step of every attempt is one that the table of states has, and the last one is where the attempt stands.
async fn one_way(store: &Store, subject: Subject) -> Result<(), String> {
    let text = |error: ballast_store::StoreError| error.to_string();
    for attempt in store.attempts(subject).await.map_err(text)? {
        let steps = store.transitions(attempt.id).await.map_err(text)?;
        promise!(steps.last().is_some_and(|last| last.to == attempt.state), "attempt {:?}: {steps:?}", attempt.id);
        for pair in steps.windows(2) {
            let [before, after] = pair else { continue };
            let legal = after.from == Some(before.to) && before.to.may_become(after.to, subject.path());
            promise!(legal, "attempt {:?} went from {} to {}", attempt.id, before.to, after.to);
        }
    }
    Ok(())
}
