//! The accounts of the well-known development mnemonic, and who uses which. The node funds the first ten; the others only sign.

use alloy::{primitives::Address, signers::local::PrivateKeySigner};

/// Private keys of `test test test test test test test test test test test junk`, which every tool knows.
const KEYS: [&str; 15] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
    "f214f2b2cd398c806f84e317254e0f0b801d0643303237d97a22a48e01628897",
    "701b615bbdfb9de65240bc28bd21bbc0d996645a3dd57e7b12bc2bdf6f192c82",
    "a267530f49f8280200edf313ee7af6b827f2a8bce2897751d06a843f644967b1",
    "47c99abed3324a2707c28affff1267e45918ec8c3f20b8aa892e8b065d2942dd",
    "c526ee95bf44d8fc405a158bb884d9d1238d99f0612e9f33d006bb0789009aaa",
];

/// Who an account is on the devnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Deploys, mints test money and answers feeds.
    Deployer,
    /// One of the three owners of the emergency Safe (0–2).
    EmergencyOwner(usize),
    /// One of the five owners of the governance Safe (0–4); without ether of its own.
    GovernanceOwner(usize),
    /// One of three depositors (0–2).
    Depositor(usize),
    /// The first of the three guardians; also stands in for anyone.
    Guardian,
    /// Supplies the outside liquidity of the venues.
    Supplier,
    /// Owes the venues' outside debt.
    Borrower,
}

impl Role {
    const fn index(self) -> usize {
        match self {
            Self::Deployer => 0,
            Self::EmergencyOwner(number) => 1 + number % 3,
            Self::GovernanceOwner(number) => 10 + number % 5,
            Self::Depositor(number) => 4 + number % 3,
            Self::Guardian => 7,
            Self::Supplier => 8,
            Self::Borrower => 9,
        }
    }

    /// The private key in hex, with 0x.
    #[must_use]
    pub fn key(self) -> String {
        format!("0x{}", KEYS[self.index()])
    }

    /// The account's signer.
    ///
    /// # Errors
    /// Never for these constants; the parser's signature says otherwise.
    pub fn signer(self) -> Result<PrivateKeySigner, alloy::signers::local::LocalSignerError> {
        KEYS[self.index()].parse()
    }

    /// The account's address.
    ///
    /// # Errors
    /// As [`Self::signer`].
    pub fn address(self) -> Result<Address, alloy::signers::local::LocalSignerError> {
        Ok(self.signer()?.address())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_role_has_its_own_key_and_the_first_is_the_first_of_the_mnemonic() {
        let roles = [
            Role::Deployer,
            Role::EmergencyOwner(0),
            Role::EmergencyOwner(1),
            Role::EmergencyOwner(2),
            Role::Depositor(0),
            Role::Depositor(1),
            Role::Depositor(2),
            Role::Guardian,
            Role::Supplier,
            Role::Borrower,
            Role::GovernanceOwner(0),
            Role::GovernanceOwner(1),
            Role::GovernanceOwner(2),
            Role::GovernanceOwner(3),
            Role::GovernanceOwner(4),
        ];
        let mut addresses: Vec<Address> = roles.iter().map(|role| role.address().unwrap()).collect();
        assert_eq!(addresses[0].to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(addresses[9].to_string(), "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720");
        assert_eq!(addresses[14].to_string(), "0xdF3e18d64BC6A983f673Ab319CCaE4f1a57C7097");
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 15);
    }
}
