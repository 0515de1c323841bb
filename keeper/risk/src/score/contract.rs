//! The contract part (SPEC R2): six factors of equal weight.
//!
//! The bands are the specification's: low 0–20, medium 21–50, high 51–100. Within a band a factor moves on a straight line, so that no single
//! step moves a score by more than it means.
//!
//! | factor | low | medium | high |
//! | --- | --- | --- | --- |
//! | audits | 3 or more by a first-tier firm | 1–2, or any audit | none |
//! | live for | over 2 years | 6 months – 2 years | under 6 months |
//! | bounty | over $1M | $100K – $1M | under $100K, none |
//! | exploits of its contracts | none | one | several |
//! | lines of source | under 5 000 | 5 000 – 20 000 | over 20 000 |
//! | upgrade | immutable, or a timelock over 7 days | 1 – 7 days | under a day, none |
//!
//! The weights are equal because there is no sample from which other ones could be learnt: a handful of protocols, and fewer exploits. (The
//! master plan's example for Aave, 5, 5, 5, 3, 15, 10, has the mean 7.17 and not 8.2; several of its entries are outside of the plan's own
//! bands: ERR-47.)

use super::{
    Exploit, Part, PartId, TrackRecord,
    curve::lines,
    factor::{Clock, factor, weighted_mean},
    part,
};
use crate::sourced::{Freshness, Input};
use serde::{Deserialize, Serialize};

const DAY: u64 = 86_400;
const WEIGHT: u32 = 1;

/// How many firms audited the contracts. Ten reports of one firm are one pair of eyes, so firms are counted and not reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audits {
    /// By firms that the facts table names as first-tier.
    pub tier_one: u32,
    /// By others, or by firms that are not named.
    pub other: u32,
}

/// Who can change the contracts, and how soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgradeability {
    Immutable,
    /// After this many seconds; zero without a timelock.
    Timelock(u64),
}

/// What the contract part looks at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContractInputs {
    pub audits: Input<Audits>,
    /// Unix seconds from which on it has been in use with real money.
    pub live_since: Input<u64>,
    /// The largest reward for a finding, USD.
    pub bounty_usd: Input<u64>,
    /// Of the contracts themselves.
    pub exploits: Input<TrackRecord>,
    /// Source lines of code that hold or move money.
    pub source_lines: Input<u64>,
    pub upgradeability: Input<Upgradeability>,
}

pub(super) fn judge(inputs: &ContractInputs, now: u64, freshness: Freshness) -> Part {
    let lasting = Clock { now, limit: None };
    let reviewed = Clock { now, limit: Some(freshness.facts) };
    let factors = vec![
        factor("audits", WEIGHT, &inputs.audits, lasting, |audits| {
            let Audits { tier_one, other } = *audits;
            Ok((audit_points(*audits), format!("{tier_one} by first-tier firms, {other} others")))
        }),
        factor("live for", WEIGHT, &inputs.live_since, lasting, |since| match now.checked_sub(*since) {
            Some(age) => Ok((age_points(age), format!("{} days", age / DAY))),
            None => Err("it is not live yet".into()),
        }),
        factor("bounty", WEIGHT, &inputs.bounty_usd, reviewed, |usd| {
            Ok((bounty_points(*usd), format!("up to ${usd}")))
        }),
        factor("exploits", WEIGHT, &inputs.exploits, reviewed, |record| {
            let seen = record.seen(now);
            Ok((exploit_points(&seen), format!("{} of its contracts", seen.len())))
        }),
        factor("source lines", WEIGHT, &inputs.source_lines, reviewed, |count| {
            Ok((source_points(*count), count.to_string()))
        }),
        factor("upgrade", WEIGHT, &inputs.upgradeability, reviewed, |upgrade| {
            let detail = match upgrade {
                Upgradeability::Immutable => "immutable".to_owned(),
                Upgradeability::Timelock(0) => "at once".to_owned(),
                Upgradeability::Timelock(delay) => format!("after {} hours", delay / 3_600),
            };
            Ok((upgrade_points(*upgrade), detail))
        }),
    ];
    part(PartId::Contract, weighted_mean(&factors), "mean of six factors of equal weight", factors)
}

fn audit_points(audits: Audits) -> f64 {
    if audits.tier_one == 0 && audits.other == 0 {
        return 100.0;
    }
    // Audits by others count half an audit in all: ten cheap reports are no better than one.
    let half = if audits.other > 0 { 0.5 } else { 0.0 };
    let counted = f64::from(audits.tier_one) + half;
    lines(&[(1.0, 50.0), (3.0, 20.0), (6.0, 0.0)], counted)
}

fn age_points(seconds: u64) -> f64 {
    lines(&[(0.0, 100.0), (182.0, 50.0), (730.0, 20.0), (1_826.0, 0.0)], seconds as f64 / DAY as f64)
}

fn bounty_points(usd: u64) -> f64 {
    lines(&[(0.0, 100.0), (100_000.0, 50.0), (1_000_000.0, 20.0), (10_000_000.0, 0.0)], usd as f64)
}

