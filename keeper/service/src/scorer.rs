//! The risk score of each venue as it is known with a snapshot: what is shown, and with `policy.live_scores` what a decision goes by.
//!
//! From the chain come utilisation, size, what can be had now, and prices; from the sources of `[market]` the price of a stablecoin that the chain's
//! feeds do not have; from the history how much the size varied in a month, once the historian has looked; from the facts table the rest. Liquidation
//! buffer and collateral are not observed: they count as the riskiest.
//!
//! The operator's score is a floor. What is known live can keep money out and never lets any in that the operator would not: the higher counts.
//! It becomes part of the policy of the decision's record, so that a replay needs nothing else.

#[cfg(test)]
mod tests;

use crate::{
    config::{Config, ConfigError, Protocols},
    history::{Names, asset_price, coin, figures, price, value_usd, variations},
    market::Market,
};
use alloy::primitives::Address;
use ballast_risk::{
    Freshness, Input, Score, ScoreInputs, Sourced, Stablecoin,
    facts::ProtocolKind,
    score::{self, EconomicInputs, LiquidityInputs, PegInputs, Slippage},
};
use ballast_store::{History, Location};
use ballast_types::{BPS_ONE, Metric, Observation, Policy, Snapshot, VenueState};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// Seconds for which a price that others say is one.
const HEARD_FOR: u64 = 3_600;
/// How long a start waits for the past.
const LONGEST: Duration = Duration::from_secs(10);
/// Who says so.
const CHAIN: &str = "the chain, in this block";

/// Of how large a position what it costs to leave is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Size {
    /// Of the one there is.
    Held,
    /// Of one worth this many USD, or the one there is if that is larger, in a venue that lends out what we bring.
    UpTo(f64),
}

/// Scores venues, and knows what the operator wants.
#[derive(Debug)]
pub struct Scorer {
    configured: Policy,
    /// Whether decisions go by what is found here.
    live: bool,
    protocols: Protocols,
    /// How much each venue's size varied in the last month.
    variations: Mutex<BTreeMap<Address, Sourced<f64>>>,
    /// Venues that are kept out and would not be by the operator's score, so that each is logged when it comes and when it goes.
    kept_out: Mutex<BTreeSet<Address>>,
}

