//! Random arguments for the methods: numbers, ranges, options, objects, paths.

use crate::{Files, any};
use mman::{
    Anonymous, Discard, FileObject, Growth, Hint, HugePageSize, MapOptions, MemoryObject, PageSize,
    Protection,
};
use mman_testkit::page;
use std::fs::File;
use std::io::SeekFrom;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the random numbers come from (SplitMix64), and what is made of them.
pub(crate) struct Dice {
    pub(crate) state: u64,
    pub(crate) files: Arc<Files>,
    pub(crate) sink: PathBuf,
}

impl Dice {
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.number() as u8
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(crate) fn at(&mut self) -> usize {
        match self.below(16) {
            0 => usize::MAX - self.below(2 * page()),
            1 => isize::MAX as usize - page() + self.below(2 * page()),
            2 => self.number() as usize,
            3..8 => self.boundary().wrapping_sub(2).wrapping_add(self.below(5)),
            _ => self.below(24 * page()),
        }
    }

    pub(crate) fn word(&mut self) -> usize {
        self.at() & !7
    }

    pub(crate) fn boundary(&mut self) -> usize {
        self.below(24) * page()
    }

    /// Small, or more than there can be.
    pub(crate) fn len(&mut self) -> usize {
        match self.below(12) {
            0 => usize::MAX - self.below(page()),
            1 => 1 << (60 + self.below(4)),
            2 => 0,
            3..8 => self.boundary(),
            _ => self.below(24 * page()),
        }
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let len = if self.one_in(3) { self.below(8 * page()) } else { self.below(40) };
        vec![self.byte(); len]
    }

    pub(crate) fn bound(&mut self) -> Bound<usize> {
        let at = if self.one_in(2) { self.boundary() } else { self.at() };
        match self.below(4) {
            0 => Bound::Unbounded,
            1 => Bound::Included(at),
            _ => Bound::Excluded(at),
        }
    }

    pub(crate) fn bounds(&mut self) -> (Bound<usize>, Bound<usize>) {
        match self.below(3) {
            0 => (Bound::Unbounded, self.bound()),
            1 => (Bound::Included(self.boundary()), Bound::Unbounded),
            _ => (self.bound(), self.bound()),
        }
    }

    pub(crate) fn seek(&mut self) -> SeekFrom {
        match self.below(3) {
            0 => SeekFrom::Start(self.at() as u64),
            1 => SeekFrom::Current(self.at().cast_signed() as i64),
            _ => SeekFrom::End(-(self.below(24 * page()).cast_signed() as i64)),
        }
    }

    pub(crate) fn protection(&mut self) -> Protection {
        let all = [Protection::NONE, Protection::READ, Protection::WRITE, Protection::EXEC];
        self.pick(&all) | self.pick(&all) | self.pick(&all)
    }

    pub(crate) fn growth(&mut self) -> Growth {
        self.pick(&[Growth::InPlace, Growth::MayMove])
    }

    pub(crate) fn discard(&mut self) -> Discard {
        self.pick(&[Discard::Now, Discard::NowLocked, Discard::WhenNeeded, Discard::FromObject])
    }

    pub(crate) fn sync(&mut self) -> mman::Sync {
        let rare = if self.one_in(20) { mman::Sync::Data } else { mman::Sync::Async };
        self.pick(&[rare, mman::Sync::Async, mman::Sync::Invalidate])
    }

    pub(crate) fn hint(&mut self) -> Hint {
        self.pick(&[
            Hint::Normal,
            Hint::Random,
            Hint::Sequential,
            Hint::WillNeed,
            Hint::PopulateRead,
            Hint::PopulateWrite,
            Hint::Cold,
            Hint::PageOut,
            Hint::HugePages,
            Hint::NoHugePages,
            Hint::Collapse,
            Hint::Mergeable,
            Hint::Unmergeable,
            Hint::NoDump,
            Hint::Dump,
        ])
    }

    /// All that can be done to pages that are lent.
    pub(crate) fn lent(&mut self, pages: &mman::Pages<'_>) {
        match self.below(3) {
            0 => any(pages.advise(self.bounds(), self.hint())),
            1 => any(pages.sync(self.bounds(), self.sync())),
            _ => any((pages.count(), pages.page_size())),
        }
    }

    pub(crate) fn sink(&mut self) -> File {
        File::create(&self.sink).unwrap()
    }

    pub(crate) fn path(&mut self) -> PathBuf {
        let others = ["/proc/self/maps", "/proc/self/status", "/dev/zero", "/dev/null", "/dev/shm"];
        let sys = "/sys/kernel/mm/transparent_hugepage/enabled";
        match self.below(20) {
            0 => PathBuf::from(self.pick(&others)),
            1 => PathBuf::from(sys),
            2 => self.files.fifo.clone(),
            _ => {
                let files = Arc::clone(&self.files);
                files.paths[self.below(files.paths.len())].clone()
            }
        }
    }

    pub(crate) fn object(&mut self) -> Box<dyn MemoryObject> {
        let path = self.path();
        match self.below(4) {
            0 => Box::new(Anonymous::new(self.len())),
            1 => FileObject::open(&path).map_or_else(|_| nothing(), |file| Box::new(file)),
            _ => {
                FileObject::open_read_write(&path).map_or_else(|_| nothing(), |file| Box::new(file))
            }
        }
    }

    pub(crate) fn options(&mut self) -> MapOptions {
        let kinds = [MapOptions::shared(), MapOptions::private(), MapOptions::shared()];
        let droppable = self.one_in(20);
        let mut options = if droppable { MapOptions::droppable() } else { self.pick(&kinds) };
        if self.one_in(2) {
            let (start, end) = self.bounds();
            let wide = |bound: Bound<usize>| bound.map(|at| at as u64);
            options = options.range((wide(start), wide(end)));
        }
        for _ in 0..self.below(4) {
            options = self.option(options);
        }
        options
    }

    pub(crate) fn option(&mut self, options: MapOptions) -> MapOptions {
        let page_size = PageSize::new(1 << self.below(21)).unwrap(); // none that a pool has
        match self.below(15) {
            0..3 => options.past_end(),
            3 => options.validate(),
            4 => options.protection(self.protection()),
            5 => options.read_write(),
            6 => options.populate(),
            7 => options.locked(),
            8 => options.no_reserve(),
            9 => options.stack(),
            10 => options.grows_down(),
            11 => options.near(self.number() as usize >> (17 + self.below(20))),
            12 => options.at(self.number() as usize >> (17 + self.below(8)) & !(page() - 1)),
            13 => options.in_low_2_gib(),
            _ if self.one_in(3) => options.huge_pages(HugePageSize::new(page_size)),
            _ if self.one_in(2) => options.dax_sync(),
            _ => options.above_4_gib(),
        }
    }
}

fn nothing() -> Box<dyn MemoryObject> {
    Box::new(Anonymous::new(0))
}
