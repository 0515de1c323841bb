//! The hub's verdict on a rebalance, rule by rule in the order in which the contracts ask.
//!
//! Each [`Violation`] has the name of the Solidity error it stands for. Caller and proof are not judged here, and no approval of the
//! Safe is counted on unless the name says so; a venue that rounds or charges on the way in or out is not modelled (see [`Figures`]), so the vault's loss
//! bounds have no counterpart.

use crate::{Figures, HubView, VenueView};
use alloy_primitives::Address;
use ballast_types::{
    Assets, BPS_ONE, Bps, HubLimits, Target, WAD, Wad,
    fixed::{mul_div_ceil, product},
};

mod additions;

pub use additions::additions;

/// The rule of four looks back this many seconds (`RebalanceLogLib.WINDOW`).
pub const WINDOW: u64 = 24 * 60 * 60;
const WAD_PER_BPS: u128 = WAD / BPS_ONE as u128;

/// One target as the hub receives it (`Allocation` without its `data`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    pub adapter: Address,
    pub bps: Bps,
    /// The least that the leg must credit or pay.
    pub min_out: Assets,
}

impl From<&Target> for Allocation {
    fn from(target: &Target) -> Self {
        Self { adapter: target.adapter, bps: target.bps, min_out: target.min_out }
    }
}

/// What an accepted rebalance does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// NAV before and, as no venue here rounds, after.
    pub nav: Assets,
    pub idle_after: Assets,
    /// In the order of the targets.
    pub legs: Vec<Leg>,
    /// The sum of all legs.
    pub turnover: Assets,
    /// The sum of the legs that enter a venue, which is what the hub holds against its approval threshold.
    pub added: Assets,
}

/// One position before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub adapter: Address,
    pub before: Assets,
    pub after: Assets,
}

/// The error with which the hub, the vault or a venue would revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("the kill switch is not operational")]
    NotOperational,
    #[error("the next rebalance is allowed at {next_allowed}, it is {now}")]
    CooldownActive { next_allowed: u64, now: u64 },
    #[error("there are no targets, expected at least one")]
    NoTargets,
    #[error("{adapter}: target {} bps, expected 0 or {} to {} bps", bps.0, min.0, max.0)]
    TargetOutOfBounds { adapter: Address, bps: Bps, min: Bps, max: Bps },
    #[error("{adapter}: target {} bps is less than {} bps from the stored {} bps", bps.0, min_step.0, stored.0)]
    StepTooSmall { adapter: Address, bps: Bps, stored: Bps, min_step: Bps },
    #[error(
        "{adapter}: the position cannot be read or is quarantined, and while part of NAV is unknown nothing is added anywhere"
    )]
    VenueUnreadable { adapter: Address },
    #[error("{adapter}: the position is quarantined")]
    VenueQuarantined { adapter: Address },
    #[error("deposits are paused, and with them additions")]
    Paused,
    #[error("{adapter}: targets must be strictly ascending by adapter")]
    TargetsUnsorted { adapter: Address },
    #[error("{adapter}: the vault does not list this adapter")]
    AdapterNotListed { adapter: Address },
    /// Not an error of ours: the venue itself reverts.
    #[error("{adapter}: {required} is to be withdrawn, {available} is liquid")]
    InsufficientLiquidity { adapter: Address, required: Assets, available: Assets },
    #[error("{adapter}: the leg gives {out}, at least {min_out} is asked")]
    InsufficientOut { adapter: Address, out: Assets, min_out: Assets },
    #[error("an addition needs {required}, idle is {idle}")]
    InsufficientIdle { required: Assets, idle: Assets },
    #[error("{adapter}: the position would be {value}, its cap is {cap}")]
    CapExceeded { adapter: Address, value: Assets, cap: Assets },
    #[error("idle would be {idle} of NAV {nav}, expected at least {} bps", reserve.0)]
    ReserveTooLow { idle: Assets, nav: Assets, reserve: Bps },
    #[error("{adapter}: its bucket would have {} bps of NAV in it, it holds {} bps", used.0, flow.0)]
    FlowExceeded { adapter: Address, used: Bps, flow: Bps },
    #[error("{adapter}: the kill switch blocks additions here")]
    VenueNotOperational { adapter: Address },
    /// Not an error of ours: the venue itself reverts.
    #[error("{adapter}: the venue takes no deposits")]
    VenueClosed { adapter: Address },
    #[error("{adapter}: utilisation would be {} (1e18 = 100 %), expected at most {} bps", utilisation.0, max.0)]
    UtilisationTooHigh { adapter: Address, utilisation: Wad, max: Bps },
    #[error("{adapter}: the position would be {value}, only {liquidity} of it liquid")]
    PositionNotLiquid { adapter: Address, value: Assets, liquidity: Assets },
    #[error("{adapter}: there is no settled observation of its size")]
    CheckpointMissing { adapter: Address },
    #[error("{adapter}: the position would be {value}, more than {} bps of the venue's {size}", max.0)]
    VenueShareExceeded { adapter: Address, value: Assets, size: Assets, max: Bps },
    #[error("{turnover} would be added, more than {threshold} needs the Safe's approval")]
    ApprovalRequired { turnover: Assets, threshold: Assets },
    /// Has no counterpart on-chain, where sums have 256 bits.
    #[error("amounts do not fit 128 bits")]
    AmountOutOfRange,
}

