//! A lock that a fork does not leave locked: what a thread of the parent held is free in the child, which has no such
//! thread.

use crate::atomic_word::AtomicWord;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// 0, or one more than the generation of the process in which it is held.
#[derive(Debug)]
pub(super) struct Lock(AtomicU64);

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(super) struct Held<'lock>(&'lock Lock);

impl Lock {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Waits for the lock in the process of this generation. What it protects may be half done, by a thread of the
    /// parent: whoever takes it does all of it.
    pub(super) fn take(&self, generation: u32) -> Held<'_> {
        let ours = u64::from(generation).wrapping_add(1);
        let mut round = 0_u32;
        loop {
            let holder = self.0.load(Relaxed);
            if holder == ours {
                AtomicU64::pause(round);
                round = round.saturating_add(1);
            } else if self.0.compare_exchange(holder, ours, Acquire, Relaxed).is_ok() {
                return Held(self);
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;

    #[test]
    fn one_thread_at_a_time() {
        let (lock, inside, done) = (Lock::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let _held = lock.take(5);
                        assert_eq!(inside.fetch_add(1, Relaxed), 0);
                        done.fetch_add(1, Relaxed);
                        assert_eq!(inside.fetch_sub(1, Relaxed), 1);
                    }
                });
            }
        });
        assert_eq!(done.load(Relaxed), 4000);
    }

    /// A worker that was forked while another thread made the first view of the process hung when it made its own.
    #[test]
    fn a_child_takes_what_a_thread_of_its_parent_held() {
        let lock = Lock::new();
        let parents = lock.take(1);
        drop(lock.take(2));
        drop(lock.take(2));
        drop(parents);
        drop(lock.take(1));
    }
}
