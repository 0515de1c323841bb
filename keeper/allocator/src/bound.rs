//! What no permitted move can pass, without a search for the best one.
//!
//! For a venue that lends into one market, what it pays falls as our position grows, in the integers of [`crate::rates`] as well: each of their
//! steps is monotone, and so is rounding down. So no position in a span `[a, b]` yields more than `p · r(a)`. The limits leave a venue a few such spans
//! beside keeping what it has: nothing, up to a step below the stored target, from a step above it. For every way to choose one of them per venue the most is
//! the top of a continuous knapsack with one budget, filled by falling rate. What the limits forbid beyond that is left out here, which can only raise the
//! bound. If it is no more than what the positions earn now, [`crate::projector::project`] finds nothing; if it is little more, what it finds does not pay.
//!
//! Who asks many times about a vault that stands still (`ballast_backtest`) is spared the search that way, and everything else that goes before it.

use crate::yields::YearlyYield;
use alloy_primitives::U256;
use ballast_types::{Apr, Assets, BPS_ONE, Bps, HubLimits, Policy, fixed::product_below};

/// More venues are not looked at: the ways to choose double and more with each.
const MOST_VENUES: usize = 12;
/// Ways to choose that are looked at before giving up.
const MOST_WAYS: usize = 4_096;

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Vault<'a> {
    pub nav: Assets,
    pub limits: &'a HubLimits,
    pub policy: &'a Policy,
}

/// A venue that lends into one market and passes on all that it earns.
#[derive(Clone, Copy, Debug)]
pub struct Venue {
    pub value: Assets,
    /// The target last stored by the hub.
    pub stored: Bps,
    /// The size that its share is measured by; more than that is no harm.
    pub size: Assets,
    /// All that is deposited, our own included, and what of it is out on loan: an addition must bring the one down to the permitted part of the other.
    /// More of the first and less of the second is no harm; of a position held directly, of which that is not asked, nothing is on loan.
    pub deposited: Assets,
    pub lent: Assets,
    /// The part of NAV that the policy lets it have, or `None` if nothing may be added.
    pub addable: Option<Bps>,
}

/// What the positions yield a year as they are, and what no permitted move passes; `None` if that cannot be told.
///
/// `rate(i, p)` is what venue `i` pays with a position of `p`, exactly as [`crate::yields::VenueModel::rate_at`] gives it, and does not rise with `p`; `None`
/// if it cannot be told.
#[must_use]
pub fn bound(vault: &Vault<'_>, venues: &[Venue], rate: impl Fn(usize, Assets) -> Option<Apr>) -> Option<Bound> {
    if venues.len() > MOST_VENUES {
        return None;
    }
    let reserve = vault.policy.reserve.max(vault.limits.reserve);
    // A target of so many basis points is at most that part of NAV, and keeping costs at least what is there.
    let budget = vault.nav.share(Bps(BPS_ONE.checked_sub(reserve.0)?)).0;
    let mut ways = Ways {
        spans: Vec::with_capacity(venues.len()),
        widest: Vec::with_capacity(venues.len()),
        most: 0,
        enough: 0,
        tried: 0,
    };
    let mut present = 0u128;
    for (index, venue) in venues.iter().enumerate() {
        let pays = if venue.value == Assets::ZERO { Apr::ZERO } else { rate(index, venue.value)? };
        present = present.checked_add(venue.value.0.checked_mul(pays.0)?)?;
        let (spans, count) = spans(vault, venue, pays, |position| rate(index, position))?;
        let most = spans.iter().take(count).map(|span| span.most).max().unwrap_or_default();
        let best = spans.iter().take(count).map(|span| span.rate).max().unwrap_or_default();
        ways.widest.push(Span { least: 0, most, rate: best, keeps: false });
        ways.spans.push((spans, count));
    }
    // Ways that yield no more than what there is are of no interest.
    ways.enough = present;
    ways.look(0, budget, &mut [Span::default(); MOST_VENUES], true)?;
    let yearly = |amount: u128| YearlyYield(U256::from(amount));
    Some(Bound { present: yearly(present), most: yearly(ways.most) })
}

/// In [`YearlyYield`]'s unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub present: YearlyYield,
    /// Of every move; if none yields more than what there is, some sum that does not either.
    pub most: YearlyYield,
}

impl Bound {
    /// More than this no move adds.
    #[must_use]
    pub fn gain(&self) -> YearlyYield {
        self.most.excess_over(self.present)
    }
}

/// A way to leave a venue: anywhere from `least` to `most`, yielding at most `rate` on it.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    least: u128,
    most: u128,
    rate: u128,
    keeps: bool,
}

