//! What one venue says about itself: whether it is open, and the markets behind it.

use super::Facts;
use crate::{
    aave::Reserve,
    bindings::{IAavePool, IAaveRateStrategy, IAdapter, IAdaptiveCurveIrm, IERC20, IMetaMorpho, IMorpho},
    deployment::VenueRef,
    metamorpho::{MAX_QUEUE, MarketFacts, MarketReads, market_name},
    multicall::{Answers, At, Batch, BatchError, Slot, Unanswered},
};
use alloy::{
    primitives::{Address, B256, U256},
    providers::DynProvider,
};
use ballast_types::{Market, VenueKind, Wad};
use std::collections::HashMap;

/// Why a venue was not read.
pub(super) enum Trouble {
    /// The venue's own: it reverts, or says what cannot be.
    Unreadable(String),
    /// The endpoint's.
    Node(String),
}

impl From<BatchError> for Trouble {
    fn from(error: BatchError) -> Self {
        match error {
            // Only this venue's calls are in the batch.
            BatchError::Refused(_) => Self::Unreadable(error.to_string()),
            BatchError::Transport(_) | BatchError::NoMulticall(_) | BatchError::OtherBlock { .. } => {
                Self::Node(error.to_string())
            }
        }
    }
}

impl From<Unanswered> for Trouble {
    fn from(error: Unanswered) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Unreadable(why)
    }
}

/// Facts about markets that were not known before.
pub(super) type Learned = HashMap<(Address, B256), MarketFacts>;

/// The markets behind a venue, and how deposits and withdrawals go through them.
pub(super) struct Markets {
    pub(super) depositable: bool,
    pub(super) markets: Vec<Market>,
    pub(super) supply_queue: Vec<u8>,
    pub(super) withdraw_queue: Vec<u8>,
    pub(super) performance_fee: Wad,
}

/// Reads one venue at a block with timestamp `now`. Our position in it comes from the hub.
pub(super) async fn read(
    venue: &VenueRef,
    holder: Address,
    asset: Address,
    now: u64,
    facts: &Facts,
    provider: &DynProvider,
    at: At,
) -> Result<(Markets, Learned), Trouble> {
    let Some(protocol) = facts.protocols.get(&venue.adapter).copied() else {
        return Err(Trouble::Unreadable(format!(
            "the adapter {} has not said which protocol it is for",
            venue.adapter
        )));
    };
    let mut batch = Batch::default();
    let openness = Openness::ask(&mut batch, venue.adapter, protocol, holder);
    let mut learned = Learned::new();
    let (answers, mut markets) = match venue.kind {
        VenueKind::AaveV3 => aave(batch, protocol, asset, provider, at).await?,
        VenueKind::MetaMorpho => metamorpho(batch, protocol, now, &facts.markets, &mut learned, provider, at).await?,
    };
    markets.depositable = openness.is_open(&answers)?;
    Ok((markets, learned))
}

/// Whether the venue takes deposits: its adapter says so, or the venue itself where the vault holds its shares directly.
enum Openness {
    Adapter(Slot<IAdapter::healthCall>),
    Direct(Slot<IMetaMorpho::maxDepositCall>),
}

impl Openness {
    fn ask(batch: &mut Batch, adapter: Address, protocol: Address, holder: Address) -> Self {
        if adapter == protocol {
            Self::Direct(batch.add(protocol, IMetaMorpho::maxDepositCall { receiver: holder }))
        } else {
            Self::Adapter(batch.add(adapter, IAdapter::healthCall {}))
        }
    }

    fn is_open(&self, answers: &Answers) -> Result<bool, Unanswered> {
        match self {
            Self::Adapter(slot) => Ok(answers.get(*slot)?.depositable),
            Self::Direct(slot) => Ok(!answers.get(*slot)?.is_zero()),
        }
    }
}

