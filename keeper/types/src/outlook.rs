//! What is expected of the venues beyond what one block says: the input of the strategies that weigh risk.
//!
//! Models and history are floating point; what they say is quantised here, so that it has one canonical encoding, is part of the decision
//! record, and `decide` repeats from it. All figures are simple yearly rates of return, so that they can be compared with each other.

use crate::WAD;
use alloy_primitives::Address;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The most venues an outlook may name.
pub const MAX_VENUES: usize = 64;
/// The most scenarios it may have.
pub const MAX_SCENARIOS: usize = 4_096;
/// A return beyond this in either direction is taken for garbage: ten thousand percent a year.
const MAX_RETURN: u128 = 100 * WAD;

/// A signed fraction in 18-decimal fixed point: of a rate of return, 10¹⁸ is 100 % a year; of a covariance, (100 % a year)².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct SignedWad(pub i128);

// Decimal strings: JSON numbers lose integers above 2^53 in most readers.
impl Serialize for SignedWad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SignedWad {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| D::Error::custom(format!("expected a decimal 128-bit integer as a string, got {text:?}")))
    }
}

/// Expected returns, how they vary together, and scenarios. Empty where no strategy asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlook {
    /// Each adapter once; everything below is in this order.
    pub venues: Vec<VenueOutlook>,
    /// Covariance of the yearly returns: the lower triangle with its diagonal, row by row, `n·(n + 1)/2` numbers; or none.
    pub covariance: Vec<SignedWad>,
    /// Equally likely outcomes of a year, each with one return per venue; or none.
    pub scenarios: Vec<Vec<SignedWad>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueOutlook {
    pub adapter: Address,
    /// Expected simple return of a year, 10¹⁸ = 100 %.
    pub expected: SignedWad,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutlookError {
    #[error("the outlook has {count} {what}, expected {expected}")]
    Count { what: &'static str, count: usize, expected: String },
    #[error("the outlook names adapter {0} twice, expected once")]
    Duplicate(Address),
    #[error("the outlook's {what} of {index} is {value}, expected {expected}")]
    OutOfRange { what: &'static str, index: usize, value: i128, expected: &'static str },
}

impl Outlook {
    /// Whether nothing is said at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.venues.is_empty() && self.covariance.is_empty() && self.scenarios.is_empty()
    }

    /// The place of an adapter in every list.
    #[must_use]
    pub fn index_of(&self, adapter: Address) -> Option<usize> {
        self.venues.iter().position(|venue| venue.adapter == adapter)
    }

    /// Covariance of the venues at two places; `None` where the outlook has none.
    #[must_use]
    pub fn covariance_of(&self, a: usize, b: usize) -> Option<SignedWad> {
        let (row, column) = (a.max(b), a.min(b));
        if row >= self.venues.len() {
            return None;
        }
        self.covariance.get(row * (row + 1) / 2 + column).copied()
    }

    /// Checks counts and ranges. Whether the covariance is one (positive semidefinite) is asked by the strategy that uses it.
    ///
    /// # Errors
    /// The first thing that does not fit, with what was expected.
    pub fn validate(&self) -> Result<(), OutlookError> {
        let count = |ok: bool, what, count: usize, expected: String| {
            if ok { Ok(()) } else { Err(OutlookError::Count { what, count, expected }) }
        };
        let n = self.venues.len();
        count(n <= MAX_VENUES, "venues", n, format!("at most {MAX_VENUES}"))?;
        for (index, venue) in self.venues.iter().enumerate() {
            if self.index_of(venue.adapter) != Some(index) {
                return Err(OutlookError::Duplicate(venue.adapter));
            }
            plausible("expected return", index, venue.expected)?;
        }
        let triangle = n * (n + 1) / 2;
        let covariances = self.covariance.len();
        count(
            covariances == 0 || covariances == triangle,
            "covariances",
            covariances,
            format!("none or {triangle} for {n} venues"),
        )?;
        for (index, value) in self.covariance.iter().enumerate() {
            plausible("covariance", index, *value)?;
        }
        for index in 0..n {
            if let Some(variance) = self.covariance_of(index, index)
                && variance.0 < 0
            {
                let expected = "a variance of at least zero";
                return Err(OutlookError::OutOfRange { what: "variance", index, value: variance.0, expected });
            }
        }
        let scenarios = self.scenarios.len();
        count(scenarios <= MAX_SCENARIOS, "scenarios", scenarios, format!("at most {MAX_SCENARIOS}"))?;
        for (index, scenario) in self.scenarios.iter().enumerate() {
            count(scenario.len() == n, "returns in a scenario", scenario.len(), format!("{n}, one per venue"))?;
            scenario.iter().try_for_each(|value| plausible("scenario", index, *value))?;
        }
        Ok(())
    }
}

fn plausible(what: &'static str, index: usize, value: SignedWad) -> Result<(), OutlookError> {
    if value.0.unsigned_abs() <= MAX_RETURN {
        return Ok(());
    }
    let expected = "between -100e18 and 100e18 (10 000 % a year)";
    Err(OutlookError::OutOfRange { what, index, value: value.0, expected })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn two() -> Outlook {
        let venue =
            |byte, expected| VenueOutlook { adapter: Address::repeat_byte(byte), expected: SignedWad(expected) };
        Outlook {
            venues: vec![venue(1, 5), venue(2, -5)],
            covariance: [4, 1, 9].map(SignedWad).to_vec(),
            scenarios: vec![vec![SignedWad(1), SignedWad(2)]],
        }
    }

    #[test]
    fn the_covariance_is_symmetric_and_ends_with_the_venues() {
        let outlook = two();
        outlook.validate().unwrap();
        assert_eq!(outlook.covariance_of(0, 1), Some(SignedWad(1)));
        assert_eq!(outlook.covariance_of(1, 0), Some(SignedWad(1)));
        assert_eq!(outlook.covariance_of(1, 1), Some(SignedWad(9)));
        assert_eq!(outlook.covariance_of(2, 0), None);
        Outlook::default().validate().unwrap();
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let fault = |change: fn(&mut Outlook)| {
            let mut outlook = two();
            change(&mut outlook);
            outlook.validate().unwrap_err().to_string()
        };
        assert!(fault(|o| o.venues[1].adapter = o.venues[0].adapter).contains("twice"));
        assert!(fault(|o| o.venues[1].expected = SignedWad(i128::MIN)).contains("expected return"));
        assert!(fault(|o| o.covariance.truncate(2)).contains("2 covariances, expected none or 3"));
        assert!(fault(|o| o.covariance[2] = SignedWad(-1)).contains("variance"));
        assert!(fault(|o| o.scenarios.push(vec![])).contains("0 returns in a scenario, expected 2"));
        assert!(fault(|o| o.scenarios = vec![vec![SignedWad(0); 2]; MAX_SCENARIOS + 1]).contains("4097 scenarios"));
        assert!(fault(|o| o.scenarios[0][1] = SignedWad(i128::MAX)).contains("scenario of 0"));
    }

    #[test]
    fn it_survives_json_and_its_canonical_bytes() {
        let outlook = two();
        let text = serde_json::to_string(&outlook).unwrap();
        assert!(text.contains("\"-5\""), "{text}");
        assert_eq!(serde_json::from_str::<Outlook>(&text).unwrap(), outlook);
        assert_eq!(Outlook::try_from_slice(&borsh::to_vec(&outlook).unwrap()).unwrap(), outlook);
    }
}
