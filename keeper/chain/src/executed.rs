//! What the hub says of a rebalance, unpacked from its event.

use crate::bindings::RebalanceExecuted;
use alloy::{
    primitives::{Address, B256, Log, U256},
    sol_types::SolEvent,
};
use ballast_types::{Assets, Bps};
use serde::{Deserialize, Serialize};

/// Bits of a word of `targets` that hold the position's address; its target is in those above.
const ADDRESS_BITS: usize = 160;
/// Bits of a word of `changes` that hold the value before; the value after is in those above.
const VALUE_BITS: usize = 128;

/// `StrategyHub.RebalanceExecuted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    pub decision_hash: B256,
    pub nonce: u64,
    pub nav_before: Assets,
    pub nav_after: Assets,
    pub idle_after: Assets,
    /// In the order of the targets.
    pub legs: Vec<Leg>,
}

/// One position before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub adapter: Address,
    /// Its new target.
    pub bps: Bps,
    pub before: Assets,
    pub after: Assets,
}

/// The event says what no rebalance does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the data cannot be decoded")]
    Data,
    #[error("there are {targets} targets and {changes} changes, expected as many of one as of the other")]
    Lengths { targets: usize, changes: usize },
    #[error("the target of {adapter} is {bps} bps, expected at most 65535")]
    Target { adapter: Address, bps: U256 },
    #[error("{what} is {value}, more than any amount of the asset")]
    Amount { what: &'static str, value: U256 },
}

/// Every rebalance that `hub` itself reports among the logs of a transaction; other contracts' look-alikes do not count.
pub fn rebalances(hub: Address, logs: &[Log]) -> impl Iterator<Item = Result<Executed, Malformed>> {
    logs.iter()
        .filter(move |log| log.address == hub && log.topics().first() == Some(&RebalanceExecuted::SIGNATURE_HASH))
        .map(|log| {
            let event = RebalanceExecuted::decode_log_data(&log.data).map_err(|_| Malformed::Data)?;
            Executed::try_from(&event)
        })
}

impl TryFrom<&RebalanceExecuted> for Executed {
    type Error = Malformed;

    fn try_from(event: &RebalanceExecuted) -> Result<Self, Malformed> {
        let (targets, changes) = (event.targets.len(), event.changes.len());
        if targets != changes {
            return Err(Malformed::Lengths { targets, changes });
        }
        let legs = event.targets.iter().zip(&event.changes).map(|(target, change)| Leg::unpack(*target, *change));
        Ok(Self {
            decision_hash: event.decisionHash,
            nonce: event.nonce,
            nav_before: assets("NAV before", event.navBefore)?,
            nav_after: assets("NAV after", event.navAfter)?,
            idle_after: assets("idle", event.idleAfter)?,
            legs: legs.collect::<Result<_, _>>()?,
        })
    }
}

/// The event as the hub emits it.
impl From<&Executed> for RebalanceExecuted {
    fn from(executed: &Executed) -> Self {
        let (targets, changes) = executed.legs.iter().map(Leg::pack).unzip();
        Self {
            decisionHash: executed.decision_hash,
            nonce: executed.nonce,
            navBefore: U256::from(executed.nav_before.0),
            navAfter: U256::from(executed.nav_after.0),
            idleAfter: U256::from(executed.idle_after.0),
            targets,
            changes,
        }
    }
}

impl Leg {
    fn unpack(target: U256, change: U256) -> Result<Self, Malformed> {
        let adapter = Address::from_word(target.into());
        let bps: U256 = target >> ADDRESS_BITS;
        Ok(Self {
            adapter,
            bps: u16::try_from(bps).map(Bps).map_err(|_| Malformed::Target { adapter, bps })?,
            before: Assets(change.wrapping_to()),
            after: assets("a position", change >> VALUE_BITS)?,
        })
    }

