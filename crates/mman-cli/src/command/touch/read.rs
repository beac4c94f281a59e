//! Asking the kernel to read, and waiting until it has.

use mman::{FileAdvice, PageSize};
use rustix::fs::{OFlags, sendfile};
use rustix::io::Errno;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

/// After so many pages that cannot be read no more of the file is tried: each may take seconds.
const BAD_PAGES: u64 = 8;

/// Asks for bytes in pieces that the kernel heeds whole.
pub(super) fn ask(file: &File, range: &Range<u64>, window: u64) -> mman::Result<()> {
    let mut start = range.start;
    while start < range.end {
        let end = start.saturating_add(window).min(range.end);
        FileAdvice::WillNeed.tell(file, start..end)?;
        start = end;
    }
    Ok(())
}

/// What could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bad {
    /// How many pages.
    pub(super) pages: u64,
    /// The first of them begins here, and this is why.
    pub(super) first: Option<(u64, Errno)>,
}

impl Bad {
    pub(super) fn add(&mut self, at: u64, errno: Errno) {
        self.pages = self.pages.saturating_add(1);
        self.first = self.first.or(Some((at, errno)));
    }

    /// Whether it makes no sense to go on.
    pub(super) const fn is_enough(&self) -> bool {
        self.pages >= BAD_PAGES
    }
}

/// Waits for bytes by having them sent nowhere: the kernel hands on pages that are there, and copies none.
#[derive(Debug)]
pub(super) struct Waiting(Option<File>);

impl Waiting {
    pub(super) fn new() -> Self {
        let flags = i32::try_from(OFlags::CLOEXEC.bits()).unwrap_or(0);
        Self(File::options().write(true).custom_flags(flags).open("/dev/null").ok())
    }

    /// Waits until these bytes have been read, or could not be; what was not asked for before is read now. A file that
    /// has become shorter ends sooner.
    pub(super) fn wait(&self, file: &File, range: &Range<u64>, bad: &mut Bad) {
        let page = PageSize::base().bytes() as u64;
        let mut at = range.start;
        while at < range.end && !bad.is_enough() {
            let len = range.end.saturating_sub(at);
            match self.pass(file, &mut at, len) {
                Ok(0) => return,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => {
                    bad.add(at & !page.wrapping_sub(1), errno);
                    at = at.saturating_add(1).next_multiple_of(page);
                }
            }
        }
    }

    fn pass(&self, file: &File, at: &mut u64, len: u64) -> Result<u64, Errno> {
        /// More than this in one call would keep an interrupt waiting.
        const MOST: u64 = 8 << 20;
        if let Some(nowhere) = &self.0 {
            let len = usize::try_from(len.min(MOST)).unwrap_or(usize::MAX);
            match sendfile(nowhere, file, Some(at), len) {
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                answer => return answer.map(|sent| sent as u64),
            }
        }
        // A file system that hands on no pages.
        let mut bytes = [0; 1 << 14];
        let room = usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len());
        let bytes = bytes.get_mut(..room).unwrap_or_default();
        let read = file.read_at(bytes, *at);
        let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let read = read.map_err(errno)? as u64;
        *at = at.saturating_add(read);
        Ok(read)
    }
}
