//! The files under deploy/, as the repository has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::primitives::{Address, address};
use ballast_governance::{AddressBook, Parameters, Problem, Written, problems};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const PUBLIC: [(&str, u64); 4] = [("mainnet", 1), ("sepolia", 11_155_111), ("base", 8_453), ("arbitrum", 42_161)];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").canonicalize().unwrap()
}

fn parameters(chain: &str) -> Parameters {
    Parameters::load(&deploy().join(format!("parameters/{chain}.json"))).unwrap()
}

fn book(chain: &str) -> AddressBook {
    AddressBook::load(&deploy().join(format!("addresses/{chain}.json"))).unwrap()
}

/// Somebody with a key of their own.
fn somebody(number: u8) -> Written {
    Written(Some(Address::repeat_byte(number)))
}

/// As an operator fills it in.
fn filled(chain: &str) -> Parameters {
    let mut parameters = parameters(chain);
    parameters.keeper = somebody(1);
    parameters.attestor = somebody(2);
    parameters.guardians = (3..6).map(somebody).collect();
    parameters.governance.owners = (10..15).map(somebody).collect();
    parameters.emergency.owners = (20..23).map(somebody).collect();
    parameters
}

fn names(folder: &str) -> BTreeSet<String> {
    fs::read_dir(deploy().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".json", ""))
        .collect()
}

// SPEC Y3
#[test]
fn there_is_a_file_for_every_chain_and_for_no_other() {
    let public: BTreeSet<String> = PUBLIC.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("addresses"), public);
    let mut with_devnet = public;
    with_devnet.insert("devnet".into());
    assert_eq!(names("parameters"), with_devnet);
    for (chain, id) in PUBLIC {
        assert_eq!((book(chain).chain.as_str(), book(chain).chain_id, parameters(chain).chain_id), (chain, id, id));
    }
    assert_eq!(parameters("devnet").chain_id, ballast_governance::DEV_CHAIN_ID);
}

// SPEC Y3: loading has checked every checksum (EIP-55) and that none is the zero address.
#[test]
fn every_address_of_a_book_is_there_once_and_says_where_it_is_from() {
    for (chain, _) in PUBLIC {
        let book = book(chain);
        let mut seen = BTreeSet::new();
        for (part, name, entry) in book.entries() {
            let address = entry.address.0.unwrap_or_else(|| panic!("{chain} {part}.{name} is empty"));
            assert!(seen.insert(address), "{chain} {part}.{name} is there twice");
            assert!(entry.source.len() > 10, "{chain} {part}.{name} has no source");
            assert_eq!(entry.decimals.is_some(), ["tokens", "feeds"].contains(&part), "{chain} {part}.{name}");
        }
        assert!(seen.len() >= 10, "{chain} has {}", seen.len());
        for (name, decimals) in [("usdc", 6), ("usdt", 6), ("dai", 18)] {
            if let Some(token) = book.tokens.get(name) {
                assert_eq!(token.decimals, Some(decimals), "{chain} {name}");
            }
        }
        for (name, feed) in book.feeds.iter().filter(|(name, _)| name.ends_with("Usd")) {
            assert_eq!(feed.decimals, Some(8), "{chain} {name}");
            assert!((60..=86_400).contains(&feed.heartbeat.unwrap()), "{chain} {name}");
        }
    }
}

