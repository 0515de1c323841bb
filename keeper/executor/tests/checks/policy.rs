//! The attestor's policy at its edges, and the counts it goes by.

use alloy::primitives::B256;
use ballast_executor::{
    AttestorPolicy, LedgerError,
    ledger::{Books, Entry, Ledger, back_up},
    policy::{Bound, DAY, Request, list},
};
use ballast_types::{Assets, Bps, SECONDS_PER_YEAR};
use proptest::prelude::*;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};
use tempfile::TempDir;

const NOW: u64 = 1_700_000_000;
const NAV: u128 = 1_000_000_000_000;

fn policy() -> AttestorPolicy {
    AttestorPolicy {
        max_fee_per_gas: 50_000_000_000,
        max_fee: 50_000_000_000 * 1_000_000,
        daily_moves: 4,
        move_turnover: Bps(10_000),
        move_notional: Some(Assets(NAV)),
        daily_turnover: Bps(20_000),
        daily_notional: Some(Assets(2 * NAV)),
        gas_budget: Bps(50),
        max_skew: Some(900),
    }
}

fn request(nonce: u64, block_time: u64) -> Request {
    Request {
        decision: B256::from(alloy::primitives::U256::from(nonce + 1)),
        nonce,
        block_time,
        nav: Assets(NAV),
        turnover: Assets(NAV / 10),
        max_fee_per_gas: 50_000_000_000,
        gas_limit: 1_000_000,
        gas_cost: Assets(100_000_000),
        approved: false,
    }
}

/// A ledger in a folder of its own.
struct Kept {
    _folder: TempDir,
    path: PathBuf,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("attestor.ledger"), _folder: folder }
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path).unwrap()
    }
}

fn attested(request: &Request) -> Entry {
    Entry::Attested {
        time: request.block_time,
        nonce: request.nonce,
        decision: request.decision,
        turnover: request.turnover.0.try_into().unwrap(),
        gas_cost: request.gas_cost.0.try_into().unwrap(),
    }
}

fn books(entries: &[Entry]) -> Books {
    let kept = Kept::new();
    let mut ledger = kept.open();
    for entry in entries {
        ledger.append(*entry).unwrap();
    }
    ledger.books().clone()
}

fn bounds(policy: &AttestorPolicy, request: &Request, books: &Books) -> Vec<Bound> {
    policy.judge(request, books, NOW).into_iter().map(|one| one.bound).collect()
}

// SPEC X5, X15
#[test]
fn the_safes_approval_stands_in_for_the_bounds_of_a_move_and_for_no_other() {
    let earlier: Vec<Entry> =
        (1..=4).map(|nonce| attested(&Request { turnover: Assets(NAV / 2), ..request(nonce, NOW - 60) })).collect();
    let everything = Request {
        turnover: Assets(2 * NAV),
        max_fee_per_gas: 60_000_000_000,
        gas_cost: Assets(NAV),
        block_time: NOW + 901,
        ..request(9, NOW)
    };
    let beyond = bounds(&policy(), &everything, &books(&earlier));
    assert_eq!(beyond.len(), 7, "{beyond:?}");
    let approved = bounds(&policy(), &Request { approved: true, ..everything }, &books(&earlier));
    assert_eq!(approved, [Bound::ClockSkew, Bound::FeePerGas, Bound::Fee, Bound::GasBudget]);
    let waived: Vec<Bound> = beyond.into_iter().filter(|bound| bound.yields_to_the_safe()).collect();
    assert_eq!(waived, [Bound::MoveTurnover, Bound::DailyMoves, Bound::DailyTurnover]);
}

// SPEC X5
#[test]
fn each_bound_passes_its_last_value_and_not_the_next() {
    type Beyond = fn(&mut Request);
    let edges: [(Bound, Beyond); 5] = [
        (Bound::FeePerGas, |request| {
            request.max_fee_per_gas += 1;
            request.gas_limit -= 1;
        }),
        (Bound::Fee, |request| request.gas_limit += 1),
        (Bound::MoveTurnover, |request| request.turnover.0 += 1),
        (Bound::GasBudget, |request| request.gas_cost.0 += 1),
        (Bound::ClockSkew, |request| request.block_time += 1),
    ];
    let edge = Request { turnover: Assets(NAV), gas_cost: Assets(NAV / 200), block_time: NOW + 900, ..request(0, NOW) };
    assert_eq!(bounds(&policy(), &edge, &Books::default()), []);
    for (bound, beyond) in &edges {
        let mut over = edge;
        beyond(&mut over);
        assert_eq!(bounds(&policy(), &over, &Books::default()), [*bound]);
    }
    let text = list(&policy().judge(&Request { turnover: Assets(NAV + 1), ..edge }, &Books::default(), NOW));
    assert_eq!(text, "it turns over 1000000.000001, one move may turn over 1000000.000000");
}

