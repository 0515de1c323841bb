//! What to aim at, before the projector makes it permitted: one candidate allocation per [`Strategy`].
//!
//! The convex strategy searches among permitted targets only and needs no projection. The others name ideal weights, and the permitted
//! ones nearest to them are proposed. Solvers use only `+ − × ÷` and comparisons of f64, with bounded iterations, and end in whole basis points:
//! they give the same weights on every CPU.

use crate::projector::{self, Move, Reach};
use crate::yields::VenueModel;
use ballast_risk::HubView;
use ballast_types::{Address, Assets, BPS_ONE, Bps, Outlook, OutlookError, Policy, Strategy};

pub mod cvar;
pub mod mean_variance;
mod worth;

pub use worth::worth;

/// What is added before a weight is rounded down to basis points: a thousandth of one. A solver that ends a hair below a whole number meant it.
const SLACK: f64 = 1e-3;

/// Why a strategy proposes nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CandidateError {
    #[error("nothing to move: the vault is empty")]
    Empty,
    #[error("nothing to move: the strategy is to hold")]
    Hold,
    #[error("nothing to move: no permitted move raises the yield on NAV")]
    NoBetter,
    #[error("nothing to move: what the {0} strategy aims at is nearest to what there is")]
    Nearest(String),
    #[error("a venue cannot be evaluated")]
    Venue,
    #[error(transparent)]
    Outlook(#[from] OutlookError),
    #[error("the {strategy} strategy needs {what}, expected an outlook with it")]
    Missing { strategy: &'static str, what: String },
    #[error("the covariance is not one: {0}")]
    Covariance(String),
    #[error(
        "the {strategy} solver stopped {gap:e} from the best after {iterations} iterations, expected at most {tolerance:e}"
    )]
    NotConverged { strategy: &'static str, gap: f64, iterations: usize, tolerance: f64 },
}

/// Bounds of the weights that a solver may choose, as fractions of NAV.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// The most of each venue, at least zero.
    pub most: Vec<f64>,
    /// The most of all together.
    pub budget: f64,
}

/// The move that the policy's strategy aims at, made permitted.
///
/// `models` are those of `view.venues`, in the same order, and the result does not depend on that order.
///
/// # Errors
/// Why there is none; nothing is assumed in place of an input that is missing.
pub fn propose(
    view: &HubView,
    models: &[VenueModel<'_>],
    policy: &Policy,
    outlook: &Outlook,
) -> Result<Move, CandidateError> {
    if view.nav().is_none_or(|nav| nav == Assets::ZERO) {
        return Err(CandidateError::Empty);
    }
    if policy.strategy == Strategy::Convex {
        return projector::project(view, models, policy).ok_or(CandidateError::NoBetter);
    }
    let ideal = ideal(view, models, policy, outlook)?;
    projector::nearest(view, models, policy, &ideal).ok_or_else(|| CandidateError::Nearest(policy.strategy.to_string()))
}

/// The weights that a strategy other than the convex one aims at, in basis points of NAV, sorted by adapter; the convex one has no
/// others than those that it proposes.
///
/// # Errors
/// As [`propose`].
pub fn ideal(
    view: &HubView,
    models: &[VenueModel<'_>],
    policy: &Policy,
    outlook: &Outlook,
) -> Result<Vec<(Address, Bps)>, CandidateError> {
    outlook.validate()?;
    let reach = projector::reach(view, models, policy).ok_or(CandidateError::Venue)?;
    match &policy.strategy {
        Strategy::Convex => {
            let found = projector::project(view, models, policy).ok_or(CandidateError::NoBetter)?;
            let target = |adapter| found.targets.iter().find(|target| target.adapter == adapter);
            let weight = |reach: &Reach| target(reach.adapter).map_or(reach.weight, |target| target.bps);
            Ok(reach.iter().map(|reach| (reach.adapter, weight(reach))).collect())
        }
        Strategy::Hold => Err(CandidateError::Hold),
        Strategy::BestSingle => Ok(best_single(&reach)),
        Strategy::Weights { weights } => {
            let weight = |adapter| weights.iter().find(|weight| weight.adapter == adapter);
            let bps = |reach: &Reach| weight(reach.adapter).map_or(Bps(0), |weight| weight.bps);
            Ok(reach.iter().map(|reach| (reach.adapter, bps(reach))).collect())
        }
        Strategy::MeanVariance { risk_aversion } => {
            let places = places(&reach, outlook, "mean-variance")?;
            let problem = mean_variance::Problem::new(outlook, &places, *risk_aversion, bounds(&reach, view, policy))?;
            Ok(quantised(&reach, &mean_variance::solve(&problem)?))
        }
        Strategy::Cvar { confidence, risk_aversion } => {
            let places = places(&reach, outlook, "CVaR")?;
            let bounds = bounds(&reach, view, policy);
            let problem = cvar::Problem::new(outlook, &places, *confidence, *risk_aversion, bounds)?;
            Ok(quantised(&reach, &cvar::solve(&problem)?))
        }
    }
}

/// All that may be in the venue that pays most at that size; of equal ones the first by adapter.
fn best_single(reach: &[Reach]) -> Vec<(Address, Bps)> {
    let mut best: Option<&Reach> = None;
    for reach in reach.iter().filter(|reach| reach.most > Bps(0)) {
        if best.is_none_or(|held| reach.rate > held.rate) {
            best = Some(reach);
        }
    }
    let chosen = best.map(|reach| reach.adapter);
    reach.iter().map(|reach| (reach.adapter, if Some(reach.adapter) == chosen { reach.most } else { Bps(0) })).collect()
}

/// Where each venue stands in the outlook.
fn places(reach: &[Reach], outlook: &Outlook, strategy: &'static str) -> Result<Vec<usize>, CandidateError> {
    reach
        .iter()
        .map(|reach| {
            outlook.index_of(reach.adapter).ok_or_else(|| CandidateError::Missing {
                strategy,
                what: format!("what is expected of {}", reach.adapter),
            })
        })
        .collect()
}

fn bounds(reach: &[Reach], view: &HubView, policy: &Policy) -> Bounds {
    let reserve = policy.reserve.max(view.limits.reserve);
    let fraction = |bps: Bps| f64::from(bps.0) / f64::from(BPS_ONE);
    Bounds {
        most: reach.iter().map(|reach| fraction(reach.most)).collect(),
        budget: fraction(Bps(BPS_ONE.saturating_sub(reserve.0))),
    }
}

/// Fractions as basis points, rounded down: their sum does not pass the budget.
fn quantised(reach: &[Reach], weights: &[f64]) -> Vec<(Address, Bps)> {
    reach
        .iter()
        .zip(weights)
        .map(|(reach, weight)| {
            // Saturating and towards zero; bounded by the venue's own most.
            let bps = (weight * f64::from(BPS_ONE) + SLACK) as u16;
            (reach.adapter, Bps(bps.min(reach.most.0)))
        })
        .collect()
}
