//! A record as a line: time, level, process, content.

use mman::log::Entry;
use std::io::Write;

/// Adds the line of a record. What is not printable is escaped, unless the content alone is wanted.
pub(super) fn add(line: &mut Vec<u8>, entry: &Entry<'_>, raw: bool) {
    if raw {
        line.extend_from_slice(entry.bytes);
        line.push(b'\n');
        return;
    }
    let level = entry.level.map_or("-", name);
    // A vector takes all that is written to it.
    let _always = write!(line, "{} {level:<5} {} ", time(entry.nanoseconds), entry.process);
    for chunk in entry.bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let _always = match letter {
                '\t' => write!(line, "\t"),
                letter if letter.is_control() => write!(line, "{}", letter.escape_default()),
                letter => write!(line, "{letter}"),
            };
        }
        for byte in chunk.invalid() {
            let _always = write!(line, "\\x{byte:02x}");
        }
    }
    line.push(b'\n');
}

const fn name(level: mman::log::Level) -> &'static str {
    match level {
        mman::log::Level::Error => "ERROR",
        mman::log::Level::Warn => "WARN",
        mman::log::Level::Info => "INFO",
        mman::log::Level::Debug => "DEBUG",
        mman::log::Level::Trace => "TRACE",
    }
}

/// A time as RFC 3339 has it, in UTC, to the microsecond.
fn time(nanoseconds: u64) -> String {
    let part = |value: u64, unit: u64| value.checked_div(unit).unwrap_or(0);
    let rest = |value: u64, unit: u64| value.checked_rem(unit).unwrap_or(0);
    let seconds = part(nanoseconds, 1_000_000_000);
    let micros = part(rest(nanoseconds, 1_000_000_000), 1000);
    let (year, month, day) = date(part(seconds, 86_400));
    let of_day = rest(seconds, 86_400);
    let (hour, minute, second) = (part(of_day, 3600), rest(part(of_day, 60), 60), rest(of_day, 60));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The day that is so many days after 1970-01-01: what is left when whole years, then whole months are taken off.
fn date(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => break,
        }
        year = year.saturating_add(1);
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1_u64;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => break,
        }
        month = month.saturating_add(1);
    }
    (year, month, left.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(time(seconds * 1_000_000_000), text);
        }
        assert_eq!(time(1_234_567), "1970-01-01T00:00:00.001234Z");
        assert!(time(u64::MAX).starts_with("2554-07-21T"));
    }
}
