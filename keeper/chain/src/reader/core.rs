//! Vault, hub, switch and feeds.

use super::{Facts, Failure, ReadError, feeds};
use crate::{
    bindings::{IAdapter, KillSwitchManager, StrategyHub, Vault},
    deployment::{ASSET_UNIT, Deployment, VenueRef},
    multicall::{Answers, At, Batch, Slot},
};
use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
};
use ballast_types::{Assets, Bps, FeedState, HubLimits, HubState, KillSwitchState, Mode, VaultState, Wad};
use std::collections::BTreeSet;

/// `Trigger` of the kill switch.
const TRIGGER_PEG: u8 = 0;
const TRIGGER_ORACLE: u8 = 3;
/// The bounds of a band are millionths of a dollar.
const WAD_PER_MILLIONTH: u128 = 1_000_000_000_000;

/// What is read of vault, hub, switch and feeds.
pub(super) struct Core {
    pub(super) vault: VaultState,
    pub(super) nav_complete: bool,
    pub(super) hub: HubState,
    pub(super) kill_switch: KillSwitchState,
    /// In the order of the exit queue.
    pub(super) venues: Vec<ListedVenue>,
    pub(super) feeds: Vec<FeedState>,
    pub(super) eth_usd: FeedState,
    /// Tokens that the venues depend on besides the asset.
    pub(super) tokens: BTreeSet<Address>,
}

/// A position as the vault lists it; what hub and venue say of it comes from elsewhere.
pub(super) struct ListedVenue {
    pub(super) known: VenueRef,
    pub(super) quarantined: bool,
}

/// Reads what never changes and is not known yet: the asset (which it returns) and each position's protocol.
pub(super) async fn learn(
    deployment: &Deployment,
    provider: &DynProvider,
    at: At,
    facts: &mut Facts,
) -> Result<Address, Failure> {
    let unknown: Vec<_> =
        deployment.venues.iter().filter(|venue| !facts.protocols.contains_key(&venue.adapter)).collect();
    if let (Some(asset), true) = (facts.assets.get(&deployment.vault), unknown.is_empty()) {
        return Ok(*asset);
    }
    let mut batch = Batch::default();
    let asset = batch.add(deployment.vault, Vault::assetCall {});
    let asked: Vec<_> = unknown
        .iter()
        .map(|venue| {
            let kind = batch.add(deployment.vault, Vault::positionKindCall { adapter: venue.adapter });
            (kind, batch.add(venue.adapter, IAdapter::venueCall {}))
        })
        .collect();
    let answers = batch.run(provider, at).await?;
    for (venue, (kind, protocol)) in unknown.iter().zip(asked) {
        let kind = answers.get(kind)?;
        // A venue that is held directly is the protocol itself. One that is not listed is said to be so elsewhere.
        let protocol = if kind.direct || !kind.listed { venue.adapter } else { answers.get(protocol)? };
        facts.protocols.insert(venue.adapter, protocol);
    }
    let asset = answers.get(asset)?;
    facts.assets.insert(deployment.vault, asset);
    Ok(asset)
}

struct Questions {
    nav: Slot<Vault::navCall>,
    idle: Slot<Vault::idleCall>,
    max_loss: Slot<Vault::maxLossBpsCall>,
    paused: Slot<Vault::pausedCall>,
    adapters: Slot<Vault::adaptersCall>,
    attestor: Slot<StrategyHub::attestorCall>,
    nonce: Slot<StrategyHub::nonceCall>,
    recent: Slot<StrategyHub::recentRebalancesCall>,
    last_seen: Slot<StrategyHub::lastSeenCall>,
    limits: Slot<StrategyHub::limitsCall>,
    mode: Slot<KillSwitchManager::modeCall>,
    status: Slot<KillSwitchManager::operationalStatusCall>,
    peg: Slot<KillSwitchManager::conditionsCall>,
    oracle: Slot<KillSwitchManager::conditionsCall>,
    feeds: Vec<FeedQuestions>,
    venues: Vec<VenueQuestions>,
}

struct VenueQuestions {
    kind: Slot<Vault::positionKindCall>,
    tokens: Slot<KillSwitchManager::venueTokensCall>,
}

/// What the switch knows of a token's feed.
struct FeedQuestions {
    token: Address,
    feed: Slot<KillSwitchManager::feedsCall>,
    band: Slot<KillSwitchManager::pegBandCall>,
}

