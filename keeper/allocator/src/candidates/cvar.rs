//! CVaR weights: maximise `mean(w) − λ·CVaR_β(w)` over `0 ≤ w ≤ most`, `Σw ≤ budget` (R. T. Rockafellar, S. Uryasev, "Optimization of
//! conditional value-at-risk", 2000).
//!
//! With `S` equally likely scenarios `r_s`, `CVaR_β(w)` is the mean loss `−r_s·w` of the worst `(1 − β)·S` of them, the last one counted in part. It is
//! `max Σ −q_s·r_s·w` over `Σq = 1`, `0 ≤ q_s ≤ κ`, `κ = 1/((1 − β)·S)`, so the best weights are the multipliers of the linear program
//!
//! `min budget·y + Σ most_i·z_i` over `y + z_i − x_i − λ·Σ q_s·r_{s,i} = mean_i`, `Σ q_s = 1`, all at least zero, `q_s ≤ κ`,
//!
//! which has one row per venue and one more, however many scenarios there are, and a first solution that needs no search. It is solved by
//! the simplex method with bounded variables (G. B. Dantzig, "Linear Programming and Extensions", 1963, chapter 18). The result proves itself: it
//! counts only if the objective of its weights is within [`TOLERANCE`] of the program's.

use super::mean_variance::fraction;
use super::{Bounds, CandidateError};
use ballast_types::{BPS_ONE, Bps, Outlook};

/// How far the objective may be from the best, as a fraction a year: 10⁻⁹.
pub const TOLERANCE: f64 = 1e-9;
/// Reduced costs and pivots below this are taken for zero: rounding of numbers of order one.
const ZERO: f64 = 1e-11;

/// One instance, as fractions a year.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// By scenario and venue.
    pub scenarios: Vec<Vec<f64>>,
    /// `β`, at least a half and below one.
    pub confidence: f64,
    /// `λ ≥ 0`.
    pub risk_aversion: f64,
    pub bounds: Bounds,
}

impl Problem {
    /// The instance for venues at these places of the outlook; `risk_aversion` in hundredths.
    ///
    /// # Errors
    /// If the outlook has no scenarios.
    pub fn new(
        outlook: &Outlook,
        places: &[usize],
        confidence: Bps,
        risk_aversion: u32,
        bounds: Bounds,
    ) -> Result<Self, CandidateError> {
        let missing = || CandidateError::Missing { strategy: "CVaR", what: "scenarios of returns".into() };
        let scenario = |all: &Vec<ballast_types::SignedWad>| -> Option<Vec<f64>> {
            places.iter().map(|at| all.get(*at).map(|value| fraction(value.0))).collect()
        };
        let scenarios: Vec<Vec<f64>> =
            outlook.scenarios.iter().map(scenario).collect::<Option<_>>().ok_or_else(missing)?;
        if scenarios.is_empty() {
            return Err(missing());
        }
        let confidence = f64::from(confidence.0) / f64::from(BPS_ONE);
        Ok(Self { scenarios, confidence, risk_aversion: f64::from(risk_aversion) / 100.0, bounds })
    }

    /// The scenarios that make up the tail, not necessarily a whole number.
    fn tail(&self) -> f64 {
        (1.0 - self.confidence) * self.scenarios.len() as f64
    }

    fn mean(&self, venue: usize) -> f64 {
        self.scenarios.iter().map(|scenario| scenario[venue]).sum::<f64>() / self.scenarios.len() as f64
    }

    /// `mean(w) − λ·CVaR_β(w)`.
    #[must_use]
    pub fn objective(&self, weights: &[f64]) -> f64 {
        let outcome = |scenario: &Vec<f64>| scenario.iter().zip(weights).map(|(r, w)| r * w).sum::<f64>();
        let mut outcomes: Vec<f64> = self.scenarios.iter().map(outcome).collect();
        outcomes.sort_by(f64::total_cmp);
        let mean = outcomes.iter().sum::<f64>() / outcomes.len() as f64;
        let (mut left, mut worst) = (self.tail(), 0.0);
        for outcome in &outcomes {
            let part = f64::min(left, 1.0);
            worst += part * outcome;
            left -= part;
        }
        mean + self.risk_aversion * worst / self.tail()
    }
}

