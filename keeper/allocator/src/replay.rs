//! Deciding again from a record, and comparing field by field.

use crate::decide::decide_with;
use ballast_types::{Action, Decision, DecisionRecord, record::FORMAT};
use std::fmt;

/// Whether a record's decision follows from its snapshot and policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayReport {
    pub equal: bool,
    /// Empty exactly if `equal`.
    pub differences: Vec<Difference>,
}

/// One field that came out differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path inside the record, such as `decision.action.targets[1].bps`.
    pub field: String,
    pub recorded: String,
    pub derived: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: recorded {}, derived {}", self.field, self.recorded, self.derived)
    }
}

/// Derives the decision again from the record's own snapshot, policy and outlook, and compares it with the recorded one.
///
/// A record that names models is not equal: this build has none, so it cannot say what they would have answered.
#[must_use]
pub fn replay(record: &DecisionRecord) -> ReplayReport {
    let mut comparison = Comparison::default();
    comparison.field("format", &record.format, &FORMAT);
    let named: Vec<String> = record.models.iter().map(|model| format!("{} {}", model.name, model.version)).collect();
    comparison.field("models", &named, &Vec::new());
    let derived = decide_with(&record.snapshot, &record.policy, &record.outlook);
    let before = comparison.differences.len();
    comparison.decision(&record.decision, &derived);
    if comparison.differences.len() == before {
        // The list above may lag behind the type; equality does not.
        comparison.field("decision", &record.decision, &derived);
    }
    ReplayReport { equal: comparison.differences.is_empty(), differences: comparison.differences }
}

#[derive(Default)]
struct Comparison {
    differences: Vec<Difference>,
}

impl Comparison {
    fn field<T: PartialEq + fmt::Debug>(&mut self, field: &str, recorded: &T, derived: &T) {
        if recorded != derived {
            self.differences.push(Difference {
                field: field.to_owned(),
                recorded: format!("{recorded:?}"),
                derived: format!("{derived:?}"),
            });
        }
    }

    /// Compares two lists item by item if they are as long, else only their lengths.
    fn list<T>(&mut self, field: &str, recorded: &[T], derived: &[T], each: impl Fn(&mut Self, &str, &T, &T)) {
        self.field(&format!("{field}.length"), &recorded.len(), &derived.len());
        if recorded.len() == derived.len() {
            for (index, (recorded, derived)) in recorded.iter().zip(derived).enumerate() {
                each(self, &format!("{field}[{index}]"), recorded, derived);
            }
        }
    }

    fn decision(&mut self, recorded: &Decision, derived: &Decision) {
        let kind = |action: &Action| match action {
            Action::Hold => "hold",
            Action::Rebalance { .. } => "rebalance",
        };
        self.field("decision.action.kind", &kind(&recorded.action), &kind(&derived.action));
        self.list("decision.action.targets", recorded.targets(), derived.targets(), |this, at, recorded, derived| {
            this.field(&format!("{at}.adapter"), &recorded.adapter, &derived.adapter);
            this.field(&format!("{at}.bps"), &recorded.bps.0, &derived.bps.0);
            this.field(&format!("{at}.from"), &recorded.from.0, &derived.from.0);
            this.field(&format!("{at}.to"), &recorded.to.0, &derived.to.0);
            this.field(&format!("{at}.min_out"), &recorded.min_out.0, &derived.min_out.0);
        });
        self.list("decision.gates", &recorded.gates, &derived.gates, |this, at, recorded, derived| {
            this.field(&format!("{at}.id"), &recorded.id, &derived.id);
            this.field(&format!("{at}.passed"), &recorded.passed, &derived.passed);
            this.field(&format!("{at}.detail"), &recorded.detail, &derived.detail);
        });
        match (&recorded.prediction, &derived.prediction) {
            (Some(recorded), Some(derived)) => {
                self.field("decision.prediction.nav", &recorded.nav.0, &derived.nav.0);
                self.field("decision.prediction.idle_after", &recorded.idle_after.0, &derived.idle_after.0);
                self.field("decision.prediction.apr_before", &recorded.apr_before.0, &derived.apr_before.0);
                self.field("decision.prediction.apr_after", &recorded.apr_after.0, &derived.apr_after.0);
                self.field("decision.prediction.gain", &recorded.gain.0, &derived.gain.0);
                self.field("decision.prediction.gas_cost", &recorded.gas_cost.0, &derived.gas_cost.0);
                self.field("decision.prediction.turnover", &recorded.turnover.0, &derived.turnover.0);
            }
            (recorded, derived) => self.field("decision.prediction", recorded, derived),
        }
    }
}
