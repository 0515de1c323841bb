//! What hub and switch say of one position. Both read a venue with capped gas and bounded return data, so these calls succeed whatever the
//! venue does.

use super::{Failure, core};
use crate::{
    bindings::{KillSwitchManager, StrategyHub},
    deployment::Deployment,
    multicall::{At, Batch},
};
use alloy::{primitives::Address, providers::DynProvider};
use ballast_types::{Assets, Bps, Checkpoint, Wad};

/// One position as a rebalance would be judged by.
pub(super) struct Position {
    /// Whether value and size could be read.
    pub(super) readable: bool,
    pub(super) direct: bool,
    pub(super) can_add: bool,
    pub(super) value: Assets,
    pub(super) liquidity: Assets,
    pub(super) utilisation: Wad,
    pub(super) size: Assets,
    pub(super) cap: Assets,
    pub(super) target: Bps,
    pub(super) flow_used: Bps,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// Reads it.
pub(super) async fn read(
    deployment: &Deployment,
    adapter: Address,
    provider: &DynProvider,
    at: At,
) -> Result<Position, Failure> {
    let mut batch = Batch::default();
    let state = batch.add(deployment.hub, StrategyHub::positionStateCall { adapter });
    let status = batch.add(deployment.kill_switch, KillSwitchManager::venueStatusCall { adapter });
    let answers = batch.run(provider, at).await?;
    let (state, status) = (answers.get(state)?, answers.get(status)?);
    // Not `settledSize`, which leaves out what was confirmed in this very block: for the next block it counts.
    let newest = status.checkpoints.iter().filter(|checkpoint| !checkpoint.time.is_zero()).max_by_key(|c| c.time);
    Ok(Position {
        readable: state.readable,
        direct: state.direct,
        can_add: state.canAdd,
        value: core::assets(state.value, "a position's value")?,
        liquidity: core::assets(state.liquidity, "a position's liquidity")?,
        utilisation: Wad(core::assets(state.utilisation, "a position's utilisation")?.0),
        size: core::assets(state.size, "a venue's size")?,
        cap: core::assets(state.cap, "a position's cap")?,
        target: Bps(core::small(state.targetBps, "a position's target")?),
        flow_used: Bps(core::small(state.flowUsedBps, "a venue's flow bucket")?),
        checkpoint: newest.map(|checkpoint| Checkpoint {
            size: Assets(checkpoint.size.to()),
            time: checkpoint.time.to(),
            block: checkpoint.blockNumber.to(),
        }),
    })
}
