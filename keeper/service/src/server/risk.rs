//! The document of `GET /v1/risk` (SPEC R14): composite and four factors of each venue and of the portfolio, from a snapshot and the facts table.
//!
//! ▪ What is not known is not zero: a factor of which nothing is known has no `score`, and `counted` says what it counts as all the same, the riskiest.
//! ▪ It is shown and decides nothing: decisions use the configuration's `risk_score`, which stands beside it.

use crate::{
    config::Protocols,
    history::{Names, asset_price, coin, figures, price, risk_score, value_usd},
};
use ballast_risk::{
    Freshness, Input, Score, ScoreInputs, Stablecoin, Tier,
    facts::ProtocolKind,
    score::{self, EconomicInputs, Factor, LiquidityInputs, PartId, PegInputs, Slippage, Standing},
    strategy::{StrategyRisk, strategy_risk},
};
use ballast_types::{Policy, Snapshot, VenueState};
use serde::Serialize;

/// Who says so.
const CHAIN: &str = "the chain, in this block";

/// One number of risk, 0–100, high is risky.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figure {
    /// With what is known of it, and the riskiest for the rest; `null` if nothing of it is known.
    score: Option<f64>,
    /// What it counts as: the score, or the riskiest.
    counted: f64,
    /// What counts as the riskiest for want of a value.
    not_known: Vec<String>,
}

/// A composite and what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    composite: Figure,
    /// Of what is counted.
    tier: Tier,
    factors: Factors,
}

