//! What happens around a mapping: files that others change, forks, neighbours.
use mman_testkit::files::{Folder, open_read_write};
use mman_testkit::huge::Pool;
use mman_testkit::pattern;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

pub(crate) const PAGE: usize = 4096;

pub(crate) const LEN: usize = 4 * PAGE;

/// The byte that is looked at: in the last page.
pub(crate) const AT: usize = LEN - PAGE;

/// An offset and a length whose sum is [`PAGE`]: one page before the start, and one behind it.
pub(crate) const FAR: usize = 0_usize.wrapping_sub(PAGE);
pub(crate) const WRAPS: usize = 2 * PAGE;

/// A patterned file in a folder that goes away with it.
pub(crate) struct Victim {
    _folder: Folder,
    pub(crate) path: PathBuf,
}

impl Victim {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let path = folder.patterned("victim", LEN);
        Self { _folder: folder, path }
    }

    /// What another program does to the file.
    pub(crate) fn truncate(&self) {
        self.open().set_len(0).expect("truncating");
    }

    pub(crate) fn rewrite(&self) {
        self.open().write_all(&[b'#'; LEN]).expect("rewriting");
    }

    pub(crate) fn punch(&self) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(self.open(), flags, AT as u64, PAGE as u64).expect("punching");
    }

    pub(crate) fn open(&self) -> File {
        open_read_write(&self.path)
    }
}

pub(crate) fn byte(at: usize) -> u8 {
    pattern::byte_at(at as u64)
}

/// Whether bytes of a slice changed while it was borrowed.
pub(crate) fn under_a_slice(slice: &[u8], change: impl FnOnce()) -> String {
    let before = std::hint::black_box(slice)[AT];
    change();
    let after = std::hint::black_box(slice)[AT];
    if before == after {
        "unchanged".to_owned()
    } else {
        format!("**wrong bytes**: {before:#04x} became {after:#04x}")
    }
}

/// What came of an operation that ought to be refused.
pub(crate) fn refused<T, E: std::fmt::Display>(answer: Result<T, E>) -> String {
    match answer {
        Ok(_) => "**silent success**".to_owned(),
        Err(error) => {
            eprintln!("{error}"); // seen where one case is run by hand
            "`Err`".to_owned()
        }
    }
}

pub(crate) fn killed_by(signal: i32) -> String {
    match signal {
        7 => "killed by SIGBUS".to_owned(),
        11 => "killed by SIGSEGV".to_owned(),
        other => format!("killed by signal {other}"),
    }
}

/// How a child of a fork ended that read a byte.
pub(crate) fn after_fork(read: impl Fn() -> u8) -> String {
    let status = mman_testkit::fork::and_wait(|| {
        std::hint::black_box(read());
        0
    });
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(signal) => format!("**child {}**", killed_by(signal)),
        None => "the child reads it".to_owned(),
    }
}

/// Two of these that lie side by side, the lower first.
pub(crate) fn neighbours<T>(make: impl Fn() -> T, address: impl Fn(&T) -> usize) -> (T, T) {
    let mut made: Vec<T> = Vec::new();
    loop {
        made.push(make());
        made.sort_by_key(&address);
        let side_by_side = |pair: &[T]| address(&pair[0]) + LEN == address(&pair[1]);
        if let Some(at) = made.windows(2).position(side_by_side) {
            let high = made.swap_remove(at + 1);
            return (made.swap_remove(at), high);
        }
        assert!(made.len() < 100, "no neighbours");
    }
}

/// What dropping what `make` answers did to a pool of huge pages.
pub(crate) fn after_huge_drop<T, E: std::fmt::Display>(
    make: impl FnOnce() -> Result<T, E>,
) -> String {
    let Some(_pool) = Pool::with(4) else { return "(no huge pages here)".to_owned() };
    let left = || Pool::free() - Pool::promised();
    let before = left();
    match make() {
        Ok(made) => drop(made),
        refusal => return refused(refusal),
    }
    match before - left() {
        0 => "all pages back in the pool".to_owned(),
        lost => format!("**{lost} huge page lost** until the process ends"),
    }
}
