//! What is known of the protocols behind the venues: a table in the repository, each row with its source and its day.
//!
//! Three files under `keeper/risk/facts/`: `protocols.toml` (audits, age, bounty, size, upgrade, oracles, delay), `exploits.toml` and
//! `dependencies.toml`. This module reads their text; whoever has other files hands in theirs. A fact is visible from the end of the
//! day of its `as_of` on, or from the second where that is one, and as old as the last day on which its source still said so (`confirmed`), so
//! that a score as of a time knows nothing that was not known by then.

mod day;
mod rows;

pub use day::{Dated, Day, NotDated};

use crate::{
    score::{Audits, ContractInputs, Exploit, OracleUse, TrackRecord, Upgradeability},
    sourced::{Input, Sourced},
    systemic::{DependencyGraph, Edge},
};
use rows::{ExploitRow, FactRow};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Why a table is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    #[error("{file} does not parse: {why}")]
    Syntax { file: &'static str, why: String },
    #[error("{file}: {what} of {subject} is about protocol {protocol:?}, which is not listed")]
    UnknownProtocol { file: &'static str, what: &'static str, subject: String, protocol: String },
    #[error("protocols.toml lists {0:?} twice, expected once")]
    DuplicateProtocol(String),
    #[error("protocols.toml: the row of {protocol:?} as of {as_of} states {stated} facts, expected exactly one")]
    NotOneFact { protocol: String, as_of: Dated, stated: usize },
    #[error("{file}: the row of {protocol:?} as of {as_of}: {why}")]
    BadRow { file: &'static str, protocol: String, as_of: Dated, why: String },
}

/// What a protocol does with deposits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolKind {
    /// Lends them out against collateral.
    Lending,
    /// Lets others trade against them: nothing is lent, so utilisation, liquidations and collateral do not apply.
    Exchange,
}

/// One thing that is known of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Audits(Audits),
    LiveSince(u64),
    BountyUsd(u64),
    SourceLines(u64),
    Upgrade(Upgradeability),
    Oracle(OracleUse),
    WithdrawalDelay(u64),
    Disputes(u32),
}

/// A fact and when it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatedFact {
    pub(crate) fact: Fact,
    pub(crate) as_of: u64,
    pub(crate) confirmed: u64,
    pub(crate) source: String,
}

/// A loss and whether it was one of the protocol's own contracts.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedExploit {
    pub exploit: Exploit,
    pub own_contracts: bool,
    pub what: String,
    pub source: String,
}

/// A protocol and all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    pub id: String,
    pub name: String,
    pub kind: ProtocolKind,
    facts: Vec<DatedFact>,
    exploits: Vec<ListedExploit>,
}

/// The whole table.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The table's own version: the day on which it was last changed.
    pub version: String,
    /// The firms whose audits count as first-tier.
    pub first_tier: Vec<String>,
    /// Unix seconds up to which exploits were looked for.
    pub exploits_until: u64,
    protocols: BTreeMap<String, Protocol>,
    dependencies: DependencyGraph,
}

impl Facts {
    /// The table of this repository, as it was built in.
    ///
    /// # Errors
    /// Never for the files as they are: a test reads them.
    pub fn built_in() -> Result<Self, FactsError> {
        Self::parse(
            include_str!("../../facts/protocols.toml"),
            include_str!("../../facts/exploits.toml"),
            include_str!("../../facts/dependencies.toml"),
        )
    }

    /// The table that these three texts are. Unknown keys are refused.
    ///
    /// # Errors
    /// The first row that is not as expected.
    pub fn parse(protocols: &str, exploits: &str, dependencies: &str) -> Result<Self, FactsError> {
        let head: rows::ProtocolsFile = read("protocols.toml", protocols)?;
        let mut listed = BTreeMap::new();
        for row in head.protocol {
            let protocol = Protocol {
                id: row.id.clone(),
                name: row.name,
                kind: row.kind,
                facts: Vec::new(),
                exploits: Vec::new(),
            };
            if listed.insert(row.id.clone(), protocol).is_some() {
                return Err(FactsError::DuplicateProtocol(row.id));
            }
        }
        for row in head.fact {
            let missing = |row: &FactRow| FactsError::UnknownProtocol {
                file: "protocols.toml",
                what: "a fact",
                subject: row.as_of.to_string(),
                protocol: row.protocol.clone(),
            };
            let protocol = listed.get_mut(&row.protocol).ok_or_else(|| missing(&row))?;
            protocol.facts.push(row.fact()?);
        }
        let losses: rows::ExploitsFile = read("exploits.toml", exploits)?;
        for row in losses.exploit {
            let missing = |row: &ExploitRow| FactsError::UnknownProtocol {
                file: "exploits.toml",
                what: "an exploit",
                subject: row.date.to_string(),
                protocol: row.protocol.clone(),
            };
            let protocol = listed.get_mut(&row.protocol).ok_or_else(|| missing(&row))?;
            protocol.exploits.push(row.exploit()?);
        }
        let edges: rows::DependenciesFile = read("dependencies.toml", dependencies)?;
        let mut graph = DependencyGraph::default();
        for row in edges.edge {
            let share = row.share.unwrap_or(1.0);
            let refuse = |why: String| FactsError::BadRow {
                file: "dependencies.toml",
                protocol: row.node.clone(),
                as_of: row.as_of,
                why,
            };
            for on in &row.on {
                let edge = Edge { node: row.node.clone(), on: on.clone(), share, since: row.as_of.known() };
                graph.add(edge).map_err(|error| refuse(error.to_string()))?;
            }
            if row.source.trim().is_empty() {
                return Err(refuse("its source is empty, expected who says so".into()));
            }
        }
        Ok(Self {
            version: head.version,
            first_tier: head.first_tier,
            exploits_until: losses.complete_until.start(),
            protocols: listed,
            dependencies: graph,
        })
    }

