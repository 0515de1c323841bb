//! Policies judged on market history by the code that runs live.
//!
//! [`Market`] is what the data says, step by step; [`simulate`] takes a [`Plan`] through it under the [`Rules`] of the contracts. The plan that counts is
//! [`Plan::Decide`]: it asks [`ballast_allocator::decide`], the function of the live keeper, about a snapshot made of what was known. Everything is integers
//! but the reading of the data, so a rerun is bit-identical.

pub mod anomalies;
mod book;
mod bootstrap;
mod calibrate;
mod chart;
mod contest;
mod engine;
mod market;
mod metrics;
mod observe;
mod outcome;
mod outlook;
mod policy;
mod quoter;
mod report;
mod rules;
pub mod scenario;
mod scores;
mod screen;
mod stableswap;
mod switch;
pub mod validity;

pub use book::{Book, Ledger, Position};
pub use calibrate::{Observed, step as calibrated};
pub use contest::{
    BEST_SINGLE, BEST_SINGLE_CAPPED, Entrant, HOLD, HOLD_CAPPED, Placed, baselines, contest, decided, default_policy,
    in_parallel,
};
#[doc(hidden)]
pub use engine::simulate_unscreened;
pub use engine::{ExitReport, RetreatReport, Run, simulate};
pub use market::{
    Basis, CoinDay, CoinSettings, Environment, Exchange, ExchangeDay, LOOKBACK, Market, RiskData, SizeBasis,
    SourceSpan, USDC, Venue, VenueRiskData, VenueStep,
};
pub use metrics::{Interval, Metrics, ahead, metrics, returns};
pub use outcome::{Ahead, Exit, Outcome, PolicyOutcome, VenueBasis, VenueScore};
pub use policy::{Bounds, Plan};
pub use report::html;
pub use rules::{Rules, Upkeep};
pub use scores::{Scores, explained};
pub use stableswap::{FEE_ONE, StableSwap};
