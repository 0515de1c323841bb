//! Vault, hub, switch and feeds.

use super::{Facts, Failure, ReadError, feeds};
use crate::{
    bindings::{IAdapter, KillSwitchManager, StrategyHub, Vault},
    deployment::{Deployment, VenueRef},
    multicall::{Answers, At, Batch, Slot},
};
use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
};
use ballast_types::{
    Assets, Bps, Checkpoint, FeedState, HubLimits, HubState, KillSwitchState, Mode, VaultState, VenueReading,
    VenueState, WAD, Wad,
};
use std::collections::BTreeSet;

/// `Trigger` of the kill switch.
const TRIGGER_PEG: u8 = 0;
const TRIGGER_ORACLE: u8 = 3;

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

/// A venue as vault and hub know it; what it says itself comes from elsewhere.
pub(super) struct ListedVenue {
    known: VenueRef,
    protocol: Address,
    cap: Assets,
    target: Bps,
    can_add: bool,
    checkpoint: Option<Checkpoint>,
}

impl ListedVenue {
    pub(super) const fn adapter(&self) -> Address {
        self.known.adapter
    }

    /// With its own reading; the hub's checkpoint is added to it.
    pub(super) fn state(self, mut reading: VenueReading) -> VenueState {
        if let VenueReading::Read { checkpoint, .. } = &mut reading {
            *checkpoint = self.checkpoint;
        }
        VenueState {
            name: self.known.name,
            kind: self.known.kind,
            adapter: self.known.adapter,
            venue: self.protocol,
            cap: self.cap,
            target: self.target,
            can_add: self.can_add,
            reading,
        }
    }
}

/// Reads what never changes and is not known yet: the asset (which it returns) and each adapter's protocol.
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
    let protocols: Vec<_> = unknown.iter().map(|venue| batch.add(venue.adapter, IAdapter::venueCall {})).collect();
    let answers = batch.run(provider, at).await?;
    for (venue, slot) in unknown.iter().zip(protocols) {
        facts.protocols.insert(venue.adapter, answers.get(slot)?);
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
    limits: Slot<StrategyHub::limitsCall>,
    mode: Slot<KillSwitchManager::modeCall>,
    status: Slot<KillSwitchManager::operationalStatusCall>,
    peg: Slot<KillSwitchManager::conditionsCall>,
    oracle: Slot<KillSwitchManager::conditionsCall>,
    feeds: Vec<(Address, Slot<KillSwitchManager::feedsCall>)>,
    venues: Vec<VenueQuestions>,
}

