//! When to decide (SPEC X11): drift, review, an MVRV crossing, low fees. A trigger asks for a decision now; it never says what to decide, and the gates stand
//! above whatever comes of it.
//!
//! Pure: time, chain and indicator are values, and what is remembered between two looks is [`State`], small enough to be kept anywhere.

use alloy_primitives::U256;
use ballast_risk::HubView;
use ballast_types::{
    Assets, BPS_ONE, Bps, FeeHistory, Metric, Observation, SignedWad, fixed::mul_div_floor, fixed::product,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which triggers there are; `None` turns one off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triggers {
    /// Drift of more than this part of NAV (SPEC X12: 5 %).
    pub drift: Option<Bps>,
    /// Seconds after the last decision in which nothing else asked for one (SPEC P1, X11: a week, a day, six hours).
    pub review: Option<u64>,
    /// The base fee is at most what a quarter of the recent blocks had.
    pub low_gas: bool,
    pub mvrv: Option<MvrvRule>,
    /// Seconds after a decision in which drift and low fees do not ask for another: both last, and a decision that holds would follow every block.
    pub pause: u64,
}

/// The two figures that are both called MVRV (ERR-54): their thresholds are not comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Measure {
    /// Market value over realised value; tops were near 3.7.
    Ratio = 0,
    /// Market value less realised value, in standard deviations of the market value; tops were near 7.
    ZScore = 1,
}

/// Crossing above `leave` fires once, and once again crossing below `reenter`; between the two nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MvrvRule {
    pub measure: Measure,
    /// 10¹⁸ = one.
    pub leave: SignedWad,
    /// Below `leave`.
    pub reenter: SignedWad,
    /// Seconds after which a reading is too old to fire.
    pub max_age: u64,
}

/// A reading of the indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mvrv {
    pub measure: Measure,
    pub value: SignedWad,
    /// Unix seconds.
    pub time: u64,
}

impl Mvrv {
    /// What a source observed, in steps of 10⁻¹⁸ towards zero; `None` of anything but the two metrics that are MVRV. Which of them it is follows from the
    /// observation and not from whoever asks, so that neither is held against the threshold of the other.
    #[must_use]
    pub fn of(observation: &Observation) -> Option<Self> {
        let measure = match observation.series().metric() {
            Metric::MvrvRatio => Measure::Ratio,
            Metric::MvrvZScore => Measure::ZScore,
            _ => return None,
        };
        // Both metrics' plausible values are far inside of what 128 bits hold.
        let value = SignedWad((observation.value() * 1e18) as i128);
        Some(Self { measure, value, time: observation.time() })
    }
}

/// Where the indicator last crossed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Regime {
    Below = 0,
    Above = 1,
}

/// What is remembered between two looks. Empty before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Time of the last decision, and the part of NAV that was idle then, rounded down.
    pub decided: Option<(u64, Bps)>,
    pub regime: Option<Regime>,
}

/// What the triggers look at.
#[derive(Clone, Copy, Debug)]
pub struct Signals<'a> {
    /// Time of the block, Unix seconds.
    pub now: u64,
    pub view: &'a HubView,
    /// Of the next block, wei per gas.
    pub base_fee: u128,
    pub fees: Option<FeeHistory>,
    pub mvrv: Option<Mvrv>,
}

/// What asks for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Drift,
    Review,
    MvrvAbove,
    MvrvBelow,
    LowGas,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drift => "drift",
            Self::Review => "review",
            Self::MvrvAbove => "MVRV above",
            Self::MvrvBelow => "MVRV below",
            Self::LowGas => "low gas",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    #[error("triggers: {field} is {value}, expected {expected}")]
    OutOfRange { field: &'static str, value: String, expected: &'static str },
    #[error("an MVRV reading is a {found:?}, expected a {expected:?}: the two have different thresholds")]
    Measure { found: Measure, expected: Measure },
}

