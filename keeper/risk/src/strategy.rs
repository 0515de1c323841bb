//! A strategy's risk in four factors and one number (SPEC R14).
//!
//! The four are the score's five parts, regrouped with their own weights: contract 35, market (economic 25 and peg 20), liquidity 15, protocol (the
//! track record) 5. Each is the mean over the venues by what is allocated to them; idle money has none of these risks and counts with zero. The
//! worst venue stands beside the mean, because a mean hides it.

use crate::score::{PartId, RISKIEST, Score, Tier};
use serde::Serialize;

/// The risk of an allocation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StrategyRisk {
    /// 0–100, high is risky.
    pub composite: f64,
    pub tier: Tier,
    pub contract: f64,
    pub market: f64,
    pub liquidity: f64,
    pub protocol: f64,
    /// The venue with the highest score of those that hold anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
}

/// The risk of an allocation: each venue's score and its part of the whole, 0–1. A part that is no number counts as the whole.
#[must_use]
pub fn strategy_risk(allocation: &[(&Score, f64)]) -> StrategyRisk {
    let part = |weight: f64| if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 1.0 };
    let mean = |of: &dyn Fn(&Score) -> f64| {
        allocation.iter().map(|(score, weight)| of(score) * part(*weight)).sum::<f64>().min(RISKIEST)
    };
    let weight = |id: PartId| f64::from(id.weight());
    let market = |score: &Score| {
        let (economic, peg) = (weight(PartId::Economic), weight(PartId::Peg));
        (economic * score.part(PartId::Economic) + peg * score.part(PartId::Peg)) / (economic + peg)
    };
    let composite = mean(&|score| score.total);
    let held = allocation.iter().filter(|(_, weight)| part(*weight) > 0.0);
    StrategyRisk {
        composite,
        tier: Tier::of(composite),
        contract: mean(&|score| score.part(PartId::Contract)),
        market: mean(&market),
        liquidity: mean(&|score| score.part(PartId::Liquidity)),
        protocol: mean(&|score| score.part(PartId::TrackRecord)),
        worst: held.max_by(|a, b| a.0.total.total_cmp(&b.0.total)).map(|(score, _)| score.subject.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        score::{ScoreInputs, score},
        sourced::Freshness,
    };

    fn of(total: [f64; 5]) -> Score {
        let mut unknown = score("v", &ScoreInputs::default(), 0, Freshness::default());
        for (part, value) in unknown.parts.iter_mut().zip(total) {
            part.score = value;
        }
        unknown.total = crate::score::total(&total);
        unknown
    }

    // SPEC R14
    #[test]
    fn four_factors_add_up_to_the_composite_by_the_scores_own_weights() {
        let (a, b) = (of([10.0, 20.0, 30.0, 40.0, 50.0]), of([90.0, 70.0, 0.0, 20.0, 0.0]));
        let found = strategy_risk(&[(&a, 0.5), (&b, 0.25)]);
        let sum = 0.35 * found.contract + 0.45 * found.market + 0.15 * found.liquidity + 0.05 * found.protocol;
        assert!((sum - found.composite).abs() < 1e-12);
        assert!((found.composite - (0.5 * a.total + 0.25 * b.total)).abs() < 1e-12);
        assert_eq!(found.contract, 27.5);
    }

    #[test]
    fn idle_money_has_no_risk_and_an_unknown_weight_is_the_whole() {
        let worst = of([100.0; 5]);
        assert_eq!(strategy_risk(&[]).composite, 0.0);
        assert_eq!(strategy_risk(&[(&worst, 0.0)]).worst, None);
        assert_eq!(
            (strategy_risk(&[(&worst, f64::NAN)]).composite, strategy_risk(&[(&worst, 1.0)]).tier),
            (100.0, Tier::High)
        );
    }
}
