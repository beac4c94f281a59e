//! Pages: sizes that are powers of two, and ranges that are aligned and cannot wrap.
//!
//! Every range that reaches the kernel is a [`PageRange`]. Numbers from outside become one in this file
//! and nowhere else, so an unaligned or overflowing range cannot go further than here.

use core::fmt;
use core::ops::{Bound, Range, RangeBounds};

/// The size of a page in bytes: a power of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize {
    /// P1: log2 of the size, below the number of bits of an address.
    log2: u32,
}

impl PageSize {
    /// The page size of this machine.
    #[must_use]
    pub fn base() -> Self {
        Self { log2: rustix::param::page_size().trailing_zeros() }
    }

    /// The page size of so many bytes; `None` unless it is a power of two.
    #[must_use]
    #[inline]
    pub const fn new(bytes: usize) -> Option<Self> {
        if bytes.is_power_of_two() { Some(Self { log2: bytes.trailing_zeros() }) } else { None }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        1 << self.log2
    }

    /// Log2 of the size.
    #[must_use]
    pub const fn log2(self) -> u32 {
        self.log2
    }

    /// How far `value` is past the last page boundary.
    #[must_use]
    pub const fn offset_in_page(self, value: usize) -> usize {
        value & self.mask()
    }

    /// Whether `value` is a page boundary.
    #[must_use]
    pub const fn divides(self, value: usize) -> bool {
        self.offset_in_page(value) == 0
    }

    /// The last page boundary at or below `value`.
    #[must_use]
    pub const fn round_down(self, value: usize) -> usize {
        value & !self.mask()
    }

    /// The first page boundary at or above `value`; `None` if that is past the last address.
    #[must_use]
    pub const fn round_up(self, value: usize) -> Option<usize> {
        match value.checked_add(self.mask()) {
            Some(sum) => Some(sum & !self.mask()),
            None => None,
        }
    }

    const fn mask(self) -> usize {
        self.bytes().wrapping_sub(1)
    }
}

impl fmt::Debug for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageSize({})", self.bytes())
    }
}

/// A huge page size, as `MAP_HUGE_*` names them. Which ones a machine has, [`HugePageSize::available`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HugePageSize(PageSize);

impl HugePageSize {
    /// 64 KiB.
    pub const KIB_64: Self = Self(PageSize { log2: 16 });
    /// 1 MiB.
    pub const MIB_1: Self = Self(PageSize { log2: 20 });
    /// 2 MiB: x86-64, and aarch64 with pages of 4 KiB.
    pub const MIB_2: Self = Self(PageSize { log2: 21 });
    /// 16 MiB.
    pub const MIB_16: Self = Self(PageSize { log2: 24 });
    /// 32 MiB.
    pub const MIB_32: Self = Self(PageSize { log2: 25 });
    /// 512 MiB.
    pub const MIB_512: Self = Self(PageSize { log2: 29 });
    /// 1 GiB.
    pub const GIB_1: Self = Self(PageSize { log2: 30 });
    /// 16 GiB.
    pub const GIB_16: Self = Self(PageSize { log2: 34 });

    /// Any page size may be asked for; a size that the machine has not is an error when it is mapped.
    #[must_use]
    #[inline]
    pub const fn new(size: PageSize) -> Self {
        Self(size)
    }

    /// As a page size.
    #[must_use]
    pub const fn page_size(self) -> PageSize {
        self.0
    }

    /// The size of the usual pool, which `MAP_HUGETLB` without a size takes; `None` where the kernel has no huge pages.
    /// [proc_meminfo(5)](https://man7.org/linux/man-pages/man5/proc_meminfo.5.html)
    ///
    /// ```
    /// use mman::HugePageSize;
    ///
    /// assert!(HugePageSize::usual().is_none_or(|size| size.page_size().bytes() > 4096));
    /// ```
    #[must_use]
    pub fn usual() -> Option<Self> {
        let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = meminfo.lines().find_map(|line| line.strip_prefix("Hugepagesize:"))?;
        let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        PageSize::new(kib.checked_mul(1024)?).map(Self)
    }

    /// The sizes this machine has, smallest first. Empty where it has none, or `/sys` cannot be read.
    /// [hugetlbpage](https://docs.kernel.org/admin-guide/mm/hugetlbpage.html)
    #[must_use]
    pub fn available() -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir("/sys/kernel/mm/hugepages") else { return Vec::new() };
        let size_of = |name: &str| {
            let kib: usize = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
            PageSize::new(kib.checked_mul(1024)?).map(Self)
        };
        let mut sizes: Vec<Self> =
            entries.flatten().filter_map(|entry| size_of(entry.file_name().to_str()?)).collect();
        sizes.sort_unstable();
        sizes
    }
}

