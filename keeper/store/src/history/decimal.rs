//! Decimals with a fixed number of digits, as the schema's NUMERIC columns have them.

use super::HistoryError;
use std::{fmt, str::FromStr};

/// A decimal of at most `PRECISION` digits, `SCALE` of them after the point. Never a float: what is written is what is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const PRECISION: u32, const SCALE: u32>(i128);

/// A rate or yield a year, a fraction (0.05 = 5 %).
pub type Apy = Decimal<10, 6>;
/// USD to the cent.
pub type Usd = Decimal<20, 2>;
/// Borrowed over supplied, a fraction.
pub type Utilisation = Decimal<5, 4>;
/// 0 to 100, high is risky.
pub type RiskScore = Decimal<5, 2>;
/// USDC with its six decimals.
pub type Usdc = Decimal<20, 6>;
/// A Sharpe ratio: that of daily lending is easily above 100 (ERR-28).
pub type Sharpe = Decimal<12, 4>;
/// What came of something over a horizon, a fraction of NAV at its start.
pub type Yield = Decimal<18, 10>;

impl<const PRECISION: u32, const SCALE: u32> Decimal<PRECISION, SCALE> {
    const ONE: i128 = 10_i128.pow(SCALE);
    const BOUND: i128 = 10_i128.pow(PRECISION);

    /// From units of the last digit.
    ///
    /// # Errors
    /// [`HistoryError::OutOfRange`] if it has more than `PRECISION` digits.
    pub fn from_units(units: i128) -> Result<Self, HistoryError> {
        if units <= -Self::BOUND || units >= Self::BOUND {
            return Err(out_of_range(units.to_string(), PRECISION, SCALE));
        }
        Ok(Self(units))
    }

    /// The decimal that is nearest to a float; halves go away from zero.
    ///
    /// # Errors
    /// [`HistoryError::OutOfRange`] if it is not finite or has too many digits before the point.
    pub fn nearest(value: f64) -> Result<Self, HistoryError> {
        let scaled = (value * Self::ONE as f64).round();
        if !scaled.is_finite() || scaled.abs() >= Self::BOUND as f64 {
            return Err(out_of_range(value.to_string(), PRECISION, SCALE));
        }
        Self::from_units(scaled as i128)
    }

    /// Units of the last digit.
    #[must_use]
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The nearest float.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }
}

fn out_of_range(value: String, precision: u32, scale: u32) -> HistoryError {
    let expected = format!("a decimal of at most {} digits before the point and {scale} after it", precision - scale);
    HistoryError::OutOfRange { what: "the decimal", value, expected }
}

impl<const PRECISION: u32, const SCALE: u32> fmt::Display for Decimal<PRECISION, SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, magnitude) = (if self.0 < 0 { "-" } else { "" }, self.0.abs());
        let (whole, rest) = (magnitude / Self::ONE, magnitude % Self::ONE);
        write!(f, "{sign}{whole}.{rest:0width$}", width = SCALE as usize)
    }
}

impl<const PRECISION: u32, const SCALE: u32> FromStr for Decimal<PRECISION, SCALE> {
    type Err = HistoryError;

    /// Exact: more digits after the point than there are is an error, fewer are taken.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || out_of_range(text.to_owned(), PRECISION, SCALE);
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(rest) || rest.len() > SCALE as usize || whole.len() > 38 {
            return Err(wrong());
        }
        let padded = format!("{whole}{rest:0<width$}", width = SCALE as usize);
        let units: i128 = padded.parse().map_err(|_| wrong())?;
        Self::from_units(if negative { -units } else { units }).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    // ERR-28
    #[test]
    fn a_sharpe_of_a_hundred_and_a_fractional_risk_score_fit() {
        assert_eq!("148.3312".parse::<Sharpe>().unwrap().to_string(), "148.3312");
        assert_eq!("8.2".parse::<RiskScore>().unwrap().to_string(), "8.20");
        assert_eq!("123456789012.345678".parse::<Usdc>().unwrap().to_string(), "123456789012.345678");
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        for bad in ["10000.0", "0.0000001", "", ".5", "1e3", "--1", "1.2.3", "NaN", "+1"] {
            let refused = bad.parse::<Apy>().unwrap_err().to_string();
            assert!(refused.contains("4 digits before the point and 6 after"), "{bad}: {refused}");
        }
        assert!(Apy::nearest(f64::NAN).is_err() && Apy::nearest(1e4).is_err() && Apy::nearest(-1e9).is_err());
    }

    proptest! {
        #[test]
        fn text_and_units_are_the_same_number(units in -9_999_999_999_i128..=9_999_999_999) {
            let decimal = Apy::from_units(units).unwrap();
            prop_assert_eq!(decimal.to_string().parse::<Apy>().unwrap(), decimal);
            prop_assert!((decimal.to_f64() - units as f64 / 1e6).abs() <= 1e-12 * units.abs() as f64);
        }

        #[test]
        fn the_nearest_decimal_is_within_half_a_unit(value in -9_000.0_f64..9_000.0) {
            let decimal = Apy::nearest(value).unwrap();
            prop_assert!((decimal.to_f64() - value).abs() <= 0.5e-6 * (1.0 + 1e-6));
        }
    }
}
