//! Every number of `[market]` against its range, and what goes together.

use super::{QuantityConfig, SourceConfig, SourceKind};
use crate::config::{Config, ConfigError, VenueConfig, validation::is_http};
use ballast_types::{Metric, SeriesId};
use std::collections::BTreeSet;

impl SourceConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let kind = self.kind;
        let fault = |what: &str, expected: &'static str| {
            Err(ConfigError::OutOfRange { key: "market.sources", value: format!("{kind} with {what}"), expected })
        };
        if self.url.as_deref().is_some_and(|url| !is_http(url)) {
            return fault("a url of another scheme", "an http:// or https:// URL");
        }
        if !(1..=86_400).contains(&self.period) {
            return fault(&format!("period {}", self.period), "a period of 1 to 86400 seconds");
        }
        if !(1..=120).contains(&self.timeout) {
            return fault(&format!("timeout {}", self.timeout), "a timeout of 1 to 120 seconds");
        }
        if self.path.is_some() != (kind == SourceKind::AaveSubgraph) {
            return fault("or without path", "a path for aave_subgraph (subgraphs/id/…), and for no other kind");
        }
        let is_dune = kind == SourceKind::Dune;
        if self.query.is_some() != is_dune || self.time_column.is_some() != is_dune {
            return fault("or without query and time_column", "both for dune, and for no other kind");
        }
        if self.keyed && kind.key_variable().is_none() {
            return fault("keyed", "keyed only for coingecko, pyth, aave_subgraph, dune and glassnode");
        }
        let is_glassnode = kind == SourceKind::Glassnode;
        if (is_dune || is_glassnode) && !self.keyed {
            return fault("keyed = false", "keyed = true: it answers nobody without a key");
        }
        if self.gives.is_empty() {
            return fault("an empty gives", "at least one { id, subject }");
        }
        if (kind == SourceKind::FearGreed || is_glassnode) && self.gives.len() != 1 {
            return fault("several entries in gives", "one entry for fear_greed and glassnode");
        }
        for gives in &self.gives {
            if gives.id.is_empty() != (kind == SourceKind::FearGreed) {
                return fault("or without an id in gives", "an id for every kind but fear_greed");
            }
            if gives.quoted.is_some() != (kind == SourceKind::DefiLlamaYields) {
                return fault("or without quoted in gives", "quoted = \"apy\" or \"apr\" for defillama_yields alone");
            }
            if gives.metric.is_some() != (is_dune || is_glassnode) || gives.unit.is_some() != is_dune {
                let expected = "both for dune, metric for glassnode, and none for another kind";
                return fault("or without metric and unit in gives", expected);
            }
            let mvrv = [Some(Metric::MvrvRatio), Some(Metric::MvrvZScore)];
            if is_glassnode && !mvrv.contains(&gives.metric) {
                return fault("another metric in gives", "mvrv_ratio or mvrv_z_score");
            }
            if kind == SourceKind::AaveSubgraph && !gives.id.contains(':') {
                return fault(&format!("id {:?}", gives.id), "the reserve's asset:addresses-provider");
            }
        }
        let series = match self.series() {
            Ok(series) => series,
            Err(why) => return fault(&why, "subjects of lower-case letters, digits and - _ . : /"),
        };
        let different: BTreeSet<_> = series.iter().collect();
        if different.len() != series.len() {
            return fault("a repeated subject", "a different subject for each entry of gives");
        }
        Ok(())
    }
}

impl QuantityConfig {
    fn validate(&self, venues: &[VenueConfig], giving: usize) -> Result<(), ConfigError> {
        let series = &self.series;
        let fault = |what: String, expected: &'static str| {
            Err(ConfigError::OutOfRange { key: "market.quantities", value: format!("{series} with {what}"), expected })
        };
        match (&self.venue, &self.feed) {
            (Some(venue), None) => {
                if !venues.iter().any(|known| known.name == *venue) {
                    return fault(format!("venue {venue:?}"), "the name of one of [[venues]]");
                }
                let comparable =
                    [Metric::SupplyApr, Metric::TvlUsd, Metric::SuppliedUsd, Metric::LiquidityUsd, Metric::Utilisation];
                if !comparable.contains(&series.metric()) {
                    let expected = "a venue's supply_apr, tvl_usd, supplied_usd, liquidity_usd or utilisation";
                    return fault(format!("metric {}", series.metric()), expected);
                }
            }
            (None, Some(_)) if series.metric() == Metric::PriceUsd => {}
            (None, Some(_)) => return fault(format!("metric {}", series.metric()), "price_usd for a feed"),
            _ => return fault("both or neither of venue and feed".into(), "one of them: what the chain says of it"),
        }
        if giving == 0 {
            return fault("no source".into(), "a subject that stands in gives of one of [[market.sources]]");
        }
        if self.quorum > giving {
            return fault(format!("quorum {}", self.quorum), "at most the number of its sources");
        }
        if !(1..=2_592_000).contains(&self.max_age) {
            return fault(format!("max_age {}", self.max_age), "1 to 2592000 seconds");
        }
        let bounds = [("tolerance", self.tolerance, 1.0), ("tolerance_absolute", self.tolerance_absolute, 1e12)];
        for (key, value, most) in bounds {
            if !(0.0..=most).contains(&value) {
                return fault(format!("{key} {value}"), "a tolerance of 0 to 1, tolerance_absolute of 0 to 1e12");
            }
        }
        Ok(())
    }
}

