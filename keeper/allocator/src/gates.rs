//! The questions that need no proposal: can what was observed be acted on, and is it time?
//!
//! Each answer is `Ok` for yes and `Err` for no, with the numbers behind it for a person. Lists are given in the order of the
//! adapters, so that the text does not depend on the order in which the venues were read.

use crate::yields::{ModelError, VenueModel};
use ballast_risk::{FeedHealth, HubView, assess, check_schedule, next_allowed};
use ballast_types::{Address, Assets, Doubt, FeedState, Mode, Snapshot, VenueState, WAD, Wad};

/// A gate's answer and its reasons.
pub(crate) type Answer = Result<String, String>;

/// Prices of the feeds that the decision itself uses.
pub(crate) struct Prices {
    pub(crate) eth_usd: Wad,
    /// The lowest price of any pegged feed: the asset's own is one of them, and a low one overstates what gas costs by no
    /// more than the band is wide.
    pub(crate) asset_usd: Wad,
}

/// Nothing speaks against the observation, and it fits together.
pub(crate) fn observation(snapshot: &Snapshot, view: &HubView) -> Answer {
    let mut faults: Vec<String> = snapshot
        .doubts
        .iter()
        .map(|doubt| match doubt {
            Doubt::RpcDisagreement { detail } => format!("providers disagree: {detail}"),
            Doubt::StaleHead { age, limit } => {
                format!("the newest block is {age} s old, expected at most {limit} s")
            }
            Doubt::SourceDisagreement { quantity, detail } => format!("{quantity}: {detail}"),
            Doubt::SourceMissing { quantity, detail } => format!("{quantity}: {detail}"),
            Doubt::Alarm { venue, detail } => format!("an alarm about {venue}: {detail}"),
        })
        .collect();
    let mut adapters: Vec<Address> = snapshot.venues.iter().map(|venue| venue.adapter).collect();
    adapters.sort_unstable();
    if let Some(twice) = adapters.windows(2).find(|pair| pair[0] == pair[1]) {
        faults.push(format!("adapter {} is listed twice", twice[0]));
    }
    let sum = view.nav();
    if sum != Some(snapshot.vault.nav) {
        let sum = sum.map_or_else(|| "more than 128 bits hold".to_owned(), |sum| sum.to_string());
        faults.push(format!("NAV was read as {}, idle and positions make {sum}", snapshot.vault.nav));
    }
    if faults.is_empty() {
        Ok(format!("block {}, NAV {}, no doubts", snapshot.block.number, snapshot.vault.nav))
    } else {
        Err(faults.join("; "))
    }
}

/// The kill switch lets risk be added.
pub(crate) fn kill_switch(snapshot: &Snapshot) -> Answer {
    let switch = &snapshot.kill_switch;
    match (switch.mode, switch.operational) {
        (Mode::Normal, true) => Ok("mode Normal, operational".into()),
        (mode, _) => Err(format!("mode {mode:?}, not operational: {}", switch.reason)),
    }
}

/// Every feed is healthy and inside its band, and there is one for the peg at all.
pub(crate) fn feeds(snapshot: &Snapshot) -> (Answer, Option<Prices>) {
    let now = snapshot.block.timestamp;
    let mut asset_usd: Option<Wad> = None;
    let mut faults = Vec::new();
    let mut prices = Vec::new();
    let mut healthy = |feed: &FeedState| -> Option<Wad> {
        match assess(feed, now) {
            FeedHealth::Healthy { price } => {
                prices.push(format!("{} {}", feed.name, decimal(price)));
                Some(price)
            }
            FeedHealth::Depegged { price, low, high } => {
                faults.push(format!(
                    "{} is at {}, expected {} to {}",
                    feed.name,
                    decimal(price),
                    decimal(low),
                    decimal(high)
                ));
                None
            }
            FeedHealth::Unhealthy { reason } => {
                faults.push(format!("{}: {reason}", feed.name));
                None
            }
        }
    };
    for feed in &snapshot.feeds {
        let price = healthy(feed);
        if feed.band.is_some() {
            asset_usd = [asset_usd, price].into_iter().flatten().min();
        }
    }
    let eth_usd = healthy(&snapshot.eth_usd);
    if !snapshot.feeds.iter().any(|feed| feed.band.is_some()) {
        faults.push("no pegged feed was read, so the asset's peg is unknown".into());
    }
    if !faults.is_empty() {
        return (Err(faults.join("; ")), None);
    }
    let found = eth_usd.zip(asset_usd).map(|(eth_usd, asset_usd)| Prices { eth_usd, asset_usd });
    (Ok(prices.join(", ")), found)
}

/// Every venue can be read and its yield computed, and all of them are part of NAV.
pub(crate) fn venues(venues: &[VenueState], models: &[Result<VenueModel<'_>, ModelError>]) -> Answer {
    let mut pairs: Vec<_> = venues.iter().zip(models).collect();
    pairs.sort_by_key(|(venue, _)| venue.adapter);
    let faults: Vec<String> = pairs
        .iter()
        .filter_map(|(venue, model)| match model {
            _ if venue.quarantined => Some(format!("{}: quarantined, so out of NAV until it is recovered", venue.name)),
            Ok(_) => None,
            Err(error) => Some(format!("{}: {error}", venue.name)),
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let lines: Vec<String> = pairs
        .iter()
        .filter_map(|(venue, model)| {
            let model = model.as_ref().ok()?;
            let rate = model.rate_at(model.value())?;
            Some(format!("{} {} at {}", venue.name, model.value(), rate.percent()))
        })
        .collect();
    if lines.len() == venues.len() {
        Ok(if lines.is_empty() { "no venues are listed".into() } else { lines.join(", ") })
    } else {
        Err("the rate of a venue does not fit 128 bits".into())
    }
}

/// Cooldown and the rule of four.
pub(crate) fn schedule(view: &HubView) -> Answer {
    let allowed = next_allowed(&view.recent, view.limits.cooldown);
    match check_schedule(view) {
        Ok(()) if allowed == 0 => Ok("no rebalance so far".into()),
        Ok(()) => Ok(format!("allowed since {allowed}, it is {}", view.now)),
        Err(violation) => Err(violation.to_string()),
    }
}

/// A price with six decimals, rounded down.
fn decimal(price: Wad) -> String {
    Assets(price.0 / (WAD / 1_000_000)).to_string()
}
