#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

const NAMES: [&str; 3] = ["aave", "morpho", "spark"];

fn valued(time: u64, idle: i128, venues: [i128; 3], unread: i128) -> Valued {
    let venues = NAMES.map(str::to_owned).into_iter().zip(venues).collect();
    Valued { time, block: time, hash: B256::with_last_byte(1), idle, venues, unread }
}

/// What sums to zero in each unit, as the history will ask.
fn balances(entry: &JournalEntry) -> bool {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for posting in &entry.postings {
        *sums.entry(account(&posting.account).unit).or_default() += posting.amount;
    }
    entry.postings.iter().all(|posting| posting.amount != 0) && sums.values().all(|sum| *sum == 0)
}

fn nav(now: &Valued) -> i128 {
    now.idle + now.unread + now.venues.values().sum::<i128>()
}

#[test]
fn the_first_snapshot_opens_the_books_and_the_next_says_who_earned_what() {
    let mut books = Books::default();
    let first = valued(10, 100, [50, 0, 0], 0);
    books.take(books.revaluation(&first, Flows::default()).unwrap());
    assert_eq!((books.assets(), books.profit()), (150, (0, 0)), "what was there before is not earned");
    assert_eq!(books.revaluation(&valued(11, 100, [50, 0, 0], 0), Flows::default()), None, "nothing has changed");

    let flows = Flows { deposited: 30, withdrawn: 10 };
    books.take(books.revaluation(&valued(20, 120, [57, 0, 0], 0), flows).unwrap());
    assert_eq!((books.assets(), books.profit()), (177, (0, 7)));
    assert_eq!(books.balance("income:accrued:aave"), -7);
    assert_eq!((books.balance(DEPOSITED), books.balance(WITHDRAWN)), (-30, 10));
    assert_eq!(books.newest.as_ref().map(flows_of), Some(flows));
}

#[test]
fn what_comes_into_an_empty_vault_was_deposited() {
    let mut books = Books::default();
    let nothing = books.revaluation(&valued(10, 0, [0; 3], 0), Flows::default()).unwrap();
    assert!(balances(&nothing));
    books.take(nothing);
    books.take(books.revaluation(&valued(20, 5, [0; 3], 0), Flows { deposited: 5, withdrawn: 0 }).unwrap());
    assert_eq!((books.assets(), books.profit(), books.balance(DEPOSITED)), (5, (0, 0), -5));
}

#[test]
fn a_move_shifts_and_costs_and_realises_the_part_that_left() {
    let mut books = Books::default();
    books.take(books.revaluation(&valued(10, 0, [100, 0, 0], 0), Flows::default()).unwrap());
    books.take(books.revaluation(&valued(20, 0, [110, 0, 0], 0), Flows::default()).unwrap());
    let leg = |name: &str, before, after| MovedLeg { venue: name.to_owned(), before, after };
    // Half of it goes elsewhere, and one unit is lost to rounding.
    let legs = vec![leg("aave", 110, 55), leg("morpho", 0, 54)];
    let moved = Moved { tx: B256::ZERO, time: 21, legs, nav_before: 110, nav_after: 109 };
    books.take(books.shifted(&moved).unwrap());
    assert_eq!(books.assets(), 109);
    assert_eq!(books.balance("income:realised:aave"), -5);
    assert_eq!(books.balance("income:accrued:aave"), -5);
    assert_eq!(books.balance("expense:realised:vault"), 1);
    assert_eq!(books.profit(), (4, 5));
    assert_eq!(books.balance(IDLE), 0);
}

#[test]
fn a_loss_is_an_expense_and_what_left_a_venue_for_a_leaver_is_none() {
    let mut books = Books::default();
    books.take(books.revaluation(&valued(10, 10, [100, 100, 0], 0), Flows::default()).unwrap());
    let flows = Flows { deposited: 0, withdrawn: 50 };
    // Ten were idle, forty came out of one venue, and another lost three.
    books.take(books.revaluation(&valued(20, 0, [60, 97, 0], 0), flows).unwrap());
    assert_eq!(books.assets(), 157);
    assert_eq!((books.balance("expense:accrued:morpho"), books.balance("expense:accrued:aave")), (3, 0));
    assert_eq!(books.profit(), (0, -3));
}

#[test]
fn gas_is_in_its_own_units() {
    let usd = wei_in_usd(500_000 * 25_000_000_000, Wad(3_200 * 10_u128.pow(18))).unwrap();
    assert_eq!(usd, 40_000_000, "ERR-34");
    let paid = GasPaid { tx: B256::ZERO, time: 1, purpose: "heartbeat".into(), wei: 5, usd: Some(40_000_000) };
    let mut books = Books::default();
    let entry = books.gas(&paid).unwrap();
    assert!(balances(&entry));
    books.take(entry);
    assert_eq!((books.gas_usd(), books.assets(), books.profit()), (40_000_000, 0, (0, 0)));
    assert_eq!(account("assets:venue:eth").unit, "USDC", "a venue may be called anything");
}

#[test]
fn a_reference_names_its_block() {
    let now = valued(7, 1, [0; 3], 0);
    assert_eq!(block_of(&now.reference()), Some((7, B256::with_last_byte(1))));
    assert_eq!(block_of("move:0x00"), None);
}

fn amounts() -> impl Strategy<Value = (i128, [i128; 3], i128, i128, i128)> {
    let amount = || 0_i128..10_i128.pow(24);
    (amount(), [amount(), amount(), amount()], -9_i128..9, amount(), amount())
}

proptest! {
    // SPEC P4
    #[test]
    fn whatever_happens_every_entry_balances_and_the_assets_are_the_nav(
        steps in prop::collection::vec((amounts(), any::<bool>()), 1..12)
    ) {
        let mut books = Books::default();
        let mut put_in = 0;
        for (number, ((idle, venues, unread, deposited, withdrawn), moves)) in (0..).zip(steps) {
            let was = books.newest.is_some();
            let now = valued(number * 10 + 10, idle, venues, unread);
            let flows = Flows { deposited, withdrawn };
            if let Some(entry) = books.revaluation(&now, flows) {
                prop_assert!(balances(&entry), "{:?}", entry);
                books.take(entry);
                put_in += if was { deposited - withdrawn } else { nav(&now) };
            }
            prop_assert_eq!(books.assets(), nav(&now));
            let (realised, accrued) = books.profit();
            prop_assert_eq!(realised + accrued, nav(&now) - put_in, "all that was not put in was earned");
            if moves {
                let leg = MovedLeg { venue: "aave".to_owned(), before: venues[0], after: venues[0] / 3 };
                let nav_before = nav(&now);
                let moved = Moved { tx: B256::ZERO, time: now.time + 1, legs: vec![leg], nav_before, nav_after: nav_before - 2 };
                let entry = books.shifted(&moved).unwrap();
                prop_assert!(balances(&entry), "{:?}", entry);
                books.take(entry);
                prop_assert_eq!(books.assets(), nav_before - 2);
            }
        }
    }
}
