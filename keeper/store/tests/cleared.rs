//! Leave to sign follows from a recorded simulation and from nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy_primitives::{Address, B256, Bytes};
use ballast_store::{AttemptId, Facts, State, Store, StoreError, Subject, with_simulation_id};
use serde_json::json;

const DIGEST: B256 = B256::repeat_byte(0xd1);
const PARENT: B256 = B256::repeat_byte(0xb1);

async fn begun(store: &Store) -> AttemptId {
    let call = store.put_call("a test", Address::ZERO, &Bytes::new()).await.unwrap();
    store.begin_attempt(Subject::Call(call), &json!({})).await.unwrap().id
}

async fn simulate(store: &Store, attempt: AttemptId, simulation: serde_json::Value) {
    let facts = Facts { simulation: Some(simulation), ..Facts::default() };
    store.advance(attempt, State::Proposed, State::Simulated, &facts, &json!({})).await.unwrap();
}

fn refusal(result: Result<ballast_store::Cleared, StoreError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::NotCleared { .. }), "{error}");
    error.to_string()
}

// SPEC X5
#[tokio::test]
async fn a_digest_is_cleared_by_the_recorded_simulation_of_exactly_that_on_exactly_that_block() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    let attempt = begun(&store).await;
    assert!(refusal(store.clear(attempt, DIGEST, PARENT).await).contains("the attempt is proposed"));
    simulate(&store, attempt, with_simulation_id(json!({ "gas_used": 7 }), DIGEST, PARENT)).await;

    let cleared = store.clear(attempt, DIGEST, PARENT).await.unwrap();
    assert_eq!(cleared.digest(), DIGEST);
    let stored = store.attempt(attempt).await.unwrap().facts.simulation.unwrap();
    assert_eq!((stored["id"].clone(), stored["gas_used"].clone()), (json!(cleared.simulation()), json!(7)));

    let other = B256::repeat_byte(0x02);
    assert!(refusal(store.clear(attempt, other, PARENT).await).contains("the simulation on record is"));
    assert!(refusal(store.clear(attempt, DIGEST, other).await).contains("the simulation on record is"));
    let settled = Facts { reason: Some("over".to_owned()), ..Facts::default() };
    store.advance(attempt, State::Simulated, State::Expired, &settled, &json!({})).await.unwrap();
    assert!(refusal(store.clear(attempt, DIGEST, PARENT).await).contains("the attempt is expired"));
}

// SPEC X5
#[tokio::test]
async fn a_simulation_without_an_id_clears_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    for simulation in [json!({ "gas_used": 7 }), json!({ "id": 7 }), json!({ "id": "0x12" }), json!(null)] {
        let attempt = begun(&store).await;
        simulate(&store, attempt, simulation).await;
        assert!(refusal(store.clear(attempt, DIGEST, PARENT).await).contains("no simulation is on record"));
        let settled = Facts { reason: Some("over".to_owned()), ..Facts::default() };
        store.advance(attempt, State::Simulated, State::Expired, &settled, &json!({})).await.unwrap();
    }
}

// SPEC X5
#[tokio::test]
async fn what_others_send_is_cleared_by_a_record_of_its_own_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    let call = (Address::repeat_byte(3), &Bytes::from_static(&[1, 2]));
    for digest in [DIGEST, B256::repeat_byte(9)] {
        let cleared =
            store.clear_off_chain("safe 0x03", call, digest, PARENT, json!({ "success": true })).await.unwrap();
        assert_eq!(cleared.digest(), digest);
    }
    assert_eq!(store.open_attempts().await.unwrap(), []);
    assert_eq!(store.calls(9).await.unwrap().len(), 2);
    drop(store);
    let reader = Store::open_read_only(folder.path().join("keeper.db")).await.unwrap();
    let attempt = AttemptId(1);
    assert!(matches!(reader.clear(attempt, DIGEST, PARENT).await, Err(StoreError::ReadOnly)));
}
