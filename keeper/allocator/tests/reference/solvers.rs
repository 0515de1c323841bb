//! Mean-variance against SLSQP, CVaR against HiGHS, before the weights are quantised.

use crate::{answers, world::Random};
use ballast_allocator::candidates::{Bounds, cvar, mean_variance};
use serde_json::json;

/// Relative, of objectives that are rates a year; below a basis point a year absolute.
fn close(found: f64, expected: f64, what: &str) {
    let tolerance = 1e-6 * f64::max(expected.abs(), 1e-4);
    assert!((found - expected).abs() <= tolerance, "{what}: found {found:e}, expected {expected:e}");
}

fn uniform(r: &mut Random, scale: f64) -> f64 {
    (r.below(2_000_001) as f64 / 1e6 - 1.0) * scale
}

/// Caps of 0 to 50 %, some of them zero; a budget that often binds.
fn bounds(r: &mut Random, n: usize) -> Bounds {
    let most = (0..n).map(|_| if r.chance(10) { 0.0 } else { f64::from(r.below(5_001) as u16) / 1e4 }).collect();
    Bounds { most, budget: f64::from(r.between(2_000, 9_500) as u16) / 1e4 }
}

#[derive(Default, Debug)]
struct Met {
    at_cap: u32,
    budget: u32,
    between: u32,
    nothing: u32,
}

impl Met {
    fn count(&mut self, weights: &[f64], bounds: &Bounds) {
        let sum: f64 = weights.iter().sum();
        self.budget += u32::from((sum - bounds.budget).abs() < 1e-9);
        self.nothing += u32::from(sum < 1e-9);
        let pairs = || weights.iter().zip(&bounds.most).filter(|(_, most)| **most > 0.0);
        self.at_cap += u32::from(pairs().any(|(weight, most)| (weight - most).abs() < 1e-9));
        self.between += u32::from(pairs().any(|(weight, most)| *weight > 1e-6 && *weight < most - 1e-6));
    }

    fn enough(&self) {
        let Self { at_cap, budget, between, nothing } = *self;
        assert!(at_cap > 20 && budget > 20 && between > 20 && nothing > 0, "the instances cover too little: {self:?}");
    }
}

#[test]
fn mean_variance_equals_slsqp() {
    let (mut instances, mut problems) = (Vec::new(), Vec::new());
    for case in 0..200 {
        let r = &mut Random(0x3a7 + case);
        let n = r.between(1, 12) as usize;
        // Factors of few dimensions make venues that move together: a covariance of less than full rank.
        let rank = r.between(1, n as u128) as usize;
        let factor: Vec<Vec<f64>> = (0..n).map(|_| (0..rank).map(|_| uniform(r, 0.05)).collect()).collect();
        let entry = |a: usize, b: usize| factor[a].iter().zip(&factor[b]).map(|(x, y)| x * y).sum::<f64>();
        let problem = mean_variance::Problem {
            mean: (0..n).map(|_| uniform(r, 0.08) + if r.chance(10) { -0.2 } else { 0.02 }).collect(),
            covariance: (0..n * n).map(|at| entry(at / n, at % n)).collect(),
            risk_aversion: r.pick(&[0.0, 1.0, 5.0, 20.0, 100.0]),
            bounds: bounds(r, n),
        };
        instances.push(json!({
            "kind": "mean_variance", "mean": problem.mean, "covariance": problem.covariance,
            "risk_aversion": problem.risk_aversion, "most": problem.bounds.most, "budget": problem.bounds.budget,
        }));
        problems.push(problem);
    }
    let mut met = Met::default();
    for (case, (problem, answer)) in problems.iter().zip(answers(&instances)).enumerate() {
        let weights = mean_variance::solve(problem).unwrap();
        close(problem.objective(&weights), answer.objective, &format!("case {case}"));
        met.count(&weights, &problem.bounds);
    }
    met.enough();
}

#[test]
fn cvar_equals_the_linear_program_as_it_was_published() {
    let (mut instances, mut problems) = (Vec::new(), Vec::new());
    for case in 0..150 {
        let r = &mut Random(0xc5a9 + case);
        let n = r.between(1, 12) as usize;
        let scenarios = (0..r.between(1, 300)).map(|_| {
            let shock = if r.chance(5) { -0.3 } else { 0.0 };
            (0..n).map(|_| uniform(r, 0.05) + 0.03 + if r.chance(50) { shock } else { 0.0 }).collect()
        });
        let problem = cvar::Problem {
            scenarios: scenarios.collect(),
            confidence: r.pick(&[0.5, 0.9, 0.95, 0.975, 0.99]),
            risk_aversion: r.pick(&[0.0, 0.1, 0.5, 1.0, 3.0]),
            bounds: bounds(r, n),
        };
        instances.push(json!({
            "kind": "cvar", "scenarios": problem.scenarios, "confidence": problem.confidence,
            "risk_aversion": problem.risk_aversion, "most": problem.bounds.most, "budget": problem.bounds.budget,
        }));
        problems.push(problem);
    }
    let mut met = Met::default();
    for (case, (problem, answer)) in problems.iter().zip(answers(&instances)).enumerate() {
        let weights = cvar::solve(problem).unwrap();
        close(problem.objective(&weights), answer.objective, &format!("case {case}"));
        met.count(&weights, &problem.bounds);
    }
    met.enough();
}
