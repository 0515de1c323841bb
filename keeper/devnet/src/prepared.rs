//! A devnet with Ballast on it, from a stored state where there is one: deploying takes many seconds, loading a state does not.

use crate::{
    Devnet, DevnetConfig, DevnetError, KmsKey,
    address_book::AddressBook,
    deploy::{
        ATTESTOR_ALIAS, DEPLOYMENT_FILE, DeployError, KEEPER_ALIAS, PARAMETERS, PARAMETERS_FILE, Terms, deploy,
        endpoints, write_book,
    },
};
use alloy::primitives::{B256, Keccak256};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Devnet(#[from] DevnetError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the stored address book {} does not parse: {source}; remove the folder", path.display())]
    Book { path: PathBuf, source: serde_json::Error },
}

/// Everything that a deployed state follows from.
const SOURCES: [&str; 6] =
    ["contracts", "script", PARAMETERS, "foundry.toml", "package-lock.json", "keeper/devnet/src/deploy.rs"];

/// The two KMS keys of the keeper, the same in every devnet.
#[must_use]
pub fn kms_keys() -> Vec<KmsKey> {
    [KEEPER_ALIAS, ATTESTOR_ALIAS].map(|alias| KmsKey { alias: alias.into(), seed: format!("devnet {alias}") }).into()
}

/// Starts a devnet with the protocols and Ballast deployed on `terms`, without interval mining, and writes its address book
/// into `directory`, with the parameter file and the deployment file beside it. `config.kms_keys`, `load_state` and `dump_state` are set here.
///
/// # Errors
/// [`PrepareError`].
pub async fn start(
    mut config: DevnetConfig,
    terms: &Terms,
    directory: &Path,
) -> Result<(Devnet, AddressBook), PrepareError> {
    let root = config.project_root.clone();
    let store = root.join("target/devnet-states").join(fingerprint(&root, terms)?.to_string());
    ensure_stored(&config, terms, &root, &store).await?;

    config.kms_keys = kms_keys();
    config.load_state = Some(store.join("state.json"));
    let devnet = Devnet::start(config).await?;
    let path = store.join("address-book.json");
    let text = fs::read_to_string(&path).map_err(file("read", &path))?;
    let mut book: AddressBook = serde_json::from_str(&text).map_err(|source| PrepareError::Book { path, source })?;
    book.endpoints = endpoints(&devnet);
    fs::create_dir_all(directory).map_err(file("create", directory))?;
    write_book(&book, directory)?;
    for name in [PARAMETERS_FILE, DEPLOYMENT_FILE] {
        let to = directory.join(name);
        fs::copy(store.join(name), &to).map_err(file("write", &to))?;
    }
    Ok((devnet, book))
}

/// Deploys once and keeps the state; others that want the same wait for it.
async fn ensure_stored(config: &DevnetConfig, terms: &Terms, root: &Path, store: &Path) -> Result<(), PrepareError> {
    fs::create_dir_all(store).map_err(file("create", store))?;
    let lock_path = store.join("lock");
    let lock = fs::File::create(&lock_path).map_err(file("create", &lock_path))?;
    let waiting = lock.try_clone().map_err(file("lock", &lock_path))?;
    tokio::task::spawn_blocking(move || waiting.lock())
        .await
        .map_err(std::io::Error::other)
        .and_then(|locked| locked)
        .map_err(file("lock", &lock_path))?;

    let complete = store.join("complete");
    if complete.exists() {
        return Ok(());
    }
    tracing::info!("deploying the protocols and Ballast; this takes a minute and is kept for the next time");
    let mut fresh = DevnetConfig::new(root);
    fresh.genesis_timestamp = config.genesis_timestamp;
    fresh.kms_keys = kms_keys();
    fresh.dump_state = Some(store.join("state.json"));
    let devnet = Devnet::start(fresh).await?;
    let deployed = deploy(&devnet, root, store, terms).await;
    devnet.shutdown().await?;
    deployed?;
    fs::write(&complete, "").map_err(file("write", &complete))?;
    drop(lock);
    Ok(())
}

fn fingerprint(root: &Path, terms: &Terms) -> Result<B256, PrepareError> {
    let mut hasher = Keccak256::new();
    hasher.update(format!("{terms:?}"));
    for source in SOURCES {
        hash_into(&mut hasher, &root.join(source))?;
    }
    Ok(hasher.finalize())
}

fn hash_into(hasher: &mut Keccak256, path: &Path) -> Result<(), PrepareError> {
    hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    if path.is_dir() {
        let mut entries = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
            .map_err(file("read", path))?;
        entries.sort();
        return entries.iter().try_for_each(|entry| hash_into(hasher, entry));
    }
    hasher.update(fs::read(path).map_err(file("read", path))?);
    Ok(())
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PrepareError {
    let path = path.to_owned();
    move |source| PrepareError::File { action, path, source }
}
