//! What was lost, by whom, and when: the two lists of incidents, and which listed protocol each is about.

use super::ValidityError;
use ballast_history::{Refusal, Row, read_table, time};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

const DEFILLAMA: &str = "defi_exploits";
const DEFIHACKLABS: &str = "defihacklabs_incidents";
/// Two rows of a protocol so close to each other are one event: the lists date some by the theft and some by its discovery.
const SAME_EVENT: u64 = 7 * time::DAY;

/// A row of either list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Incident {
    /// From which on it counts as known: the end of its day.
    pub(super) time: u64,
    pub(super) name: String,
    /// `None` if the list does not say, or not in dollars.
    pub(super) lost_usd: Option<f64>,
}

/// Letters and digits alone, in lower case.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Both lists. What fell of itself (`depeg`) is no incident of a protocol.
pub(super) fn read(directory: &Path) -> Result<Vec<Incident>, ValidityError> {
    let mut found = Vec::new();
    let mut day = |row: &Row<'_>, lost: Option<f64>| -> Result<(), Refusal> {
        let text = row.text("date_utc");
        let start = time::day(text).ok_or_else(|| row.refuse(format!("{text:?} is no day")))?;
        // Zero is how the lists write that nobody knows.
        let lost_usd = lost.filter(|usd| *usd > 0.0);
        found.push(Incident { time: start + time::DAY, name: row.text("protocol").to_owned(), lost_usd });
        Ok(())
    };
    let listed = read_table(directory, DEFILLAMA, &["date_utc", "protocol", "loss_usd", "kind"], |row| {
        if row.text("kind") == "depeg" { Ok(()) } else { day(row, row.number("loss_usd")?) }
    })?;
    let columns = ["date_utc", "protocol", "loss_amount", "loss_unit"];
    let shown = read_table(directory, DEFIHACKLABS, &columns, |row| {
        let lost = if row.text("loss_unit") == "USD" { row.number("loss_amount")? } else { None };
        day(row, lost)
    })?;
    super::whole(DEFILLAMA, listed)?;
    super::whole(DEFIHACKLABS, shown)?;
    Ok(found)
}

/// Whom an incident is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Listed protocols, by id.
    Listed(Vec<u32>),
    /// Named in the table of those that are left out.
    LeftOut,
    /// Several listed protocols have the name.
    Ambiguous,
    /// No listed protocol has the name.
    NotListed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    alias: Vec<Alias>,
    left_out: Vec<LeftOut>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    name: String,
    ids: Vec<u32>,
    why: String,
}

/// A name that sounds like a listed protocol and counts for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub name: String,
    pub why: String,
}

/// From an incident's name to listed protocols.
#[derive(Debug)]
pub(super) struct Names {
    aliases: BTreeMap<String, Vec<u32>>,
    pub(super) left_out: Vec<LeftOut>,
    listed: BTreeMap<String, Vec<u32>>,
}

impl Names {
    /// The table of this repository over these protocols (id and name).
    pub(super) fn new<'a>(listed: impl Iterator<Item = (u32, &'a str)>) -> Result<Self, ValidityError> {
        Self::parse(include_str!("../../validity/incidents.toml"), listed)
    }

    fn parse<'a>(text: &str, protocols: impl Iterator<Item = (u32, &'a str)>) -> Result<Self, ValidityError> {
        let refuse = |why: String| ValidityError::Names(why);
        let file: File = toml::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let mut listed: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (id, name) in protocols {
            listed.entry(plain(name)).or_default().push(id);
        }
        let mut aliases = BTreeMap::new();
        for Alias { name, ids, why } in file.alias {
            if ids.is_empty() || why.trim().is_empty() {
                return Err(refuse(format!("alias {name:?} has no ids or no reason, expected both")));
            }
            if let Some(unknown) = ids.iter().find(|id| !listed.values().any(|of| of.contains(id))) {
                return Err(refuse(format!("alias {name:?} is of protocol {unknown}, which is not listed")));
            }
            if aliases.insert(plain(&name), ids).is_some() {
                return Err(refuse(format!("alias {name:?} is there twice, expected once")));
            }
        }
        if let Some(both) = file.left_out.iter().find(|out| aliases.contains_key(&plain(&out.name))) {
            return Err(refuse(format!("{:?} is an alias and left out, expected one of the two", both.name)));
        }
        Ok(Self { aliases, left_out: file.left_out, listed })
    }

    pub(super) fn about(&self, name: &str) -> About {
        let name = plain(name);
        if self.left_out.iter().any(|out| plain(&out.name) == name) {
            return About::LeftOut;
        }
        if let Some(ids) = self.aliases.get(&name) {
            return About::Listed(ids.clone());
        }
        match self.listed.get(&name).map(Vec::as_slice) {
            Some([one]) => About::Listed(vec![*one]),
            Some(_) => About::Ambiguous,
            None => About::NotListed,
        }
    }
}

/// One protocol's events in the order of time: rows close to each other are one, with the earliest day and the largest known loss.
pub(super) fn events(mut rows: Vec<Incident>) -> Vec<Incident> {
    rows.sort_by(|a, b| (a.time, &a.name).cmp(&(b.time, &b.name)));
    let mut events: Vec<Incident> = Vec::new();
    let mut latest = 0;
    for row in rows {
        match events.last_mut().filter(|_| row.time <= latest + SAME_EVENT) {
            Some(same) => same.lost_usd = same.lost_usd.into_iter().chain(row.lost_usd).reduce(f64::max),
            None => events.push(row.clone()),
        }
        latest = row.time;
    }
    events
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TABLE: &str = r#"
        alias = [{ name = "Uni-Lend V2", ids = [7], why = "a later version" }]
        left_out = [{ name = "Pandora", why = "another one" }]
    "#;

    fn listed() -> impl Iterator<Item = (u32, &'static str)> {
        [(7, "Unilend"), (8, "Pandora"), (9, "Kronos DAO"), (10, "KronosDAO")].into_iter()
    }

    // SPEC R12
    #[test]
    fn an_incident_is_about_whom_its_name_or_the_table_says_and_else_about_nobody() {
        let names = Names::parse(TABLE, listed()).unwrap();
        for (name, about) in [
            ("UniLend", About::Listed(vec![7])),
            ("Unilend V2", About::Listed(vec![7])),
            ("Unilend V3", About::NotListed),
            ("Pandora", About::LeftOut),
            ("Kronos-DAO", About::Ambiguous),
        ] {
            assert_eq!(names.about(name), about, "{name}");
        }
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        for (from, to, said) in [
            ("ids = [7]", "ids = [70]", "not listed"),
            ("ids = [7]", "ids = []", "no ids"),
            ("a later version", " ", "no reason"),
            ("\"Pandora\"", "\"unilendv2\"", "an alias and left out"),
            ("why = \"another one\"", "because = \"another one\"", "because"),
        ] {
            let error = Names::parse(&TABLE.replace(from, to), listed()).unwrap_err().to_string();
            assert!(error.contains(said), "{to}: {error}");
        }
    }

    #[test]
    fn rows_within_a_week_of_each_other_are_one_event_with_the_larger_loss() {
        let row = |day: u64, lost_usd| Incident { time: day * time::DAY, name: "x".into(), lost_usd };
        let found = events(vec![row(20, Some(5.0)), row(10, None), row(17, Some(2.0)), row(28, None)]);
        let seen: Vec<_> = found.iter().map(|event| (event.time / time::DAY, event.lost_usd)).collect();
        assert_eq!(seen, [(10, Some(5.0)), (28, None)]);
    }
}
