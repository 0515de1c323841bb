//! What scores of risk are made of beside the markets themselves: which protocol a venue is, how its TVL went, and the coins' prices.

use super::grid::Grid;
use ballast_history::Dataset;
use ballast_risk::Stablecoin;
use ballast_types::Metric;

/// Protocols of the facts (`keeper/risk/facts`) by the data's name of a protocol, each from a time on (Unix seconds): Aave's USDC series is of v2
/// until 2023-06-30 and of v3 from 2023-07-01 on, Compound's of v2 until 2023-03-06 and of v3 from 2025-06-19 on (the column `version` of `lending_rates_daily`).
/// Morpho's is a vault that lends on Morpho Blue. Aave's series of USDT and DAI are of v2 to their ends.
const VERSIONS: [(&str, u64, &str); 10] = [
    ("aave", 0, "aave-v2"),
    ("aave", 1_688_169_600, "aave-v3"),
    ("aave-v2", 0, "aave-v2"),
    ("compound", 0, "compound-v2"),
    ("compound", 1_678_147_200, "compound-v3"),
    ("fluid", 0, "fluid"),
    ("morpho", 0, "morpho-blue"),
    ("morpho-blue", 0, "morpho-blue"),
    ("sky", 0, "sky"),
    ("yearn", 0, "yearn-v3"),
];

/// Which protocol of the facts the data's `protocol` is at `time` (Unix seconds); `None` if they do not know it.
#[must_use]
pub(super) fn version(protocol: &str, time: u64) -> Option<&'static str> {
    VERSIONS.iter().rev().find(|(name, since, _)| *name == protocol && *since <= time).map(|(.., id)| *id)
}

/// The coins' prices and what is said of each venue, by step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiskData {
    /// In the order of the market's venues.
    pub venues: Vec<VenueRiskData>,
    /// Dollars at the end of each step.
    pub coins: Vec<(Stablecoin, Vec<Option<f64>>)>,
}

/// What is said of a venue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VenueRiskData {
    /// Its protocol as the data names it.
    pub protocol: String,
    /// Recorded TVL in USD with the series it is from: the venue's own, its token's in the protocol, the whole protocol's.
    pub tvl: Vec<Option<(usize, f64)>>,
}

impl VenueRiskData {
    /// The first of the series that has a value, by step.
    pub(super) fn of(protocol: &str, series: &[&[Option<f64>]]) -> Self {
        let length = series.iter().map(|values| values.len()).max().unwrap_or_default();
        let first = |step: usize| {
            let at = |values: &[Option<f64>]| values.get(step).copied().flatten();
            series.iter().enumerate().find_map(|(kind, values)| at(values).map(|value| (kind, value)))
        };
        Self { protocol: protocol.to_owned(), tvl: (0..length).map(first).collect() }
    }

    /// The protocol of the facts at a time, Unix seconds.
    #[must_use]
    pub fn version(&self, time: u64) -> Option<&'static str> {
        version(&self.protocol, time)
    }
}

impl RiskData {
    pub(super) fn of(dataset: &Dataset, grid: Grid, venues: Vec<VenueRiskData>) -> Self {
        let coins = Stablecoin::ALL.map(|coin| {
            let mut prices = grid.values(dataset, coin.name().to_lowercase().as_str(), Metric::PriceUsd);
            if coin == Stablecoin::Usdc {
                // As for the peg: where there is no close, Chainlink's rounds, then the price in Tether.
                for more in ["usdc:chainlink", "usdcusdt"] {
                    for (price, range) in prices.iter_mut().zip(grid.range(dataset, more)) {
                        *price = price.or(range.map(|range| range.close));
                    }
                }
            }
            (coin, prices)
        });
        Self { venues, coins: coins.into() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_history::time::day;
    use ballast_risk::facts::Facts;

    #[test]
    fn a_series_is_of_the_version_that_it_was_of() {
        for (protocol, date, expected) in [
            ("aave", "2021-01-01", Some("aave-v2")),
            ("aave", "2023-06-30", Some("aave-v2")),
            ("aave", "2023-07-01", Some("aave-v3")),
            ("compound", "2023-03-06", Some("compound-v2")),
            ("compound", "2025-06-19", Some("compound-v3")),
            ("whatever", "2025-06-19", None),
        ] {
            assert_eq!(version(protocol, day(date).unwrap()), expected, "{protocol} on {date}");
        }
    }

    #[test]
    fn every_version_is_in_the_facts() {
        let facts = Facts::built_in().unwrap();
        for (.., id) in VERSIONS {
            assert!(facts.protocol(id).is_some(), "{id}");
        }
    }
}
