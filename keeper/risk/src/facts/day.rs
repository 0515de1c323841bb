//! Calendar days in UTC.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A day of the Gregorian calendar, UTC, from 1970 to 9999. Written `2023-03-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day {
    /// Days since 1970-01-01.
    number: u64,
}

/// A text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day, expected one like 2023-03-11, from 1970-01-01 to 9999-12-31")]
pub struct DayError(String);

impl Day {
    /// The day that a time (Unix seconds) is in.
    #[must_use]
    pub const fn of(time: u64) -> Self {
        Self { number: time / 86_400 }
    }

    /// Unix seconds of its beginning.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.number * 86_400
    }

    /// Year, month and day (Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
    #[must_use]
    pub const fn civil(self) -> (u64, u64, u64) {
        let shifted = self.number + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, day)
    }

    /// The inverse of [`Self::civil`] (days_from_civil).
    const fn from_civil(year: u64, month: u64, day: u64) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, year_of_era) = (year / 400, year % 400);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        Self { number: era * 146_097 + of_era - 719_468 }
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || DayError(text.to_owned());
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10
            && bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
        if !shaped {
            return Err(refuse());
        }
        let number = |part: &str| part.parse::<u64>().map_err(|_| refuse());
        let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?);
        if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(refuse());
        }
        let found = Self::from_civil(year, month, day);
        // The 30th of February comes back as another day.
        if found.civil() == (year, month, day) { Ok(found) } else { Err(refuse()) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
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
            assert_eq!(text.parse::<Day>().unwrap().start(), time, "{text}");
            assert_eq!(Day::of(time + 86_399).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["", "2023-02-30", "2023-13-01", "1969-12-31", "2023-3-11", "2023-03-11Z", "+023-03-11", "２０２３-03"]
        {
            assert!(text.parse::<Day>().is_err(), "{text}");
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
