//! Whether the stated rate of false alarms is that of real figures, and whether anything is found (SPEC R7, ERR-45).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_backtest::{
    Interval,
    anomalies::{AnomalyError, Counted, Injected, Measured, Measurement, Setting, Stated, measure},
    validity::Rate,
};
use ballast_risk::anomaly::{HeavyTail, MEASURED_WITH};
use std::{fs, path::Path};
use support::history;

/// 2026-03-01, after everything in the data.
const NOW: u64 = 1_772_323_200;
/// False alarms a day that are stated for a venue.
const STATED: [f64; 9] = [0.01, 0.02, 0.033, 0.05, 0.07, 0.1, 0.12, 0.2, 0.3];
const MORPHO: &str = "morpho-blue WETH";

fn hourly(directory: &Path, false_alarms: f64, window: usize) -> Measurement {
    measure(directory, Setting { false_alarms, window, ..Setting::HOURLY }, NOW).unwrap()
}

fn live(directory: &Path) -> Measurement {
    measure(directory, Setting::HOURLY, NOW).unwrap()
}

fn daily(directory: &Path) -> Measurement {
    measure(directory, Setting::DAILY, NOW).unwrap()
}

fn venue<'a>(of: &'a Measurement, name: &str) -> &'a Measured {
    of.venues.iter().find(|one| one.venue == name).unwrap()
}

fn days(of: &Counted) -> String {
    format!("{} of {}", of.days.seen, of.days.of)
}

fn days_between(of: &Counted) -> String {
    if of.days.of == 0 {
        return "–".to_owned();
    }
    let Rate { interval: Interval { low, high }, .. } = of.days;
    format!("{} ({:.1} % to {:.1} %)", days(of), 100.0 * low, 100.0 * high)
}

fn alarms(of: &Counted) -> String {
    format!("{} of {:.2}", of.alarms, of.stated)
}

fn times(of: &Counted) -> String {
    format!("{:.2} ({:.2} to {:.2})", of.times_stated(), of.times.low, of.times.high)
}

fn says(of: &Counted) -> &'static str {
    match of.against_stated() {
        Stated::Below => "below",
        Stated::Possible => "not distinguishable",
        Stated::Above => "above",
    }
}

/// What is written, without regard to where its lines break.
struct Page {
    name: &'static str,
    text: String,
    absent: Vec<String>,
}

impl Page {
    fn read(name: &'static str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        Self { name, text: plain(&fs::read_to_string(file).unwrap()), absent: Vec::new() }
    }

    fn has(&mut self, sentence: String) {
        if !self.text.contains(&plain(&sentence)) {
            self.absent.push(sentence);
        }
    }

    fn check(self) {
        let Self { name, absent, .. } = self;
        assert!(absent.is_empty(), "docs/{name} does not have\n{}", absent.join("\n"));
    }
}

