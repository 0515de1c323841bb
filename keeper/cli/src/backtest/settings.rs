//! Parameters of the vault's own policies, and grids of them.

use ballast_backtest::{Market, Rules, Scores, default_policy};
use ballast_risk::{Retreat, facts::Facts};
use ballast_types::{Apr, Assets, Bps, LargeMoves, Policy, Profile, WAD};
use std::{collections::BTreeMap, sync::Arc};

/// What may be set.
const KEYS: [&str; 11] = [
    "reserve",
    "max_position",
    "horizon_hours",
    "min_gain",
    "max_risk_score",
    "large_moves",
    "cooldown_hours",
    "upkeep_budget",
    "resume_days",
    "retreat",
    "risk_scores",
];
/// The most combinations of a sweep.
const MOST_POINTS: usize = 10_000;

/// The limits of the contracts, and what differs from the default policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) chosen: BTreeMap<String, String>,
    /// Whether venues have no score of their own, so that no limit of risk binds.
    unscored: bool,
    profile: Option<Profile>,
    changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Reserve(u16),
    MaxPosition(u16),
    Horizon(u64),
    MinGain(u16),
    MaxRisk(u8),
    Large(LargeMoves),
}

impl Settings {
    /// From a profile, if there is one, and `key=value` texts that change it.
    ///
    /// # Errors
    /// The first that is not one of them, with what was expected.
    pub(crate) fn parse(profile: Option<Profile>, texts: &[String]) -> Result<Self, String> {
        let mut settings = Self::default();
        if let Some(profile) = &profile {
            // A step is a day: what is reviewed more often is decided daily.
            settings.rules.decide_every = (profile.schedule.review_hours / 24).max(1);
        }
        settings.profile = profile;
        for text in texts {
            let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is no key=value"))?;
            settings.set(key, value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = |least: u64, most: u64| {
            let expected = || format!("{key}={value}: expected {least} to {most}");
            let number: u64 = value.parse().map_err(|_| expected())?;
            if (least..=most).contains(&number) { Ok(number) } else { Err(expected()) }
        };
        let bps = |least: u64, most: u64| number(least, most).map(|bps| u16::try_from(bps).unwrap_or(u16::MAX));
        match key {
            "reserve" => self.changes.push(Change::Reserve(bps(500, 10_000)?)),
            "max_position" => {
                let most = bps(500, 5_000)?;
                self.changes.push(Change::MaxPosition(most));
            }
            "horizon_hours" => self.changes.push(Change::Horizon(number(1, 8_760)? * 3_600)),
            "min_gain" => self.changes.push(Change::MinGain(bps(0, 10_000)?)),
            "max_risk_score" => self.changes.push(Change::MaxRisk(u8::try_from(number(0, 100)?).unwrap_or(100))),
            "large_moves" => self.changes.push(Change::Large(match value {
                "ask" => LargeMoves::Ask,
                "divide" => LargeMoves::Divide,
                _ => return Err(format!("{key}={value}: expected ask or divide")),
            })),
            "cooldown_hours" => self.rules.limits.cooldown = number(1, 24)? * 3_600,
            "upkeep_budget" => self.rules.upkeep.budget = Bps(bps(0, 10_000)?),
            "risk_scores" => {
                self.unscored = match value {
                    "as_of" => false,
                    "none" => true,
                    _ => return Err(format!("{key}={value}: expected as_of or none")),
                };
            }
            "resume_days" => self.rules.resume_after = number(0, 365)? * 86_400,
            "retreat" => {
                let names: Vec<&str> = if value == "none" { Vec::new() } else { value.split('+').collect() };
                let causes = Retreat::causes(names).map_err(|error| format!("{key}={value}: {error}, or none"))?;
                self.rules.retreat.causes = causes;
            }
            _ => return Err(format!("{key:?} is no parameter, expected one of {}", KEYS.join(", "))),
        }
        self.chosen.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// The same with the venues' scores of risk as of each day, for positions of the most that the contracts let be in one venue.
    ///
    /// # Errors
    /// If the facts that were built in are not valid, which a test excludes.
    pub(crate) fn scored(mut self, market: &Market, capital: Assets) -> eyre::Result<Self> {
        if !self.unscored {
            let position = capital.share(self.rules.limits.max_position);
            self.rules.scores = Scores::of(market, &Facts::built_in()?, position).map(Arc::new);
        }
        Ok(self)
    }

    /// The policy of the profile, or that of a backtest, with what was set.
    pub(crate) fn policy(&self, venues: usize) -> Policy {
        let default = default_policy(venues);
        let mut policy = match &self.profile {
            None => default,
            Some(profile) => {
                let named = profile.policy(default.venues);
                Policy { large_moves: default.large_moves, expected_gas: default.expected_gas, ..named }
            }
        };
        for change in &self.changes {
            match *change {
                Change::Reserve(bps) => policy.reserve = Bps(bps),
                Change::MaxPosition(bps) => {
                    policy.max_position = Bps(bps);
                    for venue in &mut policy.venues {
                        venue.max_position = Bps(bps);
                    }
                }
                Change::Horizon(seconds) => policy.horizon = seconds,
                Change::MinGain(bps) => policy.min_gain = Apr(u128::from(bps) * (WAD / 10_000)),
                Change::MaxRisk(score) => policy.max_risk_score = score,
                Change::Large(large) => policy.large_moves = large,
            }
        }
        policy
    }
}

/// Parameters with several values each.
pub(crate) struct Sweep {
    points: Vec<Settings>,
}

impl Sweep {
    /// From `key=value,value` texts, on top of what is set; `None` if there are none.
    ///
    /// # Errors
    /// As [`Settings::parse`], or if there would be more than 10,000 combinations.
    pub(crate) fn parse(texts: &[String], settings: &Settings) -> Result<Option<Self>, String> {
        if texts.is_empty() {
            return Ok(None);
        }
        let mut points = vec![settings.clone()];
        for text in texts {
            let (key, values) = text.split_once('=').ok_or_else(|| format!("{text:?} is no key=value,value"))?;
            let mut next = Vec::new();
            for point in &points {
                for value in values.split(',') {
                    let mut with = point.clone();
                    with.set(key, value)?;
                    next.push(with);
                }
            }
            if next.len() > MOST_POINTS {
                return Err(format!("{} combinations, expected at most {MOST_POINTS}", next.len()));
            }
            points = next;
        }
        Ok(Some(Self { points }))
    }

    /// The combinations, with the scores of risk of `scored` where they have any.
    pub(crate) fn points(&self, scored: &Settings) -> Vec<Settings> {
        let with = |point: &Settings| {
            let mut point = point.clone();
            point.rules.scores = scored.rules.scores.clone().filter(|_| !point.unscored);
            point
        };
        self.points.iter().map(with).collect()
    }
}