/// Why numbers are no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeError {
    /// Nothing is asked for.
    Empty,
    /// The end is past the last number there is.
    Overflow,
    /// It ends before it starts.
    Backwards {
        /// First byte.
        start: u64,
        /// Byte after the last.
        end: u64,
    },
    /// It starts past the end.
    StartsPastEnd {
        /// First byte.
        start: u64,
        /// How many bytes there are.
        len: u64,
    },
    /// It ends past the end.
    EndsPastEnd {
        /// Byte after the last.
        end: u64,
        /// How many bytes there are.
        len: u64,
    },
    /// A bound is no page boundary.
    Unaligned {
        /// The bound.
        value: u64,
        /// The page size in bytes.
        page: usize,
    },
    /// A word does not stand at a multiple of its size.
    UnalignedWord {
        /// The first byte.
        value: u64,
        /// The size of the word in bytes.
        size: usize,
    },
    /// How long it is has to be said: the object does not know its own length.
    Unbounded,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("length 0: a mapping has at least one byte"),
            Self::Overflow => f.write_str("offset + length is past the largest offset there is"),
            Self::Backwards { start, end } => {
                write!(f, "the range ends at {end}, before its start at {start}")
            }
            Self::StartsPastEnd { start, len } => {
                write!(f, "offset {start} is past the end: the size is {len} bytes")
            }
            Self::EndsPastEnd { end, len } => {
                write!(f, "the range ends at {end}, past the end: the size is {len} bytes")
            }
            Self::Unaligned { value, page } => {
                write!(f, "{value:#x} is not a multiple of the page size, {page} bytes")
            }
            Self::UnalignedWord { value, size } => {
                write!(f, "byte {value} is at no multiple of {size}, the size of the word")
            }
            Self::Unbounded => {
                f.write_str("the object does not tell its size: give the range an end")
            }
        }
    }
}

impl core::error::Error for RangeError {}

/// A range of whole pages: of addresses, or of offsets in an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageRange {
    /// R1: a multiple of the page size.
    start: usize,
    /// R2: a multiple of the page size, and `start <= end`.
    end: usize,
    page: PageSize,
}

impl PageRange {
    /// The range `start..end`, which must be page boundaries.
    ///
    /// # Errors
    ///
    /// [`RangeError::Backwards`], [`RangeError::Unaligned`].
    #[inline]
    pub const fn new(start: usize, end: usize, page: PageSize) -> Result<Self, RangeError> {
        if start > end {
            return Err(RangeError::Backwards { start: start as u64, end: end as u64 });
        }
        if !page.divides(start) {
            return Err(RangeError::Unaligned { value: start as u64, page: page.bytes() });
        }
        if !page.divides(end) {
            return Err(RangeError::Unaligned { value: end as u64, page: page.bytes() });
        }
        Ok(Self { start, end, page })
    }

    /// The fewest pages that hold every byte of `bytes`: rounded outwards. None for no bytes.
    ///
    /// # Errors
    ///
    /// [`RangeError::Backwards`], [`RangeError::Overflow`].
    #[inline]
    pub const fn covering(bytes: Range<usize>, page: PageSize) -> Result<Self, RangeError> {
        if bytes.start == bytes.end {
            let start = page.round_down(bytes.start);
            return Ok(Self { start, end: start, page });
        }
        match page.round_up(bytes.end) {
            Some(end) if bytes.start <= bytes.end => {
                Ok(Self { start: page.round_down(bytes.start), end, page })
            }
            Some(_) => {
                Err(RangeError::Backwards { start: bytes.start as u64, end: bytes.end as u64 })
            }
            None => Err(RangeError::Overflow),
        }
    }

    /// The pages that lie wholly in `bytes`: rounded inwards. Empty where there is none.
    #[must_use]
    #[inline]
    pub const fn within(bytes: Range<usize>, page: PageSize) -> Self {
        let end = page.round_down(bytes.end);
        match page.round_up(bytes.start) {
            Some(start) if start <= end => Self { start, end, page },
            _ => Self { start: end, end, page },
        }
    }

