//! What a store promises, on each of its backends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod bed;
mod database;
mod differential;
mod lease;
mod outbox;
#[path = "../support/postgres.rs"]
mod postgres;
mod records;
#[path = "../support/mod.rs"]
mod support;
mod tampering;
mod tls;
