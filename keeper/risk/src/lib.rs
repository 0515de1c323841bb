//! What can go wrong, as numbers. Pure: no I/O, no clock.
//!
//! Two halves. *What the contracts will say*, said beforehand ([`feeds`], [`limits`], [`peg`], [`kill_switch`]): they mirror Solidity rule by rule and
//! error by error (`KillSwitchManager.sol`, `StrategyHub.sol`, `Vault.sol`), in integers; where they differ, the contract is right and this
//! crate is wrong. *What a venue or a portfolio may cost* ([`mod@score`], [`facts`], [`systemic`], [`portfolio`], [`impermanent_loss`], [`anomaly`],
//! [`validator`]): judgement, in floating point; and what to do about a venue that is closed ([`retreat`]) or that detectors agree about ([`alarms`]). What of it a decision uses is made with + − × ÷ √ and comparisons
//! alone, or through a pure-Rust libm, and quantised.

pub mod alarms;
pub mod anomaly;
pub mod dashboard;
pub mod distribution;
pub mod facts;
pub mod feeds;
pub mod hedge;
mod hub_view;
pub mod impermanent_loss;
pub mod kill_switch;
pub mod limits;
pub mod market_inputs;
pub mod peg;
pub mod portfolio;
pub mod retreat;
pub mod score;
pub mod sourced;
pub mod strategy;
pub mod systemic;
pub mod validator;

pub use feeds::{FeedFault, FeedHealth, assess};
pub use hub_view::{Figures, HubView, MAX_CHECKPOINT_AGE, VenueView};
pub use limits::{
    Allocation, Leg, Outcome, Violation, approval_threshold, check_approved_targets, check_schedule, check_targets,
    judge, next_allowed,
};
pub use peg::{PegBand, PegStatus, Stablecoin};
pub use retreat::Retreat;
pub use score::{PartId, Score, ScoreInputs, Tier, score};
pub use sourced::{Freshness, Input, Sourced};
