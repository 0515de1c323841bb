//! One look at the switch: what it finds at a block, and what it would answer to every trip.

use super::timeline::Place;
use crate::local::amount;
use alloy::{
    eips::BlockId,
    network::TransactionBuilder,
    primitives::{Address, Bytes, I256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolError},
};
use ballast_chain::bindings::{IAggregatorV3, IERC20, IMulticall3, KillSwitchManager, MULTICALL3, Vault};
use ballast_devnet::address_book::AddressBook;
use ballast_risk::kill_switch::{Figures, Moment, Price, Readings, Refusal, Subject, Trigger};
use ballast_types::{Assets, Wad};
use eyre::{OptionExt, ensure};

/// `PegStatus.Unhealthy` and `PegStatus.Kill` of the contracts.
const UNHEALTHY: u8 = 0;
const KILL: u8 = 4;
/// From a feed's eight decimals to eighteen.
const WAD_PER_ANSWER: u128 = 10_000_000_000;

/// Everything that can be tripped: of the asset, then of each venue.
pub(super) const CANDIDATES: [(Trigger, Subject); 10] = [
    (Trigger::Peg, Subject::Token(0)),
    (Trigger::Oracle, Subject::Token(0)),
    (Trigger::Tvl, Subject::Venue(0)),
    (Trigger::Utilisation, Subject::Venue(0)),
    (Trigger::Tvl, Subject::Venue(1)),
    (Trigger::Utilisation, Subject::Venue(1)),
    (Trigger::Tvl, Subject::Venue(2)),
    (Trigger::Utilisation, Subject::Venue(2)),
    (Trigger::Tvl, Subject::Venue(3)),
    (Trigger::Utilisation, Subject::Venue(3)),
];

/// What the switch, or its model, says to a trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    NotMet,
    TooEarly,
    Other(String),
}

impl From<&Refusal> for Answer {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::ConditionNotMet(..) => Self::NotMet,
            Refusal::TooEarly { .. } => Self::TooEarly,
            other => Self::Other(other.to_string()),
        }
    }
}

/// Of one candidate: whether its condition holds, and what has been done about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    pub(super) holds: bool,
    /// Of a two-step trigger that is armed; zero otherwise.
    pub(super) armed_block: u64,
    /// It was tripped, and that still blocks.
    pub(super) done: bool,
}

/// Whether the switch is asked what it would say to every trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trips {
    Asked,
    Unasked,
}

/// What was seen, in the order of [`CANDIDATES`].
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) moment: Moment,
    /// In base units; a venue that cannot be read counts as zero.
    pub(super) nav: u128,
    pub(super) idle: u128,
    pub(super) exit_mode: bool,
    pub(super) standing: [Standing; CANDIDATES.len()],
    /// What the switch reads, for its model.
    pub(super) readings: Readings,
    /// To each trip, if asked.
    pub(super) answers: Vec<Answer>,
}

pub(super) fn trigger_id(trigger: Trigger) -> u8 {
    match trigger {
        Trigger::Peg => 0,
        Trigger::Tvl => 1,
        Trigger::Utilisation => 2,
        Trigger::Oracle => 3,
        Trigger::Governance => 4,
    }
}

/// The token or the adapter.
pub(super) fn address_of(book: &AddressBook, subject: Subject) -> eyre::Result<Address> {
    match subject {
        Subject::Token(_) => Ok(book.protocols.usdc),
        Subject::Venue(index) => Ok(book.venues.get(index).ok_or_eyre("a venue that is not listed")?.adapter),
    }
}

struct Calls(Vec<IMulticall3::Call3>);

impl Calls {
    fn add(&mut self, target: Address, call: &impl SolCall) -> usize {
        let data: Bytes = call.abi_encode().into();
        self.0.push(IMulticall3::Call3 { target, allowFailure: true, callData: data });
        self.0.len() - 1
    }
}

