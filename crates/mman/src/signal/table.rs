//! The table of ranges that somebody answers for when they fault: read by the signal handler, so made of atomics.
//!
//! It begins as a static, grows by pieces twice as large, and never shrinks: a handler may be reading any of it.
#![expect(
    unsafe_code,
    reason = "calls what was registered, through the pointer that was registered"
)]

use super::state::State;
use super::{Fault, Repair};
use super::{spare, zeros};
use crate::process::generation;
use core::ops::{Deref, Range};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};

/// Slots of the first piece.
const FIRST: usize = 64;
/// Pieces after the first: 64, 128, ... slots, 64 Mi together. The kernel allows a process 65,530 mappings.
const PIECES: usize = 20;

/// A place for one range.
struct Slot {
    state: State<AtomicU64>,
    /// T1: `start..end` are the addresses that `entry` answers for, while the slot is live. Read without entering
    /// only to pass over slots that have nothing to do with a fault.
    start: AtomicUsize,
    end: AtomicUsize,
    /// T4: 0, or the generation of the one process that has these addresses: a fork left them out. What stands there in a
    /// child is another's.
    only: AtomicU32,
    /// T2: points to the [`Entry`] of a [`Registered`], which lives until the slot is closed.
    entry: AtomicPtr<Head>,
}

impl Slot {
    const fn new() -> Self {
        Self {
            state: State::new(AtomicU64::new(0)),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            only: AtomicU32::new(0),
            entry: AtomicPtr::new(null_mut()),
        }
    }

    /// T4.
    fn is_here(&self) -> bool {
        let only = self.only.load(Relaxed);
        only == 0 || only == generation::current()
    }

    fn contains(&self, address: usize) -> bool {
        let is_inside = self.start.load(Relaxed) <= address && address < self.end.load(Relaxed);
        is_inside && self.is_here()
    }
}

static SLOTS: [Slot; FIRST] = [const { Slot::new() }; FIRST];
static GROWN: [AtomicPtr<Slot>; PIECES] = [const { AtomicPtr::new(null_mut()) }; PIECES];
/// No slot from here on was ever used.
static USED: AtomicUsize = AtomicUsize::new(0);
/// T3: no slot below the number in the lower half is free. The upper half counts what was freed, so that who
/// raises the number knows that nothing was freed meanwhile.
static LOWEST_FREE: AtomicU64 = AtomicU64::new(0);
const FREED_ONE: u64 = 1 << 32;
const LOWEST: u64 = FREED_ONE - 1;

/// Slots of piece `piece` of [`GROWN`].
const fn len_of(piece: usize) -> usize {
    FIRST << piece
}

/// The slot of a number, if the table has grown so far.
fn slot(index: usize) -> Option<&'static Slot> {
    if let Some(slot) = SLOTS.get(index) {
        return Some(slot);
    }
    let (piece, place) = place_of(index);
    let start = NonNull::new(GROWN.get(piece)?.load(Acquire))?;
    let slots = NonNull::slice_from_raw_parts(start, len_of(piece));
    // SAFETY: `slot_or_grow` put so many slots there, for ever.
    unsafe { slots.as_ref() }.get(place)
}

/// Piece `p` begins with slot `FIRST * 2^p`.
const fn place_of(index: usize) -> (usize, usize) {
    let doubling = (index >> FIRST.trailing_zeros()).ilog2();
    (doubling as usize, index.wrapping_sub(len_of(doubling as usize)))
}

/// The slot of a number, made if need be; `None` when the table is full.
fn slot_or_grow(index: usize) -> Option<&'static Slot> {
    if let Some(slot) = slot(index) {
        return Some(slot);
    }
    let (piece, _) = place_of(index);
    let fresh: Box<[Slot]> = (0..len_of(piece)).map(|_| Slot::new()).collect();
    let fresh = Box::into_raw(fresh);
    let raced = GROWN.get(piece)?.compare_exchange(null_mut(), fresh.cast(), Release, Relaxed);
    if raced.is_err() {
        // SAFETY: made above, and nobody has seen it.
        drop(unsafe { Box::from_raw(fresh) });
    }
    slot(index)
}

/// What an [`Entry`] begins with, whatever its type.
struct Head {
    /// Calls the entry's own [`Repair::repair`].
    repair: unsafe fn(NonNull<Head>, Fault) -> bool,
}

/// What was registered, behind a head that the handler can call.
#[repr(C)]
struct Entry<R> {
    head: Head,
    value: R,
}

/// # Safety
///
/// `head` is that of an `Entry<R>` which lives.
unsafe fn repair<R: Repair>(head: NonNull<Head>, fault: Fault) -> bool {
    // SAFETY: the caller's promise; `Entry` has its head first.
    let entry = unsafe { head.cast::<Entry<R>>().as_ref() };
    entry.value.repair(fault)
}

/// A range that is answered for, until this is dropped.
///
/// Dropping it lets no handler in any more and waits for those in flight, which takes microseconds. Then, and not
/// before, its memory may be unmapped.
pub struct Registered<R: Repair> {
    index: usize,
    slot: &'static Slot,
    /// T2: from `Box::into_raw`.
    entry: NonNull<Entry<R>>,
}

// SAFETY: what is shared is `R`, which is `Sync` and `Send` by `Repair`.
unsafe impl<R: Repair> Send for Registered<R> {}
// SAFETY: as above.
unsafe impl<R: Repair> Sync for Registered<R> {}

impl<R: Repair> Registered<R> {
    /// Has faults in `addresses` repaired by `value`, once the handler is installed: see [`arm`](super::arm). `None` when
    /// the table is full.
    #[must_use]
    pub fn new(addresses: Range<usize>, value: R) -> Option<Self> {
        Self::within(addresses, value, true)
    }

