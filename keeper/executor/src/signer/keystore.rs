//! A key in an encrypted file (Web3 Secret Storage, version 3), for test networks that the operator names.
//!
//! Whoever runs the process has the key in its memory, which is why this is for play money: a chain must be the development chain, or
//! both on the list below and named in the configuration. No list of main networks is needed, since any other chain is refused.

use super::{DEV_CHAIN_ID, SafeTxHash, Signer, SignerError, check_digest, development::in_memory};
use alloy::{
    primitives::{Address, Signature},
    signers::local::PrivateKeySigner,
};
use ballast_store::Cleared;
use futures::future::BoxFuture;
use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Test networks whose ether is worth nothing, by chain id (chainid.network).
pub const KNOWN_TESTNETS: [(u64, &str); 7] = [
    (11_155_111, "Sepolia"),
    (560_048, "Hoodi"),
    (17_000, "Holesky"),
    (84_532, "Base Sepolia"),
    (421_614, "Arbitrum Sepolia"),
    (11_155_420, "OP Sepolia"),
    (80_002, "Polygon Amoy"),
];
/// The environment variable that may hold the passphrase.
pub const PASSPHRASE_VARIABLE: &str = "BALLAST_KEYSTORE_PASSPHRASE";

/// Why a keystore is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    #[error(
        "a keystore was configured for chain {chain_id}, where money is real or may be; use KMS. Accepted are {}",
        accepted()
    )]
    NotATestnet { chain_id: u64 },
    #[error("a keystore on {name} needs that network named: add {chain_id} to keys.testnets")]
    NotNamed { chain_id: u64, name: &'static str },
    #[error("the keystore {} cannot be read: {why}; expected a Web3 Secret Storage file, version 3", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("the passphrase file {} cannot be read: {why}", path.display())]
    NoPassphrase { path: PathBuf, why: String },
    #[error("the passphrase file {} may be read by others (mode {mode:03o}), expected 600: chmod 600 it", path.display())]
    LooseMode { path: PathBuf, mode: u32 },
    #[error("the passphrase does not open the keystore {}", path.display())]
    WrongPassphrase { path: PathBuf },
}

fn accepted() -> String {
    let named = KNOWN_TESTNETS.map(|(id, name)| format!("{id} ({name})")).join(", ");
    format!("{DEV_CHAIN_ID} (development) and, if named in keys.testnets, {named}")
}

/// Where the passphrase is; never an argument of the command line, which every user of the machine can read.
#[derive(Clone, PartialEq, Eq)]
pub enum Passphrase {
    /// A file that only its owner may read; one line break at its end does not count.
    File(PathBuf),
    /// As the environment held it ([`PASSPHRASE_VARIABLE`]).
    Given(String),
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Given(_) => f.write_str("Given(…)"),
        }
    }
}

impl Passphrase {
    fn read(&self) -> Result<String, KeystoreError> {
        let path = match self {
            Self::Given(text) => return Ok(text.clone()),
            Self::File(path) => path,
        };
        let unreadable =
            |error: std::io::Error| KeystoreError::NoPassphrase { path: path.clone(), why: error.to_string() };
        let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeystoreError::LooseMode { path: path.clone(), mode });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Ok(text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line)).to_owned())
    }
}

/// Whether a key in a file may be used on this chain. `named` are the test networks of the configuration.
///
/// # Errors
/// [`KeystoreError::NotATestnet`], [`KeystoreError::NotNamed`].
pub(crate) fn admit(chain_id: u64, named: &[u64]) -> Result<(), KeystoreError> {
    if chain_id == DEV_CHAIN_ID {
        return Ok(());
    }
    let known = KNOWN_TESTNETS.iter().find(|(id, _)| *id == chain_id);
    let Some((_, name)) = known else { return Err(KeystoreError::NotATestnet { chain_id }) };
    if named.contains(&chain_id) { Ok(()) } else { Err(KeystoreError::NotNamed { chain_id, name }) }
}

/// A key decrypted into memory.
#[derive(Clone, Debug)]
pub struct KeystoreSigner(PrivateKeySigner);