/// None: 0. One: 21–50 by what it cost, $10M and more being the worst. Several: 51–100 by how many and how much, $100M or five more being
/// the worst. A loss that nobody knows counts as the worst.
fn exploit_points(exploits: &[&Exploit]) -> f64 {
    let severity = |worst: f64| -> f64 {
        let lost = exploits.iter().map(|exploit| exploit.known_loss().unwrap_or(worst)).sum::<f64>();
        (lost / worst).min(1.0)
    };
    match exploits.len() {
        0 => 0.0,
        1 => 21.0 + 29.0 * severity(10e6),
        several => 51.0 + 49.0 * (severity(100e6) + (several - 2) as f64 / 5.0).min(1.0),
    }
}

fn source_points(count: u64) -> f64 {
    lines(&[(0.0, 0.0), (5_000.0, 20.0), (20_000.0, 50.0), (60_000.0, 100.0)], count as f64)
}

fn upgrade_points(upgrade: Upgradeability) -> f64 {
    match upgrade {
        Upgradeability::Immutable => 0.0,
        Upgradeability::Timelock(seconds) => {
            lines(&[(0.0, 100.0), (24.0, 50.0), (168.0, 20.0), (720.0, 0.0)], seconds as f64 / 3_600.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exploit(lost: f64) -> Exploit {
        Exploit { time: 0, lost_usd: Some(lost), recovered_usd: None }
    }

    fn points(losses: &[f64]) -> f64 {
        let all: Vec<Exploit> = losses.iter().map(|lost| exploit(*lost)).collect();
        exploit_points(&all.iter().collect::<Vec<_>>())
    }

    // SPEC R2: the bands 0–20, 21–50, 51–100.
    #[test]
    fn each_factor_is_in_its_band_at_the_edges() {
        assert_eq!(audit_points(Audits { tier_one: 3, other: 0 }), 20.0);
        assert_eq!(audit_points(Audits { tier_one: 0, other: 1 }), 50.0);
        assert_eq!(audit_points(Audits::default()), 100.0);
        assert_eq!(age_points(730 * DAY), 20.0);
        assert_eq!(age_points(182 * DAY), 50.0);
        assert_eq!(bounty_points(1_000_000), 20.0);
        assert_eq!(bounty_points(100_000), 50.0);
        assert_eq!(bounty_points(0), 100.0);
        assert_eq!(source_points(5_000), 20.0);
        assert_eq!(source_points(20_000), 50.0);
        assert_eq!(upgrade_points(Upgradeability::Immutable), 0.0);
        assert_eq!(upgrade_points(Upgradeability::Timelock(7 * DAY)), 20.0);
        assert_eq!(upgrade_points(Upgradeability::Timelock(DAY)), 50.0);
        assert_eq!(upgrade_points(Upgradeability::Timelock(0)), 100.0);
        assert_eq!(points(&[]), 0.0);
        assert_eq!((points(&[0.0]), points(&[10e6])), (21.0, 50.0));
        assert_eq!((points(&[0.0, 0.0]), points(&[60e6, 60e6])), (51.0, 100.0));
    }

    // ERR-47
    #[test]
    fn the_plans_own_example_has_the_mean_7_17_and_its_entries_leave_their_bands() {
        let mean = [5.0, 5.0, 5.0, 3.0, 15.0, 10.0].iter().sum::<f64>() / 6.0;
        assert!((mean - 7.17).abs() < 0.005);
        // 25 000 lines are high, one exploit is medium, and Immunefi's page says $1M at most.
        assert!(source_points(25_000) > 50.0);
        assert!((21.0..=50.0).contains(&points(&[0.0])));
        assert_eq!(bounty_points(1_000_000), 20.0);
    }

    #[test]
    fn a_loss_that_nobody_knows_counts_as_the_worst() {
        let unknown = Exploit { time: 0, lost_usd: None, recovered_usd: None };
        assert_eq!(exploit_points(&[&unknown]), 50.0);
        assert_eq!(exploit_points(&[&exploit(f64::NAN)]), 50.0);
    }

    proptest! {
        // SPEC R2: monotone in each factor.
        #[test]
        fn better_facts_never_raise_the_points(
            a in 0u64..80_000_000, b in 0u64..80_000_000, tier_one in 0u32..8, other in 0u32..8,
            lost in proptest::collection::vec(0.0..200e6f64, 0..8), more in 0.0..200e6f64,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(age_points(high) <= age_points(low));
            prop_assert!(bounty_points(high) <= bounty_points(low));
            prop_assert!(source_points(low) <= source_points(high));
            let timelock = |seconds| upgrade_points(Upgradeability::Timelock(seconds));
            prop_assert!(timelock(high) <= timelock(low));
            prop_assert!(upgrade_points(Upgradeability::Immutable) <= timelock(high));
            let audits = |tier_one, other| audit_points(Audits { tier_one, other });
            prop_assert!(audits(tier_one + 1, other) <= audits(tier_one, other));
            prop_assert!(audits(tier_one, other + 1) <= audits(tier_one, other));
            let mut with_more = lost.clone();
            with_more.push(more);
            prop_assert!(points(&lost) <= points(&with_more));
            if let Some(last) = with_more.last_mut() {
                *last += 1e6;
            }
            prop_assert!(points(&lost) <= points(&with_more));
        }
    }
}
