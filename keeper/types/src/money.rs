//! Amounts and rates, each with its unit in its type.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// One in 18-decimal fixed point.
pub const WAD: u128 = 1_000_000_000_000_000_000;
/// One in basis points.
pub const BPS_ONE: u16 = 10_000;
/// The year that annual rates refer to: 365 days, as in Aave and Morpho.
pub const SECONDS_PER_YEAR: u64 = 31_536_000;

macro_rules! decimal_string_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub u128);

        impl $name {
            pub const ZERO: Self = Self(0);

            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }
        }

        // Decimal strings: JSON numbers lose integers above 2^53 in most readers.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as Deserialize>::deserialize(deserializer)?;
                text.parse().map(Self).map_err(|_| {
                    D::Error::custom(format!("expected a decimal integer below 2^128 as a string, got {text:?}"))
                })
            }
        }
    };
}

decimal_string_newtype! {
    /// An amount of the vault's asset in base units (USDC: 6 decimals).
    Assets
}
decimal_string_newtype! {
    /// A ratio or a price in 18-decimal fixed point.
    Wad
}
decimal_string_newtype! {
    /// A simple (not compounded) annual rate in 18-decimal fixed point: `WAD` is 100 % a year.
    Apr
}

decimal_string_newtype! {
    /// A Chainlink round: phase in the upper bits, the aggregator's round in the lower 64.
    RoundId
}

impl Assets {
    /// `floor(self · bps / 10⁴)`, the vault's own rounding.
    #[must_use]
    pub fn share(self, bps: Bps) -> Self {
        // Split so that the product cannot overflow up to 10⁴ bps; above, it saturates.
        let (whole, rest) = (self.0 / u128::from(BPS_ONE), self.0 % u128::from(BPS_ONE));
        Self(whole.saturating_mul(u128::from(bps.0)).saturating_add(rest * u128::from(bps.0) / u128::from(BPS_ONE)))
    }
}

/// Shows an amount with six decimals, the asset's own.
impl fmt::Display for Assets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl Apr {
    /// Percent with two decimals, rounded down.
    #[must_use]
    pub fn percent(self) -> String {
        let hundredths = self.0 / (WAD / 10_000);
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    }
}

/// Basis points, 10⁴ = 100 %.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Bps(pub u16);

impl Bps {
    #[must_use]
    pub const fn abs_diff(self, other: Self) -> u16 {
        self.0.abs_diff(other.0)
    }

    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_share_is_the_floor_of_the_exact_product(amount in 0..u128::MAX / 10_000, bps in 0u16..=10_000) {
            prop_assert_eq!(Assets(amount).share(Bps(bps)).0, amount * u128::from(bps) / 10_000);
        }

        #[test]
        fn amounts_survive_json(amount in any::<u128>()) {
            let text = serde_json::to_string(&Assets(amount)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Assets>(&text).unwrap(), Assets(amount));
        }
    }

    #[test]
    fn the_share_of_the_largest_amount_does_not_overflow() {
        assert_eq!(Assets(u128::MAX).share(Bps(BPS_ONE)), Assets(u128::MAX));
        assert_eq!(Assets(u128::MAX).share(Bps(u16::MAX)), Assets(u128::MAX));
    }

    #[test]
    fn rates_are_shown_in_percent() {
        assert_eq!(Apr(WAD / 20).percent(), "5.00 %");
    }
}
