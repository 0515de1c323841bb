//! Events of a long stretch of blocks, a bounded number of blocks at a time.

use super::rpc;
use crate::FeedError;
use alloy::{
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
};

/// Blocks of one request, to begin with: what public endpoints let through without a plan.
const CHUNK: u64 = 10_000;

/// All logs of `filter` from block `first` to block `last`, in order. An endpoint that refuses a stretch, because it holds too many
/// results or is too long for its plan, is asked for half of it, down to single blocks.
pub(super) async fn backfill(
    provider: &DynProvider,
    filter: &Filter,
    first: u64,
    last: u64,
) -> Result<Vec<Log>, FeedError> {
    let (mut logs, mut from, mut chunk) = (Vec::new(), first, CHUNK);
    while from <= last {
        let to = last.min(from + chunk - 1);
        let asked = format!("for logs of blocks {from} to {to}");
        match provider.get_logs(&filter.clone().from_block(from).to_block(to)).await {
            Ok(part) => {
                logs.extend(part);
                from = to + 1;
                chunk = chunk.saturating_mul(2).min(CHUNK);
            }
            // The endpoint itself says no: whatever its words, less may pass.
            Err(error) if error.is_error_resp() && to > from => chunk = (to - from).div_ceil(2),
            Err(error) => return Err(rpc(&asked)(error)),
        }
    }
    logs.sort_by_key(|log| (log.block_number, log.log_index));
    Ok(logs)
}
