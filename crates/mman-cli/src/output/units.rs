//! Sizes and shares, as people read them.

use mman::PageSize;

/// How sizes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Units {
    /// Three digits and a unit of 1024: `8.0 MiB`.
    Iec,
    /// All of it: `8388608`.
    Bytes,
}

const NAMES: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl Units {
    /// A size. Rounded to what is shown, never up into `1024`.
    pub(crate) fn size(self, bytes: u64) -> String {
        let mut text = String::new();
        self.push(&mut text, bytes);
        text
    }

    /// The same behind what is in a text.
    pub(crate) fn push(self, text: &mut String, bytes: u64) {
        if self == Self::Bytes {
            return push_number(text, bytes);
        }
        if bytes < 1024 {
            push_number(text, bytes);
            return text.push_str(" B");
        }
        let mut tenths = u128::from(bytes).saturating_mul(10);
        let mut name = "";
        for next in NAMES {
            tenths = tenths.saturating_add(512) >> 10;
            name = next;
            if tenths < 10_235 {
                break;
            }
        }
        let tenths = u64::try_from(tenths).unwrap_or(u64::MAX);
        if tenths < 100 {
            push_number(text, tenths / 10);
            text.push('.');
            push_number(text, tenths % 10);
        } else {
            push_number(text, tenths.saturating_add(5) / 10);
        }
        text.push(' ');
        text.push_str(name);
    }

    /// A size, or a dash where there is none.
    pub(crate) fn size_or_dash(self, bytes: u64) -> String {
        if bytes == 0 { "–".to_owned() } else { self.size(bytes) }
    }
}

/// Digits. A table may have a hundred thousand numbers, so no formatter is asked.
pub(crate) fn push_number(text: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at = at.saturating_sub(1);
        if let Some(digit) = digits.get_mut(at) {
            *digit = u8::try_from(rest % 10).unwrap_or(0).saturating_add(b'0');
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.push_str(digits.get(at..).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default());
}

fn half_up(value: u128, divisor: u128) -> u128 {
    value.saturating_add(divisor / 2).checked_div(divisor).unwrap_or(0)
}

/// Pages of the machine as bytes.
pub(crate) fn pages(count: u64) -> u64 {
    count.saturating_mul(PageSize::base().bytes() as u64)
}

/// So many things: `1 file`, `2 files`.
pub(crate) fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How many pages of the machine hold a byte of a range.
pub(crate) fn covering(bytes: &std::ops::Range<u64>) -> u64 {
    if bytes.is_empty() {
        return 0;
    }
    let shift = PageSize::base().log2();
    let last = bytes.end.saturating_sub(1) >> shift;
    last.saturating_sub(bytes.start >> shift).saturating_add(1)
}

/// How many pages hold a byte of a range.
pub(crate) fn pages_in(bytes: &std::ops::Range<u64>) -> u64 {
    let shift = PageSize::base().log2();
    let end = bytes.end.saturating_add(pages(1).wrapping_sub(1)) >> shift;
    if bytes.is_empty() { 0 } else { end.saturating_sub(bytes.start >> shift) }
}

/// A share in percent: `100%` only when all is there, and `0%` only when nothing is.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    if part >= whole {
        return "100%".to_owned();
    }
    if part == 0 {
        return "0%".to_owned();
    }
    let per_mille =
        u128::from(part).saturating_mul(1000).checked_div(u128::from(whole)).unwrap_or(0);
    match per_mille {
        0 => "<0.1%".to_owned(),
        1..=9 => format!("0.{per_mille}%"),
        995..=999 => format!("99.{}%", per_mille % 10),
        _ => format!("{}%", half_up(per_mille, 10)),
    }
}

/// A time: `0.02 s`, `0.7 s`, `12 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 0.1 => format!("{seconds:.2} s"),
        seconds if seconds < 10.0 => format!("{seconds:.1} s"),
        seconds => format!("{seconds:.0} s"),
    }
}

/// ` (3 files)`; nothing for one.
pub(crate) fn files_in_brackets(files: u64) -> String {
    if files == 1 { String::new() } else { format!(" ({files} files)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (8 << 20, "8.0 MiB"),
            (10_239, "10 KiB"),
            (312 << 20, "312 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            ((1 << 30) - 1, "1.0 GiB"),
            (1_288_490_189, "1.2 GiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(Units::Iec.size(bytes), text);
        }
        for bytes in [0, 9, 10, 8 << 20, u64::MAX] {
            assert_eq!(Units::Bytes.size(bytes), bytes.to_string());
        }
    }

    #[test]
    fn times_are_short() {
        let shown = [0.004, 0.02, 0.72, 9.94, 12.3].map(seconds);
        assert_eq!(shown, ["0.00 s", "0.02 s", "0.7 s", "9.9 s", "12 s"]);
    }

    /// vmtouch and fincore say 100 % of files with missing pages.
    #[test]
    fn all_is_said_only_of_all() {
        let cases = [
            (0, 0, "–"),
            (0, 5, "0%"),
            (5, 5, "100%"),
            (9_999_999, 10_000_000, "99.9%"),
            (1, 10_000_000, "<0.1%"),
            (61, 100, "61%"),
            (994, 1000, "99%"),
            (995, 1000, "99.5%"),
            (5, 1000, "0.5%"),
            (u64::MAX - 1, u64::MAX, "99.9%"),
        ];
        for (part, whole, text) in cases {
            assert_eq!(percent(part, whole), text, "{part}/{whole}");
        }
    }
}
