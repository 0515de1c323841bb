//! `ballast decisions quality`

use crate::{data, db::Place, output};
use ballast_risk::facts::Day;
use ballast_service::quality::{GasAndGains, Month, Quality, months};
use ballast_store::History;
use ballast_types::calendar;
use clap::Args;
use eyre::{bail, eyre};
use std::{ops::Range, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// How many calendar months (UTC), this one included
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=120))]
    months: u32,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    let history = History::open_read_only(&arguments.place.location()?).await?;
    let now = data::now()?;
    // A development chain's time runs ahead of the clock.
    let latest = history.newest_decision().await?.unwrap_or(now).max(now);
    let mut found = months(&history, &last_months(latest, arguments.months)?, latest).await?;
    history.close().await;
    found.retain(has_something);
    if arguments.json {
        output::json(&found)?;
    } else if found.is_empty() {
        output::say("nothing is recorded of these months")?;
    }
    if !arguments.json {
        for month in &found {
            output::say(told(month))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn has_something(month: &Month) -> bool {
    month.gas.is_some() || month.horizons.iter().any(|of| of.judged + of.not_judged > 0)
}

/// The last `count` months up to the one that `now` is in, oldest first, with their times.
fn last_months(now: u64, count: u32) -> eyre::Result<Vec<(String, Range<u64>)>> {
    let today = calendar::date(now);
    let mut parts = today.split('-').map(str::parse::<u64>);
    let (Some(Ok(year)), Some(Ok(month))) = (parts.next(), parts.next()) else { bail!("{today} is no date") };
    // Months since the year 0, so that a year's end is nothing special.
    let this = year * 12 + month - 1;
    let start = |number: u64| -> eyre::Result<(String, u64)> {
        let name = format!("{:04}-{:02}", number / 12, number % 12 + 1);
        let day: Day = format!("{name}-01").parse()?;
        Ok((name, day.start()))
    };
    let first = this.checked_sub(u64::from(count) - 1).ok_or_else(|| eyre!("there are not so many months"))?;
    (first..=this)
        .filter(|number| *number >= 1970 * 12)
        .map(|number| {
            let ((name, from), (_, to)) = (start(number)?, start(number + 1)?);
            Ok((name, from..to))
        })
        .collect()
}

fn told(month: &Month) -> String {
    let mut lines = vec![month.month.clone()];
    lines.extend(month.horizons.iter().map(line));
    if let Some(GasAndGains { gas, earned, share }) = month.gas {
        let share = share.map_or_else(|| "nothing earned".to_owned(), |share| format!("{:.1} %", share * 100.0));
        lines.push(format!("  gas {gas:.2} USD of {earned:.2} USDC earned ({share})"));
    }
    lines.extend(month.insights.iter().map(|insight| format!("  ▪ {insight}")));
    lines.join("\n")
}

fn line(of: &Quality) -> String {
    let Quality { horizon_days, judged, not_judged, observations, moves, moves_won, .. } = of;
    let bps = |gain: Option<f64>| gain.map_or_else(|| "–".to_owned(), |gain| format!("{:+.2}", gain * 1e4));
    let score = of.score.map_or_else(|| "no score".to_owned(), |score| format!("score {score:.1}"));
    let capture = of.capture.map_or_else(|| "–".to_owned(), |capture| format!("{capture:.2}"));
    format!(
        "  {horizon_days:>2} days: {judged} judged, {not_judged} not; bps over hold {}, best venue {}, default {}; {score} (capture {capture}, {observations} apart); {moves_won} of {moves} moves won",
        bps(of.gain_over_hold),
        bps(of.gain_over_best),
        bps(of.gain_over_default),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn months_follow_each_other_over_the_years_end_and_leave_nothing_out() {
        let start = |day: &str| day.parse::<Day>().unwrap().start();
        let found = last_months(start("2024-02-29") + 5, 4).unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["2023-11", "2023-12", "2024-01", "2024-02"]);
        assert!(found.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
        assert_eq!(found[3].1, start("2024-02-01")..start("2024-03-01"));
        assert_eq!(last_months(start("1970-02-01"), 5).unwrap().len(), 2, "nothing was before 1970");
    }
}
