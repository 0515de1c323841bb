//! Where everything is on the devnet.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// All endpoints and addresses, as written to `address-book.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddressBook {
    pub chain_id: u64,
    pub endpoints: Endpoints,
    pub contracts: Contracts,
    pub venues: Vec<Venue>,
    pub protocols: Protocols,
    /// Addresses of the two KMS keys.
    pub keeper: Address,
    pub attestor: Address,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    pub rpc: String,
    pub websocket: String,
    pub relay: String,
    pub kms: String,
}

/// Ballast's own contracts and the governance over them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contracts {
    pub vault: Address,
    pub kill_switch: Address,
    pub hub: Address,
    pub timelock: Address,
    /// The Safe that governs through the timelock.
    pub governance: Address,
    /// The Safe for emergencies.
    pub emergency: Address,
    /// The positions in the order of the venues: an adapter, or the venue itself where the vault holds its shares directly.
    pub adapters: Vec<Address>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Venue {
    pub name: String,
    /// "aave-v3" or "metamorpho".
    pub kind: String,
    pub adapter: Address,
    pub venue: Address,
    pub risk_score: u8,
}

/// The outside world, as written by script/DeployProtocols.s.sol.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocols {
    pub usdc: Address,
    pub usdt: Address,
    pub weth: Address,
    pub feeds: Feeds,
    pub aave: Aave,
    pub morpho: Morpho,
    /// A second instance of Aave V3, with a pool of its own.
    pub aave_prime: Aave,
    /// A second MetaMorpho over a second market of the same Morpho Blue.
    pub morpho_prime: Morpho,
    pub safe: Safe,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Feeds {
    pub usdc_usd: Address,
    pub usdt_usd: Address,
    pub eth_usd: Address,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Aave {
    pub pool: Address,
    pub addresses_provider: Address,
    pub data_provider: Address,
    pub a_usdc: Address,
    pub variable_debt_usdc: Address,
    pub rate_strategy: Address,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Morpho {
    pub blue: Address,
    pub irm: Address,
    pub meta_morpho: Address,
    pub market_id: B256,
    pub oracle: Address,
    pub collateral: Address,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Safe {
    pub singleton: Address,
    pub factory: Address,
    pub fallback_handler: Address,
}
