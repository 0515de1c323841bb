//! Which of a venue's options can be part of the nearest permitted weights, before all of them are combined.
//!
//! At a price `p` on every basis point of the budget each venue has a cheapest option, by distance and price together: `L_i = min_x d_i(x) + p·c_i(x)`.
//! Weights that fit into the budget `K` and are no further than some `D` satisfy `Σ (d_i + p·c_i − L_i) ≤ D + p·K − Σ L_i`, the gap of Lagrange's dual (H.
//! Everett, "Generalized Lagrange multiplier method for solving problems of optimum allocation of resources", 1963), and no term of the sum is
//! negative: so an option that alone is further from its venue's cheapest than the gap is in none of the nearest weights. With the least price
//! at which the cheapest options fit, and `D` their own distance, the gap is small, and mostly a few dozen targets are left of thousands. All that is
//! as near as the nearest is kept, so what is chosen among equals does not change.

use super::nearest::{Leave, square};

/// From this price on every basis point counts for more than any distance (at most 10⁸).
const DEAREST: u64 = 200_000_000;

/// The options that the nearest weights may consist of; `None` if nothing fits into the budget.
pub(super) fn narrow(options: &[Vec<Leave>], ideal: &[u16], budget: u32) -> Option<Vec<Vec<Leave>>> {
    let venues = || options.iter().zip(ideal);
    let cheapest = |price: u64| -> Option<Vec<Cheapest>> {
        venues().map(|(options, wanted)| Cheapest::of(options, *wanted, price)).collect()
    };
    let fits = |all: &[Cheapest]| all.iter().map(|one| u64::from(one.cost)).sum::<u64>() <= u64::from(budget);
    // The dearer a basis point is, the fewer are used.
    let (mut low, mut high) = (0, DEAREST);
    let mut held = cheapest(high).filter(|all| fits(all))?;
    while low < high {
        let middle = low.midpoint(high);
        let all = cheapest(middle)?;
        if fits(&all) {
            (held, high) = (all, middle);
        } else {
            low = middle + 1;
        }
    }
    let price = high;
    let reached: u128 = held.iter().map(|one| u128::from(one.distance)).sum();
    let least: u128 = held.iter().map(|one| one.reduced(price)).sum();
    let gap = (reached + u128::from(price) * u128::from(budget)).saturating_sub(least);
    let within = |(at, (options, wanted)): (usize, (&Vec<Leave>, &u16))| {
        let most = held.get(at).map_or(u128::MAX, |one| one.reduced(price) + gap);
        options.iter().filter_map(|option| option.within(*wanted, price, most)).collect()
    };
    Some(venues().enumerate().map(within).collect())
}

/// A venue's cheapest option at a price.
struct Cheapest {
    distance: u64,
    cost: u32,
}

impl Cheapest {
    /// Of equally cheap ones that which uses least of the budget.
    fn of(options: &[Leave], wanted: u16, price: u64) -> Option<Self> {
        let at = |option: &Leave| match option.range {
            None => Self { distance: option.distance, cost: option.cost },
            Some(range) => {
                let bps = lowest(range, wanted, price);
                Self { distance: square(bps, wanted), cost: u32::from(bps) }
            }
        };
        options.iter().map(at).min_by_key(|one| (one.reduced(price), one.cost))
    }

    fn reduced(&self, price: u64) -> u128 {
        u128::from(self.distance) + u128::from(price) * u128::from(self.cost)
    }
}

/// Where `(x − wanted)² + price·x` is least in a range, the lower one of two.
fn lowest((first, last): (u16, u16), wanted: u16, price: u64) -> u16 {
    let free = u64::from(wanted).saturating_sub(price.div_ceil(2));
    u16::try_from(free).unwrap_or(last).clamp(first, last)
}

impl Leave {
    /// What of the option is no dearer than `most`.
    fn within(&self, wanted: u16, price: u64, most: u128) -> Option<Self> {
        let Some((first, last)) = self.range else {
            let kept = Cheapest { distance: self.distance, cost: self.cost };
            return (kept.reduced(price) <= most).then_some(*self);
        };
        let inside = |bps: u16| Cheapest { distance: square(bps, wanted), cost: u32::from(bps) }.reduced(price) <= most;
        let lowest = lowest((first, last), wanted, price);
        if !inside(lowest) {
            return None;
        }
        // Rising away from there on either side.
        let (mut low, mut high) = (first, lowest);
        while low < high {
            let middle = low.midpoint(high);
            if inside(middle) { high = middle } else { low = middle + 1 }
        }
        let least = low;
        let (mut low, mut high) = (lowest, last);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if inside(middle) { low = middle } else { high = middle - 1 }
        }
        Some(Self { range: Some((least, low)), ..*self })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::nearest::{together, together_of};
    use super::*;
    use proptest::prelude::*;

    fn options() -> impl Strategy<Value = (Vec<Leave>, u16)> {
        let target = || prop_oneof![0..=10_000u16, (0..=20u16).prop_map(|step| step * 500), 490..=510u16];
        let ranges = prop::collection::vec((target(), target()), 0..4).prop_map(|mut edges| {
            // Ascending and apart.
            let mut flat: Vec<u16> = edges.drain(..).flat_map(|(a, b)| [a, b]).collect();
            flat.sort_unstable();
            let mut ranges: Vec<(u16, u16)> = Vec::new();
            for pair in flat.chunks(2) {
                if ranges.last().is_none_or(|(_, last)| *last < pair[0]) {
                    ranges.push((pair[0], pair[1]));
                }
            }
            ranges
        });
        (target(), 0..=3u32, target(), ranges).prop_map(|(held, more, wanted, ranges)| {
            let keep = Leave { range: None, cost: u32::from(held) + more, distance: square(held, wanted) };
            let moves = ranges.into_iter().map(|range| Leave { range: Some(range), cost: 0, distance: 0 });
            (std::iter::once(keep).chain(moves).collect(), wanted)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn nothing_that_is_left_out_would_have_been_chosen(
            venues in prop::collection::vec(options(), 1..6),
            budget in prop_oneof![Just(9_500u32), 0..=10_000u32, Just(4_000)],
        ) {
            let (options, ideal): (Vec<_>, Vec<_>) = venues.into_iter().unzip();
            prop_assert_eq!(together(&options, &ideal, budget), together_of(&options, &ideal, budget));
        }
    }

    #[test]
    fn of_two_venues_that_want_too_much_only_the_middle_is_left() {
        let keep = Leave { range: None, cost: 0, distance: square(0, 5_000) };
        let moves = Leave { range: Some((500, 5_000)), cost: 0, distance: 0 };
        let left = narrow(&vec![vec![keep, moves]; 2], &[5_000, 5_000], 9_500).unwrap();
        let ranges: Vec<_> =
            left.iter().map(|options| options.iter().map(|option| option.range).collect::<Vec<_>>()).collect();
        // 250 too much for each: both fit exactly, so there is no gap; at a price of 499 the next one up is as cheap.
        assert_eq!(ranges, vec![vec![Some((4_750, 4_751))]; 2]);
        assert!(narrow(&[vec![Leave { range: None, cost: 9_501, distance: 0 }]], &[0], 9_500).is_none());
    }
}
