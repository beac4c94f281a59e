//! The time of a record. A clock costs as much as a third of an append, so that who appends very fast shares readings.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// So many records of a tick are stamped exactly,
const EXACT: u32 = 64;
/// and behind them so many share one reading.
const SHARED: u32 = 16;

/// Nanoseconds since 1970; 0 for a clock that is before it.
#[inline]
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// The clock of who appends one record after the other.
///
/// Whether the kernel's tick (1 to 10 ms) is still the same costs a quarter of what the time costs. The records of a
/// tick are stamped exactly as long as they are few: a program that writes less than 16,000 a second is always told
/// the time. Of one that writes more, up to 16 records in a row have the time of the first of them, which is no further
/// back than a tick.
#[derive(Debug)]
pub(crate) struct Clock {
    tick: Timespec,
    /// Records of this tick.
    count: u32,
    time: u64,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { tick: Timespec { tv_sec: 0, tv_nsec: 0 }, count: 0, time: 0 }
    }

    #[inline]
    pub(crate) fn now(&mut self) -> u64 {
        let tick = clock_gettime(ClockId::RealtimeCoarse);
        if tick != self.tick {
            (self.tick, self.count) = (tick, 0);
        }
        if self.count < EXACT || self.count.is_multiple_of(SHARED) {
            self.time = now();
        }
        self.count = self.count.wrapping_add(1);
        self.time
    }
}
