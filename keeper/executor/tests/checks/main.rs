//! What is checked before a signature and after a receipt.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attestor;
mod envelope;
mod policy;
mod prediction;
mod support;