/// Keep, nothing, below, above.
type Spans = ([Span; 4], usize);

fn spans(vault: &Vault<'_>, venue: &Venue, pays: Apr, rate: impl Fn(Assets) -> Option<Apr>) -> Option<Spans> {
    let Vault { nav, limits, policy } = vault;
    let value = venue.value.0;
    let mut spans = [
        Span { least: value, most: value, rate: pays.0, keeps: true },
        Span::default(),
        Span::default(),
        Span::default(),
    ];
    let mut count = 1;
    let mut put = |span: Span| {
        spans[count] = span;
        count += 1;
    };
    let stored = if value == 0 { Bps(0) } else { venue.stored };
    let step = limits.min_step.0;
    let within_share = venue.size.checked_add(Assets(1))?.share(limits.max_venue_share).0.saturating_add(1);
    // The largest position that may be reached: by a reduction less than there is, by an addition what policy and share permit.
    let added = venue
        .addable
        .map_or(0, |part| nav.share(part.min(policy.max_position).min(limits.max_position)).0.min(within_share));
    // The larger an addition, the smaller the part on loan after it.
    let deposited = venue.deposited.0.checked_add(added.saturating_sub(value))?;
    let lent_too_far =
        product_below((u128::from(limits.max_utilisation.0), deposited), (u128::from(BPS_ONE), venue.lent.0));
    let added = if lent_too_far { 0 } else { added };
    let least = |bps: u16| nav.share(Bps(bps.max(limits.min_position.0)));
    let mut span = |from: u16, to: u16| {
        let (least, most) = (least(from).0, nav.share(Bps(to)).0.min(added.max(value)));
        if least <= most {
            put(Span { least, most, rate: rate(Assets(least))?.0, keeps: false });
        }
        Some(())
    };
    if value > 0 && stored.0 >= step {
        // Of nothing it yields nothing.
        span(0, stored.0 - step)?;
    }
    span(stored.0.saturating_add(step), limits.max_position.0)?;
    if value > 0 {
        put(Span::default());
    }
    Some((spans, count))
}

struct Ways {
    spans: Vec<Spans>,
    /// By venue, as if it could be left anywhere up to its most at its best rate.
    widest: Vec<Span>,
    most: u128,
    /// Sums up to this need not be told apart.
    enough: u128,
    tried: usize,
}

impl Ways {
    /// All ways that continue the `chosen` ones; `None` if they are too many, or numbers too large.
    fn look(&mut self, venue: usize, budget: u128, chosen: &mut [Span; MOST_VENUES], keeps_all: bool) -> Option<()> {
        let Some((spans, count)) = self.spans.get(venue).copied() else {
            // To keep everything is no move.
            if !keeps_all {
                self.most = self.most.max(self.fill(budget, &chosen[..venue])?);
            }
            return Some(());
        };
        for span in spans.iter().take(count) {
            // What does not fit is no way.
            let Some(left) = budget.checked_sub(span.least) else { continue };
            chosen[venue] = *span;
            // With what follows left free the sum is no less than any that it leads to.
            if venue + 1 < self.spans.len() && self.fill(left, &chosen[..=venue])? <= self.most.max(self.enough) {
                continue;
            }
            self.look(venue + 1, left, chosen, keeps_all && span.keeps)?;
        }
        Some(())
    }

    /// The most that the chosen spans yield together, each at least at its beginning, and the widest of the venues after those, with `spare` to add.
    fn fill(&mut self, mut spare: u128, chosen: &[Span]) -> Option<u128> {
        self.tried += 1;
        if self.tried > MOST_WAYS {
            return None;
        }
        let mut total = 0u128;
        let mut open: [(u128, u128); MOST_VENUES] = Default::default();
        let mut count = 0;
        for span in chosen.iter().chain(&self.widest[chosen.len()..]) {
            if span.least != 0 {
                total = total.checked_add(span.least.checked_mul(span.rate)?)?;
            }
            // Few, and all but the last in order: each goes where it belongs.
            let room = span.most - span.least;
            if room != 0 {
                let mut at = count;
                while at > 0 && open[at - 1].0 < span.rate {
                    open[at] = open[at - 1];
                    at -= 1;
                }
                open[at] = (span.rate, room);
                count += 1;
            }
        }
        for (rate, room) in open.iter().take(count) {
            let taken = spare.min(*room);
            total = total.checked_add(taken.checked_mul(*rate)?)?;
            spare -= taken;
        }
        Some(total)
    }
}
