//! What a history promises, on each of its databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alerts;
mod bed;
mod crash;
mod ingest;
mod ledger;
mod metrics;
mod migrations;
mod observations;
mod outcomes;
mod parquet;
mod portfolio;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../../../../tools/python/reference.rs"]
mod reference;
mod retention;