struct VenueQuestions {
    protocol: Slot<IAdapter::venueCall>,
    config: Slot<Vault::adapterConfigCall>,
    memo: Slot<StrategyHub::venueCall>,
    tokens: Slot<KillSwitchManager::venueTokensCall>,
    can_add: Slot<KillSwitchManager::canAddCall>,
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
    let bounds = feeds::Bounds {
        band: if peg.isActive { Some(band(peg.threshold)?) } else { None },
        grace: small(oracle.threshold, "the oracle trigger's grace")?,
    };
    let mut tokens = Vec::new();
    for venue in &asked.venues {
        for token in answers.get(venue.tokens)? {
            if token != asset && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
    }
    let mut known = Vec::new();
    for (token, slot) in &asked.feeds {
        known.push((*token, answers.get(*slot)?));
    }
    let new: Vec<Address> =
        tokens.iter().filter(|token| !known.iter().any(|(known, _)| known == *token)).copied().collect();
    if !new.is_empty() {
        let mut batch = Batch::default();
        let slots: Vec<_> = new
            .iter()
            .map(|token| batch.add(deployment.kill_switch, KillSwitchManager::feedsCall { token: *token }))
            .collect();
        let answers = batch.run(provider, at).await?;
        for (token, slot) in new.iter().zip(slots) {
            known.push((*token, answers.get(slot)?));
        }
    }
    let wanted: Vec<_> = std::iter::once(&asset)
        .chain(&tokens)
        .filter_map(|token| known.iter().find(|(known, _)| known == token))
        .map(|(token, feed)| feeds::Wanted {
            token: *token,
            aggregator: feed.aggregator,
            decimals: feed.decimals,
            heartbeat: u64::from(feed.heartbeat),
        })
        .collect();
    let (feeds, eth_usd) = feeds::read(&wanted, &deployment.eth_usd, bounds, provider, at).await?;

    let nav = answers.get(asked.nav)?;
    Ok(Core {
        vault: VaultState {
            address: deployment.vault,
            asset,
            nav: assets(nav.assets, "the vault's NAV")?,
            idle: assets(answers.get(asked.idle)?, "the vault's idle")?,
            max_loss: Bps(small(answers.get(asked.max_loss)?, "the vault's loss bound")?),
            deposits_paused: answers.get(asked.paused)?,
        },
        nav_complete: nav.complete,
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
        limits: batch.add(hub, StrategyHub::limitsCall {}),
        mode: batch.add(switch, KillSwitchManager::modeCall {}),
        status: batch.add(switch, KillSwitchManager::operationalStatusCall {}),
        peg: batch.add(switch, KillSwitchManager::conditionsCall { trigger: TRIGGER_PEG }),
        oracle: batch.add(switch, KillSwitchManager::conditionsCall { trigger: TRIGGER_ORACLE }),
        feeds: std::iter::once(&asset)
            .chain(likely)
            .map(|token| (*token, batch.add(switch, KillSwitchManager::feedsCall { token: *token })))
            .collect(),
        venues: deployment
            .venues
            .iter()
            .map(|venue| VenueQuestions {
                protocol: batch.add(venue.adapter, IAdapter::venueCall {}),
                config: batch.add(vault, Vault::adapterConfigCall { adapter: venue.adapter }),
                memo: batch.add(hub, StrategyHub::venueCall { adapter: venue.adapter }),
                tokens: batch.add(switch, KillSwitchManager::venueTokensCall { adapter: venue.adapter }),
                can_add: batch.add(switch, KillSwitchManager::canAddCall { adapter: venue.adapter }),
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
    Ok(HubState {
        address: deployment.hub,
        attestor: answers.get(asked.attestor)?,
        nonce: answers.get(asked.nonce)?,
        recent,
        limits: HubLimits {
            reserve: Bps(limits.reserveBps),
            min_position: Bps(limits.minPositionBps),
            max_position: Bps(limits.maxPositionBps),
            min_step: Bps(limits.minStepBps),
            max_venue_share: Bps(limits.maxVenueShareBps),
            max_utilisation: Bps(limits.maxUtilisationBps),
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
    Ok(KillSwitchState { address: deployment.kill_switch, mode, operational: status._0, reason: status._1 })
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
    let memo = answers.get(venue.memo)?;
    let size: u128 = memo.size.to();
    Ok(ListedVenue {
        known: known.clone(),
        protocol: answers.get(venue.protocol)?,
        cap: assets(answers.get(venue.config)?.cap, "an adapter's cap")?,
        target: Bps(memo.targetBps),
        can_add: answers.get(venue.can_add)?,
        // In the next block every observation so far counts, so the current window's is the one that `settledSize` will use.
        checkpoint: (size != 0).then(|| Checkpoint { size: Assets(size), block: memo.startBlock.to() }),
    })
}

fn band(half_width: U256) -> Result<(Wad, Wad), Failure> {
    let width = u128::try_from(half_width).ok().filter(|width| *width < WAD);
    let width = width.ok_or_else(|| out_of_range("the peg trigger's threshold", half_width, "less than 1e18"))?;
    Ok((Wad(WAD - width), Wad(WAD + width)))
}

fn assets(value: U256, what: &'static str) -> Result<Assets, Unfit> {
    u128::try_from(value).map(Assets).map_err(|_| out_of_range(what, value, "an amount below 2^128"))
}

fn small<T: TryFrom<U256>>(value: U256, what: &'static str) -> Result<T, Unfit> {
    T::try_from(value).map_err(|_| out_of_range(what, value, "a smaller number"))
}

type Unfit = ReadError;

fn out_of_range(what: &'static str, value: impl ToString, expected: &'static str) -> ReadError {
    ReadError::OutOfRange { what, value: value.to_string(), expected }
}
