//! Numbers of the command line: sizes, shares, and limits of sizes.

use crate::range;
use std::str::FromStr;

/// Bytes: decimal with K M G T (powers of 1024), or hexadecimal with 0x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        range::number(text).map(Self).map_err(|malformed| malformed.to_string())
    }
}

/// A share, in percent: from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percent(pub(crate) f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let value: Option<f64> = number.parse().ok();
        let within = value.filter(|value| (0.0..=100.0).contains(value));
        within.map(Self).ok_or_else(|| "expected a share from 0% to 100%".to_owned())
    }
}

/// Which sizes of files: `+N` at least, `-N` at most, `N` just so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SizeLimit {
    AtLeast(u64),
    AtMost(u64),
    Exactly(u64),
}

impl SizeLimit {
    pub(crate) const fn allows(self, size: u64) -> bool {
        match self {
            Self::AtLeast(limit) => size >= limit,
            Self::AtMost(limit) => size <= limit,
            Self::Exactly(limit) => size == limit,
        }
    }
}

impl FromStr for SizeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map(|Bytes(number)| number);
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rest), _) => number(rest).map(Self::AtLeast),
            (_, Some(rest)) => number(rest).map(Self::AtMost),
            (None, None) => number(text).map(Self::Exactly),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!("4K".parse(), Ok(Bytes(4096)));
        assert_eq!("0x10".parse(), Ok(Bytes(16)));
        for bad in ["", "K", "4KB", "-1", "1.5G", "99999999999999999999"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_up_to_all() {
        assert_eq!("95%".parse(), Ok(Percent(95.0)));
        assert_eq!("99.5".parse(), Ok(Percent(99.5)));
        for bad in ["", "%", "101", "-1%", "nan", "a"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_of_sizes_point_both_ways() {
        assert_eq!("+1M".parse(), Ok(SizeLimit::AtLeast(1 << 20)));
        assert_eq!("-4096".parse(), Ok(SizeLimit::AtMost(4096)));
        assert_eq!("0".parse(), Ok(SizeLimit::Exactly(0)));
        assert!(SizeLimit::AtMost(4).allows(4) && !SizeLimit::AtMost(4).allows(5));
    }
}
