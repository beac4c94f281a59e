//! Advice about the memory of a process, from outside.
#![expect(unsafe_code, reason = "passes the descriptor of a process that it owns")]

use super::Process;
use super::other::error;
use crate::advise::Hint;
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::page::{PageSize, RangeError};
use core::ops::Range;
use core::ptr::without_provenance_mut;
use mman_sys::{Advice, Errno, IoVec, process_madvise};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Ranges in one call (`UIO_MAXIOV`).
const RANGES: usize = 1024;
/// No part of a range crosses a multiple of this: a call takes less than 2 GiB in all.
const PART: usize = 1 << 30;
/// `MAX_RW_COUNT` for pages of up to 64 KiB: what a call takes; it cuts off the rest and does not say so.
const BYTES: usize = (1 << 31) - (64 << 10);
/// Of a longer range only what is mapped is tried: the whole address space has more parts than anybody can wait for.
const MOSTLY_MAPPED: usize = 1 << 40;

impl Process {
    /// Tells the kernel about ranges of the process's memory: [`Hint::Cold`], [`Hint::PageOut`],
    /// [`Hint::WillNeed`] or [`Hint::Collapse`], which change no byte. The ranges are addresses of that process,
    /// rounded outwards to pages. Answers how many bytes were advised.
    /// [process_madvise(2)](https://man7.org/linux/man-pages/man2/process_madvise.2.html)
    ///
    /// The process runs on meanwhile and may unmap what it likes, so a hole stops nothing: of a range with a
    /// hole the mapped pages are advised all the same, but the answer does not count it (beyond 1 GiB: not that
    /// GiB of it). An address that no process can have, as that of `[vsyscall]`, is a hole too. Of a range of more
    /// than 1 TiB only what [`maps`](Self::maps) tells is tried, so all addresses may be one range. Anything else
    /// stops at the range that the error tells ([`Error::range`]); what came before is advised.
    ///
    /// # Errors
    ///
    /// [`Cause::HintForItself`] for any other hint; [`Cause::NotPermitted`] (`EACCES`, `EPERM`): it takes the
    /// right to look into the process, and for one that is not ourselves `CAP_SYS_NICE`; [`Cause::NoProcess`];
    /// `EINVAL` where a range is of memory that cannot be advised so (locked, of the huge page pool, of a
    /// device); `EBADF` for `WillNeed` on memory without a file where there is no swap; with `Collapse`
    /// `EAGAIN`, `EBUSY`, `EINVAL`; `ENOSYS` before 5.10.
    pub fn advise(
        &self,
        ranges: impl IntoIterator<Item = Range<usize>>,
        about: Hint,
    ) -> Result<usize> {
        let advice = match about {
            Hint::Cold => Advice::COLD,
            Hint::PageOut => Advice::PAGEOUT,
            Hint::WillNeed => Advice::WILLNEED,
            Hint::Collapse => Advice::COLLAPSE,
            _ => return Err(refused(Cause::HintForItself)),
        };
        self.with_pidfd(|pidfd| {
            let mut batch =
                Batch { process: self, pidfd, advice, parts: Vec::new(), bytes: 0, advised: 0 };
            for range in ranges {
                batch.add(range)?;
            }
            batch.flush()?;
            Ok(batch.advised)
        })
    }
}

fn refused(cause: Cause) -> Error {
    Error::new(Operation::Advise, ObjectKind::Process, cause)
}

/// Parts of ranges that wait for the next call.
struct Batch<'process> {
    process: &'process Process,
    pidfd: BorrowedFd<'process>,
    advice: Advice,
    parts: Vec<Range<usize>>,
    /// How many bytes they are.
    bytes: usize,
    advised: usize,
}

impl Batch<'_> {
    /// Adds a range, in parts.
    fn add(&mut self, range: Range<usize>) -> Result<()> {
        if range.start > range.end {
            let (start, end) = (range.start as u64, range.end as u64);
            return Err(refused(Cause::Range(RangeError::Backwards { start, end })));
        }
        if range.is_empty() {
            return Ok(());
        }
        let page = PageSize::base();
        let overflow = || refused(Cause::Range(RangeError::Overflow));
        let end = page.round_up(range.end).ok_or_else(overflow)?;
        let start = page.round_down(range.start);
        if end.saturating_sub(start) <= MOSTLY_MAPPED {
            return self.add_parts(start..end);
        }
        for entry in self.process.maps()? {
            let there = entry?.addresses();
            self.add_parts(there.start.max(start)..there.end.min(end))?;
        }
        Ok(())
    }

    /// Adds whole pages in parts that the kernel takes.
    fn add_parts(&mut self, range: Range<usize>) -> Result<()> {
        let Range { mut start, end } = range;
        while start < end {
            let border = (start | (PART.wrapping_sub(1))).checked_add(1);
            let stop = border.map_or(end, |border| border.min(end));
            self.add_part(start..stop)?;
            start = stop;
        }
        Ok(())
    }

    fn add_part(&mut self, part: Range<usize>) -> Result<()> {
        if self.parts.len() >= RANGES || self.bytes.saturating_add(part.len()) > BYTES {
            self.flush()?;
        }
        self.bytes = self.bytes.saturating_add(part.len());
        self.parts.push(part);
        Ok(())
    }

    /// Makes calls until every part was advised or passed over.
    fn flush(&mut self) -> Result<()> {
        let vectors: Vec<IoVec> = self.parts.iter().map(vector).collect();
        let (mut done, mut at_once) = (0, RANGES);
        while let Some(part) = self.parts.get(done) {
            let rest = vectors.get(done..).unwrap_or_default();
            let rest = rest.get(..at_once).unwrap_or(rest);
            // SAFETY: the descriptor is open and the list can be read. The advice is one of four that change
            // no byte and take no access, whoever has the memory.
            let answer = unsafe {
                process_madvise(self.pidfd.as_raw_fd(), rest.as_ptr(), rest.len(), self.advice, 0)
            };
            match answer {
                // The kernel counts whole parts. What stopped it is told when the next call begins there.
                Ok(bytes) => {
                    let passed = self.parts_in(done, bytes);
                    self.advised = self.advised.saturating_add(bytes);
                    done = done.saturating_add(passed.max(1));
                }
                Err(Errno::ENOMEM) => done = done.saturating_add(1),
                // One of the list is an address that no process has: the kernel looks at none of them then.
                Err(Errno::EFAULT) if rest.len() > 1 => at_once = 1,
                Err(Errno::EFAULT) => done = done.saturating_add(1),
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    let failed = error(Operation::Advise, errno);
                    return Err(failed.on(part.start as u64, part.len() as u64));
                }
            }
        }
        self.parts.clear();
        self.bytes = 0;
        Ok(())
    }

    /// How many parts from the `first` on are these bytes.
    fn parts_in(&self, first: usize, bytes: usize) -> usize {
        let mut left = bytes;
        let parts = self.parts.get(first..).unwrap_or_default();
        let whole = parts.iter().take_while(|part| match left.checked_sub(part.len()) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        });
        whole.count()
    }
}

fn vector(part: &Range<usize>) -> IoVec {
    IoVec { iov_base: without_provenance_mut(part.start), iov_len: part.len() as _ }
}
