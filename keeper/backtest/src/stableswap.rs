//! The StableSwap invariant in integers: a pool of coins that are meant to be worth the same.
//!
//! For `n` coins with balances `x_i`, amplification `A` and `Ann = A·n`, `D` is the sum that the balances would have if they were equal:
//!
//! `Ann·Σx + D = Ann·D + D^(n+1) / (n^n · Πx)`
//!
//! (Egorov, "StableSwap – efficient mechanism for stablecoin liquidity", 2019, with `A·n^n` written as `Ann` as the contract of Curve's 3pool does: its `A`
//! is `A·n^(n−1)` of the paper.) Both unknowns, `D` and one balance given the others, are found by Newton's method in the contract's own
//! order of operations, rounded down. Everything that leaves the integers or does not converge is `None`.

use alloy_primitives::U256;

/// The fee's denominator, as in Curve's contracts.
pub const FEE_ONE: u128 = 10_000_000_000;
/// Newton's method needs less than ten rounds from any sane state.
const MOST_ROUNDS: usize = 255;
/// Digits that balances have beyond the base units of six decimals that go in and out.
const SCALE: u128 = 1_000_000_000_000;
/// One in prices.
const WAD: u128 = 1_000_000_000_000_000_000;

/// A pool. Balances have 18 decimals whatever the coin has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StableSwap {
    balances: Vec<u128>,
    /// `A · n`.
    ann: U256,
    /// Of what a swap gives, in parts of [`FEE_ONE`]. It stays in the pool.
    fee: u128,
}

impl StableSwap {
    /// A pool of these balances (18 decimals), `A` as the contract has it, and a fee in parts of 10¹⁰; `None` without two coins, an empty balance,
    /// no amplification, or a fee of all.
    #[must_use]
    pub fn new(balances: Vec<u128>, amplification: u64, fee: u128) -> Option<Self> {
        let sound = balances.len() >= 2 && !balances.contains(&0) && amplification > 0 && fee < FEE_ONE;
        let ann = U256::from(amplification).checked_mul(U256::from(balances.len()))?;
        sound.then_some(Self { balances, ann, fee })
    }

    #[must_use]
    pub fn balances(&self) -> &[u128] {
        &self.balances
    }

    /// The invariant `D`, 18 decimals, to the unit or two in which the contract's differs from it as well.
    #[must_use]
    pub fn invariant(&self) -> Option<U256> {
        let n = U256::from(self.balances.len());
        let sum = self.balances.iter().try_fold(U256::ZERO, |sum, balance| sum.checked_add(U256::from(*balance)))?;
        let mut d = sum;
        for _ in 0..MOST_ROUNDS {
            let product = self.product(d)?;
            let before = d;
            let above = self.ann.checked_mul(sum)?.checked_add(product.checked_mul(n)?)?.checked_mul(d)?;
            let below = self.ann.checked_sub(U256::ONE)?.checked_mul(d)?;
            let below = below.checked_add((n + U256::ONE).checked_mul(product)?)?;
            d = above.checked_div(below)?;
            if d.abs_diff(before) <= U256::ONE {
                return Some(d);
            }
        }
        None
    }

    /// `D^(n+1) / (n^n · Πx)`.
    fn product(&self, d: U256) -> Option<U256> {
        let n = U256::from(self.balances.len());
        self.balances
            .iter()
            .try_fold(d, |product, balance| product.checked_mul(d)?.checked_div(U256::from(*balance).checked_mul(n)?))
    }

    /// The balance of `of` at which the invariant is kept when that of `given` is `balance`.
    fn balance_at(&self, of: usize, given: usize, balance: U256) -> Option<U256> {
        let n = U256::from(self.balances.len());
        let d = self.invariant()?;
        let (mut c, mut sum) = (d, U256::ZERO);
        for (index, present) in self.balances.iter().enumerate() {
            if index == of {
                continue;
            }
            let x = if index == given { balance } else { U256::from(*present) };
            sum = sum.checked_add(x)?;
            c = c.checked_mul(d)?.checked_div(x.checked_mul(n)?)?;
        }
        c = c.checked_mul(d)?.checked_div(self.ann.checked_mul(n)?)?;
        let b = sum.checked_add(d.checked_div(self.ann)?)?;
        let mut y = d;
        for _ in 0..MOST_ROUNDS {
            let before = y;
            let above = y.checked_mul(y)?.checked_add(c)?;
            y = above.checked_div(y.checked_mul(U256::from(2))?.checked_add(b)?.checked_sub(d)?)?;
            if y.abs_diff(before) <= U256::ONE {
                return Some(y);
            }
        }
        None
    }

