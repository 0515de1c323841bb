//! The kill switch over a backtest's steps: [`ballast_risk::kill_switch`], the contracts' rules without a chain, fed with what each step was.

use crate::{
    book::Position,
    market::{CoinDay, Environment, Market, VenueStep},
};
use ballast_risk::{
    Stablecoin,
    kill_switch::{Cause, Event, Figures, KillSwitch, Moment, Price, Readings, Settings, Subject, Token, Venue},
};
use ballast_types::{Assets, Mode, WAD, Wad, fixed::mul_div_ceil};

/// Seconds between blocks.
pub(crate) const SLOT: u64 = 12;
/// Seconds between Chainlink's rounds for USDC/USD.
const HEARTBEAT: u64 = 86_400;

/// The switch of one vault.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    inner: Option<KillSwitch>,
    /// When the vault began to exit.
    exit_since: Option<u64>,
    now: Moment,
    read: Readings,
    /// What of a venue whose size is not in the data stands for it: the same always, so that it neither grows nor falls.
    unmeasured: Assets,
}

impl Switch {
    pub(crate) fn new(market: &Market) -> Self {
        let tokens = |index: usize| market.coin(index).map(|coin| coin + 1).into_iter().collect();
        let named =
            |(index, venue): (usize, &crate::market::Venue)| Venue { name: venue.id.clone(), tokens: tokens(index) };
        let venues = market.venues.iter().enumerate().map(named).collect();
        let coins = market.exchange.iter().flat_map(|exchange| exchange.coins.iter().copied());
        let listed: Vec<Token> =
            [Stablecoin::Usdc].into_iter().chain(coins).map(|coin| Token::stablecoin(coin, HEARTBEAT)).collect();
        let prices = vec![Price::Fresh(Wad(WAD)); listed.len()];
        Self {
            // A switch whose first token is a stablecoin and whose venues name tokens of the list is never refused.
            inner: KillSwitch::new(Settings::default(), listed, venues).ok(),
            exit_since: None,
            now: Moment::default(),
            read: Readings { prices, venues: vec![Figures::UNREADABLE; market.venues.len()] },
            unmeasured: Assets(1_000_000_000_000_000),
        }
    }

    /// Why nothing may be added anywhere, if so.
    pub(crate) fn stopped(&self) -> Option<Cause> {
        self.inner.as_ref().and_then(|switch| switch.stopped(self.now, &self.read))
    }

    pub(crate) fn mode(&self) -> Mode {
        self.inner.as_ref().map_or(Mode::Normal, KillSwitch::mode)
    }

    pub(crate) fn can_add(&self, venue: usize) -> bool {
        self.inner.is_some() && self.closed(venue).is_none()
    }

    /// Why nothing may be added to a venue, if so.
    pub(crate) fn closed(&self, venue: usize) -> Option<Cause> {
        self.inner.as_ref().and_then(|switch| switch.blocked(venue, self.now, &self.read))
    }

    /// Takes in a step from `start` to `end`: the lowest and the highest prices of the asset and of the venues' coins within it, then how it ended. Says what
    /// happened at the tokens and the venues that are `there`.
    pub(crate) fn observe(
        &mut self,
        (start, end): (u64, u64),
        venues: &[Option<&VenueStep>],
        ours: &[Position],
        environment: &Environment,
        coins: &[CoinDay],
        there: impl Fn(usize) -> bool,
    ) -> Vec<Event> {
        let mut figures = std::mem::take(&mut self.read.venues);
        figures.clear();
        figures.extend(
            venues
                .iter()
                .zip(ours)
                .map(|(step, ours)| step.map_or(Figures::UNREADABLE, |step| self.figures(step, ours.value))),
        );
        self.read.venues = figures;
        let at =
            |edge: Edge| [environment.price(edge)].into_iter().chain(coins.iter().map(move |coin| coin.price(edge)));
        let apart = |edge: &Edge| !at(*edge).eq(at(Edge::Close));
        let extremes = [Edge::Low, Edge::High].into_iter().filter(apart);
        let parts = extremes.clone().count() as u64 + 1;
        let told = |subject: Subject| match subject {
            Subject::Token(_) => true,
            Subject::Venue(venue) => there(venue),
        };
        let mut events = Vec::new();
        for (part, edge) in (1u64..).zip(extremes.chain([Edge::Close])) {
            let time = start + (end - start) * part / parts;
            self.now = Moment { block: time / SLOT, time };
            self.read.prices.clear();
            self.read.prices.extend(at(edge).map(Price::Fresh));
            if let (Some(asset), Some(updated_at)) = (self.read.prices.first_mut(), environment.oracle) {
                *asset = Price::Answer { price: environment.price(edge), updated_at };
            }
            if let Some(switch) = self.inner.as_mut() {
                // Steps follow each other and name every venue, so none is refused.
                events.extend(switch.step_telling(self.now, &self.read, told).unwrap_or_default());
            }
        }
        if self.mode() == Mode::Exit && self.exit_since.is_none() {
            self.exit_since = Some(end);
        }
        events
    }

    fn figures(&self, step: &VenueStep, ours: Assets) -> Figures {
        let supplied = step.supplied.0.saturating_add(ours.0);
        let used = mul_div_ceil(step.borrowed.0, WAD, supplied).unwrap_or(WAD);
        let others = if step.size_measured { step.supplied } else { self.unmeasured };
        Figures::new(others, Wad(used.min(WAD)))
    }

    /// Governance lets the vault work again: `after` seconds from the exit, once nothing holds any more.
    pub(crate) fn resume(&mut self, time: u64, after: u64) {
        let due = self.exit_since.is_some_and(|since| time >= since + after);
        if due && self.inner.as_mut().is_some_and(|switch| switch.reset(self.now, &self.read).is_ok()) {
            self.exit_since = None;
        }
    }
}

/// The venue that an event is about.
pub(crate) fn venue_of(event: &Event) -> Option<usize> {
    match event.subject {
        Subject::Venue(venue) => Some(venue),
        Subject::Token(_) => None,
    }
}

/// Where within a step a price is taken.
#[derive(Clone, Copy, Debug)]
enum Edge {
    Low,
    High,
    Close,
}

impl Environment {
    const fn price(&self, edge: Edge) -> Wad {
        match edge {
            Edge::Low => self.usdc_low,
            Edge::High => self.usdc_high,
            Edge::Close => self.usdc,
        }
    }
}

impl CoinDay {
    const fn price(&self, edge: Edge) -> Wad {
        match edge {
            Edge::Low => self.low,
            Edge::High => self.high,
            Edge::Close => self.close,
        }
    }
}
