//! Subgraphs: indexers of a protocol's events that speak GraphQL (<https://thegraph.com/docs/en/subgraphs/querying/graphql-api/>).
//!
//! Schemas: Aave `schemas/v3.schema.graphql` of aave/protocol-subgraphs, Uniswap `schema.graphql` of Uniswap/v3-subgraph, Curve
//! `schema.graphql` of the pools' volume subgraph of convex-community/volume-subgraph.

mod aave;
mod client;
mod curve;
mod uniswap;
mod uniswap_swaps;

pub use aave::{AaveReserve, AaveSubgraph};
pub use client::Subgraph;
pub use curve::{CurvePool, CurveSubgraph};
pub use uniswap::{UniswapPool, UniswapSubgraph};
pub use uniswap_swaps::{DollarToken, UniswapSwap, UniswapSwapList, UniswapSwaps};

/// The Graph's gateway wants a key, as a bearer token.
pub const KEY_VARIABLE: &str = "GRAPH_API_KEY";
