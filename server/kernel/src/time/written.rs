//! Moments as people write them.
//!
//! Appwrite takes whatever PHP reads as a date. This is the part of it that means one moment, and the same one on any day: a
//! date with a year of four digits, a time of the day or none, a time zone or none, in any order.
//!
//! | part | forms |
//! |---|---|
//! | date | `2001-07-04`, `2001/07/04`, `07/04/2001` (month first), `04-07-2001` and `04.07.2001` (day first), `4 July 2001`, `Jul 4th, 2001`, `04-Jul-2001`; a day of the week beside it, if it is the right one |
//! | time | `9:30`, `09:30:00`, `09:30:00.125`, and `AM` or `PM` |
//! | zone | `Z`, `UTC`, `GMT`, `+02:00`, `+0200`, `+2`, `GMT+0200`, `Europe/Paris` with its rules of that day, abbreviations such as `EST` |
//!
//! What is no date (`2001-02-30`), no time (`24:00`), or no zone is refused; PHP counts some of these over into the next day.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{Offset, TimeZone};

/// Nobody writes a moment in more bytes than this.
const LONGEST: usize = 80;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// Abbreviations of zones, and their minutes east of Greenwich. Those that mean several zones (`IST`) aren't among them.
const ABBREVIATIONS: [(&str, i32); 32] = [
    ("z", 0),
    ("utc", 0),
    ("ut", 0),
    ("gmt", 0),
    ("wet", 0),
    ("west", 60),
    ("bst", 60),
    ("cet", 60),
    ("cest", 120),
    ("eet", 120),
    ("eest", 180),
    ("sast", 120),
    ("msk", 180),
    ("awst", 480),
    ("jst", 540),
    ("kst", 540),
    ("acst", 570),
    ("acdt", 630),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
    ("nzdt", 780),
    ("est", -300),
    ("edt", -240),
    ("cst", -360),
    ("cdt", -300),
    ("mst", -420),
    ("mdt", -360),
    ("pst", -480),
    ("pdt", -420),
    ("akst", -540),
    ("hst", -600),
];

/// Reads a moment: milliseconds since 1970-01-01T00:00:00Z. `None` when it isn't one.
pub(super) fn parse(text: &str) -> Option<i64> {
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let mut parts = Parts::default();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        parts.read(word)?;
    }
    parts.millis()
}

/// What was read so far. Nothing is said twice.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    weekday: Option<Weekday>,
    time: Option<Time>,
    /// Whether it is the afternoon's half of the day.
    afternoon: Option<bool>,
    zone: Option<TimeZone>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Time {
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
}

impl Parts {
    fn read(&mut self, word: &str) -> Option<()> {
        if let Some((date, time)) = split_at_t(word) {
            self.read(date)?;
            return self.read_time(time);
        }
        match word.as_bytes().first()? {
            b'0'..=b'9' if word.contains(':') => self.read_time(word),
            b'0'..=b'9' if word.contains(['-', '/', '.']) => self.read_date(word),
            b'0'..=b'9' => self.read_number(word),
            b'+' | b'-' => set(&mut self.zone, offset(word)?),
            _ => self.read_name(word),
        }
    }

    /// A date in one word.
    fn read_date(&mut self, word: &str) -> Option<()> {
        let separator = word.find(['-', '/', '.']).and_then(|at| word.get(at..=at))?;
        let mut fields = word.split(separator);
        let (first, second, third) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() {
            return None;
        }
        let (year, month, day) = match (first.len(), separator) {
            (4, "-" | "/") => (first, second, third),
            (_, "/") => (third, first, second),
            (_, "-" | ".") => (third, second, first),
            _ => return None,
        };
        set(&mut self.year, number(year, 4, 4)?)?;
        set(&mut self.month, number(month, 1, 2).or_else(|| month_named(month))?)?;
        set(&mut self.day, number(day, 1, 2)?)
    }

    /// A year, or a day of a month.
    fn read_number(&mut self, word: &str) -> Option<()> {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if let Some(year) = number(word, 4, 4) {
            return set(&mut self.year, year);
        }
        let is_ordinal = matches!(word[digits.len()..].to_ascii_lowercase().as_str(), "" | "st" | "nd" | "rd" | "th");
        set(&mut self.day, number(digits, 1, 2).filter(|_| is_ordinal)?)
    }

