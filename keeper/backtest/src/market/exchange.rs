//! How USDC becomes another stablecoin and comes back: the pool of each day, and what the coins were worth.
//!
//! On a day of which the balances of Curve's 3pool are in the data, a swap is exactly that pool's, fee and imbalance included. On any other the pool is
//! taken to be balanced, of the size that DefiLlama gives for it or of an assumed one, and to trade at the market's price of the coin in USDC: the
//! pool gives what our own size costs, the market the level. Neither amplification nor fee is in the data; both are settings.

use super::{
    Environment,
    grid::{Grid, Peg},
    quantised,
};
use crate::stableswap::{FEE_ONE, StableSwap};
use ballast_history::Dataset;
use ballast_risk::Stablecoin;
use ballast_types::{Assets, Metric, WAD, Wad, fixed::mul_div_ceil, fixed::mul_div_floor};

/// The places of the coins in the pool here.
const USDC: usize = 0;
const DAI: usize = 1;
const USDT: usize = 2;
/// Curve's 3pool in `curve_pool_balances_daily`, with the number of its column by place.
const BALANCES: [(usize, &str); 3] = [
    (DAI, "curve/ethereum/dai-usdc-usdt:1"),
    (USDC, "curve/ethereum/dai-usdc-usdt:2"),
    (USDT, "curve/ethereum/dai-usdc-usdt:3"),
];
/// The same pool in `lp_pools_daily`.
const POOL_TVL: &str = "curve-dex/ethereum/25171c4c-1877-449a-9f88-45a9f153ee31";
/// For so many days balances stand for those of days without; then the pool counts as unknown.
const BALANCES_LAST: usize = 7;
/// A pool with less USD than this in it is only being set up.
const LEAST_POOL: f64 = 1e6;

/// Which coins beside USDC a venue may be in, and what is taken of the pool for want of data.
#[derive(Clone, Debug, PartialEq)]
pub struct CoinSettings {
    /// Of [`Stablecoin::Dai`] and [`Stablecoin::Usdt`]; none is the vault as its contracts are.
    pub coins: Vec<Stablecoin>,
    /// `A` as the pool's contract has it.
    pub amplification: u64,
    /// What the pool keeps of a swap, in parts of 10¹⁰.
    pub fee: u128,
    /// USD in the pool on days of which nothing says how much.
    pub depth: f64,
}

impl Default for CoinSettings {
    /// No coin; `A` of 2,000 and a fee of four basis points, as the 3pool had them later in 2021 as far as is known here; 50 million, less than it had on any
    /// day of the data.
    fn default() -> Self {
        Self { coins: Vec::new(), amplification: 2_000, fee: 4 * FEE_ONE / 10_000, depth: 50e6 }
    }
}

impl CoinSettings {
    /// Whether a venue of this asset is entered and left by a swap and may be.
    pub(super) fn asset(&self, name: &str) -> Option<usize> {
        self.coins.iter().position(|coin| coin.name().eq_ignore_ascii_case(name))
    }
}

/// The coins of a market's venues, and the way to them on each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub coins: Vec<Stablecoin>,
    /// By venue of the market: which of the coins it is in, `None` where it is in USDC.
    pub of: Vec<Option<usize>>,
    /// One per step.
    pub days: Vec<ExchangeDay>,
}

/// The pool and the coins during one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeDay {
    /// As it was without our swaps.
    pub pool: StableSwap,
    /// Whether its balances are in the data, so that the pool itself says what a coin is worth.
    pub recorded: bool,
    /// By coin.
    pub coins: Vec<CoinDay>,
}

/// One coin during one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoinDay {
    /// Its place in the pool.
    pub place: usize,
    /// What the pool's answer in this coin is multiplied by to be USDC: 1 where the pool's balances are recorded.
    pub level: Wad,
    /// The price in USDC of a swap of next to nothing without a fee, rounded up.
    pub mid: Wad,
    /// Dollars at the end of the step, and the extremes of its feed within it.
    pub close: Wad,
    pub low: Wad,
    pub high: Wad,
}

impl CoinDay {
    /// What an amount of it (six decimals) is worth in USDC without the costs of a swap, rounded down.
    #[must_use]
    pub fn value(&self, amount: u128) -> Assets {
        at(self.mid, amount)
    }
}

/// An amount of a coin at a price.
pub(crate) fn at(price: Wad, amount: u128) -> Assets {
    Assets(mul_div_floor(amount, price.0, WAD).unwrap_or(u128::MAX))
}

impl ExchangeDay {
    /// A step with this pool (USDC, DAI and USDT in this order), these coins with their close, low and high in USD, and USDC's price where the pool does
    /// not say what the coins are worth. `None` if the pool cannot price them.
    #[must_use]
    pub fn new(pool: StableSwap, usdc: Option<Wad>, coins: &[(Stablecoin, [Wad; 3])]) -> Option<Self> {
        let day = |(coin, [close, low, high]): &(Stablecoin, [Wad; 3])| {
            let place = match coin {
                Stablecoin::Dai => DAI,
                Stablecoin::Usdt => USDT,
                Stablecoin::Usdc | Stablecoin::Frax => return None,
            };
            let level = match usdc {
                Some(usdc) => Wad(mul_div_floor(close.0, WAD, usdc.0)?),
                None => Wad(WAD),
            };
            let mid = Wad(mul_div_ceil(pool.price(place, USDC)?, level.0, WAD)?);
            Some(CoinDay { place, level, mid, close: *close, low: *low, high: *high })
        };
        let coins: Vec<CoinDay> = coins.iter().map(day).collect::<Option<_>>()?;
        Some(Self { pool, recorded: usdc.is_none(), coins })
    }

