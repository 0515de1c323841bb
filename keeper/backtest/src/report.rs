//! The report as one HTML file that needs nothing else.

use crate::{
    chart::{self, Line, escape},
    outcome::{Ahead, Outcome, PolicyOutcome},
};
use std::{collections::BTreeSet, fmt::Write};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1060px;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;font-size:13px;width:100%}\
th,td{padding:.3rem .5rem;text-align:right;border-bottom:1px solid #e3e3e3}th:first-child,td:first-child{text-align:left}\
svg{width:100%;height:auto;font-size:11px;fill:#333}.legend span{margin-right:1rem;font-size:13px;white-space:nowrap}\
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.3em;border-radius:2px}.note{color:#555;font-size:13px}";

/// Percent of a fraction.
fn percent(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

fn money(value: f64) -> String {
    let whole = format!("{:.0}", value.abs());
    let grouped: Vec<String> =
        whole.as_bytes().rchunks(3).rev().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    format!("{}{}", if value < 0.0 { "−" } else { "" }, grouped.join(","))
}

fn ahead(ahead: Option<Ahead>) -> String {
    ahead.map_or_else(
        || "–".into(),
        |Ahead { net_apy, interval }| {
            format!("{:+.2} [{:+.2}, {:+.2}]", net_apy * 100.0, interval.low * 100.0, interval.high * 100.0)
        },
    )
}

/// The whole report.
#[must_use]
pub fn html(outcome: &Outcome) -> String {
    let dates: Vec<String> = outcome
        .policies
        .first()
        .map(|policy| policy.equity.iter().map(|(date, _)| date.clone()).collect())
        .unwrap_or_default();
    let curves: Vec<(&str, Vec<f64>)> = outcome
        .policies
        .iter()
        .map(|policy| (policy.name.as_str(), policy.equity.iter().map(|(_, nav)| *nav).collect()))
        .collect();
    let falls: Vec<(&str, Vec<f64>)> =
        curves.iter().map(|(name, equity)| (*name, drawdown(outcome.capital, equity))).collect();
    let as_lines = |series: &[(&str, Vec<f64>)], draw: &dyn Fn(&[Line<'_>]) -> String| {
        let lines: Vec<Line<'_>> = series.iter().map(|(name, values)| Line { name, values }).collect();
        draw(&lines)
    };

    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Backtest {} to {}</title><style>{STYLE}</style><h1>Backtest {} to {}, {} USDC</h1>",
        outcome.start,
        outcome.end,
        outcome.start,
        outcome.end,
        money(outcome.capital)
    );
    let _ = write!(page, "<p>Data: {}. Venues: {}.</p>", escape(&outcome.data), escape(&outcome.series.join(", ")));
    page.push_str(&table(outcome));
    page.push_str("<h2>Equity</h2>");
    page.push_str(&as_lines(&curves, &|lines| chart::lines(&dates, lines, money)));
    page.push_str("<h2>Drawdown</h2>");
    page.push_str(&as_lines(&falls, &|lines| chart::lines(&dates, lines, percent)));
    for policy in outcome.policies.iter().filter(|policy| !policy.holds.is_empty()) {
        page.push_str(&decided(outcome, policy, &dates));
    }
    page.push_str(&regimes(outcome));
    page.push_str(&scores(outcome));
    page.push_str("<h2>What this stands on</h2><ul class=\"note\">");
    for venue in &outcome.venues {
        let sources: Vec<String> =
            venue.sources.iter().map(|span| format!("{} from {}", span.source, span.from)).collect();
        let _ = write!(page, "<li>{}: {} days, {}</li>", escape(&venue.id), venue.days, escape(&sources.join(", ")));
    }
    for note in &outcome.notes {
        let _ = write!(page, "<li>{}</li>", escape(note));
    }
    let _ = write!(page, "<li>{} rows of the data were refused.</li></ul></html>", outcome.refused_rows);
    page
}

fn table(outcome: &Outcome) -> String {
    let mut table = String::from(
        "<table><tr><th>policy</th><th>final USDC</th><th>net APY</th><th>95 %</th><th>Sharpe</th><th>95 %</th><th>drawdown</th>\
         <th>invested</th><th>gas a year</th><th>moves</th><th>turnover a year</th><th>APY above hold, points</th><th>above best single</th>\
         <th>above hold capped</th><th>above best single capped</th></tr>",
    );
    for policy in &outcome.policies {
        let figures = &policy.metrics;
        let interval = figures.net_apy_interval;
        let _ = write!(
            table,
            "<tr><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{:.2}–{:.2}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1}×</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&policy.about),
            escape(&policy.name),
            money(policy.final_value),
            percent(policy.net_apy),
            interval.low * 100.0,
            interval.high * 100.0,
            policy.sharpe.map_or_else(|| "–".into(), |sharpe| format!("{sharpe:.2}")),
            figures
                .sharpe_interval
                .map_or_else(|| "–".into(), |interval| format!("{:.2}–{:.2}", interval.low, interval.high)),
            percent(policy.max_drawdown),
            percent(figures.invested),
            percent(figures.gas_per_year),
            policy.rebalances,
            figures.turnover_per_year,
            ahead(policy.ahead_of_hold),
            ahead(policy.ahead_of_best_single),
            ahead(policy.ahead_of_hold_capped),
            ahead(policy.ahead_of_best_single_capped),
        );
    }
    table + "</table>"
}

/// What one policy of the vault did.
fn decided(outcome: &Outcome, policy: &PolicyOutcome, dates: &[String]) -> String {
    let name = escape(&policy.name);
    let mut part = format!("<h2>{name}: allocation</h2>");
    let idle: Vec<f64> = policy
        .equity
        .iter()
        .enumerate()
        .map(|(at, (_, nav))| nav - policy.positions.iter().map(|venue| venue[at]).sum::<f64>())
        .collect();
    let mut layers: Vec<Line<'_>> = outcome
        .venues
        .iter()
        .zip(&policy.positions)
        .filter(|(_, values)| values.iter().any(|value| *value > 0.0))
        .map(|(venue, values)| Line { name: &venue.id, values })
        .collect();
    layers.push(Line { name: "idle", values: &idle });
    part.push_str(&chart::stack(dates, &layers, money));
    let usdc = |assets: ballast_types::Assets| assets.0 as f64 / 1e6;
    let ledger = &policy.ledger;
    let mut changes = vec![
        ("interest", usdc(ledger.interest)),
        ("dilution", -usdc(ledger.dilution)),
        ("gas", -usdc(ledger.gas)),
        ("upkeep", -usdc(ledger.upkeep)),
        ("losses", -usdc(ledger.losses)),
    ];
    // Where every venue is in USDC there is nothing of these.
    if outcome.swaps {
        changes.extend([
            ("slippage", -usdc(ledger.slippage)),
            ("prices up", usdc(ledger.gains)),
            ("prices down", -usdc(ledger.depreciation)),
        ]);
    }
    let _ = write!(part, "<h2>{name}: from capital to final value</h2>");
    part.push_str(&chart::waterfall(("capital", outcome.capital), &changes, "final", money));
    let holds: Vec<String> = policy.holds.iter().map(|(gate, days)| format!("{gate} {days}")).collect();
    let _ = write!(
        part,
        "<p class=\"note\">Days without a move, by the first gate that refused: {}.",
        escape(&holds.join(", "))
    );
    for exit in &policy.exits {
        let _ = write!(part, " Exit on {}: {} out, {} stuck.", exit.date, money(exit.out), money(exit.stuck));
    }
    if !policy.retreats.is_empty() {
        let out: f64 = policy.retreats.iter().map(|retreat| retreat.out).sum();
        let count = policy.retreats.len();
        let _ = write!(part, " Taken out of venues that the switch had closed: {}, in {count} calls.", money(out));
    }
    part + "</p>"
}

fn regimes(outcome: &Outcome) -> String {
    let Some(first) = outcome.policies.first() else { return String::new() };
    let mut table = String::from("<h2>By year</h2><table><tr><th>policy</th>");
    for (year, _) in &first.years {
        let _ = write!(table, "<th>{year}</th>");
    }
    table.push_str("</tr>");
    for policy in &outcome.policies {
        let _ = write!(table, "<tr><td>{}</td>", escape(&policy.name));
        for (_, change) in &policy.years {
            let _ = write!(table, "<td>{}</td>", percent(*change));
        }
        table.push_str("</tr>");
    }
    table + "</table>"
}

/// Each venue's score as of the first days of half-years; nothing if there are none.
fn scores(outcome: &Outcome) -> String {
    let halves = |date: &str| date.ends_with("-01-01") || date.ends_with("-07-01");
    let all = outcome.venues.iter().flat_map(|venue| &venue.scores);
    let dates: BTreeSet<&str> = all.map(|score| score.date.as_str()).filter(|date| halves(date)).collect();
    if dates.is_empty() {
        return String::new();
    }
    let mut table = String::from("<h2>Scores of risk, 0 to 100, high is risky</h2><table><tr><th>venue</th>");
    for date in &dates {
        let _ = write!(table, "<th>{date}</th>");
    }
    table.push_str("</tr>");
    for venue in outcome.venues.iter().filter(|venue| !venue.scores.is_empty()) {
        let _ = write!(table, "<tr><td>{}</td>", escape(&venue.id));
        for date in &dates {
            let score = venue.scores.iter().find(|score| score.date == *date);
            let _ = write!(table, "<td>{}</td>", score.map_or_else(|| "–".into(), |score| score.score.to_string()));
        }
        table.push_str("</tr>");
    }
    table + "</table>"
}

/// By day, the fall from the highest value so far, zero or negative.
fn drawdown(capital: f64, equity: &[f64]) -> Vec<f64> {
    let mut high = capital;
    equity
        .iter()
        .map(|nav| {
            high = high.max(*nav);
            nav / high - 1.0
        })
        .collect()
}
