//! The kill switch as a value: `KillSwitchManager.sol`, `VenueTriggers.sol` and `StablecoinPegMonitor.sol` without a chain (SPEC C7, C7a–C7e, C8).
//!
//! The same numbers, comparisons and rounding: nothing here is floating point. Every call takes the block and its time and what would be read in it.
//! [`KillSwitch::trip`], [`KillSwitch::clear`] and [`KillSwitch::observe`] are the contract's; [`KillSwitch::step`] is a watcher who does
//! at once whatever can be done, as `ballast_service::watcher` does one block later.
//!
//! Who feeds it series of hours or days need not think of blocks in between: what was read last is carried forward to the next step, and the
//! blocks are acted on in which something becomes possible meanwhile (a confirmation 25 blocks after its arming, a checkpoint's
//! second observation, a feed that has gone stale). Nothing of a later step is used for an earlier block.

mod apart;
mod dark;
mod event;
mod parameters;
mod reading;
mod size_history;
mod steady;
mod views;
mod watch;

pub use event::{Cause, Event, Refusal, Stage, Subject, Trigger};
pub use parameters::{Condition, Settings, Token, Venue};
pub use reading::{Figures, Moment, Price, Readings};
pub use size_history::{BASELINE_AGE, Checkpoint, MAX_AGE, MAX_SIZE, SPACING, SizeHistory};

use crate::peg::PegStatus;
use ballast_types::Mode;

/// Blocks between an arming and the earliest trip (`CONFIRM_BLOCKS`).
pub const CONFIRM_BLOCKS: u64 = 25;
/// Seconds after which an arming counts as none (`ARM_LIFETIME`).
pub const ARM_LIFETIME: u64 = 2 * 3_600;
/// Seconds that a watcher's alert may last (`MAX_ALERT`).
pub const MAX_ALERT: u64 = 7 * 86_400;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct TripRecord {
    armed: Option<Moment>,
    blocked_until: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct VenueWatch {
    history: SizeHistory,
    tvl: TripRecord,
    utilisation: TripRecord,
    alert_until: u64,
    guardian_blocked: bool,
    governance_tripped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FeedBlock {
    until: u64,
    by: Cause,
}

/// What a two-step trigger finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub holds: bool,
    pub readable: bool,
    pub measured: u128,
    pub bound: u128,
}

/// The switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillSwitch {
    settings: Settings,
    tokens: Vec<Token>,
    venues: Vec<Venue>,
    mode: Mode,
    mode_cause: Option<Cause>,
    feed_blocks: Vec<Option<FeedBlock>>,
    watches: Vec<VenueWatch>,
    last: Option<(Moment, Readings)>,
}

impl KillSwitch {
    /// A switch over these tokens, the vault's asset first, and venues.
    ///
    /// # Errors
    /// [`Refusal::NoAsset`] if there is no token or the first has no band, [`Refusal::NoSuchToken`].
    pub fn new(settings: Settings, tokens: Vec<Token>, venues: Vec<Venue>) -> Result<Self, Refusal> {
        if tokens.first().is_none_or(|asset| asset.band.is_none()) {
            return Err(Refusal::NoAsset);
        }
        for venue in &venues {
            if let Some(&token) = venue.tokens.iter().find(|token| **token >= tokens.len()) {
                return Err(Refusal::NoSuchToken { venue: venue.name.clone(), token, tokens: tokens.len() });
            }
        }
        let (feed_blocks, watches) = (vec![None; tokens.len()], vec![VenueWatch::default(); venues.len()]);
        Ok(Self { settings, tokens, venues, mode: Mode::Normal, mode_cause: None, feed_blocks, watches, last: None })
    }

    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The tokens, the vault's asset first.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    #[must_use]
    pub fn venues(&self) -> &[Venue] {
        &self.venues
    }

    // ------------------------------------------------------------------------------------------------------ anyone

    /// `observe`: records how large the venues are.
    pub fn observe(&mut self, now: Moment, read: &Readings) {
        for (watch, figures) in self.watches.iter_mut().zip(&read.venues) {
            if let Some(others) = figures.others {
                watch.history.observe(others, now);
            }
        }
    }

