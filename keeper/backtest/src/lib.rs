//! Policies judged on market history by the code that runs live.
//!
//! [`Market`] is what the data says, step by step; [`simulate`] takes a [`Plan`] through it under the [`Rules`] of the contracts. The plan that counts is
//! [`Plan::Decide`]: it asks [`ballast_allocator::decide`], the function of the live keeper, about a snapshot made of what was known. Everything is integers
//! but the reading of the data, so a rerun is bit-identical.

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
mod report;
mod rules;
pub mod scenario;
mod switch;

pub use book::{Book, Ledger, Position};
pub use calibrate::{Observed, step as calibrated};
pub use contest::{BEST_SINGLE, Entrant, HOLD, Placed, baselines, contest, decided, default_policy, in_parallel};
pub use engine::{ExitReport, Run, simulate};
pub use market::{Environment, LOOKBACK, Market, SizeBasis, SourceSpan, USDC, Venue, VenueStep};
pub use metrics::{Interval, Metrics, ahead, metrics, returns};
pub use outcome::{Ahead, Exit, Outcome, PolicyOutcome, VenueBasis};
pub use policy::{Bounds, Plan};
pub use report::html;
pub use rules::{Rules, Upkeep};
