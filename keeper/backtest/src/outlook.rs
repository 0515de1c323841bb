//! What the days before a decision say of the venues, for strategies that weigh risk.

use crate::{market::Market, observe::adapter};
use ballast_types::{Outlook, SignedWad, VenueOutlook};

/// Steps that are looked back on.
const WINDOW: usize = 60;
/// Fewer steps with a value of every venue say nothing.
const LEAST: usize = 10;
/// 1e18 as a number.
const WAD: f64 = 1e18;

/// Mean, covariance and scenarios of the yearly rates of the listed venues over the steps before `step`; empty if there are too few.
pub(crate) fn outlook(market: &Market, step: usize, listed: &[bool]) -> Outlook {
    let venues: Vec<usize> = (0..market.venues.len()).filter(|venue| listed[*venue]).collect();
    let scenarios: Vec<Vec<f64>> = (step.saturating_sub(WINDOW)..step)
        .filter_map(|before| {
            let rate =
                |venue: &usize| market.venues[*venue].steps.get(before)?.as_ref().map(|day| day.rate.0 as f64 / WAD);
            venues.iter().map(rate).collect::<Option<Vec<f64>>>()
        })
        .collect();
    if scenarios.len() < LEAST || venues.is_empty() {
        return Outlook::default();
    }
    let count = scenarios.len() as f64;
    let means: Vec<f64> =
        (0..venues.len()).map(|at| scenarios.iter().map(|scenario| scenario[at]).sum::<f64>() / count).collect();
    let mut covariance = Vec::new();
    for row in 0..venues.len() {
        for column in 0..=row {
            let sum: f64 = scenarios
                .iter()
                .map(|scenario| (scenario[row] - means[row]) * (scenario[column] - means[column]))
                .sum();
            covariance.push(quantised(sum / (count - 1.0)));
        }
    }
    Outlook {
        venues: venues
            .iter()
            .zip(&means)
            .map(|(venue, mean)| VenueOutlook { adapter: adapter(*venue), expected: quantised(*mean) })
            .collect(),
        covariance,
        scenarios: scenarios.iter().map(|scenario| scenario.iter().copied().map(quantised).collect()).collect(),
    }
}

fn quantised(value: f64) -> SignedWad {
    SignedWad((value * WAD) as i128)
}
