//! What is behind the trait: one module per publisher. Each names the document that its shapes are from.

pub mod coingecko;
pub mod defillama;
pub mod dune;
pub mod fear_greed;
pub mod onchain;
pub mod pyth;
pub mod subgraph;

use crate::Gathered;
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