// SPEC X5
#[test]
fn a_day_is_any_24_hours_and_ends_to_the_second() {
    let four: Vec<Entry> = (0..4).map(|nonce| attested(&request(nonce, NOW + 10 * nonce))).collect();
    let books = books(&four);
    // The first leaves the window exactly a day after it came.
    assert_eq!(bounds(&policy(), &request(9, NOW + DAY - 1), &books)[1..], [Bound::DailyMoves]);
    let unskewed = AttestorPolicy { max_skew: None, ..policy() };
    assert_eq!(bounds(&unskewed, &request(9, NOW + DAY - 1), &books), [Bound::DailyMoves]);
    assert_eq!(bounds(&unskewed, &request(9, NOW + DAY), &books), []);
    // The same nonce again is the same move: one of them lands.
    assert_eq!(bounds(&unskewed, &request(3, NOW + 60), &books), []);
}

// SPEC X5
#[test]
fn turnover_adds_up_over_the_day_by_share_and_by_amount() {
    let unskewed = AttestorPolicy { max_skew: None, ..policy() };
    let full = |nonce, time| Request { turnover: Assets(NAV), ..request(nonce, time) };
    let books =
        books(&[attested(&full(0, NOW)), attested(&Request { turnover: Assets(NAV / 2), ..request(1, NOW + 5) })]);
    let half = Request { turnover: Assets(NAV / 2), ..request(2, NOW + 9) };
    assert_eq!(bounds(&unskewed, &half, &books), []);
    let over = Request { turnover: Assets(NAV / 2 + 1), ..half };
    assert_eq!(bounds(&unskewed, &over, &books), [Bound::DailyTurnover]);
    let by_amount = AttestorPolicy { daily_notional: Some(Assets(2 * NAV - 1)), ..unskewed };
    assert_eq!(bounds(&by_amount, &half, &books), [Bound::DailyTurnover]);
    let by_share = AttestorPolicy { daily_notional: None, daily_turnover: Bps(19_999), ..unskewed };
    assert_eq!(bounds(&by_share, &half, &books), [Bound::DailyTurnover]);
}

// SPEC X5
#[test]
fn the_yearly_gas_budget_counts_receipts_in_place_of_what_was_set_aside() {
    let unskewed = AttestorPolicy { max_skew: None, ..policy() };
    let budget = NAV / 200;
    let costly = |nonce, time, cost| Request { gas_cost: Assets(cost), ..request(nonce, time) };
    let first = costly(0, NOW, budget - 10);
    let set_aside = attested(&first);
    let next = |cost| costly(1, NOW + DAY, cost);
    assert_eq!(bounds(&unskewed, &next(10), &books(&[set_aside])), []);
    assert_eq!(bounds(&unskewed, &next(11), &books(&[set_aside])), [Bound::GasBudget]);
    let tx = B256::repeat_byte(7);
    let receipt = Entry::Spent { time: NOW + 12, tx, decision: Some(first.decision), gas_cost: 500 };
    let settled = books(&[set_aside, receipt, receipt]);
    assert_eq!(bounds(&unskewed, &next(budget - 500), &settled), [], "a receipt told twice is one receipt");
    assert_eq!(bounds(&unskewed, &next(budget - 499), &settled), [Bound::GasBudget]);
    // Heartbeats and trips cost gas as well.
    let heartbeat = Entry::Spent { time: NOW + 12, tx: B256::repeat_byte(8), decision: None, gas_cost: 100 };
    let both = books(&[set_aside, receipt, heartbeat]);
    assert_eq!(bounds(&unskewed, &next(budget - 599), &both), [Bound::GasBudget]);
    let a_year_on = costly(1, NOW + 12 + SECONDS_PER_YEAR, budget);
    assert_eq!(bounds(&unskewed, &a_year_on, &both), []);
}

// SPEC X5
#[test]
fn time_does_not_go_backwards_for_a_reorganisation_or_a_slow_node() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    for nonce in 0..4 {
        ledger.append(attested(&request(nonce, NOW))).unwrap();
    }
    let unskewed = AttestorPolicy { max_skew: None, ..policy() };
    for back in [1, DAY, 2 * DAY, NOW] {
        assert_eq!(bounds(&unskewed, &request(9, NOW - back), ledger.books()), [Bound::DailyMoves]);
    }
    ledger.append(attested(&request(9, NOW - 2 * DAY))).unwrap();
    assert_eq!(ledger.books().now(0), NOW);
    assert_eq!(ledger.books().moves_after(Some(NOW - 1), 99).count, 5, "it was written down for the time it was");
}

