//! What the chain says of a Safe, of the settings that a proposal replaces, and of what would happen.

use super::{
    approval::{Approved, DecisionContext},
    books::Books,
    decode::Decoder,
    proposal::{Before, Observed, ProposalError, SafeProposal, SimulationReport, approved},
    signatures::{self, OwnerSignature, SignatureError},
    transaction::{
        Call, ISafe, ISignatureValidator, MAGIC_VALUE, MULTI_SEND_CALL_ONLY, SAFE_VERSION, SafeTransaction,
        is_multi_send_call_only,
    },
    verify::difference,
};
use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, TxHash, U256, hex, keccak256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, TransactionRequest},
    sol_types::{SolCall, SolEvent, SolValue},
    transports::TransportError,
};
use ballast_chain::{BlockContext, HeadError, Overrides, Simulation, SimulationError, Simulator, SpecId, TxPlan};
use serde_json::json;

/// The hard fork that simulations follow, as the keeper's own.
const SPEC: SpecId = SpecId::PRAGUE;
/// Between two blocks of mainnet; what a proposal does hardly depends on it.
const SLOT_SECONDS: u64 = 12;
/// As much as a transaction may use on mainnet (EIP-7825).
const GAS_LIMIT: u64 = 16_777_216;
/// Storage of Safe 1.4.1 (SafeStorage.sol).
const NONCE_SLOT: u64 = 5;
const APPROVED_HASHES_SLOT: u64 = 8;

#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    #[error("the endpoint is on chain {found}, expected chain {expected}")]
    WrongChain { found: u64, expected: u64 },
    #[error("{address} is not a Safe: {why}; expected a Safe {SAFE_VERSION} on this chain")]
    NotASafe { address: Address, why: String },
    #[error("the chain could not be asked for {what}: {source}")]
    Rpc { what: &'static str, source: TransportError },
    #[error(
        "there is no MultiSendCallOnly {SAFE_VERSION} at {MULTI_SEND_CALL_ONLY} on this chain, which a batch needs: {0}"
    )]
    NoMultiSend(String),
    #[error("the hub {0} does not say its nonce: {1}; is the deployment file of this chain?")]
    Hub(Address, String),
    #[error("{field} is {claimed} in the proposal, but your endpoint says {found}: do not sign")]
    Differs { field: String, claimed: String, found: String },
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error(transparent)]
    Proposal(#[from] ProposalError),
}

fn rpc(what: &'static str) -> impl FnOnce(TransportError) -> ChainError {
    move |source| ChainError::Rpc { what, source }
}

/// A Safe as it is at the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeState {
    pub owners: Vec<Address>,
    pub threshold: u64,
    /// Of the next transaction that it executes.
    pub nonce: u64,
}

impl SafeState {
    /// Reads a Safe of `chain_id` at the head.
    ///
    /// # Errors
    /// [`ChainError`] if the endpoint is of another chain or there is no Safe 1.4.1.
    pub async fn read(provider: &DynProvider, chain_id: u64, safe: Address) -> Result<Self, ChainError> {
        Self::read_at(provider, chain_id, safe, BlockId::latest()).await
    }

    /// Reads it as it was in a block.
    async fn read_at(provider: &DynProvider, chain_id: u64, safe: Address, block: BlockId) -> Result<Self, ChainError> {
        let found = provider.get_chain_id().await.map_err(rpc("its id"))?;
        if found != chain_id {
            return Err(ChainError::WrongChain { found, expected: chain_id });
        }
        let code = provider.get_code_at(safe).block_id(block).await.map_err(rpc("the Safe's code"))?;
        if code.is_empty() {
            return Err(ChainError::NotASafe { address: safe, why: "there is no contract".into() });
        }
        let contract = ISafe::new(safe, provider);
        let unlike = |error: alloy::contract::Error| ChainError::NotASafe { address: safe, why: error.to_string() };
        let version = contract.VERSION().block(block).call().await.map_err(unlike)?;
        if version != SAFE_VERSION {
            return Err(ChainError::NotASafe { address: safe, why: format!("its version is {version}") });
        }
        let owners = contract.getOwners().block(block).call().await.map_err(unlike)?;
        let threshold = contract.getThreshold().block(block).call().await.map_err(unlike)?;
        let nonce = contract.nonce().block(block).call().await.map_err(unlike)?;
        Ok(Self { owners, threshold: threshold.saturating_to(), nonce: nonce.saturating_to() })
    }
}

