//! Days of the table, UTC, and from when on what is dated to one is known.

use ballast_types::calendar::{self, DAY, NoDay};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A day of the Gregorian calendar, UTC, from 1970 to 9999. Written `2023-03-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day {
    /// Days since 1970-01-01.
    number: u64,
}

impl Day {
    /// The day that a time (Unix seconds) is in.
    #[must_use]
    pub const fn of(time: u64) -> Self {
        Self { number: time / DAY }
    }

    /// Unix seconds of its beginning.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.number.saturating_mul(DAY)
    }

    /// Unix seconds of its end, the first of the next day: when all of it is over.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start().saturating_add(DAY)
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        calendar::day(text).map(Self::of)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&calendar::date(self.start()))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = NoDay;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// When something became known: on a day, nobody knows at what time of it, or at an instant. Written `2023-03-11` or `2023-03-11T06:47:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Dated {
    Day(Day),
    /// Unix seconds.
    Instant(u64),
}

/// A text that is neither a day nor an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is expected to be a day like 2023-03-11, or a time of it like 2023-03-11T06:47:00Z")]
pub struct NotDated(String);

impl Dated {
    /// Unix seconds from which on it is known. What is dated to a day may have come in its last second: it is known when the day is over, or
    /// a decision in the morning would know of the evening.
    #[must_use]
    pub const fn known(self) -> u64 {
        match self {
            Self::Day(day) => day.end(),
            Self::Instant(time) => time,
        }
    }

    /// The day that it is on.
    #[must_use]
    pub const fn day(self) -> Day {
        match self {
            Self::Day(day) => day,
            Self::Instant(time) => Day::of(time),
        }
    }
}

impl FromStr for Dated {
    type Err = NotDated;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = || calendar::instant(text).map(Self::Instant);
        text.parse().map(Self::Day).or_else(|_| instant()).map_err(|_| NotDated(text.to_owned()))
    }
}

impl TryFrom<String> for Dated {
    type Error = NotDated;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Dated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(f),
            Self::Instant(time) => f.write_str(&calendar::timestamp(*time)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days_have_their_times() {
        for (text, time) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2023-03-11", 1_678_492_800),
            ("2026-02-28", 1_772_236_800),
        ] {
            let day: Day = text.parse().unwrap();
            assert_eq!((day.start(), day.end()), (time, time + 86_400), "{text}");
            assert_eq!(Day::of(time + 86_399).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["", "2023-02-30", "2023-13-01", "1969-12-31", "2023-3-11", "2023-03-11Z", "+023-03-11", "２０２３-03"]
        {
            assert!(text.parse::<Day>().is_err() && text.parse::<Dated>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_dated_to_a_day_is_known_when_it_is_over_and_to_an_instant_then() {
        for (text, known) in [("2023-03-11", 1_678_579_200), ("2023-03-11T06:47:00Z", 1_678_517_220)] {
            let dated: Dated = text.parse().unwrap();
            assert_eq!((dated.known(), dated.day().to_string()), (known, "2023-03-11".to_owned()));
            assert_eq!(dated.to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_day_survives_its_text(number in 0u64..2_900_000) {
            let day = Day { number };
            prop_assert_eq!(day.to_string().parse::<Day>().unwrap(), day);
        }
    }
}
