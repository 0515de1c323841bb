//! The table of facts as it is in the repository, as of any day, and what of a table is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_risk::{
    Freshness, Input, PartId, ScoreInputs,
    facts::{Day, Facts, FactsError},
    score,
    score::{Audits, Standing},
};

fn facts() -> Facts {
    Facts::built_in().unwrap()
}

fn at(day: &str) -> u64 {
    day.parse::<Day>().unwrap().start()
}

/// A score of the facts alone.
fn score_of(facts: &Facts, protocol: &str, now: u64) -> score::Score {
    let inputs = ScoreInputs {
        contract: facts.contract(protocol, now),
        track_record: facts.track_record(protocol, now),
        ..ScoreInputs::default()
    };
    score(protocol, &inputs, now, Freshness::default())
}

#[test]
fn every_protocol_of_the_brief_is_in_the_table() {
    let facts = facts();
    let ids: Vec<&str> = facts.protocols().map(|protocol| protocol.id.as_str()).collect();
    for id in [
        "aave-v2",
        "aave-v3",
        "compound-v2",
        "compound-v3",
        "curve",
        "fluid",
        "morpho-blue",
        "pendle",
        "sky",
        "uniswap-v3",
        "yearn-v3",
    ] {
        assert!(ids.contains(&id), "{id}");
    }
}

// SPEC R6: no look-ahead.
#[test]
fn a_score_as_of_a_day_knows_only_what_was_known_by_then() {
    let facts = facts();
    let exploits = |protocol: &str, day: &str| match facts.track_record(protocol, at(day)) {
        Input::Given(record) => record.value.exploits.len(),
        _ => panic!("{protocol}"),
    };
    assert_eq!(exploits("compound-v2", "2021-09-29"), 0, "the day itself is not over");
    assert_eq!(exploits("compound-v2", "2021-09-30"), 1);
    assert_eq!(exploits("compound-v2", "2025-01-01"), 2);
    let audits = |day: &str| facts.contract("aave-v2", at(day)).audits;
    assert_eq!(audits("2020-12-02"), Input::Missing);
    let Input::Given(found) = audits("2020-12-31") else { panic!("audited by then") };
    assert_eq!(found.value, Audits { tier_one: 1, other: 3 });
    assert_eq!(facts.contract("compound-v3", at("2022-01-01")).live_since, Input::Missing);
}

#[test]
fn rows_added_for_later_days_change_no_earlier_score() {
    let protocols = include_str!("../facts/protocols.toml");
    let exploits = include_str!("../facts/exploits.toml");
    let dependencies = include_str!("../facts/dependencies.toml");
    let later_facts = format!(
        "{protocols}\n[[fact]]\nprotocol = \"aave-v3\"\naudits = {{ tier_one = 0, other = 0 }}\nas_of = \"2026-01-01\"\nsource = \"test\"\n"
    );
    let later_exploits = format!(
        "{exploits}\n[[exploit]]\nprotocol = \"aave-v3\"\ndate = \"2025-06-01\"\nown_contracts = true\nwhat = \"test\"\nsource = \"test\"\n"
    );
    let (before, after) = (facts(), Facts::parse(&later_facts, &later_exploits, dependencies).unwrap());
    for (day, same) in [("2025-06-01", true), ("2025-06-02", false), ("2026-01-03", false)] {
        let equal = score_of(&before, "aave-v3", at(day)) == score_of(&after, "aave-v3", at(day));
        assert_eq!(equal, same, "{day}");
    }
}

// SPEC R6: no look-ahead within the day either.
#[test]
fn a_fact_of_a_day_is_unknown_until_the_day_is_over_and_one_with_a_time_until_then() {
    let head = "version = \"1\"\nfirst_tier = []\n[[protocol]]\nid = \"a\"\nname = \"A\"\nkind = \"lending\"\n";
    let visible = |as_of: &str, now: u64| {
        let fact = format!("{head}[[fact]]\nprotocol = \"a\"\nas_of = \"{as_of}\"\nsource = \"s\"\nbounty_usd = 1\n");
        let edge = format!("[[edge]]\nnode = \"a\"\non = [\"b\"]\nas_of = \"{as_of}\"\nsource = \"s\"\n");
        let facts = Facts::parse(&fact, "complete_until = \"2026-01-01\"\n", &edge).unwrap();
        let edges = facts.dependencies().as_of(now).edges().len();
        let known = matches!(facts.contract("a", now).bounty_usd, Input::Given(_));
        assert_eq!(known, edges == 1);
        known
    };
    let day = at("2024-05-01");
    for (as_of, from) in [("2024-05-01", day + 86_400), ("2024-05-01T09:30:00Z", day + 34_200)] {
        assert!(!visible(as_of, day) && !visible(as_of, from - 1) && visible(as_of, from), "{as_of}");
    }
}

