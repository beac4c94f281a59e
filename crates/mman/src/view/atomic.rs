//! Atomics in shared memory.
//!
//! They are not those of `core`: Rust lets nobody race atomics of different sizes, and a file has its words where its
//! writers put them. Here each step is an instruction of assembly, as every other access to shared bytes is.
#![expect(
    unsafe_code,
    reason = "reaches words of mapped memory, by the instructions made for that"
)]

use super::words;
use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{Ordering, fence};

/// An integer that can be an atomic in shared memory: `u32`, `u64`.
pub trait SharedInteger: Copy + Ord + fmt::Debug + sealed::Sealed {}

mod sealed {
    /// # Safety
    ///
    /// Of each function: `at` is aligned for `Self`, and can be read and written; others may do so too meanwhile.
    pub trait Sealed: Sized {
        unsafe fn load(at: *const u8) -> Self;
        unsafe fn store(at: *mut u8, value: Self);
        unsafe fn swap(at: *mut u8, value: Self) -> Self;
        unsafe fn add(at: *mut u8, value: Self) -> Self;
        unsafe fn exchange(at: *mut u8, old: Self, new: Self) -> Self;
        fn negative(self) -> Self;
    }
}

macro_rules! shared_integers {
    ($($int:ty: $load:ident, $store:ident, $swap:ident, $add:ident, $exchange:ident;)*) => {$(
        impl SharedInteger for $int {}
        impl sealed::Sealed for $int {
            #[inline]
            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's promise.
                unsafe { words::$load(at) }
            }
            #[inline]
            unsafe fn store(at: *mut u8, value: Self) {
                // SAFETY: the caller's promise.
                unsafe { words::$store(at, value) }
            }
            #[inline]
            unsafe fn swap(at: *mut u8, value: Self) -> Self {
                // SAFETY: the caller's promise.
                unsafe { words::$swap(at, value) }
            }
            #[inline]
            unsafe fn add(at: *mut u8, value: Self) -> Self {
                // SAFETY: the caller's promise.
                unsafe { words::$add(at, value) }
            }
            #[inline]
            unsafe fn exchange(at: *mut u8, old: Self, new: Self) -> Self {
                // SAFETY: the caller's promise.
                unsafe { words::$exchange(at, old, new) }
            }
            #[inline]
            fn negative(self) -> Self {
                self.wrapping_neg()
            }
        }
    )*};
}

shared_integers! {
    u32: load_32, store_32, swap_32, add_32, exchange_32;
    u64: load_64, store_64, swap_64, add_64, exchange_64;
}

/// A word of a [`SharedMut`](crate::SharedMut), shared with everybody who maps the object: the methods are those of
/// `core`'s atomics, and so are the orderings.
///
/// If the object becomes shorter, it becomes one of this view alone, and
/// [`Shared::error`](crate::Shared::error) tells of it.
///
/// ```
/// use mman::{Anonymous, MapOptions, SharedMut};
/// use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
///
/// let memory = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096))?;
/// let counter = memory.atomic_u64(0)?;
/// counter.store(5, Release);
/// assert_eq!(counter.fetch_add(1, Relaxed), 5);
/// assert_eq!(counter.compare_exchange(6, 7, Acquire, Relaxed), Ok(6));
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct SharedAtomic<'view, T> {
    /// W1: aligned, readable and writable as long as the view is borrowed, whatever happens to the object; reached by
    /// instructions of assembly only.
    at: *mut u8,
    view: PhantomData<(&'view (), T)>,
}

// SAFETY: a word that every thread and process may reach (W1), by single instructions.
unsafe impl<T: SharedInteger> Send for SharedAtomic<'_, T> {}
// SAFETY: as above.
unsafe impl<T: SharedInteger> Sync for SharedAtomic<'_, T> {}

impl<T: SharedInteger> SharedAtomic<'_, T> {
    /// W1 is the caller's.
    #[inline]
    pub(super) const fn new(at: *mut u8) -> Self {
        Self { at, view: PhantomData }
    }

    /// Loads the value.
    #[inline]
    #[must_use]
    pub fn load(&self, order: Ordering) -> T {
        before(order);
        // SAFETY: W1.
        let value = unsafe { T::load(self.at) };
        after(order);
        value
    }

    /// Stores a value.
    #[inline]
    pub fn store(&self, value: T, order: Ordering) {
        before(order);
        // SAFETY: W1.
        unsafe { T::store(self.at, value) };
        after(order);
    }

    /// Stores a value, and answers what was there.
    #[inline]
    pub fn swap(&self, value: T, order: Ordering) -> T {
        before(order);
        // SAFETY: W1.
        let found = unsafe { T::swap(self.at, value) };
        after(order);
        found
    }

    /// Adds, wrapping, and answers what was there.
    #[inline]
    pub fn fetch_add(&self, value: T, order: Ordering) -> T {
        before(order);
        // SAFETY: W1.
        let found = unsafe { T::add(self.at, value) };
        after(order);
        found
    }

    /// Subtracts, wrapping, and answers what was there.
    #[inline]
    pub fn fetch_sub(&self, value: T, order: Ordering) -> T {
        self.fetch_add(value.negative(), order)
    }

    /// Stores `new` where `old` stands.
    ///
    /// # Errors
    ///
    /// What stands there instead.
    #[inline]
    pub fn compare_exchange(
        &self,
        old: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        before(success);
        // SAFETY: W1.
        let found = unsafe { T::exchange(self.at, old, new) };
        if found == old {
            after(success);
            Ok(found)
        } else {
            after(failure);
            Err(found)
        }
    }

    /// Stores what `change` makes of the value, until nobody else has changed it meanwhile.
    ///
    /// # Errors
    ///
    /// The value of which `change` made nothing.
    #[inline]
    pub fn fetch_update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(T) -> Option<T>,
    ) -> Result<T, T> {
        let mut found = self.load(failure);
        while let Some(new) = change(found) {
            match self.compare_exchange(found, new, success, failure) {
                Ok(old) => return Ok(old),
                Err(changed) => found = changed,
            }
        }
        Err(found)
    }

    /// Stores the larger of the value and this one, and answers what was there.
    #[inline]
    pub fn fetch_max(&self, value: T, order: Ordering) -> T {
        let larger = |found| (found < value).then_some(value);
        match self.fetch_update(order, Relaxed, larger) {
            Ok(found) | Err(found) => found,
        }
    }

    /// The word's address: for calls of the kernel.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut T {
        self.at.cast()
    }
}

impl<T: SharedInteger> fmt::Debug for SharedAtomic<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load(Relaxed).fmt(f)
    }
}

/// What an ordering forbids of accesses that come earlier. An ordering that this crate does not know is the strongest.
#[inline]
fn before(order: Ordering) {
    match order {
        Relaxed | Acquire => {}
        Release | AcqRel => fence(Release),
        _ => fence(SeqCst),
    }
}

/// What an ordering forbids of accesses that come later.
#[inline]
fn after(order: Ordering) {
    match order {
        Relaxed | Release => {}
        Acquire | AcqRel => fence(Acquire),
        _ => fence(SeqCst),
    }
}
