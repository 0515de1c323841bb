//! What a year of a move is worth to the strategy that aims at it, in exact integer arithmetic.

use super::CandidateError;
use crate::projector::Move;
use crate::yields::YearlyYield;
use alloy_primitives::I256;
use ballast_risk::HubView;
use ballast_types::{Assets, BPS_ONE, Bps, Outlook, Policy, Strategy, WAD, fixed::mul_div_floor, fixed::product};

/// The gain that the gates weigh against its costs, as assets a year times 10¹⁸; zero for a move that is worth nothing.
///
/// For a strategy without a view of risk it is what the venues' own curves say the move earns more. For one with it is the rise of its
/// certainty equivalent: the objective that it maximises, which is a yearly return, times NAV, rounded down. Otherwise a move that lowers risk
/// could never pay for itself.
///
/// # Errors
/// If the outlook lacks what the strategy asks for, or a sum does not fit.
pub fn worth(found: &Move, view: &HubView, policy: &Policy, outlook: &Outlook) -> Result<YearlyYield, CandidateError> {
    if !policy.strategy.needs_outlook() {
        return Ok(found.yield_after.excess_over(found.yield_before));
    }
    let nav = view.nav().filter(|nav| *nav != Assets::ZERO).ok_or(CandidateError::Empty)?;
    let mut before = vec![I256::ZERO; outlook.venues.len()];
    let mut after = before.clone();
    for venue in &view.venues {
        let place = outlook.index_of(venue.adapter).ok_or_else(|| CandidateError::Missing {
            strategy: "chosen",
            what: format!("what is expected of {}", venue.adapter),
        })?;
        let value = venue.figures.ok_or(CandidateError::Venue)?.value;
        let target = found.targets.iter().find(|target| target.adapter == venue.adapter);
        let goal = target.map_or(value, |target| nav.share(target.bps));
        let weight =
            |amount: Assets| mul_div_floor(amount.0, WAD, nav.0).and_then(|weight| I256::try_from(weight).ok());
        (before[place], after[place]) = weight(value).zip(weight(goal)).ok_or(CandidateError::Venue)?;
    }
    let worth =
        |weights: &[I256]| certainty_equivalent(&policy.strategy, outlook, weights).ok_or(CandidateError::Venue);
    let rise = worth(&after)?.checked_sub(worth(&before)?).ok_or(CandidateError::Venue)?;
    let rise = u128::try_from(rise.max(I256::ZERO)).map_err(|_| CandidateError::Venue)?;
    Ok(YearlyYield(product(nav.0, rise)))
}

/// The strategy's objective at these weights (10¹⁸ = all of NAV), as a yearly return with 18 decimals, rounded down.
fn certainty_equivalent(strategy: &Strategy, outlook: &Outlook, weights: &[I256]) -> Option<I256> {
    let one = integer(WAD)?;
    match strategy {
        Strategy::MeanVariance { risk_aversion } => {
            let (mut mean, mut variance) = (I256::ZERO, I256::ZERO);
            for (row, weight) in weights.iter().enumerate() {
                mean = mean.checked_add(weight.checked_mul(signed(outlook.venues.get(row)?.expected.0)?)?)?;
                for (column, other) in weights.iter().enumerate() {
                    let covariance = signed(outlook.covariance_of(row, column)?.0)?;
                    variance = variance.checked_add(weight.checked_mul(*other)?.checked_mul(covariance)?)?;
                }
            }
            // λ is in hundredths, and half of it counts: 200 · 10³⁶ in all.
            let penalty = variance.checked_mul(integer(u128::from(*risk_aversion))?)?;
            let penalty = floor(penalty, one.checked_mul(integer(200)?)?)?;
            floor(mean.checked_sub(penalty)?, one)
        }
        Strategy::Cvar { confidence, risk_aversion } => {
            let mut outcomes = outlook
                .scenarios
                .iter()
                .map(|scenario| {
                    scenario.iter().zip(weights).try_fold(I256::ZERO, |sum, (value, weight)| {
                        sum.checked_add(weight.checked_mul(signed(value.0)?)?)
                    })
                })
                .collect::<Option<Vec<_>>>()?;
            outcomes.sort_unstable();
            let count = u128::try_from(outcomes.len()).ok()?;
            let mean = outcomes.iter().try_fold(I256::ZERO, |sum, outcome| sum.checked_add(*outcome))?;
            let mean = floor(mean, integer(count)?)?;
            // The tail in ten-thousandths of a scenario.
            let tail = count.checked_mul(u128::from(Bps(BPS_ONE).saturating_sub(*confidence).0))?;
            let (mut left, mut worst) = (tail, I256::ZERO);
            for outcome in outcomes {
                let part = left.min(u128::from(BPS_ONE));
                worst = worst.checked_add(outcome.checked_mul(integer(part)?)?)?;
                left -= part;
            }
            let worst =
                floor(worst.checked_mul(integer(u128::from(*risk_aversion))?)?, integer(tail.checked_mul(100)?)?)?;
            floor(mean.checked_add(worst)?, one)
        }
        Strategy::Convex | Strategy::Hold | Strategy::BestSingle | Strategy::Weights { .. } => None,
    }
}

/// `⌊a / b⌋` for `b > 0`.
fn floor(a: I256, b: I256) -> Option<I256> {
    let quotient = a.checked_div(b)?;
    let exact = quotient.checked_mul(b)? == a;
    if exact || !a.is_negative() { Some(quotient) } else { quotient.checked_sub(I256::ONE) }
}

fn integer(value: u128) -> Option<I256> {
    I256::try_from(value).ok()
}

fn signed(value: i128) -> Option<I256> {
    I256::try_from(value).ok()
}
