//! Decisions and calls on the real protocols: what lands, what does not, and what a crash leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crash;
mod decision;
mod late;
mod policy;
mod setup;
