//! `ballast replay`

use crate::output;
use alloy::primitives::{B256, keccak256};
use ballast_allocator::replay;
use ballast_executor::proof;
use ballast_service::Config;
use ballast_store::{Facts, Store, Subject};
use clap::Args;
use eyre::{bail, ensure};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A transaction hash or a decision hash
    id: B256,
    /// The configuration file, for its store
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

/// Whether the signed bytes are that transaction and its proof names that decision. Unlike a record, the row that joins the two is
/// not under a hash of its own.
fn carries(facts: &Facts, tx: B256, decision: B256) -> bool {
    let (Some(raw), Some(calldata)) = (&facts.raw_tx, &facts.calldata) else { return false };
    keccak256(raw) == tx
        && !calldata.is_empty()
        && raw.windows(calldata.len()).any(|part| part == calldata.as_ref())
        && proof::decode(calldata).is_some_and(|call| call.statement.decision_hash == decision)
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let store = Store::open_read_only_at(&config.store.location()?).await?;
    let stored = match store.decision(arguments.id).await? {
        Some(stored) => Some(stored),
        None => {
            let stored = store.decision_by_tx(arguments.id).await?;
            if let Some(stored) = &stored {
                let attempts = store.attempts(Subject::Decision(stored.hash)).await?;
                ensure!(
                    attempts.iter().any(|attempt| carries(&attempt.facts, arguments.id, stored.hash)),
                    "the store names {} as the decision of transaction {}, but the signed bytes beside it do not carry it; the row \
                     was changed after it was written",
                    stored.hash,
                    arguments.id
                );
            }
            stored
        }
    };
    let Some(stored) = stored else {
        bail!("{} is neither a decision nor a transaction in {}", arguments.id, store.location());
    };
    let report = replay(&stored.record);
    if arguments.json {
        output::json(&serde_json::json!({
            "decision_hash": stored.hash,
            "equal": report.equal,
            "differences": report.differences.iter().map(|difference| serde_json::json!({
                "field": difference.field,
                "recorded": difference.recorded,
                "derived": difference.derived,
            })).collect::<Vec<_>>(),
        }))?;
    } else if report.equal {
        output::say(format_args!("equal: {} follows from block {}", stored.hash, stored.record.snapshot.block.number))?;
        output::say(output::decision(&stored.record))?;
    } else {
        output::say(format_args!("NOT equal: {}", stored.hash))?;
        for difference in &report.differences {
            output::say(format_args!("  {difference}"))?;
        }
    }
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Bytes, Signature, U256};

    #[test]
    fn a_transaction_belongs_to_the_decision_that_its_signed_bytes_name() {
        let (decision, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let calldata = |decision_hash| {
            let statement = proof::Statement { decision_hash, nonce: 0, valid_until: 1 };
            proof::calldata(Vec::new(), &statement, &Signature::new(U256::from(5), U256::from(6), true))
        };
        let raw = |input: &Bytes| Bytes::from([&[2u8, 3][..], input, &[9]].concat());
        let facts = |signed: &Bytes, noted: &Bytes| Facts {
            raw_tx: Some(raw(signed)),
            calldata: Some(noted.clone()),
            ..Facts::default()
        };
        let (mine, foreign) = (calldata(decision), calldata(other));
        let tx = keccak256(raw(&mine));
        assert!(carries(&facts(&mine, &mine), tx, decision));
        assert!(!carries(&facts(&mine, &mine), tx, other), "joined to another decision");
        assert!(!carries(&facts(&mine, &foreign), tx, other), "with another calldata beside it");
        assert!(!carries(&facts(&foreign, &foreign), tx, other), "with other signed bytes");
        assert!(!carries(&Facts::default(), tx, decision));
    }
}
