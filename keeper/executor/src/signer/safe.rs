//! The one other thing that a key signs: a Safe transaction, whose owners or delegates sign it one by one and which anybody sends.

use alloy::{
    primitives::{Address, B256, U256},
    sol,
    sol_types::{Eip712Domain, SolStruct},
};

sol! {
    /// `SafeTx` of Safe 1.3 and later.
    #[derive(Debug, PartialEq, Eq)]
    struct SafeTx {
        address to;
        uint256 value;
        bytes data;
        uint8 operation;
        uint256 safeTxGas;
        uint256 baseGas;
        uint256 gasPrice;
        address gasToken;
        address refundReceiver;
        uint256 nonce;
    }
}

/// `safeTxHash`, computed here from the transaction and not taken from anybody. Whatever the fields are, it is the hash of typed data
/// of the type `SafeTx`: of no transaction of the account, and of no proof of the hub. So it needs no leave of the store; what it does
/// was simulated by who proposed it and is read by each owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SafeTxHash(B256);

impl SafeTxHash {
    #[must_use]
    pub fn of(chain_id: u64, safe: Address, transaction: &SafeTx) -> Self {
        let domain = Eip712Domain {
            chain_id: Some(U256::from(chain_id)),
            verifying_contract: Some(safe),
            ..Eip712Domain::default()
        };
        Self(transaction.eip712_signing_hash(&domain))
    }

    #[must_use]
    pub const fn hash(self) -> B256 {
        self.0
    }
}