impl Triggers {
    /// Checks every number against its range.
    ///
    /// # Errors
    /// The first that is out of it.
    pub fn validate(&self) -> Result<(), TriggerError> {
        let range = |ok: bool, field, value: String, expected| {
            if ok { Ok(()) } else { Err(TriggerError::OutOfRange { field, value, expected }) }
        };
        if let Some(drift) = self.drift {
            range((1..BPS_ONE).contains(&drift.0), "drift", drift.0.to_string(), "1 to 9999 bps")?;
        }
        if let Some(review) = self.review {
            range(
                (3_600..=31_536_000).contains(&review),
                "review",
                review.to_string(),
                "an hour to a year in seconds",
            )?;
        }
        range(self.pause <= 604_800, "pause", self.pause.to_string(), "at most a week (604800 seconds)")?;
        let Some(rule) = self.mvrv else { return Ok(()) };
        range(rule.reenter < rule.leave, "mvrv.reenter", rule.reenter.0.to_string(), "less than mvrv.leave")?;
        range(rule.max_age > 0, "mvrv.max_age", rule.max_age.to_string(), "at least a second")
    }

    /// What asks for a decision, in the order of [`Trigger`]; empty if nothing does. What the indicator crossed is remembered at once, whatever becomes
    /// of the decision, so that a crossing fires once.
    ///
    /// # Errors
    /// If a reading is of another measure than the rule; nothing is remembered then.
    pub fn fired(&self, state: &mut State, signals: &Signals<'_>) -> Result<Vec<Trigger>, TriggerError> {
        let crossing = self.crossing(state, signals)?;
        let since = state.decided.map(|(time, _)| signals.now.saturating_sub(time));
        let paused = since.is_some_and(|since| since < self.pause);
        let mut fired = Vec::new();
        if let (Some(limit), false) = (self.drift, paused)
            && drifted(signals.view, state.decided.map(|(_, idle)| idle), limit)
        {
            fired.push(Trigger::Drift);
        }
        if self.review.is_some_and(|review| since.is_none_or(|since| since >= review)) {
            fired.push(Trigger::Review);
        }
        fired.extend(crossing);
        let low = signals.fees.is_some_and(|fees| signals.base_fee <= fees.low);
        if self.low_gas && low && !paused {
            fired.push(Trigger::LowGas);
        }
        Ok(fired)
    }

    fn crossing(&self, state: &mut State, signals: &Signals<'_>) -> Result<Option<Trigger>, TriggerError> {
        let (Some(rule), Some(reading)) = (self.mvrv, signals.mvrv) else { return Ok(None) };
        if reading.measure != rule.measure {
            return Err(TriggerError::Measure { found: reading.measure, expected: rule.measure });
        }
        // What is known late, and what claims to be from the future, crosses nothing.
        if reading.time > signals.now || signals.now - reading.time > rule.max_age {
            return Ok(None);
        }
        let above = reading.value > rule.leave;
        let below = reading.value < rule.reenter;
        let crossed = match state.regime {
            // The first reading says where things are; nothing was crossed yet.
            None => {
                state.regime = Some(if above { Regime::Above } else { Regime::Below });
                None
            }
            Some(Regime::Below) if above => Some((Regime::Above, Trigger::MvrvAbove)),
            Some(Regime::Above) if below => Some((Regime::Below, Trigger::MvrvBelow)),
            Some(_) => None,
        };
        Ok(crossed.map(|(regime, trigger)| {
            state.regime = Some(regime);
            trigger
        }))
    }
}

impl State {
    /// Remembers that a decision was made, for whatever reason.
    pub fn remember(&mut self, now: u64, idle: Assets, nav: Assets) {
        let part = mul_div_floor(idle.0, u128::from(BPS_ONE), nav.0).and_then(|bps| u16::try_from(bps).ok());
        // An empty vault has nothing idle: whatever is deposited then is drift.
        self.decided = Some((now, Bps(part.unwrap_or(0))));
    }
}

/// Whether a position is further from its stored target than `limit`, or idle further from what it was at the last decision. Exact: a drift of the
/// limit itself is none. A view whose NAV does not fit has no drift; the gates refuse it anyway.
fn drifted(view: &HubView, idle: Option<Bps>, limit: Bps) -> bool {
    let Some(nav) = view.nav().filter(|nav| *nav != Assets::ZERO) else { return false };
    let beyond = |amount: Assets, part: Bps| {
        let (held, meant) = (product(amount.0, u128::from(BPS_ONE)), product(nav.0, u128::from(part.0)));
        let away: U256 = held.abs_diff(meant);
        away > product(nav.0, u128::from(limit.0))
    };
    let position =
        view.venues.iter().any(|venue| venue.figures.is_some_and(|figures| beyond(figures.value, venue.stored())));
    position || idle.is_some_and(|idle| beyond(view.idle, idle))
}
