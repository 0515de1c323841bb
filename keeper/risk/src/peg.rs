//! The bands of the four stablecoins (SPEC C8), as `PegBandLib` has them: the same numbers, the same comparisons.

use ballast_types::Wad;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Of one dollar, in 18-decimal fixed point: a millionth.
const WAD_PER_MILLIONTH: u128 = 1_000_000_000_000;

/// The stablecoins with a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stablecoin {
    Usdc,
    Dai,
    Usdt,
    Frax,
}

/// The bounds of a price in millionths of a dollar; a price at a bound is inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PegBand {
    pub kill_low: u32,
    pub warn_low: u32,
    pub safe_low: u32,
    pub safe_high: u32,
    pub warn_high: u32,
    pub kill_high: u32,
}

/// Where a price stands, by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PegStatus {
    Safe,
    /// Past safe and not yet past warn.
    Watch,
    Warn,
    Kill,
}

impl Stablecoin {
    pub const ALL: [Self; 4] = [Self::Usdc, Self::Dai, Self::Usdt, Self::Frax];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usdc => "USDC",
            Self::Dai => "DAI",
            Self::Usdt => "USDT",
            Self::Frax => "FRAX",
        }
    }

    /// Its node in the graph of dependences.
    #[must_use]
    pub fn node(self) -> String {
        format!("asset/{}", self.name().to_ascii_lowercase())
    }

    /// SPEC C8; the upper kill bounds mirror the lower ones (ERR-4).
    #[must_use]
    pub const fn band(self) -> PegBand {
        let [kill_low, warn_low, safe_low, safe_high, warn_high, kill_high] = match self {
            Self::Usdc | Self::Dai => [980_000, 990_000, 995_000, 1_005_000, 1_010_000, 1_020_000],
            Self::Usdt => [975_000, 985_000, 993_000, 1_007_000, 1_015_000, 1_025_000],
            Self::Frax => [970_000, 985_000, 990_000, 1_010_000, 1_015_000, 1_030_000],
        };
        PegBand { kill_low, warn_low, safe_low, safe_high, warn_high, kill_high }
    }
}

impl PegBand {
    /// Holds a price against the band, exactly.
    #[must_use]
    pub fn classify(&self, price: Wad) -> PegStatus {
        let outside = |low: u32, high: u32| {
            price.0 < u128::from(low) * WAD_PER_MILLIONTH || price.0 > u128::from(high) * WAD_PER_MILLIONTH
        };
        if outside(self.kill_low, self.kill_high) {
            PegStatus::Kill
        } else if outside(self.warn_low, self.warn_high) {
            PegStatus::Warn
        } else if outside(self.safe_low, self.safe_high) {
            PegStatus::Watch
        } else {
            PegStatus::Safe
        }
    }

    /// As [`Self::classify`], of a positive price that was measured as a floating-point number; taken to the nearest 10⁻⁸, the precision of
    /// the feeds.
    #[must_use]
    pub fn classify_f64(&self, price: f64) -> PegStatus {
        // A cast saturates, so that no price is out of range.
        let hundred_millionths = (price * 1e8 + 0.5) as u64;
        self.classify(Wad(u128::from(hundred_millionths) * (WAD_PER_MILLIONTH / 100)))
    }
}

impl fmt::Display for Stablecoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for PegStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::Watch => "past safe",
            Self::Warn => "past warn",
            Self::Kill => "past kill",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC C8: four coins, every edge; at a bound is inside, a millionth past it is outside.
    #[test]
    fn every_edge_of_every_coin_is_inside_and_a_millionth_further_is_not() {
        for coin in Stablecoin::ALL {
            let band = coin.band();
            let at = |millionths: u32| band.classify(Wad(u128::from(millionths) * WAD_PER_MILLIONTH));
            for (low, high, inside, outside) in [
                (band.safe_low, band.safe_high, PegStatus::Safe, PegStatus::Watch),
                (band.warn_low, band.warn_high, PegStatus::Watch, PegStatus::Warn),
                (band.kill_low, band.kill_high, PegStatus::Warn, PegStatus::Kill),
            ] {
                assert_eq!((at(low), at(high)), (inside, inside), "{coin}");
                assert_eq!((at(low - 1), at(high + 1)), (outside, outside), "{coin}");
            }
        }
    }

    // SPEC C7a
    #[test]
    fn the_assets_kill_bounds_are_the_specifications() {
        let at = |price| Stablecoin::Usdc.band().classify_f64(price);
        assert_eq!((at(0.9799), at(0.98)), (PegStatus::Kill, PegStatus::Warn));
        assert_eq!((at(1.02), at(1.0201)), (PegStatus::Warn, PegStatus::Kill));
    }

    #[test]
    fn a_price_in_floating_point_is_the_nearest_that_a_feed_could_give() {
        // 0.995 has no exact floating-point form.
        assert_eq!(Stablecoin::Usdc.band().classify_f64(0.995), PegStatus::Safe);
        assert_eq!(Stablecoin::Usdc.band().classify_f64(1e300), PegStatus::Kill);
    }
}