    /// `trip`: arms or trips what holds.
    ///
    /// # Errors
    /// As the contract: the trigger does not act, the condition does not hold, or it is too early to confirm.
    pub fn trip(&mut self, trigger: Trigger, of: Subject, now: Moment, read: &Readings) -> Result<Event, Refusal> {
        let condition = *self.settings.of(trigger);
        if !condition.active {
            return Err(Refusal::TriggerNotActive(trigger));
        }
        match (trigger, of) {
            (Trigger::Peg | Trigger::Oracle, Subject::Token(token)) if token < self.tokens.len() => {
                self.trip_price(trigger, token, now, read)
            }
            (Trigger::Tvl | Trigger::Utilisation, Subject::Venue(venue)) if venue < self.venues.len() => {
                self.trip_two_step(trigger, venue, now, read)
            }
            (Trigger::Governance, Subject::Venue(venue)) if venue < self.venues.len() => {
                // What the probes of a real venue find live is, here, what the caller says by calling.
                self.watches[venue].governance_tripped = true;
                Ok(self.event(now, trigger, of, Stage::Tripped, (0, 0), u64::MAX))
            }
            _ => Err(Refusal::NoSuchSubject { trigger, subject: of }),
        }
    }

    fn trip_price(&mut self, trigger: Trigger, token: usize, now: Moment, read: &Readings) -> Result<Event, Refusal> {
        let wanted = if trigger == Trigger::Peg { Some(PegStatus::Kill) } else { None };
        if self.status(token, now, read) != wanted {
            return Err(Refusal::ConditionNotMet(trigger, Subject::Token(token)));
        }
        let until = now.time.saturating_add(self.settings.of(trigger).cooldown);
        if self.feed_blocks[token].is_none_or(|block| until > block.until) {
            self.feed_blocks[token] = Some(FeedBlock { until, by: trigger.into() });
        }
        if trigger == Trigger::Peg && token == 0 && self.mode != Mode::Exit {
            (self.mode, self.mode_cause) = (Mode::Exit, Some(Cause::Peg));
        }
        let price = self.price(token, now, read).map_or(0, |price| price.0);
        Ok(self.event(now, trigger, Subject::Token(token), Stage::Tripped, (price, 0), until))
    }

    fn trip_two_step(
        &mut self,
        trigger: Trigger,
        venue: usize,
        now: Moment,
        read: &Readings,
    ) -> Result<Event, Refusal> {
        let subject = Subject::Venue(venue);
        let found = self.evaluate(trigger, venue, now, read);
        if !found.holds {
            return Err(Refusal::ConditionNotMet(trigger, subject));
        }
        let evidence = (found.measured, found.bound);
        let until = now.time.saturating_add(self.settings.of(trigger).cooldown);
        let stage = self.watches[venue].record(trigger).turn(now, until)?;
        let until = if stage == Stage::Tripped { until } else { 0 };
        Ok(self.event(now, trigger, subject, stage, evidence, until))
    }

    /// `clear`: disarms what does not hold any more.
    ///
    /// # Errors
    /// If it is not armed, if it could not be tripped yet, or if the condition holds.
    pub fn clear(&mut self, trigger: Trigger, venue: usize, now: Moment, read: &Readings) -> Result<(), Refusal> {
        let subject = Subject::Venue(venue);
        if !matches!(trigger, Trigger::Tvl | Trigger::Utilisation) || venue >= self.venues.len() {
            return Err(Refusal::NoSuchSubject { trigger, subject });
        }
        let Some(armed) = self.watches[venue].record(trigger).armed(now) else {
            return Err(Refusal::NotArmed(trigger, subject));
        };
        let from_block = armed.block.saturating_add(CONFIRM_BLOCKS);
        if now.block < from_block {
            return Err(Refusal::TooEarly { from_block });
        }
        if self.evaluate(trigger, venue, now, read).holds {
            return Err(Refusal::ConditionMet(trigger, subject));
        }
        self.watches[venue].record(trigger).armed = None;
        Ok(())
    }

    // ------------------------------------------------------------------------------------------- those with a role

    /// A guardian stops all additions.
    ///
    /// # Errors
    /// If the mode is ReduceOnly or Exit already.
    pub fn reduce_only(&mut self) -> Result<(), Refusal> {
        self.stricter(Mode::ReduceOnly, Cause::Guardian)
    }

