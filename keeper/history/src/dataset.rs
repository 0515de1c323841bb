//! A directory of history as series, with everything that was refused on the way.

use crate::{
    catalogue::{BACKTEST_FILES, CRISIS_DEVIATIONS, FILES, POOL_FILES, converted},
    columns::{FileSpec, Part, Source, Time},
    observed::{self, OBSERVED},
    plausibility,
    refusal::{HistoryError, Refusal},
    table::{self, Row},
    time::{DAY, day, instant},
};
use ballast_types::{Metric, Observation, SeriesId};
use std::{collections::BTreeMap, path::Path};

/// A value with its two times, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub time: u64,
    pub known_at: u64,
    pub value: f64,
}

/// The values of one series from one source, ascending in time, each time once.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub id: SeriesId,
    pub source: String,
    /// Which of several of one source (the pool); mostly empty.
    pub variant: String,
    pub points: Vec<Point>,
}

impl Series {
    /// The source with its variant, without blanks: unique among the series of one id and one file.
    #[must_use]
    pub fn full_source(&self) -> String {
        let whole =
            if self.variant.is_empty() { self.source.clone() } else { format!("{}:{}", self.source, self.variant) };
        whole.replace(char::is_whitespace, "-")
    }
}

/// What a directory holds.
#[derive(Debug, Default)]
pub struct Dataset {
    /// By id, then by source.
    pub series: Vec<Series>,
    /// Rows that nothing uses.
    pub refused: Vec<Refusal>,
    /// Kinds of file that are not there.
    pub absent: Vec<&'static str>,
}

/// A value on its way, with the line it came from.
pub(crate) struct Read {
    pub(crate) point: Point,
    pub(crate) file: &'static str,
    pub(crate) line: u64,
}

/// By series, source, file and variant: values of one time contradict each other only within these.
pub(crate) type Columns = BTreeMap<(SeriesId, String, &'static str, String), Vec<Read>>;

impl Dataset {
    /// Reads every file of the catalogue, and every one of observations, that is in `directory`. `now` (Unix seconds) is the time after which nothing can be dated.
    ///
    /// # Errors
    /// If a file is damaged; rows that are wrong are refused one by one instead.
    pub fn read(directory: &Path, now: u64) -> Result<Self, HistoryError> {
        let mut columns = Columns::new();
        let mut refused = Vec::new();
        for name in OBSERVED {
            refused.extend(observed::read(directory, name, now, &mut columns)?);
        }
        Self::read_with(directory, &FILES, now, columns, refused)
    }

    /// Reads only what a backtest of lending venues needs.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_for_backtest(directory: &Path, now: u64) -> Result<Self, HistoryError> {
        Self::read_files(directory, &BACKTEST_FILES, now)
    }

    /// As [`Self::read_for_backtest`], with the pools through which venues of other coins are reached.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with_pools(directory: &Path, now: u64) -> Result<Self, HistoryError> {
        Self::read_files(directory, &[&BACKTEST_FILES[..], &POOL_FILES[..]].concat(), now)
    }

    /// Reads only the prices of crises by the minute.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_crises(directory: &Path, now: u64) -> Result<Self, HistoryError> {
        Self::read_files(directory, &[CRISIS_DEVIATIONS], now)
    }

    /// Reads only the files of these names; what the catalogue does not have is absent.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_named(directory: &Path, names: &[&'static str], now: u64) -> Result<Self, HistoryError> {
        let known = |name: &&&'static str| FILES.iter().any(|file| file.name == **name);
        let files: Vec<FileSpec> = FILES.iter().filter(|file| names.contains(&file.name)).copied().collect();
        let mut dataset = Self::read_files(directory, &files, now)?;
        dataset.absent.extend(names.iter().filter(|name| !known(name)));
        Ok(dataset)
    }

    fn read_files(directory: &Path, files: &[FileSpec], now: u64) -> Result<Self, HistoryError> {
        Self::read_with(directory, files, now, Columns::new(), Vec::new())
    }

    /// `columns` and `refused` are of other files.
    fn read_with(
        directory: &Path,
        files: &[FileSpec],
        now: u64,
        mut columns: Columns,
        refused: Vec<Refusal>,
    ) -> Result<Self, HistoryError> {
        let mut dataset = Self { refused, ..Self::default() };
        for file in files {
            match read_file(directory, file, now, &mut columns)? {
                Some(refused) => dataset.refused.extend(refused),
                None => dataset.absent.push(file.name),
            }
        }
        for ((id, source, _, variant), read) in columns {
            let points = plausibility::settle(&id, read, &mut dataset.refused);
            if !points.is_empty() {
                dataset.series.push(Series { id, source, variant, points });
            }
        }
        dataset.refused.sort_by(|a, b| (&a.file, a.line, &a.reason).cmp(&(&b.file, b.line, &b.reason)));
        Ok(dataset)
    }

    /// All series of one subject and metric, by source.
    pub fn of<'a>(&'a self, subject: &'a str, metric: Metric) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.id.subject() == subject && series.id.metric() == metric)
    }

    /// The values as observations.
    pub fn observations(&self) -> impl Iterator<Item = Observation> {
        self.series.iter().flat_map(|series| {
            // A point was an observation when it was read, so it is one again.
            series.points.iter().filter_map(|point| {
                Observation::new(series.id.clone(), series.full_source(), point.time, point.known_at, point.value).ok()
            })
        })
    }
}

