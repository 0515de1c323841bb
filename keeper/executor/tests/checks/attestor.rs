//! What the attestor signs, and everything it does not.

use crate::support::{HUB, KEEPER, NAV, SCOPE, TIMESTAMP, VAULT, cleared, event, plan, record, simulation, statement};
use alloy::primitives::{Address, B256, Bytes};
use ballast_chain::{Simulation, TxPlan};
use ballast_executor::{
    ApprovedClaim, AttestError, Attestation, Attestor, AttestorBounds, AttestorPolicy, Claim, DEV_CHAIN_ID,
    DevKeySigner, PolicyConfig, Unfit,
    policy::Bound,
    prediction::Mismatch,
    proof::{self, Statement},
};
use ballast_types::{Action, Assets, Bps, DecisionRecord, Doubt, GateId, Mode};
use std::sync::Arc;

const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

fn attestor() -> Attestor {
    let signer = DevKeySigner::new(DEV_CHAIN_ID, KEY).unwrap();
    Attestor::new(
        Arc::new(signer),
        AttestorBounds { scope: SCOPE, keeper: KEEPER, max_nav_loss: Bps(1), max_validity: 300 },
    )
}

/// A claim that is right in every respect, to be spoilt in one.
struct Case {
    record: DecisionRecord,
    bytes: Option<Vec<u8>>,
    hash: Option<B256>,
    plan: Option<TxPlan>,
    simulation: Option<Simulation>,
    rederived: Result<(), String>,
    /// The digest that leave is given for.
    cleared: Option<B256>,
    /// The decision reconsidered, and when the Safe approved it.
    approved: Option<(DecisionRecord, u64)>,
}

impl Case {
    fn new() -> Self {
        let record = record(attestor().address());
        let (bytes, hash, plan, simulation) = (None, None, None, None);
        Self { record, bytes, hash, plan, simulation, rederived: Ok(()), cleared: None, approved: None }
    }

    fn with(change: impl FnOnce(&mut DecisionRecord)) -> Self {
        let mut case = Self::new();
        change(&mut case.record);
        case
    }

    fn plan(&self) -> TxPlan {
        plan(&self.record, &statement(&self.record))
    }

    async fn attest(&self) -> Result<(Statement, alloy::primitives::Signature), AttestError> {
        match self.attestation(attestor()).await? {
            Attestation::Signed(statement, signature) => Ok((statement, signature)),
            Attestation::NeedsSafe(exceeded) => panic!("no policy, no {exceeded:?}"),
        }
    }

    async fn attestation(&self, attestor: Attestor) -> Result<Attestation, AttestError> {
        let bytes = self.bytes.clone().unwrap_or_else(|| self.record.to_canonical().unwrap());
        let plan = self.plan.clone().unwrap_or_else(|| self.plan());
        let presimulation = self.simulation.clone().unwrap_or_else(|| simulation(&event(&self.record)));
        let reconsidered = self.approved.as_ref().map(|(now, at)| (now.to_canonical().unwrap(), *at));
        let claim = Claim {
            record: &bytes,
            decision_hash: self.hash.unwrap_or_else(|| self.record.hash().unwrap()),
            approved: reconsidered
                .as_ref()
                .map(|(reconsidered, approved_at)| ApprovedClaim { reconsidered, approved_at: *approved_at }),
            plan: &plan,
            block_timestamp: TIMESTAMP,
            presimulation: &presimulation,
        };
        let digest = self.cleared.unwrap_or_else(|| attestor.digest(&plan.input).unwrap_or_default());
        attestor
            .attest(
                &claim,
                &|_: &DecisionRecord, _: Option<&DecisionRecord>| self.rederived.clone(),
                cleared(digest).await,
            )
            .await
    }

    async fn refusal(&self) -> AttestError {
        self.attest().await.expect_err("the attestor signed")
    }
}

macro_rules! assert_refused {
    ($case:expr, $pattern:pat $(if $guard:expr)?) => {{
        let refusal = $case.refusal().await;
        assert!(matches!(&refusal, $pattern $(if $guard)?), "{refusal}");
    }};
}

// SPEC C3 X1
#[tokio::test]
async fn a_right_claim_is_signed_for_the_hub() {
    let case = Case::new();
    let (signed, signature) = case.attest().await.unwrap();
    assert_eq!(signed, statement(&case.record));
    let targets = proof::allocations(case.record.decision.targets());
    let digest = proof::digest(DEV_CHAIN_ID, HUB, VAULT, &targets, &signed);
    assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), attestor().address());
}