    /// As [`new`](Self::new), for addresses that the children which are forked have too, or have not.
    pub(crate) fn within(addresses: Range<usize>, value: R, in_children: bool) -> Option<Self> {
        generation::prepare(); // also where the handler is the program's
        spare::prepare();
        zeros::prepare();
        let (index, slot) = claim()?;
        let head = Head { repair: repair::<R> };
        let entry = NonNull::new(Box::into_raw(Box::new(Entry { head, value })))?;
        slot.start.store(addresses.start, Relaxed);
        slot.end.store(addresses.end, Relaxed);
        slot.only.store(if in_children { 0 } else { generation::current() }, Relaxed);
        slot.entry.store(entry.as_ptr().cast(), Relaxed);
        slot.state.open();
        Some(Self { index, slot, entry })
    }
}

impl<R: Repair> Deref for Registered<R> {
    type Target = R;
    #[inline]
    fn deref(&self) -> &R {
        // SAFETY: T2: the entry lives as long as `self`, and nobody borrows it alone.
        unsafe { &(*self.entry.as_ptr()).value }
    }
}

impl<R: Repair> Drop for Registered<R> {
    fn drop(&mut self) {
        self.slot.state.close(generation::current());
        // No handler is in, and none comes in: the range can belong to nobody.
        self.slot.start.store(0, Relaxed);
        self.slot.end.store(0, Relaxed);
        self.slot.entry.store(null_mut(), Relaxed);
        self.slot.state.free();
        may_be_free(self.index);
        // SAFETY: T2: made by `Box::into_raw`, and no handler can reach it any more.
        drop(unsafe { Box::from_raw(self.entry.as_ptr()) });
    }
}

impl<R: Repair + core::fmt::Debug> core::fmt::Debug for Registered<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Registered").field("slot", &self.index).field("value", &**self).finish()
    }
}

/// Takes a free slot.
fn claim() -> Option<(usize, &'static Slot)> {
    let hint = LOWEST_FREE.load(Acquire);
    let mut index = usize::try_from(hint & LOWEST).ok()?;
    loop {
        let slot = slot_or_grow(index)?;
        let next = index.wrapping_add(1);
        if slot.state.claim() {
            USED.fetch_max(next, Release);
            let raised = (hint & !LOWEST) | next as u64;
            // T3: all below were taken, unless one was freed meanwhile: then the number stays low.
            let _raised_or_not = LOWEST_FREE.compare_exchange(hint, raised, Release, Relaxed);
            return Some((index, slot));
        }
        index = next;
    }
}

/// Keeps T3 when a slot was freed.
fn may_be_free(index: usize) {
    let lowered = |hint: u64| {
        let lowest = (hint & LOWEST).min(index as u64);
        Some((hint & !LOWEST).wrapping_add(FREED_ONE) | lowest)
    };
    let _always_some = LOWEST_FREE.fetch_update(AcqRel, Relaxed, lowered);
}

/// Has the fault repaired by who answers for the address. No lock, no allocation: for signal handlers.
pub(super) fn repair_fault(fault: Fault) -> bool {
    let used = USED.load(Acquire);
    (0..used).map_while(slot).any(|slot| slot.contains(fault.address()) && repair_by(slot, fault))
}

fn repair_by(slot: &Slot, fault: Fault) -> bool {
    if !slot.state.enter(generation::current()) {
        return false;
    }
    // It may be another range's by now.
    let entry = NonNull::new(slot.entry.load(Relaxed)).filter(|_| slot.contains(fault.address()));
    let repaired = entry.is_some_and(|head| {
        // SAFETY: T2: entered, so the entry lives until `leave`.
        let repair = unsafe { head.as_ref() }.repair;
        // SAFETY: as above; the head holds the function of its own type.
        unsafe { repair(head, fault) }
    });
    slot.state.leave();
    repaired
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers yes, and counts how often it was asked.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    // SAFETY: counts, and touches nothing else.
    unsafe impl Repair for Counting {
        fn repair(&self, _fault: Fault) -> bool {
            self.0.fetch_add(1, Relaxed);
            true
        }
    }

    fn fault_at(address: usize) -> Fault {
        Fault::new(address)
    }

    #[test]
    fn numbers_have_places_without_gap_or_overlap() {
        let mut expected = (0, 0);
        for index in FIRST..FIRST * 64 {
            assert_eq!(place_of(index), expected, "slot {index}");
            expected.1 += 1;
            if expected.1 == len_of(expected.0) {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn a_fault_finds_its_range_among_thousands_and_no_other() {
        // Addresses that no process has: other tests of this process have ranges of their own.
        let base = 1_usize << 60;
        let ranges: Vec<_> = (0..5000)
            .map(|place| {
                let start = base + place * 0x2000;
                Registered::new(start..start + 0x1000, Counting::default()).unwrap()
            })
            .collect();
        assert!(repair_fault(fault_at(base + 777 * 0x2000)));
        assert!(repair_fault(fault_at(base + 777 * 0x2000 + 0xfff)));
        assert!(!repair_fault(fault_at(base + 777 * 0x2000 + 0x1000)), "between two");
        for (place, range) in ranges.iter().enumerate() {
            let asked = range.0.load(Relaxed);
            assert_eq!(asked, if place == 777 { 2 } else { 0 }, "range {place}");
        }
        drop(ranges);
        assert!(!repair_fault(fault_at(base + 777 * 0x2000)), "nobody answers any more");
    }

    #[test]
    fn slots_are_used_again() {
        for _ in 0..100_000 {
            let range = Registered::new(2 << 60..(2 << 60) + 1, Counting::default()).unwrap();
            assert!(range.index < 20_000, "slot {}", range.index);
        }
    }
}
