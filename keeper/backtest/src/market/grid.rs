//! Series laid over the days of a period.

use ballast_history::{Dataset, Series, time};
use ballast_types::Metric;

/// A day of a price.
#[derive(Clone, Copy)]
pub(super) struct Peg {
    pub(super) close: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The days that are covered.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    pub(super) origin: u64,
    pub(super) length: usize,
}

impl Grid {
    /// The step that a time is in.
    fn slot(self, time: u64) -> Option<usize> {
        usize::try_from(time.checked_sub(self.origin)? / time::DAY).ok()
    }

    /// By day, the value of the series that had the most values by then; among equals of one whose source also says what borrowers pay on that
    /// day, then of the first by name. Which one that is depends on nothing later.
    pub(super) fn merge(self, dataset: &Dataset, subject: &str, metric: Metric) -> Vec<Option<(f64, String)>> {
        // Values before, and whether borrowers are told of.
        type Rank = (usize, bool);
        let mut merged: Vec<Option<(Rank, f64, &str)>> = vec![None; self.length];
        let mut sources: Vec<_> = dataset.of(subject, metric).collect();
        sources.sort_by(|a, b| (&a.source, &a.variant).cmp(&(&b.source, &b.variant)));
        for series in sources {
            let borrowers = dataset
                .of(subject, Metric::BorrowApr)
                .find(|other| other.source == series.source && other.variant == series.variant);
            for (before, point) in series.points.iter().enumerate() {
                let Some(slot) = self.slot(point.time).and_then(|step| merged.get_mut(step)) else { continue };
                let at = |other: &Series| other.points.binary_search_by_key(&point.time, |of| of.time);
                let rank = (before, borrowers.is_some_and(|other| at(other).is_ok()));
                if slot.is_none_or(|(best, ..)| rank > best) {
                    *slot = Some((rank, point.value, &series.source));
                }
            }
        }
        merged.into_iter().map(|slot| slot.map(|(_, value, source)| (value, source.to_owned()))).collect()
    }

    /// Close, low and high by day of all prices of a subject within it.
    pub(super) fn range(self, dataset: &Dataset, subject: &str) -> Vec<Option<Peg>> {
        let mut days: Vec<Option<Peg>> = vec![None; self.length];
        for point in dataset.of(subject, Metric::PriceUsd).flat_map(|series| &series.points) {
            if let Some(slot) = self.slot(point.time).and_then(|day| days.get_mut(day)) {
                let close = point.value;
                let Peg { low, high, .. } = slot.unwrap_or(Peg { close, low: close, high: close });
                *slot = Some(Peg { close, low: low.min(close), high: high.max(close) });
            }
        }
        days
    }

    pub(super) fn values(self, dataset: &Dataset, subject: &str, metric: Metric) -> Vec<Option<f64>> {
        self.merge(dataset, subject, metric).into_iter().map(|slot| slot.map(|(value, _)| value)).collect()
    }
}
