//! Runs of zeros in 512 bits: what the summary of the free units is made of.

/// Words in a chunk.
pub(crate) const WORDS: usize = 8;
/// Bits in a chunk.
pub(crate) const BITS: usize = 512;

/// The free units of a stretch: those at its start, those at its end, and the longest run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) start: usize,
    pub(crate) longest: usize,
    pub(crate) end: usize,
}

impl Runs {
    /// Nothing is free.
    pub(crate) const NONE: Self = Self { start: 0, longest: 0, end: 0 };

    /// All is free.
    pub(crate) const fn all(span: usize) -> Self {
        Self { start: span, longest: span, end: span }
    }

    /// This stretch, of so many units, and the one behind it, of so many.
    pub(crate) fn join(self, span: usize, next: Self, next_span: usize) -> Self {
        let middle = self.end.saturating_add(next.start);
        let start = if self.start >= span { middle } else { self.start };
        let end = if next.end >= next_span { middle } else { next.end };
        Self { start, longest: self.longest.max(next.longest).max(middle), end }
    }
}

/// The runs of a chunk.
pub(crate) fn runs(chunk: &[u64; WORDS]) -> Runs {
    // What large allocations are made of.
    if chunk.iter().all(|word| *word == 0) {
        return Runs::all(BITS);
    }
    if chunk.iter().all(|word| *word == u64::MAX) {
        return Runs::NONE;
    }
    let mut found = Runs::NONE;
    let mut is_first = true;
    let left = each_run(chunk, &mut |_, run| {
        if core::mem::take(&mut is_first) {
            found.start = run;
        }
        found.longest = found.longest.max(run);
        false
    });
    if let Some((_, run)) = left {
        found.end = run;
        found.longest = found.longest.max(run);
        if is_first {
            found.start = run;
        }
    }
    found
}

/// Where the first run of so many begins.
pub(crate) fn find(chunk: &[u64; WORDS], wanted: usize) -> Option<usize> {
    let mut found = None;
    let left = each_run(chunk, &mut |at, run| {
        if run >= wanted {
            found = Some(at);
        }
        found.is_some()
    });
    found.or_else(|| left.filter(|(_, run)| *run >= wanted).map(|(at, _)| at))
}

/// Tells of each run that a one ends, those of length 0 too, until it is told to stop; answers the run that the end ends.
fn each_run(
    chunk: &[u64; WORDS],
    tell: &mut dyn FnMut(usize, usize) -> bool,
) -> Option<(usize, usize)> {
    let (mut at, mut run) = (0_usize, 0_usize);
    for word in chunk {
        let (mut bits, mut left) = (*word, 64_u32);
        while left > 0 {
            let zeros = bits.trailing_zeros().min(left);
            run = run.wrapping_add(small(zeros));
            at = at.wrapping_add(small(zeros));
            left = left.wrapping_sub(zeros);
            bits = bits.checked_shr(zeros).unwrap_or(0);
            if left == 0 {
                break;
            }
            if tell(at.wrapping_sub(run), run) {
                return None;
            }
            run = 0;
            let ones = bits.trailing_ones().min(left);
            at = at.wrapping_add(small(ones));
            left = left.wrapping_sub(ones);
            bits = bits.checked_shr(ones).unwrap_or(0);
        }
    }
    Some((at.wrapping_sub(run), run))
}

const fn small(bits: u32) -> usize {
    bits as usize
}

/// The bits of one word that units from `from` to before `to` have, both counted from its first.
pub(crate) const fn mask(from: usize, to: usize) -> u64 {
    let to = if to > 64 { 64 } else { to };
    if from >= to {
        return 0;
    }
    let width = to.wrapping_sub(from);
    let ones = if width == 64 { u64::MAX } else { (1_u64 << width).wrapping_sub(1) };
    ones << from
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// The same, bit by bit.
    fn plain(chunk: &[u64; WORDS]) -> Vec<bool> {
        (0..BITS).map(|at| chunk[at / 64] >> (at % 64) & 1 == 0).collect()
    }

    fn plain_runs(free: &[bool]) -> Runs {
        let start = free.iter().take_while(|free| **free).count();
        let end = free.iter().rev().take_while(|free| **free).count();
        let longest = free.split(|free| !free).map(<[bool]>::len).max().unwrap_or(0);
        Runs { start, longest, end }
    }

    fn chunk() -> impl Strategy<Value = [u64; WORDS]> {
        let word = prop_oneof![
            Just(0_u64),
            Just(u64::MAX),
            any::<u64>(),
            (0..64_u32).prop_map(|n| u64::MAX << n),
            (1..64_u32).prop_map(|n| u64::MAX >> n),
        ];
        proptest::array::uniform8(word)
    }

    proptest! {
        #[test]
        fn runs_and_finds_are_those_of_counting(chunk in chunk(), wanted in 1..=BITS) {
            let free = plain(&chunk);
            prop_assert_eq!(runs(&chunk), plain_runs(&free));
            let place = free.windows(wanted).position(|window| window.iter().all(|free| *free));
            prop_assert_eq!(find(&chunk, wanted), place);
        }

        #[test]
        fn two_stretches_join(one in chunk(), other in chunk()) {
            let joined = runs(&one).join(BITS, runs(&other), BITS);
            let both = [plain(&one), plain(&other)].concat();
            prop_assert_eq!(joined, plain_runs(&both));
        }
    }

    #[test]
    fn masks_are_of_one_word() {
        assert_eq!(mask(0, 64), u64::MAX);
        assert_eq!(mask(0, 1000), u64::MAX);
        assert_eq!(mask(3, 5), 0b11000);
        assert_eq!(mask(5, 5), 0);
        assert_eq!(mask(63, 64), 1 << 63);
    }
}