async fn aave(
    mut batch: Batch,
    pool: Address,
    asset: Address,
    provider: &DynProvider,
    at: At,
) -> Result<(Answers, Markets), Trouble> {
    let data = batch.add(pool, IAavePool::getReserveDataCall { asset });
    let virtual_balance = batch.add(pool, IAavePool::getVirtualUnderlyingBalanceCall { asset });
    let income = batch.add(pool, IAavePool::getReserveNormalizedIncomeCall { asset });
    let debt_index = batch.add(pool, IAavePool::getReserveNormalizedVariableDebtCall { asset });
    let strategy = batch.add(pool, IAavePool::RESERVE_INTEREST_RATE_STRATEGYCall {});
    let symbol = batch.add(asset, IERC20::symbolCall {});
    let answers = batch.run(provider, at).await?;

    let data = answers.get(data)?;
    let mut batch = Batch::default();
    let supplied = batch.add(data.aTokenAddress, IERC20::totalSupplyCall {});
    let rates = batch.add(answers.get(strategy)?, IAaveRateStrategy::getInterestRateDataCall { reserve: asset });
    let debt = batch.add(data.variableDebtTokenAddress, IERC20::totalSupplyCall {});
    let details = batch.run(provider, at).await?;
    let reserve = Reserve {
        data,
        virtual_balance: answers.get(virtual_balance)?,
        debt: details.get(debt)?,
        supplied: details.get(supplied)?,
        income: answers.get(income)?,
        debt_index: answers.get(debt_index)?,
        rates: details.get(rates)?,
    };
    let market = reserve.market(answers.get(symbol)?)?;
    Ok((
        answers,
        Markets {
            depositable: false,
            markets: vec![market],
            supply_queue: vec![0],
            withdraw_queue: vec![0],
            performance_fee: Wad(0),
        },
    ))
}

async fn metamorpho(
    mut batch: Batch,
    vault: Address,
    now: u64,
    known: &HashMap<(Address, B256), MarketFacts>,
    learned: &mut Learned,
    provider: &DynProvider,
    at: At,
) -> Result<(Answers, Markets), Trouble> {
    let morpho = batch.add(vault, IMetaMorpho::MORPHOCall {});
    let fee = batch.add(vault, IMetaMorpho::feeCall {});
    let supply_length = batch.add(vault, IMetaMorpho::supplyQueueLengthCall {});
    let withdraw_length = batch.add(vault, IMetaMorpho::withdrawQueueLengthCall {});
    // Asking for every place a queue may have saves the round trip that its length would cost.
    let supply_places: Vec<_> =
        (0..MAX_QUEUE).map(|i| batch.add(vault, IMetaMorpho::supplyQueueCall { index: U256::from(i) })).collect();
    let withdraw_places: Vec<_> =
        (0..MAX_QUEUE).map(|i| batch.add(vault, IMetaMorpho::withdrawQueueCall { index: U256::from(i) })).collect();
    let answers = batch.run(provider, at).await?;

    let morpho = answers.get(morpho)?;
    let supply = queue(&answers, answers.get(supply_length)?, &supply_places)?;
    let withdraw = queue(&answers, answers.get(withdraw_length)?, &withdraw_places)?;
    let mut ids = Vec::new();
    for id in withdraw.iter().chain(&supply) {
        if !ids.contains(id) {
            ids.push(*id);
        }
    }

    let mut batch = Batch::default();
    let asked: Vec<_> =
        ids.iter().map(|id| MarketQuestions::ask(&mut batch, morpho, vault, *id, known.get(&(morpho, *id)))).collect();
    let details = batch.run(provider, at).await?;
    let rates = learn(morpho, &asked, &details, learned, provider, at).await?;

    let mut markets = Vec::new();
    for question in &asked {
        let facts = known.get(&(morpho, question.id)).or_else(|| learned.get(&(morpho, question.id)));
        let facts = facts.ok_or_else(|| format!("market {} has no parameters", question.id))?;
        let rate_at_target = match (question.rate, rates.get(&question.id)) {
            (Some(slot), _) => Some(details.get(slot)?),
            (None, Some(rate)) => Some(*rate),
            (None, None) => None,
        };
        let reads = MarketReads {
            id: question.id,
            stored: details.get(question.stored)?,
            config: details.get(question.config)?,
            supply_shares: details.get(question.position)?.supplyShares,
            rate_at_target,
        };
        markets.push(reads.market(facts, now)?);
    }
    let places = |queue: &[B256]| {
        queue.iter().filter_map(|id| u8::try_from(ids.iter().position(|known| known == id)?).ok()).collect()
    };
    let performance_fee = Wad(answers.get(fee)?.to());
    Ok((
        answers,
        Markets {
            depositable: false,
            markets,
            supply_queue: places(&supply),
            withdraw_queue: places(&withdraw),
            performance_fee,
        },
    ))
}

