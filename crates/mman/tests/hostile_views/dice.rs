//! Random arguments for the methods: numbers, ranges, options, objects, paths.

use crate::world::Bag;
use crate::{Files, pages, shm_prefix, typed};
use mman::{
    Anonymous, Discard, FileAdvice, FileObject, Growth, Hint, HugePageSize, Immutable, MapOptions,
    MemFd, MemoryObject, Move, NodeSet, NumaPolicy, OnFork, PageSize, Protection, SecretMem,
    ShmObject, Unsealed,
};
use mman_testkit::page;
use std::ffi::OsString;
use std::fs::File;
use std::io::SeekFrom;
use std::ops::Bound;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the random numbers come from (SplitMix64), and what is made of them.
pub(crate) struct Dice {
    pub(crate) state: u64,
    pub(crate) files: Arc<Files>,
    pub(crate) sink: PathBuf,
    /// Throws also what does not live across a fork: memory that a child is not given, or is given as zeros, and pages of
    /// the pool, which a child cannot count on.
    pub(crate) is_odd: bool,
    fds: Bag<OwnedFd>,
}

impl Dice {
    pub(crate) fn new(state: u64, files: Arc<Files>, sink: PathBuf, is_odd: bool) -> Self {
        Self { state, files, sink, is_odd, fds: Bag::new() }
    }

    /// The same for a child, without the descriptors.
    pub(crate) fn child(&self) -> Self {
        Self::new(self.state, Arc::clone(&self.files), self.sink.clone(), self.is_odd)
    }

    /// A descriptor of one of the objects that were given back, or of any.
    pub(crate) fn descriptor(&mut self) -> Option<OwnedFd> {
        if !self.one_in(4) {
            let at = self.below(self.fds.0.len().max(1));
            return self.fds.0.get(at)?.try_clone().ok();
        }
        let (read, write) = (self.one_in(2), self.one_in(2));
        Some(match self.below(3) {
            0 => std::io::pipe().ok()?.0.into(),
            1 => std::os::unix::net::UnixStream::pair().ok()?.0.into(),
            _ => {
                let path = self.path();
                let is_fifo = path == self.files.fifo; // opening one waits for the other end
                let mut options = File::options();
                options.read(read || !write || is_fifo).write(write || is_fifo);
                options.open(path).ok()?.into()
            }
        })
    }

    /// One more descriptor to be thrown.
    pub(crate) fn give(&mut self, fd: OwnedFd) {
        let mut fds = std::mem::replace(&mut self.fds, Bag::new());
        fds.put(self, fd);
        self.fds = fds;
    }

    /// How long an object is to be: little, or more than there can be. What is between would fill the memory.
    pub(crate) fn size(&mut self) -> u64 {
        match self.below(12) {
            0 => u64::MAX - self.below(2 * page()) as u64,
            1 => i64::MAX as u64 + 1 + self.below(2 * page()) as u64,
            2..7 => self.boundary() as u64,
            _ => self.below(24 * page()) as u64,
        }
    }

    pub(crate) fn wide(&mut self) -> (Bound<u64>, Bound<u64>) {
        let (start, end) = self.bounds();
        (start.map(|at| at as u64), end.map(|at| at as u64))
    }

    /// A name that is ours, or that no object can have.
    pub(crate) fn shm_name(&mut self) -> OsString {
        let ours = format!("{}{}", shm_prefix(), self.below(4));
        let long = 256 - ours.len() - self.below(2);
        let bad =
            ["", "/", "//", ".", "..", "/..", "a/b", "../mman-hostile", "mman\0hostile", "//./"];
        match self.below(24) {
            0 => OsString::from(self.pick(&bad)),
            1 => OsString::from(ours + &"x".repeat(long)),
            2 => OsString::from(ours + "/../x"),
            3 => OsString::from(ours + " (deleted)\n\u{fffd}"),
            4 => OsString::from_vec([ours.as_bytes(), &[0xff, self.byte().max(0x80)]].concat()),
            5 => OsString::from("///".to_owned() + &ours),
            _ => OsString::from(ours),
        }
    }

