//! The risk score of each venue as it is known with a snapshot: what is shown, and with `policy.live_scores` what a decision goes by.
//!
//! From the chain come utilisation, size, what can be had now, and prices; from the sources of `[market]` the price of a stablecoin that the chain's
//! feeds do not have; from the history how much the size varied in a month, once the historian has looked; from the facts table the rest. Liquidation
//! buffer and collateral are not observed: they count as the riskiest.
//!
//! The operator's score is a floor. What is known live can keep money out and never lets any in that the operator would not: the higher counts.
//! It becomes part of the policy of the decision's record, so that a replay needs nothing else.

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::history::{SOURCE, world};
    use ballast_allocator::decide;
    use ballast_risk::{facts::Facts, score::PartId};
    use ballast_store::history::{OnBadRow, Reading};
    use ballast_types::{Action, FeedReading, GateId, SeriesId, WAD};

    /// Aave is known, the other venue not.
    fn scorer(policy: Policy, live: bool) -> Scorer {
        let of = [(world::AAVE, "aave-v3".to_owned())].into();
        Scorer::of(policy, live, Protocols::new(Facts::built_in().unwrap(), of))
    }

    fn peg(snapshot: &Snapshot, heard: &[Observation]) -> f64 {
        let scorer = scorer(world::policy(), true);
        let score = scorer.score(snapshot, &snapshot.venues[0], &Names::of_snapshot(snapshot), heard, Size::Held);
        score.part(PartId::Peg)
    }

    fn says(coin: &str, price: f64) -> Observation {
        let series = SeriesId::new(coin, Metric::PriceUsd).unwrap();
        Observation::new(series, "test", world::NOW + 5, world::NOW + 5, price).unwrap()
    }

    #[test]
    fn unless_it_is_wanted_the_operators_scores_are_all_there_is() {
        let found = scorer(world::policy(), false).judged(&world::fresh(), &[]);
        assert_eq!(found, world::policy());
    }

    // SPEC X2, R1
    #[test]
    fn the_higher_of_the_two_scores_counts_and_nothing_else_of_the_policy_changes() {
        for case in 0..100 {
            let r = &mut world::Random(case);
            let snapshot = world::random_snapshot(r);
            let own = world::random_policy(r, &snapshot);
            let scorer = scorer(own.clone(), true);
            let judged = scorer.judged(&snapshot, &[]);
            assert!(judged.equals_but_for_scores(&own), "case {case}");
            let (names, nav) = (Names::of_snapshot(&snapshot), value_usd(&snapshot));
            for (own, judged) in own.venues.iter().zip(&judged.venues) {
                let venue = snapshot.venues.iter().find(|venue| venue.adapter == own.adapter);
                let size = Size::UpTo(nav * f64::from(own.max_position.0) / f64::from(BPS_ONE));
                let live = venue.map_or(0, |venue| scorer.score(&snapshot, venue, &names, &[], size).points());
                assert_eq!(judged.risk_score, own.risk_score.max(live), "case {case}");
            }
        }
    }

    // SPEC X2: what decisions go by is in the record, and what scores at the limit gets nothing.
    #[test]
    fn what_scores_at_the_limit_by_what_is_known_gets_nothing_whatever_the_operator_says() {
        let snapshot = world::fresh();
        let judged = scorer(world::policy(), true).judged(&snapshot, &[]);
        let [aave, other] = [0, 1].map(|index| judged.venues[index].risk_score);
        assert!(25 < aave && aave < other, "{aave} {other}: it is known what Aave is");
        let limited = Policy { max_risk_score: other, ..world::policy() };
        let decision = decide(&snapshot, &scorer(limited.clone(), true).judged(&snapshot, &[]));
        let added: Vec<_> = decision.targets().iter().map(|target| target.adapter).collect();
        assert_eq!(added, [world::AAVE]);
        assert!(matches!(decide(&snapshot, &limited).action, Action::Rebalance { targets } if targets.len() == 2));
        let tight = Policy { max_risk_score: aave, ..limited };
        let held = decide(&snapshot, &scorer(tight, true).judged(&snapshot, &[]));
        assert_eq!(held.action, Action::Hold);
        assert!(held.refusals().any(|gate| gate.id == GateId::Limits));
    }

    // SPEC R4, R16: a coin that falls raises the score of what stands on it.
    #[test]
    fn a_coin_without_a_feed_is_priced_by_what_is_heard_and_one_with_a_feed_never() {
        let snapshot = world::fresh();
        let well = [says("dai", 1.0), says("usdt", 1.0)];
        assert_eq!(peg(&snapshot, &[]), 100.0, "nobody says what the others are worth");
        let quiet = peg(&snapshot, &well);
        assert!(quiet < 10.0, "{quiet}");
        let fallen = peg(&snapshot, &[says("dai", 1.0), says("usdt", 0.93)]);
        assert!(fallen > quiet + 40.0);
        // Nobody else makes one source's alarm go away, and what was heard hours ago is nothing.
        assert_eq!(peg(&snapshot, &[says("dai", 1.0), says("usdt", 0.93), says("usdt", 1.0)]), fallen);
        let long_ago = SeriesId::new("usdt", Metric::PriceUsd).unwrap();
        let long_ago = Observation::new(long_ago, "test", world::NOW - 3_601, world::NOW - 3_601, 1.0).unwrap();
        assert_eq!(peg(&snapshot, &[says("dai", 1.0), long_ago]), 100.0);
        // The chain says what USDC is worth, whatever others say, and if it does not nobody else is believed.
        let crying = [says("dai", 1.0), says("usdt", 1.0), says("usdc", 0.5)];
        assert_eq!(peg(&snapshot, &crying), quiet);
        let mut blind = snapshot;
        blind.feeds[0].reading = FeedReading::Unreadable { why: "it reverts".to_owned() };
        assert_eq!(peg(&blind, &[says("dai", 1.0), says("usdt", 1.0), says("usdc", 1.0)]), 100.0);
    }

    // SPEC R3
    #[test]
    fn how_much_the_size_varied_counts_once_it_is_known_and_as_long_as_it_is_fresh() {
        let scored = |variation: Option<(f64, u64)>| {
            let scorer = scorer(world::policy(), true);
            let of = |(value, age)| (world::AAVE, Sourced::new(value, "the history", world::NOW - age));
            scorer.remember(variation.map(of).into_iter().collect());
            scorer.judged(&world::fresh(), &[]).venues[0].risk_score
        };
        let (unknown, steady, wild) = (scored(None), scored(Some((0.02, 60))), scored(Some((0.4, 60))));
        assert!(steady < wild && wild <= unknown, "{steady} {wild} {unknown}");
        assert_eq!(scored(Some((0.02, 3 * 86_400))), unknown, "nobody has looked for days");
    }

    // SPEC R3, X2: a first or only decision goes by what a running service would go by.
    #[tokio::test]
    async fn what_was_recorded_of_a_month_is_known_before_the_historian_has_looked() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("history.sqlite"));
        let scored = async |live: bool| {
            let scorer = scorer(world::policy(), live);
            scorer.look_back(&location, &world::fresh()).await;
            scorer.judged(&world::fresh(), &[]).venues[0].risk_score
        };
        let unknown = scored(true).await;
        let history = History::open(&location).await.unwrap();
        let row = |day: u64| {
            let time = i64::try_from(world::NOW - day * 86_400).unwrap();
            Reading { series: "aave#tvl_usd", source: SOURCE, time, known_at: time, value: 1e8 + day as f64 }
        };
        history.ingest(&(1..20).map(row).collect::<Vec<_>>(), OnBadRow::Refuse).await.unwrap();
        history.close().await;
        let known = scored(true).await;
        assert!(known < unknown, "{known} {unknown}");
        assert!(scored(false).await < known, "the operator's");
    }

    // SPEC R5: nothing is held yet, and what would be put in could not be had again.
    #[test]
    fn what_may_be_put_into_a_venue_counts_for_what_leaving_it_costs() {
        let scored = |borrowed: u128, nav: u128| {
            let mut snapshot = world::fresh();
            (snapshot.vault.nav.0, snapshot.vault.idle.0) = (nav, nav);
            if let ballast_types::VenueReading::Read { markets, .. } = &mut snapshot.venues[0].reading {
                markets[0].borrowed.0 = borrowed;
            }
            let (venue, names) = (&snapshot.venues[0], Names::of_snapshot(&snapshot));
            let scorer = scorer(world::policy(), true);
            let of = |size| scorer.score(&snapshot, venue, &names, &[], size).part(PartId::Liquidity);
            let allowed = scorer.judged(&snapshot, &[]).venues[0].risk_score;
            (of(Size::Held), of(Size::UpTo(0.5 * nav as f64 / 1e6)), allowed)
        };
        let million = 1_000_000 * world::USDC;
        // Twenty millions of a hundred are there.
        let (held, small, deep) = scored(80 * million, million / 10);
        assert_eq!((held, small), (0.0, 0.0));
        let (held, large, shallow) = scored(100 * million - 40_000 * world::USDC, million / 10);
        assert_eq!((held, large), (0.0, 80.0), "of 50,000 that may be put in 40,000 could be had");
        assert_eq!(shallow, deep + 12);
        let (held, share, _) = scored(80 * million, 6 * million);
        assert_eq!((held, share > 29.0), (0.0, true), "three millions are 3 % of it: {share}");
    }

    // SPEC R3, R5: below some 73 % a lender that is used more is no riskier.
    #[test]
    fn from_82_percent_lent_out_on_more_lent_out_is_never_a_lower_score() {
        let scored = |lent: u128| {
            let mut snapshot = world::fresh();
            if let ballast_types::VenueReading::Read { utilisation, markets, .. } = &mut snapshot.venues[0].reading {
                utilisation.0 = lent;
                markets[0].borrowed.0 = markets[0].supplied.0 / WAD * lent;
            }
            scorer(world::policy(), true).judged(&snapshot, &[]).venues[0].risk_score
        };
        let scores: Vec<u8> = (82..=100).map(|percent| scored(WAD / 100 * percent)).collect();
        assert!(scores.windows(2).all(|pair| pair[0] <= pair[1]) && scores[0] < scores[18], "{scores:?}");
    }
}
