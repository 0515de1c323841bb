//! Figures that are sampled together, each judged by its own changes: what the service looks at, what it is primed with from a remembered past, and what
//! its alarms are counted by on history.

use super::{Verdict, ZScore};

/// `N` figures of one thing. Judged are changes from one sample to the next; what happened in a gap is no single change and is not judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch<const N: usize> {
    /// Seconds.
    period: u64,
    /// The sample before, with its time.
    last: Option<(u64, [f64; N])>,
    changes: [ZScore; N],
}

/// What a figure is, how it has changed, and what that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    pub now: f64,
    pub change: f64,
    pub verdict: Verdict,
}

impl<const N: usize> Watch<N> {
    /// Watches figures that are sampled every `period` seconds, each with such a detector.
    #[must_use]
    pub fn new(period: u64, detector: &ZScore) -> Self {
        Self { period, last: None, changes: std::array::from_fn(|_| detector.clone()) }
    }

    /// When the last sample was taken, Unix seconds.
    #[must_use]
    pub fn sampled(&self) -> Option<u64> {
        self.last.map(|(time, _)| time)
    }

    /// Whether it is time for a sample.
    #[must_use]
    pub fn due(&self, time: u64) -> bool {
        self.last.is_none_or(|(last, _)| time.saturating_sub(last) >= self.period)
    }

    /// The fewest changes that a figure is judged by so far, and how many are needed.
    #[must_use]
    pub fn judges_by(&self) -> (usize, usize) {
        let fewest = self.changes.iter().map(ZScore::remembers).min().unwrap_or(0);
        (fewest, self.changes.first().map_or(0, ZScore::window))
    }

    /// Takes a sample of `time` (Unix seconds); `None` if there is nothing to be read. No change is judged if the sample before was none, or two periods
    /// or longer ago.
    pub fn sample(&mut self, time: u64, figures: Option<[f64; N]>) -> Option<[Judged; N]> {
        let last = std::mem::replace(&mut self.last, figures.map(|figures| (time, figures)));
        let (now, (before, last)) = (figures?, last?);
        if time.saturating_sub(before) >= self.period.saturating_mul(2) {
            return None;
        }
        let mut judged = [Judged { now: 0.0, change: 0.0, verdict: Verdict::NotANumber }; N];
        for (((judged, detector), now), last) in judged.iter_mut().zip(&mut self.changes).zip(now).zip(last) {
            let change = now - last;
            *judged = Judged { now, change, verdict: detector.push(change) };
        }
        Some(judged)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::AlarmRate, *};
    use proptest::prelude::*;

    const HOUR: u64 = 3_600;

    fn watch() -> Watch<1> {
        let rate = AlarmRate::expected(0.1, 1, 24.0).unwrap();
        Watch::new(HOUR, &ZScore::new(rate, 10, None).unwrap())
    }

    #[test]
    fn neither_a_gap_nor_what_could_not_be_read_is_a_change() {
        let mut watch = watch();
        assert!(watch.due(0) && watch.sample(0, Some([1.0])).is_none(), "the first has none before it");
        assert!(!watch.due(HOUR - 1) && watch.due(HOUR));
        assert_eq!(watch.sample(HOUR, Some([1.5])).unwrap()[0].change, 0.5);
        assert!(watch.sample(3 * HOUR, Some([9.0])).is_none(), "two periods are a gap");
        assert!(watch.sample(4 * HOUR, Some([9.0])).is_some());
        assert!(watch.sample(5 * HOUR, None).is_none());
        assert!(watch.sample(6 * HOUR, Some([1.0])).is_none());
        assert_eq!(watch.judges_by(), (2, 10));
    }

    proptest! {
        // SPEC R7: the same samples, the same verdicts; as many changes are remembered as were judged and not one more.
        #[test]
        fn as_many_changes_are_remembered_as_there_were(samples in prop::collection::vec((1..4u64, prop::option::of(-5.0..5.0f64)), 0..60)) {
            let mut watch = watch();
            let (mut time, mut changes) = (0, 0usize);
            for (hours, figure) in samples {
                time += hours * HOUR;
                changes += usize::from(watch.sample(time, figure.map(|one| [one])).is_some());
            }
            prop_assert_eq!(watch.judges_by().0, changes.min(10));
        }
    }
}
