//! Whether a portfolio keeps within the risk that its owner takes (SPEC R13). Every limit that is broken is named, not only the first.
//!
//! These are the owner's limits on a *treasury*; what the contracts enforce on every move of the vault is [`crate::limits`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a position is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sleeve {
    /// Lending and other yield.
    Base,
    /// Bets with a horizon.
    Tactical,
}

/// The limits. Parts are fractions of 0–1 of what the name says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskLimits {
    /// Volatile assets over everything (SPEC R13: 40 %).
    pub max_volatile: f64,
    /// One tactical position over all tactical ones with their cash (SPEC R13: 25 %).
    pub max_of_tactical: f64,
    /// Fall from the high (ruling 7 of section 3: vault 10 %, treasury 20 %).
    pub max_drawdown: f64,
    /// USD that others hold in a venue (SPEC C5: one billion).
    pub min_venue_tvl_usd: f64,
    /// Firms that audited a venue.
    pub min_audits: u32,
    /// A venue's risk score must be below this (SPEC X2: 70).
    pub max_risk_score: f64,
    /// Our position over the venue (SPEC C5: 1 %).
    pub max_venue_share: f64,
    /// What could be taken out at once over the position: 1 is all of it.
    pub min_exit_liquidity: f64,
    /// Gross exposure over net value (ruling 4: no leverage).
    pub max_leverage: f64,
}

impl RiskLimits {
    /// The vault's.
    #[must_use]
    pub const fn vault() -> Self {
        Self {
            max_volatile: 0.4,
            max_of_tactical: 0.25,
            max_drawdown: 0.1,
            min_venue_tvl_usd: 1e9,
            min_audits: 1,
            max_risk_score: 70.0,
            max_venue_share: 0.01,
            min_exit_liquidity: 1.0,
            max_leverage: 1.0,
        }
    }

    /// The treasury's: deeper drawdowns are accepted.
    #[must_use]
    pub const fn treasury() -> Self {
        Self { max_drawdown: 0.2, ..Self::vault() }
    }
}

/// A limit that limits nothing, or whatever it limits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the limit {name} is {value}, expected a number from {least} to {most}")]
pub struct NoLimit {
    pub name: &'static str,
    pub value: f64,
    pub least: f64,
    pub most: f64,
}

impl RiskLimits {
    /// No comparison with what is no number holds, and none with infinity is ever broken: such a limit would switch its own check off.
    ///
    /// # Errors
    /// The first limit that is none.
    pub fn check(&self) -> Result<(), NoLimit> {
        let Self {
            max_volatile,
            max_of_tactical,
            max_drawdown,
            min_venue_tvl_usd,
            min_audits: _,
            max_risk_score,
            max_venue_share,
            min_exit_liquidity,
            max_leverage,
        } = *self;
        [
            ("max_volatile", max_volatile, 0.0, 1.0),
            ("max_of_tactical", max_of_tactical, 0.0, 1.0),
            ("max_drawdown", max_drawdown, 0.0, 1.0),
            ("min_venue_tvl_usd", min_venue_tvl_usd, 0.0, MOST_USD),
            ("max_risk_score", max_risk_score, 0.0, 100.0),
            ("max_venue_share", max_venue_share, 0.0, 1.0),
            ("min_exit_liquidity", min_exit_liquidity, 0.0, 1.0),
            ("max_leverage", max_leverage, 0.0, 1_000.0),
        ]
        .into_iter()
        .find(|(_, value, least, most)| !(*least..=*most).contains(value))
        .map_or(Ok(()), |(name, value, least, most)| Err(NoLimit { name, value, least, most }))
    }
}

/// More dollars than there are; sums of figures up to it stay numbers.
const MOST_USD: f64 = 1e15;

/// A position as it would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    pub name: String,
    pub value_usd: f64,
    pub volatile: bool,
    pub sleeve: Sleeve,
    /// All deposits of the venue, USD.
    pub venue_tvl_usd: f64,
    pub audits: u32,
    /// 0–100, high is risky.
    pub risk_score: f64,
    /// What of it could be taken out at once, USD.
    pub exit_liquidity_usd: f64,
}

/// A portfolio as it would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Portfolio {
    pub positions: Vec<Position>,
    /// Cash outside of all positions, USD.
    pub idle_usd: f64,
    /// Cash that is set aside for tactical positions, USD; part of `idle_usd`.
    pub tactical_cash_usd: f64,
    /// Debt, USD, as a positive number.
    pub borrowed_usd: f64,
    /// Fall from the high so far, 0–1.
    pub drawdown: f64,
}

