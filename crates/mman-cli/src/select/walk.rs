//! The search: several threads, directories by descriptor, names in one buffer for each directory.

use super::filter::Name;
use super::found::{Counts, Found};
use super::ignored::Ignored;
use super::inodes::{Directories, Files};
use super::open::{self, QuietAccess};
use super::problem::{Problem, What};
use super::queue::Queue;
use super::{Selection, Visitor, named, pseudo};
use crate::args;
use crate::interrupt::Interrupt;
use rustix::fs::{FileType, RawDir, Stat};
use rustix::io::Errno;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Room for names that the kernel gives at once.
const NAMES: usize = 32 << 10;

/// How many bytes of names are given away at once.
const BATCH: usize = 1 << 10;

/// How far a search goes.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) follow: bool,
    one_file_system: bool,
    levels: usize,
    ignore: bool,
}

impl Rules {
    pub(super) fn new(args: &args::Select) -> Self {
        Self {
            follow: args.follow,
            one_file_system: args.one_file_system,
            levels: args.max_depth.unwrap_or(usize::MAX),
            ignore: args.ignore,
        }
    }
}

/// A directory that is open, for itself and for those below it.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    /// The path, with a slash at its end: what stands before the names of its files.
    path: Vec<u8>,
    /// How many bytes of that were given.
    given: usize,
    device: u64,
    /// The device of the directory that was given.
    home: u64,
    /// How many levels of directories below it are searched.
    levels: usize,
    ignored: Option<Arc<Ignored>>,
}

/// Names of a directory, each with its [`Kind`] before it and a NUL after it.
#[derive(Debug)]
struct Work {
    directory: Arc<Directory>,
    names: Vec<u8>,
}

/// What a name of a directory stands for, and whether a symbolic link leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    is_directory: bool,
    is_link: bool,
}

impl Kind {
    /// Never 0, which is the end of a name.
    const fn byte(self) -> u8 {
        b'@' | (self.is_directory as u8) << 1 | self.is_link as u8
    }

    const fn of(byte: u8) -> Self {
        Self { is_directory: byte & 2 != 0, is_link: byte & 1 != 0 }
    }
}

/// What the threads of a search share.
struct Search<'a> {
    selection: &'a Selection,
    interrupt: &'a Interrupt,
    queue: Queue<Work>,
    files: Files,
    directories: Directories,
}

/// One thread of a search.
pub(super) struct Worker<'a, V> {
    search: &'a Search<'a>,
    pub(super) visitor: V,
    pub(super) counts: Counts,
    local: Vec<Work>,
    quiet: QuietAccess,
    /// The path of what is being looked at.
    path: Vec<u8>,
}

