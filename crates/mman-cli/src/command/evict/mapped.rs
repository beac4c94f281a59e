//! `--force-mapped`: paging files out of the processes that map them, and dropping them then.

use super::drop::Tally;
use super::left;
use crate::interrupt::Interrupt;
use crate::processes::{Holders, Part};
use mman::process::Process;
use mman::{Cause, FileAdvice, Hint};
use std::ops::Range;

/// Pages out what is left of the files.
pub(super) fn page_out(tally: &mut Tally, holders: &Holders, interrupt: &Interrupt) {
    let mut failures = Vec::new();
    for holder in &holders.processes {
        for held in &holder.held {
            let Some(left) = tally.left.iter().find(|left| left.id == held.file) else { continue };
            if interrupt.is_set() {
                return;
            }
            let parts = held.parts.iter().filter_map(|part| within(part, &left.bytes));
            let told = Process::open(holder.about.pid)
                .and_then(|process| process.advise(parts, Hint::PageOut));
            match told {
                Ok(_) => {}
                // What is locked stays, and is told; who has ended holds nothing.
                Err(error) if error.errno() == Some(mman::Errno::EINVAL) => {}
                Err(error) if error.cause() == Cause::NoProcess => {}
                Err(error) => failures.push(format!("{}: {error}", holder.about.label())),
            }
        }
    }
    tally.failures.extend(failures);
    for one in &mut tally.left {
        let Some(file) = left::open_again(one) else { continue };
        if let Err(error) = FileAdvice::DontNeed.tell(&file, one.bytes.clone()) {
            tally.failures.insert(format!("{}: {error}", one.path.display()));
        }
        left::count_again(one, &file);
    }
    tally.left.retain(|left| left.now.cached > 0);
}

/// The addresses of a mapping that are of these bytes of the file.
fn within(part: &Part, bytes: &Range<u64>) -> Option<Range<usize>> {
    let len = part.addresses.len() as u64;
    let start = bytes.start.saturating_sub(part.offset).min(len);
    let end = bytes.end.saturating_sub(part.offset).min(len);
    let address = |at: u64| Some(part.addresses.start.saturating_add(usize::try_from(at).ok()?));
    (start < end).then_some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_bytes() {
        let part = Part { addresses: 0x10_000..0x14_000, offset: 0x1000 };
        assert_eq!(within(&part, &(0..u64::MAX)), Some(0x10_000..0x14_000));
        assert_eq!(within(&part, &(0x2000..0x3000)), Some(0x11_000..0x12_000));
        assert_eq!(within(&part, &(0..0x1000)), None);
        assert_eq!(within(&part, &(0x5000..0x6000)), None);
    }
}
