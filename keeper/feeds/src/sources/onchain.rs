//! The chain itself, through the RPC endpoint that the pool prefers.
//!
//! Values carry the time of their block and were known with it. The newest are read at the newest block; history comes from logs, a bounded
//! stretch of blocks at a time, and from `eth_call` at past blocks, which takes an archive node.

mod aave;
mod aave_events;
mod blocks;
mod chainlink;
mod erc4626;
mod fees;
mod logs;

pub use aave::AaveOnChain;
pub use aave_events::{AaveEvent, AaveEvents, AaveFlows, Act};
pub use blocks::{BlockTime, last_block_at};
pub use chainlink::ChainlinkRounds;
pub use erc4626::Erc4626Shares;
pub use fees::BaseFees;

use crate::{FeedError, error::chain_text};

fn rpc<E: std::error::Error + 'static>(asked: &str) -> impl Fn(E) -> FeedError + '_ {
    move |error| FeedError::Rpc { asked: asked.to_owned(), why: chain_text(&error) }
}