/// The weights with the largest objective, within [`TOLERANCE`] of it.
///
/// # Errors
/// If the simplex method does not get there.
pub fn solve(problem: &Problem) -> Result<Vec<f64>, CandidateError> {
    let mut tableau = Tableau::new(problem);
    let iterations = tableau.run();
    let weights = tableau.weights(&problem.bounds);
    let gap = tableau.cost() - problem.objective(&weights);
    if gap.abs() <= TOLERANCE {
        return Ok(weights);
    }
    Err(CandidateError::NotConverged { strategy: "CVaR", gap, iterations, tolerance: TOLERANCE })
}

/// Columns: `y`, the `z_i`, the `x_i`, the `q_s`. The last row is the reduced costs.
struct Tableau {
    venues: usize,
    columns: usize,
    /// By row: a venue each, then the sum of `q`, then the reduced costs.
    rows: Vec<Vec<f64>>,
    /// The variable of each row, and its value.
    basis: Vec<(usize, f64)>,
    costs: Vec<f64>,
    /// Upper bound of every `q`.
    most: f64,
    /// Variables out of the basis that stand at their upper bound.
    raised: Vec<bool>,
}

impl Tableau {
    fn new(problem: &Problem) -> Self {
        let (n, s) = (problem.bounds.most.len(), problem.scenarios.len());
        let columns = 1 + 2 * n + s;
        let most = 1.0 / problem.tail();
        let first = 1 + 2 * n;
        // As many scenarios as fit at their bound, and the next with the rest.
        let mut raised = vec![false; columns];
        let (mut rest, mut partly) = (1.0, first);
        while rest > most && partly + 1 < columns {
            raised[partly] = true;
            rest -= most;
            partly += 1;
        }
        let mut rows = Vec::with_capacity(n + 2);
        let mut basis = Vec::with_capacity(n + 1);
        for venue in 0..n {
            let mut row = vec![0.0; columns];
            let mut value = problem.mean(venue);
            (row[0], row[1 + venue], row[1 + n + venue]) = (1.0, 1.0, -1.0);
            let pivot = -problem.risk_aversion * problem.scenarios[partly - first][venue];
            for (at, scenario) in problem.scenarios.iter().enumerate() {
                let factor = -problem.risk_aversion * scenario[venue];
                value -= if raised[first + at] { factor * most } else { 0.0 };
                row[first + at] = factor - pivot;
            }
            value -= pivot * rest;
            if value >= 0.0 {
                basis.push((1 + venue, value));
            } else {
                row.iter_mut().for_each(|entry| *entry = -*entry);
                basis.push((1 + n + venue, -value));
            }
            rows.push(row);
        }
        let mut sum = vec![0.0; columns];
        sum[first..].fill(1.0);
        rows.push(sum);
        basis.push((partly, rest));
        let mut costs = vec![0.0; columns];
        costs[0] = problem.bounds.budget;
        costs[1..=n].copy_from_slice(&problem.bounds.most);
        let mut reduced = costs.clone();
        for (row, (variable, _)) in rows.iter().zip(&basis) {
            let cost = costs[*variable];
            for (entry, factor) in reduced.iter_mut().zip(row) {
                *entry -= cost * factor;
            }
        }
        rows.push(reduced);
        Self { venues: n, columns, rows, basis, costs, most, raised }
    }

    fn bound(&self, variable: usize) -> f64 {
        if variable > 2 * self.venues { self.most } else { f64::INFINITY }
    }

