//! Files in which a row is an observation with its series, source and both times, as `ballast data pull --source` writes them.

use crate::{
    dataset::{Columns, Point, Read},
    refusal::{HistoryError, Refusal},
    table::{self, Row},
    time::instant,
};
use ballast_types::{Observation, SeriesId};
use std::path::Path;

/// Their names. One that is not there is not missed: no model needs it.
pub(crate) const OBSERVED: [&str; 10] = [
    "mvrv",
    "dex_prices",
    "usdc_supply",
    "implied_volatility",
    "perpetuals",
    "exchange_flows",
    "cmc_fear_greed",
    "audits",
    "bounties",
    "cover",
];

const COLUMNS: [&str; 5] = ["timestamp_utc", "known_at_utc", "series", "source_id", "value"];

/// The refused rows of the file called `name`; none if it is not there.
pub(crate) fn read(
    directory: &Path,
    name: &'static str,
    now: u64,
    columns: &mut Columns,
) -> Result<Vec<Refusal>, HistoryError> {
    let refused = table::read(directory, name, &COLUMNS, |row| {
        let (id, source, point) = observation(row, now)?;
        let read = Read { point, file: name, line: row.line() };
        columns.entry((id, source, name, String::new())).or_default().push(read);
        Ok(())
    })?;
    Ok(refused.unwrap_or_default())
}

fn observation(row: &Row<'_>, now: u64) -> Result<(SeriesId, String, Point), Refusal> {
    let time = |column| {
        let text = row.text(column);
        instant(text)
            .ok_or_else(|| row.refuse(format!("{column} is {text:?}, expected a time like 2023-03-11T06:47:00Z")))
    };
    let (time, known_at) = (time("timestamp_utc")?, time("known_at_utc")?);
    if known_at > now {
        return Err(row.refuse(format!("known_at_utc is {}, which has not been yet", row.text("known_at_utc"))));
    }
    let id: SeriesId = row.text("series").parse().map_err(|error| row.refuse(format!("{error}")))?;
    let value = row.number("value")?.ok_or_else(|| row.refuse("value is empty, expected a number".to_owned()))?;
    let source = row.text("source_id");
    let observed =
        Observation::new(id.clone(), source, time, known_at, value).map_err(|error| row.refuse(error.to_string()))?;
    Ok((id, source.to_owned(), Point { time, known_at, value: observed.value() }))
}
