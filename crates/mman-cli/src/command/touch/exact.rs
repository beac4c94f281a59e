//! Just these bytes, in order: for a range, a budget, a rate, and where a file cannot be populated.

use super::Run;
use super::large::missing;
use super::read::{self, Bad};
use super::tally::Work;
use crate::output::units::pages;
use mman::FileAdvice;
use std::fs::File;
use std::ops::Range;

/// Reads in what is missing of these bytes, as far as the budget goes. Answers how many bytes it did not reach.
pub(super) fn read_in(
    run: &Run,
    (file, window): (&File, u64),
    work: &Work,
    from: u64,
    bad: &mut Bad,
) -> mman::Result<u64> {
    // No read-ahead of its own, which would go further.
    FileAdvice::Random.tell(file, ..)?;
    let piece = run.pace.as_ref().map_or(window, |pace| pace.piece().min(window));
    let piece = piece.next_multiple_of(pages(1)).max(pages(1));
    let mut beyond = 0_u64;
    let mut start = from;
    while start < work.bytes.end && !run.interrupt.is_set() && !bad.is_enough() {
        let end = start.saturating_add(piece).min(work.bytes.end);
        let wanted = missing(file, start..end);
        let granted = run.budget.as_ref().map_or(wanted, |budget| {
            budget.take(wanted.next_multiple_of(pages(1)), pages(1)).min(wanted)
        });
        if granted == wanted {
            one_piece(run, (file, window), start..end, wanted, bad)?;
        } else {
            page_by_page(run, (file, window), start..end, granted, bad)?;
            beyond = beyond.saturating_add(wanted.saturating_sub(granted));
        }
        start = end;
    }
    Ok(beyond)
}

fn one_piece(
    run: &Run,
    (file, window): (&File, u64),
    piece: Range<u64>,
    wanted: u64,
    bad: &mut Bad,
) -> mman::Result<()> {
    if wanted == 0 {
        return Ok(());
    }
    if let Some(pace) = &run.pace {
        pace.wait(wanted, &run.interrupt);
        if run.interrupt.is_set() {
            return Ok(());
        }
    }
    read::ask(file, &piece, window)?;
    if !run.no_wait {
        run.waiting.wait(file, &piece, bad);
    }
    run.progress.add(wanted);
    Ok(())
}

/// The first pages that are missing, until so many bytes have been read.
fn page_by_page(
    run: &Run,
    (file, window): (&File, u64),
    piece: Range<u64>,
    granted: u64,
    bad: &mut Bad,
) -> mman::Result<()> {
    let mut left = granted;
    let mut start = piece.start;
    while start < piece.end && left > 0 {
        let end = start.saturating_add(pages(1)).min(piece.end);
        let wanted = missing(file, start..end);
        one_piece(run, (file, window), start..end, wanted, bad)?;
        left = left.saturating_sub(wanted);
        start = end;
    }
    Ok(())
}
