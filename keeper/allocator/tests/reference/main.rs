//! SPEC P9: the best that the strategies find is the best that scipy finds, to 1e-6 of it.
//!
//! Positions are whole basis points and the permitted ones are islands, so the instances are such that neither can matter: limits lie on
//! whole basis points, and what may lie between is far smaller than the tolerance. What does matter is covered and counted: positions at their cap, the
//! reserve that binds, kinks on either side of which the best may lie, venues that are left, and existing positions that are reduced.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../../tools/python/reference.rs"]
mod reference;
#[path = "../world/mod.rs"]
mod world;

mod convex;
mod solvers;

use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    objective: f64,
    weights: Vec<f64>,
}

fn answers(instances: &[serde_json::Value]) -> Vec<Answer> {
    let input = serde_json::to_string(instances).unwrap();
    let answers: Vec<Answer> = serde_json::from_str(&reference::ask("reference_allocation.py", &input)).unwrap();
    assert_eq!(answers.len(), instances.len());
    answers
}
