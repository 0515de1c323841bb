//! Profiles (SPEC P1): a name for a set of limits, as a validated TOML file.
//!
//! The three of `deploy/profiles` are built in. What a profile's documents claim it returns is data to be shown, never something a decision uses.

use crate::{Apr, Assets, BPS_ONE, Bps, LargeMoves, Policy, Strategy, VenuePolicy, WAD};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// Scores at or above this get nothing new under any profile (SPEC X2).
const HIGHEST_RISK: u8 = 70;

/// The three profiles that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileName {
    Conservative,
    Balanced,
    Aggressive,
}

impl ProfileName {
    pub const ALL: [Self; 3] = [Self::Conservative, Self::Balanced, Self::Aggressive];

    /// The profile of this name, as its file in `deploy/profiles` says.
    ///
    /// # Errors
    /// Only if the file that was built in is not valid, which a test excludes.
    pub fn profile(self) -> Result<Profile, ProfileError> {
        Profile::parse(match self {
            Self::Conservative => include_str!("../../../deploy/profiles/conservative.toml"),
            Self::Balanced => include_str!("../../../deploy/profiles/balanced.toml"),
            Self::Aggressive => include_str!("../../../deploy/profiles/aggressive.toml"),
        })
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conservative => "conservative",
            Self::Balanced => "balanced",
            Self::Aggressive => "aggressive",
        })
    }
}

impl FromStr for ProfileName {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|name| name.to_string() == text);
        // Documents also say "moderate" (ERR-56), which is none of the three: no guess which.
        named.ok_or_else(|| ProfileError::Unknown(text.to_owned()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    #[error("there is no profile {0:?}, expected conservative, balanced or aggressive")]
    Unknown(String),
    #[error("the profile is not valid TOML of a profile: {0}")]
    Malformed(String),
    #[error("profile {name}: {field} is {value}, expected {expected}")]
    OutOfRange { name: String, field: &'static str, value: String, expected: &'static str },
}

/// A profile as its file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub claim: Claim,
    pub risk: RiskBand,
    pub schedule: Schedule,
    pub policy: ProfilePolicy,
    /// Percent of the capital by chain, 100 in all.
    pub chains: BTreeMap<String, u8>,
}

/// The yearly return that the profile's documents name, bps: a claim, not a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub return_from: u16,
    pub return_to: u16,
}

/// Scores from `from` up to but not including `below`, 0–100, high is risky (ERR-57).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskBand {
    pub from: u8,
    pub below: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Hours between two reviews.
    pub review_hours: u64,
}

/// What it says of the policy; units as in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfilePolicy {
    /// Bps of NAV kept idle.
    pub reserve: u16,
    /// Bps of NAV in one venue.
    pub max_position: u16,
    /// Hours over which a move must pay for itself.
    pub horizon_hours: u64,
    /// Bps a year by which a move must raise the yield on NAV, after gas.
    pub min_gain: u16,
}

impl RiskBand {
    /// Whether a score lies in the band.
    #[must_use]
    pub const fn contains(self, score: u8) -> bool {
        self.from <= score && score < self.below
    }
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// What is malformed, unknown or out of range.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|error| ProfileError::Malformed(error.to_string()))?;
        profile.validate()?;
        Ok(profile)
    }

    /// Checks every number against its range.
    ///
    /// # Errors
    /// The first that is out of it.
    pub fn validate(&self) -> Result<(), ProfileError> {
        let range = |ok: bool, field: &'static str, value: String, expected: &'static str| {
            let name = self.name.clone();
            if ok { Ok(()) } else { Err(ProfileError::OutOfRange { name, field, value, expected }) }
        };
        let Self { claim, risk, schedule, policy, chains, .. } = self;
        range(!self.name.is_empty(), "name", "empty".into(), "a name")?;
        range(
            claim.return_from <= claim.return_to,
            "claim",
            format!("{} to {}", claim.return_from, claim.return_to),
            "return_from at most return_to",
        )?;
        range(
            risk.from < risk.below && risk.below <= 100,
            "risk",
            format!("{} to below {}", risk.from, risk.below),
            "from less than below, below at most 100",
        )?;
        let hours = schedule.review_hours;
        range((1..=8_760).contains(&hours), "schedule.review_hours", hours.to_string(), "1 to 8760 hours")?;
        range(
            (500..=BPS_ONE).contains(&policy.reserve),
            "policy.reserve",
            policy.reserve.to_string(),
            "500 to 10000 bps",
        )?;
        range(
            (500..=5_000).contains(&policy.max_position),
            "policy.max_position",
            policy.max_position.to_string(),
            "500 to 5000 bps",
        )?;
        range(
            (1..=8_760).contains(&policy.horizon_hours),
            "policy.horizon_hours",
            policy.horizon_hours.to_string(),
            "1 to 8760 hours",
        )?;
        range(policy.min_gain <= BPS_ONE, "policy.min_gain", policy.min_gain.to_string(), "at most 10000 bps")?;
        let sum: u32 = chains.values().map(|percent| u32::from(*percent)).sum();
        range(sum == 100, "chains", format!("{sum} percent in all"), "100 percent in all")
    }

    /// The score from which on a venue gets nothing new: the end of the band, and never above SPEC X2's 70.
    #[must_use]
    pub fn max_risk_score(&self) -> u8 {
        self.risk.below.min(HIGHEST_RISK)
    }

    /// Whole policy of the profile for these venues. What a profile does not speak of is as SPEC has it: legs of 10 USDC (X12), 600 000 gas (ERR-34
    /// has 500 000 for one swap), 1 gwei for the proposer, 0.5 % slippage (X4), heads of at most 5 minutes; no waiting for low fees; large moves divided; convex.
    /// A venue's own limit is at most the profile's.
    #[must_use]
    pub fn policy(&self, mut venues: Vec<VenuePolicy>) -> Policy {
        let max_position = Bps(self.policy.max_position);
        for venue in &mut venues {
            venue.max_position = venue.max_position.min(max_position);
        }
        Policy {
            reserve: Bps(self.policy.reserve),
            max_position,
            min_transfer: Assets(10_000_000),
            horizon: self.policy.horizon_hours.saturating_mul(3_600),
            min_gain: Apr(u128::from(self.policy.min_gain) * WAD / u128::from(BPS_ONE)),
            expected_gas: 600_000,
            gas_patience: 0,
            priority_fee: 1_000_000_000,
            slippage: Bps(50),
            max_risk_score: self.max_risk_score(),
            max_head_age: 300,
            large_moves: LargeMoves::Divide,
            strategy: Strategy::Convex,
            venues,
        }
    }
}

