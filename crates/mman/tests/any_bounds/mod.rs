//! Any bounds there are, what they mean, and a mapping between canaries to try them on.

#![allow(dead_code, reason = "each of the test programs uses its part of this")]

use mman::{Anonymous, Cause, MapOptions, Mapping, Operation};
use mman_testkit::canary::Cage;
use mman_testkit::{line_of, page, pattern};
use proptest::prelude::*;
use std::ops::{Bound, Range};

pub(crate) const PAGES: usize = 5;

pub(crate) type Bounds = (Bound<usize>, Bound<usize>);

/// Numbers near what matters: the bytes of the mapping, page boundaries shifted by the lead, the ends of all numbers.
pub(crate) fn number() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => (0..=PAGES + 1, -3..=3_isize).prop_map(|(at, by)| (at * 4096).wrapping_add_signed(by)),
        4 => 0..=(PAGES + 1) * 4096,
        1 => (0..=2 * 4096_usize).prop_map(|below| usize::MAX - below),
        1 => (0..=2 * 4096_usize).prop_map(|around| (isize::MAX as usize - 4096) + around),
        1 => any::<usize>(),
    ]
}

pub(crate) fn bound(of: impl Strategy<Value = usize>) -> impl Strategy<Value = Bound<usize>> {
    (of, 0..7_u8).prop_map(|(at, kind)| match kind {
        0 => Bound::Unbounded,
        1 => Bound::Excluded(at),
        2..=4 => Bound::Included(at),
        _ => Bound::Excluded(at.saturating_add(1)),
    })
}

/// Any bounds, and often ones that are page boundaries for a mapping with this lead, so that methods succeed.
pub(crate) fn bounds(lead: usize) -> impl Strategy<Value = Bounds> {
    let boundary = (0..=PAGES).prop_map(move |at| (at * 4096).saturating_sub(lead));
    let start = prop_oneof![number(), boundary.clone()];
    let end = prop_oneof![number(), boundary];
    let pair = (bound(start), bound(end));
    let exact = (0..=PAGES, 0..=PAGES).prop_map(move |(one, other)| {
        let at = |page: usize| (page * 4096).saturating_sub(lead);
        (Bound::Included(at(one.min(other))), Bound::Excluded(at(one.max(other))))
    });
    let empty = number().prop_map(|at| (Bound::Included(at), Bound::Excluded(at)));
    prop_oneof![6 => pair, 3 => exact, 1 => empty]
}

/// A mapping of `len` bytes that begins `lead` bytes inside its first page; and bounds for it.
pub(crate) fn case() -> impl Strategy<Value = (usize, usize, Bounds)> {
    let lead = prop_oneof![Just(0_usize), 1..4096_usize];
    let len = prop_oneof![1..=(PAGES - 1) * 4096, Just(3 * 4096_usize)];
    (lead, len).prop_flat_map(|(lead, len)| (Just(lead), Just(len), bounds(lead)))
}

/// What bounds mean for `len` bytes, said a second time and another way than in the library.
pub(crate) fn meant(bounds: &Bounds, len: usize) -> Option<Range<usize>> {
    let wide = |value: usize| value as u128;
    let start = match bounds.0 {
        Bound::Included(at) => wide(at),
        Bound::Excluded(at) => wide(at) + 1,
        Bound::Unbounded => 0,
    };
    let end = match bounds.1 {
        Bound::Included(at) => wide(at) + 1,
        Bound::Excluded(at) => wide(at),
        Bound::Unbounded => wide(len),
    };
    (start <= end && end <= wide(len)).then_some(start as usize..end as usize)
}

/// A mapping between canaries, filled with the pattern from its first byte on.
pub(crate) struct Caged {
    pub(crate) cage: Cage,
    pub(crate) mapping: Mapping,
    pub(crate) lead: usize,
}

impl Caged {
    pub(crate) fn new(lead: usize, len: usize) -> Self {
        let mut cage = Cage::of((lead + len).div_ceil(page()));
        let options = MapOptions::private().read_write();
        let options = options.range(lead as u64..(lead + len) as u64);
        let mapping = cage.map(options, &Anonymous::new(lead + len)).unwrap();
        assert_eq!((mapping.len(), mapping.as_ptr().addr() % page()), (len, lead));
        mapping.write_at(0, &pattern::bytes(0, len)).unwrap();
        Self { cage, mapping, lead }
    }

    pub(crate) fn addresses(&self) -> Range<usize> {
        let start = self.mapping.as_ptr().addr() - self.lead;
        start..start + self.mapping.mapped_len()
    }

    /// The bytes that lie in a page of which a byte is meant.
    pub(crate) fn covering(&self, meant: &Range<usize>) -> Range<usize> {
        if meant.is_empty() {
            return 0..0;
        }
        let first = (self.lead + meant.start) / page() * page();
        let end = (self.lead + meant.end).next_multiple_of(page());
        first.saturating_sub(self.lead)..(end - self.lead).min(self.mapping.len())
    }

    /// Whether the bounds are page boundaries, where the ends of the mapping are boundaries too.
    pub(crate) fn is_exact(&self, meant: &Range<usize>) -> bool {
        let boundary = |at: usize| {
            at == 0 || at == self.mapping.len() || (self.lead + at).is_multiple_of(page())
        };
        meant.is_empty() || (boundary(meant.start) && boundary(meant.end))
    }

    /// For every page, whether one of these bytes is in it.
    pub(crate) fn pages_with(&self, bytes: &Range<usize>) -> Vec<bool> {
        let pages = self.mapping.mapped_len() / page();
        let touched = |at: usize| {
            let page = at * page()..(at + 1) * page();
            !bytes.is_empty()
                && self.lead + bytes.start < page.end
                && page.start < self.lead + bytes.end
        };
        (0..pages).map(touched).collect()
    }

    /// Asserts that every byte is the pattern, or what `or` says.
    pub(crate) fn assert_bytes(&self, or: impl Fn(usize) -> Option<u8>) {
        let mut bytes = vec![0; self.mapping.len()];
        self.mapping.read_at(0, &mut bytes).unwrap();
        for (at, byte) in bytes.iter().enumerate() {
            assert_eq!(*byte, or(at).unwrap_or(pattern::byte_at(at as u64)), "byte {at}");
        }
    }
}

/// Asserts that the answer is right for what was meant: an error of the range where it is none.
pub(crate) fn assert_answer<T: std::fmt::Debug>(
    answer: &mman::Result<T>,
    operation: Operation,
    right: bool,
    bounds: &impl std::fmt::Debug,
) {
    match answer {
        Ok(_) => assert!(right, "{operation} of {bounds:?} was accepted"),
        Err(error) => {
            assert!(!right, "{operation} of {bounds:?}: {error}");
            assert!(matches!(error.cause(), Cause::Range(_)), "{error}");
            assert_eq!((error.operation(), error.errno()), (operation, None), "{error}");
            assert!(line_of(error).starts_with(&format!("{operation} ")));
        }
    }
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() }
}