    /// What `amount` of coin `from` brings of coin `to` (both six decimals), less the fee and rounded down, one unit of 18 decimals less as the
    /// contract has it.
    #[must_use]
    pub fn quote(&self, from: usize, to: usize, amount: u128) -> Option<u128> {
        Some(self.swapped(from, to, amount)?.0)
    }

    /// Swaps `amount` of coin `from` into coin `to` (both six decimals): says what comes out and leaves the pool as it is afterwards.
    pub fn swap(&mut self, from: usize, to: usize, amount: u128) -> Option<u128> {
        let (out, balance) = self.swapped(from, to, amount)?;
        let left = self.balances.get(to)?.checked_sub(out.checked_mul(SCALE)?).filter(|left| *left > 0)?;
        *self.balances.get_mut(from)? = balance;
        *self.balances.get_mut(to)? = left;
        Some(out)
    }

    /// What comes out, and the balance of `from` then.
    fn swapped(&self, from: usize, to: usize, amount: u128) -> Option<(u128, u128)> {
        let (given, taken) = (*self.balances.get(from)?, *self.balances.get(to)?);
        let given = given.checked_add(amount.checked_mul(SCALE)?)?;
        if from == to || amount == 0 {
            return (from != to).then_some((0, given));
        }
        let left = self.balance_at(to, from, U256::from(given))?;
        let out = u128::try_from(U256::from(taken).saturating_sub(left).saturating_sub(U256::ONE)).ok()?;
        let fee = U256::from(out).checked_mul(U256::from(self.fee))?.div_ceil(U256::from(FEE_ONE));
        let out = out.checked_sub(u128::try_from(fee).ok()?)?;
        Some((out / SCALE, given))
    }

