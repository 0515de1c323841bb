//! One file of comma-separated values, plain or gzipped, row by row.

use crate::refusal::{HistoryError, Refusal};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

/// A row with the names of its columns.
pub struct Row<'a> {
    file: &'a str,
    columns: &'a [(&'static str, usize)],
    record: &'a StringRecord,
    line: u64,
}

impl Row<'_> {
    /// The text of a column that was asked for, without surrounding blanks.
    #[must_use]
    pub fn text(&self, column: &str) -> &str {
        let index = self.columns.iter().find(|(name, _)| *name == column).map(|(_, index)| *index);
        index.and_then(|index| self.record.get(index)).unwrap_or_default().trim()
    }

    /// The number in a column; `None` if the field is empty.
    ///
    /// # Errors
    /// If it is no number, or not a finite one.
    pub fn number(&self, column: &str) -> Result<Option<f64>, Refusal> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            Ok(_) => Err(self.refuse(format!("{column} is {text}, expected a finite number"))),
            Err(_) => Err(self.refuse(format!("{column} is {text:?}, expected a number"))),
        }
    }

    /// Why this row is not used.
    #[must_use]
    pub fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal { file: self.file.to_owned(), line: self.line, reason: reason.into() }
    }

    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }
}

/// Where a file of the dataset is: `name.csv.gz`, else `name.csv`.
#[must_use]
pub fn path(directory: &Path, name: &str) -> Option<PathBuf> {
    [format!("{name}.csv.gz"), format!("{name}.csv")]
        .into_iter()
        .map(|file| directory.join(file))
        .find(|path| path.exists())
}

/// Reads `name` in `directory`, giving each row to `each`; what `each` refuses, and rows that are malformed, are collected.
/// Columns beyond those asked for are ignored. `None` if there is no such file.
///
/// # Errors
/// If the file cannot be read to its end (a truncated archive), has no rows, or lacks a column: then nothing of it is to be used.
pub fn read(
    directory: &Path,
    name: &str,
    columns: &[&'static str],
    mut each: impl FnMut(&Row<'_>) -> Result<(), Refusal>,
) -> Result<Option<Vec<Refusal>>, HistoryError> {
    let Some(path) = path(directory, name) else { return Ok(None) };
    let unreadable = |line: u64, why: String| HistoryError::Unreadable { path: path.clone(), line, why };
    let file = BufReader::new(File::open(&path).map_err(|error| unreadable(0, error.to_string()))?);
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let content: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader: Reader<_> = ReaderBuilder::new().from_reader(content);

    let headers = reader.headers().map_err(|error| unreadable(1, error.to_string()))?.clone();
    let positions = columns
        .iter()
        .map(|column| {
            let index = headers.iter().position(|header| header.trim_start_matches('\u{feff}') == *column);
            index.map(|index| (*column, index)).ok_or_else(|| HistoryError::Column {
                path: path.clone(),
                column: (*column).to_owned(),
                found: headers.iter().collect::<Vec<_>>().join(", "),
            })
        })
        .collect::<Result<Vec<_>, _>>()?;

    let mut refused = Vec::new();
    let mut record = StringRecord::new();
    let mut rows = 0u64;
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                rows += 1;
                let line = record.position().map_or(line, csv::Position::line);
                let row = Row { file: name, columns: &positions, record: &record, line };
                if let Err(refusal) = each(&row) {
                    refused.push(refusal);
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    rows += 1;
                    let reason = format!("it has {len} fields, expected {expected_len}");
                    refused.push(Refusal { file: name.to_owned(), line, reason });
                }
                ErrorKind::Utf8 { .. } => {
                    rows += 1;
                    refused.push(Refusal { file: name.to_owned(), line, reason: "it is not UTF-8".into() });
                }
                _ => return Err(unreadable(line, error.to_string())),
            },
        }
    }
    if rows == 0 { Err(HistoryError::Empty { path }) } else { Ok(Some(refused)) }
}