#[tokio::test]
async fn bytes_that_are_not_the_hashed_record_are_refused() {
    let mut other = Case::new();
    other.hash = Some(B256::repeat_byte(1));
    assert_refused!(other, AttestError::Hash { .. });

    let mut trailing = Case::new();
    let mut bytes = trailing.record.to_canonical().unwrap();
    bytes.push(0);
    trailing.hash = Some(alloy::primitives::keccak256(&bytes));
    trailing.bytes = Some(bytes);
    assert_refused!(trailing, AttestError::Malformed(_));
}

#[tokio::test]
async fn a_record_about_another_deployment_is_refused() {
    let elsewhere = |what: &'static str| move |refusal: &AttestError| matches!(refusal, AttestError::Unfit(Unfit::Elsewhere { what: found, .. }) if *found == what);
    for (what, case) in [
        ("chain", Case::with(|record| record.snapshot.chain_id = 1)),
        ("vault", Case::with(|record| record.snapshot.vault.address = HUB)),
        ("hub", Case::with(|record| record.snapshot.hub.address = VAULT)),
    ] {
        let refusal = case.refusal().await;
        assert!(elsewhere(what)(&refusal), "{refusal}");
    }
}

// SPEC X2
#[tokio::test]
async fn a_decision_that_is_not_to_act_is_refused() {
    assert_refused!(Case::with(|record| record.decision.action = Action::Hold), AttestError::Unfit(Unfit::Hold));
    assert_refused!(
        Case::with(|record| record.decision.gates[0].passed = false),
        AttestError::Unfit(Unfit::Gate { gate, .. }) if *gate == GateId::Gain.to_string()
    );
    assert_refused!(Case::with(|record| record.decision.gates.clear()), AttestError::Unfit(Unfit::NoGates));
    assert_refused!(
        Case::with(|record| record.snapshot.doubts.push(Doubt::StaleHead { age: 99, limit: 60 })),
        AttestError::Unfit(Unfit::Doubt(_))
    );
    assert_refused!(
        Case::with(|record| record.snapshot.kill_switch.operational = false),
        AttestError::Unfit(Unfit::KillSwitch(_))
    );
    assert_refused!(
        Case::with(|record| record.snapshot.kill_switch.mode = Mode::ReduceOnly),
        AttestError::Unfit(Unfit::KillSwitch(_))
    );
    assert_refused!(
        Case::with(|record| record.decision.action = Action::Rebalance { targets: Vec::new() }),
        AttestError::Unfit(Unfit::NoTargets)
    );
    assert_refused!(Case::with(|record| record.format += 1), AttestError::Malformed(_));
}

#[tokio::test]
async fn a_decision_that_does_not_follow_from_its_snapshot_is_refused() {
    let mut case = Case::new();
    case.rederived = Err("targets: derived none".to_owned());
    assert_refused!(case, AttestError::NotReproduced(why) if why.contains("derived none"));
}

/// A decision that waited: by now NAV has grown by a tenth, and so have the legs.
fn waited(change: impl FnOnce(&mut DecisionRecord)) -> Case {
    let mut case = Case::new();
    let mut now = case.record.clone();
    let grown = |amount: &mut Assets| amount.0 += amount.0 / 10;
    grown(&mut now.snapshot.vault.nav);
    let Action::Rebalance { targets } = &mut now.decision.action else { unreachable!() };
    targets.iter_mut().for_each(|target| grown(&mut target.to));
    grown(&mut now.decision.prediction.as_mut().unwrap().idle_after);
    let mut done = event(&now);
    for amount in [&mut done.nav_before, &mut done.nav_after, &mut done.idle_after] {
        grown(amount);
    }
    done.decision_hash = case.record.hash().unwrap();
    case.simulation = Some(simulation(&done));
    change(&mut now);
    case.approved = Some((now, TIMESTAMP - 3_600));
    case
}

// SPEC X15
#[tokio::test]
async fn an_approved_decision_is_held_against_what_it_does_now() {
    let case = waited(|_| ());
    let (signed, _) = case.attest().await.unwrap();
    assert_eq!(signed, statement(&case.record));
    // Without the Safe it is held against what it said when it was made.
    let mut alone = waited(|_| ());
    alone.approved = None;
    assert_refused!(alone, AttestError::Prediction(_));
}

