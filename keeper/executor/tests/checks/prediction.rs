//! A simulated move against the decision, and a receipt against the simulation.

use crate::support::{HUB, NAV, event, log_of, record, simulation};
use alloy::primitives::{Address, B256, Log, U256};
use ballast_chain::bindings::RebalanceExecuted;
use ballast_executor::{
    Balances, Expected, Observed, Reconciliation,
    prediction::{self, Mismatch},
};
use ballast_types::Bps;

fn mismatches(change: impl FnOnce(&mut RebalanceExecuted)) -> Vec<Mismatch> {
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
    let bp = U256::from(NAV / 10_000);
    let fields: [fn(&mut RebalanceExecuted) -> &mut U256; 4] = [
        |event| &mut event.valuesAfter[0],
        |event| &mut event.valuesAfter[1],
        |event| &mut event.idleAfter,
        |event| &mut event.navBefore,
    ];
    for field in fields {
        let raised = |by: U256| {
            mismatches(|event| {
                *field(event) += by;
                event.navAfter = event.navBefore;
            })
        };
        let lowered = |by: U256| {
            mismatches(|event| {
                *field(event) -= by;
                event.navAfter = event.navBefore;
            })
        };
        assert_eq!((raised(bp), lowered(bp)), (Vec::new(), Vec::new()));
        for list in [raised(bp + U256::ONE), lowered(bp + U256::ONE)] {
            assert!(matches!(list[..], [Mismatch::Amount { .. }]), "{list:?}");
        }
    }
}

#[test]
fn every_difference_is_listed_for_a_person() {
    let list = mismatches(|event| {
        event.decisionHash = B256::ZERO;
        event.nonce = 9;
        event.targetBps[0] = 1;
        event.valuesAfter[0] = U256::ZERO;
        event.navAfter = U256::ZERO;
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
fn lists_that_do_not_belong_together_and_absurd_amounts_are_mismatches() {
    assert_eq!(mismatches(|event| event.valuesAfter.truncate(1)), [Mismatch::Targets]);
    assert_eq!(mismatches(|event| event.adapters.truncate(1)), [Mismatch::Targets]);
    let absurd = mismatches(|event| event.valuesAfter[0] = U256::MAX);
    assert!(matches!(absurd[..], [Mismatch::Absurd { .. }]), "{absurd:?}");
}

fn reconciled(change: impl FnOnce(&mut Observed)) -> Reconciliation {
    let record = record(Address::ZERO);
    let executed = event(&record);
    let simulated = simulation(&executed);
    let mut observed = Observed {
        gas_used: simulated.gas_used,
        logs: simulated.logs.clone(),
        balances: Some(Balances { idle: executed.idleAfter, values: executed.valuesAfter }),
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
        executed.navAfter -= U256::ONE;
        observed.logs = vec![log_of(&executed)];
    });
    assert!(!log.is_equal() && !log.logs_equal && log.gas_equal);

    let extra = reconciled(|observed| observed.logs.push(Log::default()));
    assert!(!extra.logs_equal);

    let balance = reconciled(|observed| observed.balances.as_mut().unwrap().values[0] += U256::ONE);
    assert!(!balance.is_equal() && !balance.rebalance.unwrap().balances_equal);

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