    /// A time of the day, and what stands behind it without a space.
    fn read_time(&mut self, word: &str) -> Option<()> {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(word.len());
        let (time, rest) = word.split_at(end);
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut fields = time.split(':');
        let (hour, minute) = (number(fields.next()?, 1, 2)?, number(fields.next()?, 2, 2)?);
        let second = fields.next().map_or(Some(0), |second| number(second, 2, 2))?;
        let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
        if fields.next().is_some() || !is_fraction {
            return None;
        }
        let nanosecond = format!("{fraction:0<9}")[..9].parse().ok()?;
        set(&mut self.time, Time { hour, minute, second, nanosecond })?;
        if rest.is_empty() { Some(()) } else { self.read(rest) }
    }

    /// A day of the week, a month, a half of the day or a zone.
    fn read_name(&mut self, word: &str) -> Option<()> {
        let name = word.trim_end_matches('.').to_ascii_lowercase();
        if let Some(weekday) = WEEKDAYS.iter().find(|(full, _)| *full == name || full[..3] == name) {
            return set(&mut self.weekday, weekday.1);
        }
        if let Some(month) = month_named(&name) {
            return set(&mut self.month, month);
        }
        match name.as_str() {
            "am" | "a.m" => set(&mut self.afternoon, false),
            "pm" | "p.m" => set(&mut self.afternoon, true),
            _ => set(&mut self.zone, zone(word, &name)?),
        }
    }

    fn millis(self) -> Option<i64> {
        let date = Date::new(self.year?, self.month?, self.day?).ok()?;
        if self.weekday.is_some_and(|weekday| weekday != date.weekday()) {
            return None;
        }
        let time = self.time.unwrap_or_default();
        let hour = match self.afternoon {
            None => time.hour,
            Some(_) if self.time.is_none() || !(1..=12).contains(&time.hour) => return None,
            Some(afternoon) => time.hour % 12 + if afternoon { 12 } else { 0 },
        };
        let time = jiff::civil::Time::new(hour, time.minute, time.second, time.nanosecond).ok()?;
        // Of a time that a change of the clock leaves out, the one that it would have been; of one that is there twice, the first.
        let zoned = DateTime::from_parts(date, time).to_zoned(self.zone.unwrap_or(TimeZone::UTC)).ok()?;
        Some(zoned.timestamp().as_millisecond())
    }
}

/// Sets what wasn't set.
fn set<T>(part: &mut Option<T>, value: T) -> Option<()> {
    part.replace(value).is_none().then_some(())
}

/// A number of so many digits.
fn number<N: std::str::FromStr>(text: &str, least: usize, most: usize) -> Option<N> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

/// Date and time in one word: `2001-07-04T09:30`.
fn split_at_t(word: &str) -> Option<(&str, &str)> {
    let (date, time) = word.split_once(['T', 't'])?;
    let is_between_digits =
        date.ends_with(|c: char| c.is_ascii_digit()) && time.starts_with(|c: char| c.is_ascii_digit());
    is_between_digits.then_some((date, time))
}

fn month_named(name: &str) -> Option<i8> {
    let name = name.to_ascii_lowercase();
    let found =
        MONTHS.iter().position(|full| *full == name || full[..3] == name || (name == "sept" && *full == "september"));
    i8::try_from(found? + 1).ok()
}

/// `+02:00`, `+0200`, `+2`.
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, digits) = (if text.starts_with('-') { -1 } else { 1 }, text.get(1..)?);
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some((hours, minutes)), _) => (hours, minutes),
        (None, 1 | 2) => (digits, "00"),
        (None, 3 | 4) => digits.split_at_checked(digits.len() - 2)?,
        _ => return None,
    };
    let (hours, minutes): (i32, i32) = (number(hours, 1, 2)?, number(minutes, 2, 2)?);
    (hours < 24 && minutes < 60).then(|| fixed(sign * (hours * 60 + minutes)))?
}

fn fixed(minutes: i32) -> Option<TimeZone> {
    Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed)
}

