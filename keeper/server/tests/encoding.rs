//! The protocol's messages survive their bytes, and what is no state is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_server::{AuditReport, Board, ProtocolState, StateSource, v1};
use proptest::prelude::*;
use prost::Message;

fn states() -> impl Strategy<Value = ProtocolState> {
    let number = |least: f64, most: f64| proptest::option::of(least..=most);
    let audit = ("[A-Za-z ]{0,20}", "[0-9-]{0,10}", 0_u32..9, 0_u32..9).prop_map(
        |(auditor, date, open_critical, open_high)| AuditReport {
            auditor,
            date,
            open_critical,
            open_high,
            ..AuditReport::default()
        },
    );
    let measured = (number(-0.5, 5.0), number(-0.5, 5.0), number(0.0, 1e12), number(0.0, 100.0));
    let modelled = (number(0.0, 1e12), number(0.0, 1.0), number(0.0, 1e4));
    let rest = ("[a-z0-9/_.:-]{1,50}", proptest::collection::vec(audit, 0..4), any::<u64>(), any::<bool>());
    (measured, modelled, rest).prop_map(|(measured, modelled, (id, audits, observed_at, stale))| ProtocolState {
        current_apy: measured.0,
        predicted_apy_7d: measured.1,
        tvl_usd: measured.2,
        risk_score: measured.3,
        liquidity_depth: modelled.0,
        impermanent_loss_risk: modelled.1,
        gas_cost_estimate: modelled.2,
        audits,
        stale,
        ..ProtocolState::unknown(id.parse().unwrap(), observed_at)
    })
}

proptest! {
    // SPEC D8
    #[test]
    fn a_state_survives_the_bytes_of_the_protocol_and_of_json(state in states()) {
        let bytes = v1::ProtocolState::from(state.clone()).encode_to_vec();
        let decoded = v1::ProtocolState::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(ProtocolState::try_from(decoded).unwrap(), state.clone());
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<ProtocolState>(&text).unwrap(), state);
    }

    #[test]
    fn any_bytes_are_a_state_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(decoded) = v1::ProtocolState::decode(bytes.as_slice())
            && let Ok(state) = ProtocolState::try_from(decoded)
        {
            prop_assert!(state.check().is_ok());
        }
    }
}

// SPEC D8: the nine fields, with the numbers that readers compile against.
#[test]
fn the_nine_fields_have_the_numbers_one_to_nine() {
    let state = v1::ProtocolState {
        protocol_id: "a".to_owned(),
        current_apy: Some(1.0),
        predicted_apy_7d: Some(1.0),
        tvl_usd: Some(1.0),
        risk_score: Some(1.0),
        liquidity_depth: Some(1.0),
        impermanent_loss_risk: Some(1.0),
        gas_cost_estimate: Some(1.0),
        audits: vec![v1::AuditReport::default()],
        observed_at: 0,
        stale: false,
    };
    let bytes = state.encode_to_vec();
    // Tag of field n: n·8 + wire type, 2 for a length and 1 for eight bytes.
    let mut expected = vec![0x0a, 1, b'a'];
    for field in 2..=8_u8 {
        expected.push(field * 8 + 1);
        expected.extend(1.0_f64.to_le_bytes());
    }
    expected.extend([9 * 8 + 2, 0]);
    assert_eq!(bytes, expected);
}

#[tokio::test]
async fn a_number_out_of_its_range_is_refused_and_the_state_before_stays() {
    let board = Board::default();
    let good = ProtocolState { risk_score: Some(100.0), ..ProtocolState::unknown("a".parse().unwrap(), 1) };
    board.put(good.clone()).unwrap();
    for (field, bad) in [
        ("risk_score", ProtocolState { risk_score: Some(100.1), ..good.clone() }),
        ("current_apy", ProtocolState { current_apy: Some(f64::NAN), ..good.clone() }),
        ("tvl_usd", ProtocolState { tvl_usd: Some(f64::INFINITY), ..good.clone() }),
        ("gas_cost_estimate", ProtocolState { gas_cost_estimate: Some(-1.0), ..good.clone() }),
        ("impermanent_loss_risk", ProtocolState { impermanent_loss_risk: Some(1.5), ..good.clone() }),
    ] {
        let error = board.put(bad).unwrap_err().to_string();
        assert!(error.contains(field) && error.contains("expected"), "{error}");
    }
    assert_eq!(board.get(&good.protocol_id).await, Ok(Some(good.clone())));
}
