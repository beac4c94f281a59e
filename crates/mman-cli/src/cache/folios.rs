//! In which pieces the cache holds a file: folios of one page and larger. (`Documentation/admin-guide/mm/pagemap.rst`)
//!
//! The resident pages are mapped, and the kernel is asked for their frames and the flags of those. It tells root only.

use crate::select::Found;
use mman::{MapOptions, PageSize, Populate};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// How much of a file is mapped at once.
const WINDOW: u64 = 64 << 20;

/// How many pages are asked about at once.
const PIECE: usize = 1024;

/// A page is present in a mapping (bit 63 of its entry), and where (bits 0 to 54).
const PRESENT: u64 = 1 << 63;
const FRAME: u64 = (1 << 55) - 1;

/// The first and the further pages of a folio (`KPF_COMPOUND_HEAD`, `KPF_COMPOUND_TAIL`).
const HEAD: u64 = 1 << 15;
const TAIL: u64 = 1 << 16;

/// How many folios of which size, in pages.
pub(crate) type Sizes = BTreeMap<u64, u64>;

/// Asks the kernel. One value serves many files.
#[derive(Debug)]
pub(crate) struct Folios {
    /// Where the pages of this process are.
    frames: File,
    /// What the kernel knows of each frame.
    flags: File,
}

impl Folios {
    /// Opens what the kernel tells root.
    pub(crate) fn open() -> io::Result<Self> {
        let frames = File::open("/proc/self/pagemap")?;
        let folios = Self { frames, flags: File::open("/proc/kpageflags")? };
        Ok(folios)
    }

    /// The folios that hold a range of a file; `None` where the kernel does not tell.
    pub(crate) fn of(&self, found: &Found<'_>, range: &Range<u64>) -> Option<Sizes> {
        let page = PageSize::base().bytes() as u64;
        let mut counter = Counter::default();
        let end = range.end.min(found.size);
        let mut at = range.start & !page.wrapping_sub(1);
        while at < end {
            let next = at.saturating_add(WINDOW).min(end);
            self.window(&found.file, at..next, &mut counter)?;
            at = next;
        }
        counter.end();
        Some(counter.sizes)
    }

    fn window(&self, file: &File, bytes: Range<u64>, counter: &mut Counter) -> Option<()> {
        let object = mman::FileObject::new(file).ok()?;
        // Random: the fault on a page that read-ahead has marked would read further ahead.
        let options = MapOptions::shared().range(bytes).past_end().no_reserve().random_access();
        let mapping = options.map(&object).ok()?;
        let pages = mapping.pages();
        let start = mapping.as_ptr().addr();
        for run in pages.residency(..).ok()?.runs() {
            // Of pages that are there: nothing is read, unless one has gone since.
            if pages.populate(run.clone(), Populate::ForReading).is_ok() {
                let run = start.checked_add(run.start)?..start.checked_add(run.end)?;
                self.run(run, counter)?;
            }
        }
        Some(())
    }

    /// Mapped addresses, one after the other.
    fn run(&self, addresses: Range<usize>, counter: &mut Counter) -> Option<()> {
        let page = PageSize::base().bytes();
        let first = u64::try_from(addresses.start.checked_div(page)?).ok()?;
        let count = addresses.len().div_ceil(page);
        let mut words = Vec::new();
        let mut done = 0;
        while done < count {
            let now = count.saturating_sub(done).min(PIECE);
            let at = first.checked_add(done as u64)?;
            let entries: Vec<u64> = read_words(&self.frames, at, now, &mut words)?.collect();
            // Frame 0 is what the kernel says to who may not know.
            if entries.iter().any(|entry| entry & PRESENT == 0 || entry & FRAME == 0) {
                return None;
            }
            let frames: Vec<u64> = entries.iter().map(|entry| entry & FRAME).collect();
            for row in frames.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
                let flags = read_words(&self.flags, *row.first()?, row.len(), &mut words)?;
                row.iter().zip(flags).for_each(|(frame, flags)| counter.page(*frame, flags));
            }
            done = done.saturating_add(now);
        }
        Some(())
    }
}

/// Words of a file of words, from one of them on.
fn read_words<'buffer>(
    file: &File,
    first: u64,
    count: usize,
    buffer: &'buffer mut Vec<u8>,
) -> Option<impl Iterator<Item = u64> + use<'buffer>> {
    buffer.resize(count.checked_mul(8)?, 0);
    file.read_exact_at(buffer, first.checked_mul(8)?).ok()?;
    let (words, _) = buffer.as_chunks::<8>();
    Some(words.iter().map(|word| u64::from_ne_bytes(*word)))
}

/// Puts pages together again, in the order of the file.
#[derive(Debug, Default)]
struct Counter {
    sizes: Sizes,
    /// The folio that is being seen: how many pages of it, and the last frame.
    open: Option<(u64, u64)>,
}

impl Counter {
    fn page(&mut self, frame: u64, flags: u64) {
        match self.open {
            Some((pages, last)) if flags & TAIL != 0 && last.checked_add(1) == Some(frame) => {
                self.open = Some((pages.saturating_add(1), frame));
            }
            _ => {
                self.end();
                self.open = Some((1, frame));
                if flags & (HEAD | TAIL) == 0 {
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        if let Some((pages, _)) = self.open.take() {
            let count = self.sizes.entry(pages).or_insert(0);
            *count = count.saturating_add(1);
        }
    }
}