impl Violation {
    /// The name of the Solidity error.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotOperational => "NotOperational",
            Self::CooldownActive { .. } => "CooldownActive",
            Self::NoTargets => "NoTargets",
            Self::TargetOutOfBounds { .. } => "TargetOutOfBounds",
            Self::StepTooSmall { .. } => "StepTooSmall",
            Self::VenueUnreadable { .. } => "VenueUnreadable",
            Self::VenueQuarantined { .. } => "VenueQuarantined",
            Self::Paused => "EnforcedPause",
            Self::TargetsUnsorted { .. } => "TargetsUnsorted",
            Self::AdapterNotListed { .. } => "AdapterNotListed",
            Self::InsufficientLiquidity { .. } => "InsufficientLiquidity",
            Self::InsufficientOut { .. } => "InsufficientOut",
            Self::InsufficientIdle { .. } => "InsufficientIdle",
            Self::CapExceeded { .. } => "CapExceeded",
            Self::ReserveTooLow { .. } => "ReserveTooLow",
            Self::FlowExceeded { .. } => "FlowExceeded",
            Self::VenueNotOperational { .. } => "VenueNotOperational",
            Self::VenueClosed { .. } => "VenueClosed",
            Self::UtilisationTooHigh { .. } => "UtilisationTooHigh",
            Self::PositionNotLiquid { .. } => "PositionNotLiquid",
            Self::CheckpointMissing { .. } => "CheckpointMissing",
            Self::VenueShareExceeded { .. } => "VenueShareExceeded",
            Self::ApprovalRequired { .. } => "ApprovalRequired",
            Self::AmountOutOfRange => "AmountOutOfRange",
        }
    }
}

/// Would `StrategyHub.rebalance(targets)` succeed?
///
/// # Errors
/// The first rule that fails, in the contracts' order.
pub fn judge(view: &HubView, targets: &[Allocation]) -> Result<Outcome, Violation> {
    if !view.operational {
        return Err(Violation::NotOperational);
    }
    check_schedule(view)?;
    check_targets(view, targets)
}

/// The earliest time of the next rebalance under the cooldown and the rule of four (`RebalanceLogLib.nextAllowed`, SPEC C4).
#[must_use]
pub fn next_allowed(recent: &[u64; 4], cooldown: u64) -> u64 {
    let after = |time: u64, wait: u64| if time == 0 { 0 } else { time.saturating_add(wait) };
    after(recent[0], cooldown).max(after(recent[3], WINDOW))
}

/// Cooldown and the rule of four.
///
/// # Errors
/// [`Violation::CooldownActive`].
pub fn check_schedule(view: &HubView) -> Result<(), Violation> {
    let next_allowed = next_allowed(&view.recent, view.limits.cooldown);
    if view.now < next_allowed { Err(Violation::CooldownActive { next_allowed, now: view.now }) } else { Ok(()) }
}

/// Every rule but the switch and the schedule.
///
/// # Errors
/// As [`judge`].
pub fn check_targets(view: &HubView, targets: &[Allocation]) -> Result<Outcome, Violation> {
    let moved = check_approved_targets(view, targets)?;
    let threshold = approval_threshold(&view.limits, moved.nav);
    if moved.added > threshold {
        return Err(Violation::ApprovalRequired { turnover: moved.added, threshold });
    }
    Ok(moved)
}

