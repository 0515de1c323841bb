//! The trip conditions of the kill switch, as the switch itself finds them at one block.

use crate::{
    bindings::{KillSwitchManager, Vault},
    deployment::Deployment,
    multicall::{Answers, At, Batch, BatchError, Slot, Unanswered},
    pool::{Head, RpcPool},
    reader::ReadError,
};
use alloy::{
    primitives::{Address, B256, U256},
    providers::DynProvider,
};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// `Trigger` of the kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Trigger {
    Peg = 0,
    Tvl = 1,
    Utilisation = 2,
    Oracle = 3,
    Governance = 4,
}

impl Trigger {
    const ALL: [Self; 5] = [Self::Peg, Self::Tvl, Self::Utilisation, Self::Oracle, Self::Governance];
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peg => "peg",
            Self::Tvl => "TVL",
            Self::Utilisation => "utilisation",
            Self::Oracle => "oracle",
            Self::Governance => "governance",
        })
    }
}

/// `PegStatus.Unhealthy` and `PegStatus.Kill`; the others trip nothing.
const UNHEALTHY: u8 = 0;
const KILL: u8 = 4;
/// `Mode.Exit`.
const EXIT: u8 = 2;

/// What the switch finds at one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    pub block: u64,
    pub hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
    /// The vault is in Exit mode, so that the asset's peg has nothing left to trip.
    pub exit: bool,
    /// Those that act.
    pub active: BTreeSet<Trigger>,
    /// The vault's asset first.
    pub tokens: Vec<TokenCondition>,
    pub venues: Vec<VenueCondition>,
    /// What the switch did not answer, and about what: no condition is known there.
    pub unanswered: Vec<Unanswered>,
}

/// Where the price of a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCondition {
    pub token: Address,
    /// The vault's own asset.
    pub is_asset: bool,
    /// Past its kill bounds.
    pub lost_peg: bool,
    /// Its feed cannot be trusted.
    pub unhealthy: bool,
    /// Dollars, 18 decimals; zero if unhealthy.
    pub price: U256,
    /// Unix seconds until which an earlier trip blocks.
    pub blocked_until: u64,
}

/// What is known of one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueCondition {
    pub adapter: Address,
    pub name: String,
    /// Why nothing may be added to it now, in the switch's words; `None` if something may, or where the switch did not answer.
    pub closed: Option<String>,
    /// Absent where the switch did not answer.
    pub tvl: Option<TwoStep>,
    pub utilisation: Option<TwoStep>,
    pub governance: Option<GovernanceCondition>,
}

/// A condition that is armed first and tripped later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoStep {
    pub holds: bool,
    pub readable: bool,
    /// In assets, or as a fraction of 1e18.
    pub measured: U256,
    pub bound: U256,
    /// Unix seconds; zero when not armed.
    pub armed_at: u64,
    pub armed_block: u64,
    /// Unix seconds until which its last trip blocks.
    pub blocked_until: u64,
}

/// Whether a venue's governed configuration is the recorded one. Only of venues with probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GovernanceCondition {
    pub readable: bool,
    pub present: B256,
    pub recorded: B256,
    pub tripped: bool,
}

/// Reads conditions. Remembers which tokens the venues depend on, so that one request is enough while they stay the same.
#[derive(Debug, Default)]
pub struct ConditionReader {
    tokens: Mutex<BTreeSet<Address>>,
}

struct VenueQuestions {
    tokens: Slot<KillSwitchManager::venueTokensCall>,
    status: Slot<KillSwitchManager::venueStatusCall>,
    tvl: Slot<KillSwitchManager::evaluateCall>,
    utilisation: Slot<KillSwitchManager::evaluateCall>,
    probes: Slot<KillSwitchManager::venueProbesCall>,
    present: Slot<KillSwitchManager::presentFingerprintCall>,
}

struct TokenQuestions {
    token: Address,
    status: Slot<KillSwitchManager::pegStatusCall>,
    feed: Slot<KillSwitchManager::feedsCall>,
}

impl TokenQuestions {
    fn ask(batch: &mut Batch, switch: Address, token: Address) -> Self {
        Self {
            token,
            status: batch.add(switch, KillSwitchManager::pegStatusCall { token }),
            feed: batch.add(switch, KillSwitchManager::feedsCall { token }),
        }
    }
}

impl ConditionReader {
    /// Everything at `head`, from the first endpoint that answers.
    ///
    /// # Errors
    /// [`ReadError::Node`] of the last endpoint if none answers, [`ReadError::Unanswered`] if the vault or the switch does not say what
    /// everything hangs on.
    pub async fn read(&self, deployment: &Deployment, pool: &RpcPool, head: &Head) -> Result<Conditions, ReadError> {
        let block = &head.block;
        let at = At { multicall: deployment.multicall, number: block.number, hash: block.hash };
        let mut last = None;
        for (endpoint, provider) in pool.serving(head) {
            let failed = |error: BatchError| ReadError::Node {
                endpoint: endpoint.to_owned(),
                block: block.number,
                why: error.to_string(),
            };
            match self.read_at(deployment, provider, at).await {
                Ok(answered) => return answered.map(|found| Conditions { timestamp: block.timestamp, ..found }),
                Err(error) => last = Some(failed(error)),
            }
        }
        let nobody = || ReadError::Node {
            endpoint: "every endpoint".into(),
            block: block.number,
            why: "none serves the block".into(),
        };
        Err(last.unwrap_or_else(nobody))
    }

