//! Scores of risk as of each step: [`ballast_risk::score`] from what could be known then.
//!
//! | part | from |
//! | --- | --- |
//! | contract, delay, track record | the facts (`keeper/risk/facts`), each row from its `as_of` on, an exploit from the end of its day on |
//! | TVL | σ/μ of the recorded TVL of the 30 days before, if ten of them have one |
//! | utilisation | the last day's, recorded or derived from its rates |
//! | peg | the last closes of the venue's own asset and of every coin whose fall would reach it |
//! | slippage, share of the venue | of the position asked about, in the market as the snapshot has it, and through the pool of the last day where one leads to the venue |
//! | liquidation buffer, collateral | no history of them is at hand: they count as the riskiest |

use crate::market::{Basis, Market, VenueStep};
use ballast_risk::{
    Freshness, Input, Score, ScoreInputs, Stablecoin,
    facts::{Facts, ProtocolKind},
    score::{self, EconomicInputs, LiquidityInputs, PegInputs, Slippage},
};
use ballast_types::{Assets, Policy};
use std::collections::BTreeMap;

/// Steps that TVL is looked back on, and how many of them need a value.
const WINDOW: usize = 30;
const LEAST: usize = 10;
/// Steps after which no value counts as fresh any more ([`Freshness`]).
const RECENT: usize = 3;
/// What every market input says of its source.
const HISTORY: &str = "history";

/// Whole points by venue and step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    points: Vec<Vec<Option<u8>>>,
}

impl Scores {
    /// The scores of all venues at the beginning of each step, for positions of `position`; `None` of a market without data of risk.
    #[must_use]
    pub fn of(market: &Market, facts: &Facts, position: Assets) -> Option<Self> {
        let judge = Judge::new(market, facts, position)?;
        let steps = 0..market.environment.len();
        let points = |venue| steps.clone().map(|step| judge.score(venue, step).map(|score| score.points())).collect();
        Some(Self { points: (0..market.venues.len()).map(points).collect() })
    }

    /// The points of a venue at the beginning of a step; `None` before its first value and after its series has ended.
    #[must_use]
    pub fn at(&self, venue: usize, step: usize) -> Option<u8> {
        self.points.get(venue)?.get(step).copied().flatten()
    }

    /// The policy with the scores of a step. What has none keeps the policy's.
    #[must_use]
    pub(crate) fn judged(&self, policy: &Policy, step: usize) -> Policy {
        let mut judged = policy.clone();
        for (venue, place) in judged.venues.iter_mut().enumerate() {
            place.risk_score = self.at(venue, step).unwrap_or(place.risk_score);
        }
        judged
    }
}

/// The score of one venue at the beginning of a step with its whole explanation, as [`Scores::of`] has it.
#[must_use]
pub fn explained(market: &Market, facts: &Facts, position: Assets, venue: usize, step: usize) -> Option<Score> {
    Judge::new(market, facts, position)?.score(venue, step)
}

struct Judge<'a> {
    market: &'a Market,
    facts: &'a Facts,
    position: Assets,
    /// By protocol: from which time on it stands on which coins.
    coins: BTreeMap<&'a str, Vec<(u64, Vec<Stablecoin>)>>,
}

impl<'a> Judge<'a> {
    fn new(market: &'a Market, facts: &'a Facts, position: Assets) -> Option<Self> {
        market.risk.as_ref()?;
        let mut since: Vec<u64> = facts.dependencies().edges().iter().map(|edge| edge.since).collect();
        since.sort_unstable();
        since.dedup();
        let mut coins: BTreeMap<&str, Vec<(u64, Vec<Stablecoin>)>> = BTreeMap::new();
        for time in since {
            let graph = facts.dependencies().as_of(time);
            let reached = Stablecoin::ALL.map(|coin| (coin, graph.shock(&coin.node())));
            for protocol in facts.protocols() {
                let through = reached.iter().filter(|(_, hit)| hit.contains_key(&protocol.id)).map(|(coin, _)| *coin);
                coins.entry(&protocol.id).or_default().push((time, through.collect()));
            }
        }
        Some(Self { market, facts, position, coins })
    }

