//! Rows into a Parquet file, a group of them at a time.

use super::tables::{Column, Kind};
use crate::StoreError;
use crate::history::HistoryError;
use crate::sql::Row;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub(super) struct Writer {
    file: SerializedFileWriter<File>,
    columns: &'static [Column],
    path: String,
}

/// The values of one column that are there, and which of the rows have one.
enum Values {
    Integer(Vec<i64>),
    Boolean(Vec<bool>),
    Real(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Decimal(Vec<FixedLenByteArray>),
}

impl Writer {
    pub(super) fn create(path: &Path, table: &str, columns: &'static [Column]) -> Result<Self, HistoryError> {
        let shown = path.display().to_string();
        let failed = |why: String| HistoryError::Export { path: shown.clone(), why };
        let schema = parse_message_type(&schema(table, columns)).map_err(|error| failed(error.to_string()))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = File::create(path).map_err(|error| failed(error.to_string()))?;
        let file = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { file, columns, path: shown })
    }

    /// Writes rows as one group.
    pub(super) fn group(&mut self, rows: Vec<Row>) -> Result<(), HistoryError> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns = columns(self.columns, rows)?;
        let path = self.path.clone();
        let written = self.file.next_row_group().and_then(|mut group| {
            for (column, (values, present)) in self.columns.iter().zip(columns) {
                let levels = column.optional.then_some(present.as_slice());
                match values {
                    Values::Integer(values) => put::<Int64Type>(&mut group, &values, levels)?,
                    Values::Boolean(values) => put::<BoolType>(&mut group, &values, levels)?,
                    Values::Real(values) => put::<DoubleType>(&mut group, &values, levels)?,
                    Values::Bytes(values) => put::<ByteArrayType>(&mut group, &values, levels)?,
                    Values::Decimal(values) => put::<FixedLenByteArrayType>(&mut group, &values, levels)?,
                }
            }
            group.close().map(drop)
        });
        written.map_err(|error| HistoryError::Export { path, why: error.to_string() })
    }

    /// When this returns, the file is whole and on disk.
    pub(super) fn close(self) -> Result<(), HistoryError> {
        let path = self.path;
        let failed = |why: String| HistoryError::Export { path: path.clone(), why };
        let file = self.file.into_inner().map_err(|error| failed(error.to_string()))?;
        file.sync_all().map_err(|error| failed(error.to_string()))
    }
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let next = group.next_column()?;
    let mut column =
        next.ok_or_else(|| ParquetError::General("there are more columns than in the schema".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

fn schema(table: &str, columns: &[Column]) -> String {
    let mut text = format!("message {table} {{\n");
    for Column { name, kind, optional } in columns {
        let presence = if *optional { "optional" } else { "required" };
        let _ = match kind {
            Kind::Text => writeln!(text, "{presence} binary {name} (STRING);"),
            Kind::Bytes => writeln!(text, "{presence} binary {name};"),
            Kind::Integer => writeln!(text, "{presence} int64 {name};"),
            Kind::Boolean => writeln!(text, "{presence} boolean {name};"),
            Kind::Real => writeln!(text, "{presence} double {name};"),
            Kind::Time => writeln!(text, "{presence} int64 {name} (TIMESTAMP(MILLIS,true));"),
            Kind::Decimal(precision, scale) => {
                writeln!(text, "{presence} fixed_len_byte_array(16) {name} (DECIMAL({precision},{scale}));")
            }
        };
    }
    text + "}\n"
}

/// Rows turned into columns.
fn columns(columns: &'static [Column], rows: Vec<Row>) -> Result<Vec<(Values, Vec<i16>)>, HistoryError> {
    let empty = |column: &Column| match column.kind {
        Kind::Text | Kind::Bytes => Values::Bytes(Vec::with_capacity(rows.len())),
        Kind::Integer | Kind::Time => Values::Integer(Vec::with_capacity(rows.len())),
        Kind::Boolean => Values::Boolean(Vec::with_capacity(rows.len())),
        Kind::Real => Values::Real(Vec::with_capacity(rows.len())),
        Kind::Decimal(..) => Values::Decimal(Vec::with_capacity(rows.len())),
    };
    let mut filled: Vec<(Values, Vec<i16>)> =
        columns.iter().map(|column| (empty(column), Vec::with_capacity(rows.len()))).collect();
    for mut row in rows {
        for (column, (values, present)) in columns.iter().zip(&mut filled) {
            let there = push(values, column, &mut row)?;
            if !there && !column.optional {
                return Err(StoreError::Row(format!("{} is missing", column.name)).into());
            }
            present.push(i16::from(there));
        }
    }
    Ok(filled)
}

/// Whether there is a value.
fn push(values: &mut Values, column: &Column, row: &mut Row) -> Result<bool, HistoryError> {
    let name = column.name;
    match (values, column.kind) {
        (Values::Bytes(values), Kind::Text) => {
            Ok(row.optional_text(name)?.map(|text| values.push(ByteArray::from(text.into_bytes()))).is_some())
        }
        (Values::Bytes(values), _) => {
            Ok(row.optional_bytes(name)?.map(|bytes| values.push(ByteArray::from(bytes))).is_some())
        }
        (Values::Integer(values), Kind::Time) => match row.optional_integer(name)? {
            None => Ok(false),
            Some(seconds) => {
                let millis = seconds.checked_mul(1_000);
                values.push(millis.ok_or_else(|| StoreError::Row(format!("{name} is {seconds} seconds")))?);
                Ok(true)
            }
        },
        (Values::Integer(values), _) => Ok(row.optional_integer(name)?.map(|value| values.push(value)).is_some()),
        (Values::Boolean(values), _) => Ok(row.optional_integer(name)?.map(|value| values.push(value != 0)).is_some()),
        (Values::Real(values), _) => Ok(row.optional_real(name)?.map(|value| values.push(value)).is_some()),
        (Values::Decimal(values), kind) => match row.optional_text(name)? {
            None => Ok(false),
            Some(text) => {
                let scale = if let Kind::Decimal(_, scale) = kind { scale } else { 0 };
                let units = units(&text, scale).ok_or_else(|| StoreError::Row(format!("{name} is {text}")))?;
                // Two's complement, the most significant byte first, as the format has decimals.
                values.push(FixedLenByteArray::from(units.to_be_bytes().to_vec()));
                Ok(true)
            }
        },
    }
}

/// A decimal as units of its last digit.
fn units(text: &str, scale: u32) -> Option<i128> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if rest.len() > scale as usize {
        return None;
    }
    format!("{whole}{rest:0<width$}", width = scale as usize).parse().ok()
}
