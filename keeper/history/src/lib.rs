//! Market history from files: what a directory of them holds, which rows may be used, and what the markets were like on each day.
//!
//! Values have two times, what they are of and when they could be known ([`Point`]). A damaged file is refused as a whole, a wrong row by
//! itself with its line, and whether a value is used depends on nothing later than itself.

mod catalogue;
mod columns;
mod dataset;
mod manifest;
mod observed;
mod plausibility;
mod quality;
mod refusal;
pub mod synthetic;
mod table;
pub mod time;

pub use catalogue::simple_daily_rate;
pub use dataset::{Dataset, Point, Series};
pub use manifest::{Differences, MANIFEST, Manifest};
pub use quality::{OUTLIER, Quality, STALE_STEPS, assess};
pub use refusal::{HistoryError, Refusal};
pub use table::{Row, path as file_path, read as read_table};
