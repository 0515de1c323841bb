//! The protocols of the facts table (`keeper/risk/facts`), as of a day: with what was known by then and what the market said then.

use super::ValidityError;
use ballast_history::{read_table, time};
use ballast_risk::{
    Freshness, Input, Score, ScoreInputs, Stablecoin,
    facts::{Facts, ProtocolKind},
    score::{self, EconomicInputs, LiquidityInputs, PegInputs},
};
use std::{collections::BTreeMap, path::Path};

const TVL: &str = "protocol_tvl_daily";
const LENDING: &str = "lending_protocol_daily";
const PRICES: &str = "stablecoin_prices_daily";
/// Days that TVL is looked back on, and how many of them need a value: as in a backtest.
const WINDOW: u64 = 30 * time::DAY;
const LEAST: usize = 10;
/// Days after which the last utilisation and the last price are not told any more; the score's own limit is shorter.
const RECENT: u64 = 3 * time::DAY;
/// What the data sets call a protocol of the table.
const TVL_OF: [(&str, &str); 6] = [
    ("aave-v3", "aave-v3"),
    ("compound-v3", "compound-v3"),
    ("curve", "curve-dex"),
    ("morpho-blue", "morpho-blue"),
    ("sky", "sky-lending"),
    ("uniswap-v3", "uniswap-v3"),
];
const LENDING_OF: [(&str, &str); 3] =
    [("aave-v2", "aave_v2_ethereum"), ("compound-v2", "compound_ethereum_subgraph"), ("sky", "makerdao_ethereum")];

/// Values by name and by the time they were known.
type Daily = BTreeMap<String, BTreeMap<u64, f64>>;

pub(super) struct Table<'a> {
    facts: &'a Facts,
    tvl: Daily,
    utilisation: Daily,
    prices: Daily,
}

impl<'a> Table<'a> {
    pub(super) fn read(directory: &Path, facts: &'a Facts) -> Result<Self, ValidityError> {
        Ok(Self {
            facts,
            tvl: daily(directory, TVL, "protocol_slug", "tvl_usd")?,
            utilisation: daily(directory, LENDING, "protocol_instance", "utilization")?,
            prices: daily(directory, PRICES, "symbol", "close_usd")?,
        })
    }

    /// Every protocol that was known to be live at `now`.
    pub(super) fn live(&self, now: u64) -> impl Iterator<Item = &'a ballast_risk::facts::Protocol> {
        let live = move |id: &str| match self.facts.contract(id, now).live_since {
            Input::Given(since) => since.value <= now,
            Input::Missing | Input::NotApplicable(_) => false,
        };
        self.facts.protocols().filter(move |protocol| live(&protocol.id))
    }

    /// The score of a protocol at `now`.
    pub(super) fn score(&self, id: &str, now: u64) -> Score {
        let exchange = self.facts.protocol(id).is_some_and(|found| found.kind == ProtocolKind::Exchange);
        let lending =
            |input: Input<f64>| if exchange { Input::NotApplicable("an exchange lends nothing") } else { input };
        let graph = self.facts.dependencies().as_of(now);
        let reaches = |coin: &Stablecoin| graph.shock(&coin.node()).contains_key(id);
        let price = |coin: Stablecoin| last(self.prices.get(&coin.name().to_ascii_uppercase()), PRICES, now);
        let inputs = ScoreInputs {
            contract: self.facts.contract(id, now),
            economic: EconomicInputs {
                tvl_variation: self.variation(id, now),
                utilisation: lending(last(
                    named(&LENDING_OF, id).and_then(|name| self.utilisation.get(name)),
                    LENDING,
                    now,
                )),
                liquidation_buffer: lending(Input::Missing),
                collateral_hhi: lending(Input::Missing),
                oracle: self.facts.oracle(id, now),
            },
            peg: PegInputs {
                prices: Stablecoin::ALL.into_iter().filter(reaches).map(|coin| (coin, price(coin))).collect(),
            },
            liquidity: LiquidityInputs { delay: self.facts.withdrawal_delay(id, now), ..LiquidityInputs::default() },
            track_record: self.facts.track_record(id, now),
        };
        score::score(id, &inputs, now, Freshness::default())
    }

    fn variation(&self, id: &str, now: u64) -> Input<f64> {
        let Some(values) = named(&TVL_OF, id).and_then(|name| self.tvl.get(name)) else { return Input::Missing };
        let window: Vec<(u64, f64)> =
            values.range(now.saturating_sub(WINDOW)..=now).map(|(at, value)| (*at, *value)).collect();
        let Some((known, _)) = window.last().filter(|_| window.len() >= LEAST) else { return Input::Missing };
        let amounts: Vec<f64> = window.iter().map(|(_, value)| *value).collect();
        score::variation(&amounts).map_or(Input::Missing, |variation| Input::given(variation, TVL, *known))
    }
}

fn named<'a>(names: &[(&str, &'a str)], id: &str) -> Option<&'a str> {
    names.iter().find(|(of, _)| *of == id).map(|(_, name)| *name)
}

fn last(values: Option<&BTreeMap<u64, f64>>, source: &str, now: u64) -> Input<f64> {
    let recent = values.and_then(|values| values.range(now.saturating_sub(RECENT)..=now).next_back());
    recent.map_or(Input::Missing, |(at, value)| Input::given(*value, source, *at))
}

/// A column by name, each value known at the end of its day.
fn daily(
    directory: &Path,
    file: &'static str,
    name: &'static str,
    value: &'static str,
) -> Result<Daily, ValidityError> {
    let mut found = Daily::new();
    let refused = read_table(directory, file, &["date_utc", name, value], |row| {
        let text = row.text("date_utc");
        let day = time::day(text).ok_or_else(|| row.refuse(format!("{text:?} is no day")))?;
        if let Some(number) = row.number(value)? {
            found.entry(row.text(name).to_owned()).or_default().insert(day + time::DAY, number);
        }
        Ok(())
    })?;
    super::whole(file, refused)?;
    Ok(found)
}