fn queue<C>(answers: &Answers, length: U256, places: &[Slot<C>]) -> Result<Vec<B256>, Trouble>
where
    C: alloy::sol_types::SolCall<Return = B256>,
{
    let length = usize::try_from(length).ok().filter(|length| *length <= places.len());
    let length = length.ok_or_else(|| format!("a queue is longer than the {MAX_QUEUE} that a MetaMorpho allows"))?;
    places.iter().take(length).map(|place| answers.get(*place).map_err(Trouble::from)).collect()
}

struct MarketQuestions {
    id: B256,
    stored: Slot<IMorpho::marketCall>,
    config: Slot<IMetaMorpho::configCall>,
    position: Slot<IMorpho::positionCall>,
    /// Asked for where the market is new.
    parameters: Option<Slot<IMorpho::idToMarketParamsCall>>,
    /// Asked for at once where the interest model is known.
    rate: Option<Slot<IAdaptiveCurveIrm::rateAtTargetCall>>,
}

impl MarketQuestions {
    fn ask(batch: &mut Batch, morpho: Address, vault: Address, id: B256, known: Option<&MarketFacts>) -> Self {
        let model = known.map(|facts| facts.irm).filter(|irm| !irm.is_zero());
        Self {
            id,
            stored: batch.add(morpho, IMorpho::marketCall { id }),
            config: batch.add(vault, IMetaMorpho::configCall { id }),
            position: batch.add(morpho, IMorpho::positionCall { id, user: vault }),
            parameters: known.is_none().then(|| batch.add(morpho, IMorpho::idToMarketParamsCall { id })),
            rate: model.map(|irm| batch.add(irm, IAdaptiveCurveIrm::rateAtTargetCall { id })),
        }
    }
}

/// Reads what is left of the new markets: the collateral's symbol, and the rate at target, which is returned by id.
async fn learn(
    morpho: Address,
    asked: &[MarketQuestions],
    details: &Answers,
    learned: &mut Learned,
    provider: &DynProvider,
    at: At,
) -> Result<HashMap<B256, alloy::primitives::I256>, Trouble> {
    let mut batch = Batch::default();
    let mut wanted = Vec::new();
    for question in asked {
        let Some(slot) = question.parameters else { continue };
        let parameters = details.get(slot)?;
        let rate = (!parameters.irm.is_zero())
            .then(|| batch.add(parameters.irm, IAdaptiveCurveIrm::rateAtTargetCall { id: question.id }));
        let symbol = (!parameters.collateralToken.is_zero())
            .then(|| batch.add(parameters.collateralToken, IERC20::symbolCall {}));
        wanted.push((question.id, parameters, rate, symbol));
    }
    let mut rates = HashMap::new();
    if wanted.is_empty() {
        return Ok(rates);
    }
    let answers = batch.run(provider, at).await?;
    for (id, parameters, rate, symbol) in wanted {
        if let Some(rate) = rate {
            // Another interest model does not answer this, and its rates would be guessed.
            rates.insert(id, answers.get(rate)?);
        }
        // Some old tokens do not have a string for a symbol; the address names them as well.
        let collateral =
            symbol.map(|slot| answers.get(slot).unwrap_or_else(|_| parameters.collateralToken.to_string()));
        learned
            .insert((morpho, id), MarketFacts { irm: parameters.irm, name: market_name(collateral, parameters.lltv) });
    }
    Ok(rates)
}
