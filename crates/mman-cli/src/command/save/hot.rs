//! `--hot`: which pages were used lately, as the kernel's own lists have it.

use crate::cache::Unknown;
use crate::failure::{Failure, text_of};
use crate::snapshot::look::{Stop, runs};
use mman::{Errno, FileObject, MapOptions, Mapping, PageSize, Shared};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// A word of the kernel for each page of the machine.
/// [kernel](https://docs.kernel.org/admin-guide/mm/pagemap.html)
const FLAGS: &str = "/proc/kpageflags";
/// A word for each page of ours: where in the machine it is.
const PLACES: &str = "/proc/self/pagemap";

/// Bits of `kpageflags`: read since it was looked at last; on the list of pages in use.
const REFERENCED: u64 = 1 << 2;
const ACTIVE: u64 = 1 << 6;
/// Bits of `pagemap`: present; and where.
const PRESENT: u64 = 1 << 63;
const PLACE: u64 = (1 << 55) - 1;

/// So much is mapped at once.
const WINDOW: u64 = 4 << 20;
/// Bytes of a word.
const WORD: u64 = 8;

/// What tells which pages were used lately.
#[derive(Debug)]
pub(super) struct Hot {
    flags: File,
    places: File,
}

impl Hot {
    /// Opens it; one line where the kernel, or the lack of rights, forbids that.
    pub(super) fn new() -> Result<Self, Failure> {
        let open = |path: &str| {
            File::open(path).map_err(|error| {
                Failure::line(format!("--hot reads {path}, which needs root: {}", text_of(&error)))
            })
        };
        let hot = Self { flags: open(FLAGS)?, places: open(PLACES)? };
        // Without the right to see where pages are, all of them are said to be at 0.
        let probe = hot
            .probe()
            .map_err(|error| Failure::line(format!("--hot reads {PLACES}: {}", text_of(&error))))?;
        if probe & PLACE == 0 {
            return Err(Failure::line(
                "--hot needs root: the kernel does not tell where pages are",
            ));
        }
        Ok(hot)
    }

    fn probe(&self) -> io::Result<u64> {
        let word = Box::new(1_u64);
        let address = std::ptr::from_ref(&*word).addr();
        let page = PageSize::base();
        let mut bytes = [0; 8];
        let at = (address as u64 >> page.log2()).saturating_mul(WORD);
        self.places.read_exact_at(&mut bytes, at)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// As [`runs`](crate::snapshot::look::runs), of pages that were used lately.
    pub(super) fn runs(
        &self,
        file: &File,
        size: u64,
        each: &mut impl FnMut(Range<u64>) -> io::Result<()>,
    ) -> Result<(), Stop> {
        let step = WINDOW >> PageSize::base().log2();
        // What ends it is kept aside: within, only errors of the writer are.
        let mut unknown = None;
        runs(file, size, &mut |run: Range<u64>| {
            let mut start = run.start;
            while start < run.end && unknown.is_none() {
                let end = start.saturating_add(step).min(run.end);
                match self.window(file, start..end, each) {
                    Err(Stop::Told(error)) => return Err(error),
                    Err(Stop::Unknown(why)) => unknown = Some(why),
                    Ok(()) => {}
                }
                start = end;
            }
            Ok(())
        })?;
        unknown.map_or(Ok(()), |why| Err(Stop::Unknown(why)))
    }

    /// Pages that are in memory are mapped, to see where they are, by touching them: populating them would count as a
    /// use. So would unmapping them, but where accesses are random (`MADV_RANDOM`).
    fn window(
        &self,
        file: &File,
        pages: Range<u64>,
        each: &mut impl FnMut(Range<u64>) -> io::Result<()>,
    ) -> Result<(), Stop> {
        let unknown = |error: &mman::Error| {
            Stop::Unknown(error.errno().map_or(Unknown::NotCounted, Unknown::Error))
        };
        let told = |error: &io::Error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            Stop::Unknown(Unknown::Error(errno))
        };
        let log2 = PageSize::base().log2();
        let object = FileObject::new(file).map_err(|error| unknown(&error))?;
        let bytes = pages.start << log2..pages.end << log2;
        let options = MapOptions::shared().range(bytes).past_end().random_access();
        let view = Shared::map(&options, &object).map_err(|error| unknown(&error))?;
        for page in 0..pages.end.saturating_sub(pages.start) {
            // What is gone by now, past the end of a shorter file, is not there: then it is not hot.
            let _touched_or_gone = usize::try_from(page << log2).map(|at| view.load::<u8>(at));
        }
        let mapping = view.into_mapping().map_err(|refused| unknown(&refused.error))?;
        let places = self.places(&mapping).map_err(|error| told(&error))?;
        for (page, place) in pages.zip(places) {
            if place & PRESENT == 0 {
                continue;
            }
            let mut flags = [0; 8];
            let at = (place & PLACE).saturating_mul(WORD);
            self.flags.read_exact_at(&mut flags, at).map_err(|error| told(&error))?;
            if u64::from_ne_bytes(flags) & (REFERENCED | ACTIVE) != 0 {
                each(page..page.saturating_add(1))?;
            }
        }
        Ok(())
    }

    /// Where each page of a mapping is.
    fn places(&self, mapping: &Mapping) -> io::Result<Vec<u64>> {
        let log2 = PageSize::base().log2();
        let mut bytes = vec![0; (mapping.mapped_len() >> log2).saturating_mul(8)];
        let first = mapping.as_ptr().addr() as u64 >> log2;
        self.places.read_exact_at(&mut bytes, first.saturating_mul(WORD))?;
        let (words, _) = bytes.as_chunks();
        Ok(words.iter().map(|word| u64::from_ne_bytes(*word)).collect())
    }
}
