//! The document of `GET /v1/risk` (SPEC R14): composite and four factors of each venue and of the portfolio, from a snapshot and the facts table.
//!
//! ▪ What is not known is not zero: a factor of which nothing is known has no `score`, and `counted` says what it counts as all the same, the riskiest.
//! ▪ Beside it stands what decisions use: the operator's score, or with `policy.live_scores` the higher of the two.

use crate::{
    history::{Names, asset_price, figures, risk_score, value_usd},
    scorer::{Scorer, Size},
};
use ballast_risk::{
    Score, Tier,
    score::{Factor, PartId, Standing},
    strategy::{StrategyRisk, strategy_risk},
};
use ballast_types::{Observation, Snapshot};
use serde::Serialize;

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
    /// The operator's score; `null` if the configuration does not know the venue.
    configured: Option<f64>,
    /// What decisions use; `null` as above.
    used: Option<f64>,
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

pub(super) fn document(snapshot: &Snapshot, scorer: &Scorer, heard: &[Observation]) -> Document {
    let (configured, used) = (scorer.configured(), scorer.judged(snapshot, heard));
    let protocols = scorer.protocols();
    let (names, value) = (Names::of_snapshot(snapshot), value_usd(snapshot));
    let shown = asset_price(snapshot).unwrap_or(1.0);
    let scored: Vec<(Score, Option<f64>)> = snapshot
        .venues
        .iter()
        .map(|venue| {
            let held = if venue.quarantined { Some(0.0) } else { figures(venue, Some(shown)).value };
            let share = held.map(|held| if value > 0.0 { (held / value).clamp(0.0, 1.0) } else { 0.0 });
            (scorer.score(snapshot, venue, &names, heard, Size::Held), share)
        })
        .collect();
    let venues = snapshot.venues.iter().zip(&scored).map(|(venue, (score, share))| VenueRisk {
        venue: score.subject.clone(),
        protocol: protocols.of(venue.adapter).map(str::to_owned),
        share: *share,
        configured: risk_score(configured, venue),
        used: risk_score(&used, venue),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{config::Protocols, history::world};
    use ballast_risk::facts::Facts;
    use ballast_types::{Assets, VenueReading};
    use serde_json::{Value, json};

    fn protocols(snapshot: &Snapshot) -> Protocols {
        let aave = snapshot.venues[0].adapter;
        Protocols::new(Facts::built_in().unwrap(), [(aave, "aave-v3".to_owned())].into())
    }

    fn shown(snapshot: &Snapshot) -> Value {
        let scorer = Scorer::of(world::policy(), false, protocols(snapshot));
        serde_json::to_value(document(snapshot, &scorer, &[])).unwrap()
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
