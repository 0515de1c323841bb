//! What the base fee was lately.

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};
use ballast_types::FeeHistory;

/// Blocks that are looked at: about three and a half hours, and as many as an endpoint tells at once.
const BLOCKS: u64 = 1_024;

/// Of the blocks up to `block`; `None` if the endpoint does not tell. One endpoint's word is enough: a false one can only make the keeper
/// wait, or not.
pub(super) async fn read(provider: &DynProvider, block: u64) -> Option<FeeHistory> {
    match provider.get_fee_history(BLOCKS, BlockNumberOrTag::Number(block), &[]).await {
        Ok(mut history) => {
            // The last is the next block's.
            history.base_fee_per_gas.pop();
            quarter(history.base_fee_per_gas)
        }
        Err(error) => {
            tracing::warn!(%error, block, "the fee history was not read");
            None
        }
    }
}

fn quarter(mut fees: Vec<u128>) -> Option<FeeHistory> {
    fees.sort_unstable();
    let low = *fees.get(fees.len().div_ceil(4).checked_sub(1)?)?;
    Some(FeeHistory { blocks: u64::try_from(fees.len()).ok()?, low })
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC X4
    #[test]
    fn a_quarter_of_the_blocks_had_at_most_the_low_fee() {
        assert_eq!(quarter(vec![]), None);
        assert_eq!(quarter(vec![7]), Some(FeeHistory { blocks: 1, low: 7 }));
        assert_eq!(quarter(vec![4, 3, 2, 1]), Some(FeeHistory { blocks: 4, low: 1 }));
        assert_eq!(quarter(vec![5, 4, 3, 2, 1]), Some(FeeHistory { blocks: 5, low: 2 }));
        for count in 1..40 {
            let fees: Vec<u128> = (0..count).map(|n| u128::from((n * 7) % 11_u64)).collect();
            let low = quarter(fees.clone()).map(|history| history.low);
            let at_most = |fee: u128| fees.iter().filter(|other| **other <= fee).count();
            assert!(low.is_some_and(|low| 4 * at_most(low) >= fees.len()), "{fees:?}");
            assert!(low.is_some_and(|low| low == 0 || 4 * at_most(low - 1) < fees.len()), "{fees:?}");
        }
    }
}
