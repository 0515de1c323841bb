//! Does the risk score say anything about what happens? (SPEC R12)
//!
//! Everybody is scored as of a day, from what was known by then, by the very [`ballast_risk::score`] that decisions use; then it is counted who was
//! exploited in the twelve months after. Nothing is fitted to anything, so both periods are hold-outs; the later one is told apart
//! all the same, so that whoever changes the score after reading the first can be held to the second.
//!
//! Two populations: the protocols that DefiLlama listed on 2023-10-16 ([`listed`]), thousands of them with little known of each; and the few of the facts
//! table ([`table`]), of which more is known, with too few incidents to say much. Who was exploited is from two lists of incidents ([`incidents`]).

mod alarms;
mod auc;
mod binomial;
mod incidents;
mod listed;
mod poisson;
mod table;

pub use alarms::{FalseAlarms, MOST_FALSE, Rate, false_alarms};
pub use auc::{Judged, area, interval};
pub use binomial::{at_least, exact};
pub use incidents::LeftOut;
pub use poisson::exact_count;

use crate::metrics::Interval;
use ballast_history::{HistoryError, Refusal, read_table, time};
use ballast_risk::{Score, facts::Facts, score::PartId};
use incidents::{About, Names, plain};
use listed::Listed;
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};
use table::Table;

/// What the specification asks of the area (SPEC R12).
pub const WANTED: f64 = 0.85;
/// Seconds after a score within which an incident counts: twelve months.
const HORIZON: u64 = 366 * time::DAY;
/// The beginnings of 2023-10-17 (the day after the listing) and 2024-10-17.
const BEFORE: u64 = 1_697_500_800;
const AFTER: u64 = BEFORE + HORIZON;
/// The same days of the years before, for the facts table: 2020, 2021, 2022.
const EARLIER: [u64; 3] = [1_602_892_800, 1_634_428_800, 1_665_964_800];
/// What somebody could deposit a stablecoin in, by DefiLlama's categories: what the score is made for.
const VENUES: [&str; 13] = [
    "Algo-Stables",
    "CDP",
    "Decentralized Stablecoin",
    "Dexes",
    "Farm",
    "Indexes",
    "Lending",
    "Leveraged Farming",
    "Liquidity manager",
    "RWA Lending",
    "Uncollateralized Lending",
    "Yield",
    "Yield Aggregator",
];
const LENDERS: [&str; 2] = ["CDP", "Lending"];
/// Not on a chain, or the chain itself.
const NO_PROTOCOLS: [&str; 2] = ["CEX", "Chain"];
const BORROWED: &str = "protocol_borrowed_daily";
/// What must have been lent out at the last count before the first period for a lender to be in use, USD.
const IN_USE: f64 = 1e6;
/// How long before it that count may be: the data set ends on 2023-07-31.
const COUNTED: u64 = 90 * time::DAY;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum ValidityError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("the data set {0} is not there; expected {0}.csv.gz or {0}.csv in the directory of history")]
    Absent(&'static str),
    #[error(
        "{file} has a row that cannot be used ({first}); expected none, because a list of incidents or protocols with holes flatters the score"
    )]
    Refused { file: &'static str, first: Refusal },
    #[error("keeper/backtest/validity/incidents.toml: {0}")]
    Names(String),
}

/// A file of which every row is needed.
fn whole(file: &'static str, read: Option<Vec<Refusal>>) -> Result<(), ValidityError> {
    match read.ok_or(ValidityError::Absent(file))?.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(ValidityError::Refused { file, first }),
    }
}

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validity {
    pub populations: Vec<Population>,
    pub incidents: IncidentCounts,
    /// Names that sound like a listed protocol and count for nobody.
    pub left_out: Vec<LeftOut>,
    /// Everybody, with every score.
    pub scored: Vec<Scored>,
}

/// Some of those that were scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Population {
    pub name: &'static str,
    pub what: &'static str,
    /// Before the split, after it, and both.
    pub measured: Vec<Measured>,
}

/// How well the score told the exploited from the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    pub period: &'static str,
    /// Scores: of one protocol several, where it was scored at several times.
    pub scores: usize,
    pub exploited: usize,
    /// `None` unless there are both.
    pub area: Option<f64>,
    /// 95 %, protocols drawn with replacement.
    pub interval: Option<Interval>,
    /// The area of single factors and parts, for what it is worth: of those that were not the same for everybody.
    pub alone: Vec<(&'static str, f64)>,
}

