//! A simulated move against the decision, and a receipt against the simulation.

use crate::support::{HUB, NAV, event, log_of, record, simulation};
use alloy::{
    primitives::{Address, B256, Log, U256},
    sol_types::SolEvent,
};
use ballast_chain::{Executed, Malformed, bindings::RebalanceExecuted};
use ballast_executor::{
    Balances, Expected, Observed, Reconciliation,
    prediction::{self, Mismatch},
};
use ballast_types::{Assets, Bps};

fn mismatches(change: impl FnOnce(&mut Executed)) -> Vec<Mismatch> {
    let record = record(Address::ZERO);
    let mut executed = event(&record);
    change(&mut executed);
    prediction::check(&record, record.hash().unwrap(), &executed, Bps(1)).err().unwrap_or_default()
}

// SPEC X3
#[test]
fn the_predicted_move_has_no_mismatch() {
    assert_eq!(mismatches(|_| {}), []);
}

// SPEC X3
#[test]
fn positions_idle_and_nav_may_differ_by_one_bp_of_nav_and_no_more() {
    let bp = NAV / 10_000;
    let fields: [fn(&mut Executed) -> &mut Assets; 4] = [
        |event| &mut event.legs[0].after,
        |event| &mut event.legs[1].after,
        |event| &mut event.idle_after,
        |event| &mut event.nav_before,
    ];
    for field in fields {
        let raised = |by: u128| {
            mismatches(|event| {
                field(event).0 += by;
                event.nav_after = event.nav_before;
            })
        };
        let lowered = |by: u128| {
            mismatches(|event| {
                field(event).0 -= by;
                event.nav_after = event.nav_before;
            })
        };
        assert_eq!((raised(bp), lowered(bp)), (Vec::new(), Vec::new()));
        for list in [raised(bp + 1), lowered(bp + 1)] {
            assert!(matches!(list[..], [Mismatch::Amount { .. }]), "{list:?}");
        }
    }
}

#[test]
fn every_difference_is_listed_for_a_person() {
    let list = mismatches(|event| {
        event.decision_hash = B256::ZERO;
        event.nonce = 9;
        event.legs[0].bps = Bps(1);
        event.legs[0].after = Assets::ZERO;
        event.nav_after = Assets::ZERO;
    });
    assert_eq!(list.len(), 5);
    let text = prediction::list(&list);
    for part in
        ["decision hash", "nonce: expected 4, simulated 9", "venues and shares", "expected 40000.000000", "NAV falls"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn other_venues_or_shares_than_the_decisions_are_a_mismatch() {
    assert_eq!(mismatches(|event| event.legs.truncate(1)), [Mismatch::Targets]);
    assert_eq!(mismatches(|event| event.legs.push(event.legs[1].clone())), [Mismatch::Targets]);
    assert_eq!(mismatches(|event| event.legs[0].adapter = Address::ZERO), [Mismatch::Targets]);
    assert_eq!(mismatches(|event| event.legs[1].bps = Bps(5_001)), [Mismatch::Targets]);
}

#[test]
fn an_event_that_says_what_no_rebalance_does_is_a_mismatch() {
    let found = |change: fn(&mut RebalanceExecuted)| {
        let mut event = RebalanceExecuted::from(&event(&record(Address::ZERO)));
        change(&mut event);
        prediction::executed(&[Log { address: HUB, data: event.encode_log_data() }], HUB)
    };
    found(|_| ()).unwrap();
    let lists = Mismatch::Malformed(Malformed::Lengths { targets: 2, changes: 1 });
    assert!(lists.to_string().ends_with("2 targets and 1 changes, expected as many of one as of the other"));
    assert_eq!(found(|event| event.changes.truncate(1)), Err(lists));
    let share = found(|event| event.targets[0] = U256::MAX);
    assert!(matches!(share, Err(Mismatch::Malformed(Malformed::Target { .. }))), "{share:?}");
    let amount = found(|event| event.navBefore = U256::MAX);
    assert!(matches!(amount, Err(Mismatch::Malformed(Malformed::Amount { .. }))), "{amount:?}");
}

fn reconciled(change: impl FnOnce(&mut Observed)) -> Reconciliation {
    let record = record(Address::ZERO);
    let executed = event(&record);
    let simulated = simulation(&executed);
    let mut observed = Observed {
        gas_used: simulated.gas_used,
        logs: simulated.logs.clone(),
        balances: Some(Balances {
            idle: U256::from(executed.idle_after.0),
            values: executed.legs.iter().map(|leg| U256::from(leg.after.0)).collect(),
        }),
    };
    change(&mut observed);
    Reconciliation::of(&Expected::from(&simulated), &observed, Some((HUB, record.hash().unwrap()))).unwrap()
}

// SPEC X3
#[test]
fn a_receipt_that_is_what_was_simulated_reconciles() {
    let result = reconciled(|_| {});
    assert!(result.is_equal() && result.gas_equal && result.logs_equal);
    let move_ = result.rebalance.unwrap();
    assert!(move_.balances_equal && move_.decision_hash_equal);
    assert_eq!((move_.nav_before.0, move_.nav_after.0, move_.legs.len()), (NAV, NAV, 2));
    assert_eq!(move_.legs[1].after.0, NAV / 2);
}

// SPEC X3
#[test]
fn a_unit_of_gas_a_byte_of_a_log_or_a_unit_of_balance_shows() {
    let gas = reconciled(|observed| observed.gas_used += 1);
    assert!(!gas.is_equal() && !gas.gas_equal && gas.logs_equal);

    let log = reconciled(|observed| {
        let mut executed = event(&record(Address::ZERO));
        executed.nav_after.0 -= 1;
        observed.logs = vec![log_of(&executed)];
    });
    assert!(!log.is_equal() && !log.logs_equal && log.gas_equal);

    let extra = reconciled(|observed| observed.logs.push(Log::default()));
    assert!(!extra.logs_equal);

    let balance = reconciled(|observed| observed.balances.as_mut().unwrap().values[0] += U256::ONE);
    assert!(!balance.is_equal() && !balance.rebalance.unwrap().balances_equal);
    let missing = reconciled(|observed| observed.balances.as_mut().unwrap().values.truncate(1));
    assert!(!missing.is_equal() && !missing.rebalance.unwrap().balances_equal);
    let idle = reconciled(|observed| observed.balances.as_mut().unwrap().idle += U256::ONE);
    assert!(!idle.is_equal() && !idle.rebalance.unwrap().balances_equal);

    let unread = reconciled(|observed| observed.balances = None);
    assert!(!unread.rebalance.unwrap().balances_equal);
}

#[test]
fn a_receipt_without_the_hubs_event_does_not_reconcile() {
    let record = record(Address::ZERO);
    let simulated = simulation(&event(&record));
    let observed = Observed { gas_used: 1, logs: Vec::new(), balances: None };
    let hash = record.hash().unwrap();
    let error = Reconciliation::of(&Expected::from(&simulated), &observed, Some((HUB, hash))).unwrap_err();
    assert!(error.contains("receipt"), "{error}");
    Reconciliation::of(&Expected::from(&simulated), &observed, None).unwrap();
}

#[test]
fn what_is_expected_survives_the_store() {
    let expected = Expected::from(&simulation(&event(&record(Address::ZERO))));
    let stored = serde_json::to_value(&expected).unwrap();
    assert_eq!(serde_json::from_value::<Expected>(stored).unwrap(), expected);
}
