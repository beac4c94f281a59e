//! Pages made ready before writers come to them: one call in place of a fault for each.
//!
//! A fresh page of a file costs two microseconds when it is first written to, and 32 records of 128 bytes share them.
//! While a log is written fast and not synced, blocks of 2 MiB are asked for as one page of the file's cache, which
//! one fault maps: a quarter of the cost. Such a page would be written to the device as a whole, and be made writable as
//! a whole after it, for a few bytes that were changed: so a log that is synced, or written slowly, has small ones.

use super::segment::{Segment, WINDOW};
use super::format::place;
use crate::advise::Hint;
use crate::error::Result;
use crate::pages::populate::Populate;
use core::time::Duration;
use std::sync::Mutex;
use std::time::Instant;

/// What one entry of a page table of the second level maps.
const BLOCK: u64 = 2 << 20;
/// How far before a large block is needed it is made.
const LEAD: u64 = 1 << 18;
/// A log is written fast if a block is filled in this time.
const FAST: Duration = Duration::from_millis(250);

/// How far the pages of a file are ready in this process.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// One at a time: others go on meanwhile.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ready: u64,
    /// When the last block was begun, and how much was synced then.
    since: Instant,
    durable: u64,
    is_fast: bool,
}

impl Ahead {
    pub(crate) fn new() -> Self {
        let (ready, since, durable) = (0, Instant::now(), 0);
        Self { state: Mutex::new(State { ready, since, durable, is_fast: false }) }
    }
}

impl Segment {
    /// Makes pages behind `end` ready, unless somebody does. What it cannot do, the faults will.
    pub(crate) fn make_ready(&self, end: u64) -> Result<()> {
        let Ok(mut state) = self.ahead().state.try_lock() else { return Ok(()) };
        state.ready = state.ready.max(end.next_multiple_of(4096));
        loop {
            let ready = state.ready;
            if ready >= end.saturating_add(if state.is_fast { LEAD } else { WINDOW }) {
                return Ok(());
            }
            if ready.is_multiple_of(BLOCK) {
                let durable = self.offset(place::DURABLE)?;
                state.is_fast = durable == state.durable && state.since.elapsed() < FAST;
                (state.since, state.durable) = (Instant::now(), durable);
                let next = ready.saturating_add(BLOCK);
                if state.is_fast && self.populate_block(ready, next) {
                    state.ready = next;
                    continue;
                }
            }
            let next = ready.saturating_add(1).next_multiple_of(WINDOW).min(self.allocated()?);
            if next <= ready {
                return Ok(());
            }
            self.populate(ready, next);
            state.ready = next;
        }
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

    fn populate(&self, start: u64, end: u64) {
        if let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) {
            let _ready = self.view().pages().populate(start..end, Populate::ForWriting);
        }
    }
}
