//! Whether what was signed for one block would still do what it was signed for on a newer head.
//!
//! Between the signature and the inclusion the chain goes on. At each new head the transaction is simulated again, and if it would now
//! revert, cost more than it may, or end with other positions or less NAV than was decided, it is to be cancelled.

use crate::prediction::{self, Mismatch};
use alloy::primitives::{Address, B256, Log};
use ballast_chain::{BlockContext, Simulation, TxPlan};
use ballast_types::{Bps, DecisionRecord};
use std::fmt;

/// What a signed transaction may still do.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    pub plan: &'a TxPlan,
    /// What it did in the final simulation.
    pub signed: &'a Simulation,
    pub purpose: Purpose<'a>,
    /// The operator's cap, wei per gas.
    pub fee_cap: u128,
}

/// What the transaction is for.
#[derive(Clone, Debug)]
pub enum Purpose<'a> {
    /// Positions and NAV must end as the decision said.
    Decision { record: &'a DecisionRecord, hash: B256, hub: Address, max_nav_loss: Bps },
    /// It must have the same kinds of effect: the same events of the same contracts in the same order, whatever the amounts in them.
    Call,
}

/// Whether it may go on waiting.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Verdict {
    Fits,
    /// Every reason to cancel it; never empty.
    Cancel(Vec<Misfit>),
}

/// A reason to cancel.
#[derive(Clone, Debug, PartialEq)]
pub enum Misfit {
    Reverts {
        why: String,
    },
    /// It would run out: simulated with all the gas there is, it uses more than its limit.
    Gas {
        used: u64,
        limit: u64,
    },
    /// It cannot be included: base fee and tip, wei per gas.
    Fee {
        needed: u128,
        offered: u128,
    },
    /// What it pays now is more than the operator's cap, wei per gas.
    Cap {
        paid: u128,
        cap: u128,
    },
    Prediction(Vec<Mismatch>),
    /// Events of a call, as contracts and first topics.
    Effects {
        signed: usize,
        now: usize,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reverts { why } => write!(f, "it would now fail: {why}"),
            Self::Gas { used, limit } => write!(f, "it would now use {used} gas, its limit is {limit}"),
            Self::Fee { needed, offered } => {
                write!(f, "the next block needs {needed} wei per gas, it offers {offered}")
            }
            Self::Cap { paid, cap } => write!(f, "it would now pay {paid} wei per gas, the cap is {cap}"),
            Self::Prediction(list) => write!(f, "it would not do what was decided: {}", prediction::list(list)),
            Self::Effects { signed, now } => {
                write!(f, "its events are others than those it was signed for ({now} now, {signed} then)")
            }
        }
    }
}

/// All reasons, for a person.
#[must_use]
pub fn list(misfits: &[Misfit]) -> String {
    misfits.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Holds the outcome of simulating `envelope.plan` again, for the block `next` after the new head, against what it was signed for. Pure.
///
/// The nonce is not looked at: a used nonce makes the simulation itself fail, which the caller learns before it can ask this.
pub fn still_fits(envelope: &Envelope<'_>, next: &BlockContext, now: &Simulation) -> Verdict {
    let mut misfits = Vec::new();
    let plan = envelope.plan;
    let base_fee = u128::from(next.base_fee);
    if plan.max_fee_per_gas < base_fee {
        misfits.push(Misfit::Fee { needed: base_fee, offered: plan.max_fee_per_gas });
    }
    let paid = base_fee.saturating_add(plan.max_priority_fee_per_gas).min(plan.max_fee_per_gas);
    if paid > envelope.fee_cap {
        misfits.push(Misfit::Cap { paid, cap: envelope.fee_cap });
    }
    if now.gas_used > plan.gas_limit {
        misfits.push(Misfit::Gas { used: now.gas_used, limit: plan.gas_limit });
    }
    if now.success {
        misfits.extend(effects(envelope, now));
    } else {
        let why = now.revert.clone().unwrap_or_else(|| "it reverted without a reason".to_owned());
        misfits.push(Misfit::Reverts { why });
    }
    if misfits.is_empty() { Verdict::Fits } else { Verdict::Cancel(misfits) }
}

fn effects(envelope: &Envelope<'_>, now: &Simulation) -> Option<Misfit> {
    match &envelope.purpose {
        Purpose::Decision { record, hash, hub, max_nav_loss } => {
            let event = match prediction::executed(&now.logs, *hub) {
                Ok(event) => event,
                Err(mismatch) => return Some(Misfit::Prediction(vec![mismatch])),
            };
            prediction::check(record, *hash, &event, *max_nav_loss).err().map(Misfit::Prediction)
        }
        Purpose::Call => {
            let kind = |log: &Log| (log.address, log.topics().first().copied());
            let same = envelope.signed.logs.iter().map(kind).eq(now.logs.iter().map(kind));
            (!same).then_some(Misfit::Effects { signed: envelope.signed.logs.len(), now: now.logs.len() })
        }
    }
}
