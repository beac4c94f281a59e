//! Typed memory objects: opened by name, and told about.

use crate::attach::attach;
use crate::config::{Allocatable, Decision, Line, Pool, Port, Wrong, each_line, is_named};
use crate::damage::Damage;
use crate::descriptor::{flags_of, is_far_out, is_marked, remember, there_is_one};
use crate::failure::{Cause, Failure};
use crate::file::{self, File};
use crate::number::word;
use crate::path::Path;
use crate::process::{Held, hold};
use crate::store::{self, Identity};
use mman_sys::{Errno, OpenFlags, RawFd, Stat, geteuid};

/// The longest name of a port.
const LONGEST: usize = 255;
/// The bits of a mode that say what a file is, and those of a character device (`linux/stat.h`).
const FORMAT: u32 = 0o170_000;
const IS_DEVICE: u32 = 0o020_000;
/// What `mmap` does with a descriptor: at most one of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TypedFlags(u32);

impl TypedFlags {
    /// `mmap` maps the range of the object that it names, and reserves it as long as anybody has it mapped.
    pub const NONE: Self = Self(0);
    /// `mmap` allocates, in several pieces if need be.
    pub const ALLOCATE: Self = Self(1);
    /// `mmap` allocates one run.
    pub const ALLOCATE_CONTIG: Self = Self(2);
    /// `mmap` maps the range that it names, and neither reserves nor gives back anything.
    pub const MAP_ALLOCATABLE: Self = Self(4);

    /// The flags of a C program; `None` for several, or for one that there is not.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            0 | 1 | 2 | 4 => Some(Self(bits)),
            _ => None,
        }
    }

    /// The number of a C program.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// What is told of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The largest allocation that would succeed now by this descriptor, in bytes: `posix_tmi_length`. 0 for a descriptor
    /// that allocates nothing.
    pub length: u64,
    /// What is free, in bytes.
    pub free: u64,
    /// The longest free run, in bytes.
    pub longest: u64,
    /// The size of the pool, in bytes.
    pub size: u64,
    /// What it is allocated in, in bytes.
    pub unit: u64,
    /// The flag of the descriptor.
    pub flags: TypedFlags,
}

/// Opens a typed memory object. The descriptor is the lowest that is free, and stays open over exec.
///
/// `access` is one of `O_RDONLY` (empty), `O_WRONLY`, `O_RDWR`; with `O_CLOEXEC`, which POSIX does not have here, exec
/// closes it.
///
/// # Errors
///
/// `EACCES`, `EINVAL` (several flags, another access mode, or a `MMAN_TYPED_CONFIG` that is no absolute path), `EIO` (the table is damaged), `EMFILE`, `ENAMETOOLONG`,
/// `ENFILE`, `ENODEV` (what the pool is made of is not there), `ENOENT`, `ENOMEM`, `EPERM` (mapping without allocating).
pub fn open(name: &[u8], access: OpenFlags, flags: TypedFlags) -> Result<RawFd, Failure> {
    if name.len() > LONGEST {
        return Err(Failure::new(Errno::ENAMETOOLONG, Cause::Name));
    }
    let mode = access.without(OpenFlags::CLOEXEC);
    if ![OpenFlags::empty(), OpenFlags::WRONLY, OpenFlags::RDWR].contains(&mode) {
        return Err(Failure::new(Errno::EINVAL, Cause::Flags));
    }
    let mut answer = Err(Failure::new(Errno::ENOENT, Cause::Name));
    with_port(&mut |port| is_named(port.name, name), &mut |port, pool, directory| {
        answer = open_port(port, pool, directory, access, flags);
    })?;
    answer
}

/// What is done with a port: the port, its pool, and the directory of the tables.
type WithPort<'a> = &'a mut dyn FnMut(&Port<'_>, &Pool<'_>, Option<&[u8]>);