// SPEC R6
#[test]
fn disputes_are_a_fact_of_the_table_and_unknown_without_a_row() {
    let disputes = |facts: &Facts, id: &str| match facts.track_record(id, at("2026-01-01")) {
        Input::Given(record) => record.value.disputes,
        _ => panic!("{id}"),
    };
    assert_eq!(disputes(&facts(), "aave-v3"), None);
    let text = "version = \"1\"\nfirst_tier = []\n[[protocol]]\nid = \"a\"\nname = \"A\"\nkind = \"lending\"\n\
                [[fact]]\nprotocol = \"a\"\nas_of = \"2024-01-01\"\nsource = \"s\"\ndisputes = 3\n";
    let stated = Facts::parse(text, "complete_until = \"2026-01-01\"\n", "").unwrap();
    assert_eq!(disputes(&stated, "a"), Some(3));
}

#[test]
fn a_fact_is_as_old_as_the_last_day_on_which_its_source_said_so() {
    let facts = facts();
    let bounty = |day: &str| {
        let score = score_of(&facts, "aave-v3", at(day));
        score.parts[0].factors.iter().find(|factor| factor.name == "bounty").unwrap().clone()
    };
    assert_eq!(bounty("2023-10-31").standing, Standing::Missing);
    assert_eq!((bounty("2024-06-01").standing, bounty("2024-06-01").age), (Standing::Measured, Some(0)));
    assert_eq!(bounty("2026-02-02").age, Some(31 * 86_400));
    assert_eq!(bounty("2027-06-01").standing, Standing::Stale);
}

#[test]
fn what_is_not_listed_is_unknown_in_everything() {
    let score = score_of(&facts(), "nobody-knows", at("2025-01-01"));
    assert_eq!((score.part(PartId::Contract), score.part(PartId::TrackRecord)), (100.0, 100.0));
}

// SPEC R16
#[test]
fn a_usdc_depeg_hits_every_venue_that_stands_on_it_directly_or_not() {
    let facts = facts();
    let graph = facts.dependencies().as_of(at("2026-01-01"));
    let reached = graph.shock("asset/usdc");
    for node in [
        "aave-v2",
        "aave-v3",
        "compound-v2",
        "compound-v3",
        "morpho-blue",
        "metamorpho",
        "sky",
        "spark",
        "curve",
        "asset/dai",
        "asset/usds",
        "asset/frax",
    ] {
        assert!(reached.contains_key(node), "{node}");
    }
    assert_eq!(reached["metamorpho"].path, ["metamorpho", "morpho-blue", "asset/usdc"]);
    let held = vec![("aave-v3".to_owned(), 0.4), ("metamorpho".to_owned(), 0.3), ("sky".to_owned(), 0.2)];
    let cuts = graph.suggested_cuts(&held, "asset/usdc", 0.45).unwrap();
    assert_eq!(cuts.len(), 3);
    assert!(cuts.iter().all(|cut| cut.to < cut.from));
    // Chronicle does not touch Aave.
    assert!(!graph.shock("oracle/chronicle").contains_key("compound-v3"));
}

#[test]
fn bad_rows_are_refused_with_what_was_expected() {
    let head = "version = \"1\"\nfirst_tier = []\n[[protocol]]\nid = \"a\"\nname = \"A\"\nkind = \"lending\"\n";
    let exploits = "complete_until = \"2026-01-01\"\n";
    let fact = |body: &str| {
        let text = format!("{head}[[fact]]\nprotocol = \"a\"\nas_of = \"2024-01-01\"\nsource = \"s\"\n{body}\n");
        Facts::parse(&text, exploits, "").map(|_| ()).unwrap_err()
    };
    assert!(matches!(fact(""), FactsError::NotOneFact { stated: 0, .. }));
    assert!(matches!(fact("bounty_usd = 1\nsource_lines = 1"), FactsError::NotOneFact { stated: 2, .. }));
    assert!(matches!(fact("bounty = 1"), FactsError::Syntax { .. }));
    assert!(matches!(fact("immutable = false"), FactsError::BadRow { .. }));
    assert!(matches!(fact("bounty_usd = 1\nconfirmed = \"2023-12-31\""), FactsError::BadRow { .. }));
    let unknown = format!("{head}[[fact]]\nprotocol = \"b\"\nas_of = \"2024-01-01\"\nsource = \"s\"\nbounty_usd = 1\n");
    assert!(matches!(Facts::parse(&unknown, exploits, ""), Err(FactsError::UnknownProtocol { .. })));
    let twice = format!("{head}[[protocol]]\nid = \"a\"\nname = \"A\"\nkind = \"lending\"\n");
    assert!(matches!(Facts::parse(&twice, exploits, ""), Err(FactsError::DuplicateProtocol(_))));
    let loss = format!(
        "{exploits}[[exploit]]\nprotocol = \"a\"\ndate = \"2024-01-01\"\nlost_usd = -1.0\nown_contracts = true\nwhat = \"w\"\nsource = \"s\"\n"
    );
    assert!(matches!(Facts::parse(head, &loss, ""), Err(FactsError::BadRow { .. })));
    let edge = "[[edge]]\nnode = \"a\"\non = [\"a\"]\nas_of = \"2024-01-01\"\nsource = \"s\"\n";
    assert!(matches!(Facts::parse(head, exploits, edge), Err(FactsError::BadRow { .. })));
    let day = "complete_until = \"2026-02-30\"\n";
    let error = Facts::parse(head, day, "").unwrap_err().to_string();
    assert!(error.contains("is no day, expected one like 2023-03-11"), "{error}");
}
