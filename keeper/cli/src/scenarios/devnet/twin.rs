//! The switch as a value beside the switch as contracts: the same readings, and therefore the same answers and the same trips.

use super::{
    sight::{Answer, CANDIDATES, Sight, address_of, trigger_id},
    timeline::{Place, told},
};
use crate::local::amount;
use alloy::{primitives::Address, rpc::types::TransactionReceipt, sol_types::SolEvent};
use ballast_chain::bindings::KillSwitchManager;
use ballast_devnet::{address_book::AddressBook, market::Market};
use ballast_risk::{
    Stablecoin,
    kill_switch::{
        Condition, Event, Figures, KillSwitch, Moment, Readings, Settings, Stage, Subject, Token, Trigger, Venue,
    },
};
use ballast_types::{Assets, Mode};
use eyre::{OptionExt, ensure};
use serde::Serialize;

/// An arming or a trip, as the contract's event tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Logged {
    pub(super) block: u64,
    pub(super) time: u64,
    pub(super) trigger: Trigger,
    pub(super) subject: Subject,
    pub(super) stage: Stage,
    #[serde(skip)]
    evidence: Option<(u128, u128)>,
    #[serde(skip)]
    blocked_until: Option<u64>,
    #[serde(skip)]
    mode: Option<u8>,
}

/// Two models. One is told of each call that the contracts took, in its block. The other is only shown what the feeds and the venues
/// say, and must come to the same trips by itself.
#[derive(Clone, Debug)]
pub(super) struct Twin {
    lockstep: KillSwitch,
    watcher: KillSwitch,
    foreseen: Vec<Event>,
}

impl Twin {
    /// With the parameters and the checkpoints that the contracts have now.
    pub(super) async fn of(market: &Market<'_>, book: &AddressBook, now: Moment) -> eyre::Result<Self> {
        let (switch, usdc) = (book.contracts.kill_switch, book.protocols.usdc);
        let condition = async |trigger| {
            let call = KillSwitchManager::conditionsCall { trigger: trigger_id(trigger) };
            let read = market.read(switch, call).await?;
            let (threshold, cooldown) = (amount(read.threshold)?, read.cooldownPeriod.to());
            eyre::Ok(Condition { active: read.isActive, threshold, cooldown })
        };
        let settings = Settings {
            peg: condition(Trigger::Peg).await?,
            tvl: condition(Trigger::Tvl).await?,
            utilisation: condition(Trigger::Utilisation).await?,
            oracle: condition(Trigger::Oracle).await?,
            governance: condition(Trigger::Governance).await?,
        };
        let feed = market.read(switch, KillSwitchManager::feedsCall { token: usdc }).await?;
        let tokens = vec![Token::stablecoin(Stablecoin::Usdc, u64::from(feed.heartbeat))];
        let venues = book.venues.iter().map(|venue| Venue { name: venue.name.clone(), tokens: Vec::new() });
        let mut model = KillSwitch::new(settings, tokens, venues.collect())?;
        for place in Place::ALL {
            let adapter = address_of(book, Subject::Venue(place.index()))?;
            let status = market.read(switch, KillSwitchManager::venueStatusCall { adapter }).await?;
            let mut checkpoints: Vec<(u64, u64, u128)> = Vec::new();
            for checkpoint in status.checkpoints.iter().filter(|checkpoint| !checkpoint.time.is_zero()) {
                checkpoints.push((checkpoint.blockNumber.to(), checkpoint.time.to(), checkpoint.size.to()));
            }
            checkpoints.sort_unstable();
            for (block, time, size) in checkpoints {
                // A checkpoint is the lower of two observations in two blocks.
                for (block, time) in [(block - 1, time - 1), (block, time)] {
                    model.observe(Moment { block, time }, &only(place.index(), book.venues.len(), size));
                }
            }
            let settled = market.read(switch, KillSwitchManager::settledSizeCall { adapter }).await?;
            ensure!(
                model.settled_size(place.index(), now).0 == amount(settled)?,
                "the model's checkpoint of {place:?} is not the contract's"
            );
        }
        Ok(Self { lockstep: model.clone(), watcher: model, foreseen: Vec::new() })
    }

    /// Shows the models a block. What the one would answer to each trip in the next block must be what the contracts answer.
    pub(super) fn see(&mut self, head: &Sight, next: &Sight) -> eyre::Result<Vec<String>> {
        self.foreseen.extend(self.watcher.step(head.moment, head.readings.clone())?);
        let mut different = Vec::new();
        for ((trigger, subject), contract) in CANDIDATES.into_iter().zip(&next.answers) {
            let model = match self.lockstep.clone().trip(trigger, subject, next.moment, &next.readings) {
                Ok(_) => Answer::Taken,
                Err(refusal) => Answer::from(&refusal),
            };
            if model != *contract {
                let what = told(trigger, subject);
                different.push(format!("block {}, {what}: {contract:?}, the model {model:?}", next.moment.block));
            }
        }
        Ok(different)
    }

