//! Which bytes of a file an action is about: what was asked for, in whole pages.

use crate::range::Asked;
use mman::{PageSize, RangeError};
use std::ops::Range;

/// Which way a range is rounded to pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Every page that holds a byte of it.
    Outwards,
    /// Every page that lies in it; the last of the file too, where it ends with the file.
    Inwards,
}

/// Bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Whole pages, up to the end of the file.
    pub(crate) bytes: Range<u64>,
    /// What was asked for, where that is something else.
    pub(crate) rounded_from: Option<Range<u64>>,
}

impl Extent {
    /// Of a file of this size.
    pub(crate) fn of(asked: Asked, size: u64, rounding: Rounding) -> Result<Self, RangeError> {
        let Range { start, end } = asked.of(size);
        if start > size {
            return Err(RangeError::StartsPastEnd { start, len: size });
        }
        if end > size {
            return Err(RangeError::EndsPastEnd { end, len: size });
        }
        Ok(Self::rounded(start..end, size, rounding))
    }

    /// All but the last bytes of a file.
    pub(crate) fn but_the_last(tail: u64, size: u64) -> Self {
        Self::rounded(0..size.saturating_sub(tail), size, Rounding::Inwards)
    }

    fn rounded(asked: Range<u64>, size: u64, rounding: Rounding) -> Self {
        let page = PageSize::base().bytes() as u64;
        let down = |at: u64| at & !page.wrapping_sub(1);
        let up = |at: u64| at.checked_next_multiple_of(page).unwrap_or(u64::MAX).min(size);
        let Range { start, end } = asked.clone();
        let bytes = match rounding {
            _ if asked.is_empty() => start..start,
            Rounding::Outwards => down(start)..up(end),
            Rounding::Inwards if end == size => up(start)..end,
            Rounding::Inwards => up(start)..down(end).max(up(start)),
        };
        let rounded_from = (bytes != asked).then_some(asked);
        Self { bytes, rounded_from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;
    const SIZE: u64 = 10 * PAGE + 100;

    fn of(asked: Asked, rounding: Rounding) -> Range<u64> {
        Extent::of(asked, SIZE, rounding).unwrap().bytes
    }

    #[test]
    fn outwards_takes_every_page_that_holds_a_byte() {
        if PageSize::base().bytes() as u64 != PAGE {
            return;
        }
        assert_eq!(of(Asked::Between(5, 6), Rounding::Outwards), 0..PAGE);
        assert_eq!(of(Asked::Last(1), Rounding::Outwards), 10 * PAGE..SIZE);
        assert_eq!(of(Asked::Between(7, 7), Rounding::Outwards), 7..7);
        assert_eq!(of(Asked::Whole, Rounding::Outwards), 0..SIZE);
    }

    #[test]
    fn inwards_takes_no_page_that_holds_another_byte() {
        if PageSize::base().bytes() as u64 != PAGE {
            return;
        }
        assert_eq!(of(Asked::Between(1, 2 * PAGE + 1), Rounding::Inwards), PAGE..2 * PAGE);
        assert!(of(Asked::Between(5, 6), Rounding::Inwards).is_empty());
        assert_eq!(of(Asked::From(10 * PAGE), Rounding::Inwards), 10 * PAGE..SIZE);
        assert!(of(Asked::Last(99), Rounding::Inwards).is_empty());
        assert_eq!(Extent::but_the_last(1, SIZE).bytes, 0..10 * PAGE);
        assert!(Extent::but_the_last(u64::MAX, SIZE).bytes.is_empty());
        assert_eq!(Extent::but_the_last(0, SIZE), Extent { bytes: 0..SIZE, rounded_from: None });
    }

    #[test]
    fn past_the_end_is_an_error_and_rounding_is_told() {
        let asked = Asked::Between(0, SIZE + 1);
        let error = RangeError::EndsPastEnd { end: SIZE + 1, len: SIZE };
        assert_eq!(Extent::of(asked, SIZE, Rounding::Outwards), Err(error));
        let extent = Extent::of(Asked::Between(0, 5), SIZE, Rounding::Outwards).unwrap();
        assert_eq!(extent.rounded_from, Some(0..5));
    }
}
