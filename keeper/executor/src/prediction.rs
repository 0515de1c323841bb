//! Does the simulated move do what the decision said it would?

use alloy::{
    primitives::{Address, B256, Log, U256},
    sol_types::SolEvent,
};
use ballast_chain::bindings::RebalanceExecuted;
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
    /// An amount above 2¹²⁸.
    Absurd {
        what: String,
        value: U256,
    },
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
            Self::Absurd { what, value } => write!(f, "{what} is {value}, more than any amount of the asset"),
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
/// [`Mismatch::Events`].
pub fn executed(logs: &[Log], hub: Address) -> Result<RebalanceExecuted, Mismatch> {
    let mut events = logs
        .iter()
        .filter(|log| log.address == hub && log.topics().first() == Some(&RebalanceExecuted::SIGNATURE_HASH))
        .filter_map(|log| RebalanceExecuted::decode_log_data(&log.data).ok());
    let (first, others) = (events.next(), events.count());
    match first {
        Some(event) if others == 0 => Ok(event),
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
    event: &RebalanceExecuted,
    max_nav_loss: Bps,
) -> Result<(), Vec<Mismatch>> {
    let mut found = Vec::new();
    if event.decisionHash != decision_hash {
        found.push(Mismatch::DecisionHash { found: event.decisionHash, expected: decision_hash });
    }
    let nonce = record.snapshot.hub.nonce;
    if event.nonce != nonce {
        found.push(Mismatch::Nonce { found: event.nonce, expected: nonce });
    }

    let targets = record.decision.targets();
    let listed = targets.iter().map(|target| (target.adapter, target.bps.0));
    let executed = event.adapters.iter().copied().zip(event.targetBps.iter().copied());
    let same_length = event.adapters.len() == targets.len()
        && event.targetBps.len() == targets.len()
        && event.valuesAfter.len() == targets.len();
    if !same_length || !listed.eq(executed) {
        found.push(Mismatch::Targets);
    }

    let tolerance = record.snapshot.vault.nav.share(TOLERANCE);
    let mut compare = |what: String, value: U256, expected: Assets| match u128::try_from(value).map(Assets) {
        Ok(simulated) if simulated.0.abs_diff(expected.0) <= tolerance.0 => {}
        Ok(simulated) => found.push(Mismatch::Amount { what, expected, simulated, tolerance }),
        Err(_) => found.push(Mismatch::Absurd { what, value }),
    };
    compare("NAV before".to_owned(), event.navBefore, record.snapshot.vault.nav);
    for (target, value) in targets.iter().zip(&event.valuesAfter) {
        compare(format!("position in {}", target.adapter), *value, target.to);
    }
    if let Some(prediction) = &record.decision.prediction {
        compare("idle".to_owned(), event.idleAfter, prediction.idle_after);
    }

    found.extend(nav_loss(event, max_nav_loss).err());
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// NAV may fall by at most `floor(before · bound / 10⁴)`.
///
/// # Errors
/// [`Mismatch::NavLoss`] or [`Mismatch::Absurd`].
pub fn nav_loss(event: &RebalanceExecuted, bound: Bps) -> Result<(), Mismatch> {
    let amount =
        |what: &str, value: U256| u128::try_from(value).map_err(|_| Mismatch::Absurd { what: what.to_owned(), value });
    let before = amount("NAV before", event.navBefore)?;
    let after = amount("NAV after", event.navAfter)?;
    let allowed = mul_div_floor(before, u128::from(bound.0), u128::from(ballast_types::BPS_ONE)).unwrap_or(0);
    if before.saturating_sub(after) <= allowed {
        return Ok(());
    }
    Err(Mismatch::NavLoss { before: Assets(before), after: Assets(after), bound })
}
