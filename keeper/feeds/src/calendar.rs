//! UTC dates as text, in both directions; the proleptic Gregorian calendar.
//!
//! The arithmetic is Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>), for years 1970 to 9999.

pub const DAY: u64 = 86_400;

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no time, expected UTC such as 2025-04-28, 2025-04-28T23:01:27.655Z or 2025-04-28 23:01:27.655 UTC"
)]
pub struct NoTime {
    found: String,
}

/// Days since 1970-01-01 of a date, `None` for one that is not in the calendar.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=longest).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// `2025-04-28` of a Unix time in seconds.
#[must_use]
pub fn date(time: u64) -> String {
    let shifted = time / DAY + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2025-04-28T23:01:27Z` of a Unix time in seconds.
#[must_use]
pub fn timestamp(time: u64) -> String {
    let second = time % DAY;
    format!("{}T{:02}:{:02}:{:02}Z", date(time), second / 3_600, second / 60 % 60, second % 60)
}

/// Unix seconds, rounded down, of a UTC time: a date alone, or with a time after `T` or a blank, with or without a fraction, and with
/// `Z`, ` UTC`, `+00:00` or nothing at the end. Other offsets are refused.
///
/// # Errors
/// [`NoTime`].
pub fn parse(text: &str) -> Result<u64, NoTime> {
    parsed(text.trim()).ok_or_else(|| NoTime { found: text.chars().take(40).collect() })
}

fn parsed(text: &str) -> Option<u64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let midnight = days_from_civil(year, month, day)? * DAY;
    if rest.is_empty() {
        return Some(midnight);
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    let clock = ["Z", " UTC", "+00:00"].iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    let valid = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    valid.then_some(midnight + hour * 3_600 + minute * 60 + second)
}

fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
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
            "2025-04-28T10:00:60Z",
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

    proptest! {
        #[test]
        fn a_time_survives_its_text(time in 0_u64..253_402_300_800) {
            prop_assert_eq!(parse(&timestamp(time)), Ok(time));
            prop_assert_eq!(parse(&date(time)), Ok(time - time % DAY));
        }

        #[test]
        fn the_next_day_is_the_next_date(day in 0_u64..2_932_895) {
            prop_assert!(date(day * DAY) < date((day + 1) * DAY));
        }
    }
}
