//! `[policy]` and `[strategy]`: what the operator wants of an allocation. A profile fills in what the file does not say.

use super::{Config, ConfigError};
use ballast_types::{
    Apr, Assets, BPS_ONE, Bps, LargeMoves, Policy, Profile, ProfileName, Strategy, VenuePolicy, WAD, Weight,
};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// `conservative`, `balanced`, `aggressive`, or a path to a profile's file: what the five keys below are unless they are set.
    pub profile: Option<String>,
    /// Basis points of NAV kept idle.
    pub reserve: Option<u16>,
    /// Basis points of NAV that one venue may get.
    pub max_position: Option<u16>,
    /// Hours over which a move must pay for itself.
    pub horizon_hours: Option<u64>,
    /// Basis points a year by which a move must raise the yield on NAV, after gas.
    pub min_gain: Option<u16>,
    /// Venues scored at or above this get nothing new.
    pub max_risk_score: Option<u8>,
    /// Whether each cycle scores the venues too, and the higher of that and the operator's score counts.
    #[serde(default)]
    pub live_scores: bool,
    /// Whole USDC that a leg moves at least.
    #[serde(default = "min_transfer")]
    pub min_transfer_usdc: u32,
    /// Gas units a rebalance is assumed to cost before it is simulated.
    pub expected_gas: u64,
    /// Hours for which a move may wait for a lower base fee.
    #[serde(default)]
    pub gas_patience_hours: u64,
    /// Basis points a leg may lose to rounding and price impact.
    pub slippage: u16,
    /// Seconds after which the newest block is too old to act on.
    pub max_head_age: u64,
    /// Moves that add more than needs no approval of the Safe: `divide` or `ask`.
    #[serde(default)]
    pub large_moves: LargeMoves,
    /// The profile that was read.
    #[serde(skip)]
    adopted: Option<Profile>,
}

const fn min_transfer() -> u32 {
    10
}

/// What is aimed at; a strategy that needs what only models or history can say is not among these, since the service forms no such outlook.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum StrategyConfig {
    /// The largest yield on the venues' own rate curves.
    #[default]
    Convex,
    /// Nothing is moved.
    Hold,
    /// As much as may be in the venue that pays most.
    BestSingle,
    /// These parts of NAV, in basis points, by the venues' names.
    Weights { weights: BTreeMap<String, u16> },
}

impl PolicyConfig {
    /// Takes over the profile that is named. A path is relative to the configuration file.
    pub(super) fn adopt(&mut self, directory: &Path) -> Result<(), ConfigError> {
        let Some(named) = &self.profile else { return Ok(()) };
        let profile = if named.ends_with(".toml") {
            let path = directory.join(named);
            let text = fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path, source })?;
            Profile::parse(&text)?
        } else {
            named.parse::<ProfileName>()?.profile()?
        };
        let set = &profile.policy;
        self.reserve.get_or_insert(set.reserve);
        self.max_position.get_or_insert(set.max_position);
        self.horizon_hours.get_or_insert(set.horizon_hours);
        self.min_gain.get_or_insert(set.min_gain);
        self.max_risk_score.get_or_insert(profile.max_risk_score());
        self.adopted = Some(profile);
        Ok(())
    }

    /// The profile that the policy follows where no key says otherwise.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.adopted.as_ref()
    }
}

