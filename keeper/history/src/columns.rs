//! How a kind of file is described: its time, its subject, and what its columns are measured in.

use ballast_types::Metric;

/// How the time of a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// A calendar day; its value can be known when the day is over.
    Day(&'static str),
    /// The beginning of an interval of so many seconds; its value can be known when that is over.
    From(&'static str, u64),
    /// The moment itself.
    At(&'static str),
}

impl Time {
    pub(crate) const fn column(self) -> &'static str {
        match self {
            Self::Day(column) | Self::From(column, _) | Self::At(column) => column,
        }
    }
}

/// A piece of a series' subject.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Text(&'static str),
    Column(&'static str),
}

/// Who a row is from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    Named(&'static str),
    Column(&'static str),
}

/// The unit that a column is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As the metric has it.
    Plain,
    /// Percent a year: simple where its source is known to give APR, else compounded, and turned into the simple rate of a day.
    RatePercent,
    /// A simple rate in percent a year, whatever the source.
    AprPercent,
}

/// A column that becomes a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) column: &'static str,
    pub(crate) metric: Metric,
    pub(crate) unit: Unit,
    /// Put behind the subject, where one row has several values of one metric.
    pub(crate) suffix: &'static str,
}

pub(crate) const fn value(column: &'static str, metric: Metric, unit: Unit) -> Value {
    Value { column, metric, unit, suffix: "" }
}

pub(crate) const fn named(suffix: &'static str, column: &'static str, metric: Metric) -> Value {
    Value { column, metric, unit: Unit::Plain, suffix }
}

/// One kind of file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSpec {
    pub(crate) name: &'static str,
    pub(crate) time: Time,
    pub(crate) subject: &'static [Part],
    pub(crate) source: Source,
    /// What else tells series of one subject and source apart (two pools of one asset).
    pub(crate) variant: Option<&'static str>,
    pub(crate) values: &'static [Value],
}