    /// The emergency Safe calls everything home.
    ///
    /// # Errors
    /// If the mode is Exit already.
    pub fn enter_exit(&mut self) -> Result<(), Refusal> {
        self.stricter(Mode::Exit, Cause::Emergency)
    }

    /// Governance goes back to Normal.
    ///
    /// # Errors
    /// While a condition on the asset holds or blocks.
    pub fn reset(&mut self, now: Moment, read: &Readings) -> Result<(), Refusal> {
        if let Some(cause) = self.token_cause(0, now, read) {
            return Err(Refusal::ConditionStillHolds(cause));
        }
        (self.mode, self.mode_cause) = (Mode::Normal, None);
        Ok(())
    }

    /// A guardian blocks a venue, or governance unblocks it.
    pub fn set_guardian_block(&mut self, venue: usize, blocked: bool) {
        if let Some(watch) = self.watches.get_mut(venue) {
            watch.guardian_blocked = blocked;
        }
    }

    /// Governance accepts the changed configuration of a venue.
    pub fn accept_governance(&mut self, venue: usize) {
        if let Some(watch) = self.watches.get_mut(venue) {
            watch.governance_tripped = false;
        }
    }

    /// A watcher blocks a venue until `expiry`; an alert can only be extended.
    ///
    /// # Errors
    /// If the expiry is not after now, more than seven days ahead, or not after that of the alert that stands.
    pub fn alert(&mut self, venue: usize, expiry: u64, now: Moment) -> Result<(), Refusal> {
        let latest = now.time.saturating_add(MAX_ALERT);
        let subject = Subject::Venue(venue);
        let watch =
            self.watches.get_mut(venue).ok_or(Refusal::NoSuchSubject { trigger: Trigger::Governance, subject })?;
        if expiry <= now.time || expiry > latest || expiry <= watch.alert_until {
            return Err(Refusal::ExpiryOutOfBounds { expiry, latest });
        }
        watch.alert_until = expiry;
        Ok(())
    }

    fn stricter(&mut self, mode: Mode, cause: Cause) -> Result<(), Refusal> {
        if self.mode as u8 >= mode as u8 {
            return Err(Refusal::ModeNotStricter(self.mode));
        }
        (self.mode, self.mode_cause) = (mode, Some(cause));
        Ok(())
    }

    fn event(
        &self,
        at: Moment,
        trigger: Trigger,
        subject: Subject,
        stage: Stage,
        evidence: (u128, u128),
        until: u64,
    ) -> Event {
        let (measured, bound) = evidence;
        Event { at, trigger, subject, stage, measured, bound, blocked_until: until, mode: self.mode }
    }
}

impl VenueWatch {
    fn record(&mut self, trigger: Trigger) -> &mut TripRecord {
        if trigger == Trigger::Tvl { &mut self.tvl } else { &mut self.utilisation }
    }

    /// Until when the trips and the alert block, and which of them does.
    fn longest_block(&self) -> Option<(u64, Cause)> {
        let blocks = [
            (self.tvl.blocked_until, Cause::Tvl),
            (self.utilisation.blocked_until, Cause::Utilisation),
            (self.alert_until, Cause::Governance),
        ];
        blocks.into_iter().max_by_key(|(until, _)| *until).filter(|(until, _)| *until != 0)
    }
}

impl TripRecord {
    /// A condition holds: it is armed, or if it is armed already, tripped and blocked `until` then.
    fn turn(&mut self, now: Moment, until: u64) -> Result<Stage, Refusal> {
        let Some(armed) = self.armed(now) else {
            self.armed = Some(now);
            return Ok(Stage::Armed);
        };
        let from_block = armed.block.saturating_add(CONFIRM_BLOCKS);
        if now.block < from_block {
            return Err(Refusal::TooEarly { from_block });
        }
        self.armed = None;
        self.blocked_until = self.blocked_until.max(until);
        Ok(Stage::Tripped)
    }

    /// The arming, unless it has lapsed.
    fn armed(&self, now: Moment) -> Option<Moment> {
        self.armed.filter(|armed| now.time <= armed.time.saturating_add(ARM_LIFETIME))
    }
}