impl Scorer {
    /// # Errors
    /// If a venue is said to be a protocol that the facts table does not have.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self::of(config.policy(), config.policy.live_scores, config.protocols()?))
    }

    pub(crate) fn of(configured: Policy, live: bool, protocols: Protocols) -> Self {
        Self { configured, live, protocols, variations: Mutex::default(), kept_out: Mutex::default() }
    }

    /// Takes what the history knows of the venues' sizes.
    pub(crate) fn remember(&self, variations: BTreeMap<Address, Sourced<f64>>) {
        *self.variations.lock().unwrap_or_else(PoisonError::into_inner) = variations;
    }

    /// Takes that from the history of earlier runs, so that a first or only decision goes by what the service would go by. What is not read within ten
    /// seconds is not known.
    pub async fn look_back(&self, location: &Location, snapshot: &Snapshot) {
        if !self.live {
            return;
        }
        let read = async {
            let history = History::open_read_only(location).await?;
            let found = variations(&history, snapshot).await;
            history.close().await;
            found
        };
        match timeout(LONGEST, read).await {
            Ok(Ok(found)) => self.remember(found),
            Ok(Err(error)) => tracing::info!(%error, "the history does not tell how much the venues' sizes varied"),
            Err(_) => tracing::info!("the history did not tell within ten seconds how much the venues' sizes varied"),
        }
    }

    /// The operator's policy.
    pub(crate) const fn configured(&self) -> &Policy {
        &self.configured
    }

    pub(crate) const fn protocols(&self) -> &Protocols {
        &self.protocols
    }

    /// The policy that a decision about this snapshot goes by. Logs which venues it newly keeps out.
    #[must_use]
    pub fn policy(&self, snapshot: &Snapshot, market: &Market) -> Policy {
        let judged = self.judged(snapshot, &market.heard());
        self.log(snapshot, &judged);
        judged
    }

    /// The operator's policy with, of each venue, the higher of the operator's score and the one that is known now for as much as may be put there; just
    /// the operator's if decisions are not to go by what is known.
    pub(crate) fn judged(&self, snapshot: &Snapshot, heard: &[Observation]) -> Policy {
        if !self.live {
            return self.configured.clone();
        }
        let (names, nav) = (Names::of_snapshot(snapshot), value_usd(snapshot));
        self.configured.scored_at_least(|adapter| {
            let venue = snapshot.venues.iter().find(|venue| venue.adapter == adapter)?;
            let most = self.configured.venue(adapter)?.max_position;
            let size = Size::UpTo(nav * f64::from(most.0) / f64::from(BPS_ONE));
            Some(self.score(snapshot, venue, &names, heard, size).points())
        })
    }

    /// A venue's score at the snapshot's block. `heard` is what others say.
    pub(crate) fn score(
        &self,
        snapshot: &Snapshot,
        venue: &VenueState,
        names: &Names,
        heard: &[Observation],
        size: Size,
    ) -> Score {
        let now = snapshot.block.timestamp;
        let facts = &self.protocols.facts;
        // A protocol that no fact is about is unknown in everything.
        let protocol = self.protocols.of(venue.adapter).unwrap_or_default();
        let exchange = facts.protocol(protocol).is_some_and(|found| found.kind == ProtocolKind::Exchange);
        let lending = |input| if exchange { Input::NotApplicable("an exchange lends nothing") } else { input };
        let said = |value: Option<f64>| value.map_or(Input::Missing, |value| Input::given(value, CHAIN, now));
        let of = figures(venue, asset_price(snapshot));
        let (position, liquid) = match size {
            Size::Held => (of.value, of.liquid),
            Size::UpTo(most) => (of.value.map(|held| held.max(most)), of.depth),
        };
        let variation = self.variations.lock().unwrap_or_else(PoisonError::into_inner).get(&venue.adapter).cloned();
        let inputs = ScoreInputs {
            contract: facts.contract(protocol, now),
            economic: EconomicInputs {
                tvl_variation: variation.into(),
                utilisation: lending(said(of.utilisation)),
                liquidation_buffer: lending(Input::Missing),
                collateral_hhi: lending(Input::Missing),
                oracle: facts.oracle(protocol, now),
            },
            peg: PegInputs { prices: self.prices(snapshot, protocol, heard) },
            liquidity: LiquidityInputs {
                slippage: slippage(position, liquid)
                    .map_or(Input::Missing, |slippage| Input::given(slippage, CHAIN, now)),
                share_of_venue: said(share(position, of.value, of.tvl)),
                delay: facts.withdrawal_delay(protocol, now),
            },
            track_record: facts.track_record(protocol, now),
        };
        score::score(names.of(venue.adapter), &inputs, now, Freshness::default())
    }

    /// The prices of the vault's asset and of every stablecoin whose fall would reach the protocol: the chain's, and of what it has no feed for the
    /// one furthest from a dollar that was heard within an hour: no source makes another's alarm go away.
    fn prices(&self, snapshot: &Snapshot, protocol: &str, heard: &[Observation]) -> Vec<(Stablecoin, Input<f64>)> {
        let now = snapshot.block.timestamp;
        let graph = self.protocols.facts.dependencies().as_of(now);
        let asset = snapshot.feeds.first().map(coin);
        let wanted = |of: &Stablecoin| {
            let own = asset.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(of.name()));
            own || graph.shock(&of.node()).contains_key(protocol)
        };
        let priced = |of: Stablecoin| {
            let feed = snapshot.feeds.iter().find(|feed| coin(feed).eq_ignore_ascii_case(of.name()));
            let read = || feed.and_then(|feed| price(feed, now)).map(|price| Input::given(price, CHAIN, now));
            let said = || {
                let of_it = heard.iter().filter(|one| {
                    let series = one.series();
                    series.metric() == Metric::PriceUsd && series.subject().eq_ignore_ascii_case(of.name())
                });
                let recent = of_it.filter(|one| now.saturating_sub(one.time()) <= HEARD_FOR);
                let off = |one: &Observation| (one.value() - 1.0).abs();
                let worst = recent.max_by(|one, other| off(one).total_cmp(&off(other)))?;
                // Publishers go by the clock on the wall, which may be seconds ahead of the block.
                Some(Input::given(worst.value(), worst.source(), worst.time().min(now)))
            };
            // A feed that cannot be trusted is no reason to ask others instead.
            let found = if feed.is_some() { read() } else { said() };
            (of, found.unwrap_or(Input::Missing))
        };
        Stablecoin::ALL.into_iter().filter(wanted).map(priced).collect()
    }

    fn log(&self, snapshot: &Snapshot, judged: &Policy) {
        let limit = judged.max_risk_score;
        let names = Names::of_snapshot(snapshot);
        let mut kept_out = self.kept_out.lock().unwrap_or_else(PoisonError::into_inner);
        for (own, now) in self.configured.venues.iter().zip(&judged.venues) {
            let (name, score) = (names.of(now.adapter), now.risk_score);
            let out = own.risk_score < limit && score >= limit;
            match (out, kept_out.contains(&now.adapter)) {
                (true, false) => {
                    kept_out.insert(now.adapter);
                    tracing::warn!(
                        venue = name,
                        score,
                        limit,
                        "a venue scores too high by what is known: nothing is added to it"
                    );
                }
                (false, true) => {
                    kept_out.remove(&now.adapter);
                    tracing::info!(venue = name, score, limit, "a venue scores below the limit again");
                }
                _ => {}
            }
        }
    }
}

/// Our part of the venue, with what the position has more than is held.
fn share(position: Option<f64>, held: Option<f64>, tvl: Option<f64>) -> Option<f64> {
    let ((position, held), tvl) = position.zip(held).zip(tvl)?;
    let all = tvl + position - held;
    // Of a venue that is empty we have nothing.
    if position <= 0.0 { Some(0.0) } else { (all > 0.0).then(|| (position / all).min(1.0)) }
}

/// What can be had now is paid at par, and the rest not at all, as in a backtest.
fn slippage(position: Option<f64>, liquid: Option<f64>) -> Option<Slippage> {
    let (position, liquid) = position.zip(liquid)?;
    let of = |part: f64| if position / part <= liquid { 0.0 } else { 1.0 };
    Some(Slippage { tenth: of(10.0), half: of(2.0), whole: of(1.0) })
}