    /// The protocols, by id.
    pub fn protocols(&self) -> impl Iterator<Item = &Protocol> {
        self.protocols.values()
    }

    #[must_use]
    pub fn protocol(&self, id: &str) -> Option<&Protocol> {
        self.protocols.get(id)
    }

    /// What stands on what.
    #[must_use]
    pub fn dependencies(&self) -> &DependencyGraph {
        &self.dependencies
    }

    /// What the contract part of a score needs, as it was known at `now` (Unix seconds). A protocol that is not listed is unknown in everything.
    #[must_use]
    pub fn contract(&self, protocol: &str, now: u64) -> ContractInputs {
        let Some(found) = self.protocol(protocol) else { return ContractInputs::default() };
        ContractInputs {
            audits: found.latest(now, |fact| if let Fact::Audits(audits) = fact { Some(audits) } else { None }),
            live_since: found.latest(now, |fact| if let Fact::LiveSince(since) = fact { Some(since) } else { None }),
            bounty_usd: found.latest(now, |fact| if let Fact::BountyUsd(usd) = fact { Some(usd) } else { None }),
            source_lines: found.latest(now, |fact| if let Fact::SourceLines(n) = fact { Some(n) } else { None }),
            upgradeability: found.latest(now, |fact| if let Fact::Upgrade(how) = fact { Some(how) } else { None }),
            exploits: self.record(protocol, now, true),
        }
    }

    /// Where its prices come from, as it was known at `now`.
    #[must_use]
    pub fn oracle(&self, protocol: &str, now: u64) -> Input<OracleUse> {
        let get = |fact| if let Fact::Oracle(oracle) = fact { Some(oracle) } else { None };
        self.protocol(protocol).map_or(Input::Missing, |found| found.latest(now, get))
    }

    /// Seconds between asking for a withdrawal and having it, as it was known at `now`.
    #[must_use]
    pub fn withdrawal_delay(&self, protocol: &str, now: u64) -> Input<u64> {
        let get = |fact| if let Fact::WithdrawalDelay(seconds) = fact { Some(seconds) } else { None };
        self.protocol(protocol).map_or(Input::Missing, |found| found.latest(now, get))
    }

    /// All losses of a protocol's depositors that were known at `now`.
    #[must_use]
    pub fn track_record(&self, protocol: &str, now: u64) -> Input<TrackRecord> {
        self.record(protocol, now, false)
    }

    fn record(&self, protocol: &str, now: u64, own_contracts: bool) -> Input<TrackRecord> {
        let Some(found) = self.protocol(protocol) else { return Input::Missing };
        let counts = |listed: &&ListedExploit| listed.exploit.time <= now && (!own_contracts || listed.own_contracts);
        let exploits = found.exploits.iter().filter(counts).map(|listed| listed.exploit).collect();
        let source = format!("exploits.toml, version {}", self.version);
        let disputes = match found.latest(now, |fact| if let Fact::Disputes(count) = fact { Some(count) } else { None })
        {
            Input::Given(count) => Some(count.value),
            Input::Missing | Input::NotApplicable(_) => None,
        };
        // Before the end of the table it is as good as of the day itself.
        Input::given(TrackRecord { exploits, disputes }, source, self.exploits_until.min(now))
    }
}

impl Protocol {
    /// Its losses, in the table's order.
    #[must_use]
    pub fn exploits(&self) -> &[ListedExploit] {
        &self.exploits
    }

    /// The latest fact of a kind that was known at `now`.
    fn latest<T>(&self, now: u64, kind: impl Fn(Fact) -> Option<T>) -> Input<T> {
        let known = self.facts.iter().filter(|dated| dated.as_of <= now);
        let of_kind = known.filter_map(|dated| kind(dated.fact).map(|value| (dated, value)));
        let latest = of_kind.max_by_key(|(dated, _)| dated.as_of);
        latest.map(|(dated, value)| Sourced::new(value, dated.source.clone(), dated.confirmed.min(now))).into()
    }
}

fn read<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, FactsError> {
    toml::from_str(text).map_err(|error| FactsError::Syntax { file, why: error.to_string() })
}
