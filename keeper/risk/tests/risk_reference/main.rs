//! The figures of this crate against numpy's and scipy's (SPEC R10, R7).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../../tools/python/reference.rs"]
mod reference;

use ballast_risk::{
    anomaly::HeavyTail,
    distribution::{normal_quantile, student_upper},
    portfolio::{
        cornish_fisher, correlation, historical, kelly, max_drawdown, moments, tail_index, tail_ratio, volatility,
    },
    score::variation,
};
use serde_json::{Value, json};

/// A fixed stream of numbers in [0, 1).
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Daily returns with a heavy left tail.
    fn returns(&mut self, count: usize) -> Vec<f64> {
        let one = |stream: &mut Self| {
            let ordinary = (0..12).map(|_| stream.next()).sum::<f64>() - 6.0;
            let crash = if stream.next() < 0.05 { -0.08 * stream.next() } else { 0.0 };
            0.0005 + 0.01 * ordinary + crash
        };
        (0..count).map(|_| one(self)).collect()
    }
}

fn close(what: &str, ours: f64, theirs: &Value, tolerance: f64) {
    let theirs = theirs.as_f64().unwrap_or_else(|| panic!("{what}: no number but {theirs}"));
    let apart = (ours - theirs).abs() / theirs.abs().max(1e-6);
    assert!(apart <= tolerance, "{what}: {ours} here, {theirs} there, {apart:e} apart");
}

fn ask(question: &Value) -> Value {
    serde_json::from_str(&reference::ask("reference_risk.py", &question.to_string())).unwrap()
}

// SPEC R10
#[test]
fn portfolio_figures_are_numpys_and_scipys() {
    let mut stream = Stream(0x2545_F491_4F6C_DD1D);
    let cases: Vec<(Vec<f64>, Vec<f64>, f64, usize)> = [30, 41, 100, 365, 1_000]
        .into_iter()
        .flat_map(|count| [0.01, 0.05, 0.1].map(|tail| (count, tail)))
        .map(|(count, tail)| (stream.returns(count), stream.returns(count), tail, 5))
        .collect();
    let bets: Vec<(f64, f64)> = (0..20).map(|_| (stream.next() - 0.5, 0.01 + stream.next())).collect();
    let asked: Vec<Value> = cases
        .iter()
        .map(
            |(returns, other, tail, worst)| json!({ "returns": returns, "other": other, "tail": tail, "worst": worst }),
        )
        .collect();
    let answered = ask(&json!({ "portfolio": asked, "normal": [], "student": [], "kelly": bets }));
    for ((returns, other, tail, worst), theirs) in cases.iter().zip(answered["portfolio"].as_array().unwrap()) {
        let check = |name: &str, ours: f64| close(name, ours, &theirs[name], 1e-9);
        let shape = moments(returns).unwrap();
        check("mean", shape.mean);
        check("deviation", shape.deviation);
        check("skewness", shape.skewness);
        check("kurtosis", shape.excess_kurtosis);
        let found = historical(returns, *tail).unwrap();
        check("value_at_risk", found.value_at_risk);
        check("expected_shortfall", found.expected_shortfall);
        let bent = cornish_fisher(returns, *tail).unwrap().risk;
        check("bent_value_at_risk", bent.value_at_risk);
        check("bent_expected_shortfall", bent.expected_shortfall);
        check("volatility", volatility(returns).unwrap());
        check("correlation", correlation(returns, other).unwrap());
        check("tail_index", tail_index(returns, *worst).unwrap());
        check("tail_ratio", tail_ratio(returns).unwrap());
        let mut value = 1.0;
        let values: Vec<f64> = returns
            .iter()
            .map(|change| {
                value *= 1.0 + change;
                value
            })
            .collect();
        check("drawdown", max_drawdown(&values).unwrap());
        check("variation", variation(&values).unwrap());
    }
    for ((mean, variance), theirs) in bets.iter().zip(answered["kelly"].as_array().unwrap()) {
        // A minimiser finds its place only to the root of the precision.
        close("kelly", kelly(*mean, *variance).unwrap(), theirs, 1e-6);
    }
}

// SPEC R7: the quantiles that the thresholds are.
#[test]
fn quantiles_are_scipys() {
    let mut stream = Stream(88_172_645_463_325_252);
    let probabilities: Vec<f64> =
        (0..200).map(|index| (0.5 * stream.next()).max(1e-300) * 10f64.powi(-(index % 16))).collect();
    let tails: Vec<(f64, f64)> = (0..200)
        .map(|index| (0.5 * stream.next() * 10f64.powi(-(index % 10)), 1.0 + (stream.next() * 2_000.0).floor()))
        .collect();
    let question = json!({ "portfolio": [], "normal": probabilities, "student": tails, "kelly": [] });
    let answered = ask(&question);
    for (p, theirs) in probabilities.iter().zip(answered["normal"].as_array().unwrap()) {
        close("normal", normal_quantile(*p).unwrap(), theirs, 1e-12);
    }
    for ((p, freedom), theirs) in tails.iter().zip(answered["student"].as_array().unwrap()) {
        close("student", student_upper(*p, *freedom).unwrap(), theirs, 1e-9);
    }
}

// SPEC R7: the tail that the live threshold is taken from.
#[test]
fn a_fitted_tail_and_what_it_exceeds_are_scipys() {
    let mut stream = Stream(0x9E37_79B9_7F4A_7C15);
    let exceeded = [5e-3, 1e-3, 1e-4, 1e-6];
    let samples: Vec<(Vec<f64>, f64)> = [(200, 0.05), (1_000, 0.02), (5_000, 0.01)]
        .into_iter()
        .map(|(count, share)| {
            // Between a mean without a variance and a thin tail, with either sign.
            let one = |stream: &mut Stream| (stream.next() - 0.5).signum() * (1.0 - stream.next()).powf(-0.7);
            ((0..count).map(|_| one(&mut stream)).collect(), share)
        })
        .collect();
    let asked: Vec<Value> = samples
        .iter()
        .map(|(values, share)| json!({ "values": values, "share": share, "exceeded": exceeded }))
        .collect();
    let question = json!({ "portfolio": [], "normal": [], "student": [], "kelly": [], "tails": asked });
    let answered = ask(&question);
    for ((values, share), theirs) in samples.iter().zip(answered["tails"].as_array().unwrap()) {
        let ours = HeavyTail::fit(values, *share).unwrap();
        close("from", ours.from, &theirs["from"], 1e-15);
        close("index", ours.index, &theirs["index"], 1e-9);
        for (p, theirs) in exceeded.iter().zip(theirs["exceeded"].as_array().unwrap()) {
            close("exceeded", ours.exceeded(*p), theirs, 1e-9);
        }
    }
}
