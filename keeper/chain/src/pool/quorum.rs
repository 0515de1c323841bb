//! What other endpoints say about the block and the state that one simulation was made on.

use super::{Node, RpcPool};
use crate::{
    endpoint::chain_text,
    simulator::{AccountRead, BlockContext, ReadSet},
};
use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U64, U256, keccak256},
    providers::{DynProvider, Provider},
    rpc::{client::BatchRequest, types::EIP1186AccountProofResponse},
    transports::TransportError,
};
use futures::future::join_all;
use revm::primitives::KECCAK_EMPTY;
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// Requests in one batch: providers refuse batches that are longer than some number of their own, the smallest seen being 50.
const BATCH: usize = 50;
/// How long to wait for an endpoint that has not yet seen the block: they import it within moments of each other.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(200);
/// Differences of one endpoint that are written out.
const SHOWN: usize = 5;

/// One thing that an endpoint says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `the nonce of 0x…`, `slot 0x… of 0x…`, `the hash of block 7`.
    pub what: String,
    /// What the simulation was made on.
    pub ours: String,
    pub theirs: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, the simulation was made on {}", self.what, self.theirs, self.ours)
    }
}

/// What one endpoint says to the block and state of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Testimony {
    /// The simulation read from it.
    Source,
    /// The same in every point.
    Agrees,
    /// Never empty.
    Differs(Vec<Difference>),
    /// It did not answer, or not in time.
    Silent(String),
    /// It was dropped before and was not asked; why.
    Dropped(String),
}

impl fmt::Display for Testimony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("is what the simulation read from"),
            Self::Agrees => f.write_str("agrees"),
            Self::Differs(differences) => {
                let shown: Vec<_> = differences.iter().take(SHOWN).map(|one| format!("{one}")).collect();
                let more = differences.len().saturating_sub(SHOWN);
                write!(f, "says that {}", shown.join("; "))?;
                if more > 0 { write!(f, "; and {more} more") } else { Ok(()) }
            }
            Self::Silent(why) => write!(f, "did not say: {why}"),
            Self::Dropped(why) => write!(f, "does not count: {why}"),
        }
    }
}

/// A quorum confirms block and state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Endpoints that say the same, the source included.
    pub agreed: usize,
    pub endpoints: usize,
    /// By redacted name, in the order of the configuration.
    pub testimonies: Vec<(String, Testimony)>,
}

/// Too few endpoints confirm what a simulation was made on. Nothing may be signed for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{agreed} of {endpoints} RPC endpoints vouch for block {block} and the state read from it, {needed} are needed: {}; nothing was signed; \
     see which of them is wrong and take it out of chain.rpc, or wait until it agrees again",
    stories(.testimonies)
)]
pub struct NoQuorum {
    pub block: u64,
    pub agreed: usize,
    pub needed: usize,
    pub endpoints: usize,
    pub testimonies: Vec<(String, Testimony)>,
}

fn stories(testimonies: &[(String, Testimony)]) -> String {
    testimonies.iter().map(|(endpoint, testimony)| format!("{endpoint} {testimony}")).collect::<Vec<_>>().join(", ")
}

impl RpcPool {
    /// Asks every endpoint but `source` (its place in the configuration) for the parent of `block` and for all that was read of its
    /// state, at its hash. An endpoint that says otherwise than a quorum is dropped, be it the source.
    ///
    /// # Errors
    /// [`NoQuorum`] with what each says.
    pub(crate) async fn vouch(&self, source: usize, block: &BlockContext, read: &ReadSet) -> Result<Vouched, NoQuorum> {
        let asked = self.nodes().enumerate().map(async |(index, node)| match node.standing.why() {
            Some(why) => Testimony::Dropped(why),
            None if index == source => Testimony::Source,
            None => testimony(node, block, read).await,
        });
        let testimonies = join_all(asked).await;
        let agreed = testimonies.iter().filter(|one| matches!(one, Testimony::Source | Testimony::Agrees)).count();
        // A dropped source is nobody's witness, whatever the others say: the next simulation reads from another.
        let counts = testimonies.get(source) == Some(&Testimony::Source);
        let vouched = counts && agreed >= self.quorum;
        self.judge(source, &testimonies, vouched);
        let named = self.nodes().map(|node| node.endpoint.label.clone()).zip(testimonies).collect();
        let endpoints = self.nodes().count();
        if vouched {
            return Ok(Vouched { agreed, endpoints, testimonies: named });
        }
        let (needed, block) = (self.quorum, block.parent_number);
        Err(NoQuorum { block, agreed, needed, endpoints, testimonies: named })
    }

