//! At most so many bytes, and at most so many a second.

use crate::interrupt::Interrupt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many bytes may still be read.
#[derive(Debug)]
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) const fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// Takes as much of it as there is, in units of a page, up to what is wanted.
    pub(super) fn take(&self, wanted: u64, page: u64) -> u64 {
        let got = |left: u64| wanted.min(left & !page.wrapping_sub(1));
        let take = |left: u64| left.checked_sub(got(left));
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        got(before.unwrap_or(0))
    }
}

/// How fast may be read.
#[derive(Debug)]
pub(super) struct Pace {
    a_second: u64,
    start: Instant,
    read: AtomicU64,
}

/// A wait is no longer than this, so that an interrupt is heard.
const STEP: Duration = Duration::from_millis(50);

impl Pace {
    pub(super) fn new(a_second: u64) -> Self {
        Self { a_second, start: Instant::now(), read: AtomicU64::new(0) }
    }

    /// How much to read between two waits: a twentieth of a second's.
    pub(super) const fn piece(&self) -> u64 {
        self.a_second / 20
    }

    /// Waits until bytes more may be read, or somebody interrupts.
    pub(super) fn wait(&self, bytes: u64, interrupt: &Interrupt) {
        let before = self.read.fetch_add(bytes, Ordering::Relaxed);
        let after = u128::from(before.saturating_add(bytes));
        let nanoseconds =
            after.saturating_mul(1_000_000_000).checked_div(self.a_second.into()).unwrap_or(0);
        let due = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        while let Some(rest) = due.checked_sub(self.start.elapsed()) {
            if rest.is_zero() || interrupt.is_set() {
                return;
            }
            std::thread::sleep(rest.min(STEP));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_given_out_in_pages_and_once() {
        let budget = Budget::new(10_000);
        assert_eq!(budget.take(4096, 4096), 4096);
        assert_eq!(budget.take(1 << 20, 4096), 4096);
        assert_eq!(budget.take(4096, 4096), 0);
    }

    #[test]
    fn a_pace_is_kept() {
        let pace = Pace::new(1 << 20);
        let interrupt = Interrupt::listen();
        for _ in 0..4 {
            pace.wait(1 << 16, &interrupt);
        }
        assert!(pace.start.elapsed() >= Duration::from_millis(240), "{:?}", pace.start.elapsed());
    }
}