    /// What the last unit of coin `of` is worth in coin `in_coin`, without the fee, 1e18 = 1, rounded up.
    ///
    /// The ratio of the invariant's derivatives: `(Ann + P/x_i) / (Ann + P/x_j)` with `P = D^(n+1) / (n^n · Πx)`.
    #[must_use]
    pub fn price(&self, of: usize, in_coin: usize) -> Option<u128> {
        let (x, y) = (U256::from(*self.balances.get(of)?), U256::from(*self.balances.get(in_coin)?));
        let product = self.product(self.invariant()?)?;
        let above = self.ann.checked_mul(x)?.checked_add(product)?.checked_mul(y)?;
        let below = self.ann.checked_mul(y)?.checked_add(product)?.checked_mul(x)?;
        // Of 512 bits only what a price needs: both sides lose the same low digits.
        let shift = above.bit_len().max(below.bit_len()).saturating_sub(190);
        let (above, below) = (above >> shift, below >> shift);
        let price = above.checked_mul(U256::from(WAD))?.checked_div(below)?.checked_add(U256::ONE)?;
        u128::try_from(price).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const TOKEN: u128 = 1_000_000;

    fn pool(millions: &[u128], amplification: u64, fee: u128) -> StableSwap {
        StableSwap::new(millions.iter().map(|m| m * 1_000_000 * WAD).collect(), amplification, fee).unwrap()
    }

    #[test]
    fn equal_balances_sum_to_the_invariant_and_cost_the_same() {
        let pool = pool(&[100, 100, 100], 2_000, 0);
        assert_eq!(pool.invariant(), Some(U256::from(300_000_000u128 * WAD)));
        assert!(pool.price(0, 1).unwrap() - WAD <= 1);
    }

    // Curve's 3pool on 2022-06-22: 185.6 million DAI, 183.7 million USDC, 664.1 million USDT.
    #[test]
    fn what_there_is_too_much_of_is_worth_less() {
        let pool = pool(&[186, 184, 664], 2_000, 4_000_000);
        let usdt = pool.price(2, 1).unwrap();
        assert!(usdt < WAD && usdt > WAD / 1_000 * 998, "{usdt}");
        assert!(pool.price(1, 2).unwrap() > WAD);
        let out = pool.quote(1, 2, 1_000 * TOKEN).unwrap();
        assert!(out > 1_000 * TOKEN, "USDC buys more than as much USDT, the fee included: {out}");
    }

    #[test]
    fn what_is_no_pool_is_none() {
        for (balances, amplification, fee) in
            [(vec![1], 100, 0), (vec![0, 1], 100, 0), (vec![1, 1], 0, 0), (vec![1, 1], 1, FEE_ONE)]
        {
            assert_eq!(StableSwap::new(balances, amplification, fee), None);
        }
        let mut pool = pool(&[1, 1], 100, 0);
        assert_eq!(pool.quote(0, 0, 5), None);
        assert_eq!(pool.quote(0, 2, 5), None);
        assert_eq!(pool.swap(0, 1, 0), Some(0));
        assert_eq!(pool.quote(0, 1, u128::MAX), None, "too much to be an amount");
    }

    prop_compose! {
        fn any_pool(fees: std::ops::Range<u128>)(
            balances in proptest::collection::vec(100_000u128..2_000_000_000, 2..=4),
            amplification in 1u64..10_000,
            fee in fees,
        ) -> StableSwap {
            StableSwap::new(balances.iter().map(|balance| balance * WAD).collect(), amplification, fee).unwrap()
        }
    }

    proptest! {
        // What goes in is in the pool and what comes out is not: nothing else changes.
        #[test]
        fn a_swap_moves_two_balances_by_what_it_says(pool in any_pool(0..100_000_000), amount in 0u128..100_000_000 * TOKEN) {
            let mut after = pool.clone();
            let out = after.swap(0, 1, amount).unwrap();
            prop_assert_eq!(after.balances()[0], pool.balances()[0] + amount * SCALE);
            prop_assert_eq!(after.balances()[1], pool.balances()[1] - out * SCALE);
            prop_assert_eq!(&after.balances()[2..], &pool.balances()[2..]);
            prop_assert_eq!(pool.quote(0, 1, amount), Some(out));
        }

        // Without a fee the invariant stays, to what rounding to six decimals leaves in the pool; with one it grows.
        #[test]
        fn the_invariant_is_kept(pool in any_pool(0..1), amount in 1u128..100_000_000 * TOKEN) {
            let mut after = pool.clone();
            after.swap(0, 1, amount).unwrap();
            let (before, now) = (pool.invariant().unwrap(), after.invariant().unwrap());
            prop_assert!(now + U256::from(2) >= before, "{now} {before}");
            // Where the taken coin is scarce a unit of it is worth many of the others.
            let worth = after.price(1, 0).unwrap().max(WAD) / WAD + 1;
            prop_assert!(now - now.min(before) <= U256::from(4 * SCALE * worth), "{now} {before}");
        }

        #[test]
        fn a_fee_stays_in_the_pool(pool in any_pool(1..100_000_000), amount in TOKEN..100_000_000 * TOKEN) {
            let mut after = pool.clone();
            after.swap(0, 1, amount).unwrap();
            prop_assert!(after.invariant().unwrap() + U256::from(2) >= pool.invariant().unwrap());
        }

        // SPEC B2: a larger swap brings more, and a worse price.
        #[test]
        fn more_brings_more_at_a_worse_price(pool in any_pool(0..100_000_000), amount in 1_000 * TOKEN..50_000_000 * TOKEN) {
            let (once, twice) = (pool.quote(0, 1, amount).unwrap(), pool.quote(0, 1, 2 * amount).unwrap());
            prop_assert!(twice >= once);
            prop_assert!(twice <= 2 * once + 2, "{twice} {once}");
            // And no price is better than the marginal one before the swap.
            let price = U256::from(pool.price(0, 1).unwrap());
            prop_assert!(U256::from(once) * U256::from(WAD) <= U256::from(amount) * price);
        }

        // Nobody gains by going back and forth, nor by going in parts.
        #[test]
        fn there_and_back_never_gains(pool in any_pool(0..100_000_000), amount in 1u128..100_000_000 * TOKEN) {
            let mut after = pool.clone();
            let out = after.swap(0, 1, amount).unwrap();
            prop_assert!(after.swap(1, 0, out).unwrap() <= amount);
        }

        #[test]
        fn balances_in_another_order_are_the_same_pool(pool in any_pool(0..100_000_000), amount in 1u128..50_000_000 * TOKEN) {
            let mut turned = pool.clone();
            turned.balances.reverse();
            let last = pool.balances().len() - 1;
            let difference = turned.quote(last, last - 1, amount).unwrap().abs_diff(pool.quote(0, 1, amount).unwrap());
            prop_assert!(difference <= 1, "{difference}");
        }
    }
}