    /// Drops whoever says otherwise than a quorum does.
    fn judge(&self, source: usize, testimonies: &[Testimony], vouched: bool) {
        if vouched {
            for (index, testimony) in testimonies.iter().enumerate() {
                if let Testimony::Differs(_) = testimony {
                    self.expel(index, format!("it {testimony}, as {} others do", self.quorum));
                }
            }
            return;
        }
        let against = |story: &Testimony| testimonies.iter().filter(|other| *other == story).count();
        let outvoted =
            testimonies.iter().find(|one| matches!(one, Testimony::Differs(_)) && against(one) >= self.quorum);
        if let Some(story) = outvoted {
            self.expel(source, format!("{} others deny what it says: {story}", against(story)));
        }
    }
}

async fn testimony(node: &Node, block: &BlockContext, read: &ReadSet) -> Testimony {
    let provider = &node.endpoint.provider;
    let mut found = match parent(provider, block).await {
        Ok(found) => found,
        Err(why) => return Testimony::Silent(why),
    };
    // Of another block it has another state, or none.
    if found.is_empty() {
        match state(provider, block.parent_hash, read).await {
            Ok(theirs) => differences(read, &theirs, &mut found),
            Err(error) => return Testimony::Silent(chain_text(&error)),
        }
    }
    if found.is_empty() { Testimony::Agrees } else { Testimony::Differs(found) }
}

/// Where its block of the parent's number is not ours.
async fn parent(provider: &DynProvider, block: &BlockContext) -> Result<Vec<Difference>, String> {
    let number = block.parent_number;
    let started = Instant::now();
    let header = loop {
        match provider.get_block_by_number(BlockNumberOrTag::Number(number)).await {
            Ok(Some(found)) => break found.header,
            Ok(None) if started.elapsed() < PATIENCE => tokio::time::sleep(POLL).await,
            Ok(None) => return Err(format!("it has no block {number} yet")),
            Err(error) => return Err(chain_text(&error)),
        }
    };
    let slot = block.timestamp.saturating_sub(header.timestamp);
    let theirs = BlockContext::following(&header, slot).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let mut compare = |what: String, ours: String, theirs: String| {
        if ours != theirs {
            found.push(Difference { what, ours, theirs });
        }
    };
    compare(format!("the hash of block {number}"), block.parent_hash.to_string(), theirs.parent_hash.to_string());
    // All of it follows from the hash, if the endpoint computed the hash itself.
    compare("the next base fee".to_owned(), block.base_fee.to_string(), theirs.base_fee.to_string());
    compare("the timestamp to build on".to_owned(), block.timestamp.to_string(), theirs.timestamp.to_string());
    compare("the gas limit".to_owned(), block.gas_limit.to_string(), theirs.gas_limit.to_string());
    compare("the fee recipient".to_owned(), block.coinbase.to_string(), theirs.coinbase.to_string());
    compare("the randomness".to_owned(), block.prevrandao.to_string(), theirs.prevrandao.to_string());
    Ok(found)
}

fn differences(ours: &ReadSet, theirs: &ReadSet, found: &mut Vec<Difference>) {
    let nothing = AccountRead::default();
    for (address, ours) in &ours.accounts {
        let theirs = theirs.accounts.get(address).unwrap_or(&nothing);
        let mut compare = |what: String, ours: String, theirs: String| {
            if ours != theirs {
                found.push(Difference { what, ours, theirs });
            }
        };
        compare(format!("the nonce of {address}"), ours.nonce.to_string(), theirs.nonce.to_string());
        compare(format!("the balance of {address}"), ours.balance.to_string(), theirs.balance.to_string());
        compare(format!("the code hash of {address}"), ours.code_hash.to_string(), theirs.code_hash.to_string());
        for (slot, value) in &ours.storage {
            let other = theirs.storage.get(slot).copied().unwrap_or_default();
            compare(format!("slot {slot:#x} of {address}"), format!("{value:#x}"), format!("{other:#x}"));
        }
    }
}