/// As [`check_targets`], of targets that the Safe has approved or will be asked to.
///
/// # Errors
/// As [`judge`], but never [`Violation::ApprovalRequired`].
pub fn check_approved_targets(view: &HubView, targets: &[Allocation]) -> Result<Outcome, Violation> {
    if targets.is_empty() {
        return Err(Violation::NoTargets);
    }
    let moved = reallocate(view, targets)?;

    let reserve = view.limits.reserve;
    if product(moved.idle_after.0, u128::from(BPS_ONE)) < product(moved.nav.0, u128::from(reserve.0)) {
        return Err(Violation::ReserveTooLow { idle: moved.idle_after, nav: moved.nav, reserve });
    }
    for (leg, target) in moved.legs.iter().zip(targets) {
        check_target(view, target)?;
        if leg.after > leg.before {
            let (venue, figures) = readable(view, leg.adapter)?;
            check_addition(venue, figures, leg.after, moved.nav, &view.limits)?;
        }
    }
    Ok(moved)
}

/// The most that may be added in one rebalance without the Safe's approval.
#[must_use]
pub fn approval_threshold(limits: &HubLimits, nav: Assets) -> Assets {
    limits.approval_floor.max(nav.share(limits.approval))
}

/// The most that the venue's flow bucket lets be added to it.
#[must_use]
pub fn flow_room(venue: &VenueView, nav: Assets, limits: &HubLimits) -> Assets {
    // An addition is counted in basis points rounded up, so the largest one is its number of basis points rounded down.
    nav.share(limits.flow.saturating_sub(venue.flow_used))
}

/// `StrategyHub._checkTarget`: bounds, and the step against what is stored.
fn check_target(view: &HubView, target: &Allocation) -> Result<(), Violation> {
    let (limits, &Allocation { adapter, bps, .. }) = (&view.limits, target);
    if bps.0 != 0 && (bps < limits.min_position || bps > limits.max_position) {
        return Err(Violation::TargetOutOfBounds { adapter, bps, min: limits.min_position, max: limits.max_position });
    }
    let stored = view.venue(adapter).map(VenueView::stored).unwrap_or_default();
    if bps.abs_diff(stored) < limits.min_step.0 {
        return Err(Violation::StepTooSmall { adapter, bps, stored, min_step: limits.min_step });
    }
    Ok(())
}

/// `Vault.reallocate`: reductions in the order of the targets, then additions, then the vault's own bounds.
fn reallocate(view: &HubView, targets: &[Allocation]) -> Result<Outcome, Violation> {
    let nav = view.nav().ok_or(Violation::AmountOutOfRange)?;
    let mut idle = view.idle;
    let mut turnover = Assets::ZERO;
    let mut legs = Vec::with_capacity(targets.len());

    let mut previous = Address::ZERO;
    for &Allocation { adapter, bps, min_out } in targets {
        if adapter <= previous {
            return Err(Violation::TargetsUnsorted { adapter });
        }
        previous = adapter;
        let venue = view.venue(adapter).ok_or(Violation::AdapterNotListed { adapter })?;
        if venue.quarantined {
            return Err(Violation::VenueQuarantined { adapter });
        }
        // What cannot be read counts as nothing, so there is nothing to take out of it.
        let before = venue.figures.map_or(Assets::ZERO, |figures| figures.value);
        let goal = nav.share(bps);
        let mut after = goal.max(before);
        if let (true, Some(figures)) = (goal < before, &venue.figures) {
            let out = withdraw(adapter, figures, goal, bps)?;
            if out < min_out {
                return Err(Violation::InsufficientOut { adapter, out, min_out });
            }
            after = before.saturating_sub(out);
            idle = sum(idle, out)?;
            turnover = sum(turnover, out)?;
        }
        legs.push(Leg { adapter, before, after });
    }

    let mut added = Assets::ZERO;
    for leg in legs.iter().filter(|leg| leg.after > leg.before) {
        check_open(view)?;
        let (_, figures) = readable(view, leg.adapter)?;
        let required = leg.after.saturating_sub(leg.before);
        if required > idle {
            return Err(Violation::InsufficientIdle { required, idle });
        }
        if !figures.depositable {
            return Err(Violation::VenueClosed { adapter: leg.adapter });
        }
        idle = idle.saturating_sub(required);
        turnover = sum(turnover, required)?;
        added = sum(added, required)?;
    }
    for (leg, target) in legs.iter().zip(targets).filter(|(leg, _)| leg.after > leg.before) {
        let (venue, _) = readable(view, leg.adapter)?;
        if leg.after > venue.cap {
            return Err(Violation::CapExceeded { adapter: leg.adapter, value: leg.after, cap: venue.cap });
        }
        let out = leg.after.saturating_sub(leg.before);
        if out < target.min_out {
            return Err(Violation::InsufficientOut { adapter: leg.adapter, out, min_out: target.min_out });
        }
    }
    Ok(Outcome { nav, idle_after: idle, legs, turnover, added })
}