    fn score(&self, venue: usize, step: usize) -> Option<Score> {
        let (last, day) = self.last(venue, step)?;
        let now = self.market.time(step);
        let known_at = self.market.time(last + 1);
        let risk = self.market.risk.as_ref()?;
        let said = risk.venues.get(venue)?;
        // A protocol that no fact is about is unknown in everything.
        let protocol = said.version(now).unwrap_or_default();
        let exchange = self.facts.protocol(protocol).is_some_and(|found| found.kind == ProtocolKind::Exchange);
        let utilisation = match day.utilisation {
            Basis::Assumed => Input::Missing,
            Basis::Recorded | Basis::Derived => {
                Input::given(day.borrowed.0 as f64 / (day.supplied.0 as f64).max(1.0), HISTORY, known_at)
            }
        };
        let inputs = ScoreInputs {
            contract: self.facts.contract(protocol, now),
            economic: EconomicInputs {
                tvl_variation: self.variation(&said.tvl, step),
                utilisation: if exchange { Input::NotApplicable("an exchange lends nothing") } else { utilisation },
                liquidation_buffer: Input::Missing,
                collateral_hhi: Input::Missing,
                oracle: self.facts.oracle(protocol, now),
            },
            peg: PegInputs { prices: self.prices(venue, protocol, step, now) },
            liquidity: LiquidityInputs {
                slippage: Input::given(self.slippage(venue, last, day), HISTORY, known_at),
                share_of_venue: Input::given(self.share(day), HISTORY, known_at),
                delay: self.facts.withdrawal_delay(protocol, now),
            },
            track_record: self.facts.track_record(protocol, now),
        };
        let id = self.market.venues.get(venue)?.id.as_str();
        Some(score::score(id, &inputs, now, Freshness::default()))
    }

    /// The last value of a venue before `step`, if it is not long ago.
    fn last(&self, venue: usize, step: usize) -> Option<(usize, &'a VenueStep)> {
        let steps = &self.market.venues.get(venue)?.steps;
        (step.saturating_sub(RECENT)..step).rev().find_map(|at| steps.get(at)?.as_ref().map(|day| (at, day)))
    }

    /// Of the recorded TVL before `step`, as far as it is of the series that the last value is of.
    fn variation(&self, tvl: &[Option<(usize, f64)>], step: usize) -> Input<f64> {
        let window = step.saturating_sub(WINDOW)..step;
        let there: Vec<(usize, usize, f64)> =
            window.filter_map(|at| tvl.get(at).copied().flatten().map(|(series, value)| (at, series, value))).collect();
        let Some(&(last, of, _)) = there.last() else { return Input::Missing };
        let values: Vec<f64> = there.iter().filter(|(_, series, _)| *series == of).map(|(.., value)| *value).collect();
        if values.len() < LEAST {
            return Input::Missing;
        }
        let known_at = self.market.time(last + 1);
        score::variation(&values).map_or(Input::Missing, |variation| Input::given(variation, HISTORY, known_at))
    }

    /// The last closes of the venue's own asset, and of what the protocol was known to stand on.
    fn prices(&self, venue: usize, protocol: &str, step: usize, now: u64) -> Vec<(Stablecoin, Input<f64>)> {
        let reached = self.coins.get(protocol).and_then(|known| known.iter().rfind(|(since, _)| *since <= now));
        let asset = self.market.venues.get(venue).and_then(|venue| venue.id.rsplit('/').next()).unwrap_or_default();
        let own = Stablecoin::ALL.into_iter().filter(|coin| coin.name().eq_ignore_ascii_case(asset));
        let mut coins: Vec<Stablecoin> =
            own.chain(reached.into_iter().flat_map(|(_, coins)| coins.iter().copied())).collect();
        coins.sort_unstable();
        coins.dedup();
        coins.into_iter().map(|coin| (coin, self.close(coin, step))).collect()
    }

    fn close(&self, coin: Stablecoin, step: usize) -> Input<f64> {
        let risk = self.market.risk.as_ref();
        let series = risk.and_then(|risk| risk.coins.iter().find(|(of, _)| *of == coin));
        let last = series.and_then(|(_, prices)| {
            (step.saturating_sub(RECENT)..step).rev().find_map(|at| prices.get(at).copied().flatten().map(|p| (at, p)))
        });
        last.map_or(Input::Missing, |(at, price)| Input::given(price, HISTORY, self.market.time(at + 1)))
    }

    /// A lending market pays out at par what it has, and nothing of what is lent out. What we would bring counts as lent out: others may take it.
    /// Where a pool leads out of it, also what that keeps.
    fn slippage(&self, venue: usize, last: usize, day: &VenueStep) -> Slippage {
        let cash = day.supplied.0.saturating_sub(day.borrowed.0);
        let exchange = self.market.exchange.as_ref();
        let pool = exchange.and_then(|exchange| Some((exchange.days.get(last)?, exchange.of.get(venue).copied()??)));
        let kept = |amount: u128| {
            let Some((today, coin)) = pool else { return 0.0 };
            let brings = today.sell(&mut today.pool.clone(), coin, amount).unwrap_or_default();
            let worth = today.coins.get(coin).map_or(Assets::ZERO, |coin| coin.value(amount));
            worth.saturating_sub(brings).0 as f64 / (worth.0 as f64).max(1.0)
        };
        let of = |part: u128| {
            let amount = self.position.0 / part;
            if amount <= cash { kept(amount) } else { 1.0 }
        };
        Slippage { tenth: of(10), half: of(2), whole: of(1) }
    }

    fn share(&self, day: &VenueStep) -> f64 {
        let whole = day.supplied.0.saturating_add(self.position.0);
        self.position.0 as f64 / (whole as f64).max(1.0)
    }
}