    /// A trip was taken in the block that `next` foretold. The model must have logged the same.
    pub(super) fn took(&mut self, logged: &Logged, next: &Sight) -> Result<(), String> {
        let what = format!("block {}, {}", logged.block, told(logged.trigger, logged.subject));
        if (logged.block, logged.time) != (next.moment.block, next.moment.time) {
            return Err(format!("{what}: expected in block {} at {}", next.moment.block, next.moment.time));
        }
        let model = self.lockstep.trip(logged.trigger, logged.subject, next.moment, &next.readings);
        let model = model.map_err(|refusal| format!("{what}: taken, the model says {refusal}"))?;
        let mode = match model.mode {
            Mode::Normal => 0,
            Mode::ReduceOnly => 1,
            Mode::Exit => 2,
        };
        let same = model.stage == logged.stage
            && logged.evidence.is_none_or(|evidence| evidence == (model.measured, model.bound))
            && logged.blocked_until.is_none_or(|until| until == model.blocked_until)
            && logged.mode.is_none_or(|contract| contract == mode);
        if same { Ok(()) } else { Err(format!("{what}: {logged:?}, the model {model:?}")) }
    }

    /// What of the contracts' armings and trips the other model did not foresee at most a block before, and the reverse.
    pub(super) fn unforeseen(&self, logged: &[Logged]) -> Vec<String> {
        let mut contract: Vec<_> =
            logged.iter().map(|event| (event.trigger, event.subject, event.block, event.stage)).collect();
        let mut model: Vec<_> =
            self.foreseen.iter().map(|event| (event.trigger, event.subject, event.at.block, event.stage)).collect();
        contract.sort_unstable_by_key(|(trigger, subject, block, _)| (*trigger, *subject, *block));
        model.sort_unstable_by_key(|(trigger, subject, block, _)| (*trigger, *subject, *block));
        let same = contract.len() == model.len()
            && contract.iter().zip(&model).all(|(contract, model)| {
                (contract.0, contract.1, contract.3) == (model.0, model.1, model.3)
                    && contract.2.checked_sub(model.2).is_some_and(|late| late <= 1)
            });
        if same { Vec::new() } else { vec![format!("the contracts' {contract:?}, the model's {model:?}")] }
    }
}

fn only(venue: usize, venues: usize, size: u128) -> Readings {
    let figures = |index| Figures { others: (index == venue).then_some(Assets(size)), utilisation: None };
    Readings { prices: Vec::new(), venues: (0..venues).map(figures).collect() }
}

/// What the switch logged in a transaction.
pub(super) fn logged(book: &AddressBook, receipt: &TransactionReceipt, time: u64) -> eyre::Result<Vec<Logged>> {
    let block = receipt.block_number.ok_or_eyre("no block")?;
    let mut found = Vec::new();
    for log in receipt.logs().iter().filter(|log| log.address() == book.contracts.kill_switch) {
        let plain = |trigger, subject, stage| {
            eyre::Ok(Logged {
                block,
                time,
                trigger: trigger_of(trigger)?,
                subject: subject_of(book, subject)?,
                stage,
                evidence: None,
                blocked_until: None,
                mode: None,
            })
        };
        if let Ok(event) = KillSwitchManager::Tripped::decode_log(&log.inner) {
            found.push(Logged { mode: Some(event.mode), ..plain(event.trigger, event.subject, Stage::Tripped)? });
        } else if let Ok(event) = KillSwitchManager::Armed::decode_log(&log.inner) {
            let evidence = Some((amount(event.measured)?, amount(event.bound)?));
            found.push(Logged { evidence, ..plain(event.trigger, event.adapter, Stage::Armed)? });
        } else if let Ok(event) = KillSwitchManager::VenueTripped::decode_log(&log.inner) {
            let evidence = Some((amount(event.measured)?, amount(event.bound)?));
            let blocked_until = Some(event.blockedUntil.to());
            found.push(Logged { evidence, blocked_until, ..plain(event.trigger, event.adapter, Stage::Tripped)? });
        }
    }
    Ok(found)
}

fn trigger_of(id: u8) -> eyre::Result<Trigger> {
    let known = [Trigger::Peg, Trigger::Tvl, Trigger::Utilisation, Trigger::Oracle, Trigger::Governance];
    known.into_iter().find(|trigger| trigger_id(*trigger) == id).ok_or_eyre("a trigger that there is not")
}

fn subject_of(book: &AddressBook, address: Address) -> eyre::Result<Subject> {
    if address == book.protocols.usdc {
        return Ok(Subject::Token(0));
    }
    let place = book.venues.iter().position(|venue| venue.adapter == address);
    Ok(Subject::Venue(place.ok_or_eyre("a venue that is not listed")?))
}
