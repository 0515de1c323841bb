//! One plan through a period, step by step: look at what is known, decide, pay, move, earn, lose.
//!
//! A decision at the beginning of a step sees the step before it and nothing later. What it leads to happens in the step itself: at its gas price,
//! within what could be withdrawn in it, at its rates with our own money in them. So nothing can look ahead: what has not been is not handed out.

mod desk;
mod earn;
mod moves;
mod run;

pub use run::{ExitReport, RetreatReport, Run};

use crate::{
    book::{Book, Ledger},
    market::{Environment, Market, VenueStep},
    observe::{self, History},
    outlook::outlook,
    policy::{Baseline, Plan},
    quoter::Quoter,
    rules::Rules,
    screen::{self, Known, Scene, Screen},
    switch::Switch,
};
use ballast_allocator::{decide_swapping, swaps::NoSwaps};
use ballast_risk::MAX_CHECKPOINT_AGE;
use ballast_types::{Assets, Bps, GateId, Mode, Outlook, Policy, WAD, fixed::mul_div_ceil, fixed::mul_div_floor};
use desk::Desk;
use std::collections::BTreeMap;
use std::ops::Range;

/// Runs `plan` over the steps of `period` with `capital`.
#[must_use]
pub fn simulate(market: &Market, period: Range<usize>, capital: Assets, name: &str, plan: &Plan, rules: &Rules) -> Run {
    Engine::new(market, capital, name, plan, rules).over(period)
}

/// As [`simulate`], asking for a decision also where it is known beforehand: what the other is held against.
#[must_use]
pub fn simulate_unscreened(
    market: &Market,
    period: Range<usize>,
    capital: Assets,
    name: &str,
    plan: &Plan,
    rules: &Rules,
) -> Run {
    let mut engine = Engine::new(market, capital, name, plan, rules);
    engine.screen = None;
    engine.over(period)
}

/// What is stuck is asked for again once a hundredth of it comes out: a call costs gas.
const WORTH_ASKING_AGAIN: u128 = 100;

struct Engine<'a> {
    market: &'a Market,
    plan: &'a Plan,
    rules: &'a Rules,
    book: Book,
    history: History,
    switch: Switch,
    screen: Option<Screen<'a>>,
    /// Where the venues of other coins are reached; `None` if there are none.
    desk: Option<Desk<'a>>,
    /// The step at hand.
    step: usize,
    /// By venue: steps since its last value, `None` before the first.
    silence: Vec<Option<usize>>,
    /// By venue: its last value.
    last: Vec<Option<&'a VenueStep>>,
    /// Until when the venues' sizes were to be observed, Unix seconds; the deployment observes them.
    observed_until: u64,
    run: Run,
}

impl<'a> Engine<'a> {
    fn new(market: &'a Market, capital: Assets, name: &str, plan: &'a Plan, rules: &'a Rules) -> Self {
        let venues = market.venues.len();
        Self {
            market,
            plan,
            rules,
            book: Book::new(capital, venues),
            history: History::default(),
            switch: Switch::new(market),
            screen: match plan {
                // What swaps cost is no part of what is known beforehand.
                Plan::Decide(policy) if market.exchange.is_none() => {
                    Screen::new(policy, (0..venues).map(observe::adapter))
                }
                _ => None,
            },
            desk: market.exchange.as_ref().map(Desk::new),
            step: 0,
            silence: vec![None; venues],
            last: vec![None; venues],
            observed_until: 0,
            run: Run {
                name: name.to_owned(),
                capital,
                equity: Vec::new(),
                positions: Vec::new(),
                ledger: Ledger::default(),
                rebalances: 0,
                illiquid: 0,
                turnover: Assets::ZERO,
                gas_usd: 0,
                holds: BTreeMap::new(),
                exits: Vec::new(),
                retreats: Vec::new(),
                events: Vec::new(),
                mode: Mode::Normal,
                ended: 0,
            },
        }
    }