    pub(crate) fn policy(&mut self) -> NumaPolicy {
        let mut nodes = NodeSet::new();
        for _ in 0..self.below(3) {
            let node = if self.one_in(2) { 0 } else { self.below(NodeSet::LIMIT) };
            nodes = nodes.with(node).unwrap();
        }
        match self.below(7) {
            0 => NumaPolicy::Default,
            1 => NumaPolicy::Preferred(if self.one_in(2) { 0 } else { self.at() }),
            2 => NumaPolicy::Bind(nodes),
            3 => NumaPolicy::Interleave(nodes),
            4 => NumaPolicy::Local,
            5 => NumaPolicy::PreferredMany(nodes),
            _ => NumaPolicy::WeightedInterleave(nodes),
        }
    }

    pub(crate) fn moving(&mut self) -> Move {
        self.pick(&[Move::Nothing, Move::Ours])
    }

    pub(crate) fn on_fork(&mut self) -> OnFork {
        match self.is_odd {
            true => self.pick(&[OnFork::Copy, OnFork::Leave, OnFork::Wipe]),
            false => OnFork::Copy,
        }
    }

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

    pub(crate) fn file_advice(&mut self) -> FileAdvice {
        self.pick(&[
            FileAdvice::Normal,
            FileAdvice::Sequential,
            FileAdvice::Random,
            FileAdvice::NoReuse,
            FileAdvice::WillNeed,
            FileAdvice::DontNeed,
        ])
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

    /// Something that can be done to pages that are lent.
    pub(crate) fn lent(&mut self, pages: &mman::Pages<'_>) {
        let (_name, act) = self.pick(pages::LENT);
        act(pages, self);
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
        match self.below(10) {
            8 | 9 => typed::object(self),
            0 => Box::new(Anonymous::new(self.len())),
            1 => ShmObject::open(self.shm_name()).map_or_else(|_| nothing(), |shm| Box::new(shm)),
            2 => SecretMem::new(self.len()).map_or_else(|_| nothing(), |secret| Box::new(secret)),
            3 | 4 => self.memfd(),
            5 => FileObject::open(&path).map_or_else(|_| nothing(), |file| Box::new(file)),
            _ => {
                FileObject::open_read_write(&path).map_or_else(|_| nothing(), |file| Box::new(file))
            }
        }
    }

    fn memfd(&mut self) -> Box<dyn MemoryObject> {
        match self.descriptor().map(MemFd::<Immutable>::from_fd) {
            Some(Ok(memory)) => Box::new(memory),
            Some(Err(refused)) => match MemFd::<Unsealed>::from_fd(refused.given) {
                Ok(memory) => Box::new(memory),
                Err(refused) => {
                    FileObject::new(refused.given).map_or_else(|_| nothing(), |f| Box::new(f))
                }
            },
            None => nothing(),
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
        match self.below(22) {
            0..3 => options.past_end(),
            3 => options.validate(),
            4 => options.protection(self.protection()),
            5..7 => options.read_write(),
            7 => options.populate(),
            8 => options.populate_checked(),
            9 => options.locked(),
            10 => options.no_reserve(),
            11 => options.stack(),
            12 => options.grows_down(),
            13 => options.near(self.number() as usize >> (17 + self.below(20))),
            14 => options.at(self.number() as usize >> (17 + self.below(8)) & !(page() - 1)),
            15 => options.in_low_2_gib(),
            16 => options.sparse().random_access(),
            17 => options.numa(self.policy()),
            18 => options.on_fork(self.on_fork()),
            19 => options.huge_pages(self.huge_page_size()),
            20 => options.dax_sync(),
            _ => options.above_4_gib(),
        }
    }

    /// The smallest, of which there are pages in the pool, or one that no machine has. Of larger ones a single page takes
    /// a second to copy.
    pub(crate) fn huge_page_size(&mut self) -> HugePageSize {
        match HugePageSize::available().first() {
            Some(smallest) if self.is_odd => *smallest,
            _ => HugePageSize::new(PageSize::new(1 << self.below(21)).unwrap()),
        }
    }
}

fn nothing() -> Box<dyn MemoryObject> {
    Box::new(Anonymous::new(0))
}
