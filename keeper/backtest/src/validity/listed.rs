//! The protocols that DefiLlama listed on 2023-10-16, and what was known of each at a time: everybody is judged by the same columns, so that nobody
//! scores better for being looked at more closely.
//!
//! | input | from |
//! | --- | --- |
//! | audits | the listing's links: one for each first-tier firm that a link names, and whether there is any other; without a link, what its code says |
//! | live since | the day of the listing. Ids are given in order, so one without a day was there no later than the latest day of an id up to the next that has one |
//! | bounty | Immunefi's programs, of the same name or the same makers, as of the last monthly snapshot |
//! | exploits, track record | the incidents that were known |
//! | oracle | the listing's oracles: one source, as the facts table has it; an exchange without any needs none |
//! | utilisation, liquidation buffer, collateral of an exchange | do not apply |
//!
//! Nobody's size of source, timelock, TVL, prices, depth and delay are in it: they count as the riskiest for everybody.

use super::{
    ValidityError,
    incidents::{Incident, plain},
};
use ballast_history::{read_table, time};
use ballast_risk::{
    Freshness, Input, Score, ScoreInputs, score,
    score::{Audits, ContractInputs, EconomicInputs, Exploit, OracleUse, TrackRecord},
};
use std::{collections::BTreeMap, path::Path};

const LISTING: &str = "protocol_facts_2023_10";
const BOUNTIES: &str = "immunefi_bounties";
/// The end of 2023-10-16, the listing's day.
pub(super) const LISTED: u64 = 1_697_500_800;
/// How a link to a report names a first-tier firm of the facts table.
const FIRST_TIER: [&str; 11] = [
    "abdk",
    "cantina",
    "certora",
    "chainsecurity",
    "consensys",
    "diligence",
    "openzeppelin",
    "runtimeverification",
    "sigmaprime",
    "spearbit",
    "trailofbits",
];
/// Words that a name is also known without.
const BESIDE: [&str; 5] = ["finance", "protocol", "network", "dao", "defi"];

/// A protocol of the listing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) category: String,
    parent: String,
    audits: Option<Audits>,
    /// The latest day on which it can have been listed.
    since: Option<u64>,
    oracle: Option<OracleUse>,
    /// By the day from which on it is known: the reward, and the last day of a snapshot with it.
    bounty: BTreeMap<u64, (Option<u64>, u64)>,
    /// Events by the time they were known.
    pub(super) events: Vec<Incident>,
}

/// What trades against deposits and lends nothing.
fn is_exchange(category: &str) -> bool {
    category == "Dexes"
}

pub(super) fn read(directory: &Path) -> Result<Vec<Listed>, ValidityError> {
    let columns =
        ["defillama_id", "name", "category", "audits_code", "audit_links", "oracles", "parent_protocol", "listed_at"];
    let mut found: Vec<Listed> = Vec::new();
    let mut days: BTreeMap<u32, u64> = BTreeMap::new();
    let refused = read_table(directory, LISTING, &columns, |row| {
        let text = row.text("defillama_id");
        let id: u32 = text.parse().map_err(|_| row.refuse(format!("defillama_id is {text:?}, expected a number")))?;
        let listed_at = row.text("listed_at");
        if !listed_at.is_empty() {
            let at = time::instant(listed_at).ok_or_else(|| row.refuse(format!("{listed_at:?} is no instant")))?;
            days.insert(id, at);
        }
        let category = row.text("category");
        let oracle = match (row.text("oracles").is_empty(), is_exchange(category)) {
            (true, true) => Some(OracleUse::None),
            (true, false) => None,
            (false, _) => Some(OracleUse::Sources(1)),
        };
        found.push(Listed {
            id,
            name: row.text("name").to_owned(),
            category: category.to_owned(),
            parent: plain(row.text("parent_protocol").trim_start_matches("parent#")),
            audits: audits(row.text("audits_code"), row.text("audit_links")),
            since: None,
            oracle,
            bounty: BTreeMap::new(),
            events: Vec::new(),
        });
        Ok(())
    })?;
    super::whole(LISTING, refused)?;
    for one in &mut found {
        one.since = listed_by(&days, one.id);
    }
    bounties(directory, &mut found)?;
    Ok(found)
}

