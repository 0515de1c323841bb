//! What must hold at the end.

use crate::{
    census::Census,
    run::Soak,
    schedule::HOUR,
    service::Sample,
    support::{DEPOSIT, Stage},
};
use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{B256, U256},
    providers::Provider,
    rpc::types::Filter,
    sol,
    sol_types::SolEvent,
};
use ballast_chain::bindings::{StrategyHub, Vault};
use ballast_store::{Attempt, State, Store, Subject};
use ballast_types::Action;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

sol! {
    event Deposit(address indexed sender, address indexed owner, uint256 assets, uint256 shares);
    event Withdraw(address indexed sender, address indexed receiver, address indexed owner, uint256 assets, uint256 shares);
}

/// `execution.max_fee_wei` unless configured.
const FEE_CAP: u128 = 200_000_000_000;
const ALL: u32 = 1_000_000;
/// A life is judged by its memory if it lasted this long after its warm-up, and that is a quarter of it.
const JUDGED: u64 = 8 * HOUR;
/// Per cent by which resident memory may differ.
const MEMORY: f64 = 5.0;

macro_rules! promise {
    ($holds:expr, $($why:tt)+) => {
        let holds: bool = $holds;
        if !holds {
            return Err(format!($($why)+));
        }
    };
}

/// `code` is what the service ended with when it was told to.
pub(crate) async fn check(soak: Soak, code: Option<i32>) -> Result<Census, String> {
    let Soak { stage, keeper, service, mut census, hours, nonce_before, public, .. } = soak;
    promise!(code == Some(0), "the service ended with {code:?} when it was told to stop");
    let log = fs::read_to_string(service.log()).map_err(|error| error.to_string())?;
    promise!(!log.contains("panicked"), "the keeper panicked: {}", service.log().display());
    let store = keeper.store().await;
    let audit = store.verify_audit(None).await.map_err(|error| error.to_string())?;
    promise!(audit.fault.is_none(), "the audit log is broken: {:?}", audit.fault);

    (census.kills, census.gave_up) = (service.kills, service.gave_up);
    let attempts = decisions(&stage, &store, &mut census).await?;
    transactions(&stage, &attempts, nonce_before, &public).await?;
    money(&stage).await?;
    println!("{census}");
    census.weight = weight(&service.samples)?;
    let least = (hours / 12).max(1);
    promise!(
        census.rebalances >= least,
        "{} rebalances in {hours} hours, at least {least} expected",
        census.rebalances
    );
    promise!(hours < 6 || census.calls > 0, "no heartbeat in {hours} hours");
    let verified = keeper.run(&["audit", "verify"]).await;
    promise!(verified.code == Some(0), "{verified:?}");
    Ok(census)
}

/// Every decision landed at most once, and the store says of each what the chain says. The attempts of all subjects.
async fn decisions(stage: &Stage, store: &Store, census: &mut Census) -> Result<Vec<Attempt>, String> {
    let text = |error: ballast_store::StoreError| error.to_string();
    let open = store.open_attempts().await.map_err(text)?;
    promise!(open.is_empty(), "attempts are still open: {open:?}");
    let events = stage.rebalances().await;
    let landed: BTreeMap<B256, B256> = events.iter().copied().collect();
    promise!(landed.len() == events.len(), "a decision landed twice: {events:?}");
    let nonce = StrategyHub::new(stage.book.contracts.hub, stage.rpc()).nonce().call().await.unwrap();
    promise!(nonce == events.len() as u64, "the hub's nonce is {nonce} after {} rebalances", events.len());

    let mut subjects = Vec::new();
    let mut unattempted = Vec::new();
    for decision in store.decisions(ALL).await.map_err(text)? {
        census.decisions += 1;
        let subject = Subject::Decision(decision.hash);
        if matches!(decision.record.decision.action, Action::Rebalance { .. })
            && store.attempts(subject).await.map_err(text)?.is_empty()
        {
            unattempted.push(decision.hash);
        }
        subjects.push(subject);
    }
    for call in store.calls(ALL).await.map_err(text)? {
        subjects.push(Subject::Call(call.id));
    }
    let (mut recorded, mut all) = (BTreeMap::new(), Vec::new());
    for subject in subjects {
        let attempts = store.attempts(subject).await.map_err(text)?;
        let on_chain: Vec<_> = attempts.iter().filter(|attempt| attempt.state.is_on_chain()).collect();
        promise!(on_chain.len() <= 1, "{subject:?} is recorded as landed twice: {on_chain:?}");
        for attempt in on_chain {
            promise!(attempt.state == State::Final, "{attempt:?}");
            match subject {
                Subject::Decision(hash) => drop(recorded.insert(hash, attempt.facts.tx_hash.unwrap())),
                Subject::Call(_) => census.calls += 1,
            }
        }
        for attempt in &attempts {
            census.attempt(attempt, &store.transitions(attempt.id).await.map_err(text)?);
        }
        all.extend(attempts);
    }
    promise!(recorded == landed, "recorded are {recorded:?}, on the chain {landed:?}");
    census.rebalances = landed.len() as u64;
    Ok(all)
}

