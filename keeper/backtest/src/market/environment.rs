//! What is not of one venue: gas, ether, the peg, the rate without risk, day by day, and on how many days it had to be assumed.

use super::{
    Environment,
    grid::{Grid, Peg},
    quantised,
};
use ballast_history::Dataset;
use ballast_types::{Apr, Metric, Wad};

/// Where no price of gas or ether is in the data.
const ASSUMED_GAS_GWEI: f64 = 30.0;
const ASSUMED_ETH_USD: f64 = 3_000.0;

pub(super) fn environment(dataset: &Dataset, grid: Grid, notes: &mut Vec<String>) -> Vec<Environment> {
    let gas = grid.values(dataset, "ethereum", Metric::GasPriceGwei);
    let ether = grid.values(dataset, "ethereum:eth", Metric::PriceUsd);
    let close = grid.values(dataset, "usdc", Metric::PriceUsd);
    // What the contracts see is Chainlink's. Extremes within a day of other sources are not used: they have outliers that no feed followed.
    let rounds = grid.range(dataset, "usdc:chainlink");
    let in_tether = grid.range(dataset, "usdcusdt");
    let treasury = grid.values(dataset, "us-treasury:6m", Metric::Index);

    let mut lacking = Lacking::default();
    let mut carried = Carried::default();
    let mut environment = Vec::with_capacity(grid.length);
    for index in 0..grid.length {
        let at = |values: &[Option<f64>]| values.get(index).copied().flatten();
        let gwei = carried.gas.or_last(at(&gas)).unwrap_or_else(|| lacking.gas.count(ASSUMED_GAS_GWEI));
        let eth = carried.ether.or_last(at(&ether)).unwrap_or_else(|| lacking.ether.count(ASSUMED_ETH_USD));
        let range = rounds.get(index).copied().flatten();
        let peg = at(&close).map(|close| Peg { close, low: close, high: close });
        let peg = match (peg, range) {
            (Some(peg), Some(range)) => Some(Peg { close: peg.close, ..range }),
            (peg, range) => peg.or(range).or_else(|| in_tether.get(index).copied().flatten()),
        };
        let Peg { close, low, high } = peg.unwrap_or_else(|| {
            let one = lacking.peg.count(1.0);
            Peg { close: one, low: one, high: one }
        });
        let rate = carried.treasury.or_last(at(&treasury)).unwrap_or_else(|| lacking.treasury.count(0.0));
        environment.push(Environment {
            gas_price: quantised(gwei, 1e9),
            eth_usd: Wad(quantised(eth, 1e18)),
            usdc: Wad(quantised(close, 1e18)),
            usdc_low: Wad(quantised(low, 1e18)),
            usdc_high: Wad(quantised(high, 1e18)),
            risk_free: Apr(quantised(rate.max(0.0), 1e16)),
            oracle: None,
        });
    }
    lacking.tell(notes);
    environment
}

/// The last value there was: rates and prices of days without one.
#[derive(Default)]
struct Last(Option<f64>);

impl Last {
    fn or_last(&mut self, value: Option<f64>) -> Option<f64> {
        self.0 = value.or(self.0);
        self.0
    }
}

#[derive(Default)]
struct Carried {
    gas: Last,
    ether: Last,
    treasury: Last,
}

/// On how many days something was assumed.
#[derive(Default)]
struct Count(usize);

impl Count {
    fn count(&mut self, assumed: f64) -> f64 {
        self.0 += 1;
        assumed
    }
}

#[derive(Default)]
struct Lacking {
    gas: Count,
    ether: Count,
    peg: Count,
    treasury: Count,
}

impl Lacking {
    fn tell(&self, notes: &mut Vec<String>) {
        let mut note = |count: &Count, what: String| {
            if count.0 > 0 {
                notes.push(format!("{what} on {} days without data", count.0));
            }
        };
        note(&self.gas, format!("gas is assumed to cost {ASSUMED_GAS_GWEI} gwei"));
        note(&self.ether, format!("ether is assumed to be at {ASSUMED_ETH_USD} USD"));
        note(&self.peg, "USDC is assumed to be at 1 USD".into());
        note(&self.treasury, "the risk-free rate is taken to be zero".into());
    }
}