/// Which limit is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A figure is no number, below zero or beyond all money, so that no limit can be said to hold.
    Unmeasured,
    Leverage,
    Drawdown,
    Volatile,
    OfTactical,
    VenueTvl,
    Audits,
    RiskScore,
    VenueShare,
    ExitLiquidity,
}

/// A limit that is broken, by what, and by how much.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breach {
    pub limit: Limit,
    /// The position, if it is one position's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    pub found: f64,
    pub allowed: f64,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, position, found, allowed } = self;
        let of = position.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
        let (what, bound) = match limit {
            Limit::Unmeasured => ("a figure", "expected a number from 0 to"),
            Limit::Leverage => ("gross exposure over net value", "expected at most"),
            Limit::Drawdown => ("the fall from the high", "expected at most"),
            Limit::Volatile => ("the volatile part", "expected at most"),
            Limit::OfTactical => ("the part of the tactical sleeve", "expected at most"),
            Limit::VenueTvl => ("the venue's size in USD", "expected at least"),
            Limit::Audits => ("the number of auditors", "expected at least"),
            Limit::RiskScore => ("the risk score", "expected below"),
            Limit::VenueShare => ("our share of the venue", "expected at most"),
            Limit::ExitLiquidity => ("what could leave at once, as a part,", "expected at least"),
        };
        write!(f, "{what}{of} is {found}, {bound} {allowed}")
    }
}

/// Every limit that the portfolio would break, in the order of [`Limit`] and then of the positions. Empty: it keeps within all of them.
///
/// # Errors
/// [`NoLimit`] if a limit is none: then nothing is said of the portfolio.
pub fn validate(portfolio: &Portfolio, limits: &RiskLimits) -> Result<Vec<Breach>, NoLimit> {
    limits.check()?;
    let unmeasured = unmeasured(portfolio);
    if !unmeasured.is_empty() {
        return Ok(unmeasured);
    }
    let mut breaches = Vec::new();
    let mut check = |broken: bool, limit, position: Option<&Position>, found, allowed| {
        if broken {
            breaches.push(Breach { limit, position: position.map(|one| one.name.clone()), found, allowed });
        }
    };
    let held: f64 = portfolio.positions.iter().map(|position| position.value_usd).sum();
    let net = held + portfolio.idle_usd - portfolio.borrowed_usd;
    // Compared as products, so that a portfolio at a limit is at it exactly.
    let over = |part: f64, of: f64, most: f64| part > most * of;
    let ratio = |part: f64, of: f64| if of > 0.0 { part / of } else { f64::INFINITY };

    let gross = held + portfolio.idle_usd;
    check(over(gross, net, limits.max_leverage), Limit::Leverage, None, ratio(gross, net), limits.max_leverage);
    let drawdown = portfolio.drawdown;
    check(drawdown > limits.max_drawdown, Limit::Drawdown, None, drawdown, limits.max_drawdown);
    let volatile: f64 = portfolio.positions.iter().filter(|one| one.volatile).map(|one| one.value_usd).sum();
    check(over(volatile, net, limits.max_volatile), Limit::Volatile, None, ratio(volatile, net), limits.max_volatile);

    let bets = || portfolio.positions.iter().filter(|one| one.sleeve == Sleeve::Tactical);
    let tactical = bets().map(|one| one.value_usd).sum::<f64>() + portfolio.tactical_cash_usd;
    for bet in bets() {
        let broken = over(bet.value_usd, tactical, limits.max_of_tactical);
        check(broken, Limit::OfTactical, Some(bet), ratio(bet.value_usd, tactical), limits.max_of_tactical);
    }
    for one in portfolio.positions.iter().filter(|one| one.value_usd > 0.0) {
        let (tvl, least) = (one.venue_tvl_usd, limits.min_venue_tvl_usd);
        check(tvl < least, Limit::VenueTvl, Some(one), tvl, least);
        let (audits, least) = (one.audits, limits.min_audits);
        check(audits < least, Limit::Audits, Some(one), f64::from(audits), f64::from(least));
        let (score, most) = (one.risk_score, limits.max_risk_score);
        check(score >= most, Limit::RiskScore, Some(one), score, most);
        let most = limits.max_venue_share;
        check(over(one.value_usd, tvl, most), Limit::VenueShare, Some(one), ratio(one.value_usd, tvl), most);
        let (out, least) = (one.exit_liquidity_usd, limits.min_exit_liquidity);
        check(out < least * one.value_usd, Limit::ExitLiquidity, Some(one), out / one.value_usd, least);
    }
    breaches.sort_by_key(|breach| breach.limit);
    Ok(breaches)
}