    fn pack(&self) -> (U256, U256) {
        let target = U256::from_be_bytes(self.adapter.into_word().0) | (U256::from(self.bps.0) << ADDRESS_BITS);
        (target, U256::from(self.before.0) | (U256::from(self.after.0) << VALUE_BITS))
    }
}

fn assets(what: &'static str, value: U256) -> Result<Assets, Malformed> {
    u128::try_from(value).map(Assets).map_err(|_| Malformed::Amount { what, value })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::uint;

    const HUB: Address = Address::repeat_byte(1);

    fn event() -> RebalanceExecuted {
        RebalanceExecuted {
            decisionHash: B256::repeat_byte(7),
            nonce: 3,
            navBefore: U256::from(100),
            navAfter: U256::from(99),
            idleAfter: U256::from(5),
            targets: vec![
                uint!(0x1388_0202020202020202020202020202020202020202_U256),
                uint!(0xffff_ffffffffffffffffffffffffffffffffffffffff_U256),
            ],
            changes: vec![uint!(0x32_00000000000000000000000000000004_U256), U256::MAX],
        }
    }

    fn found(change: impl FnOnce(&mut RebalanceExecuted)) -> Result<Executed, Malformed> {
        let mut event = event();
        change(&mut event);
        rebalances(HUB, &[Log { address: HUB, data: event.encode_log_data() }]).next().unwrap()
    }

    #[test]
    fn every_field_is_unpacked() {
        let leg = |byte, bps, before, after| Leg {
            adapter: Address::repeat_byte(byte),
            bps: Bps(bps),
            before: Assets(before),
            after: Assets(after),
        };
        let expected = Executed {
            decision_hash: B256::repeat_byte(7),
            nonce: 3,
            nav_before: Assets(100),
            nav_after: Assets(99),
            idle_after: Assets(5),
            legs: vec![leg(2, 5_000, 4, 50), leg(0xff, u16::MAX, u128::MAX, u128::MAX)],
        };
        assert_eq!(found(|_| ()), Ok(expected.clone()));
        assert_eq!(RebalanceExecuted::from(&expected), event());
    }

    #[test]
    fn only_the_hub_reports_a_rebalance() {
        let log = |address| Log { address, data: event().encode_log_data() };
        let other = Address::repeat_byte(9);
        assert_eq!(rebalances(HUB, &[log(other), Log { address: HUB, ..Default::default() }]).count(), 0);
        assert_eq!(rebalances(HUB, &[log(other), log(HUB), log(HUB)]).filter(Result::is_ok).count(), 2);
    }

    #[test]
    fn what_no_rebalance_does_is_an_error() {
        let adapter = Address::repeat_byte(2);
        let bps = U256::from(u32::from(u16::MAX) + 1);
        let target = U256::from_be_slice(adapter.as_slice()) | (bps << ADDRESS_BITS);
        assert_eq!(found(|event| event.targets[0] = target), Err(Malformed::Target { adapter, bps }));
        let widest = found(|event| event.targets[0] = U256::MAX).unwrap_err();
        assert!(matches!(widest, Malformed::Target { .. }), "{widest}");

        let short = Malformed::Lengths { targets: 2, changes: 1 };
        assert_eq!(found(|event| event.changes.truncate(1)), Err(short));
        let long = Malformed::Lengths { targets: 0, changes: 2 };
        assert_eq!(found(|event| event.targets.clear()), Err(long));

        let value = U256::from(1) << VALUE_BITS;
        let fields: [fn(&mut RebalanceExecuted) -> &mut U256; 3] =
            [|event| &mut event.navBefore, |event| &mut event.navAfter, |event| &mut event.idleAfter];
        for (field, what) in fields.into_iter().zip(["NAV before", "NAV after", "idle"]) {
            assert_eq!(found(|event| *field(event) = value), Err(Malformed::Amount { what, value }));
        }

        let mut cut = Log { address: HUB, data: event().encode_log_data() };
        cut.data.data = cut.data.data.slice(..32);
        assert_eq!(rebalances(HUB, &[cut]).next(), Some(Err(Malformed::Data)));
    }
}