// SPEC C9: the constants that the specification itself names, and those that this project could not survive getting wrong.
#[test]
fn the_known_constants_are_the_known_ones() {
    let mainnet = book("mainnet");
    for (name, known) in [
        ("aaveV3Pool", address!("87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2")),
        ("uniswapV3SwapRouter", address!("E592427A0AEce92De3Edee1F18E0157C05861564")),
        ("curve3Pool", address!("bEbc44782C7dB0a1A60Cb6fe97d0b483032FF1C7")),
        ("compoundV3Usdc", address!("c3d688B66703497DAA19211EEdff47f25384cdc3")),
        ("morphoBlue", address!("BBBBBbbBBb9cC5e90e3b3Af64bdAF62C37EEFFCb")),
    ] {
        assert!(mainnet.contracts[name].address.is(known), "{name}");
    }
    for (chain, known) in [
        ("mainnet", address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48")),
        ("base", address!("833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")),
        ("arbitrum", address!("af88d065e77c8cC2239327C5EDb3A432268e5831")),
    ] {
        assert!(book(chain).tokens["usdc"].address.is(known), "{chain}");
    }
    let multicall3 = alloy::providers::MULTICALL3_ADDRESS;
    for (chain, _) in PUBLIC {
        assert!(book(chain).contracts["multicall3"].address.is(multicall3), "{chain}");
    }
}

// SPEC G1, Y3: nobody's keys are invented; all that is left to do is to fill them in.
#[test]
fn a_public_chains_file_lacks_exactly_what_only_the_operator_knows() {
    let expected: Vec<Problem> = ["keeper", "attestor", "governance.owners", "emergency.owners", "guardians"]
        .map(|key| Problem::Missing { key: key.into() })
        .into();
    for (chain, _) in PUBLIC {
        assert_eq!(problems(&parameters(chain), Some(&book(chain))), expected, "{chain}");
        assert_eq!(problems(&filled(chain), Some(&book(chain))), [], "{chain}");
    }
}

// The rest is filled in when the local chain is started.
#[test]
fn the_devnets_file_has_everything_but_what_the_chain_gives() {
    let expected: Vec<Problem> =
        ["feeds", "venues", "keeper", "attestor"].map(|key| Problem::Missing { key: key.into() }).into();
    assert_eq!(problems(&parameters("devnet"), None), expected);
}

// SPEC G1, C2, C5
#[test]
fn each_figure_out_of_bounds_is_named() {
    let complain = |edit: &dyn Fn(&mut Parameters), key: &str, words: &str| {
        let mut parameters = filled("mainnet");
        edit(&mut parameters);
        let found = problems(&parameters, Some(&book("mainnet")));
        assert!(
            found
                .iter()
                .any(|problem| matches!(problem, Problem::Wrong { key: k, why } if k == key && why.contains(words))),
            "{key} … {words}: {found:?}"
        );
    };
    complain(&|p| p.chain_id = 5, "chainId", "no chain");
    complain(&|p| p.chain_id = 8_453, "chainId", "the address book is of 1");
    complain(&|p| p.vault.deposit_cap = 0, "vault.depositCap", "is 0");
    complain(&|p| p.vault.deposit_cap = 10_000_000_000_001, "vault.depositCap", "1 to 10000000000000");
    complain(&|p| p.vault.max_loss_bps = 101, "vault.maxLossBps", "1 to 100");
    complain(&|p| p.vault.daily_loss_bps = 201, "vault.dailyLossBps", "50 to 200");
    complain(&|p| p.vault.daily_loss_bps = p.vault.max_loss_bps - 1, "vault.dailyLossBps", "is 49");
    complain(&|p| p.vault.max_growth_bps = 10_001, "vault.maxGrowthBps", "1 to 10000");
    complain(&|p| p.limits.flow_bps = 10_001, "limits.flowBps", "1 to 10000");
    complain(&|p| p.limits.approval_bps = 10_001, "limits.approvalBps", "0 to 10000");
    complain(&|p| p.grace_period = 86_399, "gracePeriod", "86400 to 2592000");
    complain(&|p| p.grace_period = p.timelock_delay, "gracePeriod", "anyone could call the exit before it is done");
    complain(&|p| p.watchers = vec![p.keeper], "watchers[0]", "is also keeper");
    complain(&|p| p.limits.reserve_bps = 499, "limits.reserveBps", "500 to 10000");
    complain(&|p| p.limits.max_position_bps = 5_001, "limits.maxPositionBps", "500 to 5000");
    complain(&|p| p.limits.min_position_bps = 499, "limits.minPositionBps", "is 499");
    complain(&|p| p.limits.min_step_bps = 499, "limits.minStepBps", "is 499");
    complain(&|p| p.limits.max_venue_share_bps = 101, "limits.maxVenueShareBps", "1 to 100");
    complain(&|p| p.limits.max_utilisation_bps = 9_501, "limits.maxUtilisationBps", "1 to 9500");
    complain(&|p| p.limits.cooldown = 3_599, "limits.cooldown", "3600 to 86400");
    complain(&|p| p.timelock_delay = 172_799, "timelockDelay", "172800");
    complain(&|p| p.venues[0].exit_time = 259_201, "timelockDelay", "could not leave before a change");
    complain(&|p| p.venues[0].cap += 1, "venues[0].cap", "is 100000000001");
    complain(&|p| p.venues[0].risk_score = 101, "venues[0].riskScore", "0 to 100");
    complain(&|p| p.venues[0].kind = "casino".into(), "venues[0].kind", "aave-v3");
    complain(&|p| p.venues.push(p.venues[0].clone()), "venues[1].name", "a name of its own");
    complain(&|p| p.venues[0].venue = somebody(99), "venues[0].venue", "aaveV3Pool");
    complain(&|p| p.asset = somebody(99), "asset", "usdc");
    complain(&|p| p.feeds[0].aggregator = somebody(99), "feeds[0].aggregator", "not in the address book");
    complain(&|p| p.feeds[0].heartbeat = 3_600, "feeds[0].heartbeat", "the book has 86400");
    complain(&|p| p.safe.singleton = somebody(99), "safe.singleton", "singleton");
    complain(&|p| p.governance.threshold = 2, "governance.threshold", "expected 3");
    complain(&|p| p.emergency.threshold = 3, "emergency.threshold", "expected 2");
    complain(&|p| p.governance.owners.truncate(4), "governance.owners", "are 4, expected 5");
    complain(&|p| p.guardians.truncate(2), "guardians", "are 2, expected 3");
    complain(&|p| p.attestor = p.keeper, "attestor", "is also keeper");
    complain(&|p| p.guardians[2] = p.emergency.owners[0], "guardians[2]", "no key may have two jobs");
    complain(&|p| p.governance.owners[1] = p.governance.owners[0], "governance.owners[1]", "two jobs");
}

#[test]
fn only_the_development_chain_needs_no_address_book() {
    let found = problems(&filled("mainnet"), None);
    assert!(found.iter().any(|problem| problem.to_string().contains("its address book is needed")), "{found:?}");
}

#[test]
fn an_unknown_key_and_a_mistyped_address_are_refused() {
    let directory = std::env::temp_dir().join(format!("ballast-parameters-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let text = fs::read_to_string(deploy().join("parameters/mainnet.json")).unwrap();
    for (from, to, words) in [
        ("\"symbol\"", "\"colour\"", "unknown field `colour`"),
        ("0x87870Bca", "0x87870bca", "wrong checksum"),
        ("0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2", "0x87870Bca", "is not an address"),
    ] {
        let path = directory.join("parameters.json");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = Parameters::load(&path).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains(words), "{error}");
    }
    fs::remove_dir_all(&directory).unwrap();
}
