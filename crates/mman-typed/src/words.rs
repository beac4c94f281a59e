//! The words of a table in a mapping that processes share.
#![expect(unsafe_code, reason = "reaches the words of a mapping that it keeps")]

use crate::file::File;
use crate::memory::Memory;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use mman_sys::{Errno, MapFlags, Prot, futex_wait, futex_wake, mmap, munmap};

/// A mapped table: it stays mapped until [`Words::end`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// W1: so many words are mapped there, shared and writable, for as long as the value is used.
    at: NonNull<AtomicU64>,
    count: usize,
}

impl Words {
    /// Maps so many words of a file.
    pub(crate) fn map(file: &File, count: usize) -> Result<Self, Errno> {
        let len = count.checked_mul(8).ok_or(Errno::EOVERFLOW)?;
        Ok(Self { at: file.map(len)?.cast(), count })
    }

    /// So many words of this process alone, zeros at first.
    pub(crate) fn alone(count: usize) -> Result<Self, Errno> {
        let len = count.checked_mul(8).ok_or(Errno::EOVERFLOW)?;
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let at = unsafe { mmap(null_mut(), len, Prot::READ | Prot::WRITE, flags, -1, 0) }?;
        Ok(Self { at: NonNull::new(at).ok_or(Errno::ENOMEM)?.cast(), count })
    }

    /// Ends the mapping, and with it the locks of the description it was made by.
    ///
    /// W2: a copy of the value is not used after: there is one, in the table that is dropped or replaced with this call.
    pub(crate) fn end(self) {
        // SAFETY: W1 and W2.
        let _unmapped = unsafe { munmap(self.at.as_ptr().cast(), self.count.saturating_mul(8)) };
    }

    /// Where it is.
    pub(crate) fn start(&self) -> *const core::ffi::c_void {
        self.at.as_ptr().cast_const().cast()
    }

    #[inline]
    fn word(&self, at: usize) -> Option<&AtomicU64> {
        if at >= self.count {
            return None;
        }
        // SAFETY: within the words of W1.
        let word = unsafe { self.at.add(at) };
        // SAFETY: W1; an atomic may be shared, with other processes too.
        Some(unsafe { word.as_ref() })
    }

    /// The half of a word that a futex looks at.
    fn futex(&self, at: usize) -> *const u32 {
        self.word(at).map_or(core::ptr::null(), |word| word.as_ptr().cast_const().cast())
    }

    /// Waits while the low half of a word is what it was; answers whether it has been woken.
    pub(crate) fn wait(&self, at: usize, word: u64, time: &mman_sys::Timespec) -> bool {
        futex_wait(self.futex(at), crate::number::low(word), Some(time)) != Err(Errno::ETIMEDOUT)
    }

    pub(crate) fn wake(&self, at: usize) {
        let _woken = futex_wake(self.futex(at), 1);
    }
}

impl Memory for Words {
    #[inline]
    fn load(&self, at: usize) -> u64 {
        self.word(at).map_or(0, |word| word.load(Acquire))
    }

    #[inline]
    fn store(&self, at: usize, value: u64) {
        #[cfg(test)]
        crate::dying::before_store();
        if let Some(word) = self.word(at) {
            word.store(value, Release);
        }
    }

    #[inline]
    fn replace(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
        #[cfg(test)]
        crate::dying::before_store();
        let word = self.word(at).ok_or(0_u64)?;
        word.compare_exchange(old, new, AcqRel, Acquire).map(drop)
    }
}