    /// The first byte.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start
    }

    /// The byte after the last.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end
    }

    /// The length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.wrapping_sub(self.start) // R2: no wrap
    }

    /// Whether there is no page in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// How many pages.
    #[must_use]
    pub const fn pages(self) -> usize {
        self.len() >> self.page.log2()
    }

    /// The page size.
    #[must_use]
    pub const fn page_size(self) -> PageSize {
        self.page
    }

    /// Whether every page of `other` is in this range.
    #[must_use]
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The pages before and from `at`.
    ///
    /// # Errors
    ///
    /// [`RangeError::Unaligned`]; [`RangeError::EndsPastEnd`] where `at` is not in the range.
    pub const fn split_at(self, at: usize) -> Result<(Self, Self), RangeError> {
        if at < self.start || at > self.end {
            return Err(RangeError::EndsPastEnd { end: at as u64, len: self.end as u64 });
        }
        if !self.page.divides(at) {
            return Err(RangeError::Unaligned { value: at as u64, page: self.page.bytes() });
        }
        Ok((Self { end: at, ..self }, Self { start: at, ..self }))
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageRange({:#x}..{:#x}", self.start, self.end)?;
        write!(f, " of pages of {})", self.page.bytes())
    }
}

/// Bounds over `len` bytes become a range in them. `len` is `None` where nobody knows it.
#[inline]
pub(crate) fn resolve(
    bounds: &impl RangeBounds<u64>,
    len: Option<u64>,
) -> Result<Range<u64>, RangeError> {
    let next = |value: u64| value.checked_add(1).ok_or(RangeError::Overflow);
    let start = match bounds.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => next(before)?,
        Bound::Unbounded => 0,
    };
    let end = match bounds.end_bound() {
        Bound::Included(&last) => next(last)?,
        Bound::Excluded(&end) => end,
        // An open end past the end is told by where it starts.
        Bound::Unbounded => match len {
            Some(len) if start > len => return Err(RangeError::StartsPastEnd { start, len }),
            Some(len) => len,
            None => return Err(RangeError::Unbounded),
        },
    };
    if start > end {
        return Err(RangeError::Backwards { start, end });
    }
    match len {
        Some(len) if start > len => Err(RangeError::StartsPastEnd { start, len }),
        Some(len) if end > len => Err(RangeError::EndsPastEnd { end, len }),
        _ => Ok(start..end),
    }
}

/// As [`resolve`], for a range of memory.
#[inline]
pub(crate) fn resolve_memory(
    bounds: &impl RangeBounds<usize>,
    len: usize,
) -> Result<Range<usize>, RangeError> {
    let wide = (
        bounds.start_bound().map(|&bound| bound as u64),
        bounds.end_bound().map(|&bound| bound as u64),
    );
    let Range { start, end } = resolve(&wide, Some(len as u64))?;
    let narrow = |value: u64| usize::try_from(value).map_err(|_| RangeError::Overflow);
    Ok(narrow(start)?..narrow(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: PageSize = PageSize { log2: 12 };

    #[test]
    fn rounding_never_wraps() {
        assert_eq!(PAGE.round_up(usize::MAX), None);
        assert_eq!(PAGE.round_up(usize::MAX - 4095), Some(usize::MAX - 4095));
        assert_eq!(PAGE.round_up(1), Some(4096));
        assert_eq!(PageRange::covering(0..usize::MAX, PAGE), Err(RangeError::Overflow));
        assert!(PageRange::covering(5..5, PAGE).unwrap().is_empty());
        assert!(PageRange::within(usize::MAX - 1..usize::MAX, PAGE).is_empty());
        #[expect(clippy::reversed_empty_ranges, reason = "what is tested")]
        let backwards = PageRange::covering(5000..3, PAGE);
        assert_eq!(backwards, Err(RangeError::Backwards { start: 5000, end: 3 }));
    }

    #[test]
    fn odd_masks_of_the_wild_are_refused() {
        // A crate of the field accepted 0x2001 and refused 0x3000.
        assert_eq!(
            PageRange::new(0x1000, 0x2001, PAGE),
            Err(RangeError::Unaligned { value: 0x2001, page: 4096 })
        );
        assert_eq!(PageRange::new(0x1000, 0x3000, PAGE).unwrap().pages(), 2);
    }

    #[test]
    fn bounds_of_every_shape_resolve_or_say_why() {
        assert_eq!(resolve(&(..), Some(10)), Ok(0..10));
        assert_eq!(resolve(&(3..), Some(10)), Ok(3..10));
        assert_eq!(resolve(&(..=9), Some(10)), Ok(0..10));
        assert_eq!(resolve(&(10..), Some(10)), Ok(10..10));
        assert_eq!(
            resolve(&(11..), Some(10)),
            Err(RangeError::StartsPastEnd { start: 11, len: 10 })
        );
        assert_eq!(resolve(&(3..11), Some(10)), Err(RangeError::EndsPastEnd { end: 11, len: 10 }));
        assert_eq!(resolve(&(..=u64::MAX), Some(10)), Err(RangeError::Overflow));
        let after_last = (Bound::Excluded(u64::MAX), Bound::Unbounded);
        assert_eq!(resolve(&after_last, Some(10)), Err(RangeError::Overflow));
        assert_eq!(resolve(&(3..), None), Err(RangeError::Unbounded));
        assert_eq!(resolve(&(3..7), None), Ok(3..7));
    }

    #[test]
    fn a_split_keeps_every_page() {
        let range = PageRange::new(0x1000, 0x4000, PAGE).unwrap();
        let (low, high) = range.split_at(0x2000).unwrap();
        assert_eq!((low.end(), high.start(), low.len() + high.len()), (0x2000, 0x2000, 0x3000));
        assert!(range.split_at(0x2001).is_err());
        assert!(range.split_at(0x5000).is_err());
    }
}
