//! A transaction of a Safe 1.4.1: what its owners sign, and the call that executes it.

use super::spelling::{checksummed, decimal};
use alloy::{
    primitives::{Address, B256, Bytes, U256, address, b256, keccak256},
    sol,
    sol_types::{Eip712Domain, SolCall, SolStruct},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

// The struct and the function have as many fields as Safe gave them.
#[allow(clippy::too_many_arguments)]
mod contract {
    use super::sol;

    sol! {
        /// What the owners of a Safe sign where that Safe itself signs (EIP-1271).
        struct SafeMessage {
            bytes message;
        }

        /// The part of Safe 1.4.1 that is used here.
        #[sol(rpc)]
        interface ISafe {
            event ExecutionSuccess(bytes32 indexed txHash, uint256 payment);
            function VERSION() external view returns (string);
            function nonce() external view returns (uint256);
            function getThreshold() external view returns (uint256);
            function getOwners() external view returns (address[]);
            function approvedHashes(address owner, bytes32 hash) external view returns (uint256);
            function getTransactionHash(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce) external view returns (bytes32);
            function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) external payable returns (bool success);
        }

        /// EIP-1271 as Safe 1.4.1 asks it: over the bytes that were hashed, not over the hash.
        #[sol(rpc)]
        interface ISignatureValidator {
            function isValidSignature(bytes data, bytes signature) external view returns (bytes4);
        }

        interface IMultiSend {
            function multiSend(bytes transactions) external payable;
        }
    }
}
use ballast_executor::SafeTx;
use contract::{IMultiSend, SafeMessage};
pub use contract::{ISafe, ISignatureValidator};

/// Safe's MultiSendCallOnly 1.4.1, the same on every chain (safe-deployments, v1.4.1/multi_send_call_only.json). The only contract that
/// a proposal may delegate-call: it makes calls and nothing else.
pub const MULTI_SEND_CALL_ONLY: Address = address!("9641d764fc13c8B624c04430C7356C1C7C8102e2");
/// `keccak256` of its runtime code (`codeHash` of the same file).
const MULTI_SEND_CALL_ONLY_CODE: B256 = b256!("ecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939");
/// The version whose rules are followed here.
pub const SAFE_VERSION: &str = "1.4.1";
/// What `isValidSignature(bytes,bytes)` answers if it agrees.
pub(super) const MAGIC_VALUE: [u8; 4] = [0x20, 0xc1, 0x3b, 0x0b];

const CALL: u8 = 0;
const DELEGATE_CALL: u8 = 1;
/// Of one packed call: operation, to, value, length of data.
const PACKED_HEAD: usize = 1 + 20 + 32 + 32;

/// One call that the Safe makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Call {
    #[serde(with = "checksummed")]
    pub to: Address,
    /// Wei.
    #[serde(with = "decimal")]
    pub value: U256,
    pub data: Bytes,
}

/// `SafeTx` as it is written in a proposal. Gas and refund are zero: whoever executes pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SafeTransaction {
    #[serde(with = "checksummed")]
    pub to: Address,
    /// Wei.
    #[serde(with = "decimal")]
    pub value: U256,
    pub data: Bytes,
    /// 0 call, 1 delegate call.
    pub operation: u8,
    #[serde(with = "decimal")]
    pub safe_tx_gas: U256,
    #[serde(with = "decimal")]
    pub base_gas: U256,
    #[serde(with = "decimal")]
    pub gas_price: U256,
    #[serde(with = "checksummed")]
    pub gas_token: Address,
    #[serde(with = "checksummed")]
    pub refund_receiver: Address,
    #[serde(with = "decimal")]
    pub nonce: U256,
}

impl SafeTransaction {
    /// The transaction that makes `calls` in their order, all or none: a plain call if there is one, a batch if there are more.
    /// `None` if there are none.
    #[must_use]
    pub fn of(calls: &[Call], nonce: u64) -> Option<Self> {
        let (to, value, data, operation) = match calls {
            [] => return None,
            [call] => (call.to, call.value, call.data.clone(), CALL),
            several => {
                let data = IMultiSend::multiSendCall { transactions: packed(several) }.abi_encode();
                (MULTI_SEND_CALL_ONLY, U256::ZERO, data.into(), DELEGATE_CALL)
            }
        };
        Some(Self {
            to,
            value,
            data,
            operation,
            safe_tx_gas: U256::ZERO,
            base_gas: U256::ZERO,
            gas_price: U256::ZERO,
            gas_token: Address::ZERO,
            refund_receiver: Address::ZERO,
            nonce: U256::from(nonce),
        })
    }