/// Reads what is replaced in `block`, and simulates the whole transaction on it as if enough owners had approved it.
///
/// # Errors
/// [`ChainError`]. A transaction that would fail is not an error but a [`SimulationReport`] without success.
pub async fn observe(
    provider: &DynProvider,
    books: &Books,
    safe: Address,
    calls: &[Call],
    nonce: u64,
    decision: Option<&DecisionContext>,
    block: BlockId,
) -> Result<Observed, ChainError> {
    let approved = approved(books, calls, decision)?;
    let decoder = Decoder { books, safe, approved: approved.as_ref() };
    let transaction = SafeTransaction::of(calls, nonce).ok_or(ProposalError::Empty)?;
    if calls.len() > 1 {
        let code = provider.get_code_at(MULTI_SEND_CALL_ONLY).await.map_err(rpc("MultiSend's code"))?;
        if !is_multi_send_call_only(&code) {
            return Err(ChainError::NoMultiSend(format!("{} bytes with hash {}", code.len(), keccak256(&code))));
        }
    }
    let block = BlockContext::after(provider, block, SLOT_SECONDS).await?;
    // By its hash from here on: all of it is of one block.
    let pinned = BlockId::hash(block.parent_hash);
    let state = SafeState::read_at(provider, books.deployed.chain_id, safe, pinned).await?;
    let before = before(provider, &decoder, calls, block.parent_hash).await?;
    let simulation = simulate(provider, &decoder, &block, safe, &state, calls, &transaction).await?;
    Ok(Observed {
        block: block.parent_number,
        block_hash: block.parent_hash,
        block_time: block.timestamp.saturating_sub(SLOT_SECONDS),
        owners: state.owners,
        threshold: state.threshold,
        nonce: state.nonce,
        before,
        simulation,
    })
}

/// Asks the reader's own endpoint for what the chain said when the proposal was made, in the same block, and compares.
///
/// # Errors
/// [`ChainError::Differs`] with the first difference; [`ChainError`] if the endpoint does not have the block or its state any more.
pub async fn confirm(provider: &DynProvider, books: &Books, proposal: &SafeProposal) -> Result<(), ChainError> {
    let block = BlockId::hash(proposal.observed.block_hash);
    let (calls, decision) = (&proposal.calls, proposal.decision.as_ref());
    let seen = observe(provider, books, proposal.safe, calls, proposal.nonce(), decision, block).await?;
    match difference("observed", &json!(proposal.observed), &json!(seen)) {
        Some((field, claimed, found)) => Err(ChainError::Differs { field, claimed, found }),
        None => Ok(()),
    }
}

async fn before(
    provider: &DynProvider,
    decoder: &Decoder<'_>,
    calls: &[Call],
    block: B256,
) -> Result<Vec<Before>, ChainError> {
    let mut list: Vec<Before> = Vec::new();
    for reading in calls.iter().flat_map(|call| decoder.readings(call)) {
        let arguments = hex::encode(reading.data.get(4..).unwrap_or_default());
        let asked = match arguments.as_str() {
            "" => reading.getter.signature(),
            arguments => format!("{} 0x{arguments}", reading.getter.signature()),
        };
        if list.iter().any(|known| known.target == reading.target && known.asked == asked) {
            continue;
        }
        let request = TransactionRequest::default().to(reading.target).input(reading.data.clone().into());
        let value = match provider.call(request).block(BlockId::hash(block)).await {
            Ok(data) => decoder.answer(&reading, &data).unwrap_or_else(|| format!("unreadable: {data}")),
            // The contract's own refusal is an answer; an endpoint that is down is not.
            Err(error) if error.as_error_resp().is_some() => format!("unreadable: {error}"),
            Err(source) => return Err(ChainError::Rpc { what: "a present setting", source }),
        };
        list.push(Before { target: reading.target, asked, value });
    }
    Ok(list)
}

