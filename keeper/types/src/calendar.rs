//! UTC dates and times as text: the one place where they are read and written.
//!
//! Unix seconds have no leap seconds. What is before 1970 or in no calendar is refused.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no time, expected UTC such as 2025-04-28, 2025-04-28T23:01:27.655Z or 2025-04-28 23:01:27.655 UTC"
)]
pub struct NoTime {
    found: String,
}

/// A text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no day, expected one like 2023-03-11, from 1970-01-01 to 9999-12-30")]
pub struct NoDay {
    found: String,
}

/// `2025-04-28` of a Unix time in seconds.
#[must_use]
pub fn date(time: u64) -> String {
    stamp(time).map_or_else(|| format!("second {time}"), |stamp| stamp.strftime("%Y-%m-%d").to_string())
}

/// `2025-04-28T23:01:27Z` of a Unix time in seconds.
#[must_use]
pub fn timestamp(time: u64) -> String {
    stamp(time).map_or_else(|| format!("second {time}"), |stamp| stamp.to_string())
}

fn stamp(time: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time).ok()?).ok()
}

/// Unix seconds, rounded down, of a UTC time from 1970 on: a date alone, or with a time after `T` or a blank, with or without a fraction,
/// and with `Z`, ` UTC`, `+00:00` or nothing at the end. Other offsets are refused.
///
/// # Errors
/// [`NoTime`].
pub fn parse(text: &str) -> Result<u64, NoTime> {
    parsed(text.trim()).ok_or_else(|| NoTime { found: text.chars().take(40).collect() })
}

/// Unix seconds of the midnight at which a day begins: `2025-04-28` and nothing else.
///
/// # Errors
/// [`NoDay`].
pub fn day(text: &str) -> Result<u64, NoDay> {
    let found = if text.len() == 10 { parsed(text) } else { None };
    found.ok_or_else(|| NoDay { found: text.chars().take(40).collect() })
}

/// Unix seconds, rounded down, of a day with a time that says that it is UTC: `2025-04-28T23:01:27Z`.
///
/// # Errors
/// [`NoTime`].
pub fn instant(text: &str) -> Result<u64, NoTime> {
    let found = if text.ends_with('Z') { parsed(text) } else { None };
    found.ok_or_else(|| NoTime { found: text.chars().take(40).collect() })
}

fn parsed(text: &str) -> Option<u64> {
    let civil = if text.len() == 10 {
        text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())
    } else {
        let civil = ["Z", " UTC", "+00:00"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
        // What is left behind the date has neither offset nor time zone.
        let clock = civil.get(10..)?;
        let plain = clock.strip_prefix(['T', ' '])?.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
        if !plain {
            return None;
        }
        civil.parse::<DateTime>().ok()?
    };
    u64::try_from(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times_are_what_they_are() {
        for (text, time) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2025-04-28T23:01:27.655Z", 1_745_881_287),
            ("2025-04-28 23:01:27.655 UTC", 1_745_881_287),
            ("2025-04-28T23:01:27+00:00", 1_745_881_287),
            ("2025-04-28T23:01", 1_745_881_260),
        ] {
            assert_eq!(parse(text), Ok(time), "{text}");
        }
        assert_eq!(timestamp(1_745_881_287), "2025-04-28T23:01:27Z");
    }

    #[test]
    fn what_is_not_in_the_calendar_is_refused() {
        for bad in [
            "",
            "2025",
            "2025-02-29",
            "2025-13-01",
            "2025-00-10",
            "2025-1-01",
            "2025-04-28T24:00:00Z",
            "2025-04-28T10:00:00+02:00",
            "2025-04-28T10:00:00.Z",
            "2025-04-28X10:00:00Z",
            "1969-12-31",
            "1745881287",
            "২০২৫-০১-০১",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_day_is_a_day_alone_and_an_instant_says_that_it_is_utc() {
        assert_eq!((day("2023-03-11"), instant("1970-01-01T00:01:00Z")), (Ok(1_678_492_800), Ok(60)));
        for bad in [
            "",
            "2023-13-01",
            "2023-3-1",
            "2023-02-30",
            "11.03.2023",
            "1969-12-31",
            " 2023-3-11",
            "+023-03-11",
            "2023-03-11T00:00:00Z",
        ] {
            let refused = day(bad).unwrap_err().to_string();
            assert!(refused.contains("expected one like 2023-03-11"), "{refused}");
        }
        for bad in
            ["2023-03-11", "2023-03-11T06:47:00", "2023-03-11T06:47:00+01:00", "2023-03-11 06:47:00 UTC", "soon", "Z"]
        {
            assert!(instant(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_time_survives_its_text(time in 0_u64..253_402_214_400 - DAY) {
            prop_assert_eq!(parse(&timestamp(time)), Ok(time));
            prop_assert_eq!(parse(&date(time)), Ok(time - time % DAY));
        }

        #[test]
        fn the_next_day_is_the_next_date(day in 0_u64..2_932_895) {
            prop_assert!(date(day * DAY) < date((day + 1) * DAY));
        }
    }
}
