//! Waiting on a word of shared memory until somebody changes it and says so, in this process or another.

use super::guarded::Guarded;
use super::shared::Shared;
use crate::error::{Cause, Error, Operation, Result};
use core::ops::Range;
use core::time::Duration;
use mman_sys::{Errno, Timespec, futex_wait, futex_wake};
use std::time::Instant;

/// Why waiting on a word ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Somebody woke who waits there, or the kernel did for no reason: look at the word.
    Woken,
    /// The word had another value than the expected one.
    Changed,
    /// The time is over.
    TimedOut,
}

impl Shared {
    /// Waits as long as the word at byte `at` has the expected value, until somebody wakes who waits there
    /// ([`wake_u32`](Self::wake_u32)), in any process that maps the object. Without a timeout, for ever.
    ///
    /// Comparing and falling asleep are one step: who changes the word and wakes then is never missed. To wait takes
    /// no right to write. Whoever makes the object shorter wakes nobody: have a timeout where that may happen.
    ///
    /// ```
    /// use mman::{Anonymous, MapOptions, SharedMut, Wait};
    ///
    /// let memory = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096))?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         memory.store(0, 1_u32)?;
    ///         memory.wake_u32(0, 1)
    ///     });
    ///     while memory.load::<u32>(0)? == 0 {
    ///         memory.wait_u32(0, 0, None)?;
    ///     }
    ///     assert_eq!(memory.wait_u32(0, 0, None)?, Wait::Changed);
    ///     Ok::<(), mman::Error>(())
    /// })?;
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for a word that is not inside, or not at a multiple of four; [`Cause::Truncated`] where
    /// nothing is there any more. See [FUTEX_WAIT(2const)](https://man7.org/linux/man-pages/man2/FUTEX_WAIT.2const.html).
    pub fn wait_u32(&self, at: usize, expected: u32, timeout: Option<Duration>) -> Result<Wait> {
        // A time that no clock reaches is none.
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = timeout.filter(|_| end.is_some());
        loop {
            if let Some(ended) = self.wait_once(at, expected, left)? {
                return Ok(ended);
            }
            left = end.map(|end| end.saturating_duration_since(Instant::now()));
        }
    }

    /// `None` where a signal came.
    pub(crate) fn wait_once(
        &self,
        at: usize,
        expected: u32,
        timeout: Option<Duration>,
    ) -> Result<Option<Wait>> {
        let time = timeout.map(timespec);
        let waited = self
            .guarded
            .on_word(Operation::Wait, at, |word| futex_wait(word, expected, time.as_ref()));
        match waited? {
            Ok(()) => Ok(Some(Wait::Woken)),
            Err(Errno::EAGAIN) => Ok(Some(Wait::Changed)),
            Err(Errno::ETIMEDOUT) => Ok(Some(Wait::TimedOut)),
            Err(Errno::EINTR) => Ok(None),
            Err(errno) => Err(self.guarded.no_word(Operation::Wait, at, errno)),
        }
    }

    /// Wakes at most so many who wait on the word at byte `at`, in any process, and answers how many.
    ///
    /// # Errors
    ///
    /// Those of [`wait_u32`](Self::wait_u32).
    /// See [FUTEX_WAKE(2const)](https://man7.org/linux/man-pages/man2/FUTEX_WAKE.2const.html).
    pub fn wake_u32(&self, at: usize, count: u32) -> Result<usize> {
        let woken = self.guarded.on_word(Operation::Wake, at, |word| futex_wake(word, count));
        woken?.map_err(|errno| self.guarded.no_word(Operation::Wake, at, errno))
    }
}

/// The kernel's seconds: as many as it has.
fn timespec(time: Duration) -> Timespec {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: time.subsec_nanos().into() }
}

const WORD: usize = size_of::<u32>();

impl Guarded {
    /// Lets a call look at a word. Where it was lost, zeros of our own may stand there, which nobody else wakes.
    fn on_word<T>(
        &self,
        operation: Operation,
        at: usize,
        call: impl Fn(*const u32) -> T,
    ) -> Result<T> {
        let range: Range<usize> = self.place(operation, at, WORD)?;
        self.aligned::<u32>(operation, at)?;
        if let Some(error) = self.lost(operation, &range) {
            return Err(error);
        }
        Ok(call(self.pointer(at).cast()))
    }

    #[cold]
    fn no_word(&self, operation: Operation, at: usize, errno: Errno) -> Error {
        let error = Error::kernel(operation, self.mapping().kind(), errno);
        let error = error.on(at as u64, WORD as u64);
        match errno {
            Errno::EFAULT => error.because(Cause::Truncated { at: at as u64 }),
            _ => error,
        }
    }
}
