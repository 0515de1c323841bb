//! Products and quotients without overflow in between: the 256-bit `mulDiv` that the contracts use.

use alloy_primitives::U256;

/// `floor(a · b / divisor)`, exact; `None` if the divisor is zero or the result does not fit.
#[must_use]
pub fn mul_div_floor(a: u128, b: u128, divisor: u128) -> Option<u128> {
    if let Some(product) = a.checked_mul(b) {
        return product.checked_div(divisor);
    }
    let quotient = product(a, b).checked_div(U256::from(divisor))?;
    u128::try_from(quotient).ok()
}

/// `ceil(a · b / divisor)`, exact; `None` if the divisor is zero or the result does not fit.
#[must_use]
pub fn mul_div_ceil(a: u128, b: u128, divisor: u128) -> Option<u128> {
    if let Some(product) = a.checked_mul(b) {
        let floor = product.checked_div(divisor)?;
        return if floor * divisor == product { Some(floor) } else { floor.checked_add(1) };
    }
    let floor = mul_div_floor(a, b, divisor)?;
    let exact = product(floor, divisor) == product(a, b);
    if exact { Some(floor) } else { floor.checked_add(1) }
}

/// The whole product of two 128-bit numbers.
#[must_use]
pub fn product(a: u128, b: u128) -> U256 {
    // Two factors below 2^128 stay below 2^256, so nothing can wrap.
    U256::from(a).wrapping_mul(U256::from(b))
}

/// `a · b < c · d`, exact.
#[must_use]
pub fn product_below((a, b): (u128, u128), (c, d): (u128, u128)) -> bool {
    match (a.checked_mul(b), c.checked_mul(d)) {
        (Some(left), Some(right)) => left < right,
        _ => product(a, b) < product(c, d),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quotients_bracket_the_exact_product(a: u128, b: u128, divisor in 1u128..) {
            match mul_div_floor(a, b, divisor) {
                Some(floor) => {
                    let rest = product(a, b) - product(floor, divisor);
                    prop_assert!(rest < U256::from(divisor));
                    let up = u128::from(!rest.is_zero());
                    prop_assert_eq!(mul_div_ceil(a, b, divisor), floor.checked_add(up));
                }
                None => prop_assert!(product(a, b) / U256::from(divisor) > U256::from(u128::MAX)),
            }
        }
    }

    proptest! {
        #[test]
        fn products_compare_as_they_are(a: u128, b in 0u128..1 << 70, c: u128, d in 0u128..1 << 70, shift in 0u32..128) {
            let (a, c) = (a >> shift, c >> shift);
            prop_assert_eq!(product_below((a, b), (c, d)), product(a, b) < product(c, d));
            prop_assert!(!product_below((a, b), (b, a)));
        }
    }

    #[test]
    fn division_by_zero_has_no_answer() {
        assert_eq!(mul_div_floor(1, 1, 0), None);
        assert_eq!(mul_div_ceil(u128::MAX, u128::MAX, 0), None);
    }

    #[test]
    fn a_quotient_that_does_not_fit_has_no_answer() {
        assert_eq!(mul_div_floor(u128::MAX, 2, 1), None);
        assert_eq!(mul_div_ceil(u128::MAX, u128::MAX, u128::MAX - 1), None);
        assert_eq!(mul_div_floor(u128::MAX, u128::MAX, u128::MAX), Some(u128::MAX));
    }
}
