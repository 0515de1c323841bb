//! What stands on what: one failure and all that it takes along (SPEC R16).
//!
//! A directed graph: `node` suffers if what it stands `on` fails, by a share of its value. A shock to a node reaches everything that
//! stands on it, directly or through others; along a path the shares multiply, and of several paths the worst counts. Cycles are allowed (DAI stands on
//! Sky, whose peg module holds USDC and mints DAI): shares are at most one, so going around only loses.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One dependence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    pub node: String,
    pub on: String,
    /// The part of the node's value that is lost with what it stands on, above 0 and at most 1.
    pub share: f64,
    /// Unix seconds from which on it is known.
    pub since: u64,
}

/// An edge that says nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EdgeError {
    #[error("{node:?} stands on itself")]
    OnItself { node: String },
    #[error("the share of {node:?} on {on:?} is {share}, expected above 0 and at most 1")]
    Share { node: String, on: String, share: f64 },
    #[error("a node without a name, expected something like asset/usdc or aave-v3")]
    NoName,
}

/// A portfolio of which no exposure can be told.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExposureError {
    #[error("the weight of {name:?} in the portfolio is {weight}, expected a number of at least 0")]
    Weight { name: String, weight: f64 },
    #[error("the most that may be exposed is {0}, expected a number of at least 0")]
    Most(f64),
}

/// All dependences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DependencyGraph {
    edges: Vec<Edge>,
}

/// How a shock arrives at a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The part of the node's value at stake, 0–1.
    pub share: f64,
    /// From the node down to what failed.
    pub path: Vec<String>,
}

/// What a portfolio loses of its weight if a node fails.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    pub node: String,
    /// Of the portfolio, 0–1.
    pub share: f64,
    /// The positions that are hit, the largest part first.
    pub through: Vec<String>,
}

/// A position that should become smaller.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cut {
    pub position: String,
    pub from: f64,
    pub to: f64,
}

impl DependencyGraph {
    /// # Errors
    /// If a name is empty, a node stands on itself, or the share is not above 0 and at most 1.
    pub fn add(&mut self, edge: Edge) -> Result<(), EdgeError> {
        if edge.node.trim().is_empty() || edge.on.trim().is_empty() {
            return Err(EdgeError::NoName);
        }
        if edge.node == edge.on {
            return Err(EdgeError::OnItself { node: edge.node });
        }
        if !(edge.share > 0.0 && edge.share <= 1.0) {
            return Err(EdgeError::Share { node: edge.node, on: edge.on, share: edge.share });
        }
        self.edges.push(edge);
        Ok(())
    }

    /// The graph as it was known at `now` (Unix seconds).
    #[must_use]
    pub fn as_of(&self, now: u64) -> Self {
        Self { edges: self.edges.iter().filter(|edge| edge.since <= now).cloned().collect() }
    }

    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Every node, by name.
    #[must_use]
    pub fn nodes(&self) -> BTreeSet<&str> {
        self.edges.iter().flat_map(|edge| [edge.node.as_str(), edge.on.as_str()]).collect()
    }

