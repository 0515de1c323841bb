//! The vocabulary of Ballast: what is observed, what is decided, and the record that proves it.
//!
//! Nothing here does I/O or reads a clock, and nothing that enters a decision is floating point ([`Observation`] is what was measured,
//! before it is quantised). Every type that enters a decision record has
//! a canonical encoding ([`record`]): the same value always has the same bytes, and so the same hash.

pub mod calendar;
mod decision;
pub mod fixed;
mod market;
mod money;
mod outlook;
mod policy;
mod profile;
pub mod record;
mod series;
mod snapshot;
mod strategy;

pub use alloy_primitives::{Address, B256};
pub use decision::{Action, Decision, Gate, GateId, Prediction, Target};
pub use market::{Market, RateCurve};
pub use money::{Apr, Assets, BPS_ONE, Bps, RoundId, SECONDS_PER_YEAR, WAD, Wad};
pub use outlook::{MAX_SCENARIOS, MAX_VENUES, Outlook, OutlookError, SignedWad, VenueOutlook};
pub use policy::{LargeMoves, Policy, PolicyError, VenuePolicy};
pub use profile::{Claim, Profile, ProfileError, ProfileName, ProfilePolicy, RiskBand, Schedule};
pub use record::{DecisionRecord, ModelId, RecordError};
pub use series::{Metric, Observation, SeriesError, SeriesId};
pub use snapshot::{
    BlockRef, Checkpoint, Doubt, FeeHistory, FeedReading, FeedState, HubLimits, HubState, KillSwitchState, Mode,
    Snapshot, VaultState, VenueKind, VenueReading, VenueState,
};
pub use strategy::{MAX_RISK_AVERSION, Strategy, Weight};
