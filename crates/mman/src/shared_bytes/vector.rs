//! Searches and comparisons, written once over vectors of any width.
#![expect(
    unsafe_code,
    reason = "reads memory that others may change, through the vectors of a machine"
)]

/// Bytes side by side, each 0xFF (or 0x80, in a word) where something holds and 0 where not.
///
/// That a value exists proves that the processor has the instructions.
pub(super) trait Vector: Copy {
    /// In bytes; a power of two.
    const LEN: usize;
    /// The mask has two to this power bits for each byte.
    const SHIFT: u32;
    /// The mask where it holds for every byte.
    const FULL: u64;

    /// # Safety
    ///
    /// The processor has the instructions.
    unsafe fn splat(byte: u8) -> Self;

    /// Where the shared bytes from `at` on are those of `self`.
    ///
    /// # Safety
    ///
    /// `LEN` bytes from `at` on may be loaded.
    unsafe fn matches(self, at: *const u8) -> Self;

    /// Four vectors in a row: see [`matches`](Self::matches).
    ///
    /// # Safety
    ///
    /// Four times `LEN` bytes from `at` on may be loaded.
    #[inline(always)]
    unsafe fn matches_4(self, at: *const u8) -> [Self; 4] {
        let second = at.wrapping_add(Self::LEN);
        let third = second.wrapping_add(Self::LEN);
        let fourth = third.wrapping_add(Self::LEN);
        // SAFETY: the caller's promise: each is one of the four.
        [at, second, third, fourth].map(|at| unsafe { self.matches(at) })
    }

    /// Where two rows of bytes are the same.
    ///
    /// # Safety
    ///
    /// The processor has the instructions. `LEN` bytes from either may be loaded.
    unsafe fn same(one: *const u8, other: *const u8) -> Self;

    fn and(self, other: Self) -> Self;

    fn or(self, other: Self) -> Self;

    /// The bytes as bits, the first byte lowest.
    fn mask(self) -> u64;
}

/// What is searched for at each place.
pub(super) trait Wanted: Copy {
    /// Where it stands in the `LEN` places from `at` on.
    ///
    /// # Safety
    ///
    /// The processor has the instructions. At `LEN` places from `at` on it may be looked for.
    unsafe fn hits<V: Vector>(self, at: *const u8) -> V;

    /// Four vectors in a row.
    ///
    /// # Safety
    ///
    /// That of [`hits`](Self::hits), for four times `LEN` places.
    unsafe fn hits_4<V: Vector>(self, at: *const u8) -> [V; 4];
}

/// One byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Byte(pub(super) u8);

/// One of two bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Either(pub(super) u8, pub(super) u8);

/// Two bytes at two distances from a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) bytes: [u8; 2],
    pub(super) distances: [usize; 2],
}

impl Wanted for Byte {
    #[inline(always)]
    unsafe fn hits<V: Vector>(self, at: *const u8) -> V {
        // SAFETY: the caller's promise.
        let byte = unsafe { V::splat(self.0) };
        // SAFETY: the caller's promise.
        unsafe { byte.matches(at) }
    }

    #[inline(always)]
    unsafe fn hits_4<V: Vector>(self, at: *const u8) -> [V; 4] {
        // SAFETY: the caller's promise.
        let byte = unsafe { V::splat(self.0) };
        // SAFETY: the caller's promise.
        unsafe { byte.matches_4(at) }
    }
}

impl Wanted for Either {
    #[inline(always)]
    unsafe fn hits<V: Vector>(self, at: *const u8) -> V {
        // SAFETY: the caller's promise.
        let one = unsafe { Byte(self.0).hits::<V>(at) };
        // SAFETY: the caller's promise.
        let other = unsafe { Byte(self.1).hits::<V>(at) };
        one.or(other)
    }

    #[inline(always)]
    unsafe fn hits_4<V: Vector>(self, at: *const u8) -> [V; 4] {
        // SAFETY: the caller's promise.
        let [a, b, c, d] = unsafe { Byte(self.0).hits_4::<V>(at) };
        // SAFETY: the caller's promise.
        let [e, f, g, h] = unsafe { Byte(self.1).hits_4::<V>(at) };
        [a.or(e), b.or(f), c.or(g), d.or(h)]
    }
}

impl Wanted for Pair {
    #[inline(always)]
    unsafe fn hits<V: Vector>(self, at: *const u8) -> V {
        let [first, second] = self.bytes.map(Byte);
        let [near, far] = self.distances.map(|distance| at.wrapping_add(distance));
        // SAFETY: the caller's promise: at each place, the bytes at both distances may be loaded.
        let one = unsafe { first.hits::<V>(near) };
        // SAFETY: as above.
        let other = unsafe { second.hits::<V>(far) };
        one.and(other)
    }