    fn over(mut self, period: Range<usize>) -> Run {
        self.observed_until = self.market.time(period.start);
        for step in period {
            self.step(step);
        }
        self.run.ledger = self.book.ledger;
        self.run.mode = self.switch.mode();
        self.run
    }

    fn step(&mut self, step: usize) {
        let Some(now) = self.market.environment.get(step) else { return };
        self.step = step;
        let time = self.market.time(step);
        let real: Vec<Option<&'a VenueStep>> = self.values(step);
        if let Some(before) = step.checked_sub(1) {
            let paid_out = self.look(before);
            // How often is a matter of the vault's policies; baselines look every step and move seldom.
            let due = (step as u64).is_multiple_of(self.rules.decide_every.max(1));
            if due || !matches!(self.plan, Plan::Decide(_)) {
                self.decide(before, time, now, &real, paid_out);
            }
        }
        self.reprice(step);
        self.earn(step, &real, now);
        self.end(step, time, now, &real);
        self.run.equity.push(self.book.nav());
        self.run.positions.push(self.book.positions.iter().map(|position| position.value).collect());
    }

    fn values(&self, step: usize) -> Vec<Option<&'a VenueStep>> {
        self.market.venues.iter().map(|venue| venue.steps.get(step).and_then(Option::as_ref)).collect()
    }

    /// Takes in the step before; a venue that has been silent for too long pays out and is gone.
    fn look(&mut self, before: usize) -> bool {
        let ended = self.run.ended;
        for (venue, series) in self.market.venues.iter().enumerate() {
            match series.steps.get(before).and_then(Option::as_ref) {
                Some(value) => {
                    self.silence[venue] = Some(0);
                    self.last[venue] = Some(value);
                }
                None => {
                    let silence = self.silence[venue].map(|silence| silence + 1);
                    self.silence[venue] = silence.filter(|silence| *silence <= self.rules.max_gap);
                    if silence.is_some() && self.silence[venue].is_none() {
                        self.last[venue] = None;
                        let held = self.book.positions[venue].value;
                        if held != Assets::ZERO {
                            // Coins leave at the last price there is.
                            if self.shift((venue, held, Assets::ZERO)).is_none() {
                                continue;
                            }
                            self.run.ended += 1;
                        }
                        self.book.positions[venue] = Default::default();
                    }
                }
            }
        }
        self.run.ended > ended
    }

    fn decide(&mut self, before: usize, time: u64, now: &Environment, real: &[Option<&VenueStep>], paid_out: bool) {
        let Some(known_environment) = self.market.environment.get(before) else { return };
        let known: Vec<Option<&VenueStep>> =
            self.last.iter().zip(&self.silence).map(|(last, silence)| last.filter(|_| *silence == Some(0))).collect();
        let Plan::Decide(policy) = self.plan else {
            let positions: Vec<Assets> = self.book.positions.iter().map(|position| position.value).collect();
            let view =
                Baseline { known: &known, positions: &positions, nav: self.book.nav(), idle: self.book.idle, paid_out };
            if let Some(goals) = self.plan.baseline(&view) {
                self.carry_out(&goals, now, real);
            }
            return;
        };
        self.switch.resume(time, self.rules.resume_after);
        let listed: Vec<bool> = self.silence.iter().map(Option::is_some).collect();
        if !listed.contains(&true) {
            return;
        }
        let scene = Scene {
            time,
            known: &known,
            listed: &listed,
            environment: known_environment,
            book: &self.book,
            rules: self.rules,
            history: &self.history,
            switch: &self.switch,
        };
        let foreseen = self.screen.as_ref().and_then(|screen| screen.known(&scene));
        if let Some(Known::Refused(refused)) = foreseen {
            *self.run.holds.entry(gate(refused)).or_default() += 1;
            return;
        }
        let seen = observe::snapshot(
            self.market,
            time,
            &known,
            &listed,
            (known_environment, self.market.exchange.as_ref().and_then(|exchange| exchange.days.get(before))),
            &self.book,
            (self.rules, &self.history, &self.switch),
        );
        let judged = self.rules.scores.as_ref().map(|scores| scores.judged(policy, before + 1));
        let policy: &Policy = judged.as_ref().unwrap_or(policy);
        if foreseen == Some(Known::PaysForNothing) && screen::finds_a_move(&seen, policy) {
            *self.run.holds.entry(gate(GateId::Gain)).or_default() += 1;
            return;
        }
        let outlook = if policy.strategy.needs_outlook() {
            outlook(self.market, before + 1, &listed)
        } else {
            Outlook::default()
        };
        let exchange = self.market.exchange.as_ref();
        let pool = exchange.and_then(|exchange| Some((exchange, exchange.days.get(before)?)));
        let decision = match pool {
            Some((exchange, day)) => {
                let quoter = Quoter::new(exchange, day, &self.book.positions, policy.slippage);
                decide_swapping(&seen, policy, &outlook, &quoter)
            }
            None => decide_swapping(&seen, policy, &outlook, &NoSwaps),
        };
        if let Some(refused) = decision.refusals().next() {
            *self.run.holds.entry(gate(refused.id)).or_default() += 1;
        }
        if decision.targets().is_empty() {
            return;
        }
        let mut goals: Vec<Assets> = self.book.positions.iter().map(|position| position.value).collect();
        let nav = self.book.nav();
        let mut stored: Vec<(usize, Bps, Assets)> = Vec::new();
        for target in decision.targets() {
            if let Some(venue) = (0..goals.len()).find(|venue| observe::adapter(*venue) == target.adapter) {
                stored.push((venue, target.bps, goals[venue]));
                goals[venue] = nav.share(target.bps);
            }
        }
        let adds = stored.iter().any(|(venue, _, from)| goals[*venue] > *from);
        if self.carry_out(&goals, now, real) {
            let pair = self.rules.upkeep.pair_gas;
            let fresh = time <= self.observed_until.saturating_add(MAX_CHECKPOINT_AGE);
            if adds && !(fresh && self.rules.upkeep.by_clock(Rules::cost(pair, now), nav).is_some()) {
                self.book.ledger.upkeep.0 += self.pay_gas(pair, now).0;
            }
            for (venue, bps, from) in stored {
                let added = Assets(goals[venue].0.saturating_sub(from.0));
                let drained = seen.venues.iter().find(|state| state.adapter == observe::adapter(venue));
                let position = &mut self.book.positions[venue];
                position.target = bps;
                let more =
                    mul_div_ceil(added.0, 10_000, nav.0).and_then(|bps| u16::try_from(bps).ok()).unwrap_or(u16::MAX);
                position.flow_used = Bps(drained.map_or(0, |state| state.flow_used.0).saturating_add(more));
                position.flow_time = time;
            }
            self.history.recent.rotate_right(1);
            self.history.recent[0] = time;
            self.history.nonce += 1;
        }
    }

    /// Failures of venues, and what the switch makes of the step.
    fn end(&mut self, step: usize, time: u64, now: &Environment, real: &[Option<&VenueStep>]) {
        for (venue, value) in real.iter().enumerate() {
            let Some(haircut) = value.map(|value| value.haircut).filter(|haircut| haircut.0 > 0) else { continue };
            if let Some(coin) = self.market.coin(venue) {
                let coins = self.book.positions[venue].coins;
                let lost = mul_div_ceil(coins, haircut.0, WAD).unwrap_or(coins).min(coins);
                let (before, after) = self.set_coins(venue, coin, coins - lost);
                self.book.ledger.losses.0 += before.saturating_sub(after).0;
                self.mark();
                continue;
            }
            let position = &mut self.book.positions[venue];
            let lost = mul_div_ceil(position.value.0, haircut.0, WAD).unwrap_or(position.value.0).min(position.value.0);
            position.value.0 -= lost;
            self.book.ledger.losses.0 += lost;
        }
        if !matches!(self.plan, Plan::Decide(_)) {
            return;
        }
        let coins = self.market.exchange.as_ref().and_then(|exchange| exchange.days.get(step));
        let coins = coins.map_or(&[][..], |day| day.coins.as_slice());
        let there = |venue: usize| self.silence.get(venue).is_some_and(Option::is_some);
        let span = (time, time + self.market.step);
        let events = self.switch.observe(span, real, &self.book.positions, now, coins, there);
        self.run.events.extend(events.into_iter().map(|event| (step, event)));
        if self.switch.mode() == Mode::Exit {
            self.exit(step, now, real);
        } else {
            self.retreat(step, now, real);
        }
    }

    /// Takes what can be had out of venues that are closed for a reason to leave. One whose state is not in the data is not judged.
    fn retreat(&mut self, step: usize, now: &Environment, real: &[Option<&VenueStep>]) {
        let gas = self.rules.gas(1);
        for venue in 0..self.book.positions.len() {
            let Some(there) = real.get(venue).copied().flatten() else { continue };
            let Some(cause) = self.switch.closed(venue) else { continue };
            if !self.rules.retreat.causes.contains(&cause) {
                continue;
            }
            let held = self.book.positions[venue].value;
            let cost = Rules::cost(gas, now);
            let Some(out) = self.rules.retreat.take(held, there.withdrawable(held), Some(cost)) else { continue };
            let Some(out) = self.shift((venue, held, held.saturating_sub(out))) else { continue };
            let stuck = self.book.positions[venue].value;
            // As the hub stores it: what is left, if that is less than was aimed at.
            let left = mul_div_floor(stuck.0, 10_000, self.book.nav().0).and_then(|bps| u16::try_from(bps).ok());
            let position = &mut self.book.positions[venue];
            position.target = position.target.min(Bps(left.unwrap_or_default()));
            self.run.turnover.0 += out.0;
            self.book.ledger.gas.0 += self.pay_gas(gas, now).0;
            self.run.retreats.push(RetreatReport { step, venue, cause, out, stuck });
        }
    }

    /// Takes out of every venue what it pays; what it does not is asked for again in the next step.
    fn exit(&mut self, step: usize, now: &Environment, real: &[Option<&VenueStep>]) {
        let outs: Vec<Assets> = self
            .book
            .positions
            .iter()
            .enumerate()
            .map(|(venue, position)| {
                let there = real.get(venue).copied().flatten().or(self.last[venue]);
                there.map_or(Assets::ZERO, |step| step.withdrawable(position.value))
            })
            .collect();
        let held: u128 = self.book.positions.iter().map(|position| position.value.0).sum();
        let out: u128 = outs.iter().map(|out| out.0).sum();
        let mut report = ExitReport { step, out: Assets(out), stuck: Assets(held - out) };
        let again = self.run.exits.last().is_some_and(|last| last.stuck != Assets::ZERO);
        if out == 0 || (again && out < report.stuck.0 / WORTH_ASKING_AGAIN) {
            return;
        }
        let before = self.book.idle;
        let values: Vec<Assets> = self.book.positions.iter().map(|position| position.value).collect();
        for (venue, (out, value)) in outs.iter().zip(values).enumerate() {
            self.shift((venue, value, value.saturating_sub(*out)));
        }
        report.out = self.book.idle.saturating_sub(before);
        self.run.turnover.0 += out;
        let legs = outs.iter().filter(|out| **out != Assets::ZERO).count();
        self.book.ledger.gas.0 += self.pay_gas(self.rules.gas(legs), now).0;
        self.run.exits.push(report);
    }

    /// Pays for gas at the prices of a step; as much as there is.
    fn pay_gas(&mut self, gas: u64, now: &Environment) -> Assets {
        let cost = Rules::cost(gas, now);
        self.raise(cost);
        self.run.gas_usd += mul_div_floor(cost.0, now.usdc.0, WAD).unwrap_or_default();
        self.book.pay(cost)
    }
}

fn gate(id: GateId) -> String {
    id.to_string()
}
