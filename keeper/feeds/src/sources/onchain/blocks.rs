//! Which block was the newest at a time.

use super::rpc;
use crate::{FeedError, Head, Span};
use alloy::{
    consensus::BlockHeader,
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};
use std::future::Future;

/// A block and its time, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockTime {
    pub number: u64,
    pub time: u64,
}

/// The last of the blocks up to `newest` whose time is at most `at`; `None` if even the first one is later.
///
/// Interpolates between what is known already and falls back to halving, so that on a chain with even slots it takes a handful of requests,
/// and never more than three times the binary logarithm of the number of blocks.
///
/// # Errors
/// Those of `time_of`, which gives a block's time.
pub async fn last_block_at<F, Fut, E>(at: u64, newest: BlockTime, mut time_of: F) -> Result<Option<BlockTime>, E>
where
    F: FnMut(u64) -> Fut,
    Fut: Future<Output = Result<u64, E>>,
{
    if newest.time <= at {
        return Ok(Some(newest));
    }
    let mut low = BlockTime { number: 0, time: time_of(0).await? };
    if low.time > at {
        return Ok(None);
    }
    // low.time ≤ at < high.time throughout.
    let mut high = newest;
    let mut halve = false;
    while high.number - low.number > 1 {
        let (blocks, seconds) = (high.number - low.number, (high.time - low.time).max(1));
        let ahead = u128::from(at - low.time) * u128::from(blocks) / u128::from(seconds);
        let ahead = if halve { blocks / 2 } else { u64::try_from(ahead).unwrap_or(blocks) };
        let number = low.number + ahead.clamp(1, blocks - 1);
        let middle = BlockTime { number, time: time_of(number).await? };
        if middle.time <= at {
            low = middle;
        } else {
            high = middle;
        }
        // A step that took less than half off is followed by one that halves.
        halve = !halve && (high.number - low.number) * 2 > blocks;
    }
    Ok(Some(low))
}

/// The time of block `number`.
pub(super) async fn time_of(provider: &DynProvider, number: u64) -> Result<u64, FeedError> {
    let asked = format!("for block {number}");
    let block = provider.get_block_by_number(BlockNumberOrTag::Number(number)).await.map_err(rpc(&asked))?;
    block.map(|block| block.header.timestamp()).ok_or_else(|| FeedError::Rpc { asked, why: "there is none".to_owned() })
}

pub(super) async fn newest(provider: &DynProvider) -> Result<BlockTime, FeedError> {
    let asked = "for the newest block";
    let block = provider.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(rpc(asked))?;
    block
        .map(|block| BlockTime { number: block.header.number(), time: block.header.timestamp() })
        .ok_or_else(|| FeedError::Rpc { asked: asked.to_owned(), why: "there is none".to_owned() })
}

impl From<BlockTime> for Head {
    fn from(block: BlockTime) -> Self {
        Self { block: block.number, time: Some(block.time) }
    }
}

/// First and last block whose time is in `span`, up to `newest`; `None` if there is none.
pub(super) async fn blocks_of(
    provider: &DynProvider,
    span: Span,
    newest: BlockTime,
) -> Result<Option<(u64, u64)>, FeedError> {
    let before = match span.from().checked_sub(1) {
        Some(before) => last_block_at(before, newest, |number| time_of(provider, number)).await?,
        None => None,
    };
    let first = before.map_or(0, |block| block.number + 1);
    let last = last_block_at(span.to() - 1, newest, |number| time_of(provider, number)).await?;
    Ok(last.map(|last| (first, last.number)).filter(|(first, last)| first <= last))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::{cell::Cell, convert::Infallible};

    proptest! {
        #[test]
        fn it_is_the_last_block_up_to_the_time_whatever_the_gaps(
            gaps in proptest::collection::vec(prop_oneof![8 => Just(12_u64), 2 => 0_u64..40, 1 => 100_u64..100_000], 1..400),
            at in 0_u64..2_000_000
        ) {
            let times: Vec<u64> = gaps.iter().scan(1_000, |time, gap| { *time += gap; Some(*time) }).collect();
            let newest = BlockTime { number: times.len() as u64 - 1, time: *times.last().unwrap() };
            let requests = Cell::new(0_u32);
            let found = futures::executor::block_on(last_block_at(at, newest, |number| {
                requests.set(requests.get() + 1);
                let time = times[usize::try_from(number).unwrap()];
                async move { Ok::<_, Infallible>(time) }
            })).unwrap();
            let expected = times.iter().rposition(|time| *time <= at);
            prop_assert_eq!(found.map(|block| block.number), expected.map(|index| index as u64));
            prop_assert!(requests.get() <= 3 * times.len().ilog2() + 3, "{} requests", requests.get());
        }
    }
}