/// What an endpoint says the same accounts and slots are.
async fn state(provider: &DynProvider, block: B256, read: &ReadSet) -> Result<ReadSet, TransportError> {
    match proofs(provider, block, read).await {
        // It answered that it does not do that; plain reads are asked for instead.
        Err(error) if error.as_error_resp().is_some() => reads(provider, block, read).await,
        answer => answer,
    }
}

/// By `eth_getProof`: one request for an account with all its slots.
async fn proofs(provider: &DynProvider, block: B256, read: &ReadSet) -> Result<ReadSet, TransportError> {
    let requests = read.accounts.iter().map(|(address, account)| {
        let slots: Vec<B256> = account.storage.keys().map(|slot| B256::from(*slot)).collect();
        ("eth_getProof", (*address, slots, BlockId::hash(block)))
    });
    let answers: Vec<EIP1186AccountProofResponse> = batched(provider, requests.collect()).await?;
    let account = |proof: EIP1186AccountProofResponse| {
        // Of an account that does not exist some nodes give a zero hash.
        let code_hash = if proof.code_hash.is_zero() { KECCAK_EMPTY } else { proof.code_hash };
        let storage = proof.storage_proof.iter().map(|slot| (slot.key.as_b256().into(), slot.value)).collect();
        (proof.address, AccountRead { nonce: proof.nonce, balance: proof.balance, code_hash, storage })
    };
    Ok(ReadSet { accounts: answers.into_iter().map(account).collect() })
}

/// By one request for each value.
async fn reads(provider: &DynProvider, block: B256, read: &ReadSet) -> Result<ReadSet, TransportError> {
    let at = BlockId::hash(block);
    let of_each = |method: &'static str| read.accounts.keys().map(|address| (method, (*address, at))).collect();
    let nonces: Vec<U64> = batched(provider, of_each("eth_getTransactionCount")).await?;
    let balances: Vec<U256> = batched(provider, of_each("eth_getBalance")).await?;
    let codes: Vec<Bytes> = batched(provider, of_each("eth_getCode")).await?;
    let slots: Vec<(Address, U256)> = read
        .accounts
        .iter()
        .flat_map(|(address, account)| account.storage.keys().map(|slot| (*address, *slot)))
        .collect();
    let wanted = slots.iter().map(|(address, slot)| ("eth_getStorageAt", (*address, B256::from(*slot), at)));
    let values: Vec<U256> = batched(provider, wanted.collect()).await?;
    let mut accounts: BTreeMap<Address, AccountRead> = BTreeMap::new();
    for (((address, nonce), balance), code) in read.accounts.keys().zip(nonces).zip(balances).zip(codes) {
        let code_hash = if code.is_empty() { KECCAK_EMPTY } else { keccak256(&code) };
        let account = AccountRead { nonce: nonce.to(), balance, code_hash, storage: BTreeMap::new() };
        accounts.insert(*address, account);
    }
    for ((address, slot), value) in slots.into_iter().zip(values) {
        accounts.entry(address).or_default().storage.insert(slot, value);
    }
    Ok(ReadSet { accounts })
}

/// The answers in the order of the requests.
async fn batched<P, R>(provider: &DynProvider, requests: Vec<(&'static str, P)>) -> Result<Vec<R>, TransportError>
where
    P: alloy::rpc::json_rpc::RpcSend,
    R: alloy::rpc::json_rpc::RpcRecv,
{
    let mut answers = Vec::with_capacity(requests.len());
    for part in requests.chunks(BATCH) {
        let mut batch = BatchRequest::new(provider.client());
        let waiters = part
            .iter()
            .map(|(method, parameters)| batch.add_call(*method, parameters))
            .collect::<Result<Vec<_>, _>>()?;
        batch.send().await?;
        for waiter in waiters {
            answers.push(waiter.await?);
        }
    }
    Ok(answers)
}
