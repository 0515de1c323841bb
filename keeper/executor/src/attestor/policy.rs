//! What the attestor lets pass without the Safe.
//!
//! The bounds are the operator's, beside those that the hub enforces. A move outside them is not an error: it may be right and still be
//! more than one machine should decide, so it is for the Safe. Windows are rolling, not calendar days: around midnight a calendar day lets
//! twice its limit through, and the hub counts the same way. Time is the block's and never goes backwards, so neither a reorganisation
//! nor a node with a slow clock gives room that was used up; a block that is ahead of the machine's clock gives none either.

use super::ledger::Books;
use alloy::primitives::B256;
use ballast_types::{Assets, Bps, SECONDS_PER_YEAR};
use std::{fmt, path::PathBuf};

/// Seconds of a day.
pub const DAY: u64 = 86_400;
/// The most of AUM that gas may cost in a year, in basis points: 0.5 %.
pub const MAX_GAS_BUDGET: Bps = Bps(50);

/// The bounds. Each is the last value that still passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestorPolicy {
    /// Wei per gas.
    pub max_fee_per_gas: u128,
    /// Wei that one transaction may offer: gas limit times fee.
    pub max_fee: u128,
    /// Moves in any 24 hours.
    pub daily_moves: u32,
    /// Turnover of one move, bps of NAV.
    pub move_turnover: Bps,
    /// Turnover of one move, in assets; `None`: only by share.
    pub move_notional: Option<Assets>,
    /// Turnover in any 24 hours, bps of NAV.
    pub daily_turnover: Bps,
    /// Turnover in any 24 hours, in assets; `None`: only by share.
    pub daily_notional: Option<Assets>,
    /// Gas in any 365 days, bps of NAV; at most [`MAX_GAS_BUDGET`].
    pub gas_budget: Bps,
    /// Seconds that a block may be ahead of the clock; `None` on a development chain, whose time runs ahead.
    pub max_skew: Option<u64>,
}

/// The policy, and the file in which the attestor keeps count. The keeper's store is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    pub policy: AttestorPolicy,
    pub ledger: PathBuf,
}

/// A move to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub decision: B256,
    /// The hub's nonce; of all moves with one nonce one lands at most.
    pub nonce: u64,
    /// Of the block it was presimulated for, Unix seconds.
    pub block_time: u64,
    pub nav: Assets,
    /// The sum of what enters and leaves venues.
    pub turnover: Assets,
    /// Wei per gas.
    pub max_fee_per_gas: u128,
    pub gas_limit: u64,
    /// What the gas limit costs at the full fee, in assets.
    pub gas_cost: Assets,
    /// The Safe has approved this very move.
    pub approved: bool,
}

/// A bound that a move does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub bound: Bound,
    pub found: u128,
    pub allowed: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    FeePerGas,
    Fee,
    DailyMoves,
    MoveTurnover,
    DailyTurnover,
    GasBudget,
    ClockSkew,
}

impl Bound {
    /// Whether the Safe's approval of a move stands in for it. What gas costs and when it is are no question of the move.
    #[must_use]
    pub const fn yields_to_the_safe(self) -> bool {
        matches!(self, Self::DailyMoves | Self::MoveTurnover | Self::DailyTurnover)
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bound, found, allowed } = *self;
        let (own, most) = (Assets(found), Assets(allowed));
        match bound {
            Bound::FeePerGas => write!(f, "it offers {found} wei per gas, at most {allowed} pass"),
            Bound::Fee => write!(f, "its gas may cost {found} wei, at most {allowed} pass"),
            Bound::DailyMoves => write!(f, "it would be move {found} in 24 hours, {allowed} pass"),
            Bound::MoveTurnover => write!(f, "it turns over {own}, one move may turn over {most}"),
            Bound::DailyTurnover => write!(f, "with it {own} are turned over in 24 hours, {most} may be"),
            Bound::GasBudget => write!(f, "with it gas costs up to {own} in 365 days, the budget is {most}"),
            Bound::ClockSkew => write!(f, "its block is {found} s ahead of the clock, at most {allowed} s pass"),
        }
    }
}

/// All bounds that were not kept, for a person.
#[must_use]
pub fn list(exceeded: &[Exceeded]) -> String {
    exceeded.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl AttestorPolicy {
    /// Every bound that the move does not keep and that the Safe has not decided for it, given what was attested before. `clock` is the machine's, Unix seconds.
    #[must_use]
    pub fn judge(&self, request: &Request, books: &Books, clock: u64) -> Vec<Exceeded> {
        let mut found = Vec::new();
        let mut bound = |bound, value: u128, allowed: u128| {
            if value > allowed && !(request.approved && Bound::yields_to_the_safe(bound)) {
                found.push(Exceeded { bound, found: value, allowed });
            }
        };
        if let Some(max_skew) = self.max_skew {
            bound(Bound::ClockSkew, request.block_time.saturating_sub(clock).into(), max_skew.into());
        }
        bound(Bound::FeePerGas, request.max_fee_per_gas, self.max_fee_per_gas);
        bound(Bound::Fee, u128::from(request.gas_limit).saturating_mul(request.max_fee_per_gas), self.max_fee);
        let most = |share: Bps, notional: Option<Assets>| {
            let share = request.nav.share(share).0;
            notional.map_or(share, |notional| notional.0.min(share))
        };
        bound(Bound::MoveTurnover, request.turnover.0, most(self.move_turnover, self.move_notional));

        let now = books.now(request.block_time);
        let day = books.moves_after(now.checked_sub(DAY), request.nonce);
        bound(Bound::DailyMoves, day.count + 1, self.daily_moves.into());
        let turned = day.turnover.saturating_add(request.turnover.0);
        bound(Bound::DailyTurnover, turned, most(self.daily_turnover, self.daily_notional));
        let gas = books.gas_after(now.checked_sub(SECONDS_PER_YEAR), request.nonce).saturating_add(request.gas_cost.0);
        bound(Bound::GasBudget, gas, request.nav.share(self.gas_budget).0);
        found
    }
}
