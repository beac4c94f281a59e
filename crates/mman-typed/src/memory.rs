//! The shared words of a table, as the protocol uses them: a mapping, or a tester's.

/// Words that several processes load and store. Loads acquire and stores release, so that who takes over from the dead
/// sees what the dead stored, in order. There is no word outside: it reads as 0, and stores to it are nothing.
pub(crate) trait Memory {
    fn load(&self, at: usize) -> u64;
    fn store(&self, at: usize, value: u64);
    /// Stores, if the word is what it is thought to be; answers what it was otherwise.
    fn replace(&self, at: usize, old: u64, new: u64) -> Result<(), u64>;
}

impl<M: Memory + ?Sized> Memory for &M {
    #[inline]
    fn load(&self, at: usize) -> u64 {
        (**self).load(at)
    }
    #[inline]
    fn store(&self, at: usize, value: u64) {
        (**self).store(at, value);
    }
    #[inline]
    fn replace(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
        (**self).replace(at, old, new)
    }
}

#[cfg(test)]
pub(crate) mod plain {
    //! Words of this process alone.

    use super::Memory;
    use core::sync::atomic::AtomicU64;
    use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};
    use std::vec::Vec;

    pub(crate) struct Plain(pub(crate) Vec<AtomicU64>);

    impl Plain {
        pub(crate) fn new(words: usize) -> Self {
            Self((0..words).map(|_| AtomicU64::new(0)).collect())
        }
    }

    impl Memory for Plain {
        fn load(&self, at: usize) -> u64 {
            self.0.get(at).map_or(0, |word| word.load(Acquire))
        }
        fn store(&self, at: usize, value: u64) {
            if let Some(word) = self.0.get(at) {
                word.store(value, Release);
            }
        }
        fn replace(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
            let word = self.0.get(at).ok_or(0_u64)?;
            word.compare_exchange(old, new, SeqCst, Acquire).map(drop)
        }
    }
}
