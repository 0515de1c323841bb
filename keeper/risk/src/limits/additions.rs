//! What the rules on an addition come to: a range of positions.

use super::flow_room;
use crate::{Figures, VenueView};
use ballast_types::{
    Assets, BPS_ONE, HubLimits,
    fixed::{mul_div_ceil, mul_div_floor},
};
use std::ops::RangeInclusive;

/// The positions that an addition may lead to, from the least to the most; `None` if there are none.
///
/// Those, above what there is, that [`super::check_addition`] and the venue's cap let pass, for amounts of which no sum passes 128 bits: all its rules forbid what
/// lies beyond an amount, but that on utilisation, which an addition lowers.
#[must_use]
pub fn additions(
    venue: &VenueView,
    figures: &Figures,
    nav: Assets,
    limits: &HubLimits,
) -> Option<RangeInclusive<Assets>> {
    let (value, whole) = (figures.value, u128::from(BPS_ONE));
    if !venue.can_add || figures.settled == Assets::ZERO || figures.withdrawable() < value {
        return None;
    }
    // Of a position held directly, all can be withdrawn: nothing of it is on loan.
    let lent = if venue.direct { Assets::ZERO } else { figures.lent() };
    let least = match u128::from(limits.max_utilisation.0) {
        _ if lent == Assets::ZERO => value,
        part => value.checked_add(Assets(mul_div_ceil(lent.0, whole, part)?).saturating_sub(figures.size))?,
    };
    // Each is the last amount that its rule takes: rounded down, since amounts are whole.
    let flow = value.checked_add(flow_room(venue, nav, limits))?;
    let settled = figures.settled.share(limits.max_venue_share);
    let others = figures.size.0.checked_sub(value.0)?;
    let part = u128::from(limits.max_venue_share.0);
    // The venue grows by what is added: `p ≤ (others + p) · part`.
    let share = match whole.checked_sub(part) {
        None | Some(0) => Assets(u128::MAX),
        Some(left) => Assets(mul_div_floor(others, part, left)?),
    };
    let most = venue.cap.min(flow).min(settled).min(share);
    (least <= most && value < most).then_some(least..=most)
}
