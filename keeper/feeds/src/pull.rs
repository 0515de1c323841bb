//! History from the public APIs into files, for those who have none.
//!
//! Files have the names and columns of the data set that the project is developed with (`ballast-history` reads both). The work is cut into
//! units, a pool, or a coin over some weeks, or a day of blocks; what a unit gave is on disk before the next one is asked for, so that a pull
//! that was interrupted goes on where it was. A file appears as a whole, when all of its units are there, or not at all.

mod files;
mod gas;
mod lending;
mod observed;
mod prices;

pub use files::{Archive, PullError, Unit};
pub use gas::Gas;
pub use lending::{Lending, ListedPool, default_pools};
pub use observed::{Exploits, Observed, Reach};
pub use prices::{Asset, Prices, default_assets};

use crate::FeedError;
use futures::future::BoxFuture;
use serde::Serialize;

/// A file to be pulled.
pub trait Table: Send + Sync {
    /// Without an ending: `lending_rates_daily`.
    fn name(&self) -> &'static str;

    fn header(&self) -> &'static str;

    /// What it is made of, each unit by a name that says all that it depends on.
    fn units(&self) -> Vec<String>;

    /// Asks for the unit at `index` of [`Self::units`].
    fn ask(&self, index: usize, now: u64) -> BoxFuture<'_, Result<Unit, FeedError>>;
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// `lending_rates_daily.csv.gz`.
    pub file: String,
    pub rows: usize,
    /// Rows of answers that were refused; which and why is in [`REFUSED`].
    pub refused: usize,
    /// The least and the most samples that a row is a mean of, where that may differ.
    pub samples: Option<(usize, usize)>,
    /// Units that were there already from a pull that was interrupted.
    pub resumed: usize,
    /// Units that failed, with the reason. The file was not written if there are any.
    pub failed: Vec<String>,
}

impl Pulled {
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Where refused rows are listed, beside the files: file, unit, row, why.
pub const REFUSED: &str = "refused.tsv";

/// Pulls one file into `archive`. A unit that fails does not keep the others from being asked for.
///
/// # Errors
/// [`PullError`] if the directory cannot be written.
pub async fn pull(table: &dyn Table, archive: &Archive, now: u64) -> Result<Pulled, PullError> {
    let file = format!("{}.csv.gz", table.name());
    let mut pulled = Pulled { file: file.clone(), rows: 0, refused: 0, samples: None, resumed: 0, failed: Vec::new() };
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for (index, name) in table.units().iter().enumerate() {
        let unit = match archive.unit(table.name(), name)? {
            Some(unit) => {
                pulled.resumed += 1;
                unit
            }
            None => match table.ask(index, now).await {
                Ok(unit) => {
                    archive.keep(table.name(), name, &unit)?;
                    unit
                }
                Err(error) => {
                    tracing::debug!(table = table.name(), unit = name, %error, "a unit was not pulled");
                    pulled.failed.push(format!("{name}: {error}"));
                    continue;
                }
            },
        };
        if let Some(count) = unit.samples {
            let (least, most) = pulled.samples.unwrap_or((count, count));
            pulled.samples = Some((least.min(count), most.max(count)));
        }
        refused.extend(unit.refused.into_iter().map(|why| format!("{file}\t{name}\t{why}")));
        rows.extend(unit.rows);
    }
    pulled.refused = refused.len();
    if pulled.is_whole() {
        rows.sort_unstable();
        pulled.rows = rows.len();
        archive.publish(&file, table.header(), &rows)?;
        archive.note_refused(&file, &refused)?;
        archive.forget(table.name())?;
    }
    Ok(pulled)
}
