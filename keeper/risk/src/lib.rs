//! What the contracts will say, said beforehand: whether a feed can be trusted, and whether the hub takes a rebalance.
//!
//! Both modules mirror Solidity rule by rule and error by error (`KillSwitchManager.sol`, `StrategyHub.sol`, `Vault.sol`).
//! Where they differ, the contract is right and this crate is wrong. Pure: no I/O, no clock, no floating point.

pub mod feeds;
mod hub_view;
pub mod limits;

pub use feeds::{FeedFault, FeedHealth, assess};
pub use hub_view::{Figures, HubView, MAX_CHECKPOINT_AGE, VenueView};
pub use limits::{
    Allocation, Leg, Outcome, Violation, approval_threshold, check_approved_targets, check_schedule, check_targets,
    judge, next_allowed,
};