pub(super) fn walk<V: Visitor>(
    selection: &Selection,
    interrupt: &Interrupt,
    visitor: impl Fn() -> V + Sync,
) -> (Vec<V>, Counts) {
    open::allow_many_files();
    let threads = if selection.roots.are_few_files() { 1 } else { selection.threads };
    let queue = Queue::new(threads);
    let (files, directories) = (Files::default(), Directories::default());
    let search = Search { selection, interrupt, queue, files, directories };
    let roots = Mutex::new(selection.roots.iter());
    let work = || {
        let mut worker = Worker {
            search: &search,
            visitor: visitor(),
            counts: Counts::default(),
            local: Vec::new(),
            quiet: QuietAccess::new(),
            path: Vec::new(),
        };
        worker.run(|| roots.lock().unwrap_or_else(PoisonError::into_inner).next());
        worker.visitor.finish();
        (worker.visitor, worker.counts)
    };
    let (mut visitors, mut counts) = (Vec::new(), Counts::default());
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut keep = |(visitor, seen)| {
            visitors.push(visitor);
            counts.add(&seen);
        };
        keep(work());
        for other in others {
            match other.join() {
                Ok(part) => keep(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    (visitors, counts)
}

impl<'a, V: Visitor> Worker<'a, V> {
    fn run(&mut self, next_root: impl Fn() -> Option<&'a Path>) {
        loop {
            if self.is_interrupted() {
                self.local.clear();
                // The others are told that this thread has no work left.
                while self.search.queue.take().is_some() {}
                return;
            }
            if let Some(work) = self.local.pop() {
                self.one(work);
            } else if let Some(root) = next_root() {
                self.root(root);
            } else if let Some(work) = self.search.queue.take() {
                self.local.push(work);
            } else {
                return;
            }
            self.share();
        }
    }

    fn is_interrupted(&mut self) -> bool {
        let is_set = self.search.interrupt.is_set();
        self.counts.interrupted |= is_set;
        is_set
    }

    /// Gives the oldest work away, or half of the only one, where another thread has none.
    fn share(&mut self) {
        if !self.search.queue.is_hungry() {
            return;
        }
        if self.local.len() > 1 {
            self.search.queue.give(self.local.remove(0));
        } else if let Some(only) = self.local.first_mut() {
            let middle = only.names.len() / 2;
            let end = only.names.iter().skip(middle).position(|byte| *byte == 0);
            let at = end.map_or(0, |end| middle.saturating_add(end).saturating_add(1));
            if at > 0 && at < only.names.len() {
                let names = only.names.split_off(at);
                self.search.queue.give(Work { directory: Arc::clone(&only.directory), names });
            }
        }
    }

    /// Looks at the last name, and keeps the others for later.
    fn one(&mut self, mut work: Work) {
        let before_end = work.names.len().saturating_sub(1);
        let all = work.names.get(..before_end).unwrap_or_default();
        let start = all.iter().rposition(|byte| *byte == 0).map_or(0, |at| at.saturating_add(1));
        let last = work.names.split_off(start);
        let directory = Arc::clone(&work.directory);
        if work.names.is_empty() {
            drop(work);
        } else {
            self.local.push(work);
        }
        let Some((kind, name)) = last.split_first() else { return };
        let Ok(name) = CStr::from_bytes_with_nul(name) else { return };
        self.named(&directory, name, Kind::of(*kind));
    }

    fn named(&mut self, directory: &Directory, name: &CStr, kind: Kind) {
        if self.path.get(..directory.path.len()) != Some(&*directory.path) {
            self.path.clear();
            self.path.extend_from_slice(&directory.path);
        }
        self.path.truncate(directory.path.len());
        self.path.extend_from_slice(name.to_bytes());
        if !self.is_wanted(directory, name, kind) {
            return;
        }
        if kind.is_directory {
            let opened = open::directory(&directory.fd, name, kind.is_link);
            return self.opened_directory(opened, directory);
        }
        let opened = open::file(&directory.fd, name, kind.is_link, &self.quiet);
        let given = directory.given;
        match opened {
            Ok((fd, stat)) if FileType::from_raw_mode(stat.st_mode).is_file() => {
                let size = u64::try_from(stat.st_size).unwrap_or(0); // never negative
                self.found(given, fd.into(), &stat, size);
            }
            Ok(_) => self.counts.other = self.counts.other.saturating_add(1),
            Err(errno) if has_vanished(errno) => self.vanished(),
            Err(errno) => {
                let stat = open::kind(&directory.fd, name, kind.is_link).ok();
                let size = stat.and_then(|stat| u64::try_from(stat.st_size).ok());
                if size.is_none_or(|size| self.search.selection.filter.wants_size(size)) {
                    self.problem(given, What::File(errno), size);
                }
            }
        }
    }

    fn is_wanted(&self, directory: &Directory, name: &CStr, kind: Kind) -> bool {
        let filter = &self.search.selection.filter;
        let path = path_of(&self.path);
        let below = path_of(self.path.get(directory.given..).unwrap_or_default());
        let name = Name { last: name.to_bytes(), path, below };
        let wanted =
            if kind.is_directory { filter.wants_directory(name) } else { filter.wants_file(name) };
        let ignored = directory.ignored.as_ref();
        wanted && !ignored.is_some_and(|ignored| ignored.names(path, kind.is_directory))
    }

    fn vanished(&mut self) {
        self.counts.vanished = self.counts.vanished.saturating_add(1);
    }

    pub(super) fn problem(&mut self, given: usize, what: What, size: Option<u64>) {
        self.counts.problems = self.counts.problems.saturating_add(1);
        let below = path_of(self.path.get(given..).unwrap_or_default());
        self.visitor.problem(&Problem { path: path_of(&self.path), below, what, size });
    }

    /// Gives a file to the visitor, unless it has been given already or has not the size.
    pub(super) fn found(&mut self, given: usize, file: File, stat: &Stat, size: u64) {
        if !self.search.selection.filter.wants_size(size) {
            return;
        }
        let path = path_of(&self.path);
        let below = path_of(self.path.get(given..).unwrap_or_default());
        let found = Found::new((path, below), file, stat, size);
        if self.search.files.insert(found.device, found.inode) {
            self.counts.files = self.counts.files.saturating_add(1);
            self.visitor.file(found);
        } else {
            self.counts.again = self.counts.again.saturating_add(1);
        }
    }

    /// A directory below another one.
    fn opened_directory(&mut self, opened: Result<(OwnedFd, Stat), Errno>, above: &Directory) {
        let (fd, stat) = match opened {
            Ok(opened) => opened,
            Err(errno) if has_vanished(errno) => return self.vanished(),
            Err(errno) => return self.problem(above.given, What::Directory(errno), None),
        };
        let Some(levels) = above.levels.checked_sub(1) else { return };
        let device = device_of(&stat);
        let rules = &self.search.selection.rules;
        if device != above.device
            && ((rules.one_file_system && device != above.home) || pseudo::is(&fd))
        {
            self.counts.other = self.counts.other.saturating_add(1);
            return;
        }
        let path = self.path.iter().copied().chain(*b"/").collect();
        let (given, home) = (above.given, above.home);
        let ignored = above.ignored.clone();
        self.search_in(&stat, Directory { fd, path, given, device, home, levels, ignored });
    }

    /// A directory that was given.
    pub(super) fn given_directory(&mut self, fd: OwnedFd, stat: &Stat) {
        let rules = &self.search.selection.rules;
        let mut path = self.path.clone();
        if path.last().is_some_and(|byte| *byte != b'/') {
            path.push(b'/');
        }
        let given = path.len();
        let ignored = match rules.ignore {
            true => Ignored::above(path_of(&self.path), given),
            false => None,
        };
        let (device, levels) = (device_of(stat), rules.levels);
        let home = device;
        self.search_in(stat, Directory { fd, path, given, device, home, levels, ignored });
    }

    fn search_in(&mut self, stat: &Stat, mut directory: Directory) {
        if !self.search.directories.insert(directory.device, inode_of(stat), directory.levels) {
            self.counts.again = self.counts.again.saturating_add(1);
            return;
        }
        self.counts.directories = self.counts.directories.saturating_add(1);
        if self.search.selection.rules.ignore {
            let above = directory.ignored.take();
            directory.ignored = Ignored::of(&directory.path, &directory.fd, above);
        }
        self.quiet.forget();
        self.read(Arc::new(directory));
    }

    /// Reads the names of a directory: files are looked at at once, or given away where another thread has nothing to
    /// do; directories wait.
    fn read(&mut self, directory: Arc<Directory>) {
        let mut buffer = [MaybeUninit::uninit(); NAMES];
        let mut names = RawDir::new(&directory.fd, &mut buffer);
        let (mut directories, mut files) = (Vec::new(), Vec::new());
        while let Some(entry) = names.next() {
            if self.is_interrupted() {
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) if has_vanished(errno) => {
                    self.vanished();
                    break;
                }
                Err(errno) => {
                    self.path.clear();
                    self.path.extend_from_slice(&directory.path);
                    self.problem(directory.given, What::Directory(errno), None);
                    break;
                }
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Some(kind) = self.kind(&directory, name, entry.file_type()) else { continue };
            if kind.is_directory {
                if directory.levels > 0 {
                    push(&mut directories, kind, name);
                }
            } else if self.search.queue.is_hungry() {
                push(&mut files, kind, name);
                if files.len() >= BATCH {
                    let names = std::mem::take(&mut files);
                    self.search.queue.give(Work { directory: Arc::clone(&directory), names });
                }
            } else {
                self.named(&directory, name, kind);
            }
        }
        for names in [directories, files] {
            if !names.is_empty() {
                self.local.push(Work { directory: Arc::clone(&directory), names });
            }
        }
    }

    /// What a name stands for; `None` where that has no pages and is no directory, and is counted.
    fn kind(&mut self, directory: &Directory, name: &CStr, told: FileType) -> Option<Kind> {
        let mut told = told;
        let mut is_link = false;
        if told == FileType::Unknown {
            told = match open::kind(&directory.fd, name, false) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(_) => {
                    self.vanished();
                    return None;
                }
            };
        }
        if told == FileType::Symlink && self.search.selection.rules.follow {
            is_link = true;
            // One that leads nowhere, or to itself, is what it is: a link.
            let stat = open::kind(&directory.fd, name, true);
            told = stat.map_or(told, |stat| FileType::from_raw_mode(stat.st_mode));
        }
        match told {
            FileType::RegularFile => Some(Kind { is_directory: false, is_link }),
            FileType::Directory => Some(Kind { is_directory: true, is_link }),
            _ => {
                self.counts.other = self.counts.other.saturating_add(1);
                None
            }
        }
    }

    fn root(&mut self, root: &Path) {
        self.path.clear();
        self.path.extend_from_slice(root.as_os_str().as_bytes());
        self.quiet.forget();
        named::look(self, root);
    }

    pub(super) fn quiet(&self) -> &QuietAccess {
        &self.quiet
    }

    /// Whether a file or directory that was given is wanted.
    pub(super) fn wants_root(&self, root: &Path, is_directory: bool) -> bool {
        let last = root.file_name().unwrap_or_default().as_bytes();
        let name = Name { last, path: root, below: root };
        let filter = &self.search.selection.filter;
        if is_directory { filter.wants_directory(name) } else { filter.wants_file(name) }
    }
}

fn push(names: &mut Vec<u8>, kind: Kind, name: &CStr) {
    names.push(kind.byte());
    names.extend_from_slice(name.to_bytes_with_nul());
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[allow(clippy::useless_conversion, reason = "the width of the field differs between machines")]
fn device_of(stat: &Stat) -> u64 {
    stat.st_dev.into()
}

#[allow(clippy::useless_conversion, reason = "the width of the field differs between machines")]
fn inode_of(stat: &Stat) -> u64 {
    stat.st_ino.into()
}

/// Gone, or something else by now, when its turn came.
fn has_vanished(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::STALE | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::SRCH
    )
}
