//! What the market says, as a file or a reading hands it in, and a venue's score made of it and of the facts.
//!
//! The file is TOML or JSON of one shape:
//!
//! ```toml
//! [prices.usdc]                     # of usdc, dai, usdt, frax
//! value = 0.9998
//! source = "Chainlink USDC/USD"
//! as_of = 1772236800                # Unix seconds, or a day like "2026-02-28"
//!
//! [[venue]]
//! name = "aave-v3/ethereum/usdc"
//! protocol = "aave-v3"              # as in the facts
//! weight = 0.4                      # part of the portfolio, optional
//! utilisation = { value = 0.81, source = "Pool", as_of = 1772236800 }
//! tvl_variation = { value = 0.06, source = "…", as_of = 1772236800 }
//! liquidation_buffer = { … }        # fractions, all of them
//! collateral_hhi = { … }
//! slippage = { value = { tenth = 0.0, half = 0.0, whole = 0.0 }, source = "…", as_of = … }
//! share_of_venue = { … }
//! ```
//!
//! Nothing of a venue needs to be there; what is absent counts as the riskiest. Unknown keys are refused.

use crate::{
    facts::{Day, Facts, ProtocolKind},
    peg::Stablecoin,
    score::{EconomicInputs, LiquidityInputs, PegInputs, Score, ScoreInputs, Slippage, score},
    sourced::{Freshness, Input, Sourced},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Why such a file is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MarketInputsError {
    #[error("the market inputs are neither TOML ({toml}) nor JSON ({json})")]
    Syntax { toml: String, json: String },
    #[error("venue {0:?} is given twice, expected once")]
    DuplicateVenue(String),
    #[error("venue {venue:?} is of protocol {protocol:?}, which the facts do not list")]
    UnknownProtocol { venue: String, protocol: String },
    #[error("the weight of venue {venue:?} is {weight}, expected 0 to 1, all together at most 1")]
    Weight { venue: String, weight: f64 },
}

/// A time as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum When {
    Seconds(u64),
    Day(Day),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading<T> {
    value: T,
    source: String,
    as_of: When,
}

/// What the market says of one venue.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueInputs {
    pub name: String,
    /// As in the facts.
    pub protocol: String,
    /// Its part of the portfolio, 0–1.
    pub weight: Option<f64>,
    tvl_variation: Option<Reading<f64>>,
    utilisation: Option<Reading<f64>>,
    liquidation_buffer: Option<Reading<f64>>,
    collateral_hhi: Option<Reading<f64>>,
    slippage: Option<Reading<Slippage>>,
    share_of_venue: Option<Reading<f64>>,
}

/// What the market says of all venues.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketInputs {
    #[serde(default)]
    prices: BTreeMap<Stablecoin, Reading<f64>>,
    #[serde(default, rename = "venue")]
    venues: Vec<VenueInputs>,
}

impl MarketInputs {
    /// The inputs that a text of TOML or JSON gives.
    ///
    /// # Errors
    /// If it is neither, has unknown keys, names a venue twice or one of a protocol that is not listed, or has weights that are none.
    pub fn parse(text: &str, facts: &Facts) -> Result<Self, MarketInputsError> {
        let found: Self = match toml::from_str(text) {
            Ok(found) => found,
            Err(toml) => serde_json::from_str(text)
                .map_err(|json| MarketInputsError::Syntax { toml: toml.to_string(), json: json.to_string() })?,
        };
        let mut all = 0.0;
        for (index, venue) in found.venues.iter().enumerate() {
            let name = || venue.name.clone();
            if found.venues[..index].iter().any(|earlier| earlier.name == venue.name) {
                return Err(MarketInputsError::DuplicateVenue(name()));
            }
            if facts.protocol(&venue.protocol).is_none() {
                return Err(MarketInputsError::UnknownProtocol { venue: name(), protocol: venue.protocol.clone() });
            }
            let weight = venue.weight.unwrap_or(0.0);
            all += weight;
            // A sum of fractions may be a rounding above one.
            if !(0.0..=1.0).contains(&weight) || all > 1.0 + 1e-9 {
                return Err(MarketInputsError::Weight { venue: name(), weight });
            }
        }
        Ok(found)
    }

    /// The venues that are given; without any, one for each protocol of the facts, of which the market says nothing.
    #[must_use]
    pub fn venues(&self, facts: &Facts) -> Vec<VenueInputs> {
        if !self.venues.is_empty() {
            return self.venues.clone();
        }
        facts.protocols().map(|protocol| VenueInputs::unknown(&protocol.id)).collect()
    }

    /// The score of a venue at `now` (Unix seconds).
    #[must_use]
    pub fn score(&self, venue: &VenueInputs, facts: &Facts, now: u64, freshness: Freshness) -> Score {
        score(venue.name.clone(), &self.inputs(venue, facts, now), now, freshness)
    }

    /// All that goes into a venue's score: the facts as they were known at `now`, and the market's word.
    #[must_use]
    pub fn inputs(&self, venue: &VenueInputs, facts: &Facts, now: u64) -> ScoreInputs {
        let protocol = venue.protocol.as_str();
        let exchange = facts.protocol(protocol).is_some_and(|found| found.kind == ProtocolKind::Exchange);
        let lending = |reading: &Option<Reading<f64>>| {
            if exchange { Input::NotApplicable("an exchange lends nothing") } else { input(reading.as_ref()) }
        };
        ScoreInputs {
            contract: facts.contract(protocol, now),
            economic: EconomicInputs {
                tvl_variation: input(venue.tvl_variation.as_ref()),
                utilisation: lending(&venue.utilisation),
                liquidation_buffer: lending(&venue.liquidation_buffer),
                collateral_hhi: lending(&venue.collateral_hhi),
                oracle: facts.oracle(protocol, now),
            },
            peg: PegInputs { prices: self.prices_of(protocol, facts, now) },
            liquidity: LiquidityInputs {
                slippage: input(venue.slippage.as_ref()),
                share_of_venue: input(venue.share_of_venue.as_ref()),
                delay: facts.withdrawal_delay(protocol, now),
            },
            track_record: facts.track_record(protocol, now),
        }
    }

    /// The prices of every stablecoin whose fall would reach the protocol.
    fn prices_of(&self, protocol: &str, facts: &Facts, now: u64) -> Vec<(Stablecoin, Input<f64>)> {
        let graph = facts.dependencies().as_of(now);
        let reaches = |coin: &Stablecoin| graph.shock(&coin.node()).contains_key(protocol);
        Stablecoin::ALL.into_iter().filter(reaches).map(|coin| (coin, input(self.prices.get(&coin)))).collect()
    }
}

impl VenueInputs {
    /// A venue of which the market says nothing.
    #[must_use]
    pub fn unknown(protocol: &str) -> Self {
        Self {
            name: protocol.to_owned(),
            protocol: protocol.to_owned(),
            weight: None,
            tvl_variation: None,
            utilisation: None,
            liquidation_buffer: None,
            collateral_hhi: None,
            slippage: None,
            share_of_venue: None,
        }
    }
}

fn input<T: Clone>(reading: Option<&Reading<T>>) -> Input<T> {
    let sourced = |reading: &Reading<T>| {
        let as_of = match reading.as_of {
            When::Seconds(seconds) => seconds,
            When::Day(day) => day.start(),
        };
        Sourced::new(reading.value.clone(), reading.source.clone(), as_of)
    };
    reading.map(sourced).into()
}