/// What became of the incidents of both periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IncidentCounts {
    /// Rows of both lists.
    pub rows: usize,
    /// About a listed protocol.
    pub matched: usize,
    /// About nobody, by the table of those that are left out.
    pub left_out: usize,
    /// Several listed protocols have the name.
    pub ambiguous: usize,
    /// No listed protocol has it.
    pub not_listed: usize,
}

/// One score and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// DefiLlama's id, or the facts table's.
    pub id: String,
    pub name: String,
    pub category: String,
    /// In which populations it is.
    pub populations: Vec<&'static str>,
    pub as_of: String,
    pub after_split: bool,
    /// 0–100, high is risky.
    pub score: f64,
    /// The first incident within the twelve months, with its day.
    pub exploited: Option<String>,
    /// By factor or part.
    #[serde(skip)]
    alone: Vec<(&'static str, f64)>,
}

const POPULATIONS: [(&str, &str); 5] = [
    ("venues", "listed on 2023-10-16 in a category that a stablecoin can be deposited in"),
    ("lenders", "of these, lending and CDP"),
    ("lenders in use", "of these, with a million dollars or more lent out on 2023-07-31"),
    ("all", "listed on 2023-10-16, whatever they do; without exchanges that keep custody, and chains"),
    ("facts table", "the protocols of keeper/risk/facts, with all that it and the market say of them"),
];

/// Measures the score on a directory of history.
///
/// # Errors
/// If a data set is absent, damaged, or has a row that cannot be used.
pub fn measure(directory: &Path, facts: &Facts) -> Result<Validity, ValidityError> {
    let mut listed = listed::read(directory)?;
    let names = Names::new(listed.iter().map(|one| (one.id, one.name.as_str())))?;
    let mut counts = IncidentCounts::default();
    let mut of: BTreeMap<u32, Vec<incidents::Incident>> = BTreeMap::new();
    for incident in incidents::read(directory)? {
        let about = names.about(&incident.name);
        if BEFORE < incident.time && incident.time <= AFTER + HORIZON {
            counts.rows += 1;
            *match about {
                About::Listed(_) => &mut counts.matched,
                About::LeftOut => &mut counts.left_out,
                About::Ambiguous => &mut counts.ambiguous,
                About::NotListed => &mut counts.not_listed,
            } += 1;
        }
        if let About::Listed(ids) = about {
            for id in ids {
                of.entry(id).or_default().push(incident.clone());
            }
        }
    }
    let in_use = in_use(directory)?;
    let mut scored = Vec::new();
    for one in &mut listed {
        one.events = incidents::events(of.remove(&one.id).unwrap_or_default());
        let lent = in_use.get(&plain(&one.name)).is_some_and(|usd| *usd >= IN_USE);
        let populations = populations(&one.category, lent);
        if !populations.is_empty() {
            scored.extend([BEFORE, AFTER].map(|now| of_listed(one, &populations, now)));
        }
    }
    let table = Table::read(directory, facts)?;
    for now in EARLIER.into_iter().chain([BEFORE, AFTER]) {
        scored.extend(table.live(now).map(|protocol| {
            let next = protocol.exploits().iter().filter(|listed| within(listed.exploit.time, now));
            let first = next.min_by_key(|listed| listed.exploit.time);
            let exploited = first.map(|listed| told(listed.exploit.time, &listed.what));
            row(&table.score(&protocol.id, now), (&protocol.id, &protocol.name, ""), vec!["facts table"], exploited)
        }));
    }
    let populations = POPULATIONS.map(|(name, what)| Population { name, what, measured: measured(&scored, name) });
    Ok(Validity { populations: populations.into(), incidents: counts, left_out: names.left_out, scored })
}

fn populations(category: &str, in_use: bool) -> Vec<&'static str> {
    let lender = LENDERS.contains(&category);
    let belongs = |name: &str| match name {
        "venues" => VENUES.contains(&category),
        "lenders" => lender,
        "lenders in use" => lender && in_use,
        "all" => !NO_PROTOCOLS.contains(&category),
        _ => false,
    };
    POPULATIONS.iter().map(|(name, _)| *name).filter(|name| belongs(name)).collect()
}

/// Known after `now` and no later than the horizon.
fn within(time: u64, now: u64) -> bool {
    now < time && time <= now + HORIZON
}

/// The day of the incident itself, which is known at its end.
fn told(known: u64, what: &str) -> String {
    format!("{} {what}", time::date(known.saturating_sub(time::DAY)))
}

