//! Whether a signed transaction may go on waiting, on each new head.

use crate::support::{HUB, NAV, event, plan, record, simulation, statement};
use alloy::primitives::{Address, B256, Bytes, Log, LogData};
use ballast_chain::{BlockContext, Simulation, TxPlan};
use ballast_executor::{
    Envelope, Verdict,
    envelope::{Misfit, Purpose, list},
    still_fits,
};
use ballast_types::{Assets, Bps, DecisionRecord};
use proptest::prelude::*;

const FEE_CAP: u128 = 100;

fn head(base_fee: u64) -> BlockContext {
    BlockContext {
        parent_number: 9,
        parent_hash: B256::repeat_byte(9),
        number: 10,
        timestamp: 1_700_000_024,
        base_fee,
        gas_limit: 30_000_000,
        coinbase: Address::ZERO,
        prevrandao: B256::ZERO,
        excess_blob_gas: 0,
    }
}

/// A signed move, and what it does now.
struct Waiting {
    record: DecisionRecord,
    plan: TxPlan,
    signed: Simulation,
}

impl Waiting {
    fn new() -> Self {
        let record = record(Address::ZERO);
        let plan = TxPlan { gas_limit: 516_000, ..plan(&record, &statement(&record)) };
        let signed = simulation(&event(&record));
        Self { record, plan, signed }
    }

    fn verdict(&self, purpose: Option<Purpose<'_>>, base_fee: u64, now: &Simulation) -> Verdict {
        let hash = self.record.hash().unwrap();
        let purpose =
            purpose.unwrap_or(Purpose::Decision { record: &self.record, hash, hub: HUB, max_nav_loss: Bps(1) });
        still_fits(
            &Envelope { plan: &self.plan, signed: &self.signed, purpose, fee_cap: FEE_CAP },
            &head(base_fee),
            now,
        )
    }

    fn misfits(&self, base_fee: u64, now: &Simulation) -> Vec<Misfit> {
        match self.verdict(None, base_fee, now) {
            Verdict::Fits => Vec::new(),
            Verdict::Cancel(misfits) => misfits,
        }
    }
}

// SPEC X3
#[test]
fn what_still_does_what_was_decided_waits_on() {
    let waiting = Waiting::new();
    assert_eq!(waiting.misfits(7, &waiting.signed), []);
    // Other gas and amounts within the tolerance are no reason.
    let mut moved = event(&waiting.record);
    moved.legs[0].after.0 += NAV / 10_000;
    let now = Simulation { gas_used: waiting.plan.gas_limit, ..simulation(&moved) };
    assert_eq!(waiting.misfits(99, &now), []);
}

// SPEC X3
#[test]
fn each_way_out_of_the_envelope_is_a_reason_to_cancel() {
    let waiting = Waiting::new();
    let failed = Simulation { success: false, revert: Some("CooldownActive".to_owned()), ..waiting.signed.clone() };
    assert_eq!(waiting.misfits(7, &failed), [Misfit::Reverts { why: "CooldownActive".to_owned() }]);
    let hungry = Simulation { gas_used: 516_001, ..waiting.signed.clone() };
    assert_eq!(waiting.misfits(7, &hungry), [Misfit::Gas { used: 516_001, limit: 516_000 }]);
    assert_eq!(waiting.misfits(101, &waiting.signed), [Misfit::Fee { needed: 101, offered: 100 }]);
    let mut elsewhere = event(&waiting.record);
    elsewhere.legs[0].after.0 += NAV / 10_000 + 1;
    elsewhere.nav_after = Assets(NAV - NAV / 10_000 - 1);
    let now = simulation(&elsewhere);
    let [Misfit::Prediction(mismatches)] = &waiting.misfits(7, &now)[..] else { panic!("position and NAV") };
    assert_eq!(mismatches.len(), 2);
    let silent = Simulation { logs: Vec::new(), ..waiting.signed.clone() };
    assert!(matches!(waiting.misfits(7, &silent)[..], [Misfit::Prediction(_)]));

    let everything = Simulation { gas_used: 516_001, ..failed };
    let text = list(&waiting.misfits(101, &everything));
    for part in ["CooldownActive", "516001 gas", "needs 101 wei"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

// SPEC X3
#[test]
fn a_call_may_change_its_amounts_but_not_its_effects() {
    let waiting = Waiting::new();
    let log = |byte: u8, data: u8| Log {
        address: Address::repeat_byte(byte),
        data: LogData::new_unchecked(vec![B256::repeat_byte(byte)], Bytes::from(vec![data])),
    };
    let waiting = Waiting { signed: Simulation { logs: vec![log(1, 1), log(2, 1)], ..waiting.signed }, ..waiting };
    let with = |logs: Vec<Log>| Simulation { logs, ..waiting.signed.clone() };
    assert_eq!(waiting.verdict(Some(Purpose::Call), 7, &with(vec![log(1, 9), log(2, 9)])), Verdict::Fits);
    for other in [vec![log(1, 1)], vec![log(2, 1), log(1, 1)], vec![], vec![log(1, 1), log(2, 1), log(2, 1)]] {
        let verdict = waiting.verdict(Some(Purpose::Call), 7, &with(other));
        assert!(matches!(&verdict, Verdict::Cancel(why) if matches!(why[..], [Misfit::Effects { signed: 2, .. }])));
    }
}

proptest! {
    // SPEC X3 X4
    #[test]
    fn nothing_waits_on_that_could_not_be_included_or_would_run_out(
        base_fee in 0_u64..200, gas_used in 400_000_u64..600_000, success in any::<bool>()
    ) {
        let waiting = Waiting::new();
        let now = Simulation { gas_used, success, ..waiting.signed.clone() };
        let fits = waiting.verdict(None, base_fee, &now) == Verdict::Fits;
        prop_assert_eq!(fits, success && gas_used <= 516_000 && base_fee <= 100);
    }
}
