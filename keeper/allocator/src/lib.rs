//! The decision core: [`decide`] turns what was observed at one block into a decision with all its reasons, [`replay`] does it
//! again from a record and compares, [`reconsider`] judges an earlier decision's targets as things are now.
//!
//! Pure and deterministic: no clock, no I/O, no floating point, no order of hashing; the same snapshot and policy give the same
//! bytes on any machine.

mod decide;
pub mod economics;
mod gates;
pub mod optimiser;
pub mod projector;
pub mod rates;
mod replay;
pub mod yields;

pub use decide::{decide, reconsider, record};
pub use replay::{Difference, ReplayReport, replay};
