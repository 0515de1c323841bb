//! `ballast safe sign`

use super::{ProposalArguments, connect, key::KeyArguments, service};
use crate::output;
use alloy::{
    primitives::{Address, Bytes},
    providers::{DynProvider, Provider},
};
use ballast_governance::safe::{
    SafeProposal,
    chain::{SafeState, contract_agrees},
    message_for_contract_owner,
    signatures::{self, OwnerSignature},
    text,
};
use clap::Args;
use eyre::bail;
use qrcode::{QrCode, render::unicode::Dense1x2};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    proposal: ProposalArguments,
    #[command(flatten)]
    key: KeyArguments,
    /// Add a signature that was made elsewhere, as OWNER:SIGNATURE; an owner that is a contract is asked, by --rpc
    #[arg(long, value_name = "OWNER:SIGNATURE", value_parser = signature, conflicts_with_all = ["kms", "dev_key"])]
    add_signature: Vec<(Address, Bytes)>,
    /// Show what the owners of this owner, itself a Safe, have to sign
    #[arg(long, value_name = "OWNER", conflicts_with_all = ["kms", "dev_key", "add_signature"])]
    contract_owner: Option<Address>,
    /// HTTP endpoint of the chain: to ask contracts, and whether the owners are still those of the proposal
    #[arg(long)]
    rpc: Option<String>,
    /// Also give the signature to this Transaction Service (URL of its API; key in BALLAST_SAFE_API_KEY)
    #[arg(long)]
    service: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let mut proposal = arguments.proposal.verified()?;
    let (chain_id, safe, hash) = (proposal.chain_id, proposal.safe, proposal.safe_tx_hash);
    let provider = arguments.rpc.as_deref().map(connect).transpose()?;
    let owners = proposal.observed.owners.clone();
    if let Some(provider) = &provider {
        let now = SafeState::read(provider, chain_id, safe).await?.owners;
        if now.len() != owners.len() || now.iter().any(|owner| !owners.contains(owner)) {
            bail!("the owners of {safe} have changed since this was proposed: propose it anew");
        }
    }
    let mut added = Vec::new();
    if let Some(signer) = arguments.key.signer(chain_id).await? {
        // Asked before the key signs: a signature of nobody's is best not made.
        if !owners.contains(&signer.address()) {
            bail!(signatures::SignatureError::NotAnOwner(signer.address()));
        }
        let signature = signer.sign_safe_tx(super::key::hash_of(&proposal)).await?;
        added.push(OwnerSignature::by_key(signer.address(), &signature.as_bytes(), hash)?);
    }
    for (owner, bytes) in &arguments.add_signature {
        added.push(external(&proposal, provider.as_ref(), *owner, bytes).await?);
    }
    if added.is_empty() {
        return show(&arguments, &proposal, &owners);
    }
    for signature in &added {
        signatures::add(&mut proposal.signatures, signature.clone(), &owners, hash)?;
    }
    proposal.save(&arguments.proposal.file)?;
    if let Some(url) = &arguments.service {
        let service = service(url)?;
        for signature in &added {
            service.confirm(hash, signature).await?;
        }
    }
    if arguments.json {
        output::json(&proposal)?;
    } else {
        let signed = proposal.signatures.len();
        output::say(format_args!("signed {hash}: {signed} of {} that are needed", proposal.observed.threshold))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A key's signature is checked here; what is none of the owner's may still be what a contract accepts.
async fn external(
    proposal: &SafeProposal,
    provider: Option<&DynProvider>,
    owner: Address,
    bytes: &Bytes,
) -> eyre::Result<OwnerSignature> {
    let not_a_keys = match OwnerSignature::by_key(owner, bytes, proposal.safe_tx_hash) {
        Ok(signature) => return Ok(signature),
        Err(error) => error,
    };
    let Some(provider) = provider else {
        bail!("{not_a_keys}; if {owner} is a contract, --rpc lets it be asked");
    };
    if provider.get_code_at(owner).await?.is_empty() {
        return Err(not_a_keys.into());
    }
    let encoded = proposal.transaction.encoded(proposal.chain_id, proposal.safe);
    contract_agrees(provider, owner, &encoded, bytes).await?;
    Ok(OwnerSignature::by_contract(owner, bytes.clone()))
}

/// What a signer that is not here needs: the hash, the typed data, and the hash as a picture for a camera.
fn show(arguments: &Arguments, proposal: &SafeProposal, owners: &[Address]) -> eyre::Result<ExitCode> {
    let (chain_id, safe) = (proposal.chain_id, proposal.safe);
    let (hash, typed) = match arguments.contract_owner {
        Some(owner) if !owners.contains(&owner) => bail!(signatures::SignatureError::NotAnOwner(owner)),
        Some(owner) => message_for_contract_owner(chain_id, owner, &proposal.transaction.encoded(chain_id, safe)),
        None => (proposal.safe_tx_hash, proposal.transaction.typed_data(chain_id, safe)),
    };
    if arguments.json {
        output::json(&serde_json::json!({ "hash": hash, "typedData": typed }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(text::describe(proposal))?;
    output::say(format_args!("\nto sign {hash}"))?;
    output::say(QrCode::new(hash.to_string())?.render::<Dense1x2>().build())?;
    output::say(format_args!("as typed data (eth_signTypedData_v4)\n{}", serde_json::to_string_pretty(&typed)?))?;
    output::say("nothing was signed; add the signature with --add-signature OWNER:SIGNATURE")?;
    Ok(ExitCode::SUCCESS)
}

fn signature(text: &str) -> Result<(Address, Bytes), String> {
    let (owner, signature) = text.split_once(':').ok_or("expected OWNER:SIGNATURE")?;
    let owner = Address::parse_checksummed(owner, None)
        .map_err(|_| format!("{owner} is not an address with its checksum (EIP-55)"))?;
    Ok((owner, signature.parse().map_err(|_| format!("{signature} is not hex"))?))
}