fn plain(text: &str) -> String {
    text.replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// 3,912
fn grouped(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

// SPEC R7: what the live threshold is taken from is what the first halves of the calm days say.
#[test]
fn the_live_tail_is_the_one_that_is_fitted() {
    let Some(directory) = history() else { return };
    let fitted = live(&directory).tail.unwrap();
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    let HeavyTail { from, share, index } = HeavyTail::MEASURED;
    assert_eq!((rounded(fitted.from), rounded(fitted.share), rounded(fitted.index)), (from, share, index));
}

// SPEC R7, ERR-45: all venues together and the one that most of the days are of.
#[test]
fn on_days_it_was_not_fitted_to_the_stated_rate_is_possible_and_with_the_normal_threshold_it_is_not() {
    let Some(directory) = history() else { return };
    for false_alarms in STATED {
        let found = hourly(&directory, false_alarms, Setting::HOURLY.window);
        for measured in [&found.all, venue(&found, MORPHO)] {
            let Measured { venue, normal, held_out, .. } = measured;
            assert_eq!(held_out.against_stated(), Stated::Possible, "{venue} at {false_alarms}: {held_out:?}");
            assert_eq!(normal.against_stated(), Stated::Above, "{venue} at {false_alarms}: {normal:?}");
        }
    }
}

// SPEC R7: what docs/ANOMALIES.md and those who quote it say is what is measured.
#[test]
fn the_published_rates_are_those_that_are_measured() {
    let Some(directory) = history() else { return };
    let live = live(&directory);
    let Measured { normal, held_out, after_crisis, .. } = &live.all;
    let share = |of: &Counted| 100.0 * of.days.seen as f64 / of.days.of as f64;
    let between = |Interval { low, high }: Interval| format!("{low:.2} to {high:.2}");
    let of_days = |of: &Counted| {
        let Interval { low, high } = of.days.interval;
        format!(
            "{} days of venues ({:.1} %, interval {:.1} % to {:.1} %)",
            days(of),
            share(of),
            100.0 * low,
            100.0 * high
        )
    };
    let (mut whole, mut whole_with) = (0, 0);
    for one in live.venues.iter().filter(|one| one.venue != MORPHO) {
        (whole, whole_with) = (whole + one.held_out.days.of, whole_with + one.held_out.days.seen);
    }
    let morpho = &venue(&live, MORPHO);

    let mut page = Page::read("ANOMALIES.md");
    page.has(format!(
        "alarmed on {} calm days of venues ({:.0} %), with {:.1} times as many alarms as stated ({:.1} to {:.1})",
        days(normal),
        share(normal),
        normal.times_stated(),
        normal.times.low,
        normal.times.high
    ));
    page.has(format!(
        "{} alarms where {:.2} are stated, {:.2} times as many, of which the exact interval of 95 % is {}",
        held_out.alarms,
        held_out.stated,
        held_out.times_stated(),
        between(held_out.times)
    ));
    page.has(format!("Alarms were on {}", of_days(held_out)));
    page.has(format!(
        "Of {} of these days only one of the three figures is there; of the {whole} with all three {whole_with} had an alarm",
        morpho.held_out.days.of
    ));
    page.has(format!(
        "{} of {} calm days of Aave count, {} of {} of Morpho Blue",
        whole_days(&live, |one| one.venue != MORPHO),
        whole_days(&live, |one| one.venue != MORPHO) + after_crisis.days.of,
        whole_days(&live, |one| one.venue == MORPHO),
        whole_days(&live, |one| one.venue == MORPHO) + morpho.after_crisis.days.of,
    ));
    let HeavyTail { from, share: part, index } = live.tail.unwrap();
    let largest = (part * live.tail_values as f64).round();
    page.has(format!(
        "The largest hundredth of |z| on the first halves ({largest} of {}) begins at {from:.2} and has, by Hill's estimator, the index {index:.2}, give or take {:.2}",
        grouped(live.tail_values),
        index / largest.sqrt()
    ));
    page.has(format!("it exceeds `{from:.2} · (0.01 / p)^(1 / {index:.2})` with probability p"));
    page.has(format!(
        "Of the fitted values {} are Aave's and {} are Morpho Blue's one rate",
        grouped(live.tail_values - morpho.fitted.tests),
        grouped(morpho.fitted.tests)
    ));
    let handful = 5.0 / live.tail_values as f64;
    page.has(format!(
        "Five of them are as rare as p = {:.2} in a thousand, which is {:.3} false alarms a day for a venue",
        1_000.0 * handful,
        handful * Setting::HOURLY.false_alarms / live.per_test
    ));
    page.has(format!("From {:.2} a day on (p = 0.01)", 0.01 * Setting::HOURLY.false_alarms / live.per_test));
    page.has(format!(
        "By tests that is {:.2} in a thousand on the hold-out, with {:.2} stated",
        1_000.0 * held_out.per_test(),
        1_000.0 * live.per_test
    ));
    page.has(format!(
        "`alarms.sample_minutes` is {}, `alarms.window` {} and `alarms.false_alarms` {}",
        MEASURED_WITH.sample_minutes, MEASURED_WITH.window, MEASURED_WITH.false_alarms
    ));
    for Measured { venue, normal, fitted, held_out, after_crisis, .. } in live.venues.iter().chain([&live.all]) {
        page.has(format!(
            "| {venue} | {} | {:.2} | {} | {} | {} | {} | {} |",
            days(normal),
            normal.per_day(),
            days(fitted),
            days_between(held_out),
            alarms(held_out),
            times(held_out),
            days_between(after_crisis)
        ));
    }
    for one in &live.alarms {
        page.has(format!("| {} | {} | {:.1} | {} {:+.4} |", one.time, one.venue, one.z, one.figure, one.change));
    }
    page.check();

    let mut config = Page::read("CONFIG.md");
    config.has(format!(
        "with an alarm on {whole_with} of {whole} calm days of venues with all figures and on {} with any",
        days(held_out)
    ));
    config.has(format!(
        "{:.2} times the stated number of alarms, interval {}",
        held_out.times_stated(),
        between(held_out.times)
    ));
    config.check();
    let mut row = Page::read("CONFORMANCE.md");
    row.has(format!(
        "{} alarms where {:.2} are stated, {:.2} times as many, interval {}",
        held_out.alarms,
        held_out.stated,
        held_out.times_stated(),
        between(held_out.times)
    ));
    row.has(format!("alarms on {}", of_days(held_out)));
    row.check();
}

fn whole_days(of: &Measurement, which: impl Fn(&Measured) -> bool) -> usize {
    of.venues.iter().filter(|one| which(one)).map(|one| one.normal.days.of).sum()
}

// SPEC R7: so is what is said of other settings.
#[test]
fn the_published_settings_are_those_that_are_measured() {
    let Some(directory) = history() else { return };
    let mut page = Page::read("ANOMALIES.md");
    let (mut more, mut rates) = (0, 0);
    for false_alarms in STATED {
        let found = hourly(&directory, false_alarms, Setting::HOURLY.window);
        let (all, morpho) = (&found.all.held_out, &venue(&found, MORPHO).held_out);
        page.has(format!(
            "| {false_alarms} | {:.1} | {:.1} | {:.1} | {} | {} | {} | {} | {} |",
            10_000.0 * found.per_test,
            found.per_test * found.tail_values as f64,
            found.threshold,
            alarms(all),
            times(all),
            says(all),
            times(morpho),
            says(morpho)
        ));
        if false_alarms <= 0.12 {
            (more, rates) = (more + u32::from(morpho.times_stated() > 1.0), rates + 1);
        }
    }
    page.has(format!("Morpho Blue alone has more than stated at {more} of the {rates} rates up to 0.12"));
    for (false_alarms, window) in [(0.033, 336), (0.1, 336), (0.3, 336), (0.1, 168), (0.1, 100)] {
        let found = hourly(&directory, false_alarms, window);
        let share = |jump: &str| {
            let of = |one: &&Injected| one.jump.starts_with(jump);
            let (seen, all) = found
                .venues
                .iter()
                .flat_map(|venue| &venue.injected)
                .filter(of)
                .fold((0, 0), |(seen, all), one| (seen + one.found, all + one.of));
            100.0 * seen as f64 / f64::from(u32::try_from(all).unwrap())
        };
        page.has(format!(
            "| {false_alarms} | {window} | {:.1} | {} | {} | {:.0} % | {:.0} % | {:.0} % |",
            found.threshold,
            days(&found.all.held_out),
            times(&found.all.held_out),
            share("rate"),
            share("utilisation"),
            share("size"),
        ));
    }
    page.check();
}

// SPEC R7: and of figures by the day.
#[test]
fn the_published_daily_rates_are_those_that_are_measured() {
    let Some(directory) = history() else { return };
    let mut page = Page::read("ANOMALIES.md");
    let daily = daily(&directory);
    for Measured { venue, fitted, held_out, after_crisis, .. } in daily.venues.iter().chain([&daily.all]) {
        page.has(format!(
            "| {venue} | {} | {} | {} | {} | {} | {} |",
            days(fitted),
            days_between(held_out),
            times(held_out),
            days_between(after_crisis),
            times(after_crisis),
            says(after_crisis)
        ));
    }
    page.has(format!("The threshold is {:.2}", daily.threshold));
    page.has(format!("of changes by the day the largest hundredth begins at {:.2}", daily.tail.unwrap().from));
    page.check();
    assert_eq!(daily.threshold, HeavyTail::MEASURED.from, "where the tail begins, and no quantile of it");
}

// SPEC R7: it is there to find something.
#[test]
fn the_published_crises_are_those_that_are_found() {
    let Some(directory) = history() else { return };
    let mut page = Page::read("ANOMALIES.md");
    for measurement in [live(&directory), daily(&directory)] {
        for one in &measurement.crises {
            page.has(format!(
                "| {} | {} | {} | {} of {} | {:.1} | {} {:+.4} |",
                one.name,
                one.largest.venue,
                one.first.as_deref().unwrap_or("–"),
                one.days_with,
                one.days,
                one.largest.z,
                one.largest.figure,
                one.largest.change
            ));
        }
        let biggest = |of: f64, z: f64| of.max(z.abs());
        if measurement.setting == Setting::HOURLY {
            let of_usdt = measurement.crises.iter().map(|one| one.largest.z).fold(0.0, biggest);
            let of_calm = measurement.alarms.iter().map(|one| one.z).fold(0.0, biggest);
            page.has(format!("USDT's z of {of_usdt:.1} is beyond any of the held-out days ({of_calm:.1})"));
        }
        let step = if measurement.setting == Setting::DAILY { "day" } else { "hour" };
        for one in &measurement.chances {
            page.has(format!(
                "| {} | {step} | {} of {} | {:.2} % | {:.2} % | {} |",
                one.name,
                one.days_with,
                one.days,
                100.0 * one.probability,
                100.0 * one.at_most,
                if one.found { "found" } else { "not found" }
            ));
        }
    }
    page.check();
}

// SPEC R7: more days with an alarm than chance gives in all but one case of a hundred, or it was not found.
#[test]
fn a_crisis_is_found_by_more_than_chance_or_said_not_to_be() {
    let Some(directory) = history() else { return };
    let found = |measurement: &Measurement| -> Vec<(&str, bool)> {
        measurement.chances.iter().map(|one| (one.name, one.found)).collect()
    };
    let by_the_hour = live(&directory);
    assert_eq!(found(&by_the_hour), [("Celsius and 3AC", true)]);
    let by_the_day = daily(&directory);
    let of_day = [("UST", false), ("Celsius and 3AC", false), ("FTX", true), ("USDC off its peg", true)];
    assert_eq!(found(&by_the_day), of_day);
    // What was found where, of figures that moved by what is known to have happened.
    let largest = |of: &Measurement, crisis: &str, venue: &str| {
        let of = of.crises.iter().find(|one| one.name == crisis && one.largest.venue == venue).unwrap();
        assert!(of.first.is_some(), "{of:?}");
        (of.largest.time.clone(), of.largest.figure)
    };
    let at = |time: &str, figure| (time.to_owned(), figure);
    assert_eq!(largest(&by_the_hour, "Celsius and 3AC", "aave-v2 USDT"), at("2022-06-18T09:00:00Z", "its rate"));
    assert_eq!(largest(&by_the_hour, "Celsius and 3AC", "aave-v2 DAI"), at("2022-06-16T12:00:00Z", "its utilisation"));
    assert_eq!(largest(&by_the_day, "FTX", "compound-v2 USDT"), at("2022-11-10T00:00:00Z", "its rate"));
    assert_eq!(largest(&by_the_day, "USDC off its peg", "aave-v2 USDT"), at("2023-03-12T00:00:00Z", "its rate"));
    let rarer = hourly(&directory, 0.033, Setting::HOURLY.window);
    let first: Vec<bool> = rarer.crises.iter().map(|one| one.first.is_some()).collect();
    assert_eq!(first, [false, true, false], "USDC, USDT and DAI at the default of a vault of three venues");
}

#[test]
fn what_is_not_there_or_cannot_be_had_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = measure(empty.path(), Setting::HOURLY, NOW).unwrap_err();
    assert!(matches!(error, AnomalyError::Absent("aave_v2_stable_reserves_hourly_2022")), "{error}");
    for setting in [Setting { window: 9, ..Setting::HOURLY }, Setting { false_alarms: 0.0, ..Setting::HOURLY }] {
        assert!(matches!(measure(empty.path(), setting, NOW), Err(AnomalyError::Rate(_))));
    }
}