    /// Swaps an amount of a coin into USDC in `pool`, which is this step's or what swaps have made of it.
    pub(crate) fn sell(&self, pool: &mut StableSwap, coin: usize, amount: u128) -> Option<Assets> {
        let CoinDay { place, level, .. } = *self.coins.get(coin)?;
        pool.swap(place, USDC, at(level, amount).0).map(Assets)
    }

    /// Swaps USDC into a coin: how much of it that is.
    pub(crate) fn buy(&self, pool: &mut StableSwap, coin: usize, paid: Assets) -> Option<u128> {
        let CoinDay { place, level, .. } = *self.coins.get(coin)?;
        mul_div_floor(pool.swap(USDC, place, paid.0)?, WAD, level.0)
    }

    /// What these amounts, one per coin, would bring if all of them left now, one coin after the other; nothing for what the pool would not take.
    #[must_use]
    pub fn leaving(&self, amounts: &[u128]) -> Vec<Assets> {
        let mut pool = self.pool.clone();
        let mut brings = |(coin, amount): (usize, &u128)| {
            let value = self.coins.get(coin).map_or(Assets::ZERO, |day| day.value(*amount));
            if *amount == 0 { Assets::ZERO } else { self.sell(&mut pool, coin, *amount).unwrap_or_default().min(value) }
        };
        amounts.iter().enumerate().map(&mut brings).collect()
    }
}

/// The way to every coin that is asked for; `None` if there is no such coin.
pub(super) fn exchange(
    dataset: &Dataset,
    grid: Grid,
    settings: &CoinSettings,
    environment: &[Environment],
    venues: impl Iterator<Item = Option<usize>>,
    notes: &mut Vec<String>,
) -> Option<Exchange> {
    if settings.coins.is_empty() {
        return None;
    }
    let balances = BALANCES.map(|(place, subject)| (place, grid.values(dataset, subject, Metric::SuppliedUsd)));
    let tvl = grid.values(dataset, POOL_TVL, Metric::TvlUsd);
    let mut coins: Vec<(Stablecoin, Prices)> =
        settings.coins.iter().map(|coin| (*coin, Prices::of(dataset, grid, *coin))).collect();
    let pool = |sizes: [f64; 3]| {
        let balances = sizes.iter().map(|tokens| quantised(*tokens, 1e18)).collect();
        StableSwap::new(balances, settings.amplification, settings.fee)
    };
    let (mut last, mut size): (Option<(usize, [f64; 3])>, Option<f64>) = (None, None);
    let (mut recorded, mut sized, mut assumed) = (0, 0, 0);
    let mut days = Vec::with_capacity(environment.len());
    for (step, now) in environment.iter().enumerate() {
        let mut there = [0.0; 3];
        for (place, values) in &balances {
            there[*place] = values.get(step).copied().flatten().unwrap_or(0.0);
        }
        if there.iter().all(|tokens| *tokens > 0.0) && there.iter().sum::<f64>() >= LEAST_POOL {
            last = Some((step, there));
        }
        size = tvl.get(step).copied().flatten().filter(|size| *size >= LEAST_POOL).or(size);
        let prices: Vec<(Stablecoin, [Wad; 3])> =
            coins.iter_mut().map(|(coin, prices)| (*coin, prices.at(step))).collect();
        let known = last.filter(|(since, _)| step - since < BALANCES_LAST).map(|(_, there)| there);
        let day = match known {
            Some(there) => {
                recorded += 1;
                ExchangeDay::new(pool(there)?, None, &prices)?
            }
            None => {
                *(if size.is_some() { &mut sized } else { &mut assumed }) += 1;
                let part = size.unwrap_or(settings.depth) / 3.0;
                ExchangeDay::new(pool([part; 3])?, Some(now.usdc), &prices)?
            }
        };
        days.push(day);
    }
    let names: Vec<&str> = settings.coins.iter().map(|coin| coin.name()).collect();
    notes.push(format!(
        "{} is reached through Curve's 3pool: its balances are in the data on {recorded} days, its size on {sized} more, and {:.0} million USD are \
         assumed on {assumed}; A is taken to be {} and its fee {:.2} basis points",
        names.join(" and "),
        settings.depth / 1e6,
        settings.amplification,
        settings.fee as f64 / (FEE_ONE as f64 / 1e4),
    ));
    for (coin, prices) in &coins {
        if prices.lacking > 0 {
            notes.push(format!("{} is assumed to be at 1 USD on {} days without data", coin.name(), prices.lacking));
        }
    }
    Some(Exchange { coins: settings.coins.clone(), of: venues.collect(), days })
}

/// A coin's dollars by day: the close, and what Chainlink's rounds say of the extremes, as for USDC itself.
struct Prices {
    close: Vec<Option<f64>>,
    rounds: Vec<Option<Peg>>,
    last: Option<f64>,
    /// Days on which nothing was known yet.
    lacking: usize,
}

impl Prices {
    fn of(dataset: &Dataset, grid: Grid, coin: Stablecoin) -> Self {
        let name = coin.name().to_lowercase();
        let close = grid.values(dataset, &name, Metric::PriceUsd);
        Self { close, rounds: grid.range(dataset, &format!("{name}:chainlink")), last: None, lacking: 0 }
    }

    fn at(&mut self, step: usize) -> [Wad; 3] {
        let rounds = self.rounds.get(step).copied().flatten();
        let close = self.close.get(step).copied().flatten().or(rounds.map(|rounds| rounds.close));
        self.last = close.or(self.last);
        let close = self.last.unwrap_or_else(|| {
            self.lacking += 1;
            1.0
        });
        let (low, high) = rounds.map_or((close, close), |rounds| (rounds.low, rounds.high));
        [close, low, high].map(|price| Wad(quantised(price, 1e18).max(1)))
    }
}
