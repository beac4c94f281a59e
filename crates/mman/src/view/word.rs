//! Numbers that a view loads and stores whole, as atomics do.
#![expect(unsafe_code, reason = "loads and stores words of mapped memory")]

use super::guarded::Guarded;
use super::words;
use crate::area::range_error;
use crate::error::{Cause, Error, Operation, Result};
use crate::page::RangeError;
use core::sync::atomic::{Ordering, fence};

/// A number that the processor loads and stores in one step, where it is aligned: `u8` to `u64`, `i8` to `i64`,
/// `usize`, `isize`. In the machine's byte order.
pub trait Word: Copy + sealed::Sealed {}

mod sealed {
    pub trait Sealed: Sized {
        /// # Safety
        ///
        /// `from` is aligned and can be read; others may store to it meanwhile.
        unsafe fn load(from: *const u8) -> Self;
        /// # Safety
        ///
        /// `to` is aligned and can be written; others may do so too meanwhile.
        unsafe fn store(self, to: *mut u8);
    }
}

/// A word type is loaded and stored by the instruction for the bits that it has.
macro_rules! words {
    ($($word:ty as $bits:ty: $load:ident, $store:ident;)*) => {$(
        impl Word for $word {}
        impl sealed::Sealed for $word {
            #[inline]
            unsafe fn load(from: *const u8) -> Self {
                // SAFETY: the caller's promise.
                let bits = unsafe { super::words::$load(from) };
                <$word>::from_ne_bytes(bits.to_ne_bytes())
            }
            #[inline]
            unsafe fn store(self, to: *mut u8) {
                let bits = <$bits>::from_ne_bytes(self.to_ne_bytes());
                // SAFETY: the caller's promise.
                unsafe { super::words::$store(to, bits) }
            }
        }
    )*};
}

words! {
    u8 as u8: load_8, store_8; i8 as u8: load_8, store_8;
    u16 as u16: load_16, store_16; i16 as u16: load_16, store_16;
    u32 as u32: load_32, store_32; i32 as u32: load_32, store_32;
    u64 as u64: load_64, store_64; i64 as u64: load_64, store_64;
    usize as u64: load_64, store_64; isize as u64: load_64, store_64;
}

impl Guarded {
    #[inline]
    pub(super) fn load<T: Word>(&self, at: usize) -> Result<T> {
        let range = self.place(Operation::Read, at, size_of::<T>())?;
        self.aligned::<T>(Operation::Read, at)?;
        // SAFETY: G2, G3 of the view; aligned.
        let load = |from: *mut u8| unsafe { T::load(from) };
        let no_words = || Err(self.no_words(Operation::Read));
        let loaded = self.reach(Operation::Read, &range, load, no_words);
        fence(Ordering::Acquire);
        loaded
    }

    /// G2: `prot` allows writing, which the views that call this have.
    #[inline]
    pub(super) fn store<T: Word>(&self, at: usize, value: T) -> Result<()> {
        let range = self.place(Operation::Write, at, size_of::<T>())?;
        self.aligned::<T>(Operation::Write, at)?;
        // SAFETY: G2, G3 of the view; aligned.
        let store = |to: *mut u8| unsafe { value.store(to) };
        let no_words = || Err(self.no_words(Operation::Write));
        fence(Ordering::Release);
        self.reach(Operation::Write, &range, store, no_words)
    }

    /// The place of an atomic, which can be reached as long as the view is borrowed, whatever happens to the object.
    ///
    /// G2: `prot` allows writing, which the views that call this have.
    pub(super) fn place_of_atomic<T>(&self, at: usize) -> Result<*mut u8> {
        self.place(Operation::Read, at, size_of::<T>())?;
        self.aligned::<T>(Operation::Read, at)?;
        if !self.is_direct() {
            return Err(self.no_words(Operation::Read));
        }
        Ok(self.pointer(at).cast_mut())
    }

    /// Fetches what will be written to soon. A hint: `at` may be anything.
    #[inline]
    pub(crate) fn prefetch(&self, at: usize) {
        words::prefetch(self.pointer(at));
    }

    #[inline]
    pub(super) fn aligned<T>(&self, operation: Operation, at: usize) -> Result<()> {
        if self.pointer(at).addr() & align_of::<T>().wrapping_sub(1) == 0 {
            return Ok(());
        }
        let unaligned = RangeError::UnalignedWord { value: at as u64, size: size_of::<T>() };
        Err(range_error(operation, self.mapping().kind(), unaligned))
    }

    /// A system call copies bytes, and promises no whole words.
    #[cold]
    fn no_words(&self, operation: Operation) -> Error {
        Error::new(operation, self.mapping().kind(), Cause::SignalTaken)
    }
}