// SPEC X15
#[tokio::test]
async fn an_approval_that_is_missing_old_or_of_another_move_is_none() {
    for approved_at in [0, TIMESTAMP + 1, TIMESTAMP - 86_401] {
        let mut case = waited(|_| ());
        case.approved.as_mut().unwrap().1 = approved_at;
        assert_refused!(case, AttestError::NotApproved { .. });
    }
    let mut last = waited(|_| ());
    last.approved.as_mut().unwrap().1 = TIMESTAMP - 86_400;
    last.attest().await.unwrap();

    assert_refused!(waited(|now| now.policy.max_risk_score = 99), AttestError::Reconsidered("the policy"));
    // What is thought of a venue may have changed while it waited: whether it still passes is in the gates.
    waited(|now| now.policy.venues[0].risk_score += 1).attest().await.unwrap();
    assert_refused!(waited(|now| now.snapshot.hub.nonce += 1), AttestError::Reconsidered("the hub's nonce"));
    let other_target = waited(|now| {
        let Action::Rebalance { targets } = &mut now.decision.action else { unreachable!() };
        targets[0].min_out = Assets(1);
    });
    assert_refused!(other_target, AttestError::Reconsidered("a target"));
    assert_refused!(waited(|now| now.decision.gates[0].passed = false), AttestError::Unfit(Unfit::Gate { .. }));
    assert_refused!(waited(|now| now.snapshot.chain_id = 1), AttestError::Unfit(Unfit::Elsewhere { .. }));
}

#[tokio::test]
async fn a_hub_with_another_attestor_is_refused() {
    let case = Case::with(|record| record.snapshot.hub.attestor = Address::repeat_byte(0x77));
    assert_refused!(case, AttestError::NotTheAttestor { .. });
}

#[tokio::test]
async fn another_chain_destination_or_sender_is_refused() {
    type Change = fn(&mut TxPlan);
    let changes: [(&str, Change); 3] = [
        ("chain id", |plan| plan.chain_id = 1),
        ("destination", |plan| plan.to = VAULT),
        ("sender", |plan| plan.from = VAULT),
    ];
    for (expected, change) in changes {
        let mut case = Case::new();
        let mut spoilt = case.plan();
        change(&mut spoilt);
        case.plan = Some(spoilt);
        assert_refused!(case, AttestError::Transaction { what, .. } if *what == expected);
    }
}

#[tokio::test]
async fn another_call_or_encoding_is_refused() {
    let right = Case::new().plan();
    let mut other_function = right.input.to_vec();
    other_function[..4].copy_from_slice(&[1, 2, 3, 4]);
    let trailing = [right.input.as_ref(), &[0; 32]].concat();
    for input in [other_function, trailing, Vec::new()] {
        let mut case = Case::new();
        case.plan = Some(TxPlan { input: Bytes::from(input), ..right.clone() });
        assert_refused!(case, AttestError::NotARebalance);
    }
}

#[tokio::test]
async fn targets_other_than_the_decisions_are_refused() {
    let changes: [fn(&mut DecisionRecord); 4] = [
        |record| edit(record, |targets| targets[0].bps = Bps(4_001)),
        |record| edit(record, |targets| targets[0].min_out = Assets(0)),
        |record| edit(record, |targets| targets[1].adapter = Address::repeat_byte(0xa3)),
        |record| {
            edit(record, |targets| {
                targets.pop();
            });
        },
    ];
    for change in changes {
        let mut case = Case::new();
        let mut other = case.record.clone();
        change(&mut other);
        case.plan = Some(plan(&other, &statement(&case.record)));
        assert_refused!(case, AttestError::Targets);
    }
}

fn edit(record: &mut DecisionRecord, change: impl FnOnce(&mut Vec<ballast_types::Target>)) {
    match &mut record.decision.action {
        Action::Rebalance { targets } => change(targets),
        Action::Hold => panic!("the fixture moves"),
    }
}

#[tokio::test]
async fn a_proof_about_another_decision_nonce_or_time_is_refused() {
    let with = |change: fn(&mut Statement)| {
        let mut case = Case::new();
        let mut spoilt = statement(&case.record);
        change(&mut spoilt);
        case.plan = Some(plan(&case.record, &spoilt));
        case
    };
    assert_refused!(with(|proof| proof.decision_hash = B256::repeat_byte(1)), AttestError::Hash { .. });
    assert_refused!(with(|proof| proof.nonce = 5), AttestError::Nonce { found: 5, expected: 4 });
    assert_refused!(with(|proof| proof.valid_until = TIMESTAMP - 1), AttestError::Validity { .. });
    assert_refused!(with(|proof| proof.valid_until = TIMESTAMP + 301), AttestError::Validity { .. });
    with(|proof| proof.valid_until = TIMESTAMP).attest().await.unwrap();
}