async fn simulate(
    provider: &DynProvider,
    decoder: &Decoder<'_>,
    block: &BlockContext,
    safe: Address,
    state: &SafeState,
    calls: &[Call],
    transaction: &SafeTransaction,
) -> Result<SimulationReport, ChainError> {
    let chain_id = decoder.books.deployed.chain_id;
    let hash = transaction.hash(chain_id, safe);
    let threshold = usize::try_from(state.threshold).unwrap_or(usize::MAX);
    let mut approving: Vec<Address> = state.owners.iter().copied().take(threshold).collect();
    approving.sort_unstable();
    let mut overrides = Overrides::default();
    for owner in &approving {
        overrides.storage.push((safe, approval_slot(*owner, hash), U256::ONE));
    }
    let mut assumed = vec![format!("{} of the owners approved it", approving.len())];
    if transaction.nonce != U256::from(state.nonce) {
        overrides.storage.push((safe, U256::from(NONCE_SLOT), transaction.nonce));
        assumed.push(format!(
            "the transactions with nonces {} to {} before it changed nothing",
            state.nonce,
            transaction.nonce.saturating_sub(U256::ONE)
        ));
    }
    let approvals: Vec<OwnerSignature> = approving.iter().copied().map(OwnerSignature::on_chain).collect();
    let plan = |from, to, input| TxPlan {
        from,
        to,
        nonce: 0,
        gas_limit: GAS_LIMIT.min(block.gas_limit),
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        input,
        chain_id,
        access_list: Default::default(),
    };
    let simulator = Simulator::new(provider.clone(), SPEC);
    // Whoever executes does not matter to a Safe without refund.
    let anyone = approving.first().copied().unwrap_or(safe);
    let input = transaction.execution(signatures::packed(&approvals));
    let whole = simulator.simulate_unpaid(&plan(anyone, safe, input), block, &overrides).await?;
    let mut revert = whole.revert.clone();
    if !whole.success {
        // The Safe says only GS013. What fails by itself says why.
        for (i, call) in calls.iter().enumerate() {
            let alone = simulator.simulate_unpaid(&plan(safe, call.to, call.data.clone()), block, &overrides).await?;
            if let (false, Some(why)) = (alone.success, alone.revert) {
                revert = Some(format!("call {} fails: {why}", i + 1));
                break;
            }
        }
    }
    let Simulation { success, gas_used, logs, .. } = whole;
    let events = logs.iter().map(|log| decoder.event(log)).collect();
    Ok(SimulationReport { success, revert, gas: gas_used, events, assumed })
}

/// Slot of `approvedHashes[owner][hash]`.
fn approval_slot(owner: Address, hash: B256) -> U256 {
    let of_owner = keccak256((owner, U256::from(APPROVED_HASHES_SLOT)).abi_encode());
    keccak256((hash, of_owner).abi_encode()).into()
}

/// Owners who approved the hash on the chain.
///
/// # Errors
/// [`ChainError`].
pub async fn approvals(
    provider: &DynProvider,
    safe: Address,
    owners: &[Address],
    hash: B256,
) -> Result<Vec<Address>, ChainError> {
    let contract = ISafe::new(safe, provider);
    let mut approving = Vec::new();
    for owner in owners {
        let answer = contract.approvedHashes(*owner, hash).call().await;
        let unlike = |error: alloy::contract::Error| ChainError::NotASafe { address: safe, why: error.to_string() };
        if !answer.map_err(unlike)?.is_zero() {
            approving.push(*owner);
        }
    }
    Ok(approving)
}

/// The transaction on the chain that executed the proposal with this hash, since a block.
///
/// # Errors
/// [`ChainError`].
pub async fn execution(
    provider: &DynProvider,
    safe: Address,
    hash: B256,
    since: u64,
) -> Result<Option<TxHash>, ChainError> {
    let filter = Filter::new()
        .address(safe)
        .event_signature(ISafe::ExecutionSuccess::SIGNATURE_HASH)
        .topic1(hash)
        .from_block(since);
    let logs = provider.get_logs(&filter).await.map_err(rpc("the Safe's executions"))?;
    Ok(logs.first().and_then(|log| log.transaction_hash))
}

/// Asks a contract that owns the Safe whether it agrees (EIP-1271): `encoded` is [`SafeTransaction::encoded`].
///
/// # Errors
/// [`SignatureError::Refused`] with its reason.
pub async fn contract_agrees(
    provider: &DynProvider,
    owner: Address,
    encoded: &[u8],
    signature: &Bytes,
) -> Result<(), SignatureError> {
    let refused = |why: String| SignatureError::Refused { owner, why };
    let call = ISignatureValidator::isValidSignatureCall {
        data: Bytes::copy_from_slice(encoded),
        signature: signature.clone(),
    };
    let request = TransactionRequest::default().to(owner).input(call.abi_encode().into());
    let answer = provider.call(request).await.map_err(|error| refused(error.to_string()))?;
    match answer.get(..4) {
        Some(magic) if magic == MAGIC_VALUE => Ok(()),
        _ => Err(refused(format!("it answered {answer}"))),
    }
}

/// The decision whose digest the Safe approves, with the hub's nonce as it is now.
///
/// # Errors
/// [`ChainError`] if the hub cannot be asked or the record cannot be read.
pub async fn approval_of(
    provider: &DynProvider,
    books: &Books,
    record: Bytes,
) -> Result<(DecisionContext, Call), ChainError> {
    let hub = ballast_chain::bindings::StrategyHub::new(books.deployed.hub, provider);
    let hub_nonce = hub.nonce().call().await.map_err(|error| ChainError::Hub(books.deployed.hub, error.to_string()))?;
    let context = DecisionContext { record, hub_nonce };
    let approved = Approved::read(&context).map_err(ProposalError::from)?;
    let call = Call { to: books.deployed.hub, value: U256::ZERO, data: approved.call() };
    Ok((context, call))
}
