//! How answers are shown, on standard output.

use ballast_types::{Action, DecisionRecord, Market, Mode, Snapshot, VenueReading};
use eyre::Report;
use serde::Serialize;
use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

/// An error and its causes on one line.
pub(crate) fn chain(error: &Report) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Transparent errors repeat their source.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A line of the answer. A reader that has gone away (`| head`) changes nothing about what the command does.
///
/// # Errors
/// If standard output cannot be written for another reason.
pub(crate) fn say(line: impl Display) -> eyre::Result<()> {
    delivered(writeln!(io::stdout().lock(), "{line}"))
}

/// Says on standard error what is wrong with the arguments, where their parser could not know.
pub(crate) fn misuse(why: impl Display) -> eyre::Result<ExitCode> {
    eprintln!("error: {why}");
    Ok(ExitCode::from(2))
}

fn delivered(written: io::Result<()>) -> eyre::Result<()> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Report::new(error).wrap_err("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn json(value: &impl Serialize) -> eyre::Result<()> {
    say(serde_json::to_string_pretty(value)?)
}

/// The vault's positions as a table, one line per venue.
pub(crate) fn venues(snapshot: &Snapshot) -> String {
    let mut lines =
        vec![format!("  {:<18} {:>16} {:>8} {:>11} {:>18}", "venue", "USDC", "of NAV", "lent out", "venue size")];
    let nav = snapshot.vault.nav.0.max(1);
    let share = |value: u128| format!("{:.1} %", value as f64 * 100.0 / nav as f64);
    for venue in &snapshot.venues {
        lines.push(match &venue.reading {
            VenueReading::Read { value, markets, size, .. } => format!(
                "  {:<18} {:>16} {:>8} {:>9.2} % {:>18}",
                venue.name,
                value.to_string(),
                share(value.0),
                lent_out(markets),
                size.to_string(),
            ),
            VenueReading::Unreadable { why } => format!("  {:<18} unreadable: {why}", venue.name),
        });
    }
    let idle = snapshot.vault.idle;
    lines.push(format!("  {:<18} {:>16} {:>8}", "idle", idle.to_string(), share(idle.0)));
    lines.push(format!("  {:<18} {:>16}", "NAV", snapshot.vault.nav.to_string()));
    lines.join("\n")
}

/// Percent of what the venue holds in its markets that is out on loan there.
fn lent_out(markets: &[Market]) -> f64 {
    let held: f64 = markets.iter().map(|market| market.held.0 as f64).sum();
    let lent = |market: &Market| market.held.0 as f64 * market.borrowed.0 as f64 / (market.supplied.0 as f64).max(1.0);
    markets.iter().map(lent).sum::<f64>() * 100.0 / held.max(1.0)
}

pub(crate) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Normal => "Normal",
        Mode::ReduceOnly => "ReduceOnly",
        Mode::Exit => "Exit",
    }
}

/// A decision with its gates, for a person.
pub(crate) fn decision(record: &DecisionRecord) -> String {
    let mut lines = vec![match &record.decision.action {
        Action::Hold => format!("HOLD at block {}", record.snapshot.block.number),
        Action::Rebalance { .. } => format!("REBALANCE at block {}", record.snapshot.block.number),
    }];
    for target in record.decision.targets() {
        let name = record.snapshot.venues.iter().find(|venue| venue.adapter == target.adapter);
        lines.push(format!(
            "  {:<18} {} → {} ({} bps of NAV)",
            name.map_or_else(|| target.adapter.to_string(), |venue| venue.name.clone()),
            target.from,
            target.to,
            target.bps.0,
        ));
    }
    for gate in &record.decision.gates {
        lines.push(format!(
            "  [{}] {:<12} {}",
            if gate.passed { "pass" } else { "HOLD" },
            gate.id.to_string(),
            gate.detail
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_failure_and_a_full_disk_is_one() {
        assert!(delivered(Ok(())).is_ok());
        assert!(delivered(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(delivered(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
