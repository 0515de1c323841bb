//! Steps on which the answer is known before it is asked for.
//!
//! On most days no permitted move yields more than what there is. [`ballast_allocator::bound`] can often tell without a search; where everything
//! that [`ballast_allocator::decide`] asks first would pass, the decision is then to hold, refused by [`GateId::Limits`] first, and neither a snapshot nor
//! its gates' texts need be made; no more than where the switch has stopped all additions or a venue has no value. Whatever is not plain
//! here is decided as ever: `tests/screen.rs` holds runs with and without this against each other.

use crate::{
    book::Book,
    market::{Environment, VenueStep},
    observe::{BAND, FEED_UNIT, History},
    rules::Rules,
    switch::Switch,
};
use ballast_allocator::{
    bound::{self, Bound, Vault},
    economics, projector, rates,
    yields::{MAX_AMOUNT, VenueModel},
};
use ballast_risk::{HubView, next_allowed};
use ballast_types::{Address, Assets, Bps, GateId, LargeMoves, Mode, Policy, Snapshot, Strategy, WAD, Wad};

/// What of a policy counts, looked up once.
#[derive(Clone, Debug)]
pub(crate) struct Screen<'a> {
    policy: &'a Policy,
    /// By venue of the market: the part of NAV that it may have, if it may be added to.
    addable: Vec<Option<Bps>>,
}

/// What is certain of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is to hold, and this gate is the first that refuses.
    Refused(GateId),
    /// It is to hold: if a move is found, [`GateId::Gain`] refuses it.
    PaysForNothing,
}

/// What a decision would be about.
pub(crate) struct Scene<'a> {
    pub(crate) time: u64,
    /// By venue: what it was in the step before, if there is a value of it.
    pub(crate) known: &'a [Option<&'a VenueStep>],
    /// By venue: whether the vault lists it.
    pub(crate) listed: &'a [bool],
    pub(crate) environment: &'a Environment,
    pub(crate) book: &'a Book,
    pub(crate) rules: &'a Rules,
    pub(crate) history: &'a History,
    pub(crate) switch: &'a Switch,
}

impl<'a> Screen<'a> {
    /// `None` for a policy about which nothing is known beforehand.
    pub(crate) fn new(policy: &'a Policy, adapters: impl Iterator<Item = Address>) -> Option<Self> {
        if policy.strategy != Strategy::Convex || policy.validate().is_err() {
            return None;
        }
        let addable = adapters
            .map(|adapter| {
                let judged = policy.venue(adapter)?;
                (judged.risk_score < policy.max_risk_score).then_some(judged.max_position)
            })
            .collect();
        Some(Self { policy, addable })
    }

    /// What is certain of the decision, if anything.
    pub(crate) fn known(&self, scene: &Scene<'_>) -> Option<Known> {
        let nav = scene.book.nav();
        (nav > Assets::ZERO && nav <= MAX_AMOUNT && scene.time > 0).then_some(())?;
        if scene.switch.mode() != Mode::Normal || scene.switch.stopped().is_some() {
            return Some(Known::Refused(GateId::KillSwitch));
        }
        self.plain(scene).then_some(())?;
        if scene.known.iter().zip(scene.listed).any(|(known, listed)| *listed && known.is_none()) {
            return Some(Known::Refused(GateId::Venues));
        }
        let mut steps: Vec<&VenueStep> = Vec::with_capacity(scene.known.len());
        let mut venues: Vec<bound::Venue> = Vec::with_capacity(scene.known.len());
        for (index, position) in scene.book.positions.iter().enumerate() {
            if !scene.listed[index] {
                continue;
            }
            let step = scene.known[index]?;
            sound(step, position.value).then_some(())?;
            steps.push(step);
            let deposited = Assets(step.supplied.0.saturating_add(position.value.0));
            venues.push(bound::Venue {
                value: position.value,
                stored: position.target,
                size: step.supplied,
                deposited,
                lent: step.borrowed.min(deposited),
                addable: self.addable[index].filter(|_| scene.switch.can_add(index)),
            });
        }
        let vault = Vault { nav, limits: &scene.rules.limits, policy: self.policy };
        let bound = bound::bound(&vault, &venues, |venue, position| Some(steps[venue].rate_with(position)))?;
        if bound.most <= bound.present {
            return Some(Known::Refused(GateId::Limits));
        }
        // A policy that divides large moves may find a better one and then none that is small enough.
        let divides = self.policy.large_moves == LargeMoves::Divide;
        (!divides && self.too_little(&bound, nav, scene.environment)?).then_some(Known::PaysForNothing)
    }

    /// Whether even the most that a move may add does not pay for it, by the numbers of [`GateId::Gain`].
    fn too_little(&self, bound: &Bound, nav: Assets, environment: &Environment) -> Option<bool> {
        let policy = self.policy;
        let gain = economics::earned(bound.gain(), policy.horizon)?;
        let fee = environment.gas_price.checked_add(policy.priority_fee)?;
        let (eth_usd, usdc) = (as_fed(environment.eth_usd), as_fed(environment.usdc));
        let gas = economics::gas_cost(policy.expected_gas, fee, eth_usd, usdc)?;
        let required = economics::required(nav, policy.min_gain, policy.horizon)?;
        Some(gain <= gas.checked_add(required)?)
    }

    /// Nothing speaks against a decision, and it is time for one.
    fn plain(&self, scene: &Scene<'_>) -> bool {
        let Scene { time, environment, rules, history, .. } = scene;
        let usdc = as_fed(environment.usdc);
        let prices = environment.oracle.is_none()
            && (BAND.0..=BAND.1).contains(&usdc)
            && (FEED_UNIT..WAD * 1_000_000).contains(&environment.eth_usd.0);
        prices && *time >= next_allowed(&history.recent, rules.limits.cooldown)
    }
}

/// Whether it is certain that a decision about the snapshot, which is to hold at best, finds a move at all.
pub(crate) fn finds_a_move(seen: &Snapshot, policy: &Policy) -> bool {
    let models: Option<Vec<VenueModel<'_>>> =
        seen.venues.iter().map(|venue| VenueModel::new(&venue.reading).ok()).collect();
    models.is_some_and(|models| projector::improves(&HubView::from_snapshot(seen), &models, policy))
}

/// A price as its feed gives it.
const fn as_fed(price: Wad) -> Wad {
    Wad(price.0 / FEED_UNIT * FEED_UNIT)
}

/// Every number of it is in the range in which its rate is defined, and it can be told that it falls.
fn sound(step: &VenueStep, ours: Assets) -> bool {
    step.supplied.checked_add(ours).is_some_and(|supplied| supplied <= MAX_AMOUNT)
        && step.borrowed <= MAX_AMOUNT
        && step.fee.0 <= WAD
        && rates::check(&step.curve).is_ok()
}