impl KeystoreSigner {
    /// Decrypts the file, which takes the second or so that its scrypt parameters are meant to cost; the chain is looked at first.
    ///
    /// # Errors
    /// [`KeystoreError`], as [`SignerError::Keystore`].
    pub fn open(chain_id: u64, named: &[u64], path: &Path, passphrase: &Passphrase) -> Result<Self, SignerError> {
        admit(chain_id, named)?;
        let unreadable = |why: String| KeystoreError::Unreadable { path: path.to_owned(), why };
        fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
        let passphrase = passphrase.read()?;
        // Only the MAC tells a wrong passphrase; whatever else fails is the file.
        PrivateKeySigner::decrypt_keystore(path, passphrase).map(Self).map_err(|error| {
            let why = error.to_string();
            if why.to_lowercase().contains("mac") {
                KeystoreError::WrongPassphrase { path: path.to_owned() }.into()
            } else {
                unreadable(why).into()
            }
        })
    }
}

impl Signer for KeystoreSigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign_hash(&self, cleared: Cleared) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { in_memory(&self.0, cleared.digest()) })
    }

    fn sign_safe_tx(&self, hash: SafeTxHash) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { in_memory(&self.0, hash.hash()) })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SignerError>> {
        Box::pin(async move { in_memory(&self.0, check_digest()).map(drop) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const PASSPHRASE: &str = "correct horse";
    const SEPOLIA: u64 = 11_155_111;

    fn keystore(folder: &Path) -> (PathBuf, Address) {
        let key = PrivateKeySigner::random();
        let mut rng = k256::elliptic_curve::rand_core::OsRng;
        PrivateKeySigner::encrypt_keystore(folder, &mut rng, key.to_bytes(), PASSPHRASE, Some("key")).unwrap();
        (folder.join("key"), key.address())
    }

    fn refusal(result: Result<KeystoreSigner, SignerError>) -> KeystoreError {
        match result.unwrap_err() {
            SignerError::Keystore(error) => error,
            other => panic!("{other}"),
        }
    }

    // SPEC X5
    #[tokio::test]
    async fn a_keystore_opens_with_its_passphrase_from_a_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let (path, address) = keystore(folder.path());
        let file = folder.path().join("passphrase");
        fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for passphrase in [Passphrase::File(file.clone()), Passphrase::Given(PASSPHRASE.to_owned())] {
            let signer = KeystoreSigner::open(DEV_CHAIN_ID, &[], &path, &passphrase).unwrap();
            assert_eq!(signer.address(), address);
            signer.check().await.unwrap();
            assert!(!format!("{passphrase:?} {signer:?}").contains(PASSPHRASE));
        }

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let open = |passphrase: &Passphrase| refusal(KeystoreSigner::open(DEV_CHAIN_ID, &[], &path, passphrase));
        assert!(matches!(open(&Passphrase::File(file.clone())), KeystoreError::LooseMode { mode: 0o640, .. }));
        let absent = Passphrase::File(folder.path().join("absent"));
        assert!(matches!(open(&absent), KeystoreError::NoPassphrase { .. }));
        assert!(matches!(open(&Passphrase::Given("wrong".to_owned())), KeystoreError::WrongPassphrase { .. }));
        let given = Passphrase::Given(PASSPHRASE.to_owned());
        let no_keystore = refusal(KeystoreSigner::open(DEV_CHAIN_ID, &[], &file, &given));
        assert!(matches!(no_keystore, KeystoreError::Unreadable { .. }), "{no_keystore}");
    }

    // SPEC X5
    #[test]
    fn a_keystore_is_for_known_testnets_that_are_named_and_for_no_other_chain() {
        let nowhere = Path::new("/nonexistent");
        let open = |chain_id, named: &[u64]| {
            refusal(KeystoreSigner::open(chain_id, named, nowhere, &Passphrase::Given(String::new())))
        };
        // Main networks, and a chain that nobody has heard of; naming them does not help.
        for chain_id in [1, 10, 56, 100, 137, 8_453, 42_161, 43_114, 59_144, 31_338, 0] {
            let refused = open(chain_id, &[chain_id]);
            assert!(matches!(refused, KeystoreError::NotATestnet { .. }), "{chain_id}: {refused}");
            assert!(refused.to_string().contains("use KMS"));
        }
        for (chain_id, _) in KNOWN_TESTNETS {
            assert!(matches!(open(chain_id, &[]), KeystoreError::NotNamed { .. }));
            assert!(
                matches!(open(chain_id, &[chain_id]), KeystoreError::Unreadable { .. }),
                "only now the file is looked for"
            );
        }
        assert!(matches!(open(SEPOLIA, &[17_000]), KeystoreError::NotNamed { name: "Sepolia", .. }));
    }
}