/// Finds the first port that is the one, then its pool and the directory of the tables.
fn with_port(is_it: &mut dyn FnMut(&Port<'_>) -> bool, with: WithPort<'_>) -> Result<(), Failure> {
    let mut found = None;
    let failed = Failure::of("reading the configuration");
    each_line(&mut |_, _, line| match line {
        Ok(Line::Port(port)) if is_it(&port) => {
            let Port { writes, allocatable, .. } = port;
            found = Some((Path::of(&[port.name]), Path::of(&[port.pool]), writes, allocatable));
            Decision::Stop
        }
        _ => Decision::GoOn,
    })
    .map_err(&failed)?;
    let Some((name, pool, writes, allocatable)) = found else { return Ok(()) };
    let port = Port { name: name.bytes(), pool: pool.bytes(), writes, allocatable };
    let mut directory: Option<Path> = None;
    each_line(&mut |_, _, line| match line {
        Ok(Line::Directory(path)) => {
            directory.get_or_insert(Path::of(&[path]));
            Decision::GoOn
        }
        Ok(Line::Pool(pool)) if pool.name == port.pool => {
            with(&port, &pool, directory.as_ref().map(Path::bytes));
            Decision::Stop
        }
        _ => Decision::GoOn,
    })
    .map_err(&failed)
}

fn open_port(
    port: &Port<'_>,
    pool: &Pool<'_>,
    directory: Option<&[u8]>,
    access: OpenFlags,
    flags: TypedFlags,
) -> Result<RawFd, Failure> {
    if !port.writes && access.without(OpenFlags::CLOEXEC) != OpenFlags::empty() {
        return Err(Failure::new(Errno::EACCES, Cause::Access));
    }
    let directory = store::directory(directory)?;
    let mut held = hold()?;
    let at = attached(&mut held, pool, &directory)?;
    let attached = held.pool(at).ok_or(Failure::new(Errno::ENODEV, Cause::NotTyped))?;
    if flags == TypedFlags::MAP_ALLOCATABLE {
        let owner = attached.store.stat().map_err(Failure::of("fstat"))?.st_uid;
        let is_allowed = match port.allocatable {
            Allocatable::Any => true,
            Allocatable::Owner => geteuid() == 0 || geteuid() == owner,
            Allocatable::Root => geteuid() == 0,
        };
        if !is_allowed {
            return Err(Failure::new(Errno::EPERM, Cause::Privilege));
        }
    }
    let path = store::of(pool, &directory)?.path;
    let opened = File::open_for_exec(&path, access).map_err(Failure::of("open"))?;
    let stat = opened.stat().map_err(Failure::of("fstat"))?;
    if Identity::of(&stat) != attached.identity {
        return Err(Failure::damaged(crate::Damage::Store));
    }
    remember(&opened, flags).map_err(Failure::of("fcntl"))?;
    Ok(opened.keep())
}

/// The pool, attached now if it was not.
fn attached(held: &mut Held, pool: &Pool<'_>, directory: &Path) -> Result<usize, Failure> {
    let store = store::of(pool, directory)?;
    let there = File::open_through(&store.path, OpenFlags::PATH, 0).and_then(|file| file.stat());
    if let Ok(stat) = there {
        let identity = Identity::of(&stat);
        if let Some(at) = held.find(|pool| pool.identity == identity) {
            held.pool(at).map_or(Ok(()), |pool| pool.renew_store(&store))?;
            return Ok(at);
        }
    }
    let at = held.keep(attach(pool, directory)?)?;
    if let Some(new) = held.pool(at) {
        new.heal()?;
    }
    Ok(at)
}

/// The pool and the flag of a descriptor: one that came here through exec is found by the configuration.
pub(crate) fn recognise(held: &mut Held, fd: RawFd) -> Result<(usize, TypedFlags), Failure> {
    let not_typed = |errno| Failure::new(errno, Cause::NotTyped);
    let stat = file::stat(fd).map_err(not_typed)?;
    let flags = flags_of(fd).ok_or(not_typed(Errno::ENODEV))?;
    there_is_one();
    let identity = Identity::of(&stat);
    if let Some(at) = held.find(|pool| pool.identity == identity) {
        let is_short = held.pool(at).is_some_and(|pool| {
            let bytes = word(pool.table.layout.units).saturating_mul(word(pool.unit));
            pool.punches && u64::try_from(stat.st_size).unwrap_or(0) < bytes
        });
        // Memory behind the end of the store would be a signal to whoever touches it.
        return if is_short { Err(Failure::damaged(Damage::Truncated)) } else { Ok((at, flags)) };
    }
    // A file of another one's that has such a flag by chance costs no reading of the configuration. Devices have no marks.
    if !is_device(&stat) && !is_marked(fd) {
        return Err(not_typed(Errno::ENODEV));
    }
    let mut answer = Err(match is_far_out(fd) {
        true => Failure::new(Errno::ENXIO, Cause::Elsewhere),
        false => not_typed(Errno::ENODEV),
    });
    for_identity(identity, &mut |pool, directory| {
        answer = attached(held, pool, directory).map(|at| (at, flags));
    })?;
    answer
}

fn is_device(stat: &Stat) -> bool {
    stat.st_mode & FORMAT == IS_DEVICE
}

/// Finds the pool whose store a file is.
fn for_identity(identity: Identity, with: &mut dyn FnMut(&Pool<'_>, &Path)) -> Result<(), Failure> {
    let mut directory: Option<Path> = None;
    each_line(&mut |_, _, line| match line {
        Ok(Line::Directory(path)) => {
            directory.get_or_insert(Path::of(&[path]));
            Decision::GoOn
        }
        Ok(Line::Pool(pool)) => {
            // Where it is not there nothing is in it, and nothing is made.
            let there = store::directory_there(directory.as_ref().map(Path::bytes));
            let Ok(Some(directory)) = there else { return Decision::GoOn };
            let stat = store::of(&pool, &directory).ok().and_then(|store| {
                let opened = File::open_through(&store.path, OpenFlags::PATH, 0).ok()?;
                opened.stat().ok()
            });
            if stat.is_some_and(|stat| Identity::of(&stat) == identity) {
                with(&pool, &directory);
                return Decision::Stop;
            }
            Decision::GoOn
        }
        _ => Decision::GoOn,
    })
    .map_err(Failure::of("reading the configuration"))
}

/// Tells of an object, as `posix_typed_mem_get_info` does; what the dead have left is given back first.
///
/// # Errors
///
/// `EBADF`, `ENODEV` (not typed), `EAGAIN`, `EIO`.
pub fn info(fd: RawFd) -> Result<Info, Failure> {
    let mut held = hold()?;
    let (at, flags) = recognise(&mut held, fd).map_err(|failure| match failure.cause {
        Cause::Elsewhere => Failure { errno: Errno::ENODEV, ..failure },
        _ => failure,
    })?;
    let pool = held.pool(at).ok_or(Failure::new(Errno::ENODEV, Cause::NotTyped))?;
    pool.heal()?;
    let bytes = |units: usize| crate::number::word(units.saturating_mul(pool.unit));
    let (free, longest) = (bytes(pool.table.free_units()), bytes(pool.table.longest()));
    let length = match flags {
        TypedFlags::ALLOCATE => free,
        TypedFlags::ALLOCATE_CONTIG => longest,
        _ => 0,
    };
    let (size, unit) = (bytes(pool.table.layout.units), crate::number::word(pool.unit));
    Ok(Info { length, free, longest, size, unit, flags })
}

/// Tells the ports of the configuration, and what is wrong with lines of it.
///
/// # Errors
///
/// Those of reading the files.
pub fn each_port(tell: &mut dyn FnMut(Told<'_>)) -> Result<(), Failure> {
    each_line(&mut |path, line, said| {
        let said = match said {
            Ok(Line::Port(port)) => Ok((port.name, port.pool)),
            Ok(_) => return Decision::GoOn,
            Err(wrong) => Err(wrong),
        };
        tell(Told { file: path.bytes(), line, said });
        Decision::GoOn
    })
    .map_err(Failure::of("reading the configuration"))
}

/// A line of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// The file; empty for the built-in lines.
    pub file: &'a [u8],
    /// The number of the line, from 1 on; 0 for the whole file.
    pub line: usize,
    /// The names of a port and of its pool, or what is wrong with the line.
    pub said: Result<(&'a [u8], &'a [u8]), Wrong>,
}
