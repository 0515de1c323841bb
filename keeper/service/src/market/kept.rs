//! A source's answer as it lies in the cache, for the other processes that would ask the same.

use ballast_feeds::{Gathered, Provenance};
use ballast_types::{Observation, SeriesError, SeriesId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    source: String,
    endpoint: String,
    fetched_at: u64,
    values: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    series: SeriesId,
    time: u64,
    known_at: u64,
    value: f64,
}

/// Why what lies in the cache is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error("it is no answer of a source: {0}")]
    Shape(#[from] serde_json::Error),
    #[error(transparent)]
    Value(#[from] SeriesError),
}

pub(super) fn encode(gathered: &Gathered) -> Result<Vec<u8>, KeptError> {
    let Provenance { source, endpoint, fetched_at } = gathered.provenance.clone();
    let values = gathered.observations.iter().map(|observation| Kept {
        series: observation.series().clone(),
        time: observation.time(),
        known_at: observation.known_at(),
        value: observation.value(),
    });
    Ok(serde_json::to_vec(&Answer { source, endpoint, fetched_at, values: values.collect() })?)
}

/// Every value is checked as it was when it came from its source.
pub(super) fn decode(bytes: &[u8]) -> Result<Gathered, KeptError> {
    let Answer { source, endpoint, fetched_at, values } = serde_json::from_slice(bytes)?;
    let observations = values
        .into_iter()
        .map(|kept| Observation::new(kept.series, source.clone(), kept.time, kept.known_at, kept.value))
        .collect::<Result<_, _>>()?;
    Ok(Gathered {
        observations,
        refused: Vec::new(),
        provenance: Provenance { source, endpoint, fetched_at },
        head: None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::Metric;

    fn answer() -> Gathered {
        let series = SeriesId::new("usdc", Metric::PriceUsd).unwrap();
        let observations = vec![Observation::new(series, "pyth", 10, 12, 0.999_845_12).unwrap()];
        let provenance = Provenance { source: "pyth".into(), endpoint: "https://pyth.example".into(), fetched_at: 12 };
        Gathered { observations, refused: vec![], provenance, head: None }
    }

    #[test]
    fn an_answer_comes_out_of_the_cache_as_it_went_in() {
        assert_eq!(decode(&encode(&answer()).unwrap()).unwrap(), answer());
    }

    #[test]
    fn what_is_no_answer_or_no_plausible_value_is_refused() {
        let text = String::from_utf8(encode(&answer()).unwrap()).unwrap();
        for bad in [
            text[..text.len() / 2].to_owned(),
            text.replace("0.99984512", "-1.0"),
            text.replace("\"time\":10", "\"time\":13"),
            text.replace("\"source\"", "\"whence\""),
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
