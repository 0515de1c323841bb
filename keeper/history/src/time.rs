//! Calendar days and instants, UTC, as the files spell them.

use ballast_types::calendar;

pub use ballast_types::calendar::{DAY, date, timestamp};

/// Midnight at which a day begins, Unix seconds: of `2023-03-11`, or of `2023-03-11T00:00:00Z` where a file writes days so.
#[must_use]
pub fn day(text: &str) -> Option<u64> {
    calendar::day(text.strip_suffix("T00:00:00Z").unwrap_or(text)).ok()
}

/// An instant like `2023-03-11T06:47:00Z`, Unix seconds.
#[must_use]
pub fn instant(text: &str) -> Option<u64> {
    calendar::instant(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_are_read_as_the_files_spell_them() {
        assert_eq!(day("1970-01-02"), Some(DAY));
        assert_eq!(day("2023-03-11"), day("2023-03-11T00:00:00Z"));
        assert_eq!(instant("1970-01-01T00:01:00Z"), Some(60));
        for bad in ["", "2023-13-01", "2023-3-1", "2023-02-29", "11.03.2023", "1969-12-31", "2023-03-11T01:00:00Z"] {
            assert_eq!(day(bad), None, "{bad}");
        }
        for bad in ["2023-03-11", "2023-03-11T06:47:00", "2023-03-11T06:47:00+01:00", "soon"] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(date(1_678_492_800), "2023-03-11");
        assert_eq!(instant(&timestamp(1_678_517_220)), Some(1_678_517_220));
    }
}
