//! The ten accounts of the well-known development mnemonic, and who uses which.

use alloy::{primitives::Address, signers::local::PrivateKeySigner};

/// Private keys of `test test test test test test test test test test test junk`, which every tool knows.
const KEYS: [&str; 10] = [
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
];

/// Who an account is on the devnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Deploys, mints test money and answers feeds.
    Deployer,
    /// One of the three owners of the Safe (0–2).
    SafeOwner(usize),
    /// One of three depositors (0–2).
    Depositor(usize),
    /// A guardian, besides the first two Safe owners; also stands in for anyone.
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
            Self::SafeOwner(number) => 1 + number % 3,
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
            Role::SafeOwner(0),
            Role::SafeOwner(1),
            Role::SafeOwner(2),
            Role::Depositor(0),
            Role::Depositor(1),
            Role::Depositor(2),
            Role::Guardian,
            Role::Supplier,
            Role::Borrower,
        ];
        let mut addresses: Vec<Address> = roles.iter().map(|role| role.address().unwrap()).collect();
        assert_eq!(addresses[0].to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(addresses[9].to_string(), "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720");
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 10);
    }
}