impl Config {
    /// The policy that `decide` gets. A key that is neither set nor in a profile is zero here, which [`Config::load`] refuses.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = &self.policy;
        Policy {
            reserve: Bps(policy.reserve.unwrap_or_default()),
            max_position: Bps(policy.max_position.unwrap_or_default()),
            min_transfer: Assets(u128::from(policy.min_transfer_usdc) * 1_000_000),
            horizon: policy.horizon_hours.unwrap_or_default().saturating_mul(3_600),
            min_gain: Apr(u128::from(policy.min_gain.unwrap_or_default()) * WAD / u128::from(BPS_ONE)),
            expected_gas: policy.expected_gas,
            gas_patience: policy.gas_patience_hours.saturating_mul(3_600),
            priority_fee: u128::from(self.execution.priority_fee_wei),
            slippage: Bps(policy.slippage),
            max_risk_score: policy.max_risk_score.unwrap_or_default(),
            max_head_age: policy.max_head_age,
            large_moves: policy.large_moves,
            strategy: self.strategy(),
            venues: self
                .venues
                .iter()
                .map(|venue| VenuePolicy {
                    adapter: venue.adapter,
                    risk_score: venue.risk_score,
                    max_position: Bps(venue.max_position),
                })
                .collect(),
        }
    }

    fn strategy(&self) -> Strategy {
        match &self.strategy {
            StrategyConfig::Convex => Strategy::Convex,
            StrategyConfig::Hold => Strategy::Hold,
            StrategyConfig::BestSingle => Strategy::BestSingle,
            StrategyConfig::Weights { weights } => Strategy::Weights {
                weights: self
                    .venues
                    .iter()
                    .filter_map(|venue| {
                        let bps = weights.get(&venue.name)?;
                        Some(Weight { adapter: venue.adapter, bps: Bps(*bps) })
                    })
                    .collect(),
            },
        }
    }

    pub(super) fn validate_allocation(&self) -> Result<(), ConfigError> {
        let policy = &self.policy;
        for (set, key) in [
            (policy.reserve.is_some(), "policy.reserve"),
            (policy.max_position.is_some(), "policy.max_position"),
            (policy.horizon_hours.is_some(), "policy.horizon_hours"),
            (policy.min_gain.is_some(), "policy.min_gain"),
            (policy.max_risk_score.is_some(), "policy.max_risk_score"),
        ] {
            if !set {
                let expected = "a value, or policy.profile";
                return Err(ConfigError::OutOfRange { key, value: "absent".into(), expected });
            }
        }
        if let (true, true, Some(days @ ..=30)) = (policy.live_scores, self.history.enabled, self.history.raw_days) {
            let expected = "more than 30 with policy.live_scores, which needs the sizes of a month";
            return Err(ConfigError::OutOfRange { key: "history.raw_days", value: days.to_string(), expected });
        }
        if let StrategyConfig::Weights { weights } = &self.strategy
            && let Some(unknown) = weights.keys().find(|name| !self.venues.iter().any(|venue| venue.name == **name))
        {
            let expected = "names of [[venues]]";
            return Err(ConfigError::OutOfRange { key: "strategy.weights", value: unknown.clone(), expected });
        }
        Ok(self.policy().validate()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = include_str!("../../../../deploy/debian/ballast.toml");

    /// The packaged file with its `[policy]` replaced, and something behind it.
    fn load(policy: &str, rest: &str) -> Result<Config, ConfigError> {
        load_file(FILE, policy, rest)
    }

    fn load_file(file: &str, policy: &str, rest: &str) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ballast.toml");
        let (before, after) = file.split_once("[policy]\n").unwrap();
        let (_, after) = after.split_once("[keeper]\n").unwrap();
        let text = format!("{before}[policy]\n{policy}\n[keeper]\n{after}\n{rest}").replace("= 4000", "= 3000");
        let profile = include_str!("../../../../deploy/profiles/balanced.toml").replace("= 336", "= 100");
        fs::write(directory.path().join("mine.toml"), profile).unwrap();
        fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    const REST: &str = "expected_gas = 1100000\nslippage = 1\nmax_head_age = 300";

    fn policy(text: &str) -> Policy {
        load(&format!("{text}\n{REST}"), "").unwrap().policy()
    }

    fn fault(policy: &str, rest: &str) -> String {
        load(&format!("{policy}\n{REST}"), rest).unwrap_err().to_string()
    }

    // SPEC P1
    #[test]
    fn a_profile_fills_in_what_is_not_set_and_a_key_overrides_it() {
        let profile = policy("profile = 'conservative'");
        assert_eq!((profile.reserve, profile.max_position, profile.max_risk_score), (Bps(1_000), Bps(3_000), 30));
        assert_eq!((profile.horizon, profile.min_gain), (720 * 3_600, Apr(WAD / 200)));
        let set = policy("profile = 'conservative'\nreserve = 700\nmax_risk_score = 40");
        assert_eq!(set, Policy { reserve: Bps(700), max_risk_score: 40, ..profile });
        assert_eq!(policy("profile = 'mine.toml'").horizon, 100 * 3_600);
    }

    #[test]
    fn without_a_profile_every_key_is_asked_for() {
        let all = "reserve = 500\nmax_position = 3000\nhorizon_hours = 720\nmin_gain = 10\nmax_risk_score = 70";
        assert_eq!(policy(all).strategy, Strategy::Convex);
        for line in all.lines() {
            let (key, _) = line.split_once(" =").unwrap();
            let error = fault(&all.replace(line, ""), "");
            assert!(error.contains(&format!("policy.{key} is absent, expected a value, or policy.profile")), "{error}");
        }
    }

    // ERR-56
    #[test]
    fn an_unknown_profile_or_strategy_is_refused() {
        assert!(fault("profile = 'moderate'", "").contains("expected conservative, balanced or aggressive"));
        assert!(fault("profile = 'none.toml'", "").contains("cannot read"));
        let weights = "[strategy]\nkind = 'weights'\nweights = { aave-v3 = 3000, nowhere = 1 }";
        assert!(fault("profile = 'balanced'", weights).contains("strategy.weights is nowhere"));
        let heavy = "[strategy]\nkind = 'weights'\nweights = { aave-v3 = 8000, metamorpho = 2001 }";
        assert!(fault("profile = 'balanced'", heavy).contains("10001 bps in all"));
        assert!(fault("profile = 'balanced'", "[strategy]\nkind = 'cvar'").contains("cvar"));
    }

    #[test]
    fn weights_go_by_the_names_of_the_venues() {
        let weights = "[strategy]\nkind = 'weights'\nweights = { metamorpho = 2000, aave-v3 = 3000 }";
        let config = load(&format!("profile = 'balanced'\n{REST}"), weights).unwrap();
        let Strategy::Weights { weights } = config.policy().strategy else { unreachable!() };
        assert_eq!(weights.iter().map(|weight| weight.bps.0).collect::<Vec<_>>(), [3_000, 2_000]);
    }

    // SPEC R3
    #[test]
    fn live_scores_need_the_sizes_of_a_month() {
        let with = |live: &str, days: u32| {
            let file = FILE.replace("[history]\n", &format!("[history]\nraw_days = {days}\nhourly_days = 400\n"));
            let loaded = load_file(&file, &format!("profile = 'balanced'\n{live}\n{REST}"), "");
            loaded.map(|_| ()).map_err(|error| error.to_string())
        };
        assert!(with("live_scores = true", 30).unwrap_err().contains("history.raw_days is 30, expected more than 30"));
        assert_eq!((with("live_scores = true", 31), with("", 30)), (Ok(()), Ok(())));
    }

    // SPEC X11, P1
    #[test]
    fn triggers_are_off_unless_wanted_and_the_profile_says_how_often_is_reviewed() {
        let load = |triggers: &str| load(&format!("profile = 'aggressive'\n{REST}"), triggers);
        assert!(load("").unwrap().triggers().is_none());
        let triggers = load("[triggers]\nevery_block = false").unwrap().triggers().unwrap();
        assert_eq!((triggers.drift, triggers.review, triggers.pause), (Some(Bps(500)), Some(6 * 3_600), 3_600));
        let own = load("[triggers]\nevery_block = false\nreview_hours = 12\nlow_gas = false").unwrap();
        assert_eq!(own.triggers().unwrap().review, Some(12 * 3_600));
        assert!(!own.triggers().unwrap().low_gas);
        let fault = |text: &str| load(text).unwrap_err().to_string();
        assert!(fault("[triggers]\ndrift = 0").contains("triggers.drift is 0"));
        assert!(fault("[triggers]\nreview_hours = 0").contains("triggers.review_hours"));
        assert!(fault("[triggers]\npause_minutes = 20000").contains("triggers.pause_minutes"));
        assert!(fault("[triggers]\nmvrv = 3").contains("mvrv"));
    }
}
