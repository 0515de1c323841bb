//! Where the running keeper proposes a move that needs the Safe: a proposal file for the owners, and the Transaction Service.

use crate::safe::{Draft, SERVICE_KEY, connect, draw_up, hash_of};
use alloy::{
    primitives::{Address, Bytes},
    providers::DynProvider,
};
use ballast_executor::Signer;
use ballast_governance::safe::{
    Approved, Books, SafeProposal, TransactionService,
    chain::{self, SafeState},
};
use ballast_service::{ApprovalDesk, ApprovalRequest, Config, ConfigError, SafeConfig, secret};
use eyre::{OptionExt, WrapErr, ensure};
use futures::future::BoxFuture;
use std::{fs, path::PathBuf, sync::Arc};

/// See the module.
#[derive(Debug)]
pub(crate) struct Desk {
    books: Books,
    provider: DynProvider,
    safe: Address,
    folder: PathBuf,
    queue: Option<TransactionService>,
    /// A delegate of the Safe.
    signer: Arc<dyn Signer>,
}

impl Desk {
    /// Reads the files that say what an address is, and makes the folder for proposals. Whoever signs comes later: a standby checks
    /// its files before it waits to be the keeper.
    pub(crate) fn open(
        config: &Config,
        safe: &SafeConfig,
    ) -> eyre::Result<impl FnOnce(Arc<dyn Signer>) -> Self + use<>> {
        let books = Books::load(&safe.deployment, safe.addresses.as_deref(), safe.parameters.as_deref())?;
        let deployed = books.deployed();
        ensure!(
            (deployed.chain_id, deployed.hub) == (config.chain.id, config.contracts.hub),
            "safe.deployment is of hub {} on chain {}, the keeper serves {} on chain {}",
            deployed.hub,
            deployed.chain_id,
            config.contracts.hub,
            config.chain.id
        );
        fs::create_dir_all(&safe.proposals)
            .wrap_err_with(|| format!("the folder safe.proposals, {}, cannot be made", safe.proposals.display()))?;
        let address = safe.address.unwrap_or(deployed.governance);
        let provider = connect(config.chain.rpc.first().ok_or_eyre("chain.rpc is empty")?)?;
        let folder = safe.proposals.clone();
        let queue = safe.service.as_deref().map(queue).transpose()?;
        Ok(move |signer| Self { books, provider, safe: address, folder, queue, signer })
    }

    async fn place(&self, request: &ApprovalRequest) -> eyre::Result<String> {
        let (context, call) = chain::approval_of(&self.provider, &self.books, request.record.clone()).await?;
        let own = Approved::read(&context)?.digest();
        ensure!(own == request.digest, "the hub's nonce has moved on: what was decided is not its next rebalance");
        let out = self.folder.join(format!("approve-{}.json", request.decision));
        let state = SafeState::read(&self.provider, self.books.deployed().chain_id, self.safe).await?;
        // A proposal stays as it is while its nonce can still be used: its owners may have begun to sign it.
        let standing = SafeProposal::load(&out).ok().filter(|proposal| proposal.nonce() >= state.nonce);
        match (standing, &self.queue) {
            (None, queue) => {
                let draft = Draft {
                    books: &self.books,
                    provider: &self.provider,
                    safe: self.safe,
                    title: "Approve a large rebalance",
                    calls: vec![call],
                    decision: Some(context),
                    nonce: None,
                    even_if_failing: false,
                    allow_unknown: false,
                    signer: queue.is_some().then(|| Arc::clone(&self.signer)),
                    queue: queue.as_ref(),
                    out: &out,
                };
                draw_up(draft).await?;
            }
            (Some(proposal), Some(queue)) if queue.transaction(proposal.safe_tx_hash).await?.is_none() => {
                let signature = self.signer.sign_safe_tx(hash_of(&proposal)).await?;
                let signature = Bytes::copy_from_slice(&signature.as_bytes());
                queue.propose(&proposal, self.signer.address(), &signature).await?;
            }
            (Some(_), _) => {}
        }
        let also = if self.queue.is_some() { " and the Transaction Service" } else { "" };
        Ok(format!("{}{also}", out.display()))
    }
}

/// A client of the Transaction Service. Not every service wants a key.
fn queue(url: &str) -> eyre::Result<TransactionService> {
    let key = match secret(SERVICE_KEY, "the key of the Transaction Service") {
        Ok(key) => Some(key),
        Err(ConfigError::MissingSecret { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(TransactionService::new(url, key)?)
}

impl ApprovalDesk for Desk {
    fn propose<'a>(&'a self, request: &'a ApprovalRequest) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async { self.place(request).await.map_err(|error| format!("{error:#}")) })
    }
}
