//! Swaps in StableSwap pools against a second implementation of the invariant (`tools/python/reference_stableswap.py`).

#![allow(clippy::unwrap_used)]

#[path = "../../../tools/python/reference.rs"]
mod interpreter;

use ballast_backtest::StableSwap;
use serde_json::{Value, json};

const WAD: u128 = 1_000_000_000_000_000_000;

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) % bound
    }
}

// SPEC B2
#[test]
fn a_swap_gives_what_the_invariant_says_when_it_is_solved_another_way() {
    let mut numbers = Numbers(7);
    let cases: Vec<Value> = (0..80)
        .map(|_| {
            let coins = 2 + numbers.below(3);
            let balances: Vec<String> = (0..coins)
                .map(|_| {
                    (u128::from(100_000 + numbers.below(2_000_000_000)) * WAD + u128::from(numbers.below(u64::MAX)))
                        .to_string()
                })
                .collect();
            let from = numbers.below(coins);
            json!({
                "balances": balances,
                "amplification": 1 + numbers.below(5_000),
                "fee": numbers.below(40_000_000),
                "from": from,
                "to": (from + 1 + numbers.below(coins - 1)) % coins,
                "amount": 1 + numbers.below(200_000_000_000_000),
            })
        })
        .collect();
    let answers: Vec<Value> =
        serde_json::from_str(&interpreter::ask("reference_stableswap.py", &json!(cases).to_string())).unwrap();
    assert_eq!(answers.len(), cases.len());
    for (case, theirs) in cases.iter().zip(&answers) {
        let balances = case["balances"].as_array().unwrap().iter().map(|x| x.as_str().unwrap().parse().unwrap());
        let fee = case["fee"].as_u64().unwrap().into();
        let pool = StableSwap::new(balances.collect(), case["amplification"].as_u64().unwrap(), fee).unwrap();
        let coin = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
        let out = pool.quote(coin("from"), coin("to"), case["amount"].as_u64().unwrap().into()).unwrap();
        let number = |key: &str| theirs[key].as_str().unwrap().to_owned();
        let exact = whole(&number("out"));
        assert!(out <= exact && exact - out <= 1, "{out} for {theirs} of {case}");
        let invariant: u128 = pool.invariant().unwrap().to_string().parse().unwrap();
        assert!(invariant.abs_diff(whole(&number("invariant"))) <= 3, "{invariant} for {theirs} of {case}");
        let price = pool.price(coin("from"), coin("to")).unwrap() as f64 / 1e18;
        let other: f64 = number("price").parse().unwrap();
        assert!((price / other - 1.0).abs() < 1e-12, "{price} for {theirs} of {case}");
    }
}

/// A decimal text rounded down.
fn whole(text: &str) -> u128 {
    let (mantissa, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    if exponent != "0" {
        // Only what is next to nothing is written with an exponent.
        assert!(exponent.starts_with('-'), "{text}");
        return 0;
    }
    mantissa.split('.').next().unwrap().parse().unwrap()
}
