//! The one place where units change. Everything else holds fractions, USD, gwei and simple annual rates.

/// Aave's unit of rates and indexes, 10^27 (`WadRayMath.sol` of aave-v3-core).
pub const RAY_DECIMALS: i32 = 27;
/// Seconds of a year as Aave counts them (`MathUtils.SECONDS_PER_YEAR`).
pub const SECONDS_PER_YEAR: f64 = 31_536_000.0;

/// Why a number is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnitError {
    #[error("{found:?} is no decimal integer, expected digits with at most one sign before them")]
    NoInteger { found: String },
    #[error("{found:?} is no number, expected a decimal number")]
    NoNumber { found: String },
    #[error("an annual yield of {found} has no rate, expected a finite number above -1")]
    NoYield { found: f64 },
}

/// Percent to a fraction: 5.0 is 0.05.
#[must_use]
pub fn percent(value: f64) -> f64 {
    value / 100.0
}

/// `mantissa · 10^exponent`, correctly rounded to the nearest f64 whatever the size: Aave's rays (`-27`), token amounts (`-decimals`),
/// Pyth's `price` and `expo`, Chainlink's answers.
///
/// # Errors
/// [`UnitError::NoInteger`] if the mantissa is anything but decimal digits with an optional minus.
pub fn scaled(mantissa: &str, exponent: i32) -> Result<f64, UnitError> {
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UnitError::NoInteger { found: shortened(mantissa) });
    }
    // A decimal literal is the one exact way to say it; parsing rounds once.
    format!("{mantissa}e{exponent}").parse().map_err(|_| UnitError::NoInteger { found: shortened(mantissa) })
}

/// A rate in ray to a fraction a year. Aave's `liquidityRate` and `variableBorrowRate` are annual already; multiplying by 365 or by the
/// seconds of a year is the error that SPEC calls ERR-23.
///
/// # Errors
/// As [`scaled`].
pub fn ray(rate: &str) -> Result<f64, UnitError> {
    scaled(rate, -RAY_DECIMALS)
}

/// A decimal number in a string, as GraphQL's `BigDecimal` is. `NaN` and `inf` are numbers here; an observation refuses them.
///
/// # Errors
/// [`UnitError::NoNumber`].
pub fn decimal(text: &str) -> Result<f64, UnitError> {
    text.trim().parse().map_err(|_| UnitError::NoNumber { found: shortened(text) })
}

/// The simple annual rate (APR) whose continuous compounding gives an annual yield (APY): `ln(1 + apy)`.
///
/// Protocols compound by the second or by the block; with n periods a year the APR is `n·((1+apy)^(1/n) − 1)`, which for the seconds of a
/// year differs from the limit by less than `apr²/(2·31 536 000)`: 4·10⁻¹¹ at 5 %, 2·10⁻⁸ at 100 %. Both are fractions.
///
/// # Errors
/// [`UnitError::NoYield`] unless the yield is finite and above −1.
pub fn apr_of_apy(apy: f64) -> Result<f64, UnitError> {
    if !apy.is_finite() || apy <= -1.0 {
        return Err(UnitError::NoYield { found: apy });
    }
    Ok(libm::log1p(apy))
}

/// The annual yield of a simple annual rate that compounds continuously: `e^apr − 1`; the inverse of [`apr_of_apy`].
#[must_use]
pub fn apy_of_apr(apr: f64) -> f64 {
    libm::expm1(apr)
}

/// Wei to gwei.
#[must_use]
pub fn gwei(wei: f64) -> f64 {
    wei / 1e9
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    // ERR-23
    #[test]
    fn aaves_ray_is_annual_already() {
        // 4.2 % a year, as the pool's liquidityRate says it.
        assert_eq!(ray("42000000000000000000000000").unwrap(), 0.042);
        assert!(ray("42000000000000000000000000").unwrap() * 365.0 > 15.0, "the error would be 1 533 %");
    }

    #[test]
    fn what_is_no_integer_is_refused_and_quoted() {
        for bad in ["", "-", "1.5", "0x10", "1e5", " 1", "NaN", "١"] {
            assert!(matches!(scaled(bad, -6), Err(UnitError::NoInteger { .. })), "{bad}");
        }
        assert_eq!(scaled("-25", -1).unwrap(), -2.5);
    }

    #[test]
    fn a_yield_of_total_loss_or_no_number_has_no_rate() {
        for bad in [-1.0, -2.0, f64::NAN, f64::INFINITY] {
            assert!(apr_of_apy(bad).is_err(), "{bad}");
        }
    }

    /// `(1 + apr/n)^n − 1` by repeated squaring, n = 31 536 000: an independent way to the same number.
    fn compounded_by_the_second(apr: f64) -> f64 {
        let (mut base, mut left, mut product) = (1.0 + apr / SECONDS_PER_YEAR, 31_536_000_u64, 1.0);
        while left > 0 {
            if left & 1 == 1 {
                product *= base;
            }
            base *= base;
            left >>= 1;
        }
        product - 1.0
    }

    proptest! {
        #[test]
        fn compounding_the_rate_by_the_second_gives_the_yield_back(apy in 0.0_f64..3.0) {
            let apr = apr_of_apy(apy).unwrap();
            prop_assert!(apr <= apy);
            // The squaring itself loses up to about 10⁻⁸, because 1 + apr/n keeps few digits of apr.
            prop_assert!((compounded_by_the_second(apr) - apy).abs() < 2e-7 * (1.0 + apy));
            prop_assert!((apy_of_apr(apr) - apy).abs() < 1e-14 * (1.0 + apy));
        }

        #[test]
        fn a_scaled_integer_is_the_nearest_number(mantissa: i64, decimals in 0_i32..30) {
            let exact = scaled(&mantissa.to_string(), -decimals).unwrap();
            let quotient = mantissa as f64 / 10_f64.powi(decimals);
            prop_assert!((exact - quotient).abs() <= exact.abs() * 1e-14);
        }
    }
}