fn read_file(
    directory: &Path,
    file: &FileSpec,
    now: u64,
    columns: &mut Columns,
) -> Result<Option<Vec<Refusal>>, HistoryError> {
    let mut wanted = vec![file.time.column()];
    wanted.extend(file.values.iter().map(|value| value.column));
    wanted.extend(file.subject.iter().filter_map(|part| match part {
        Part::Column(column) => Some(*column),
        Part::Text(_) => None,
    }));
    if let Source::Column(column) = file.source {
        wanted.push(column);
    }
    wanted.extend(file.variant);
    let mut beside = Vec::new();
    let refused = table::read(directory, file.name, &wanted, |row| {
        let (time, known_at) = times(file.time, row)?;
        if known_at > now {
            return Err(row.refuse(format!(
                "{} is {}, which has not been yet",
                file.time.column(),
                row.text(file.time.column())
            )));
        }
        let source = match file.source {
            Source::Named(name) => name,
            Source::Column(column) => row.text(column),
        };
        let subject = subject(file.subject, row);
        for value in file.values {
            // A wrong number does not make the others of its row wrong.
            let read = row.number(value.column).and_then(|number| {
                let Some(number) = number else { return Ok(None) };
                let id = SeriesId::new(format!("{subject}{}", value.suffix), value.metric)
                    .map_err(|error| row.refuse(error.to_string()))?;
                let converted = converted(number, value.unit, source);
                let observed = Observation::new(id.clone(), source, time, known_at, converted).map_err(|_| {
                    let (least, most) = value.metric.plausible();
                    row.refuse(format!(
                        "{} is {number}: as {} that is {converted}, expected {least} to {most}",
                        value.column, value.metric
                    ))
                })?;
                Ok(Some((id, Point { time, known_at, value: observed.value() })))
            });
            match read {
                Ok(None) => {}
                Ok(Some((id, point))) => {
                    let read = Read { point, file: file.name, line: row.line() };
                    let variant = file.variant.map(|column| row.text(column).to_owned()).unwrap_or_default();
                    columns.entry((id, source.to_owned(), file.name, variant)).or_default().push(read);
                }
                Err(refusal) => beside.push(refusal),
            }
        }
        Ok(())
    })?;
    Ok(refused.map(|mut refused| {
        refused.append(&mut beside);
        refused
    }))
}

/// The time a row is of, and the one from which it could be known.
fn times(time: Time, row: &Row<'_>) -> Result<(u64, u64), Refusal> {
    let text = row.text(time.column());
    let read = match time {
        Time::Day(_) => day(text).map(|start| (start, start + DAY)),
        Time::From(_, seconds) => instant(text).map(|start| (start, start + seconds)),
        Time::At(_) => instant(text).map(|at| (at, at)),
    };
    let expected =
        if matches!(time, Time::Day(_)) { "a day like 2023-03-11" } else { "a time like 2023-03-11T06:47:00Z" };
    read.ok_or_else(|| row.refuse(format!("{} is {text:?}, expected {expected}", time.column())))
}

/// The subject with every other character than a series id may have turned into a hyphen.
fn subject(parts: &[Part], row: &Row<'_>) -> String {
    let mut subject = String::new();
    for part in parts {
        match part {
            Part::Text(text) => subject.push_str(text),
            Part::Column(column) => subject.extend(row.text(column).chars().map(|c| match c.to_ascii_lowercase() {
                c if c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c) => c,
                _ => '-',
            })),
        }
    }
    subject
}
