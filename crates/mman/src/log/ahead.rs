//! Pages made ready before writers come to them: one call in place of a fault for each.
//!
//! A fresh page of a file costs two microseconds when it is first written to, and 32 records of 128 bytes share them.
//! While a log is written fast and not synced, blocks of 2 MiB are asked for as one page of the file's cache, which
//! one fault maps: a quarter of the cost. Such a page would be written to the device as a whole, and be made writable as
//! a whole after it, for a few bytes that were changed: so a log that is synced, or written slowly, has small ones.

use super::format::place;
use super::segment::{Segment, WINDOW};
use crate::advise::Hint;
use crate::error::Result;
use crate::pages::populate::Populate;
use core::time::Duration;
use std::sync::Mutex;
use std::time::Instant;

/// What one entry of a page table of the second level maps.
const BLOCK: u64 = 2 << 20;
/// How far before they are needed pages are made ready, at most.
const LEAD: u64 = 1 << 18;
/// A log of which a MiB is filled in less time is written fast.
const FAST: Duration = Duration::from_millis(125);

/// How far the pages of a file are ready in this process.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// One at a time: others go on meanwhile.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Up to here.
    ready: u64,
    /// So many bytes were made ready the last time: twice as many each time while the log is written fast.
    step: u64,
    /// When that was, and how much was synced then.
    since: Instant,
    durable: u64,
    /// Where the last large page ends, and where the last one that was divided begins.
    large: u64,
    divided: u64,
}

impl Ahead {
    pub(crate) fn new() -> Self {
        let (step, since) = (WINDOW, Instant::now());
        let state = State { ready: 0, step, since, durable: 0, large: 0, divided: 0 };
        Self { state: Mutex::new(state) }
    }
}

impl Segment {
    /// Makes pages behind `end` ready, unless somebody does. What it cannot do, the faults will.
    #[cold]
    pub(crate) fn make_ready(&self, end: u64) -> Result<()> {
        let Ok(mut state) = self.ahead().state.try_lock() else { return Ok(()) };
        state.ready = state.ready.max(end.next_multiple_of(4096));
        while state.ready < end.saturating_add(state.step.min(LEAD)) {
            let ready = state.ready;
            state.step = self.next_step(&mut state)?;
            let next = ready.saturating_add(1).next_multiple_of(state.step);
            let is_block = state.step == BLOCK && ready.is_multiple_of(BLOCK);
            let next = if is_block && self.populate_block(ready, next) {
                state.large = next;
                next
            } else {
                self.populate_pages(ready, next)?
            };
            if next <= ready {
                break;
            }
            state.ready = next;
        }
        Ok(())
    }

    /// How many bytes are to be made ready now.
    fn next_step(&self, state: &mut State) -> Result<u64> {
        let durable = self.offset(place::DURABLE)?;
        let taken = state.since.elapsed().as_nanos();
        let limit = FAST.as_nanos().saturating_mul(u128::from(state.step)) >> 20;
        let is_fast = durable == state.durable && taken < limit;
        (state.since, state.durable) = (Instant::now(), durable);
        Ok(if is_fast { state.step.saturating_mul(2).min(BLOCK) } else { WINDOW })
    }

    /// One large page; whether it was tried.
    fn populate_block(&self, start: u64, end: u64) -> bool {
        let (Ok(first), Ok(last)) = (usize::try_from(start), usize::try_from(end)) else {
            return false;
        };
        let address = self.view().as_ptr().addr().wrapping_add(first);
        if !(address as u64).is_multiple_of(BLOCK) || self.grow(end).is_err() {
            return false;
        }
        let asked = self.view().pages().advise(first..last, Hint::HugePages);
        if asked.is_ok() {
            self.populate(start, end);
        }
        asked.is_ok()
    }

    /// After a sync: the large page that is written to next is wanted in small ones. To say of a part of it that it is
    /// not used makes the kernel divide it, unless another process has it mapped.
    pub(crate) fn divide(&self, at: u64) {
        let Ok(mut state) = self.ahead().state.try_lock() else { return };
        let block = at & !(BLOCK - 1);
        if at < state.large
            && block != state.divided
            && let Ok(page) = usize::try_from(at & !4095)
        {
            (state.step, state.divided) = (WINDOW, block);
            let part = page..page.saturating_add(4096);
            let _only_slower = self.view().pages().advise(part, Hint::Cold);
        }
    }

    /// Small pages, as far as the file goes.
    fn populate_pages(&self, start: u64, end: u64) -> Result<u64> {
        let end = end.min(self.allocated()?);
        if start < end {
            self.populate(start, end);
        }
        Ok(end)
    }

    fn populate(&self, start: u64, end: u64) {
        if let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) {
            let _ready = self.view().pages().populate(start..end, Populate::ForWriting);
        }
    }
}
