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
        if self == Self::Bytes {
            return bytes.to_string();
        }
        let mut tenths = u128::from(bytes).saturating_mul(10);
        if bytes < 1024 {
            return format!("{bytes} B");
        }
        let mut name = "";
        for next in NAMES {
            tenths = half_up(tenths, 1024);
            name = next;
            if tenths < 10_235 {
                break;
            }
        }
        if tenths < 100 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        format!("{} {name}", half_up(tenths, 10))
    }

    /// A size, or a dash where there is none.
    pub(crate) fn size_or_dash(self, bytes: u64) -> String {
        if bytes == 0 { "–".to_owned() } else { self.size(bytes) }
    }
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
        assert_eq!(Units::Bytes.size(8 << 20), "8388608");
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
