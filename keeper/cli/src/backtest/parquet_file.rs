//! The points of a sweep as a Parquet file: a column per parameter, then the figures.

use eyre::{WrapErr, eyre};
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

/// One combination and what came of it. Amounts are in USDC and USD, rates are fractions a year.
pub(super) struct Point<'a> {
    pub(super) parameters: &'a BTreeMap<String, String>,
    pub(super) final_value: f64,
    pub(super) net_apy: f64,
    /// `None` where the deviation is zero.
    pub(super) sharpe: Option<f64>,
    pub(super) max_drawdown: f64,
    pub(super) gas_usd: f64,
    pub(super) rebalances: u32,
}

enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i64>),
    Real(Vec<f64>),
    /// With a level a row, 1 where it has a value.
    Optional(Vec<f64>, Vec<i16>),
}

struct Column {
    name: String,
    values: Values,
}

/// Writes the points to `path`, whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write(path: &Path, points: &[Point<'_>]) -> eyre::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = put_all(&part, &columns(points)).and_then(|()| Ok(fs::rename(&part, path)?));
    if written.is_err() {
        // What is left of it is of no use; that there may be nothing to remove is no fault.
        let _ = fs::remove_file(&part);
    }
    written.wrap_err_with(|| format!("cannot write {}", path.display()))
}

fn columns(points: &[Point<'_>]) -> Vec<Column> {
    let names: BTreeSet<&String> = points.iter().flat_map(|point| point.parameters.keys()).collect();
    let parameter = |name: &String| {
        let texts: Vec<&str> =
            points.iter().map(|point| point.parameters.get(name).map_or("", String::as_str)).collect();
        // A parameter whose values are all whole numbers is a column of numbers.
        let numbers: Result<Vec<i64>, _> = texts.iter().map(|text| text.parse::<i64>()).collect();
        let values = numbers.map_or_else(
            |_| Values::Text(texts.iter().map(|text| ByteArray::from(text.as_bytes().to_vec())).collect()),
            Values::Integer,
        );
        Column { name: name.clone(), values }
    };
    let real = |name: &str, figure: &dyn Fn(&Point<'_>) -> f64| Column {
        name: name.into(),
        values: Values::Real(points.iter().map(figure).collect()),
    };
    let sharpe = Values::Optional(
        points.iter().filter_map(|point| point.sharpe).collect(),
        points.iter().map(|point| i16::from(point.sharpe.is_some())).collect(),
    );
    let moves = Values::Integer(points.iter().map(|point| i64::from(point.rebalances)).collect());
    let mut columns: Vec<Column> = names.into_iter().map(parameter).collect();
    columns.extend([
        real("final_value", &|point| point.final_value),
        real("net_apy", &|point| point.net_apy),
        Column { name: "sharpe".into(), values: sharpe },
        real("max_drawdown", &|point| point.max_drawdown),
        real("gas_usd", &|point| point.gas_usd),
        Column { name: "rebalances".into(), values: moves },
    ]);
    columns
}

fn put_all(path: &Path, columns: &[Column]) -> eyre::Result<()> {
    let fields: String = columns
        .iter()
        .map(|Column { name, values }| match values {
            Values::Text(_) => format!("required binary {name} (STRING);\n"),
            Values::Integer(_) => format!("required int64 {name};\n"),
            Values::Real(_) => format!("required double {name};\n"),
            Values::Optional(..) => format!("optional double {name};\n"),
        })
        .collect();
    let schema = parse_message_type(&format!("message sweep {{\n{fields}}}\n"))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(File::create(path)?, Arc::new(schema), Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for Column { values, .. } in columns {
        match values {
            Values::Text(values) => put::<ByteArrayType>(&mut group, values, None)?,
            Values::Integer(values) => put::<Int64Type>(&mut group, values, None)?,
            Values::Real(values) => put::<DoubleType>(&mut group, values, None)?,
            Values::Optional(values, levels) => put::<DoubleType>(&mut group, values, Some(levels))?,
        }
    }
    group.close()?;
    file.into_inner()?.sync_all().map_err(|error| eyre!(error))
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