// SPEC X3
#[tokio::test]
async fn a_presimulation_that_failed_or_says_nothing_is_refused() {
    let mut failed = Case::new();
    failed.simulation = Some(Simulation {
        success: false,
        revert: Some("CooldownActive(nextAllowed: 5)".to_owned()),
        ..simulation(&event(&failed.record))
    });
    assert_refused!(failed, AttestError::Presimulation(why) if why.contains("CooldownActive"));

    let mut silent = Case::new();
    silent.simulation = Some(Simulation { logs: Vec::new(), ..simulation(&event(&silent.record)) });
    assert_refused!(silent, AttestError::Prediction(list) if list[..] == [Mismatch::Events { found: 0 }]);

    let mut foreign = Case::new();
    let mut logs = simulation(&event(&foreign.record)).logs;
    logs[0].address = VAULT;
    foreign.simulation = Some(Simulation { logs, ..simulation(&event(&foreign.record)) });
    assert_refused!(foreign, AttestError::Prediction(_));

    let mut twice = Case::new();
    let mut logs = simulation(&event(&twice.record)).logs;
    logs.push(logs[0].clone());
    twice.simulation = Some(Simulation { logs, ..simulation(&event(&twice.record)) });
    assert_refused!(twice, AttestError::Prediction(list) if list[..] == [Mismatch::Events { found: 2 }]);
}

// SPEC X3
#[tokio::test]
async fn nav_may_fall_by_the_bound_and_not_by_a_unit_more() {
    let with_loss = |loss: u128| {
        let mut case = Case::new();
        let mut executed = event(&case.record);
        executed.nav_after = Assets(NAV - loss);
        case.simulation = Some(simulation(&executed));
        case
    };
    with_loss(NAV / 10_000).attest().await.unwrap();
    assert_refused!(
        with_loss(NAV / 10_000 + 1),
        AttestError::Prediction(list) if matches!(list[..], [Mismatch::NavLoss { bound: Bps(1), .. }])
    );
}

// SPEC X5
#[tokio::test]
async fn leave_to_sign_something_else_is_no_leave() {
    let mut case = Case::new();
    case.cleared = Some(B256::repeat_byte(9));
    assert_refused!(case, AttestError::OtherDigest { .. });
}

fn policy(change: impl FnOnce(&mut AttestorPolicy)) -> (tempfile::TempDir, PolicyConfig) {
    let folder = tempfile::tempdir().unwrap();
    let mut policy = AttestorPolicy {
        max_fee_per_gas: 100,
        max_fee: 516_000 * 100,
        daily_moves: 1,
        move_turnover: Bps(9_000),
        move_notional: None,
        daily_turnover: Bps(9_000),
        daily_notional: Some(Assets(NAV / 10 * 9)),
        gas_budget: Bps(50),
        max_skew: None,
    };
    change(&mut policy);
    let ledger = folder.path().join("attestor.ledger");
    (folder, PolicyConfig { policy, ledger })
}

// SPEC X5
#[tokio::test]
async fn a_move_within_the_policy_is_signed_and_the_same_move_again_is_no_second_one() {
    let (_folder, config) = policy(|_| {});
    let guarded = attestor().with_policy(&config).unwrap();
    for _ in 0..3 {
        let attestation = Case::new().attestation(guarded.clone()).await.unwrap();
        assert!(matches!(attestation, Attestation::Signed(..)), "{attestation:?}");
    }
}

// SPEC X5
#[tokio::test]
async fn a_move_beyond_the_policy_needs_the_safe_and_leaves_no_trace_in_the_counts() {
    type Change = fn(&mut AttestorPolicy);
    let changes: [(Bound, Change); 5] = [
        (Bound::FeePerGas, |policy| policy.max_fee_per_gas = 99),
        // 412,345 gas and a quarter, in whole thousands.
        (Bound::Fee, |policy| policy.max_fee -= 1),
        (Bound::DailyMoves, |policy| policy.daily_moves = 0),
        (Bound::MoveTurnover, |policy| policy.move_notional = Some(Assets(NAV / 10 * 9 - 1))),
        (Bound::DailyTurnover, |policy| policy.daily_turnover = Bps(8_999)),
    ];
    for (bound, change) in changes {
        let (_folder, config) = policy(change);
        let guarded = attestor().with_policy(&config).unwrap();
        let Attestation::NeedsSafe(exceeded) = Case::new().attestation(guarded).await.unwrap() else {
            panic!("{bound:?}")
        };
        assert_eq!(exceeded.iter().map(|one| one.bound).collect::<Vec<_>>(), [bound], "{exceeded:?}");
        assert_eq!(std::fs::metadata(&config.ledger).unwrap().len(), 0);
    }
}