fn of_listed(one: &Listed, populations: &[&'static str], now: u64) -> Scored {
    let first = one.events.iter().find(|event| within(event.time, now));
    let exploited = first.map(|event| told(event.time, &event.name));
    row(&one.score(now), (&one.id.to_string(), &one.name, &one.category), populations.to_vec(), exploited)
}

fn row(
    score: &Score,
    (id, name, category): (&str, &str, &str),
    populations: Vec<&'static str>,
    exploited: Option<String>,
) -> Scored {
    let parts = score.parts.iter().map(|part| (part.id.name(), part.score));
    let factors = score.parts.iter().filter(|part| matches!(part.id, PartId::Contract | PartId::Economic));
    let factors = factors.flat_map(|part| part.factors.iter().map(|factor| (factor.name, factor.score)));
    Scored {
        id: id.to_owned(),
        name: name.to_owned(),
        category: category.to_owned(),
        populations,
        as_of: time::date(score.as_of),
        after_split: score.as_of >= AFTER,
        score: score.total,
        exploited,
        alone: parts.chain(factors).collect(),
    }
}

fn measured(scored: &[Scored], population: &str) -> Vec<Measured> {
    let periods: [(&str, &[bool]); 3] =
        [("before the split", &[false]), ("after the split", &[true]), ("both", &[false, true])];
    periods
        .map(|(period, sides)| {
            let rows: Vec<&Scored> = scored
                .iter()
                .filter(|row| row.populations.contains(&population) && sides.contains(&row.after_split))
                .collect();
            of_rows(period, &rows)
        })
        .into()
}

fn of_rows(period: &'static str, rows: &[&Scored]) -> Measured {
    let mut subjects: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let by = |figure: &dyn Fn(&Scored) -> f64| -> Vec<Judged> {
        let judged = |row: &&Scored| Judged {
            subject: subjects.binary_search(&row.id.as_str()).unwrap_or_default(),
            score: figure(row),
            happened: row.exploited.is_some(),
        };
        rows.iter().map(judged).collect()
    };
    let total = by(&|row| row.score);
    let names: Vec<&'static str> =
        rows.first().map(|row| row.alone.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
    let alone = names.into_iter().enumerate().filter_map(|(at, name)| {
        let judged = by(&|row| row.alone.get(at).map_or(ballast_risk::score::RISKIEST, |(_, points)| *points));
        let first = judged.first()?.score;
        let says_something = judged.iter().any(|one| one.score != first);
        says_something.then(|| area(&judged)).flatten().map(|area| (name, area))
    });
    Measured {
        period,
        scores: rows.len(),
        exploited: rows.iter().filter(|row| row.exploited.is_some()).count(),
        area: area(&total),
        interval: interval(&total),
        alone: alone.collect(),
    }
}

/// What was lent out at the last count, by plain name.
fn in_use(directory: &Path) -> Result<BTreeMap<String, f64>, ValidityError> {
    let mut last: BTreeMap<String, (u64, f64)> = BTreeMap::new();
    let refused = read_table(directory, BORROWED, &["date_utc", "protocol_slug", "borrowed_usd"], |row| {
        let text = row.text("date_utc");
        let day = time::day(text).ok_or_else(|| row.refuse(format!("{text:?} is no day")))?;
        if let Some(usd) = row.number("borrowed_usd")?.filter(|_| day < BEFORE && BEFORE <= day + COUNTED) {
            let counted = last.entry(plain(row.text("protocol_slug"))).or_default();
            if counted.0 <= day {
                *counted = (day, usd);
            }
        }
        Ok(())
    })?;
    whole(BORROWED, refused)?;
    Ok(last.into_iter().map(|(name, (_, usd))| (name, usd)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC R12
    #[test]
    fn the_periods_follow_each_other_and_an_incident_belongs_to_one() {
        assert_eq!(time::day("2023-10-17"), Some(BEFORE));
        assert_eq!(time::day("2024-10-17"), Some(AFTER));
        assert_eq!(EARLIER.map(time::date), ["2020-10-17", "2021-10-17", "2022-10-17"]);
        for time in [BEFORE + 1, AFTER, AFTER + 1, AFTER + HORIZON] {
            assert_eq!(u8::from(within(time, BEFORE)) + u8::from(within(time, AFTER)), 1, "{time}");
        }
        assert!(!within(BEFORE, BEFORE) && !within(AFTER + HORIZON + 1, AFTER));
    }

    #[test]
    fn a_category_is_in_the_populations_that_it_belongs_to() {
        assert_eq!(populations("Lending", true), ["venues", "lenders", "lenders in use", "all"]);
        assert_eq!(populations("CDP", false), ["venues", "lenders", "all"]);
        assert_eq!(populations("Dexes", true), ["venues", "all"]);
        assert_eq!(populations("Bridge", true), ["all"]);
        assert!(populations("CEX", true).is_empty());
    }
}
