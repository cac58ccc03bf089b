//! Moments, and where they come from.

mod written;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A moment, to the millisecond, in UTC: what every `$createdAt` and `datetime` column holds.
///
/// On the wire it is `2026-11-21T04:05:06.789+00:00`; in the database, milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Years 0000 to 9999, the ones that four digits can write.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since 1970-01-01T00:00:00Z. What four-digit years can't write becomes the nearest that they can.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(*WRITABLE.start(), *WRITABLE.end()))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This many seconds later (earlier, when negative).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Reads what people write for a moment: RFC 3339 with an offset, or without one (then UTC), with `T` or a space,
    /// or a date alone; and the other forms of [`written`]. `None` when it isn't one, or has no four-digit year.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let millis = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            moment.as_millisecond()
        } else if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
            local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()
        } else {
            written::parse(text)?
        };
        WRITABLE.contains(&millis).then_some(Self(millis))
    }

    /// Appends the wire's form. Written by hand because every row of every list passes here twice.
    pub fn write(self, out: &mut Vec<u8>) {
        let (year, month, day) = civil(self.0.div_euclid(86_400_000));
        let (year, month, day) = (year as u32, month as u32, day as u32);
        let in_day = self.0.rem_euclid(86_400_000) as u32;
        let mut text = *b"0000-00-00T00:00:00.000+00:00";
        pair(&mut text, 0, year / 100);
        pair(&mut text, 2, year % 100);
        pair(&mut text, 5, month);
        pair(&mut text, 8, day);
        pair(&mut text, 11, in_day / 3_600_000);
        pair(&mut text, 14, in_day / 60_000 % 60);
        pair(&mut text, 17, in_day / 1000 % 60);
        pair(&mut text, 20, in_day % 1000 / 10);
        text[22] += (in_day % 10) as u8;
        out.extend_from_slice(&text);
    }
}

/// Days since 1970 to year, month and day of the Gregorian calendar ("days to civil" by Howard Hinnant,
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Writes a number below 100 over two zeros.
fn pair(text: &mut [u8; 29], at: usize, number: u32) {
    text[at] += (number / 10) as u8;
    text[at + 1] += (number % 10) as u8;
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(29);
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("this is no moment"))
    }
}

/// Where "now" comes from. Passed in, so that a test can decide it.
pub trait Clock: Send + Sync {
    /// The current moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where time enters")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved, for tests.
#[derive(Debug, Default)]
pub struct FixedClock(std::sync::atomic::AtomicI64);

impl FixedClock {
    /// Stands at this moment.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self(moment.millis().into())
    }

    /// Moves on by so many seconds.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_appwrite_writes() {
        let moment = Timestamp::parse("2026-11-21T05:06:07.089+01:00").unwrap();
        assert_eq!(moment.to_string(), "2026-11-21T04:06:07.089+00:00");
    }

    #[test]
    fn agrees_with_the_calendar_of_a_library_on_every_day_of_four_digit_years() {
        let mut day = jiff::civil::date(0, 1, 1);
        let mut millis = *WRITABLE.start();
        while let Ok(next) = day.tomorrow() {
            assert_eq!(Timestamp::from_millis(millis).to_string(), format!("{day}T00:00:00.000+00:00"));
            day = next;
            millis += 86_400_000;
        }
    }

    #[test]
    fn reads_what_people_write() {
        for text in ["2026-01-02", "2026-01-02 00:00:00", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000+00:00"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), "2026-01-02T00:00:00.000+00:00", "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "2026-01-02T25:00:00Z", "12"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
