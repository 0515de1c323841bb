//! Every decision has an outcome row after 7 and after 30 days.
// SPEC P7

use crate::bed::{Bed, on_both};
use alloy_primitives::B256;
use ballast_store::HistoryError;
use ballast_store::history::{Due, EVER, Horizon, Judged, Outcome};

const DAY: u64 = 86_400;

on_both! {
    a_decision_is_due_at_each_horizon_until_it_is_judged
    an_outcome_is_recorded_once
    an_outcome_is_not_measured_before_its_horizon_is_over
    an_unknown_decision_has_no_outcome
    outcomes_are_told_with_the_decision_by_its_time
}

fn outcome(decision: B256, horizon: Horizon) -> Outcome {
    Outcome {
        decision,
        horizon,
        measured_at: 40 * DAY,
        realised: "0.0011234567".parse().unwrap(),
        hold: "0.001".parse().unwrap(),
        best_single: "0.0013".parse().unwrap(),
        convex: "-0.0000000001".parse().unwrap(),
    }
}

async fn a_decision_is_due_at_each_horizon_until_it_is_judged(bed: Bed) {
    let history = bed.open().await;
    assert_eq!(history.newest_decision().await.unwrap(), None);
    let (first, second) = (B256::repeat_byte(1), B256::repeat_byte(2));
    for _ in 0..2 {
        history.index_decision(first, DAY, 10, "rebalance").await.unwrap();
        history.index_decision(second, 2 * DAY, 20, "hold").await.unwrap();
    }
    assert_eq!(history.newest_decision().await.unwrap(), Some(2 * DAY));
    let due = |decision, horizon, day| Due { decision, horizon, decided_at: day * DAY };
    assert_eq!(history.outcomes_due(8 * DAY - 1).await.unwrap(), []);
    assert_eq!(history.outcomes_due(8 * DAY).await.unwrap(), [due(first, Horizon::Week, 1)]);
    let all = [
        due(first, Horizon::Week, 1),
        due(first, Horizon::Month, 1),
        due(second, Horizon::Week, 2),
        due(second, Horizon::Month, 2),
    ];
    assert_eq!(history.outcomes_due(u64::MAX).await.unwrap(), all);
    for one in all {
        assert!(history.outcomes_due(99 * DAY).await.unwrap().contains(&one));
        history.put_outcome(&outcome(one.decision, one.horizon)).await.unwrap();
        assert!(!history.outcomes_due(99 * DAY).await.unwrap().contains(&one));
    }
    assert_eq!(history.outcomes(first).await.unwrap(), Horizon::ALL.map(|horizon| outcome(first, horizon)));
}

async fn an_outcome_is_recorded_once(bed: Bed) {
    let history = bed.open().await;
    let decision = B256::repeat_byte(1);
    history.index_decision(decision, DAY, 10, "hold").await.unwrap();
    let first = outcome(decision, Horizon::Week);
    history.put_outcome(&first).await.unwrap();
    history.put_outcome(&first).await.unwrap();
    let better = Outcome { realised: "0.5".parse().unwrap(), ..first };
    let refused = history.put_outcome(&better).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Conflict { .. }), "{refused}");
    assert_eq!(history.outcomes(decision).await.unwrap(), [first]);
}

async fn an_outcome_is_not_measured_before_its_horizon_is_over(bed: Bed) {
    let history = bed.open().await;
    let decision = B256::repeat_byte(1);
    history.index_decision(decision, DAY, 10, "hold").await.unwrap();
    for horizon in Horizon::ALL {
        let over = DAY + horizon.seconds();
        let early = Outcome { measured_at: over - 1, ..outcome(decision, horizon) };
        let refused = history.put_outcome(&early).await.unwrap_err();
        assert!(matches!(refused, HistoryError::OutOfRange { .. }), "{refused}");
        assert!(refused.to_string().contains(&format!("{over} or later")), "{refused}");
        let due = Due { decision, horizon, decided_at: DAY };
        assert!(history.outcomes_due(over).await.unwrap().contains(&due), "it waits");
        history.put_outcome(&Outcome { measured_at: over, ..early }).await.unwrap();
    }
}

async fn an_unknown_decision_has_no_outcome(bed: Bed) {
    let history = bed.open().await;
    let refused = history.put_outcome(&outcome(B256::repeat_byte(9), Horizon::Week)).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Unknown { .. }), "{refused}");
    let refused = history.index_decision(B256::ZERO, 1, 1, "buy").await.unwrap_err().to_string();
    assert!(refused.contains("hold or rebalance"), "{refused}");
}

async fn outcomes_are_told_with_the_decision_by_its_time(bed: Bed) {
    let history = bed.open().await;
    let (first, second) = (B256::repeat_byte(2), B256::repeat_byte(1));
    history.index_decision(first, DAY, 10, "rebalance").await.unwrap();
    history.index_decision(second, 2 * DAY, 20, "hold").await.unwrap();
    for (decision, horizon) in [(second, Horizon::Week), (first, Horizon::Month), (first, Horizon::Week)] {
        history.put_outcome(&outcome(decision, horizon)).await.unwrap();
    }
    let judged =
        |decision, horizon, day, moved| Judged { decided_at: day * DAY, moved, outcome: outcome(decision, horizon) };
    let all = [
        judged(first, Horizon::Week, 1, true),
        judged(first, Horizon::Month, 1, true),
        judged(second, Horizon::Week, 2, false),
    ];
    assert_eq!(history.judged(0..EVER).await.unwrap(), all);
    assert_eq!(history.judged(DAY..2 * DAY).await.unwrap(), all[..2]);
    assert_eq!(history.judged(2 * DAY + 1..EVER).await.unwrap(), []);
}
