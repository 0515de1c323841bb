//! An EIP-2930 access list, where it pays.
//!
//! A listed account costs 2,400 gas and a listed slot 1,900 up front, and each touch 100; the first touch of one that is not listed
//! costs 2,600 and 2,100 (EIP-2929, EIP-2930). Sender, callee, fee recipient and precompiles are warm from the start, so listing them
//! costs 2,400 for their slots alone. Which is cheaper depends on what is touched and is not computed but measured: both are executed.

use super::{BlockContext, Overrides, ReadSet, Simulation, SimulationError, Simulator, TxPlan};
use alloy::{
    eips::eip2930::{AccessList, AccessListItem},
    primitives::{Address, B256, U160},
};

/// Gas of listing an account.
const LISTED_ACCOUNT: usize = 2_400;
/// What a listed slot saves if it is read: 2,100 − 1,900 − 100.
const SAVED_BY_SLOT: usize = 100;
/// Precompiles lie below this address.
const LAST_PRECOMPILE: u64 = 0x1ff;

/// The cheaper way to send one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessChoice {
    /// With the access list if that is cheaper.
    pub plan: TxPlan,
    pub simulation: Simulation,
    /// Gas used without a list.
    pub without: u64,
    /// Gas used with it; `None` if there was nothing to list or it failed.
    pub with: Option<u64>,
}

impl Simulator {
    /// Executes `tx` without an access list and with the one that follows from what it touches, and keeps the cheaper.
    ///
    /// # Errors
    /// As [`Simulator::simulate`] for the transaction without a list.
    pub async fn with_access_list(&self, tx: &TxPlan, block: &BlockContext) -> Result<AccessChoice, SimulationError> {
        let mut plan = TxPlan { access_list: AccessList::default(), ..tx.clone() };
        let (simulation, read) = self.examine(&plan, block, &Overrides::default()).await?;
        let without = simulation.gas_used;
        let list = list_of(&read, &plan, block.coinbase);
        if !simulation.success || list.is_empty() {
            return Ok(AccessChoice { plan, simulation, without, with: None });
        }
        let listed = TxPlan { access_list: list, ..plan.clone() };
        // The list adds to the intrinsic gas, which a tight gas limit may not have: then it is no choice.
        let Ok(other) = self.simulate(&listed, block, &Overrides::default()).await else {
            return Ok(AccessChoice { plan, simulation, without, with: None });
        };
        let same = other.success && other.logs == simulation.logs && other.output == simulation.output;
        let with = same.then_some(other.gas_used);
        if with.is_some_and(|with| with < without) {
            plan = listed;
            return Ok(AccessChoice { plan, simulation: other, without, with });
        }
        Ok(AccessChoice { plan, simulation, without, with })
    }
}

/// What is cold at its first touch, and what is warm only if its slots make up for listing it.
fn list_of(read: &ReadSet, tx: &TxPlan, coinbase: Address) -> AccessList {
    let precompile = |address: Address| U160::from_be_bytes(address.into_array()) <= U160::from(LAST_PRECOMPILE);
    let warm = |address| [tx.from, tx.to, coinbase].contains(&address) || precompile(address);
    let pays = |address: Address, slots: usize| !warm(address) || slots * SAVED_BY_SLOT > LISTED_ACCOUNT;
    let items = read.accounts.iter().filter(|(address, account)| pays(**address, account.storage.len()));
    let item = |(address, account): (&Address, &super::AccountRead)| AccessListItem {
        address: *address,
        storage_keys: account.storage.keys().map(|slot| B256::from(*slot)).collect(),
    };
    AccessList(items.map(item).collect())
}