    /// Everything that a failure of `origin` reaches, itself included (with all of it).
    #[must_use]
    pub fn shock(&self, origin: &str) -> BTreeMap<String, Hit> {
        let start = Hit { share: 1.0, path: vec![origin.to_owned()] };
        let mut reached = BTreeMap::from([(origin.to_owned(), start)]);
        // Each round carries the shock one edge further; a path without a cycle has fewer edges than there are nodes.
        for _ in 0..self.nodes().len() {
            let mut changed = false;
            for edge in &self.edges {
                let Some(below) = reached.get(&edge.on) else { continue };
                let share = below.share * edge.share;
                if reached.get(&edge.node).is_none_or(|known| share > known.share) {
                    let path = std::iter::once(edge.node.clone()).chain(below.path.iter().cloned()).collect();
                    reached.insert(edge.node.clone(), Hit { share, path });
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        reached
    }

    /// What of a portfolio (name of the node and part of the portfolio, 0–1) is lost if `origin` fails.
    ///
    /// # Errors
    /// [`ExposureError::Weight`]: what is no number is no exposure of zero.
    pub fn exposure(&self, portfolio: &[(String, f64)], origin: &str) -> Result<Exposure, ExposureError> {
        weighed(portfolio)?;
        Ok(self.exposed(portfolio, origin))
    }

    fn exposed(&self, portfolio: &[(String, f64)], origin: &str) -> Exposure {
        let reached = self.shock(origin);
        let mut hit: Vec<(f64, &str)> = portfolio
            .iter()
            .filter_map(|(name, weight)| reached.get(name).map(|hit| (weight * hit.share, name.as_str())))
            .filter(|(part, _)| *part > 0.0)
            .collect();
        hit.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        Exposure {
            node: origin.to_owned(),
            share: hit.iter().map(|(part, _)| part).sum(),
            through: hit.into_iter().map(|(_, name)| name.to_owned()).collect(),
        }
    }

    /// [`Self::exposure`] to every node, the largest first.
    ///
    /// # Errors
    /// [`ExposureError::Weight`].
    pub fn exposures(&self, portfolio: &[(String, f64)]) -> Result<Vec<Exposure>, ExposureError> {
        weighed(portfolio)?;
        let names = portfolio.iter().map(|(name, _)| name.as_str());
        let nodes: BTreeSet<&str> = self.nodes().into_iter().chain(names).collect();
        let mut all: Vec<Exposure> = nodes.into_iter().map(|node| self.exposed(portfolio, node)).collect();
        all.retain(|exposure| exposure.share > 0.0);
        all.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.node.cmp(&b.node)));
        Ok(all)
    }

    /// The cuts that bring the exposure to `origin` down to `most` of the portfolio: every position that is hit, by the same factor. Empty if
    /// it is not above that.
    ///
    /// # Errors
    /// [`ExposureError`] if a weight or `most` is no number of at least zero.
    pub fn suggested_cuts(
        &self,
        portfolio: &[(String, f64)],
        origin: &str,
        most: f64,
    ) -> Result<Vec<Cut>, ExposureError> {
        if !(most.is_finite() && most >= 0.0) {
            return Err(ExposureError::Most(most));
        }
        let exposure = self.exposure(portfolio, origin)?;
        if exposure.share <= most {
            return Ok(Vec::new());
        }
        let factor = most / exposure.share;
        let hit: BTreeSet<&str> = exposure.through.iter().map(String::as_str).collect();
        let cut = |(name, weight): &(String, f64)| {
            hit.contains(name.as_str()).then(|| Cut { position: name.clone(), from: *weight, to: weight * factor })
        };
        Ok(portfolio.iter().filter_map(cut).collect())
    }
}

fn weighed(portfolio: &[(String, f64)]) -> Result<(), ExposureError> {
    let bad = portfolio.iter().find(|(_, weight)| !(weight.is_finite() && *weight >= 0.0));
    bad.map_or(Ok(()), |(name, weight)| Err(ExposureError::Weight { name: name.clone(), weight: *weight }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn graph(edges: &[(&str, &str, f64)]) -> DependencyGraph {
        let mut graph = DependencyGraph::default();
        for (node, on, share) in edges {
            graph.add(Edge { node: (*node).into(), on: (*on).into(), share: *share, since: 0 }).unwrap();
        }
        graph
    }

    fn portfolio(parts: &[(&str, f64)]) -> Vec<(String, f64)> {
        parts.iter().map(|(name, part)| ((*name).to_owned(), *part)).collect()
    }

    #[test]
    fn a_shock_goes_through_cycles_and_takes_the_worst_path() {
        let graph = graph(&[("b", "a", 0.5), ("c", "b", 0.5), ("c", "a", 0.2), ("a", "c", 1.0), ("d", "x", 1.0)]);
        let reached = graph.shock("a");
        assert_eq!(reached["c"], Hit { share: 0.25, path: vec!["c".into(), "b".into(), "a".into()] });
        assert_eq!(reached["a"].share, 1.0);
        assert!(!reached.contains_key("d"));
    }

    #[test]
    fn cuts_bring_the_exposure_to_the_limit_and_leave_the_rest_alone() {
        let graph = graph(&[("aave", "usdc", 1.0), ("vault", "aave", 0.5)]);
        let held = portfolio(&[("aave", 0.4), ("vault", 0.4), ("other", 0.2)]);
        let exposure = graph.exposure(&held, "usdc").unwrap();
        assert!((exposure.share - 0.6).abs() < 1e-15);
        assert_eq!(exposure.through, ["aave", "vault"]);
        let cuts = graph.suggested_cuts(&held, "usdc", 0.3).unwrap();
        assert_eq!(cuts.iter().map(|cut| cut.position.as_str()).collect::<Vec<_>>(), ["aave", "vault"]);
        assert!(graph.suggested_cuts(&held, "usdc", 0.6 + 1e-12).unwrap().is_empty());
    }

    #[test]
    fn an_edge_that_says_nothing_is_refused() {
        let mut graph = DependencyGraph::default();
        let edge = |node: &str, on: &str, share| Edge { node: node.into(), on: on.into(), share, since: 0 };
        for bad in [
            edge("a", "a", 1.0),
            edge("", "a", 1.0),
            edge("a", "b", 0.0),
            edge("a", "b", 1.1),
            edge("a", "b", f64::NAN),
        ] {
            assert!(graph.add(bad).is_err());
        }
    }

    // SPEC R16: a weight that is no number would be an exposure of nothing.
    #[test]
    fn a_weight_or_a_limit_that_is_no_number_is_refused() {
        let graph = graph(&[("aave", "usdc", 1.0)]);
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            let held = portfolio(&[("aave", bad), ("other", 0.5)]);
            assert!(graph.exposure(&held, "usdc").unwrap_err().to_string().contains("\"aave\""));
            assert!(graph.exposures(&held).is_err() && graph.suggested_cuts(&held, "usdc", 0.1).is_err());
            let sound = portfolio(&[("aave", 0.5)]);
            assert!(matches!(graph.suggested_cuts(&sound, "usdc", bad), Err(ExposureError::Most(_))));
        }
    }

    proptest! {
        // Against a plain search over all paths without a repeated node.
        #[test]
        fn a_shock_is_the_best_product_over_all_simple_paths(
            edges in proptest::collection::vec((0u8..6, 0u8..6, 1u32..=4), 0..15),
        ) {
            let name = |index: u8| format!("n{index}");
            let mut graph = DependencyGraph::default();
            for (node, on, quarter) in edges.iter().filter(|(node, on, _)| node != on) {
                let share = f64::from(*quarter) / 4.0;
                graph.add(Edge { node: name(*node), on: name(*on), share, since: 0 }).unwrap();
            }
            fn walk(graph: &DependencyGraph, at: &str, share: f64, seen: &mut Vec<String>, best: &mut BTreeMap<String, f64>) {
                let known = best.entry(at.to_owned()).or_insert(0.0);
                *known = known.max(share);
                for edge in graph.edges() {
                    if edge.on == at && !seen.contains(&edge.node) {
                        seen.push(edge.node.clone());
                        walk(graph, &edge.node, share * edge.share, seen, best);
                        seen.pop();
                    }
                }
            }
            let mut best = BTreeMap::new();
            walk(&graph, "n0", 1.0, &mut vec!["n0".into()], &mut best);
            let found: BTreeMap<String, f64> = graph.shock("n0").into_iter().map(|(node, hit)| (node, hit.share)).collect();
            prop_assert_eq!(found, best);
        }

        // SPEC R16: after the cuts the exposure is what was asked for.
        #[test]
        fn cuts_hold_the_limit(a in 0.0..1.0f64, b in 0.0..1.0f64, share in 0.1..1.0f64, most in 0.0..1.0f64) {
            let graph = graph(&[("a", "x", share), ("b", "a", 0.5)]);
            let mut held = portfolio(&[("a", a), ("b", b), ("c", 1.0)]);
            for cut in graph.suggested_cuts(&held, "x", most).unwrap() {
                prop_assert!(cut.to <= cut.from);
                held.iter_mut().filter(|(name, _)| *name == cut.position).for_each(|(_, weight)| *weight = cut.to);
            }
            prop_assert!(graph.exposure(&held, "x").unwrap().share <= most + 1e-12);
        }
    }
}
