//! The rows of the three files as they are written.

use super::{Dated, DatedFact, Day, Fact, FactsError, ListedExploit, ProtocolKind};
use crate::score::{Audits, Exploit, OracleUse, Upgradeability};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtocolsFile {
    pub(super) version: String,
    pub(super) first_tier: Vec<String>,
    #[serde(default)]
    pub(super) protocol: Vec<ProtocolRow>,
    #[serde(default)]
    pub(super) fact: Vec<FactRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtocolRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: ProtocolKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactRow {
    pub(super) protocol: String,
    pub(super) as_of: Dated,
    confirmed: Option<Day>,
    source: String,
    audits: Option<Audits>,
    live_since: Option<Day>,
    bounty_usd: Option<u64>,
    source_lines: Option<u64>,
    immutable: Option<bool>,
    timelock_hours: Option<u64>,
    oracle: Option<OracleUse>,
    withdrawal_delay: Option<u64>,
    disputes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExploitsFile {
    pub(super) complete_until: Day,
    #[serde(default)]
    pub(super) exploit: Vec<ExploitRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExploitRow {
    pub(super) protocol: String,
    pub(super) date: Dated,
    lost_usd: Option<f64>,
    recovered_usd: Option<f64>,
    own_contracts: bool,
    what: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DependenciesFile {
    #[serde(default)]
    pub(super) edge: Vec<EdgeRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeRow {
    pub(super) node: String,
    pub(super) on: Vec<String>,
    pub(super) share: Option<f64>,
    pub(super) as_of: Dated,
    pub(super) source: String,
}

impl FactRow {
    /// The one fact that the row states.
    pub(super) fn fact(self) -> Result<DatedFact, FactsError> {
        let refuse = |why: &str| FactsError::BadRow {
            file: "protocols.toml",
            protocol: self.protocol.clone(),
            as_of: self.as_of,
            why: why.to_owned(),
        };
        if self.source.trim().is_empty() {
            return Err(refuse("its source is empty, expected who says so"));
        }
        if self.confirmed.is_some_and(|day| day < self.as_of.day()) {
            return Err(refuse("confirmed before its own day"));
        }
        if self.immutable == Some(false) {
            return Err(refuse("immutable is false: state the timelock instead (timelock_hours, 0 for none)"));
        }
        let hours = |hours: u64| Fact::Upgrade(Upgradeability::Timelock(hours.saturating_mul(3_600)));
        let stated = [
            self.audits.map(Fact::Audits),
            self.live_since.map(|day| Fact::LiveSince(day.start())),
            self.bounty_usd.map(Fact::BountyUsd),
            self.source_lines.map(Fact::SourceLines),
            self.immutable.map(|_| Fact::Upgrade(Upgradeability::Immutable)),
            self.timelock_hours.map(hours),
            self.oracle.map(Fact::Oracle),
            self.withdrawal_delay.map(Fact::WithdrawalDelay),
            self.disputes.map(Fact::Disputes),
        ];
        let facts: Vec<Fact> = stated.into_iter().flatten().collect();
        let [fact] = facts.as_slice() else {
            return Err(FactsError::NotOneFact { protocol: self.protocol, as_of: self.as_of, stated: facts.len() });
        };
        let as_of = self.as_of.known();
        let confirmed = self.confirmed.map_or(as_of, |day| day.start().max(as_of));
        Ok(DatedFact { fact: *fact, as_of, confirmed, source: self.source })
    }
}

impl ExploitRow {
    pub(super) fn exploit(self) -> Result<ListedExploit, FactsError> {
        let usable = |usd: Option<f64>| usd.is_none_or(|usd| usd.is_finite() && usd >= 0.0);
        let why = if !usable(self.lost_usd) || !usable(self.recovered_usd) {
            Some("a sum is expected to be a number of dollars, zero or more")
        } else if self.source.trim().is_empty() || self.what.trim().is_empty() {
            Some("what happened and its source are expected not to be empty")
        } else {
            None
        };
        if let Some(why) = why {
            let (protocol, as_of, why) = (self.protocol, self.date, why.to_owned());
            return Err(FactsError::BadRow { file: "exploits.toml", protocol, as_of, why });
        }
        Ok(ListedExploit {
            exploit: Exploit { time: self.date.known(), lost_usd: self.lost_usd, recovered_usd: self.recovered_usd },
            own_contracts: self.own_contracts,
            what: self.what,
            source: self.source,
        })
    }
}
