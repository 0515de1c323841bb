//! Risk of a portfolio as a whole (SPEC R10): what a day may cost, how deep it fell, how concentrated it is, how long leaving takes.
//!
//! Conventions, each stated where it is used: returns are simple daily fractions (0.01 = 1 %), losses are positive numbers, a year has 365 days
//! (these markets never close). A figure that does not exist (the volatility of one return) is `None` and not zero.

mod allocation;
mod exit;
mod returns;
mod tail;

pub use allocation::{concentration, kelly, leverage};
pub use exit::{ExitPlan, Holding, liquidity_coverage, plan_exit, slippage};
pub use returns::{DAYS_PER_YEAR, Moments, correlation, max_drawdown, moments, volatility};
pub use tail::{CornishFisher, TailRisk, cornish_fisher, historical, tail_index, tail_ratio};