    async fn read_at(
        &self,
        deployment: &Deployment,
        provider: &DynProvider,
        at: At,
    ) -> Result<Result<Conditions, ReadError>, BatchError> {
        let switch = deployment.kill_switch;
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut batch = Batch::default();
        let asset = batch.add(deployment.vault, Vault::assetCall {});
        let mode = batch.add(switch, KillSwitchManager::modeCall {});
        let triggers = Trigger::ALL
            .map(|trigger| (trigger, batch.add(switch, KillSwitchManager::conditionsCall { trigger: trigger as u8 })));
        let venues: Vec<_> = deployment.venues.iter().map(|venue| ask(&mut batch, switch, venue.adapter)).collect();
        let mut asked: Vec<_> = known.iter().map(|token| TokenQuestions::ask(&mut batch, switch, *token)).collect();
        let answers = batch.run(provider, at).await?;

        let essential = || {
            let mut active = BTreeSet::new();
            for (trigger, slot) in triggers {
                if answers.get(slot)?.isActive {
                    active.insert(trigger);
                }
            }
            Ok::<_, Unanswered>((answers.get(asset)?, answers.get(mode)? == EXIT, active))
        };
        let (asset, exit, active) = match essential() {
            Ok(essential) => essential,
            Err(error) => return Ok(Err(error.into())),
        };
        let mut unanswered = Vec::new();
        let mut wanted = BTreeSet::from([asset]);
        for venue in &venues {
            match answers.get(venue.tokens) {
                Ok(tokens) => wanted.extend(tokens),
                Err(error) => unanswered.push(error),
            }
        }
        let mut tokens = Vec::new();
        asked.retain(|question| wanted.contains(&question.token));
        for question in &asked {
            take(price(&answers, question, asset), &mut tokens, &mut unanswered);
        }
        let new: Vec<_> = wanted.difference(&known).copied().collect();
        if !new.is_empty() {
            let mut batch = Batch::default();
            let asked: Vec<_> = new.iter().map(|token| TokenQuestions::ask(&mut batch, switch, *token)).collect();
            let answers = batch.run(provider, at).await?;
            for question in &asked {
                take(price(&answers, question, asset), &mut tokens, &mut unanswered);
            }
        }
        tokens.sort_by_key(|token| !token.is_asset);
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = wanted;

        let venues = deployment.venues.iter().zip(&venues);
        let venues = venues
            .map(|(venue, asked)| venue_condition(&answers, asked, venue.adapter, &venue.name, &mut unanswered))
            .collect();
        let (block, hash) = (at.number, at.hash);
        Ok(Ok(Conditions { block, hash, timestamp: 0, exit, active, tokens, venues, unanswered }))
    }
}

fn ask(batch: &mut Batch, switch: Address, adapter: Address) -> VenueQuestions {
    let mut evaluate =
        |trigger: Trigger| batch.add(switch, KillSwitchManager::evaluateCall { trigger: trigger as u8, adapter });
    let (tvl, utilisation) = (evaluate(Trigger::Tvl), evaluate(Trigger::Utilisation));
    VenueQuestions {
        tvl,
        utilisation,
        tokens: batch.add(switch, KillSwitchManager::venueTokensCall { adapter }),
        status: batch.add(switch, KillSwitchManager::venueStatusCall { adapter }),
        probes: batch.add(switch, KillSwitchManager::venueProbesCall { adapter }),
        present: batch.add(switch, KillSwitchManager::presentFingerprintCall { adapter }),
    }
}

fn take<T>(answer: Result<T, Unanswered>, found: &mut Vec<T>, unanswered: &mut Vec<Unanswered>) {
    match answer {
        Ok(answer) => found.push(answer),
        Err(error) => unanswered.push(error),
    }
}

fn price(answers: &Answers, asked: &TokenQuestions, asset: Address) -> Result<TokenCondition, Unanswered> {
    let (peg, feed) = (answers.get(asked.status)?, answers.get(asked.feed)?);
    Ok(TokenCondition {
        token: asked.token,
        is_asset: asked.token == asset,
        lost_peg: peg.status == KILL,
        unhealthy: peg.status == UNHEALTHY,
        price: peg.priceWad,
        blocked_until: feed.blockedUntil.to(),
    })
}

fn venue_condition(
    answers: &Answers,
    asked: &VenueQuestions,
    adapter: Address,
    name: &str,
    unanswered: &mut Vec<Unanswered>,
) -> VenueCondition {
    let mut known = |answer: Result<_, Unanswered>| answer.map_err(|error| unanswered.push(error)).ok();
    let status = answers.get(asked.status);
    let two_step = |slot: Slot<KillSwitchManager::evaluateCall>, utilisation: bool| {
        let (finding, status) = (answers.get(slot)?, status.clone()?);
        let record = if utilisation { status.utilisation } else { status.tvl };
        Ok(TwoStep {
            holds: finding.holds,
            readable: finding.readable,
            measured: finding.measured,
            bound: finding.bound,
            armed_at: record.armedAt.to(),
            armed_block: record.armedBlock.to(),
            blocked_until: record.blockedUntil.to(),
        })
    };
    let (tvl, utilisation) = (known(two_step(asked.tvl, false)), known(two_step(asked.utilisation, true)));
    let governance = || {
        let (probes, present, status) = (answers.get(asked.probes)?, answers.get(asked.present)?, status.clone()?);
        Ok::<_, Unanswered>((!probes.is_empty()).then_some(GovernanceCondition {
            readable: present.readable,
            present: present.fingerprint,
            recorded: status.fingerprint,
            tripped: status.governanceTripped,
        }))
    };
    let governance = governance().unwrap_or_else(|error| {
        unanswered.push(error);
        None
    });
    let closed = answers.get(asked.status).ok().filter(|status| !status.allowed).map(|status| status.reason);
    VenueCondition { adapter, name: name.to_owned(), closed, tvl, utilisation, governance }
}