    #[inline(always)]
    unsafe fn hits_4<V: Vector>(self, at: *const u8) -> [V; 4] {
        let [first, second] = self.bytes.map(Byte);
        let [near, far] = self.distances.map(|distance| at.wrapping_add(distance));
        // SAFETY: the caller's promise: at each place, the bytes at both distances may be loaded.
        let [a, b, c, d] = unsafe { first.hits_4::<V>(near) };
        // SAFETY: as above.
        let [e, f, g, h] = unsafe { second.hits_4::<V>(far) };
        [a.and(e), b.and(f), c.and(g), d.and(h)]
    }
}

/// The first place where it holds, in a vector that starts at the place `at`.
#[inline(always)]
fn first<V: Vector>(at: usize, hits: V) -> Option<usize> {
    let mask = hits.mask();
    (mask != 0).then(|| at.wrapping_add((mask.trailing_zeros() >> V::SHIFT) as usize))
}

/// The last place where it holds.
#[inline(always)]
fn last<V: Vector>(at: usize, hits: V) -> Option<usize> {
    let mask = hits.mask();
    mask.checked_ilog2().map(|bit| at.wrapping_add((bit >> V::SHIFT) as usize))
}

/// Whether it holds anywhere in four vectors.
#[inline(always)]
fn any<V: Vector>([a, b, c, d]: [V; 4]) -> bool {
    a.or(b).or(c.or(d)).mask() != 0
}

/// Four vectors in a row, each with the place where it starts.
#[inline(always)]
fn rows<V: Vector>(at: usize, [a, b, c, d]: [V; 4]) -> [(usize, V); 4] {
    let second = at.wrapping_add(V::LEN);
    let third = second.wrapping_add(V::LEN);
    [(at, a), (second, b), (third, c), (third.wrapping_add(V::LEN), d)]
}

/// How many bytes four vectors hold.
const fn len_4<V: Vector>() -> usize {
    V::LEN.saturating_mul(4)
}

/// The first place where something stands, in one or two vectors: `LEN` to twice `LEN` places.
///
/// # Safety
///
/// The processor has the instructions. At `len` places from `start` on it may be looked for.
#[inline(always)]
pub(super) unsafe fn find_in_2<V: Vector>(
    start: *const u8,
    len: usize,
    wanted: impl Wanted,
) -> Option<usize> {
    // SAFETY: the caller's promise: there are at least `LEN` places.
    let hits = unsafe { wanted.hits::<V>(start) };
    first(0, hits).or_else(|| {
        let end = len.wrapping_sub(V::LEN);
        // SAFETY: as above; these are the last `LEN` of them.
        let hits = unsafe { wanted.hits::<V>(start.wrapping_add(end)) };
        first(end, hits)
    })
}

/// The last place where something stands, in one or two vectors: `LEN` to twice `LEN` places.
///
/// # Safety
///
/// That of [`find_in_2`].
#[inline(always)]
pub(super) unsafe fn rfind_in_2<V: Vector>(
    start: *const u8,
    len: usize,
    wanted: impl Wanted,
) -> Option<usize> {
    let end = len.wrapping_sub(V::LEN);
    // SAFETY: the caller's promise: there are at least `LEN` places.
    let hits = unsafe { wanted.hits::<V>(start.wrapping_add(end)) };
    last(end, hits).or_else(|| {
        // SAFETY: as above.
        let hits = unsafe { wanted.hits::<V>(start) };
        last(0, hits)
    })
}

/// The first place where something stands, among `LEN` or more.
///
/// # Safety
///
/// The processor has the instructions. At `len` places from `start` on it may be looked for.
#[inline(always)]
pub(super) unsafe fn find<V: Vector>(
    start: *const u8,
    len: usize,
    wanted: impl Wanted,
) -> Option<usize> {
    if len <= V::LEN.saturating_mul(2) {
        // SAFETY: the caller's promise.
        return unsafe { find_in_2::<V>(start, len, wanted) };
    }
    // SAFETY: the caller's promise: there are more than two vectors of places.
    let hits = unsafe { wanted.hits::<V>(start) };
    if let Some(found) = first(0, hits) {
        return Some(found);
    }
    if len <= len_4::<V>() {
        // SAFETY: as above.
        let hits = unsafe { wanted.hits::<V>(start.wrapping_add(V::LEN)) };
        if let Some(found) = first(V::LEN, hits) {
            return Some(found);
        }
        let rest = len.wrapping_sub(V::LEN.saturating_mul(2));
        // SAFETY: the last two vectors of places.
        let found =
            unsafe { find_in_2::<V>(start.wrapping_add(rest), V::LEN.saturating_mul(2), wanted) };
        return found.map(|found| rest.wrapping_add(found));
    }
    let end = len.wrapping_sub(len_4::<V>());
    let mut at = V::LEN.wrapping_sub(start.addr() & V::LEN.wrapping_sub(1));
    while at < end {
        // SAFETY: four vectors from `at` on end before the last place, since `at < end`.
        let hits = unsafe { wanted.hits_4::<V>(start.wrapping_add(at)) };
        if any(hits) {
            return rows(at, hits).into_iter().find_map(|(at, hits)| first(at, hits));
        }
        at = at.wrapping_add(len_4::<V>());
    }
    // SAFETY: the last four vectors of places, of which there are more.
    let hits = unsafe { wanted.hits_4::<V>(start.wrapping_add(end)) };
    if !any(hits) {
        return None;
    }
    rows(end, hits).into_iter().find_map(|(at, hits)| first(at, hits))
}