/// The zone of this name; `lower`: the same in small letters.
fn zone(name: &str, lower: &str) -> Option<TimeZone> {
    if let Some((_, minutes)) = ABBREVIATIONS.iter().find(|(abbreviation, _)| *abbreviation == lower) {
        return fixed(*minutes);
    }
    let from_greenwich = lower.strip_prefix("gmt").or_else(|| lower.strip_prefix("utc"));
    match from_greenwich.filter(|rest| rest.starts_with(['+', '-'])) {
        Some(rest) => offset(rest),
        None => TimeZone::get(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use crate::time::Timestamp;

    fn read(text: &str) -> Option<String> {
        Timestamp::parse(text).map(|moment| moment.to_string())
    }

    fn means(expected: &str, texts: &[&str]) {
        for text in texts {
            assert_eq!(read(text).as_deref(), Some(format!("2001-07-{expected}+00:00").as_str()), "{text}");
        }
    }

    #[test]
    fn zones_by_name_have_the_rules_of_that_day() {
        means("04T07:30:00.000", &["2001-07-04 09:30:00 Europe/Paris", "2001-07-04T09:30 europe/paris"]);
        means("04T13:30:00.000", &["2001-07-04 09:30:00 America/New_York", "2001-07-04T09:30:00 America/New_York"]);
        means("04T13:30:00.125", &["2001-07-04T09:30:00.125 America/New_York"]);
        means("04T12:30:00.000", &["2001-07-04 09:30:00 America/Argentina/Buenos_Aires"]);
        assert_eq!(read("2001-01-04 09:30 Europe/Paris").unwrap(), "2001-01-04T08:30:00.000+00:00");
    }

    #[test]
    fn abbreviations_are_offsets() {
        means("04T14:30:00.000", &["2001-07-04 09:30:00 EST", "2001-07-04 09:30:00EST"]);
        means("04T08:30:00.000", &["2001-07-04 09:30:00 CET"]);
        means("04T09:30:00.000", &["2001-07-04 09:30:00 UTC", "2001-07-04 09:30:00 GMT", "2001-07-04 09:30:00 Z"]);
    }

    #[test]
    fn offsets_stand_behind_a_space_or_none() {
        for offset in ["+02:00", "+0200", "+2", "+02", "GMT+0200", "UTC+2", "gmt+02:00"] {
            means("04T07:30:00.000", &[&format!("2001-07-04 09:30:00 {offset}")]);
        }
        means(
            "04T07:30:00.000",
            &["2001-07-04T09:30:00+02:00", "2001-07-04T09:30:00+0200", "2001-07-04T09:30:00.000+0200"],
        );
        means("04T11:30:00.000", &["2001-07-04 09:30 -2", "2001-07-04 09:30 -02:00"]);
        means("04T04:00:00.000", &["2001-07-04 09:30 +0530"]);
    }

    #[test]
    fn dates_have_many_forms() {
        means(
            "04T00:00:00.000",
            &["4 July 2001", "July 4, 2001", "Jul 4th 2001", "04-Jul-2001", "2001/07/04", "07/04/2001"],
        );
        means("04T00:00:00.000", &["04.07.2001", "04-07-2001", "2001-7-4", "Wed, 4 Jul 2001", "Wednesday 4 July 2001"]);
        means("04T07:30:00.000", &["Wed, 04 Jul 2001 09:30:00 +0200", "Wed Jul 04 2001 09:30:00 GMT+0200"]);
    }

    #[test]
    fn halves_of_the_day() {
        means("04T21:30:00.000", &["2001-07-04 9:30:00 PM", "2001-07-04 9:30pm", "2001-07-04 09:30 p.m."]);
        means("04T00:30:00.000", &["2001-07-04 12:30 AM"]);
        means("04T12:30:00.000", &["2001-07-04 12:30 PM"]);
        for text in ["2001-07-04 13:30 PM", "2001-07-04 0:30 AM", "2001-07-04 PM"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_that_change_leave_no_doubt() {
        assert_eq!(read("2024-03-10 02:30 America/New_York").unwrap(), "2024-03-10T07:30:00.000+00:00");
        assert_eq!(read("2024-11-03 01:30 America/New_York").unwrap(), "2024-11-03T05:30:00.000+00:00");
    }

    #[test]
    fn what_isnt_a_moment_is_refused() {
        for text in [
            "",
            " ",
            "now",
            "tomorrow",
            "+1 day",
            "4 July",
            "July 2001",
            "2001",
            "09:30",
            "2001-07-04 09:30 Europe/Nowhere",
            "2001-07-04 09:30 Nowhere",
            "2001-02-30",
            "2001-13-01 UTC",
            "2001-07-04 24:00 UTC",
            "2001-07-04 09:60 UTC",
            "2001-07-04 09:30 +25:00",
            "2001-07-04 09:30 +2 +3",
            "2001-07-04 09:30 10:30",
            "2001-07-04 5 July",
            "Mon, 4 Jul 2001",
            "20010-07-04",
            "01-07-04",
            "1/2/01",
            "2001-07-04-05",
            "2001-07-04 9:3",
            "2001-07-04 9:30:1",
            "2001-07-04 9:30:00.",
            "2001-07-04T",
            "٤ July 2001",
            "2001-07-04 09:30 /",
            "2001-07-04 ../../etc/passwd",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("2001-07-04{}09:30 UTC", " ".repeat(100))), None);
    }
}
