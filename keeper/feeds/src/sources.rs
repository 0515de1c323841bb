//! What is behind the trait: one module per publisher. Each names the document that its shapes are from.

pub mod circle;
pub mod coingecko;
pub mod coinglass;
pub mod coinmarketcap;
pub mod cryptoquant;
pub mod defillama;
pub mod deribit;
pub mod dune;
pub mod fear_greed;
pub mod glassnode;
pub mod immunefi;
pub mod nexus_mutual;
pub mod onchain;
pub mod oneinch;
pub mod pyth;
pub mod subgraph;

use crate::{Gathered, units};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// One row in its shape, or what was expected of it and where.
fn row<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let at = error.path().to_string();
        if at == "." { error.inner().to_string() } else { format!("at {at}: {}", error.inner()) }
    })
}

/// A number as such or in a string, as APIs write those that JavaScript would round.
fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| format!("{number} is no number that fits")),
        Value::String(text) => units::decimal(text).map_err(|error| error.to_string()),
        other => Err(format!("{other} was found, expected a number")),
    }
}

/// Keeps the newest observation of each series.
fn newest_only(mut gathered: Gathered) -> Gathered {
    let mut newest = BTreeMap::new();
    for observation in gathered.observations {
        // They come in order of time.
        newest.insert(observation.series().clone(), observation);
    }
    gathered.observations = newest.into_values().collect();
    gathered
}
