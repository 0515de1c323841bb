//! The ones that were: a stablecoin's prices minute by minute, as the answers of the asset's feed.

use super::timeline::{Change, DOLLAR, Scenario};
use ballast_history::{read_table, time};
use ballast_risk::{kill_switch::Trigger, peg::Stablecoin};
use ballast_types::Wad;
use eyre::{OptionExt, ensure};
use std::path::Path;

const FILE: &str = "stablecoin_crisis_usd_deviation_minutes";
/// From eight decimals to eighteen.
const WAD_PER_ANSWER: u128 = 10_000_000_000;

struct Episode {
    id: &'static str,
    episode: &'static str,
    coin: &'static str,
    from: &'static str,
    minutes: u64,
    what: &'static str,
}

/// The file has USDC in dollars from 14:00 of 11 March 2023 on only; DAI, most of which was USDC, tells the night before.
const EPISODES: [Episode; 9] = [
    Episode {
        id: "svb-usdc",
        episode: "usdc_svb",
        coin: "USDC",
        from: "2023-03-11T14:00:00Z",
        minutes: 40,
        what: "USDC, Silicon Valley Bank",
    },
    Episode {
        id: "svb-dai-fall",
        episode: "usdc_svb",
        coin: "DAI",
        from: "2023-03-11T03:25:00Z",
        minutes: 30,
        what: "DAI, the night before: the fall",
    },
    Episode {
        id: "svb-dai-low",
        episode: "usdc_svb",
        coin: "DAI",
        from: "2023-03-11T06:45:00Z",
        minutes: 30,
        what: "DAI, the night before: the low",
    },
    Episode {
        id: "terra-ust",
        episode: "ust_terra",
        coin: "UST",
        from: "2022-05-09T15:50:00Z",
        minutes: 40,
        what: "UST leaves its peg",
    },
    Episode {
        id: "terra-usdt",
        episode: "ust_terra",
        coin: "USDT",
        from: "2022-05-12T06:50:00Z",
        minutes: 35,
        what: "USDT three days later",
    },
    Episode {
        id: "terra-usdc",
        episode: "ust_terra",
        coin: "USDC",
        from: "2022-05-12T07:05:00Z",
        minutes: 25,
        what: "USDC above its band",
    },
    Episode {
        id: "ftx-usdt",
        episode: "dai_ftx",
        coin: "USDT",
        from: "2022-11-10T12:05:00Z",
        minutes: 30,
        what: "USDT, FTX",
    },
    Episode {
        id: "ftx-dai",
        episode: "dai_ftx",
        coin: "DAI",
        from: "2022-11-10T13:30:00Z",
        minutes: 30,
        what: "DAI, FTX",
    },
    Episode {
        id: "winddown-busd",
        episode: "busd_winddown",
        coin: "BUSD",
        from: "2023-02-13T10:40:00Z",
        minutes: 30,
        what: "BUSD is wound down",
    },
];

/// All of them.
pub(super) fn names() -> Vec<&'static str> {
    EPISODES.iter().map(|episode| episode.id).collect()
}

/// Those that the directory has the minutes of, and the names of the others.
///
/// # Errors
/// If the file is damaged, or a row of it is refused.
pub(super) fn read(directory: &Path) -> eyre::Result<(Vec<Scenario>, Vec<&'static str>)> {
    let mut prices: Vec<Vec<(u64, i64)>> = vec![Vec::new(); EPISODES.len()];
    let spans: Vec<(u64, u64)> = EPISODES
        .iter()
        .map(|episode| {
            let from = time::instant(episode.from).ok_or_eyre("an episode begins at no instant")?;
            Ok((from, from + episode.minutes * 60))
        })
        .collect::<eyre::Result<_>>()?;
    let refused = read_table(directory, FILE, &["timestamp_utc", "episode", "coin", "price_usd"], |row| {
        let (episode, coin) = (row.text("episode"), row.text("coin"));
        for ((wanted, (from, to)), series) in EPISODES.iter().zip(&spans).zip(&mut prices) {
            if wanted.episode == episode && wanted.coin == coin {
                let at =
                    time::instant(row.text("timestamp_utc")).ok_or_else(|| row.refuse("its time is no instant"))?;
                let price = row.number("price_usd")?.filter(|price| (0.0..1e6).contains(price) && *price > 0.0);
                let price = price.ok_or_else(|| row.refuse("price_usd is not a positive price"))?;
                if (*from..*to).contains(&at) {
                    // The answer of a feed has eight decimals.
                    series.push((at - from, (price * DOLLAR as f64).round() as i64));
                }
            }
        }
        Ok(())
    })?;
    if let Some(refusal) = refused.iter().flatten().next() {
        eyre::bail!("{refusal}");
    }
    let mut scenarios = Vec::new();
    let mut absent = Vec::new();
    for (episode, series) in EPISODES.iter().zip(prices) {
        if series.is_empty() {
            absent.push(episode.id);
            continue;
        }
        ensure!(series.is_sorted_by(|a, b| a.0 < b.0), "{FILE}: the minutes of {} are not in order", episode.id);
        scenarios.push(scenario(episode, series));
    }
    Ok((scenarios, absent))
}

/// Rounds where the price changes, as an aggregator's would. What is expected follows from the prices and the band alone.
fn scenario(episode: &Episode, series: Vec<(u64, i64)>) -> Scenario {
    let past = |price: i64| {
        let price = Wad(u128::from(price.unsigned_abs()) * WAD_PER_ANSWER);
        Stablecoin::Usdc.band().classify(price) == ballast_risk::PegStatus::Kill
    };
    let trips = series.iter().any(|(_, price)| past(*price));
    let mut timeline: Vec<(u64, Change)> = Vec::new();
    for (at, price) in series {
        if timeline.last().is_none_or(|(_, last)| *last != Change::Round(price)) {
            timeline.push((at, Change::Round(price)));
        }
    }
    let what = format!("{}: {} minutes from {}", episode.what, episode.minutes, episode.from);
    let scenario = Scenario::new(episode.id, &what, timeline);
    if trips { scenario.trips_asset(Trigger::Peg) } else { scenario }
}