fn audits(code: &str, links: &str) -> Option<Audits> {
    let links: Vec<String> = links.split('|').filter(|link| !link.is_empty()).map(str::to_ascii_lowercase).collect();
    let names = |firm: &str| links.iter().any(|link| link.contains(firm));
    // Two spellings of one firm.
    let diligence = u32::from(names("consensys") || names("diligence"));
    let others = FIRST_TIER.iter().filter(|firm| !matches!(**firm, "consensys" | "diligence"));
    let tier_one = diligence + others.map(|firm| u32::from(names(firm))).sum::<u32>();
    let unnamed = links.iter().any(|link| !FIRST_TIER.iter().any(|firm| link.contains(firm)));
    match code {
        _ if !links.is_empty() => Some(Audits { tier_one, other: u32::from(unnamed) }),
        "1" | "2" => Some(Audits { tier_one: 0, other: 1 }),
        // The listing's 0 is also what nobody filled in, and 3 is of another's contracts.
        _ => None,
    }
}

/// Ids are given in the order of listing, a few of them weeks apart from it: the latest day of any up to the first later one that has a day.
fn listed_by(days: &BTreeMap<u32, u64>, id: u32) -> Option<u64> {
    match days.get(&id) {
        Some(day) => Some(*day),
        None => {
            let (next, _) = days.range(id..).next()?;
            days.range(..=*next).map(|(_, day)| *day).max()
        }
    }
}

fn without_side_words(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<String> = words.map(str::to_ascii_lowercase).filter(|word| !word.is_empty()).collect();
    let kept = words.iter().rposition(|word| !BESIDE.contains(&word.as_str())).map_or(words.len(), |last| last + 1);
    words.get(..kept).unwrap_or_default().concat()
}

/// Programs are of the protocols with their name, else of those whose makers have it, else of the one that has it without side words.
fn bounties(directory: &Path, listed: &mut [Listed]) -> Result<(), ValidityError> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut by_makers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut by_stem: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in listed.iter().enumerate() {
        by_name.entry(plain(&one.name)).or_default().push(index);
        by_stem.entry(without_side_words(&one.name)).or_default().push(index);
        if !one.parent.is_empty() {
            by_makers.entry(one.parent.clone()).or_default().push(index);
        }
    }
    let columns = ["date_utc", "project", "max_bounty_usd", "last_seen"];
    let refused = read_table(directory, BOUNTIES, &columns, |row| {
        let day = |column| {
            let text = row.text(column);
            time::day(text).ok_or_else(|| row.refuse(format!("{column} is {text:?}, expected a day")))
        };
        let (from, last) = (day("date_utc")? + time::DAY, day("last_seen")?);
        let usd = row.number("max_bounty_usd")?.filter(|usd| *usd >= 0.0).map(|usd| usd as u64);
        let (name, stem) = (plain(row.text("project")), without_side_words(row.text("project")));
        let only = |of: Option<&Vec<usize>>| of.filter(|indices| indices.len() == 1).cloned();
        let whose = only(by_name.get(&name))
            .or_else(|| by_makers.get(&name).cloned())
            .or_else(|| only(by_stem.get(&stem)))
            .or_else(|| by_makers.get(&stem).cloned())
            .unwrap_or_default();
        for index in whose {
            if let Some(one) = listed.get_mut(index) {
                one.bounty.insert(from, (usd, last));
            }
        }
        Ok(())
    })?;
    super::whole(BOUNTIES, refused)
}

impl Listed {
    /// Its score at `now`, from what was known by then.
    pub(super) fn score(&self, now: u64) -> Score {
        score(self.name.clone(), &self.inputs(now), now, Freshness::default())
    }

