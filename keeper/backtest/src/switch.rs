//! The kill switch over a backtest's steps: [`ballast_risk::kill_switch`], the contracts' rules without a chain, fed with what each step was.

use crate::market::{CoinDay, Environment, Market, VenueStep};
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

    /// Takes in a step from `start` to `end`: the lowest and the highest prices of the asset and of the venues' coins within it, then how it ended. `ours` is
    /// what we hold.
    pub(crate) fn observe(
        &mut self,
        (start, end): (u64, u64),
        venues: &[Option<&VenueStep>],
        ours: &[Assets],
        environment: &Environment,
        coins: &[CoinDay],
    ) -> Vec<Event> {
        let read = |step: &Option<&VenueStep>, ours: &Assets| {
            step.map_or(Figures::UNREADABLE, |step| self.figures(step, *ours))
        };
        self.read.venues = venues.iter().zip(ours).map(|(step, ours)| read(step, ours)).collect();
        let of = |usdc: Wad, coin: fn(&CoinDay) -> Wad| -> Vec<Wad> {
            [usdc].into_iter().chain(coins.iter().map(coin)).collect()
        };
        let closes = of(environment.usdc, |coin| coin.close);
        let extremes = [of(environment.usdc_low, |coin| coin.low), of(environment.usdc_high, |coin| coin.high)];
        let mut prices: Vec<Vec<Wad>> = extremes.into_iter().filter(|extreme| *extreme != closes).collect();
        prices.push(closes);
        let mut events = Vec::new();
        let parts = prices.len() as u64;
        for (part, at) in (1u64..).zip(prices) {
            let time = start + (end - start) * part / parts;
            self.now = Moment { block: time / SLOT, time };
            let mut prices: Vec<Price> = at.iter().map(|price| Price::Fresh(*price)).collect();
            if let (Some(asset), Some(price), Some(updated_at)) = (prices.first_mut(), at.first(), environment.oracle) {
                *asset = Price::Answer { price: *price, updated_at };
            }
            self.read.prices = prices;
            if let Some(switch) = self.inner.as_mut() {
                // Steps follow each other and name every venue, so none is refused.
                events.extend(switch.step(self.now, self.read.clone()).unwrap_or_default());
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
