//! One input's contribution to a score, with the reason for it.

use super::RISKIEST;
use crate::sourced::Input;
use serde::Serialize;

/// How an input came to count as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// By its value.
    Measured,
    /// As the riskiest: nobody said.
    Missing,
    /// As the riskiest: too old.
    Stale,
    /// As the riskiest: said after the time of this score.
    NotYetKnown,
    /// As the riskiest: no such value exists.
    Implausible,
    /// Not at all.
    NotApplicable,
}

impl Standing {
    /// Counted as the riskiest because its value was not to be had.
    #[must_use]
    pub const fn is_assumed(self) -> bool {
        matches!(self, Self::Missing | Self::Stale | Self::NotYetKnown | Self::Implausible)
    }
}

/// One input's contribution.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Factor {
    pub name: &'static str,
    /// Its part of the sum of the weights of the factors that apply. Zero where a part takes the worst of its factors, or their sum.
    pub weight: u32,
    /// 0–100, high is risky.
    pub score: f64,
    pub standing: Standing,
    /// What was measured and what it was held against.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<u64>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<u64>,
}

/// The time of a score, and how old one input may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) now: u64,
    /// Seconds; `None` for what stays true (the day of a launch).
    pub(super) limit: Option<u64>,
}

/// Judges one input. `judge` gives points of 0–100 and a description, or why there is no such value.
pub(super) fn factor<T>(
    name: &'static str,
    weight: u32,
    input: &Input<T>,
    clock: Clock,
    judge: impl FnOnce(&T) -> Result<(f64, String), String>,
) -> Factor {
    let mut factor = Factor {
        name,
        weight,
        score: RISKIEST,
        standing: Standing::Missing,
        detail: "not known: counted as the riskiest".into(),
        source: None,
        as_of: None,
        age: None,
    };
    let given = match input {
        Input::Missing => return factor,
        Input::NotApplicable(why) => {
            (factor.score, factor.weight, factor.standing) = (0.0, 0, Standing::NotApplicable);
            factor.detail = format!("does not apply: {why}");
            return factor;
        }
        Input::Given(given) => given,
    };
    (factor.source, factor.as_of) = (Some(given.source.clone()), Some(given.as_of));
    let Some(age) = clock.now.checked_sub(given.as_of) else {
        factor.standing = Standing::NotYetKnown;
        factor.detail = "known only after the time of this score: counted as the riskiest".into();
        return factor;
    };
    factor.age = Some(age);
    match (judge(&given.value), clock.limit) {
        (Err(why), _) => {
            factor.standing = Standing::Implausible;
            factor.detail = format!("{why}: counted as the riskiest");
        }
        (Ok((_, detail)), Some(limit)) if age > limit => {
            factor.standing = Standing::Stale;
            factor.detail = format!("{detail}, but {age} s old where at most {limit} s count: counted as the riskiest");
        }
        (Ok((score, detail)), _) => {
            (factor.score, factor.standing, factor.detail) = (score.clamp(0.0, RISKIEST), Standing::Measured, detail);
        }
    }
    factor
}

/// A fraction between zero and `most`, for figures that can be nothing else.
pub(super) fn within(what: &str, value: f64, most: f64) -> Result<f64, String> {
    if value.is_finite() && (0.0..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{what} is {value}, expected 0 to {most}"))
    }
}

/// The mean of the factors that apply, each with its weight. Without any, there is nothing to be said against the venue.
pub(super) fn weighted_mean(factors: &[Factor]) -> f64 {
    let total: u32 = factors.iter().map(|factor| factor.weight).sum();
    if total == 0 {
        return 0.0;
    }
    factors.iter().map(|factor| factor.score * f64::from(factor.weight)).sum::<f64>() / f64::from(total)
}

/// The worst of the factors that apply.
pub(super) fn worst(factors: &[Factor]) -> f64 {
    factors.iter().map(|factor| factor.score).fold(0.0, f64::max)
}