    fn inputs(&self, now: u64) -> ScoreInputs {
        let listing = |known: bool| known && LISTED <= now;
        let exploits: Vec<Exploit> = self
            .events
            .iter()
            .filter(|event| event.time <= now)
            // The lists do not say when something came back, so that none had come back is all that was known.
            .map(|event| Exploit { time: event.time, lost_usd: event.lost_usd, recovered_usd: None })
            .collect();
        let record =
            Input::given(TrackRecord { exploits, disputes: None }, "defi_exploits, defihacklabs_incidents", now);
        let bounty = self.bounty.range(..=now).next_back().and_then(|(_, (usd, last))| usd.map(|usd| (usd, *last)));
        let not_lent = || {
            if is_exchange(&self.category) { Input::NotApplicable("an exchange lends nothing") } else { Input::Missing }
        };
        ScoreInputs {
            contract: ContractInputs {
                audits: given(self.audits.filter(|_| listing(true)), LISTING, LISTED),
                live_since: given(self.since.filter(|_| listing(true)), LISTING, LISTED),
                bounty_usd: bounty.map_or(Input::Missing, |(usd, last)| Input::given(usd, BOUNTIES, last.min(now))),
                exploits: record.clone(),
                source_lines: Input::Missing,
                upgradeability: Input::Missing,
            },
            economic: EconomicInputs {
                tvl_variation: Input::Missing,
                utilisation: not_lent(),
                liquidation_buffer: not_lent(),
                collateral_hhi: not_lent(),
                oracle: given(self.oracle.filter(|_| listing(true)), LISTING, LISTED),
            },
            track_record: record,
            ..ScoreInputs::default()
        }
    }
}

fn given<T>(value: Option<T>, source: &str, as_of: u64) -> Input<T> {
    value.map_or(Input::Missing, |value| Input::given(value, source, as_of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn firms_are_counted_and_links_are_not() {
        for (code, links, found) in [
            ("0", "", None),
            ("3", "", None),
            ("2", "", Some((0, 1))),
            ("2", "https://x.org/ConsenSys/diligence/1|https://consensys.net/2", Some((1, 0))),
            (
                "2",
                "https://a/TrailOfBits.pdf|https://blog.openzeppelin.com/a|https://certik.com/b|https://c",
                Some((2, 1)),
            ),
        ] {
            let expected = found.map(|(tier_one, other)| Audits { tier_one, other });
            assert_eq!(audits(code, links), expected, "{code} {links}");
        }
    }

    #[test]
    fn one_without_a_day_was_listed_no_later_than_the_next_that_has_one() {
        let days = BTreeMap::from([(10, 100), (20, 90), (30, 200)]);
        for (id, by) in [(1, Some(100)), (10, Some(100)), (15, Some(100)), (20, Some(90)), (21, Some(200)), (31, None)]
        {
            assert_eq!(listed_by(&days, id), by, "{id}");
        }
    }

    #[test]
    fn side_words_are_at_the_end_and_never_the_whole_name() {
        for (name, stem) in [
            ("Idle Finance", "idle"),
            ("Finance DAO", "financedao"),
            ("Angle Protocol DAO", "angle"),
            ("DAO Maker", "daomaker"),
        ] {
            assert_eq!(without_side_words(name), stem);
        }
    }

    proptest! {
        // SPEC R12: nothing later than the score goes into it.
        #[test]
        fn what_happens_later_changes_no_score(
            past in proptest::collection::vec((0u64..1_000, 0.0..50e6f64), 0..4),
            future in proptest::collection::vec((1u64..1_000, 0.0..50e6f64), 0..4),
            rewards in proptest::collection::btree_map(0u64..1_000, 0u64..5_000_000, 0..4),
            later_rewards in proptest::collection::btree_map(1u64..1_000, 0u64..5_000_000, 0..4),
        ) {
            let now = LISTED + 1_000;
            let event = |time, lost: f64| Incident { time, name: "x".into(), lost_usd: Some(lost) };
            let mut one = Listed {
                id: 1, name: "x".into(), category: "Lending".into(), parent: String::new(),
                audits: None, since: Some(5), oracle: None,
                bounty: rewards.iter().map(|(at, usd)| (LISTED + at, (Some(*usd), LISTED + at))).collect(),
                events: past.iter().map(|(at, lost)| event(LISTED + at, *lost)).collect(),
            };
            let before = one.score(now);
            one.events.extend(future.iter().map(|(at, lost)| event(now + at, *lost)));
            one.bounty.extend(later_rewards.iter().map(|(at, usd)| (now + at, (Some(*usd), now + at))));
            prop_assert_eq!(one.score(now), before);
        }
    }
}