/// What the keeper's account signed: within the cap, never in public, and all that is on the chain is in the outbox.
async fn transactions(stage: &Stage, attempts: &[Attempt], nonce_before: u64, public: &[B256]) -> Result<(), String> {
    let public: BTreeSet<&B256> = public.iter().collect();
    for attempt in attempts {
        let (Some(raw), Some(hash)) = (&attempt.facts.raw_tx, &attempt.facts.tx_hash) else { continue };
        promise!(!public.contains(hash), "{hash} was seen in the public pool");
        let signed = TxEnvelope::decode_2718(&mut raw.as_ref()).map_err(|error| error.to_string())?;
        let fee = signed.max_fee_per_gas();
        promise!(fee <= FEE_CAP, "{hash} offers {fee}, the cap is {FEE_CAP}");
    }
    let landed = attempts.iter().filter(|attempt| attempt.state.is_on_chain()).count() as u64;
    let nonce = stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap();
    promise!(
        nonce == nonce_before + landed,
        "the account's nonce went from {nonce_before} to {nonce} with {landed} transactions in the outbox"
    );
    Ok(())
}

/// What the depositors brought and did not take is there, and a little more.
async fn money(stage: &Stage) -> Result<(), String> {
    let vault = stage.book.contracts.vault;
    let sum = async |signature: B256, amount: fn(&alloy::primitives::Log) -> U256| {
        let filter = Filter::new().address(vault).event_signature(signature).from_block(0);
        let logs = stage.rpc().get_logs(&filter).await.unwrap();
        logs.iter().map(|log| amount(&log.inner)).sum::<U256>()
    };
    let brought = sum(Deposit::SIGNATURE_HASH, |log| Deposit::decode_log(log).unwrap().assets).await;
    let taken = sum(Withdraw::SIGNATURE_HASH, |log| Withdraw::decode_log(log).unwrap().assets).await;
    promise!(brought >= U256::from(DEPOSIT), "{brought} were deposited");
    let net = brought - taken;
    let contract = Vault::new(vault, stage.rpc());
    let nav = contract.nav().call().await.unwrap()._0;
    let total: U256 = contract.totalAssets().call().await.unwrap();
    promise!(total <= nav, "totalAssets is {total}, NAV {nav}");
    // A basis point for each of at most a few moves; a year's yield of 50 % for two days is more than any rate here.
    let (least, most) = (net * U256::from(9_990) / U256::from(10_000), net * U256::from(10_030) / U256::from(10_000));
    promise!((least..=most).contains(&total), "totalAssets is {total}, {net} were brought and not taken");
    Ok(())
}

/// The last life's memory and descriptors, in the first and the last quarter of what follows its warm-up.
///
/// Memory is compared by medians. Of descriptors the fewest at the end must not be more than the most at the beginning: the pools of
/// connections swell with every fault and shrink a minute and a half of real time later, which is hours of the chain's.
fn weight(samples: &[Sample]) -> Result<String, String> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Err("the process was never looked at".to_owned());
    };
    let warm: Vec<Sample> =
        samples.iter().filter(|one| one.at >= first.at + (last.at - first.at) / 4).copied().collect();
    let quarter = (warm.len() / 4).max(1);
    let (early, late) = (&warm[..quarter], &warm[warm.len() - quarter..]);
    let memory = |part: &[Sample]| {
        let mut values: Vec<u64> = part.iter().map(|one| one.resident).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let (from, to) = (memory(early), memory(late));
    let change = (to as f64 / from as f64 - 1.0) * 100.0;
    let descriptors = |part: &[Sample]| {
        let counts = part.iter().map(|one| one.descriptors);
        (counts.clone().min().unwrap_or_default(), counts.max().unwrap_or_default())
    };
    let ((few, most), (fewest, many)) = (descriptors(early), descriptors(late));
    let span = warm.last().map_or(0, |last| last.at) - warm.first().map_or(0, |first| first.at);
    let said = format!(
        "resident memory {:.1} to {:.1} MiB ({change:+.1} %) and descriptors {few}–{most} to {fewest}–{many} in the last {:.1} hours of \
         one process",
        from as f64 / 1_024.0,
        to as f64 / 1_024.0,
        span as f64 / HOUR as f64
    );
    println!("{said}");
    if span >= JUDGED {
        promise!(fewest <= most, "descriptors grow: {said}");
        promise!(change.abs() <= MEMORY, "memory is not flat: {said}");
    }
    Ok(said)
}

/// A life of a day, looked at every five minutes.
fn day(resident: fn(u64) -> u64, descriptors: fn(u64) -> u64) -> Vec<Sample> {
    let moment = |index: u64| Sample {
        at: index * 300,
        resident: resident(index),
        descriptors: usize::try_from(descriptors(index)).unwrap(),
    };
    (0..288).map(moment).collect()
}

#[test]
fn what_swings_and_what_grows_while_it_warms_up_is_no_leak() {
    let warming = |index: u64| if index < 60 { 40_000 + index * 200 } else { 52_000 + index % 7 * 300 };
    let said = weight(&day(warming, |index| 30 + index * 5 % 11)).unwrap();
    assert!(said.contains("in the last 17.9 hours"), "{said}");
}

#[test]
fn a_leak_of_half_a_mebibyte_or_of_two_descriptors_an_hour_is_found() {
    let why = weight(&day(|index| 50_000 + index * 43, |_| 30)).unwrap_err();
    assert!(why.contains("memory is not flat"), "{why}");
    let why = weight(&day(|_| 50_000, |index| 30 + index / 6 + index * 5 % 11)).unwrap_err();
    assert!(why.contains("descriptors grow"), "{why}");
}