/// The last place where something stands, among `LEN` or more.
///
/// # Safety
///
/// That of [`find`].
#[inline(always)]
pub(super) unsafe fn rfind<V: Vector>(
    start: *const u8,
    len: usize,
    wanted: impl Wanted,
) -> Option<usize> {
    if len <= V::LEN.saturating_mul(2) {
        // SAFETY: the caller's promise.
        return unsafe { rfind_in_2::<V>(start, len, wanted) };
    }
    let rest = len.wrapping_sub(V::LEN.saturating_mul(2));
    // SAFETY: the last two vectors of places.
    let found =
        unsafe { rfind_in_2::<V>(start.wrapping_add(rest), V::LEN.saturating_mul(2), wanted) };
    if let Some(found) = found {
        return Some(rest.wrapping_add(found));
    }
    if len <= len_4::<V>() {
        // SAFETY: the first two vectors of places, of which there are more.
        return unsafe { rfind_in_2::<V>(start, V::LEN.saturating_mul(2), wanted) };
    }
    // `at` is where the vectors seen so far begin.
    let misaligned = start.wrapping_add(rest).addr() & V::LEN.wrapping_sub(1);
    let mut at = rest.wrapping_add(V::LEN).wrapping_sub(misaligned);
    while at > len_4::<V>() {
        at = at.wrapping_sub(len_4::<V>());
        // SAFETY: `at` was more than four vectors, and they end where those seen begin.
        let hits = unsafe { wanted.hits_4::<V>(start.wrapping_add(at)) };
        if any(hits) {
            return rows(at, hits).into_iter().rev().find_map(|(at, hits)| last(at, hits));
        }
    }
    // SAFETY: the first four vectors of places, of which there are more.
    let hits = unsafe { wanted.hits_4::<V>(start) };
    rows(0, hits).into_iter().rev().find_map(|(at, hits)| last(at, hits))
}

/// Whether two rows of bytes are the same, in one or two vectors: `LEN` to twice `LEN` bytes.
///
/// # Safety
///
/// The processor has the instructions. `len` bytes from either start on may be loaded.
#[inline(always)]
pub(super) unsafe fn equals_in_2<V: Vector>(one: *const u8, other: *const u8, len: usize) -> bool {
    let end = len.wrapping_sub(V::LEN);
    // SAFETY: the caller's promise: there are at least `LEN` bytes.
    let head = unsafe { V::same(one, other) };
    // SAFETY: as above; these are the last `LEN` of them.
    let tail = unsafe { V::same(one.wrapping_add(end), other.wrapping_add(end)) };
    head.and(tail).mask() == V::FULL
}

/// Where two vectors are the same as two others, by halves.
///
/// # Safety
///
/// The processor has the instructions. Twice `LEN` bytes from either start on may be loaded.
#[inline(always)]
unsafe fn same_2<V: Vector>(one: *const u8, other: *const u8) -> V {
    // SAFETY: the caller's promise.
    let head = unsafe { V::same(one, other) };
    // SAFETY: the caller's promise.
    let tail = unsafe { V::same(one.wrapping_add(V::LEN), other.wrapping_add(V::LEN)) };
    head.and(tail)
}

/// Whether two rows of bytes are the same, of `LEN` or more.
///
/// # Safety
///
/// That of [`equals_in_2`].
#[inline(always)]
pub(super) unsafe fn equals<V: Vector>(one: *const u8, other: *const u8, len: usize) -> bool {
    let two = V::LEN.saturating_mul(2);
    let mut at = 0_usize;
    while len.wrapping_sub(at) > len_4::<V>() {
        let half = at.wrapping_add(two);
        // SAFETY: more than four vectors are left.
        let head = unsafe { same_2::<V>(one.wrapping_add(at), other.wrapping_add(at)) };
        // SAFETY: as above.
        let tail = unsafe { same_2::<V>(one.wrapping_add(half), other.wrapping_add(half)) };
        if head.and(tail).mask() != V::FULL {
            return false;
        }
        at = at.wrapping_add(len_4::<V>());
    }
    if len.wrapping_sub(at) > two {
        // SAFETY: more than two vectors are left.
        if unsafe { same_2::<V>(one.wrapping_add(at), other.wrapping_add(at)) }.mask() != V::FULL {
            return false;
        }
        at = at.wrapping_add(two);
    }
    // The last one or two vectors: they begin before `at` where less than one is left.
    let rest = len.wrapping_sub(at).max(V::LEN);
    let at = len.wrapping_sub(rest);
    // SAFETY: `rest` is one to two vectors, and no more than `len`.
    unsafe { equals_in_2::<V>(one.wrapping_add(at), other.wrapping_add(at), rest) }
}