    /// Iterates until no reduced cost improves, or the iterations run out; how many there were.
    fn run(&mut self) -> usize {
        let limit = 200 + 20 * self.columns;
        // The steepest column is quickest; the first one (Bland's rule) cannot go round in circles.
        let patient = limit / 2;
        for iteration in 0..limit {
            let Some(entering) = self.entering(iteration >= patient) else { return iteration };
            self.step(entering, iteration >= patient);
        }
        limit
    }

    fn entering(&self, first: bool) -> Option<usize> {
        let reduced = self.rows.last()?;
        let mut best: Option<(usize, f64)> = None;
        for (variable, cost) in reduced.iter().enumerate() {
            let gain = if self.raised[variable] { *cost } else { -*cost };
            if gain > ZERO && best.is_none_or(|(_, held)| gain > held) && !self.is_basic(variable) {
                best = Some((variable, gain));
                if first {
                    break;
                }
            }
        }
        best.map(|(variable, _)| variable)
    }

    fn is_basic(&self, variable: usize) -> bool {
        self.basis.iter().any(|(basic, _)| *basic == variable)
    }

    /// Moves a variable away from its bound until it, or one of the basis, meets another.
    fn step(&mut self, entering: usize, first: bool) {
        let sign = if self.raised[entering] { -1.0 } else { 1.0 };
        let mut reach = self.bound(entering);
        let mut leaving: Option<(usize, bool)> = None;
        for (at, (variable, value)) in self.basis.iter().enumerate() {
            let slope = sign * self.rows[at][entering];
            let (room, up) = if slope > ZERO {
                (value / slope, false)
            } else if slope < -ZERO && self.bound(*variable).is_finite() {
                ((self.bound(*variable) - value) / -slope, true)
            } else {
                continue;
            };
            let room = f64::max(room, 0.0);
            let earlier = |(held, _): (usize, bool)| {
                let larger = self.rows[at][entering].abs() > self.rows[held][entering].abs();
                if first { *variable < self.basis[held].0 } else { larger }
            };
            if room < reach || (room == reach && leaving.is_some_and(earlier)) {
                reach = room;
                leaving = Some((at, up));
            }
        }
        for (at, (_, value)) in self.basis.iter_mut().enumerate() {
            *value -= sign * reach * self.rows[at][entering];
        }
        let Some((at, up)) = leaving else {
            self.raised[entering] = !self.raised[entering];
            return;
        };
        let start = if self.raised[entering] { self.most } else { 0.0 };
        let out = self.basis[at].0;
        self.raised[out] = up;
        self.raised[entering] = false;
        self.basis[at] = (entering, start + sign * reach);
        self.pivot(at, entering);
    }

    fn pivot(&mut self, at: usize, column: usize) {
        let divisor = self.rows[at][column];
        self.rows[at].iter_mut().for_each(|entry| *entry /= divisor);
        let pivot_row = self.rows[at].clone();
        for (_, row) in self.rows.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            let factor = row[column];
            if factor != 0.0 {
                for (entry, pivot) in row.iter_mut().zip(&pivot_row) {
                    *entry -= factor * pivot;
                }
                row[column] = 0.0;
            }
        }
    }

    /// The multipliers of the venues' rows: the reduced costs of their surplus.
    fn weights(&self, bounds: &Bounds) -> Vec<f64> {
        let reduced = self.rows.last().map(Vec::as_slice).unwrap_or_default();
        let surplus = reduced.iter().skip(1 + self.venues).take(self.venues);
        let mut weights: Vec<f64> =
            surplus.zip(&bounds.most).map(|(weight, most)| f64::min(f64::max(*weight, 0.0), *most)).collect();
        // Rounding may leave them a hair above the budget.
        let total: f64 = weights.iter().sum();
        if total > bounds.budget {
            weights.iter_mut().for_each(|weight| *weight *= bounds.budget / total);
        }
        weights
    }

    fn cost(&self) -> f64 {
        self.basis.iter().map(|(variable, value)| self.costs[*variable] * value).sum()
    }
}
