//! What a scenario is: what happens when, and what must come of it.

use ballast_risk::kill_switch::{Subject, Trigger};
use serde::Serialize;

/// One dollar in the eight decimals of a feed.
pub(super) const DOLLAR: i64 = ballast_devnet::market::USD;

/// The devnet's venues, in the order in which the vault lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Aave,
    Morpho,
    AavePrime,
    MorphoPrime,
}

impl Place {
    pub(super) const ALL: [Self; 4] = [Self::Aave, Self::Morpho, Self::AavePrime, Self::MorphoPrime];

    /// Its place in the vault's list, hence in the switch's model.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// Something that happens. Prices are in the eight decimals of a feed, amounts in base units of USDC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The asset's feed answers a new round, which is also what the asset is worth. Not positive: only the feed says so.
    Round(i64),
    /// A round that was started and carried over from an earlier one.
    CarriedOver,
    /// A round stamped an hour ahead.
    FromTheFuture,
    /// From now on the feed reverts, or answers again.
    FeedReverts(bool),
    /// Borrowers draw until only so much can be withdrawn.
    LendOut { place: Place, left: u64 },
    /// Borrowers repay.
    Repay { place: Place, amount: u64 },
    /// Other depositors leave until the venue is this much smaller than the checkpoint that the switch measures by, basis points.
    Leave { place: Place, bps: u64 },
    /// The administrators of an Aave pause it, so that nothing can be withdrawn, or let it go on.
    Pause { place: Place, paused: bool },
    /// The venue reverts whatever it is asked, by its depositors as well.
    Break(Place),
    /// The share token of an Aave reverts whatever it is asked; its pool still answers.
    BreakToken(Place),
    /// Nothing: the chain's clock is looked at.
    Wait,
}

/// One course of events.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) id: String,
    /// In words.
    pub(super) what: String,
    /// What precedes the event.
    pub(super) setup: Vec<Change>,
    /// Seconds after the event, and what happens then; in order.
    pub(super) timeline: Vec<(u64, Change)>,
    /// Seconds for which the chain goes on after the last of it.
    pub(super) watch: u64,
    /// What must trip, and nothing else may.
    pub(super) expects: Vec<(Trigger, Subject)>,
    /// Where money may still be when it is over, although the vault exits.
    pub(super) stays: Vec<Place>,
}

impl Scenario {
    pub(super) fn new(id: &str, what: &str, timeline: Vec<(u64, Change)>) -> Self {
        let (id, what) = (id.to_owned(), what.to_owned());
        Self { id, what, setup: Vec::new(), timeline, watch: 120, expects: Vec::new(), stays: Vec::new() }
    }

    pub(super) fn after(mut self, setup: Vec<Change>) -> Self {
        self.setup = setup;
        self
    }

    pub(super) const fn watched_for(mut self, seconds: u64) -> Self {
        self.watch = seconds;
        self
    }

    pub(super) fn trips_asset(mut self, trigger: Trigger) -> Self {
        self.expects.push((trigger, Subject::Token(0)));
        self
    }

    pub(super) fn trips(mut self, trigger: Trigger, place: Place) -> Self {
        self.expects.push((trigger, Subject::Venue(place.index())));
        self
    }

    pub(super) fn stuck_in(mut self, place: Place) -> Self {
        self.stays.push(place);
        self
    }
}

/// As a person says it.
pub(super) fn told(trigger: Trigger, subject: Subject) -> String {
    let trigger = format!("{trigger:?}").to_lowercase();
    match subject {
        Subject::Token(_) => trigger,
        Subject::Venue(index) => Place::ALL
            .get(index)
            .map_or_else(|| format!("{trigger} of venue {index}"), |place| format!("{trigger} of {place:?}")),
    }
}