impl FeedQuestions {
    fn ask(batch: &mut Batch, switch: Address, token: Address) -> Self {
        Self {
            token,
            feed: batch.add(switch, KillSwitchManager::feedsCall { token }),
            band: batch.add(switch, KillSwitchManager::pegBandCall { token }),
        }
    }

    fn wanted(&self, answers: &Answers, peg_active: bool) -> Result<feeds::Wanted, Failure> {
        let (feed, band) = (answers.get(self.feed)?, answers.get(self.band)?);
        let bound = |millionths: u32| Wad(u128::from(millionths) * WAD_PER_MILLIONTH);
        Ok(feeds::Wanted {
            token: self.token,
            aggregator: feed.aggregator,
            decimals: feed.decimals,
            heartbeat: u64::from(feed.heartbeat),
            band: (peg_active && feed.banded).then(|| (bound(band.killLow), bound(band.killHigh))),
        })
    }
}

/// Reads it all. `likely` are the tokens whose feeds are asked for at once; those of others take a round trip more.
pub(super) async fn read(
    deployment: &Deployment,
    asset: Address,
    likely: &BTreeSet<Address>,
    provider: &DynProvider,
    at: At,
) -> Result<Core, Failure> {
    let mut batch = Batch::default();
    let asked = ask(&mut batch, deployment, asset, likely);
    let answers = batch.run(provider, at).await?;

    let (peg, oracle) = (answers.get(asked.peg)?, answers.get(asked.oracle)?);
    let grace = small(oracle.threshold, "the oracle trigger's grace")?;
    let mut tokens = Vec::new();
    for venue in &asked.venues {
        for token in answers.get(venue.tokens)? {
            if token != asset && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
    }
    let mut known = Vec::new();
    for feed in &asked.feeds {
        known.push(feed.wanted(&answers, peg.isActive)?);
    }
    let new: Vec<Address> =
        tokens.iter().filter(|token| !known.iter().any(|known| known.token == **token)).copied().collect();
    if !new.is_empty() {
        let mut batch = Batch::default();
        let asked: Vec<_> =
            new.iter().map(|token| FeedQuestions::ask(&mut batch, deployment.kill_switch, *token)).collect();
        let answers = batch.run(provider, at).await?;
        for feed in &asked {
            known.push(feed.wanted(&answers, peg.isActive)?);
        }
    }
    let mut wanted = Vec::new();
    for token in std::iter::once(&asset).chain(&tokens) {
        if let Some(index) = known.iter().position(|known| known.token == *token) {
            wanted.push(known.swap_remove(index));
        }
    }
    let (feeds, eth_usd) = feeds::read(&wanted, &deployment.eth_usd, grace, provider, at).await?;

    let nav = answers.get(asked.nav)?;
    Ok(Core {
        vault: VaultState {
            address: deployment.vault,
            asset,
            nav: assets(nav._0, "the vault's NAV")?,
            idle: assets(answers.get(asked.idle)?, "the vault's idle")?,
            max_loss: Bps(small(answers.get(asked.max_loss)?, "the vault's loss bound")?),
            deposits_paused: answers.get(asked.paused)?,
        },
        nav_complete: nav._1,
        hub: hub(deployment, &answers, &asked)?,
        kill_switch: kill_switch(deployment, &answers, &asked)?,
        venues: listed(deployment, &answers, &asked)?,
        feeds,
        eth_usd,
        tokens: tokens.into_iter().collect(),
    })
}

fn ask(batch: &mut Batch, deployment: &Deployment, asset: Address, likely: &BTreeSet<Address>) -> Questions {
    let (vault, hub, switch) = (deployment.vault, deployment.hub, deployment.kill_switch);
    Questions {
        nav: batch.add(vault, Vault::navCall {}),
        idle: batch.add(vault, Vault::idleCall {}),
        max_loss: batch.add(vault, Vault::maxLossBpsCall {}),
        paused: batch.add(vault, Vault::pausedCall {}),
        adapters: batch.add(vault, Vault::adaptersCall {}),
        attestor: batch.add(hub, StrategyHub::attestorCall {}),
        nonce: batch.add(hub, StrategyHub::nonceCall {}),
        recent: batch.add(hub, StrategyHub::recentRebalancesCall {}),
        last_seen: batch.add(hub, StrategyHub::lastSeenCall {}),
        limits: batch.add(hub, StrategyHub::limitsCall {}),
        mode: batch.add(switch, KillSwitchManager::modeCall {}),
        status: batch.add(switch, KillSwitchManager::operationalStatusCall {}),
        peg: batch.add(switch, KillSwitchManager::conditionsCall { trigger: TRIGGER_PEG }),
        oracle: batch.add(switch, KillSwitchManager::conditionsCall { trigger: TRIGGER_ORACLE }),
        feeds: std::iter::once(&asset).chain(likely).map(|token| FeedQuestions::ask(batch, switch, *token)).collect(),
        venues: deployment
            .venues
            .iter()
            .map(|venue| VenueQuestions {
                kind: batch.add(vault, Vault::positionKindCall { adapter: venue.adapter }),
                tokens: batch.add(switch, KillSwitchManager::venueTokensCall { adapter: venue.adapter }),
            })
            .collect(),
    }
}

fn hub(deployment: &Deployment, answers: &Answers, asked: &Questions) -> Result<HubState, Failure> {
    let limits = answers.get(asked.limits)?;
    let mut recent = [0_u64; 4];
    for (slot, time) in recent.iter_mut().zip(answers.get(asked.recent)?) {
        *slot = small(time, "the time of a rebalance")?;
    }
    let seen = answers.get(asked.last_seen)?;
    Ok(HubState {
        address: deployment.hub,
        attestor: answers.get(asked.attestor)?,
        nonce: answers.get(asked.nonce)?,
        recent,
        last_seen: small(seen.time, "the keeper's last sign of life")?,
        grace: small(seen.grace, "the keeper's grace period")?,
        limits: HubLimits {
            reserve: Bps(limits.reserveBps),
            min_position: Bps(limits.minPositionBps),
            max_position: Bps(limits.maxPositionBps),
            min_step: Bps(limits.minStepBps),
            max_venue_share: Bps(limits.maxVenueShareBps),
            max_utilisation: Bps(limits.maxUtilisationBps),
            flow: Bps(limits.flowBps),
            approval: Bps(limits.approvalBps),
            approval_floor: Assets(u128::from(limits.approvalFloor) * ASSET_UNIT),
            cooldown: u64::from(limits.cooldown),
        },
    })
}

fn kill_switch(deployment: &Deployment, answers: &Answers, asked: &Questions) -> Result<KillSwitchState, Failure> {
    let mode = match answers.get(asked.mode)? {
        0 => Mode::Normal,
        1 => Mode::ReduceOnly,
        2 => Mode::Exit,
        other => return Err(out_of_range("the kill switch's mode", other, "0, 1 or 2").into()),
    };
    let status = answers.get(asked.status)?;
    Ok(KillSwitchState {
        address: deployment.kill_switch,
        mode,
        operational: status.operational,
        reason: status.reason,
    })
}

fn listed(deployment: &Deployment, answers: &Answers, asked: &Questions) -> Result<Vec<ListedVenue>, Failure> {
    let queue = answers.get(asked.adapters)?;
    if let Some(venue) = deployment.venues.iter().find(|venue| !queue.contains(&venue.adapter)) {
        return Err(ReadError::NotListed { adapter: venue.adapter, venue: venue.name.clone() }.into());
    }
    queue.into_iter().map(|adapter| listed_venue(deployment, answers, asked, adapter)).collect()
}

fn listed_venue(
    deployment: &Deployment,
    answers: &Answers,
    asked: &Questions,
    adapter: Address,
) -> Result<ListedVenue, Failure> {
    let found = deployment.venues.iter().zip(&asked.venues).find(|(venue, _)| venue.adapter == adapter);
    let (known, venue) = found.ok_or(ReadError::NotConfigured { adapter })?;
    Ok(ListedVenue { known: known.clone(), quarantined: answers.get(venue.kind)?.quarantined })
}

pub(super) fn assets(value: U256, what: &'static str) -> Result<Assets, Unfit> {
    u128::try_from(value).map(Assets).map_err(|_| out_of_range(what, value, "an amount below 2^128"))
}

pub(super) fn small<T: TryFrom<U256>>(value: U256, what: &'static str) -> Result<T, Unfit> {
    T::try_from(value).map_err(|_| out_of_range(what, value, "a smaller number"))
}

pub(super) type Unfit = ReadError;

fn out_of_range(what: &'static str, value: impl ToString, expected: &'static str) -> ReadError {
    ReadError::OutOfRange { what, value: value.to_string(), expected }
}