    /// The typed data that is signed.
    #[must_use]
    pub fn typed(&self) -> SafeTx {
        SafeTx {
            to: self.to,
            value: self.value,
            data: self.data.clone(),
            operation: self.operation,
            safeTxGas: self.safe_tx_gas,
            baseGas: self.base_gas,
            gasPrice: self.gas_price,
            gasToken: self.gas_token,
            refundReceiver: self.refund_receiver,
            nonce: self.nonce,
        }
    }

    /// `safeTxHash`, what the owners sign (EIP-712).
    #[must_use]
    pub fn hash(&self, chain_id: u64, safe: Address) -> B256 {
        self.typed().eip712_signing_hash(&domain(chain_id, safe))
    }

    /// The 66 bytes whose hash is [`Self::hash`]: what a contract that owns the Safe is asked about.
    #[must_use]
    pub fn encoded(&self, chain_id: u64, safe: Address) -> Vec<u8> {
        let separator = domain(chain_id, safe).hash_struct();
        [&[0x19, 0x01], separator.as_slice(), self.typed().eip712_hash_struct().as_slice()].concat()
    }

    /// For `eth_signTypedData_v4` of an offline or hardware signer.
    #[must_use]
    pub fn typed_data(&self, chain_id: u64, safe: Address) -> Value {
        let message = serde_json::to_value(self).unwrap_or_default();
        json!({
            "types": {
                "EIP712Domain": domain_types(),
                "SafeTx": [
                    { "name": "to", "type": "address" },
                    { "name": "value", "type": "uint256" },
                    { "name": "data", "type": "bytes" },
                    { "name": "operation", "type": "uint8" },
                    { "name": "safeTxGas", "type": "uint256" },
                    { "name": "baseGas", "type": "uint256" },
                    { "name": "gasPrice", "type": "uint256" },
                    { "name": "gasToken", "type": "address" },
                    { "name": "refundReceiver", "type": "address" },
                    { "name": "nonce", "type": "uint256" },
                ],
            },
            "primaryType": "SafeTx",
            "domain": { "chainId": chain_id, "verifyingContract": safe.to_checksum(None) },
            "message": message,
        })
    }

    /// Calldata of `execTransaction` with these packed signatures.
    #[must_use]
    pub fn execution(&self, signatures: Bytes) -> Bytes {
        ISafe::execTransactionCall {
            to: self.to,
            value: self.value,
            data: self.data.clone(),
            operation: self.operation,
            safeTxGas: self.safe_tx_gas,
            baseGas: self.base_gas,
            gasPrice: self.gas_price,
            gasToken: self.gas_token,
            refundReceiver: self.refund_receiver,
            signatures,
        }
        .abi_encode()
        .into()
    }
}

/// What the owners of `owner`, itself a Safe and an owner, sign so that it agrees to `encoded`
/// (CompatibilityFallbackHandler 1.4.1): hash and typed data.
#[must_use]
pub fn message_for_contract_owner(chain_id: u64, owner: Address, encoded: &[u8]) -> (B256, Value) {
    let message = SafeMessage { message: Bytes::copy_from_slice(encoded) };
    let typed = json!({
        "types": { "EIP712Domain": domain_types(), "SafeMessage": [{ "name": "message", "type": "bytes" }] },
        "primaryType": "SafeMessage",
        "domain": { "chainId": chain_id, "verifyingContract": owner.to_checksum(None) },
        "message": { "message": message.message },
    });
    (message.eip712_signing_hash(&domain(chain_id, owner)), typed)
}

fn domain_types() -> Value {
    json!([{ "name": "chainId", "type": "uint256" }, { "name": "verifyingContract", "type": "address" }])
}

/// Safe 1.3.0 and later: no name, no version.
fn domain(chain_id: u64, safe: Address) -> Eip712Domain {
    Eip712Domain { chain_id: Some(U256::from(chain_id)), verifying_contract: Some(safe), ..Eip712Domain::default() }
}

/// MultiSend's packed encoding: operation, to, value, length, data of each call, without padding.
fn packed(calls: &[Call]) -> Bytes {
    let mut bytes = Vec::with_capacity(calls.iter().map(|call| PACKED_HEAD + call.data.len()).sum());
    for call in calls {
        bytes.push(CALL);
        bytes.extend_from_slice(call.to.as_slice());
        bytes.extend_from_slice(&call.value.to_be_bytes::<32>());
        bytes.extend_from_slice(&U256::from(call.data.len()).to_be_bytes::<32>());
        bytes.extend_from_slice(&call.data);
    }
    bytes.into()
}

/// Whether this is the code of MultiSendCallOnly 1.4.1.
#[must_use]
pub(super) fn is_multi_send_call_only(code: &[u8]) -> bool {
    keccak256(code) == MULTI_SEND_CALL_ONLY_CODE
}
