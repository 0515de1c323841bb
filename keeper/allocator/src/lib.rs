//! The decision core: [`decide`] turns what was observed at one block into a decision with all its reasons, [`replay`] does it
//! again from a record and compares, [`reconsider`] judges an earlier decision's targets as things are now.
//!
//! Pure and deterministic: no clock, no I/O, no order of hashing; the same snapshot, policy and outlook give the same bytes on any machine.
//! The default strategy is integers throughout; the solvers of [`candidates`] use only operations of f64 that IEEE 754 fixes to the bit.

pub mod bound;
pub mod candidates;
mod decide;
pub mod economics;
mod gates;
pub mod optimiser;
pub mod projector;
pub mod rates;
mod replay;
pub mod swaps;
pub mod triggers;
pub mod upkeep;
pub mod yields;

pub use decide::{decide, decide_swapping, decide_with, reconsider, record, record_with};
pub use replay::{Difference, ReplayReport, replay};
