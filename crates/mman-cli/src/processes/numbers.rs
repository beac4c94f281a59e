//! What is measured of mappings, and summed up.

use mman::inspect::{Entry, Usage};

/// A number of bytes that is told of each mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Size,
    Rss,
    Pss,
    Private,
    Shared,
    Dirty,
    Swap,
    SwapPss,
    Locked,
    Huge,
    AnonHuge,
    ShmemHuge,
    FileHuge,
    Hugetlb,
    Anonymous,
    Referenced,
    LazyFree,
    Ksm,
}

/// All of them, with their names in JSON.
pub(crate) const MEASURES: [(Measure, &str); 18] = [
    (Measure::Size, "size"),
    (Measure::Rss, "rss"),
    (Measure::Pss, "pss"),
    (Measure::Private, "private"),
    (Measure::Shared, "shared"),
    (Measure::Dirty, "dirty"),
    (Measure::Swap, "swap"),
    (Measure::SwapPss, "swap_pss"),
    (Measure::Locked, "locked"),
    (Measure::Huge, "huge"),
    (Measure::AnonHuge, "anon_huge"),
    (Measure::ShmemHuge, "shmem_huge"),
    (Measure::FileHuge, "file_huge"),
    (Measure::Hugetlb, "hugetlb"),
    (Measure::Anonymous, "anonymous"),
    (Measure::Referenced, "referenced"),
    (Measure::LazyFree, "lazy_free"),
    (Measure::Ksm, "ksm"),
];

/// Bytes of each measure; `None` where the kernel does not tell, of one mapping or of one of several. Small, since a
/// process may have many thousands of mappings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    bytes: [u64; MEASURES.len()],
    /// A bit for each measure that is not known.
    unknown: u32,
}

const _: () = assert!(MEASURES.len() <= u32::BITS as usize, "a bit for each measure");

impl Numbers {
    /// Of no mapping.
    pub(crate) const NOTHING: Self = Self { bytes: [0; MEASURES.len()], unknown: 0 };

    /// What is known without the kernel's counting: how large it is.
    pub(crate) fn uncounted(entry: &Entry) -> Self {
        let mut numbers = Self { bytes: [0; MEASURES.len()], unknown: u32::MAX };
        numbers.set(Measure::Size, Some(entry.len() as u64));
        numbers
    }

    pub(crate) fn of(entry: &Entry, usage: &Usage) -> Self {
        let mut numbers = Self::uncounted(entry);
        let rss = usage.rss();
        // Fields of what a kernel was built without are not printed: there is nothing of it then.
        let or_nothing = |bytes: Option<u64>| Some(bytes.unwrap_or(0));
        let (anon, shmem) = (or_nothing(usage.anon_huge()), or_nothing(usage.shmem_huge()));
        let file = or_nothing(usage.file_huge());
        let hugetlb = or_nothing(usage.shared_hugetlb()).zip(or_nothing(usage.private_hugetlb()));
        let hugetlb = hugetlb.map(|(shared, private)| shared.saturating_add(private));
        let locked = if usage.flags().contains("lo") { rss } else { Some(0) };
        let all = [
            (Measure::Rss, rss),
            (Measure::Pss, usage.pss()),
            (Measure::Private, sum([usage.private_clean(), usage.private_dirty()])),
            (Measure::Shared, sum([usage.shared_clean(), usage.shared_dirty()])),
            (Measure::Dirty, sum([usage.private_dirty(), usage.shared_dirty()])),
            (Measure::Swap, usage.swap()),
            (Measure::SwapPss, usage.swap_pss()),
            (Measure::Locked, locked),
            (Measure::Huge, sum([anon, shmem, file, hugetlb])),
            (Measure::AnonHuge, anon),
            (Measure::ShmemHuge, shmem),
            (Measure::FileHuge, file),
            (Measure::Hugetlb, hugetlb),
            (Measure::Anonymous, usage.anonymous()),
            (Measure::Referenced, usage.referenced()),
            (Measure::LazyFree, usage.lazy_free()),
            (Measure::Ksm, usage.ksm()),
        ];
        for (measure, bytes) in all {
            numbers.set(measure, bytes);
        }
        numbers
    }

    fn set(&mut self, measure: Measure, bytes: Option<u64>) {
        if let Some(number) = self.bytes.get_mut(measure as usize) {
            *number = bytes.unwrap_or(0);
        }
        let bit = 1 << (measure as u32);
        self.unknown = if bytes.is_some() { self.unknown & !bit } else { self.unknown | bit };
    }

    pub(crate) fn get(&self, measure: Measure) -> Option<u64> {
        let known = self.unknown & 1 << (measure as u32) == 0;
        self.bytes.get(measure as usize).copied().filter(|_| known)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (number, other) in self.bytes.iter_mut().zip(&other.bytes) {
            *number = number.saturating_add(*other);
        }
        self.unknown |= other.unknown;
    }
}

/// A sum is known where all of its parts are.
pub(crate) fn sum<const PARTS: usize>(parts: [Option<u64>; PARTS]) -> Option<u64> {
    parts.into_iter().try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)))
}

impl serde::Serialize for Numbers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(MEASURES.iter().map(|(measure, name)| (name, self.get(*measure))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mman::inspect::Smaps;

    const TEXT: &str = "\
1000-9000 rw-p 00000000 00:00 0
Rss:                  20 kB
Pss:                  12 kB
Shared_Clean:          1 kB
Shared_Dirty:          2 kB
Private_Clean:         4 kB
Private_Dirty:         8 kB
AnonHugePages:      2048 kB
Private_Hugetlb:       4 kB
Swap:                 16 kB
VmFlags: rd wr lo
";

    #[test]
    fn every_measure_has_its_place() {
        for (place, (measure, _)) in MEASURES.iter().enumerate() {
            assert_eq!(*measure as usize, place);
        }
    }

    #[test]
    fn sums_are_of_the_kernels_numbers() {
        let (entry, usage) = Smaps::of_text(TEXT.as_bytes()).next().unwrap().unwrap();
        let mut numbers = Numbers::of(&entry, &usage);
        let kib = |numbers: &Numbers, measure| numbers.get(measure).map(|bytes| bytes >> 10);
        assert_eq!(kib(&numbers, Measure::Size), Some(32));
        assert_eq!(kib(&numbers, Measure::Private), Some(12));
        assert_eq!(kib(&numbers, Measure::Shared), Some(3));
        assert_eq!(kib(&numbers, Measure::Dirty), Some(10));
        assert_eq!(kib(&numbers, Measure::Locked), Some(20));
        assert_eq!(kib(&numbers, Measure::Huge), Some(2052));
        assert_eq!(kib(&numbers, Measure::Ksm), None);
        let other = numbers.clone();
        numbers.add(&other);
        assert_eq!(kib(&numbers, Measure::Rss), Some(40));
        assert_eq!(kib(&numbers, Measure::Ksm), None);
        // What is not known makes a sum that is not known, never a smaller one.
        numbers.add(&Numbers::uncounted(&entry));
        assert_eq!((kib(&numbers, Measure::Rss), kib(&numbers, Measure::Size)), (None, Some(96)));
    }
}