/// The vault lets anything be added at all.
///
/// # Errors
/// [`Violation::Paused`], [`Violation::VenueUnreadable`].
pub fn check_open(view: &HubView) -> Result<(), Violation> {
    if view.paused {
        return Err(Violation::Paused);
    }
    match view.venues.iter().rev().find(|venue| venue.figures.is_none()) {
        Some(venue) => Err(Violation::VenueUnreadable { adapter: venue.adapter }),
        None => Ok(()),
    }
}

/// What a reduction pays: the difference, or for a target of zero all that can be had.
fn withdraw(adapter: Address, figures: &Figures, goal: Assets, bps: Bps) -> Result<Assets, Violation> {
    let available = figures.withdrawable();
    if bps.0 == 0 {
        return Ok(available);
    }
    let required = figures.value.saturating_sub(goal);
    if required > available {
        return Err(Violation::InsufficientLiquidity { adapter, required, available });
    }
    Ok(required)
}

/// `StrategyHub._fillBucket` and `_checkVenue`: the venue's bucket, then the rules on its state after the addition.
///
/// # Errors
/// The first rule that fails.
pub fn check_addition(
    venue: &VenueView,
    figures: &Figures,
    after: Assets,
    nav: Assets,
    limits: &HubLimits,
) -> Result<(), Violation> {
    let adapter = venue.adapter;
    let added = after.saturating_sub(figures.value);
    check_flow(venue, added, nav, limits)?;
    if !venue.can_add {
        return Err(Violation::VenueNotOperational { adapter });
    }
    if figures.settled == Assets::ZERO {
        return Err(Violation::CheckpointMissing { adapter });
    }
    let size_after = sum(figures.size, added)?;
    let liquidity = sum(figures.withdrawable(), added)?;
    let utilisation =
        if venue.direct { part(after.saturating_sub(liquidity), after)? } else { part(figures.lent(), size_after)? };
    if utilisation.0 > u128::from(limits.max_utilisation.0) * WAD_PER_BPS {
        return Err(Violation::UtilisationTooHigh { adapter, utilisation, max: limits.max_utilisation });
    }
    if liquidity < after {
        return Err(Violation::PositionNotLiquid { adapter, value: after, liquidity });
    }
    let size = size_after.min(figures.settled);
    let max = limits.max_venue_share;
    if product(after.0, u128::from(BPS_ONE)) > product(size.0, u128::from(max.0)) {
        return Err(Violation::VenueShareExceeded { adapter, value: after, size, max });
    }
    Ok(())
}

/// What is in the bucket with the addition, which counts in basis points of NAV rounded up.
fn check_flow(venue: &VenueView, added: Assets, nav: Assets, limits: &HubLimits) -> Result<(), Violation> {
    let more = mul_div_ceil(added.0, u128::from(BPS_ONE), nav.0).ok_or(Violation::AmountOutOfRange)?;
    let used = u128::from(venue.flow_used.0).saturating_add(more);
    if used <= u128::from(limits.flow.0) {
        return Ok(());
    }
    let used = Bps(u16::try_from(used).unwrap_or(u16::MAX));
    Err(Violation::FlowExceeded { adapter: venue.adapter, used, flow: limits.flow })
}

/// What is out of reach as a part of the whole, rounded up as the adapters and the hub do.
fn part(out: Assets, whole: Assets) -> Result<Wad, Violation> {
    if whole == Assets::ZERO {
        return Ok(Wad::ZERO);
    }
    mul_div_ceil(out.0, WAD, whole.0).map(Wad).ok_or(Violation::AmountOutOfRange)
}

fn readable(view: &HubView, adapter: Address) -> Result<(&VenueView, &Figures), Violation> {
    let venue = view.venue(adapter).ok_or(Violation::AdapterNotListed { adapter })?;
    let figures = venue.figures.as_ref().ok_or(Violation::VenueUnreadable { adapter })?;
    Ok((venue, figures))
}

fn sum(a: Assets, b: Assets) -> Result<Assets, Violation> {
    a.checked_add(b).ok_or(Violation::AmountOutOfRange)
}
