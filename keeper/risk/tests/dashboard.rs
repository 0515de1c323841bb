//! The dashboard's document against its published schema (SPEC R15).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_risk::{
    PegStatus, Stablecoin, Tier,
    dashboard::{
        AlertView, DashboardParts, Figures, GasView, KillFlags, OracleView, PegView, PositionView, RiskDashboard,
        Severity,
    },
    kill_switch::Trigger,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn schema() -> Value {
    serde_json::from_str(include_str!("../schema/dashboard.schema.json")).unwrap()
}

/// What of `value` is not as the schema says. Knows the words that the schema uses, and no others.
fn complaints(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    const KNOWN: [&str; 11] = [
        "$schema",
        "title",
        "description",
        "type",
        "additionalProperties",
        "required",
        "properties",
        "items",
        "enum",
        "minimum",
        "maximum",
    ];
    let words = schema.as_object().unwrap();
    assert!(words.keys().all(|word| KNOWN.contains(&word.as_str())), "{at}: a word that this test does not know");
    let mut found = Vec::new();
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let typed = match words.get("type") {
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().any(|name| is(name.as_str().unwrap())),
        _ => true,
    };
    if !typed {
        found.push(format!("{at} is {value}"));
    }
    if let Some(Value::Array(allowed)) = words.get("enum")
        && !allowed.contains(value)
    {
        found.push(format!("{at} is {value}"));
    }
    if let Some(number) = value.as_f64() {
        let bound = |word: &str| words.get(word).and_then(Value::as_f64);
        if bound("minimum").is_some_and(|least| number < least) || bound("maximum").is_some_and(|most| number > most) {
            found.push(format!("{at} is {value}"));
        }
    }
    if let (Some(items), Some(values)) = (words.get("items"), value.as_array()) {
        found.extend(values.iter().flat_map(|one| complaints(items, one, &format!("{at}[]"))));
    }
    if let (Some(properties), Some(object)) = (words.get("properties"), value.as_object()) {
        assert_eq!(words["additionalProperties"], false, "{at}");
        let required: Vec<&str> =
            words["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        found.extend(
            required.iter().filter(|key| !object.contains_key(**key)).map(|key| format!("{at}.{key} is absent")),
        );
        for (key, one) in object {
            match properties.get(key) {
                Some(schema) => found.extend(complaints(schema, one, &format!("{at}.{key}"))),
                None => found.push(format!("{at}.{key} is not in the schema")),
            }
        }
    }
    found
}

fn parts() -> DashboardParts {
    DashboardParts {
        as_of: 1_700_000_000,
        positions: vec![
            PositionView {
                venue: "aave-v3".into(),
                value_usd: 400_000.0,
                share: 0.4,
                risk_score: 20.0,
                apr: Some(0.039),
                utilisation: Some(0.8),
                can_add: true,
            },
            PositionView {
                venue: "curve".into(),
                value_usd: 400_000.0,
                share: 0.4,
                risk_score: 60.0,
                apr: None,
                utilisation: None,
                can_add: false,
            },
        ],
        pegs: vec![
            PegView { coin: Stablecoin::Usdc, price_usd: Some(0.9999), status: Some(PegStatus::Safe) },
            PegView { coin: Stablecoin::Frax, price_usd: None, status: None },
        ],
        oracle_health: vec![OracleView {
            feed: "USDC/USD".into(),
            healthy: true,
            age: Some(60),
            reason: String::new(),
        }],
        gas: GasView { base_fee_gwei: Some(12.5), spent_usd_this_year: 100.0, drag: Some(0.001) },
        figures: Figures {
            value_usd: 1e6,
            year_to_date: Some(0.03),
            sharpe: None,
            max_drawdown: Some(0.01),
            liquidity_coverage: Some(1.2),
            days_to_exit: Some(0.0),
            value_at_risk: Some(-0.0001),
            expected_shortfall: Some(0.0),
        },
        alerts: vec![AlertView {
            time: 1,
            severity: Severity::Warning,
            kind: "peg".into(),
            message: "FRAX is not known".into(),
        }],
        kill_switches: KillFlags::of([Trigger::Oracle]),
    }
}

// SPEC R15, ERR-52
#[test]
fn the_document_is_as_its_schema_says() {
    let document = RiskDashboard::new(parts());
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(complaints(&schema(), &json, "$"), Vec::<String>::new());
    assert_eq!((document.overall_risk_score(), document.risk_tier()), (32.0, Tier::Medium));
    assert_eq!(
        json["kill_switches"],
        json!({"peg": false, "tvl": false, "utilisation": false, "oracle": true, "governance": false})
    );
}

#[test]
fn what_the_schema_does_not_allow_is_found() {
    let json = serde_json::to_value(RiskDashboard::new(parts())).unwrap();
    let with = |change: fn(&mut Value)| {
        let mut changed = json.clone();
        change(&mut changed);
        complaints(&schema(), &changed, "$").len()
    };
    assert_eq!(with(|one| one["risk_tier"] = json!("low")), 1);
    assert_eq!(with(|one| one["overall_risk_score"] = json!(101)), 1);
    assert_eq!(with(|one| one["more"] = json!(1)), 1);
    assert_eq!(with(|one| drop(one.as_object_mut().unwrap().remove("sharpe"))), 1);
    assert_eq!(with(|one| one["positions"][0]["can_add"] = json!(1)), 1);
}

proptest! {
    #[test]
    fn any_figures_make_a_valid_document(
        shares in proptest::collection::vec((0.0..=1.0f64, 0.0..=100.0f64), 0..6),
        figure in proptest::option::of(0.0..1.0f64),
    ) {
        let mut parts = parts();
        let template = parts.positions[0].clone();
        parts.positions = shares
            .iter()
            .map(|(share, score)| PositionView { share: *share, risk_score: *score, apr: figure, ..template.clone() })
            .collect();
        parts.figures.max_drawdown = figure;
        let document = RiskDashboard::new(parts);
        let json = serde_json::to_value(&document).unwrap();
        prop_assert_eq!(complaints(&schema(), &json, "$"), Vec::<String>::new());
        prop_assert_eq!(Tier::of(document.overall_risk_score()), document.risk_tier());
    }
}
