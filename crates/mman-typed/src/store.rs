//! What a pool is made of: a file whose bytes are its units.

use crate::config::{Kind, Pool};
use crate::damage::Damage;
use crate::failure::{Cause, Failure};
use crate::file::{File, make_directory, remove};
use crate::number::word;
use crate::path::Path;
use mman_sys::{Errno, MbindFlags, MemPolicy, OpenFlags, Stat, geteuid, mbind};

/// The built-in directory, without the user's number.
const DIRECTORY: &[u8] = b"/dev/shm/mman-typed-";
/// The bits of a mode that say what a file is, and those of a regular file, a directory and a character device (`linux/stat.h`).
const FORMAT: u32 = 0o170_000;
const IS_FILE: u32 = 0o100_000;
const IS_DIRECTORY: u32 = 0o040_000;
const IS_DEVICE: u32 = 0o020_000;

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Identity {
    /// That of no file.
    pub(crate) const NONE: Self = Self { device: 0, inode: 0 };

    pub(crate) fn of_file(file: &File) -> Result<Self, Failure> {
        file.stat().map(|stat| Self::of(&stat)).map_err(Failure::of("fstat"))
    }

    pub(crate) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// Where the store of a pool is, and how it is cut.
pub(crate) struct Store {
    pub(crate) path: Path,
    /// In bytes.
    pub(crate) unit: usize,
    /// In bytes; 0 for all that there is.
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// Whether what is mapped is given memory at once.
    pub(crate) commits: bool,
    pub(crate) node: Option<u32>,
    /// Whether it is a file that we make.
    pub(crate) is_ours: bool,
    /// Whether bytes can be given back.
    pub(crate) punches: bool,
}

/// The directory of the tables; made if it is not there, and refused where others could change what is in it.
pub(crate) fn directory(configured: Option<&[u8]>) -> Result<Path, Failure> {
    let path = directory_of(configured);
    // One of the built-in place is its user's alone; one that is configured is for whom its files are.
    let mode = if configured.is_some() { 0o755 } else { 0o700 };
    make_directory(&path, mode).map_err(Failure::of("mkdir"))?;
    trust(&path)?;
    Ok(path)
}

/// The same where it is there; `None` where not.
pub(crate) fn directory_there(configured: Option<&[u8]>) -> Result<Option<Path>, Failure> {
    let path = directory_of(configured);
    match trust(&path) {
        Ok(()) => Ok(Some(path)),
        Err(Failure { errno: Errno::ENOENT, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

pub(crate) fn directory_of(configured: Option<&[u8]>) -> Path {
    let mut path = Path::new();
    match configured {
        Some(directory) => path.push(directory),
        None => {
            path.push(DIRECTORY);
            path.push_number(geteuid().into());
        }
    }
    path
}

/// That nobody else could change what is in it.
fn trust(path: &Path) -> Result<(), Failure> {
    let opened = File::open(path, OpenFlags::DIRECTORY | OpenFlags::PATH, 0);
    let stat = opened.and_then(|file| file.stat()).map_err(Failure::of("open"))?;
    let is_trusted = stat.st_uid == 0 || stat.st_uid == geteuid();
    let is_closed = stat.st_mode & 0o022 == 0 && stat.st_mode & FORMAT == IS_DIRECTORY;
    if is_trusted && is_closed {
        Ok(())
    } else {
        Err(Failure::new(Errno::EACCES, Cause::Directory))
    }
}

/// The size of a page.
pub(crate) fn page() -> usize {
    // What the kernel says of files of shared memory; 4096 where there is none.
    let opened = File::open(&Path::of(&[b"/dev/shm"]), OpenFlags::DIRECTORY, 0);
    let size = opened.and_then(|file| file.stat()).map_or(4096, |stat| stat.st_blksize);
    usize::try_from(size)
        .ok()
        .filter(|size| size.is_power_of_two() && *size >= 4096)
        .unwrap_or(4096)
}

/// Where the table of a pool is. That of an object that was there before is called by the object's numbers: pools that are
/// the same object are one pool, whatever they are called.
pub(crate) fn table(pool: &Pool<'_>, directory: &Path, identity: Identity) -> Path {
    let mut path = Path::of(&[directory.bytes(), b"/"]);
    match pool.kind {
        Kind::Store(_) | Kind::Dax(_) => {
            path.push(b"object-");
            path.push_number(identity.device);
            path.push(b"-");
            path.push_number(identity.inode);
        }
        Kind::Shm | Kind::Node(_) | Kind::Huge { .. } => path.push(pool.name),
    }
    path.push(b".table");
    path
}

/// The object of a path, which need not be one that we may open.
pub(crate) fn there(path: &Path) -> Result<File, Failure> {
    File::open_through(path, OpenFlags::PATH, 0).map_err(|errno| match errno {
        Errno::ENOENT => Failure::new(Errno::ENODEV, Cause::Lacks),
        errno => Failure::new(errno, Cause::Kernel("open")),
    })
}

/// The unit of an object that is there already: its huge pages, if it is of such.
fn unit_of(path: &Path) -> usize {
    let huge = there(path).ok().and_then(|file| file.huge_page());
    huge.and_then(|page| usize::try_from(page).ok()).unwrap_or_else(page)
}

/// The store that a pool says, with its table's directory.
pub(crate) fn of(pool: &Pool<'_>, directory: &Path) -> Result<Store, Failure> {
    let ours = Path::of(&[directory.bytes(), b"/", pool.name, b".pool"]);
    let Pool { size, mode, commit: commits, .. } = *pool;
    let store = Store {
        path: ours,
        unit: page(),
        size,
        mode,
        commits,
        node: None,
        is_ours: true,
        punches: true,
    };
    Ok(match pool.kind {
        Kind::Shm => store,
        Kind::Node(node) => Store { node: Some(node), ..store },
        Kind::Huge { page, path } => {
            let unit = usize::try_from(page).unwrap_or(usize::MAX);
            let mount = match path {
                Some(path) => Some(Path::of(&[path])).filter(|path| is_of_pages(path, page)),
                None => hugetlbfs(page),
            };
            let mount = mount.ok_or(Failure::new(Errno::ENODEV, Cause::Lacks))?;
            // A pool of the same name of another directory is another one.
            let of = there(directory).and_then(|file| file.stat().map_err(Failure::of("fstat")));
            let of = of.map_or(Identity { device: 0, inode: 0 }, |stat| Identity::of(&stat));
            let mut path = Path::of(&[mount.bytes(), b"/mman-typed-"]);
            path.push_number(of.device);
            path.push(b"-");
            path.push_number(of.inode);
            path.push(b"-");
            path.push(pool.name);
            Store { path, unit, ..store }
        }
        Kind::Store(path) => {
            let path = Path::of(&[path]);
            Store { unit: unit_of(&path), path, is_ours: false, ..store }
        }
        Kind::Dax(path) => {
            let unit = dax_number(path, b"align").unwrap_or(2 << 20);
            let unit = usize::try_from(unit).unwrap_or(2 << 20);
            let whole = dax_number(path, b"size").unwrap_or(0);
            let size = if size == 0 { whole } else { size.min(whole) };
            let path = Path::of(&[path]);
            Store { path, unit, size, is_ours: false, punches: false, ..store }
        }
    })
}

/// A number that the kernel tells of a dax device.
fn dax_number(path: &[u8], name: &[u8]) -> Option<u64> {
    let device = path.rsplit(|byte| *byte == b'/').next()?;
    let file = Path::of(&[b"/sys/bus/dax/devices/", device, b"/", name]);
    let mut text = [0_u8; 32];
    let len = File::open(&file, OpenFlags::empty(), 0).ok()?.read(&mut text).ok()?;
    let digits = text.get(..len)?.trim_ascii();
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// Whether a directory is one of a hugetlbfs for pages of this size.
fn is_of_pages(path: &Path, page: u64) -> bool {
    let opened = File::open_through(path, OpenFlags::DIRECTORY | OpenFlags::PATH, 0);
    opened.is_ok_and(|file| file.huge_page() == Some(page))
}

/// Where a hugetlbfs for pages of this size is mounted: the first that the process sees.
fn hugetlbfs(page: u64) -> Option<Path> {
    let mut room = crate::file::Room::new(1 << 20).ok()?;
    let mounts = Path::of(&[b"/proc/self/mounts"]);
    let file = File::open(&mounts, OpenFlags::empty(), 0).ok()?;
    let len = file.read(room.bytes()).ok()?;
    let text = room.bytes().get(..len)?;
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = line.split(|byte| *byte == b' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        if kind != b"hugetlbfs" {
            return None;
        }
        let path = Path::of(&[place]);
        let opened = File::open(&path, OpenFlags::DIRECTORY, 0).ok()?;
        let size = opened.stat().ok()?.st_blksize;
        (u64::try_from(size) == Ok(page)).then_some(path)
    })
}

impl Store {
    /// Opens it. One that is ours is a file that has a name; whether it is the table's is for the caller to see.
    pub(crate) fn open(&self) -> Result<File, Failure> {
        let flags = OpenFlags::RDWR;
        if !self.is_ours {
            let lacks = |_| Failure::new(Errno::ENODEV, Cause::Lacks);
            return File::open_through(&self.path, flags, 0).map_err(lacks);
        }
        let file = File::open(&self.path, flags | OpenFlags::NONBLOCK, 0).map_err(|errno| {
            match errno {
                // None, or a link, a directory, a pipe without a reader: not what the table was made with.
                Errno::ENOENT | Errno::ELOOP | Errno::EISDIR | Errno::ENXIO => {
                    Failure::damaged(Damage::Store)
                }
                errno => Failure::of("open")(errno),
            }
        })?;
        let stat = file.stat().map_err(Failure::of("fstat"))?;
        if stat.st_mode & FORMAT == IS_FILE && stat.st_nlink > 0 {
            Ok(file)
        } else {
            Err(Failure::damaged(Damage::Store))
        }
    }

    /// Makes one that is ours, for a table that is made: always a new one. What has the name was left by a former life, or
    /// is still used with a table that was removed, or was put there by somebody else.
    pub(crate) fn make(&self) -> Result<File, Failure> {
        match remove(&self.path) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(Failure::of("unlink")(errno)),
        }
        let flags = OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::EXCL;
        let file = File::open(&self.path, flags, self.mode);
        file.and_then(|file| file.set_mode(self.mode).map(|()| file)).map_err(Failure::of("open"))
    }

    /// Gives a store of ours its size and its memory policy, before its table is made; answers how many units it has.
    pub(crate) fn prepare(&self, file: &File) -> Result<usize, Failure> {
        let stat = file.stat().map_err(Failure::of("fstat"))?;
        let there = u64::try_from(stat.st_size).unwrap_or(0);
        let bytes = if self.is_ours || stat.st_mode & FORMAT == IS_DEVICE {
            self.size
        } else if self.size == 0 {
            there
        } else {
            self.size.min(there)
        };
        let unit = word(self.unit);
        let units = bytes.checked_div(unit).unwrap_or(0);
        let units = usize::try_from(units).unwrap_or(usize::MAX).min(crate::layout::MOST_UNITS);
        if self.is_ours {
            let len = word(units).saturating_mul(unit);
            file.set_len(len).map_err(Failure::of("ftruncate"))?;
            if let Some(node) = self.node {
                bind(file, units.saturating_mul(self.unit), node)?;
            }
        }
        Ok(units)
    }
}

/// Has all memory of the file come from one node: a policy that stays with the file.
fn bind(file: &File, len: usize, node: u32) -> Result<(), Failure> {
    let lacks = Failure::new(Errno::ENODEV, Cause::Lacks);
    let nodes = 1_u64.checked_shl(node).filter(|_| node < 64).ok_or(lacks)?;
    let words = crate::words::Words::map(file, len >> 3).map_err(Failure::of("mmap"))?;
    let at = words.start();
    let bound = mbind(at, len, MemPolicy::BIND, &raw const nodes, 65, MbindFlags::empty());
    words.end();
    bound.map_err(|errno| match errno {
        // No such node, or a kernel that knows of none.
        Errno::EINVAL | Errno::ENOSYS => lacks,
        other => Failure::of("mbind")(other),
    })
}