/// The four of a composite, which they add up to by their weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Factors {
    /// Weighs 35.
    contract: Figure,
    /// Weighs 45.
    market: Figure,
    /// Weighs 15.
    liquidity: Figure,
    /// Weighs 5.
    protocol: Figure,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct VenueRisk {
    venue: String,
    /// Of the facts table; `null` if the configuration does not say.
    protocol: Option<String>,
    /// Of NAV, 0–1; `null` if the position cannot be read. It then counts as the whole.
    share: Option<f64>,
    /// What decisions use; `null` if the configuration does not know the venue.
    configured: Option<f64>,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PortfolioRisk {
    /// The riskiest venue that holds anything.
    worst: Option<String>,
    #[serde(flatten)]
    figures: Figures,
}

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Document {
    /// Unix seconds of the block.
    as_of: u64,
    facts_version: String,
    venues: Vec<VenueRisk>,
    /// Idle money has no risk of venues and counts with zero.
    portfolio: PortfolioRisk,
}

pub(super) fn document(snapshot: &Snapshot, policy: &Policy, protocols: &Protocols) -> Document {
    let (names, value) = (Names::of_snapshot(snapshot), value_usd(snapshot));
    let shown = asset_price(snapshot).unwrap_or(1.0);
    let scored: Vec<(Score, Option<f64>)> = snapshot
        .venues
        .iter()
        .map(|venue| {
            let held = if venue.quarantined { Some(0.0) } else { figures(venue, Some(shown)).value };
            let share = held.map(|held| if value > 0.0 { (held / value).clamp(0.0, 1.0) } else { 0.0 });
            (judged(snapshot, venue, &names, protocols), share)
        })
        .collect();
    let venues = snapshot.venues.iter().zip(&scored).map(|(venue, (score, share))| VenueRisk {
        venue: score.subject.clone(),
        protocol: protocols.of(venue.adapter).map(str::to_owned),
        share: *share,
        configured: risk_score(policy, venue),
        figures: made_of(&strategy_risk(&[(score, 1.0)]), &[score], false),
    });
    let venues = venues.collect();
    // What cannot be read may be everything.
    let allocation: Vec<(&Score, f64)> =
        scored.iter().map(|(score, share)| (score, share.unwrap_or(f64::NAN))).collect();
    let held: Vec<&Score> = allocation.iter().filter(|(_, share)| *share != 0.0).map(|(score, _)| *score).collect();
    let whole = strategy_risk(&allocation);
    Document {
        as_of: snapshot.block.timestamp,
        facts_version: protocols.facts.version.clone(),
        venues,
        portfolio: PortfolioRisk { worst: whole.worst.clone(), figures: made_of(&whole, &held, true) },
    }
}

/// Which parts of a score a factor is made of.
const CONTRACT: &[PartId] = &[PartId::Contract];
const MARKET: &[PartId] = &[PartId::Economic, PartId::Peg];
const LIQUIDITY: &[PartId] = &[PartId::Liquidity];
const PROTOCOL: &[PartId] = &[PartId::TrackRecord];

/// `named`: with the venue before what is not known of it.
fn made_of(risk: &StrategyRisk, scores: &[&Score], named: bool) -> Figures {
    let figure = |counted: f64, parts: &[PartId]| {
        let factors = || {
            scores.iter().flat_map(|score| {
                let of = score.parts.iter().filter(|part| parts.contains(&part.id));
                of.flat_map(|part| &part.factors).map(|factor| (score.subject.as_str(), factor))
            })
        };
        // Without any venue there is nothing to know.
        let known = scores.is_empty() || factors().any(|(_, factor)| factor.standing == Standing::Measured);
        let assumed = factors().filter(|(_, factor)| factor.standing.is_assumed());
        let name = |(venue, factor): (&str, &Factor)| {
            if named { format!("{venue}: {}", factor.name) } else { factor.name.to_owned() }
        };
        Figure { score: known.then_some(counted), counted, not_known: assumed.map(name).collect() }
    };
    Figures {
        composite: figure(risk.composite, &PartId::ALL),
        tier: risk.tier,
        factors: Factors {
            contract: figure(risk.contract, CONTRACT),
            market: figure(risk.market, MARKET),
            liquidity: figure(risk.liquidity, LIQUIDITY),
            protocol: figure(risk.protocol, PROTOCOL),
        },
    }
}

/// A venue's score at the snapshot's block.
fn judged(snapshot: &Snapshot, venue: &VenueState, names: &Names, protocols: &Protocols) -> Score {
    let now = snapshot.block.timestamp;
    let facts = &protocols.facts;
    // A protocol that no fact is about is unknown in everything.
    let protocol = protocols.of(venue.adapter).unwrap_or_default();
    let exchange = facts.protocol(protocol).is_some_and(|found| found.kind == ProtocolKind::Exchange);
    let lending = |input| if exchange { Input::NotApplicable("an exchange lends nothing") } else { input };
    let said = |value: Option<f64>| value.map_or(Input::Missing, |value| Input::given(value, CHAIN, now));
    let of = figures(venue, asset_price(snapshot));
    let inputs = ScoreInputs {
        contract: facts.contract(protocol, now),
        economic: EconomicInputs {
            tvl_variation: Input::Missing,
            utilisation: lending(said(of.utilisation)),
            liquidation_buffer: lending(Input::Missing),
            collateral_hhi: lending(Input::Missing),
            oracle: facts.oracle(protocol, now),
        },
        peg: PegInputs { prices: prices(snapshot, protocol, protocols) },
        liquidity: LiquidityInputs {
            slippage: slippage(of.value, of.liquid)
                .map_or(Input::Missing, |slippage| Input::given(slippage, CHAIN, now)),
            share_of_venue: said(of.value.zip(of.tvl).and_then(|(ours, all)| {
                // Of a venue that is empty we have nothing.
                if ours <= 0.0 { Some(0.0) } else { (all > 0.0).then(|| (ours / all).min(1.0)) }
            })),
            delay: facts.withdrawal_delay(protocol, now),
        },
        track_record: facts.track_record(protocol, now),
    };
    score::score(names.of(venue.adapter), &inputs, now, Freshness::default())
}

/// What can be had now is paid at par, and the rest not at all, as in a backtest.
fn slippage(value: Option<f64>, liquid: Option<f64>) -> Option<Slippage> {
    let (value, liquid) = value.zip(liquid)?;
    let of = |part: f64| if value / part <= liquid { 0.0 } else { 1.0 };
    Some(Slippage { tenth: of(10.0), half: of(2.0), whole: of(1.0) })
}

/// The prices of the vault's asset and of every stablecoin whose fall would reach the protocol.
fn prices(snapshot: &Snapshot, protocol: &str, protocols: &Protocols) -> Vec<(Stablecoin, Input<f64>)> {
    let now = snapshot.block.timestamp;
    let graph = protocols.facts.dependencies().as_of(now);
    let feed = |of: Stablecoin| snapshot.feeds.iter().find(|feed| coin(feed).eq_ignore_ascii_case(of.name()));
    let asset = snapshot.feeds.first().map(coin);
    let wanted = |of: &Stablecoin| {
        let own = asset.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(of.name()));
        own || graph.shock(&of.node()).contains_key(protocol)
    };
    let priced = |of: Stablecoin| {
        let found = feed(of).and_then(|feed| price(feed, now));
        (of, found.map_or(Input::Missing, |price| Input::given(price, CHAIN, now)))
    };
    Stablecoin::ALL.into_iter().filter(wanted).map(priced).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::history::world;
    use ballast_risk::facts::Facts;
    use ballast_types::{Assets, VenueReading};
    use serde_json::{Value, json};

    fn protocols(snapshot: &Snapshot) -> Protocols {
        let aave = snapshot.venues[0].adapter;
        Protocols::new(Facts::built_in().unwrap(), [(aave, "aave-v3".to_owned())].into())
    }

    fn shown(snapshot: &Snapshot) -> Value {
        serde_json::to_value(document(snapshot, &world::policy(), &protocols(snapshot))).unwrap()
    }

    fn invested() -> Snapshot {
        let mut snapshot = world::fresh();
        if let VenueReading::Read { value, liquidity, .. } = &mut snapshot.venues[0].reading {
            (*value, *liquidity) = (Assets(10_000 * world::USDC), Assets(10_000 * world::USDC));
        }
        snapshot.vault.idle.0 -= 10_000 * world::USDC;
        snapshot
    }

    // SPEC R14
    #[test]
    fn the_composite_is_the_four_factors_by_their_weights_and_the_portfolio_is_the_mean_by_share() {
        let shown = shown(&invested());
        let counted = |of: &Value| of["counted"].as_f64().unwrap();
        for of in shown["venues"].as_array().unwrap().iter().chain([&shown["portfolio"]]) {
            let factor = |name: &str| counted(&of["factors"][name]);
            let sum = 0.35 * factor("contract")
                + 0.45 * factor("market")
                + 0.15 * factor("liquidity")
                + 0.05 * factor("protocol");
            assert!((sum - counted(&of["composite"])).abs() < 1e-9, "{of:#}");
        }
        let (aave, all) = (&shown["venues"][0], &shown["portfolio"]);
        assert_eq!(
            (&aave["share"], &aave["protocol"], &aave["configured"]),
            (&json!(0.1), &json!("aave-v3"), &json!(25.0))
        );
        assert!((counted(&all["composite"]) - counted(&aave["composite"]) / 10.0).abs() < 1e-9);
        assert_eq!(all["worst"], "aave");
    }

    // SPEC R14
    #[test]
    fn what_is_not_known_has_no_score_and_is_not_zero() {
        let shown = shown(&invested());
        let (aave, other) = (&shown["venues"][0], &shown["venues"][1]);
        assert_eq!(other["protocol"], Value::Null);
        for factor in ["contract", "protocol"] {
            assert!(aave["factors"][factor]["score"].is_number(), "{aave:#}");
            let other = &other["factors"];
            assert_eq!((&other[factor]["score"], &other[factor]["counted"]), (&Value::Null, &json!(100.0)), "{factor}");
        }
        // Nothing was lost, or it is known how much: a score of zero is one.
        assert_eq!(aave["factors"]["liquidity"]["score"], json!(0.0));
        assert!(aave["factors"]["market"]["not_known"].as_array().unwrap().contains(&json!("TVL")));
        let listed = shown["portfolio"]["factors"]["market"]["not_known"].as_array().unwrap();
        assert!(listed.contains(&json!("aave: TVL")) && !listed.contains(&json!("morpho: TVL")), "{listed:?}");
    }

    #[test]
    fn money_that_is_all_idle_has_a_known_risk_of_zero() {
        let shown = shown(&world::fresh());
        let composite = json!({ "score": 0.0, "counted": 0.0, "not_known": [] });
        assert_eq!((&shown["portfolio"]["composite"], &shown["portfolio"]["worst"]), (&composite, &Value::Null));
    }

    #[test]
    fn a_position_that_cannot_be_read_may_be_everything() {
        let mut snapshot = invested();
        snapshot.venues[1].reading = VenueReading::Unreadable { why: "it reverts".to_owned() };
        let shown = shown(&snapshot);
        let other = &shown["venues"][1];
        assert_eq!((&other["share"], &other["factors"]["liquidity"]["score"]), (&Value::Null, &Value::Null));
        let (all, alone) = (&shown["portfolio"]["composite"]["counted"], &other["composite"]["counted"]);
        assert!(all.as_f64() >= alone.as_f64(), "{shown:#}");
    }
}