impl Config {
    pub(in crate::config) fn validate_market(&self) -> Result<(), ConfigError> {
        let market = &self.market;
        let fault = |key, value: String, expected| Err(ConfigError::OutOfRange { key, value, expected });
        let mut kinds = BTreeSet::new();
        for source in &market.sources {
            source.validate()?;
            if !kinds.insert(source.kind) {
                // Two endpoints of one publisher are one source, however many say the same.
                return fault("market.sources", format!("{} twice", source.kind), "each kind once");
            }
        }
        let gives =
            |source: &SourceConfig, series: &SeriesId| source.series().is_ok_and(|given| given.contains(series));
        let mut seen = BTreeSet::new();
        for quantity in &market.quantities {
            let giving = market.sources.iter().filter(|source| gives(source, &quantity.series)).count();
            quantity.validate(&self.venues, giving)?;
            if !seen.insert(&quantity.series) {
                return fault("market.quantities", format!("{} twice", quantity.series), "each series once");
            }
        }
        for source in market.sources.iter().filter(|source| source.required) {
            if !market.quantities.iter().any(|quantity| gives(source, &quantity.series)) {
                let expected = "required only for a source of one of [[market.quantities]]";
                return fault("market.sources", format!("{} with required = true", source.kind), expected);
            }
        }
        if !(2..=100_000).contains(&market.requests_per_minute) {
            return fault("market.requests_per_minute", market.requests_per_minute.to_string(), "2 to 100000");
        }
        if !(1..=1_440).contains(&market.lag_minutes) {
            return fault("market.lag_minutes", market.lag_minutes.to_string(), "1 to 1440 minutes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{MarketConfig, QuantityConfig, SourceConfig};

    const YIELDS: &str = "kind = 'defillama_yields'\ngives = [{ id = 'aa70', subject = 'aave', quoted = 'apy' }]\n";
    const RATE: &str = "series = 'aave#supply_apr'\nvenue = 'aave-v3'\ntolerance = 0.2\n";

    fn source(text: &str) -> Result<(), String> {
        let source: SourceConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        source.validate().map_err(|error| error.to_string())
    }

    fn quantity(text: &str, giving: usize) -> Result<(), String> {
        let venue = "name = 'aave-v3'\nkind = 'aave-v3'\nadapter = '0x0000000000000000000000000000000000000001'\nrisk_score = 1\nmax_position = 1";
        let venues = [toml::from_str(venue).unwrap()];
        let quantity: QuantityConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        quantity.validate(&venues, giving).map_err(|error| error.to_string())
    }

    #[test]
    fn a_source_has_what_its_kind_needs_and_nothing_else() {
        assert_eq!(source(YIELDS), Ok(()));
        for (text, said) in [
            ("kind = 'twitter'\ngives = []".to_owned(), "unknown variant"),
            (format!("{YIELDS}colour = 'red'"), "unknown field"),
            (format!("{YIELDS}url = 'ftp://example.org'"), "http:// or https:// URL"),
            (format!("{YIELDS}period = 0"), "1 to 86400 seconds"),
            (format!("{YIELDS}timeout = 121"), "1 to 120 seconds"),
            (format!("{YIELDS}keyed = true"), "keyed only for"),
            (format!("{YIELDS}path = 'subgraphs'"), "a path for aave_subgraph"),
            (YIELDS.replace("quoted", "unit"), "or without quoted"),
            (YIELDS.replace(", quoted = 'apy'", ""), "quoted ="),
            (YIELDS.replace("'aave'", "'Aave V3'"), "subjects of lower-case"),
            ("kind = 'pyth'\ngives = []".to_owned(), "at least one"),
            ("kind = 'pyth'\ngives = [{ subject = 'usdc' }]".to_owned(), "an id for every kind"),
            (
                "kind = 'pyth'\ngives = [{ id = '1', subject = 'usdc' }, { id = '2', subject = 'usdc' }]".to_owned(),
                "different subject",
            ),
            (
                "kind = 'aave_subgraph'\npath = 'x'\ngives = [{ id = '0x1', subject = 'aave' }]".to_owned(),
                "asset:addresses-provider",
            ),
            ("kind = 'dune'\ngives = [{ id = 'a', subject = 'b' }]".to_owned(), "query and time_column"),
            (
                "kind = 'dune'\nquery = 1\ntime_column = 'day'\ngives = [{ id = 'a', subject = 'b' }]".to_owned(),
                "keyed = true",
            ),
        ] {
            let refused = source(&text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn a_quantity_names_what_the_chain_says_of_it_and_who_else_does() {
        assert_eq!(quantity(RATE, 1), Ok(()));
        assert_eq!(quantity("series = 'usdc#price_usd'\nfeed = 'USDC/USD'\ntolerance = 0\nquorum = 0", 1), Ok(()));
        for (text, giving, said) in [
            (RATE.to_owned(), 0, "stands in gives"),
            (format!("{RATE}quorum = 2"), 1, "at most the number of its sources"),
            (format!("{RATE}max_age = 0"), 1, "1 to 2592000 seconds"),
            (format!("{RATE}feed = 'USDC/USD'"), 1, "one of them"),
            (RATE.replace("'aave-v3'", "'compound'"), 1, "the name of one of [[venues]]"),
            (RATE.replace("0.2", "1.5"), 1, "a tolerance of 0 to 1"),
            (RATE.replace("0.2", "nan"), 1, "a tolerance of 0 to 1"),
            (RATE.replace("supply_apr", "borrow_apr"), 1, "a venue's supply_apr"),
            (RATE.replace("supply_apr", "apy"), 1, "is no metric"),
            (RATE.replace("venue = 'aave-v3'", "feed = 'USDC/USD'"), 1, "price_usd for a feed"),
            (RATE.replace("tolerance = 0.2", ""), 1, "missing field"),
        ] {
            let refused = quantity(&text, giving).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn nobody_is_asked_unless_it_is_configured() {
        let market = MarketConfig::default();
        assert!(market.sources.is_empty() && market.quantities.is_empty());
    }
}