/// Looks at `block`: the head, or the one to come (`pending`), in one request.
///
/// # Errors
/// If the chain or the switch does not answer.
pub(super) async fn look(rpc: &impl Provider, book: &AddressBook, block: BlockId, ask: Trips) -> eyre::Result<Sight> {
    let (switch, usdc) = (book.contracts.kill_switch, book.protocols.usdc);
    let mut calls = Calls(Vec::new());
    let number = calls.add(MULTICALL3, &IMulticall3::getBlockNumberCall {});
    let time = calls.add(MULTICALL3, &IMulticall3::getCurrentBlockTimestampCall {});
    let nav = calls.add(book.contracts.vault, &Vault::navCall {});
    let idle = calls.add(usdc, &IERC20::balanceOfCall { account: book.contracts.vault });
    let mode = calls.add(switch, &KillSwitchManager::modeCall {});
    let peg = calls.add(switch, &KillSwitchManager::pegStatusCall { token: usdc });
    let feed = calls.add(switch, &KillSwitchManager::feedsCall { token: usdc });
    let round = calls.add(book.protocols.feeds.usdc_usd, &IAggregatorV3::latestRoundDataCall {});
    let mut venues = Vec::new();
    for place in Place::ALL {
        let adapter = address_of(book, Subject::Venue(place.index()))?;
        let evaluate = |trigger| KillSwitchManager::evaluateCall { trigger: trigger_id(trigger), adapter };
        venues.push((
            calls.add(switch, &KillSwitchManager::venueStatusCall { adapter }),
            calls.add(switch, &evaluate(Trigger::Tvl)),
            calls.add(switch, &evaluate(Trigger::Utilisation)),
        ));
    }
    // Last, because each of them changes something for those after it, and no two concern the same.
    let mut trips = Vec::new();
    for (trigger, subject) in CANDIDATES.into_iter().filter(|_| ask == Trips::Asked) {
        let subject = address_of(book, subject)?;
        trips.push(calls.add(switch, &KillSwitchManager::tripCall { trigger: trigger_id(trigger), subject }));
    }

    let batch = IMulticall3::aggregate3Call { calls: calls.0 };
    let request = TransactionRequest::default().with_to(MULTICALL3).with_input(batch.abi_encode());
    let results = IMulticall3::aggregate3Call::abi_decode_returns(&rpc.call(request).block(block).await?)?;
    let answered = Answered(&results);

    let moment = Moment {
        block: answered.get::<IMulticall3::getBlockNumberCall>(number)?.to(),
        time: answered.get::<IMulticall3::getCurrentBlockTimestampCall>(time)?.to(),
    };
    let exit_mode = answered.get::<KillSwitchManager::modeCall>(mode)? == 2;
    let peg = answered.get::<KillSwitchManager::pegStatusCall>(peg)?.status;
    let feed = answered.get::<KillSwitchManager::feedsCall>(feed)?;
    let blocked = moment.time < feed.blockedUntil.to::<u64>();
    let mut standing = vec![
        Standing { holds: peg == KILL, armed_block: 0, done: exit_mode },
        Standing { holds: peg == UNHEALTHY, armed_block: 0, done: blocked },
    ];
    let mut figures = Vec::new();
    for (status, tvl, utilisation) in venues {
        let status = answered.get::<KillSwitchManager::venueStatusCall>(status)?;
        let tvl = answered.get::<KillSwitchManager::evaluateCall>(tvl)?;
        let utilisation = answered.get::<KillSwitchManager::evaluateCall>(utilisation)?;
        for (found, record) in [(&tvl, &status.tvl), (&utilisation, &status.utilisation)] {
            standing.push(Standing {
                holds: found.holds,
                armed_block: record.armedBlock.to(),
                done: moment.time < record.blockedUntil.to::<u64>(),
            });
        }
        let others = tvl.readable.then(|| amount(tvl.measured)).transpose()?;
        let lent = utilisation.readable.then(|| amount(utilisation.measured)).transpose()?;
        figures.push(Figures { others: others.map(Assets), utilisation: lent.map(Wad) });
    }
    let answers = trips.iter().map(|index| answered.trip(*index)).collect::<eyre::Result<_>>()?;
    Ok(Sight {
        moment,
        nav: amount(answered.get::<Vault::navCall>(nav)?._0)?,
        idle: amount(answered.get::<IERC20::balanceOfCall>(idle)?)?,
        exit_mode,
        standing: standing.try_into().map_err(|_| eyre::eyre!("another number of venues than expected"))?,
        readings: Readings { prices: vec![answered.price(round)], venues: figures },
        answers,
    })
}

struct Answered<'a>(&'a [IMulticall3::Result]);

impl Answered<'_> {
    fn at(&self, index: usize) -> eyre::Result<&IMulticall3::Result> {
        self.0.get(index).ok_or_eyre("a call of the batch has no answer")
    }

    fn get<C: SolCall>(&self, index: usize) -> eyre::Result<C::Return> {
        let result = self.at(index)?;
        ensure!(result.success, "{} reverts: {}", C::SIGNATURE, result.returnData);
        Ok(C::abi_decode_returns(&result.returnData)?)
    }

    /// The feed itself, not what the switch makes of it. It may revert.
    fn price(&self, index: usize) -> Price {
        let round = self.get::<IAggregatorV3::latestRoundDataCall>(index).ok();
        let usable = round.filter(|round| round.answer > I256::ZERO && round.answeredInRound >= round.roundId);
        let price = usable.and_then(|round| {
            let answer = u128::try_from(round.answer).ok()?.checked_mul(WAD_PER_ANSWER)?;
            Some(Price::Answer { price: Wad(answer), updated_at: u64::try_from(round.updatedAt).ok()? })
        });
        price.unwrap_or(Price::Unreadable)
    }

    fn trip(&self, index: usize) -> eyre::Result<Answer> {
        let result = self.at(index)?;
        if result.success {
            return Ok(Answer::Taken);
        }
        let selector = result.returnData.get(..4).unwrap_or_default();
        Ok(if selector == KillSwitchManager::ConditionNotMet::SELECTOR {
            Answer::NotMet
        } else if selector == KillSwitchManager::TooEarly::SELECTOR {
            Answer::TooEarly
        } else {
            Answer::Other(result.returnData.to_string())
        })
    }
}
