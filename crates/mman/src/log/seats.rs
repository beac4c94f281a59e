//! What all threads read in each append, and one changes now and then: a big-reader lock.
//!
//! A lock with one word is a word that all processors take from each other. Here each thread has a seat of its own, in a
//! line of its own, and takes it for as long as it reads. Who changes the value takes all seats first.
//!
//! - S1: whoever has taken a seat (its word was 0, and is 1) may read the value, and use what belongs to the seat alone.
//! - S2: whoever has taken all seats has the value alone.
#![expect(unsafe_code, reason = "lends a value to who has a seat, and to who has all")]

use crate::atomic_word::AtomicWord;
use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// More threads than that at the same moment wait for each other.
const SEATS: usize = 32;

/// A seat, in a line of the cache (and its neighbour, which is fetched with it) that no other seat is in.
#[repr(align(128))]
struct Seat<W, S> {
    taken: W,
    own: UnsafeCell<S>,
}

pub(crate) struct Seats<T, S, W = core::sync::atomic::AtomicU64, const N: usize = SEATS> {
    seats: [Seat<W, S>; N],
    value: UnsafeCell<T>,
}

// SAFETY: S1: `value` is shared by references, and S2: given from one thread to another; `own` is only given.
unsafe impl<T: Send + Sync, S: Send, W: Sync, const N: usize> Sync for Seats<T, S, W, N> {}

impl<T, S, W: AtomicWord + Default, const N: usize> Seats<T, S, W, N> {
    pub(crate) fn new(value: T, own: impl Fn() -> S) -> Self {
        let seat = |_| Seat { taken: W::default(), own: UnsafeCell::new(own()) };
        Self { seats: core::array::from_fn(seat), value: UnsafeCell::new(value) }
    }

    /// Takes a seat: the thread's own, or the next that is free.
    #[inline]
    pub(crate) fn sit(&self) -> Sitting<'_, T, S, W> {
        let own = number_of_thread().checked_rem(N).unwrap_or(0);
        match self.seats.get(own) {
            Some(seat) if try_take(&seat.taken) => Sitting { seat, value: &self.value },
            _ => self.find_seat(own),
        }
    }

    #[cold]
    fn find_seat(&self, own: usize) -> Sitting<'_, T, S, W> {
        let mut round = 0_u32;
        loop {
            let (before, behind) = self.seats.split_at(own.min(N));
            if let Some(seat) = behind.iter().chain(before).find(|seat| try_take(&seat.taken)) {
                return Sitting { seat, value: &self.value };
            }
            W::pause(round);
            round = round.saturating_add(1);
        }
    }

    /// Puts another value in the place of the one that is there. Whoever does it sits on no seat.
    pub(crate) fn replace(&self, value: T) {
        self.replace_with(|place| *place = value);
    }

    fn replace_with(&self, change: impl FnOnce(&mut T)) {
        for seat in &self.seats {
            let mut round = 0_u32;
            while !try_take(&seat.taken) {
                W::pause(round);
                round = round.saturating_add(1);
            }
        }
        // SAFETY: S2.
        change(unsafe { &mut *self.value.get() });
        for seat in &self.seats {
            seat.taken.store(0, Release);
        }
    }
}

#[inline]
fn try_take(taken: &impl AtomicWord) -> bool {
    taken.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
}

impl<T, S, W, const N: usize> fmt::Debug for Seats<T, S, W, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seats").finish_non_exhaustive()
    }
}

/// A number that threads have one after the other.
#[inline]
fn number_of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Relaxed).max(1));
        }
        number.get()
    })
}

/// A seat that is taken, until it is dropped.
pub(crate) struct Sitting<'seats, T, S, W: AtomicWord = core::sync::atomic::AtomicU64> {
    seat: &'seats Seat<W, S>,
    value: &'seats UnsafeCell<T>,
}

impl<T, S, W: AtomicWord> Sitting<'_, T, S, W> {
    /// The value, and what belongs to the seat.
    #[inline]
    pub(crate) fn get(&mut self) -> (&T, &mut S) {
        // SAFETY: S1.
        let value = unsafe { &*self.value.get() };
        // SAFETY: S1, and `self` is borrowed alone.
        (value, unsafe { &mut *self.seat.own.get() })
    }
}

impl<T, S, W: AtomicWord> Drop for Sitting<'_, T, S, W> {
    #[inline]
    fn drop(&mut self) {
        self.seat.taken.store(0, Release);
    }
}

#[cfg(test)]
#[path = "seats_tests.rs"]
mod tests;
