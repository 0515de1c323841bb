//! What several sources of one quantity agree on, or that they do not.

use ballast_types::{Observation, SeriesId};
use serde::Serialize;

/// When sources agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Distinct sources that must have a fresh value, at least 1.
    quorum: usize,
    /// Values further apart than both of these from the median are not in agreement.
    relative: f64,
    absolute: f64,
    /// Seconds; an older value does not count.
    max_age: u64,
}

/// A rule that could not hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    #[error("a quorum of 0 would agree on nothing, expected at least 1")]
    NoQuorum,
    #[error("the tolerance {0} is none, expected a finite number of at least 0")]
    Tolerance(f64),
}

impl Rule {
    /// `quorum` distinct sources, each within `relative` of the median (a fraction of its magnitude) or within `absolute` of it (in the
    /// metric's unit), and no older than `max_age` seconds.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn new(quorum: usize, relative: f64, absolute: f64, max_age: u64) -> Result<Self, RuleError> {
        if quorum == 0 {
            return Err(RuleError::NoQuorum);
        }
        for tolerance in [relative, absolute] {
            if !tolerance.is_finite() || tolerance < 0.0 {
                return Err(RuleError::Tolerance(tolerance));
            }
        }
        Ok(Self { quorum, relative, absolute, max_age })
    }

    fn is_near(&self, value: f64, median: f64) -> bool {
        let distance = (value - median).abs();
        distance <= self.absolute || distance <= self.relative * median.abs()
    }
}

/// One source's newest value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    pub source: String,
    pub value: f64,
    pub time: u64,
    /// Seconds.
    pub age: u64,
    /// Within the tolerance of the median.
    pub agrees: bool,
}

/// What sources say together. Everything but `Agreed` is a state that a decision sees and holds for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Combined {
    /// More than half of the fresh members, and at least the quorum, are near the median; those that are not are named all the same.
    Agreed { value: f64, members: Vec<Member> },
    /// Enough members are fresh, but too few of them agree.
    Disagreement { members: Vec<Member> },
    /// Fewer sources than the quorum have any value.
    TooFew { needed: usize, members: Vec<Member> },
    /// Enough sources have a value, but too few a fresh one. `members` are all of them.
    Stale { needed: usize, max_age: u64, members: Vec<Member> },
}

impl Combined {
    /// The value that may be used.
    #[must_use]
    pub const fn value(&self) -> Option<f64> {
        match self {
            Self::Agreed { value, .. } => Some(*value),
            Self::Disagreement { .. } | Self::TooFew { .. } | Self::Stale { .. } => None,
        }
    }

    #[must_use]
    pub fn members(&self) -> &[Member] {
        match self {
            Self::Agreed { members, .. }
            | Self::Disagreement { members }
            | Self::TooFew { members, .. }
            | Self::Stale { members, .. } => members,
        }
    }

    /// Why there is no value, for a person; `None` if there is one.
    #[must_use]
    pub fn doubt(&self, series: &SeriesId) -> Option<String> {
        let said = || {
            let each = self.members().iter();
            let each = each.map(|member| format!("{} says {} ({} s old)", member.source, member.value, member.age));
            each.collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Agreed { .. } => None,
            Self::Disagreement { .. } => Some(format!("the sources of {series} disagree: {}", said())),
            Self::TooFew { needed, members } => {
                Some(format!("{series} has {} of {needed} sources: {}", members.len(), said()))
            }
            Self::Stale { needed, max_age, .. } => {
                Some(format!("fewer than {needed} sources of {series} are younger than {max_age} s: {}", said()))
            }
        }
    }
}

/// What the newest known value of each source says together at `now`. Only observations of `series` that were known by then count; of
/// two of one source the later one does.
///
/// The value is the median of all fresh members, so with three of them no single one can move it beyond the other two. With an even number
/// it is the mean of the middle two.
#[must_use]
pub fn combine<'a>(
    series: &SeriesId,
    observations: impl IntoIterator<Item = &'a Observation>,
    rule: &Rule,
    now: u64,
) -> Combined {
    let mut newest: Vec<&Observation> = observations
        .into_iter()
        .filter(|observation| observation.series() == series && observation.known_at() <= now)
        .collect();
    // The last of each source is its newest; what was known later corrects, and of two that were known at once the larger value is
    // taken, whatever order they came in.
    newest.sort_by(|one, other| {
        let key =
            |observation: &&Observation| (observation.source().to_owned(), observation.time(), observation.known_at());
        key(one).cmp(&key(other)).then(one.value().total_cmp(&other.value()))
    });
    newest.reverse();
    newest.dedup_by(|later, kept| later.source() == kept.source());
    newest.reverse();
    let member = |observation: &Observation| Member {
        source: observation.source().to_owned(),
        value: observation.value(),
        time: observation.time(),
        age: now.saturating_sub(observation.time()),
        agrees: false,
    };
    let all: Vec<Member> = newest.into_iter().map(member).collect();
    if all.len() < rule.quorum {
        return Combined::TooFew { needed: rule.quorum, members: all };
    }
    let mut fresh: Vec<Member> = all.iter().filter(|member| member.age <= rule.max_age).cloned().collect();
    let Some(median) = median(&fresh).filter(|_| fresh.len() >= rule.quorum) else {
        return Combined::Stale { needed: rule.quorum, max_age: rule.max_age, members: all };
    };
    for member in &mut fresh {
        member.agrees = rule.is_near(member.value, median);
    }
    let agreeing = fresh.iter().filter(|member| member.agrees).count();
    if agreeing >= rule.quorum && agreeing * 2 > fresh.len() {
        Combined::Agreed { value: median, members: fresh }
    } else {
        Combined::Disagreement { members: fresh }
    }
}

fn median(members: &[Member]) -> Option<f64> {
    let mut values: Vec<f64> = members.iter().map(|member| member.value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(middle - 1)?;
    // Not (lower + upper) / 2, so that it cannot round out of the two.
    Some(lower + (upper - lower) / 2.0)
}
