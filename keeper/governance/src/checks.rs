//! Whether a parameter file makes sense, by itself and beside the address book of its chain.

use crate::{AddressBook, DEV_CHAIN_ID, Entry, Parameters, Quorum, Written};
use alloy::primitives::Address;
use serde::Serialize;
use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

/// Chains that there are files for: id, and name as in deploy/.
pub const CHAINS: [(u64, &str); 5] =
    [(1, "mainnet"), (11_155_111, "sepolia"), (8_453, "base"), (42_161, "arbitrum"), (DEV_CHAIN_ID, "devnet")];
/// The last stage of the deposit cap (SPEC C2): 10M of an asset with six decimals.
const LARGEST_CAP: u128 = 10_000_000_000_000;
const DAY: u64 = 86_400;
const GOVERNANCE: (usize, usize) = (5, 3);
const EMERGENCY: (usize, usize) = (3, 2);
const GUARDIANS: usize = 3;
/// Kinds of venue that script/ballast/Ballast.sol can list, and the contract that there is one of on a chain.
const KINDS: [(&str, Option<&str>); 2] = [("aave-v3", Some("aaveV3Pool")), ("metamorpho", None)];

/// Something that must be put right before the file is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Problem {
    /// Only the operator knows it; the repository leaves it empty.
    Missing { key: String },
    /// It cannot be right.
    Wrong { key: String, why: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { key } => write!(f, "{key} is empty: fill it in"),
            Self::Wrong { key, why } => write!(f, "{key} {why}"),
        }
    }
}

