//! Mean-variance weights: maximise `μᵀw − λ/2·wᵀΣw` over `0 ≤ w ≤ most`, `Σw ≤ budget` (H. Markowitz, "Portfolio Selection", 1952).
//!
//! What is not placed is cash with return zero and no variance, so the sum is an equality and money only changes place. Each step moves
//! money from the place whose marginal value is lowest, weighed by curvature, to the place where it is highest, as far as the objective rises (R.-E. Fan,
//! P.-H. Chen, C.-J. Lin, "Working Set Selection Using Second Order Information for Training SVM", 2005, algorithm WSS 2). It ends when no unit
//! of money would gain more than [`TOLERANCE`] by moving, and then the objective is within `TOLERANCE · budget` of the best.

use super::{Bounds, CandidateError};
use ballast_types::{Outlook, WAD};

/// The largest marginal gain a year that is left lying, as a fraction: 10⁻¹².
pub const TOLERANCE: f64 = 1e-12;
/// Steps after which a problem is given up; typical ones take fewer than a hundred.
const MAX_STEPS: usize = 200_000;
/// Curvature and eigenvalues below this part of the largest variance are taken for zero: what quantisation leaves.
const NOISE: f64 = 1e-9;

/// One instance, as fractions a year.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Expected returns.
    pub mean: Vec<f64>,
    /// Covariance, a full symmetric matrix row by row, positive semidefinite.
    pub covariance: Vec<f64>,
    /// `λ ≥ 0`.
    pub risk_aversion: f64,
    pub bounds: Bounds,
}

impl Problem {
    /// The instance for venues at these places of the outlook; `risk_aversion` in hundredths.
    ///
    /// # Errors
    /// If the outlook has no covariance, or what it has is none.
    pub fn new(
        outlook: &Outlook,
        places: &[usize],
        risk_aversion: u32,
        bounds: Bounds,
    ) -> Result<Self, CandidateError> {
        let missing = || CandidateError::Missing { strategy: "mean-variance", what: "a covariance of returns".into() };
        let mean = places.iter().map(|at| outlook.venues.get(*at).map(|venue| fraction(venue.expected.0)));
        let entry = |row: &usize, column: &usize| outlook.covariance_of(*row, *column).map(|value| fraction(value.0));
        let covariance = places.iter().flat_map(|row| places.iter().map(move |column| entry(row, column)));
        let problem = Self {
            mean: mean.collect::<Option<_>>().ok_or_else(missing)?,
            covariance: covariance.collect::<Option<_>>().ok_or_else(missing)?,
            risk_aversion: f64::from(risk_aversion) / 100.0,
            bounds,
        };
        problem.check_covariance()?;
        Ok(problem)
    }

    fn covariance(&self, row: usize, column: usize) -> f64 {
        self.covariance[row * self.mean.len() + column]
    }

    /// `μᵀw − λ/2·wᵀΣw`.
    #[must_use]
    pub fn objective(&self, weights: &[f64]) -> f64 {
        let n = self.mean.len();
        let mut total = 0.0;
        for row in 0..n {
            let risk: f64 = (0..n).map(|column| self.covariance(row, column) * weights[column]).sum();
            total += weights[row] * (self.mean[row] - self.risk_aversion / 2.0 * risk);
        }
        total
    }

    /// Elimination with the largest pivot first: of a positive semidefinite matrix no pivot is negative, and nothing is left beside a
    /// diagonal that is zero.
    fn check_covariance(&self) -> Result<(), CandidateError> {
        let n = self.mean.len();
        let mut rest = self.covariance.clone();
        let mut left: Vec<usize> = (0..n).collect();
        let scale = (0..n).map(|at| self.covariance(at, at)).fold(0.0, f64::max);
        let fault =
            |what: String| Err(CandidateError::Covariance(format!("{what}, expected a positive semidefinite matrix")));
        while let Some(place) = largest(left.iter().map(|at| rest[at * n + at])) {
            let pivot = left.swap_remove(place);
            let diagonal = rest[pivot * n + pivot];
            if diagonal < -NOISE * scale {
                return fault(format!("it gives some portfolio a variance below {diagonal:e}"));
            }
            if diagonal <= NOISE * scale {
                if left.iter().any(|other| rest[pivot * n + other].abs() > NOISE * scale) {
                    return fault("it relates a venue without variance of its own to another".into());
                }
                continue;
            }
            for row in &left {
                let factor = rest[row * n + pivot] / diagonal;
                for column in &left {
                    rest[row * n + column] -= factor * rest[pivot * n + column];
                }
            }
        }
        Ok(())
    }
}

/// The weights with the largest objective, each between zero and its most; see the module for the tolerance.
///
/// # Errors
/// If the steps run out first.
pub fn solve(problem: &Problem) -> Result<Vec<f64>, CandidateError> {
    let n = problem.mean.len();
    let cash = n;
    let most = |at: usize| if at == cash { problem.bounds.budget } else { problem.bounds.most[at] };
    // Of `λ/2·wᵀΣw − μᵀw`, which is minimised.
    let mut slope: Vec<f64> = problem.mean.iter().map(|mean| -mean).chain([0.0]).collect();
    let mut weights = vec![0.0; n + 1];
    weights[cash] = problem.bounds.budget;
    let covariance = |a: usize, b: usize| {
        if a == cash || b == cash { 0.0 } else { problem.risk_aversion * problem.covariance(a, b) }
    };
    let noise = NOISE * (0..n).map(|at| covariance(at, at)).fold(0.0, f64::max);
    let mut gap = f64::INFINITY;
    for _ in 0..MAX_STEPS {
        let Some(to) = largest((0..=n).map(|at| if weights[at] < most(at) { -slope[at] } else { f64::NEG_INFINITY }))
        else {
            // No place has room: there is only cash.
            weights.truncate(n);
            return Ok(weights);
        };
        let mut from = None;
        let mut best = 0.0;
        gap = 0.0;
        for at in (0..=n).filter(|at| weights[*at] > 0.0) {
            let gain = slope[at] - slope[to];
            if gain <= TOLERANCE {
                continue;
            }
            gap = f64::max(gap, gain);
            let curvature = covariance(to, to) + covariance(at, at) - 2.0 * covariance(to, at);
            let value = gain * gain / f64::max(curvature, noise.max(f64::MIN_POSITIVE));
            if value > best {
                best = value;
                from = Some((at, gain / f64::max(curvature, noise.max(f64::MIN_POSITIVE))));
            }
        }
        let Some((from, step)) = from else {
            weights.truncate(n);
            return Ok(weights);
        };
        let room = most(to) - weights[to];
        let step = f64::min(step, f64::min(room, weights[from]));
        // Bounds are met exactly, or a hair of room would be tried again and again.
        weights[to] = if step == room { most(to) } else { weights[to] + step };
        weights[from] = if step == weights[from] { 0.0 } else { weights[from] - step };
        for (at, slope) in slope.iter_mut().enumerate() {
            *slope += step * (covariance(at, to) - covariance(at, from));
        }
    }
    Err(CandidateError::NotConverged { strategy: "mean-variance", gap, iterations: MAX_STEPS, tolerance: TOLERANCE })
}

/// The place of the largest value, the first of equal ones.
fn largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (at, value) in values.enumerate() {
        if value > best.map_or(f64::NEG_INFINITY, |(_, held)| held) {
            best = Some((at, value));
        }
    }
    best.map(|(at, _)| at)
}

/// 18-decimal fixed point as the nearest f64.
pub(super) fn fraction(wad: i128) -> f64 {
    wad as f64 / WAD as f64
}