// SPEC X5
#[test]
fn a_restart_keeps_the_counts_and_a_torn_line_counts_for_nothing() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    for nonce in 0..3 {
        ledger.append(attested(&request(nonce, NOW + nonce))).unwrap();
    }
    assert!(matches!(Ledger::open(&kept.path), Err(LedgerError::Locked { .. })), "one process has it");
    let (before, head) = (ledger.books().clone(), ledger.head());
    drop(ledger);
    let reopened = kept.open();
    assert_eq!((reopened.books(), reopened.head()), (&before, head));
    drop(reopened);

    // A crash in the middle of the next write, at each byte of it.
    let whole = fs::read(&kept.path).unwrap();
    let torn = br#"{"entry":{"attested":{"time":17"#;
    for cut in 1..torn.len() {
        fs::write(&kept.path, [&whole, &torn[..cut]].concat()).unwrap();
        let mut ledger = kept.open();
        assert_eq!(ledger.books(), &before);
        if cut == 7 {
            ledger.append(attested(&request(3, NOW + 3))).unwrap();
            drop(ledger);
            assert_eq!(kept.open().books().moves_after(None, 99).count, 4);
        }
    }
}

// SPEC G5
#[test]
fn a_copy_of_the_ledger_beside_its_writer_has_its_whole_lines_and_overwrites_nothing() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    for nonce in 0..3 {
        ledger.append(attested(&request(nonce, NOW + nonce))).unwrap();
    }
    // The writer is in the middle of the next line.
    let torn = [fs::read(&kept.path).unwrap(), br#"{"entry":{"att"#.to_vec()].concat();
    fs::write(&kept.path, torn).unwrap();
    let copy = kept.path.with_extension("copy");
    assert_eq!(back_up(&kept.path, &copy).unwrap(), (3, ledger.head()));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let restored = Ledger::open(&copy).unwrap();
    assert_eq!((restored.books(), restored.head()), (ledger.books(), ledger.head()));
    let again = back_up(&kept.path, &copy).unwrap_err();
    assert!(again.to_string().contains("name a file that is not there"), "{again}");

    let changed = fs::read_to_string(&copy).unwrap().replacen("attested", "attestad", 1);
    fs::write(&kept.path, changed).unwrap();
    let other = kept.path.with_extension("other");
    assert!(matches!(back_up(&kept.path, &other), Err(LedgerError::Tampered { line: 1, .. })));
    assert!(!other.exists(), "what is not intact is no backup");
}

// SPEC X5
#[test]
fn a_ledger_that_was_changed_is_refused_with_the_line() {
    let kept = Kept::new();
    let mut ledger = kept.open();
    for nonce in 0..3 {
        ledger.append(attested(&request(nonce, NOW))).unwrap();
    }
    drop(ledger);
    let text = fs::read_to_string(&kept.path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n"));
    let changed = text.replacen("100000000000", "100000000001", 1);
    assert_ne!(changed, text);
    for (line, content) in [
        (1, changed),
        (2, joined(&[lines[0], lines[2]])),
        (2, joined(&[lines[0], lines[0], lines[1], lines[2]])),
        (1, joined(&[lines[1], lines[0], lines[2]])),
        (4, format!("{text}nonsense\n")),
    ] {
        fs::write(&kept.path, &content).unwrap();
        match Ledger::open(&kept.path) {
            Err(LedgerError::Tampered { line: found, .. }) => assert_eq!(found, line, "{content}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read_to_string(&kept.path).unwrap(), content, "it is left as it is");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // SPEC X5
    #[test]
    fn whatever_is_asked_no_window_ever_holds_more_than_the_policy_lets_pass(
        asked in proptest::collection::vec((0_u64..40_000, 0_u64..12, 1_u128..=NAV, 0_u128..NAV / 300), 1..60)
    ) {
        let policy = AttestorPolicy { max_skew: None, ..policy() };
        let kept = Kept::new();
        let mut ledger = kept.open();
        let mut time = NOW;
        let mut passed = Vec::new();
        for (index, (gap, nonce, turnover, gas)) in asked.into_iter().enumerate() {
            time += gap;
            let wanted = Request { turnover: Assets(turnover), gas_cost: Assets(gas), ..request(nonce, time) };
            if policy.judge(&wanted, ledger.books(), NOW).is_empty() {
                ledger.append(attested(&wanted)).unwrap();
                passed.push(wanted);
            }
            if index % 17 == 0 {
                drop(ledger);
                ledger = kept.open();
            }
        }
        // Counted a second way: of the moves with one nonce, whichever lands.
        for last in &passed {
            let within = |length: u64| {
                let mut most = std::collections::BTreeMap::<u64, (u128, u128)>::new();
                for one in passed.iter().filter(|one| one.block_time <= last.block_time && one.block_time + length > last.block_time) {
                    let entry = most.entry(one.nonce).or_default();
                    *entry = (entry.0.max(one.turnover.0), entry.1.max(one.gas_cost.0));
                }
                most
            };
            let day = within(DAY);
            prop_assert!(day.len() <= 4, "{} moves", day.len());
            prop_assert!(day.values().map(|(turnover, _)| turnover).sum::<u128>() <= 2 * NAV);
            prop_assert!(within(SECONDS_PER_YEAR).values().map(|(_, gas)| gas).sum::<u128>() <= NAV / 200);
        }
    }
}