/// A limit is kept only by figures that are known: whatever is no number, below zero or so large that its sums are no numbers is a breach of
/// its own.
fn unmeasured(portfolio: &Portfolio) -> Vec<Breach> {
    let Portfolio { positions, idle_usd, tactical_cash_usd, borrowed_usd, drawdown } = portfolio;
    let whole = [*idle_usd, *tactical_cash_usd, *borrowed_usd, *drawdown].map(|figure| (None, figure));
    let single = positions.iter().flat_map(|one| {
        [one.value_usd, one.venue_tvl_usd, one.risk_score, one.exit_liquidity_usd]
            .map(|figure| (Some(one.name.clone()), figure))
    });
    whole
        .into_iter()
        .chain(single)
        .filter(|(_, figure)| !(0.0..=MOST_USD).contains(figure))
        .map(|(position, found)| Breach { limit: Limit::Unmeasured, position, found, allowed: MOST_USD })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn position(name: &str, value: f64) -> Position {
        Position {
            name: name.into(),
            value_usd: value,
            volatile: false,
            sleeve: Sleeve::Base,
            venue_tvl_usd: 2e9,
            audits: 3,
            risk_score: 20.0,
            exit_liquidity_usd: value,
        }
    }

    fn portfolio(positions: Vec<Position>, idle: f64) -> Portfolio {
        Portfolio { positions, idle_usd: idle, tactical_cash_usd: 0.0, borrowed_usd: 0.0, drawdown: 0.0 }
    }

    fn broken(portfolio: &Portfolio) -> Vec<Limit> {
        validate(portfolio, &RiskLimits::vault()).unwrap().into_iter().map(|breach| breach.limit).collect()
    }

    /// A change of one position of 100 000 beside as much cash.
    fn with(change: impl FnOnce(&mut Position)) -> Vec<Limit> {
        let mut one = position("a", 1e5);
        change(&mut one);
        broken(&portfolio(vec![one], 9e5))
    }

    // SPEC R13: each limit at its edge and one step past it.
    #[test]
    fn every_limit_holds_at_its_edge_and_breaks_past_it() {
        assert_eq!(with(|_| ()), []);
        assert_eq!(with(|one| one.venue_tvl_usd = 1e9), []);
        assert_eq!(with(|one| one.venue_tvl_usd = 1e9 - 1.0), [Limit::VenueTvl]);
        assert_eq!(with(|one| one.audits = 1), []);
        assert_eq!(with(|one| one.audits = 0), [Limit::Audits]);
        assert_eq!(with(|one| one.risk_score = 69.999), []);
        assert_eq!(with(|one| one.risk_score = 70.0), [Limit::RiskScore]);
        assert_eq!(with(|one| one.exit_liquidity_usd = 1e5 - 0.01), [Limit::ExitLiquidity]);
        let large = |value| broken(&portfolio(vec![position("a", value)], 0.0));
        assert_eq!((large(2e7), large(2e7 + 1.0)), (vec![], vec![Limit::VenueShare]));
        let volatile = |value| {
            let one = Position { volatile: true, ..position("a", value) };
            broken(&portfolio(vec![one], 100.0 - value))
        };
        assert_eq!((volatile(40.0), volatile(40.01)), (vec![], vec![Limit::Volatile]));
        let bet = |value| {
            let one = Position { sleeve: Sleeve::Tactical, ..position("a", value) };
            broken(&Portfolio { tactical_cash_usd: 100.0 - value, ..portfolio(vec![one], 100.0) })
        };
        assert_eq!((bet(25.0), bet(25.01)), (vec![], vec![Limit::OfTactical]));
        let fallen = |drawdown| broken(&Portfolio { drawdown, ..portfolio(vec![], 1.0) });
        assert_eq!((fallen(0.1), fallen(0.1001)), (vec![], vec![Limit::Drawdown]));
        let owing = |borrowed_usd| broken(&Portfolio { borrowed_usd, ..portfolio(vec![], 1.0) });
        assert_eq!((owing(0.0), owing(0.01)), (vec![], vec![Limit::Leverage]));
    }

    // ERR-55: the plan's own expiry play breaks two limits at once.
    #[test]
    fn the_plans_expiry_play_is_half_of_tactical_and_sixty_percent_volatile() {
        let bets = [80_000.0, 80_000.0, 80_000.0];
        let positions =
            bets.map(|value| Position { sleeve: Sleeve::Tactical, volatile: true, ..position("bet", value) });
        let found = broken(&portfolio(positions.to_vec(), 160_000.0));
        assert_eq!(found, [Limit::Volatile, Limit::OfTactical, Limit::OfTactical, Limit::OfTactical]);
    }

    #[test]
    fn all_breaches_are_listed_and_say_what_was_expected() {
        let bad =
            Position { venue_tvl_usd: 1.0, audits: 0, risk_score: 99.0, exit_liquidity_usd: 0.0, ..position("a", 1e5) };
        let found = validate(&portfolio(vec![bad], 1e6), &RiskLimits::vault()).unwrap();
        assert_eq!(found.len(), 5);
        assert_eq!(found[1].to_string(), "the number of auditors of a is 0, expected at least 1");
    }

    #[test]
    fn what_is_not_measured_keeps_no_limit() {
        let found = broken(&portfolio(vec![position("a", f64::NAN)], 1.0));
        assert!(found.iter().all(|limit| *limit == Limit::Unmeasured) && !found.is_empty());
        assert_eq!(broken(&Portfolio { drawdown: -0.1, ..portfolio(vec![], 1.0) }), [Limit::Unmeasured]);
    }

    #[test]
    fn sums_that_are_no_numbers_keep_no_limit() {
        let found = broken(&portfolio(vec![position("a", f64::MAX), position("b", f64::MAX)], 1.0));
        assert!(found.iter().all(|limit| *limit == Limit::Unmeasured) && !found.is_empty());
    }

    // SPEC R13: a limit that is no number would be kept by everything.
    #[test]
    fn a_limit_that_is_no_number_is_refused_and_never_kept() {
        let ruin = Portfolio { borrowed_usd: 1e6, drawdown: 0.99, ..portfolio(vec![position("a", 1e6)], 0.0) };
        let fields: [fn(&mut RiskLimits) -> &mut f64; 8] = [
            |limits| &mut limits.max_volatile,
            |limits| &mut limits.max_of_tactical,
            |limits| &mut limits.max_drawdown,
            |limits| &mut limits.min_venue_tvl_usd,
            |limits| &mut limits.max_risk_score,
            |limits| &mut limits.max_venue_share,
            |limits| &mut limits.min_exit_liquidity,
            |limits| &mut limits.max_leverage,
        ];
        for field in fields {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
                let mut limits = RiskLimits::vault();
                *field(&mut limits) = bad;
                let refused = validate(&ruin, &limits).unwrap_err().to_string();
                assert!(refused.contains("expected a number from 0 to"), "{refused}");
            }
        }
        // A percentage where a part belongs limits nothing either.
        assert!(validate(&ruin, &RiskLimits { max_volatile: 40.0, ..RiskLimits::vault() }).is_err());
        RiskLimits::treasury().check().unwrap();
    }

    proptest! {
        // A safer portfolio breaks no limit that the riskier one keeps.
        #[test]
        fn moving_to_cash_never_breaks_anything(
            values in proptest::collection::vec((0.0..5e7f64, any::<bool>(), 0.0..100.0f64), 1..5), part in 0.0..1.0f64,
        ) {
            let positions: Vec<Position> = values
                .iter()
                .map(|(value, volatile, score)| Position { volatile: *volatile, risk_score: *score, ..position("p", *value) })
                .collect();
            let before = portfolio(positions, 1e6);
            let mut after = before.clone();
            for one in &mut after.positions {
                let moved = one.value_usd * part;
                one.value_usd -= moved;
                one.exit_liquidity_usd = one.value_usd;
                after.idle_usd += moved;
            }
            // What is held leaves the venue's size as it is; rounding may move a portfolio at a limit by one unit in the last place.
            let (before, after) = (broken(&before), broken(&after));
            let leverage = |limits: &[Limit]| limits.iter().filter(|limit| **limit != Limit::Leverage).count();
            prop_assert!(leverage(&after) <= leverage(&before));
        }
    }
}