/// The claim, named as one.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |bps: u16| format!("{}.{:02}", bps / 100, bps % 100);
        write!(f, "{} to {} % a year as claimed by its documents", percent(self.return_from), percent(self.return_to))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::Address;

    fn all() -> [Profile; 3] {
        ProfileName::ALL.map(|name| name.profile().unwrap())
    }

    // SPEC P1
    #[test]
    fn the_three_profiles_say_what_their_table_says() {
        let chains = |profile: &Profile| {
            ["ethereum", "base", "arbitrum"].map(|chain| profile.chains.get(chain).copied().unwrap_or(0))
        };
        let expected = [
            ("conservative", (800, 1_200), (0, 30), 168, 1_000, [60, 40, 0]),
            ("balanced", (1_500, 1_800), (30, 60), 24, 500, [40, 35, 25]),
            ("aggressive", (2_000, 2_500), (60, 100), 6, 500, [25, 35, 40]),
        ];
        let read = all().map(|profile| {
            (
                profile.name.clone(),
                (profile.claim.return_from, profile.claim.return_to),
                (profile.risk.from, profile.risk.below),
                profile.schedule.review_hours,
                profile.policy.reserve,
                chains(&profile),
            )
        });
        for (read, (name, claim, risk, hours, reserve, chains)) in read.into_iter().zip(expected) {
            assert_eq!(read, (name.to_owned(), claim, risk, hours, reserve, chains));
        }
    }

    // ERR-57: .3 and .6 belong to one band each.
    #[test]
    fn every_score_lies_in_one_band() {
        for score in 0..100 {
            assert_eq!(all().iter().filter(|profile| profile.risk.contains(score)).count(), 1, "score {score}");
        }
        let [conservative, balanced, aggressive] = all();
        // ERR-52: 32 is not low.
        assert!(!conservative.risk.contains(32));
        assert!(conservative.risk.contains(29) && !conservative.risk.contains(30) && balanced.risk.contains(30));
        assert_eq!([&conservative, &balanced, &aggressive].map(Profile::max_risk_score), [30, 60, 70]);
    }

    #[test]
    fn the_policy_of_a_profile_is_valid_and_bounds_its_venues() {
        for profile in all() {
            let venue = VenuePolicy { adapter: Address::repeat_byte(1), risk_score: 20, max_position: Bps(5_000) };
            let policy = profile.policy(vec![venue]);
            policy.validate().unwrap();
            assert_eq!(policy.venues[0].max_position, policy.max_position);
            assert!(policy.reserve >= Bps(500) && policy.max_position <= Bps(5_000));
        }
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_named() {
        let text = include_str!("../../../deploy/profiles/balanced.toml");
        let fault = |from: &str, to: &str| Profile::parse(&text.replace(from, to)).unwrap_err().to_string();
        assert!(fault("arbitrum = 25", "arbitrum = 24").contains("99 percent in all, expected 100"));
        assert!(fault("from = 30", "from = 60").contains("60 to below 60"));
        assert!(fault("below = 60", "below = 101").contains("at most 100"));
        assert!(fault("reserve = 500", "reserve = 499").contains("policy.reserve is 499"));
        assert!(fault("max_position = 4000", "max_position = 5001").contains("policy.max_position is 5001"));
        assert!(fault("review_hours = 24", "review_hours = 0").contains("schedule.review_hours is 0"));
        assert!(fault("return_to = 1800", "return_to = 1").contains("return_from at most return_to"));
        assert!(fault("min_gain", "minimum_gain").contains("minimum_gain"));
        // ERR-56
        let unknown = "moderate".parse::<ProfileName>().unwrap_err().to_string();
        assert_eq!(unknown, "there is no profile \"moderate\", expected conservative, balanced or aggressive");
    }

    #[test]
    fn a_claim_is_shown_as_one() {
        let [conservative, ..] = all();
        assert_eq!(conservative.claim.to_string(), "8.00 to 12.00 % a year as claimed by its documents");
    }
}
