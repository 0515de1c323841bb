//! Does the simulated move do what the decision said it would?

use alloy::primitives::{Address, B256, Log};
use ballast_chain::{Executed, Malformed, rebalances};
use ballast_types::{Assets, Bps, DecisionRecord, fixed::mul_div_floor};
use std::fmt;

/// How far a position may end up from the prediction, in bps of NAV: interest of a few blocks, rounding of the venues.
pub const TOLERANCE: Bps = Bps(1);

/// One difference between prediction and simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The hub emitted no `RebalanceExecuted`, or more than one.
    Events {
        found: usize,
    },
    DecisionHash {
        found: B256,
        expected: B256,
    },
    Nonce {
        found: u64,
        expected: u64,
    },
    /// The event lists other venues or shares than the decision.
    Targets,
    Amount {
        what: String,
        expected: Assets,
        simulated: Assets,
        tolerance: Assets,
    },
    NavLoss {
        before: Assets,
        after: Assets,
        bound: Bps,
    },
    /// The event says what no rebalance does.
    Malformed(Malformed),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events { found } => write!(f, "expected one RebalanceExecuted of the hub, found {found}"),
            Self::DecisionHash { found, expected } => {
                write!(f, "decision hash: expected {expected}, simulated {found}")
            }
            Self::Nonce { found, expected } => write!(f, "nonce: expected {expected}, simulated {found}"),
            Self::Targets => f.write_str("the venues and shares in the event are not the decision's"),
            Self::Amount { what, expected, simulated, tolerance } => {
                write!(f, "{what}: expected {expected}, simulated {simulated}, tolerance {tolerance}")
            }
            Self::NavLoss { before, after, bound } => {
                write!(f, "NAV falls from {before} to {after}, more than {} bps", bound.0)
            }
            Self::Malformed(why) => write!(f, "the hub's RebalanceExecuted: {why}"),
        }
    }
}

/// All differences, one per line of thought.
#[must_use]
pub fn list(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The one `RebalanceExecuted` that `hub` emitted.
///
/// # Errors
/// [`Mismatch::Events`], [`Mismatch::Malformed`].
pub fn executed(logs: &[Log], hub: Address) -> Result<Executed, Mismatch> {
    let mut events = rebalances(hub, logs);
    let (first, others) = (events.next(), events.count());
    match first {
        Some(event) if others == 0 => event.map_err(Mismatch::Malformed),
        first => Err(Mismatch::Events { found: usize::from(first.is_some()) + others }),
    }
}

/// Compares what the move did with what the decision said: the same venues and shares, each position and idle within
/// [`TOLERANCE`] of NAV, and NAV no more than `max_nav_loss` lower after than before.
///
/// # Errors
/// Every difference found, never an empty list.
pub fn check(
    record: &DecisionRecord,
    decision_hash: B256,
    event: &Executed,
    max_nav_loss: Bps,
) -> Result<(), Vec<Mismatch>> {
    let mut found = Vec::new();
    if event.decision_hash != decision_hash {
        found.push(Mismatch::DecisionHash { found: event.decision_hash, expected: decision_hash });
    }
    let nonce = record.snapshot.hub.nonce;
    if event.nonce != nonce {
        found.push(Mismatch::Nonce { found: event.nonce, expected: nonce });
    }

    let targets = record.decision.targets();
    let listed = targets.iter().map(|target| (target.adapter, target.bps));
    if !listed.eq(event.legs.iter().map(|leg| (leg.adapter, leg.bps))) {
        found.push(Mismatch::Targets);
    }

    let tolerance = record.snapshot.vault.nav.share(TOLERANCE);
    let mut compare = |what: String, simulated: Assets, expected: Assets| {
        if simulated.0.abs_diff(expected.0) > tolerance.0 {
            found.push(Mismatch::Amount { what, expected, simulated, tolerance });
        }
    };
    compare("NAV before".to_owned(), event.nav_before, record.snapshot.vault.nav);
    for (target, leg) in targets.iter().zip(&event.legs) {
        compare(format!("position in {}", target.adapter), leg.after, target.to);
    }
    if let Some(prediction) = &record.decision.prediction {
        compare("idle".to_owned(), event.idle_after, prediction.idle_after);
    }

    found.extend(nav_loss(event, max_nav_loss).err());
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// NAV may fall by at most `floor(before · bound / 10⁴)`.
///
/// # Errors
/// [`Mismatch::NavLoss`].
pub fn nav_loss(event: &Executed, bound: Bps) -> Result<(), Mismatch> {
    let (before, after) = (event.nav_before, event.nav_after);
    let allowed = mul_div_floor(before.0, u128::from(bound.0), u128::from(ballast_types::BPS_ONE)).unwrap_or(0);
    if before.saturating_sub(after).0 <= allowed {
        return Ok(());
    }
    Err(Mismatch::NavLoss { before, after, bound })
}