/// Everything that is missing from or wrong with `parameters`; only the development chain may do without a `book`.
#[must_use]
pub fn problems(parameters: &Parameters, book: Option<&AddressBook>) -> Vec<Problem> {
    let mut found = Found::default();
    found.chain(parameters, book);
    found.figures(parameters);
    found.people(parameters);
    if let Some(book) = book {
        found.beside(parameters, book);
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn wrong(&mut self, key: impl Into<String>, why: impl Into<String>) {
        self.0.push(Problem::Wrong { key: key.into(), why: why.into() });
    }

    fn filled(&mut self, key: impl Into<String>, value: Written) -> Option<Address> {
        if value.0.is_none() {
            self.0.push(Problem::Missing { key: key.into() });
        }
        value.0
    }

    fn range<T: PartialOrd + fmt::Display>(&mut self, key: impl Into<String>, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            self.wrong(key, format!("is {value}, expected {} to {}", range.start(), range.end()));
        }
    }

    fn chain(&mut self, parameters: &Parameters, book: Option<&AddressBook>) {
        let known = CHAINS.iter().find(|(id, _)| *id == parameters.chain_id);
        let Some((id, name)) = known else {
            self.wrong("chainId", format!("is {}, which is no chain that Ballast is deployed on", parameters.chain_id));
            return;
        };
        match book {
            None if *id != DEV_CHAIN_ID => self.wrong("chainId", format!("is {name}: its address book is needed")),
            Some(book) if book.chain_id != *id || book.chain != *name => {
                self.wrong("chainId", format!("is {id}, the address book is of {} ({})", book.chain_id, book.chain));
            }
            _ => {}
        }
    }

    fn figures(&mut self, parameters: &Parameters) {
        for (key, text) in [("name", &parameters.name), ("symbol", &parameters.symbol)] {
            if text.trim().is_empty() {
                self.0.push(Problem::Missing { key: key.into() });
            }
        }
        self.range("vault.depositCap", parameters.vault.deposit_cap, 1..=LARGEST_CAP);
        self.range("vault.maxLossBps", parameters.vault.max_loss_bps, 1..=100);
        self.range("vault.dailyLossBps", parameters.vault.daily_loss_bps, parameters.vault.max_loss_bps..=200);
        self.range("vault.maxGrowthBps", parameters.vault.max_growth_bps, 1..=10_000);

        let limits = &parameters.limits;
        self.range("limits.reserveBps", limits.reserve_bps, 500..=10_000);
        self.range("limits.minPositionBps", limits.min_position_bps, 500..=5_000);
        self.range("limits.maxPositionBps", limits.max_position_bps, limits.min_position_bps..=5_000);
        self.range("limits.minStepBps", limits.min_step_bps, 500..=10_000);
        self.range("limits.maxVenueShareBps", limits.max_venue_share_bps, 1..=100);
        self.range("limits.maxUtilisationBps", limits.max_utilisation_bps, 1..=9_500);
        self.range("limits.flowBps", limits.flow_bps, 1..=10_000);
        self.range("limits.approvalBps", limits.approval_bps, 0..=10_000);
        self.range("limits.cooldown", limits.cooldown, 3_600..=86_400);

        if parameters.feeds.is_empty() {
            self.0.push(Problem::Missing { key: "feeds".into() });
        }
        for (i, feed) in parameters.feeds.iter().enumerate() {
            self.range(format!("feeds[{i}].heartbeat"), feed.heartbeat, 60..=2_592_000);
        }
        self.range("timelockDelay", parameters.timelock_delay, 2 * DAY..=30 * DAY);
        self.range("gracePeriod", parameters.grace_period, DAY..=30 * DAY);
        if parameters.grace_period <= parameters.timelock_delay {
            self.wrong(
                "gracePeriod",
                format!(
                    "is {} s, but replacing a keeper takes the timelock's {} s: anyone could call the exit before it is done",
                    parameters.grace_period, parameters.timelock_delay
                ),
            );
        }
        if parameters.venues.is_empty() {
            self.0.push(Problem::Missing { key: "venues".into() });
        }
        let mut names: Vec<&str> = Vec::new();
        for (i, venue) in parameters.venues.iter().enumerate() {
            let key = format!("venues[{i}]");
            if venue.name.trim().is_empty() || names.contains(&venue.name.as_str()) {
                self.wrong(format!("{key}.name"), format!("is {:?}, expected a name of its own", venue.name));
            }
            names.push(&venue.name);
            if !KINDS.iter().any(|(kind, _)| *kind == venue.kind) {
                let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
                self.wrong(format!("{key}.kind"), format!("is {:?}, expected one of {}", venue.kind, kinds.join(", ")));
            }
            self.range(format!("{key}.cap"), venue.cap, 1..=parameters.vault.deposit_cap);
            self.range(format!("{key}.riskScore"), venue.risk_score, 0..=100);
            if venue.exit_time > parameters.timelock_delay {
                self.wrong(
                    "timelockDelay",
                    format!(
                        "is {} s, but leaving {} may take {} s: depositors could not leave before a change",
                        parameters.timelock_delay, venue.name, venue.exit_time
                    ),
                );
            }
        }
    }

    fn people(&mut self, parameters: &Parameters) {
        let mut jobs: BTreeMap<Address, String> = BTreeMap::new();
        let mut assign = |found: &mut Self, key: String, value: Written, required: bool| {
            let address = if required { found.filled(key.clone(), value) } else { value.0 };
            if let Some(address) = address
                && let Some(other) = jobs.insert(address, key.clone())
            {
                found.wrong(key, format!("is also {other}: no key may have two jobs"));
            }
        };
        assign(self, "keeper".into(), parameters.keeper, true);
        assign(self, "attestor".into(), parameters.attestor, true);
        assign(self, "governance.safe".into(), parameters.governance.safe, false);
        assign(self, "emergency.safe".into(), parameters.emergency.safe, false);
        for (key, quorum) in [("governance", &parameters.governance), ("emergency", &parameters.emergency)] {
            for (i, owner) in quorum.owners.iter().enumerate() {
                assign(self, format!("{key}.owners[{i}]"), *owner, true);
            }
        }
        for (i, guardian) in parameters.guardians.iter().enumerate() {
            assign(self, format!("guardians[{i}]"), *guardian, true);
        }
        for (i, watcher) in parameters.watchers.iter().enumerate() {
            assign(self, format!("watchers[{i}]"), *watcher, true);
        }
        self.quorum("governance", &parameters.governance, GOVERNANCE);
        self.quorum("emergency", &parameters.emergency, EMERGENCY);
        match parameters.guardians.len() {
            0 => self.0.push(Problem::Missing { key: "guardians".into() }),
            GUARDIANS => {}
            count => self.wrong("guardians", format!("are {count}, expected {GUARDIANS}")),
        }
    }

    fn quorum(&mut self, key: &str, quorum: &Quorum, (owners, threshold): (usize, usize)) {
        match quorum.owners.len() {
            0 => self.0.push(Problem::Missing { key: format!("{key}.owners") }),
            count if count == owners => {}
            count => self.wrong(format!("{key}.owners"), format!("are {count}, expected {owners}")),
        }
        if quorum.threshold != threshold {
            self.wrong(format!("{key}.threshold"), format!("is {}, expected {threshold}", quorum.threshold));
        }
    }

    /// Every address that is not the operator's own is the one in the book.
    fn beside(&mut self, parameters: &Parameters, book: &AddressBook) {
        self.listed("asset", parameters.asset, &book.tokens, Some("usdc"));
        for (i, feed) in parameters.feeds.iter().enumerate() {
            self.listed(format!("feeds[{i}].token"), feed.token, &book.tokens, None);
            let entry = self.listed(format!("feeds[{i}].aggregator"), feed.aggregator, &book.feeds, None);
            if let Some(heartbeat) = entry.and_then(|entry| entry.heartbeat)
                && heartbeat != feed.heartbeat
            {
                self.wrong(format!("feeds[{i}].heartbeat"), format!("is {}, the book has {heartbeat}", feed.heartbeat));
            }
        }
        for (i, venue) in parameters.venues.iter().enumerate() {
            let only = KINDS.iter().find(|(kind, _)| *kind == venue.kind).and_then(|(_, name)| *name);
            self.listed(format!("venues[{i}].venue"), venue.venue, &book.contracts, only);
        }
        for (key, value) in [
            ("singleton", parameters.safe.singleton),
            ("factory", parameters.safe.factory),
            ("fallbackHandler", parameters.safe.fallback_handler),
        ] {
            self.listed(format!("safe.{key}"), value, &book.safe, Some(key));
        }
    }

    fn listed<'a>(
        &mut self,
        key: impl Into<String>,
        value: Written,
        entries: &'a BTreeMap<String, Entry>,
        name: Option<&str>,
    ) -> Option<&'a Entry> {
        let key = key.into();
        let address = self.filled(key.clone(), value)?;
        let entry = entries.iter().find(|(known, entry)| entry.address.is(address) && name.is_none_or(|n| n == *known));
        if entry.is_none() {
            let what =
                name.map_or_else(|| "in the address book".to_owned(), |name| format!("the address book's {name}"));
            self.wrong(key, format!("is {address}, which is not {what}"));
        }
        entry.map(|(_, entry)| entry)
    }
}
