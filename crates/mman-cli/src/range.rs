//! The grammar of ranges, the same for every command: `A-B`, `A-`, `A+LEN`, `-N`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Bytes of an object, as they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All of it.
    Whole,
    /// `A-B`: from A up to but not with B.
    Between(u64, u64),
    /// `A-`: from A to the end.
    From(u64),
    /// `-N`: the last N bytes.
    Last(u64),
}

/// A text that is no range: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What the text was to be.
    what: &'static str,
    text: String,
    /// Which character, from 0; one past the last where the text ends too early.
    at: usize,
    expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, text, at, expected } = self;
        write!(f, "{what} '{text}', ")?;
        match text.chars().nth(*at) {
            Some(found) => write!(f, "character {}, '{found}': ", at.saturating_add(1))?,
            None => f.write_str("at its end: ")?,
        }
        f.write_str(expected)
    }
}

impl std::error::Error for Malformed {}

/// Reads a text character by character, and knows where it is.
struct Reader<'text> {
    what: &'static str,
    text: &'text str,
    rest: &'text str,
}

const EXPECTED_NUMBER: &str = "expected a number (decimal with K M G T, or 0x and hexadecimal)";
const EXPECTED_DIGIT: &str = "expected a hexadecimal digit";
const EXPECTED_OPERATOR: &str = "expected - or + (A-B, A-, A+LEN, -N)";
const EXPECTED_END: &str = "expected the end";
const TOO_LARGE: &str = "the number is larger than any offset";
const BACKWARDS: &str = "the range ends before its start";

impl<'text> Reader<'text> {
    const fn new(what: &'static str, text: &'text str) -> Self {
        Self { what, text, rest: text }
    }

    fn position(&self) -> usize {
        self.text.chars().count().saturating_sub(self.rest.chars().count())
    }

    fn malformed(&self, at: usize, expected: &'static str) -> Malformed {
        Malformed { what: self.what, text: self.text.to_owned(), at, expected }
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.rest.strip_prefix(wanted);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    /// Digits of a radix, and then what `unit` makes of the rest.
    fn digits(&mut self, radix: u32, none: &'static str) -> Result<u64, Malformed> {
        let start = self.position();
        let mut value: Option<u64> = None;
        while let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(radix)) {
            let sum = value
                .unwrap_or(0)
                .checked_mul(u64::from(radix))
                .and_then(|value| value.checked_add(u64::from(digit)));
            value = Some(sum.ok_or_else(|| self.malformed(start, TOO_LARGE))?);
            self.rest = self.rest.get(1..).unwrap_or_default(); // a digit is one byte
        }
        value.ok_or_else(|| self.malformed(start, none))
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let start = self.position();
        if self.rest.starts_with("0x") || self.rest.starts_with("0X") {
            self.rest = self.rest.get(2..).unwrap_or_default();
            return self.digits(16, EXPECTED_DIGIT);
        }
        let value = self.digits(10, EXPECTED_NUMBER)?;
        let shift = match self.rest.chars().next().map(|unit| unit.to_ascii_uppercase()) {
            Some('K') => 10,
            Some('M') => 20,
            Some('G') => 30,
            Some('T') => 40,
            _ => return Ok(value),
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        value.checked_mul(1 << shift).ok_or_else(|| self.malformed(start, TOO_LARGE))
    }

    fn end<T>(&self, value: T) -> Result<T, Malformed> {
        if self.rest.is_empty() {
            Ok(value)
        } else {
            Err(self.malformed(self.position(), EXPECTED_END))
        }
    }
}

/// Reads a number of bytes.
pub(crate) fn number(text: &str) -> Result<u64, Malformed> {
    let mut reader = Reader::new("size", text);
    let value = reader.number()?;
    reader.end(value)
}

impl FromStr for Asked {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse(text)
    }
}

/// Reads a range.
pub(crate) fn parse(text: &str) -> Result<Asked, Malformed> {
    let mut reader = Reader::new("range", text);
    if reader.take('-') {
        let count = reader.number()?;
        return reader.end(Asked::Last(count));
    }
    let start = reader.number()?;
    if reader.take('+') {
        let at = reader.position();
        let len = reader.number()?;
        let end = start.checked_add(len).ok_or_else(|| reader.malformed(at, TOO_LARGE))?;
        return reader.end(Asked::Between(start, end));
    }
    if !reader.take('-') {
        return Err(reader.malformed(reader.position(), EXPECTED_OPERATOR));
    }
    if reader.rest.is_empty() {
        return Ok(Asked::From(start));
    }
    let at = reader.position();
    let end = reader.number()?;
    if end < start {
        return Err(reader.malformed(at, BACKWARDS));
    }
    reader.end(Asked::Between(start, end))
}

impl Asked {
    /// The bytes of an object of this size. The size of the object is not checked against the end here: the
    /// library does, and says so.
    pub(crate) fn of(self, size: u64) -> Range<u64> {
        match self {
            Self::Whole => 0..size,
            Self::Between(start, end) => start..end,
            Self::From(start) => start..size.max(start),
            Self::Last(count) => size.saturating_sub(count)..size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_shapes() {
        assert_eq!(parse("10-20"), Ok(Asked::Between(10, 20)));
        assert_eq!(parse("10-"), Ok(Asked::From(10)));
        assert_eq!(parse("10+20"), Ok(Asked::Between(10, 30)));
        assert_eq!(parse("-20"), Ok(Asked::Last(20)));
    }

    #[test]
    fn units_and_hexadecimal() {
        assert_eq!(parse("1K-2m"), Ok(Asked::Between(1024, 2 << 20)));
        assert_eq!(parse("0x10+0xF"), Ok(Asked::Between(16, 31)));
        assert_eq!(parse("-3G"), Ok(Asked::Last(3 << 30)));
        assert_eq!(parse("1T-"), Ok(Asked::From(1 << 40)));
        // In hexadecimal no letter is a unit.
        assert!(parse("0x1K-").unwrap_err().to_string().contains("character 4, 'K'"));
    }

    #[test]
    fn an_error_points_at_its_character() {
        let cases = [
            ("", "at its end: expected a number"),
            ("12", "at its end: expected - or +"),
            ("12x-30", "character 3, 'x': expected - or +"),
            ("-", "at its end: expected a number"),
            ("1-2-3", "character 4, '-': expected the end"),
            ("5-3", "character 3, '3': the range ends before"),
            ("0xg-", "character 3, 'g': expected a hexadecimal digit"),
            ("99999999999999999999-", "character 1, '9': the number is larger"),
            ("16777216T-", "character 1, '1': the number is larger"),
            ("1+18446744073709551615", "character 3, '1': the number is larger"),
            ("1–2", "character 2, '–': expected - or +"),
            ("1+2 ", "character 4, ' ': expected the end"),
        ];
        for (text, expected) in cases {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn the_last_bytes_of_a_shorter_object_are_all_of_it() {
        assert_eq!(Asked::Last(10).of(4), 0..4);
        assert_eq!(Asked::Last(3).of(10), 7..10);
        assert_eq!(Asked::From(12).of(10), 12..12);
    }
}
