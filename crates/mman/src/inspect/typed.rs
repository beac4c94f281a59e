//! Typed memory from outside: which pools are configured, how full they are, and who holds what.
//!
//! Nothing is made or taken by looking: a pool that nobody has opened stays so. What is told is a copy of the pool's table
//! as it was, which may be looked at by whoever may read it; nobody is waited for.
//! [posix_typed_mem_open(3p)](https://man7.org/linux/man-pages/man3/posix_typed_mem_open.3p.html)
//!
//! ```
//! use mman::inspect::typed::{self, State};
//!
//! for port in typed::configuration()?.ports {
//!     match port.pool.as_ref().map(typed::Pool::look) {
//!         Some(Ok(State::InUse(look))) => assert!(look.sizes().free <= look.sizes().size),
//!         Some(Ok(State::Unused(planned))) => assert!(planned.unit > 0),
//!         _ => println!("{} cannot be looked at", port.name),
//!     }
//! }
//! # Ok::<(), mman::Error>(())
//! ```

mod there;

use crate::error::{Operation, Result};
use crate::object::typed::refused;
use core::fmt;
use core::ops::Range;
use mman_typed::config::{self, Line, Said};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub use mman_typed::config::{Allocatable, Wrong};
pub use mman_typed::{Agreement, Holder, Planned, Repairs, Sizes};

/// What the configuration of typed memory says, to the user and in the environment of this process.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The ports that programs can open, in their order.
    pub ports: Vec<Port>,
    /// What of it counts for nothing, and why.
    pub remarks: Vec<Remark>,
    /// The files that say something. None: the built-in pools are all that there is.
    pub files: Vec<PathBuf>,
}

/// A name that programs open, and what is behind it.
#[derive(Clone, Debug)]
pub struct Port {
    /// The name.
    pub name: String,
    /// The name of its pool.
    pub pool_name: String,
    /// The pool; `None` where none of that name is configured.
    pub pool: Option<Pool>,
    /// Whether it may be opened for writing.
    pub writes: bool,
    /// Who may map through it without allocating.
    pub allocatable: Allocatable,
    /// Where it is configured; no file for a built-in one.
    pub place: Place,
}

/// A pool of memory.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What ports call it.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// The size that is configured, in bytes; 0 for all there is.
    pub size: u64,
    /// The mode of its files.
    pub mode: u32,
    /// Whether what is mapped of it is given memory at once.
    pub commit: bool,
    /// The directory of its table; `None` for the user's own.
    pub directory: Option<PathBuf>,
    /// Where it is configured; no file for a built-in one.
    pub place: Place,
}

/// What a pool is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Shared memory.
    Shm,
    /// Shared memory of a NUMA node.
    Node(u32),
    /// Huge pages.
    Huge {
        /// The size of a page in bytes.
        page: u64,
        /// The hugetlbfs; `None` for the first one that is mounted.
        path: Option<PathBuf>,
    },
    /// An object that is there already.
    Store(PathBuf),
    /// A device.
    Dax(PathBuf),
}

/// A line of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file; empty for what is built in.
    pub file: PathBuf,
    /// The number of the line, from 1 on; 0 for the whole file.
    pub line: usize,
}

/// A line that counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where it is.
    pub place: Place,
    /// Why.
    pub why: Useless,
}

/// Why a line of a configuration counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Useless {
    /// It is none.
    Wrong(Wrong),
    /// There is a port of this name already.
    PortAgain,
    /// There is a pool of this name already.
    PoolAgain,
    /// A directory was named already.
    DirectoryAgain,
    /// The port is of a pool that is not configured.
    NoPool,
}

impl fmt::Display for Useless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong(wrong) => return write!(f, "{wrong}"),
            Self::PortAgain => "there is a port of this name already",
            Self::PoolAgain => "there is a pool of this name already",
            Self::DirectoryAgain => "a directory was named already",
            Self::NoPool => "the port is of a pool that is not configured",
        })
    }
}

/// Reads the configuration.
///
/// # Errors
///
/// Those of reading the files.
pub fn configuration() -> Result<Configuration> {
    let (mut found, mut pools) = (Configuration::default(), Vec::<Pool>::new());
    let mut directory = None;
    config::each(&mut |said| found.take(&said, &mut pools, &mut directory))
        .map_err(|failure| refused(Operation::Open, failure))?;
    let Configuration { ports, remarks, .. } = &mut found;
    for port in ports {
        port.pool = pools.iter().find(|pool| pool.name == port.pool_name).cloned();
        if port.pool.is_none() {
            remarks.push(Remark { place: port.place.clone(), why: Useless::NoPool });
        }
    }
    // Those of a file in their order; files in the order in which they are read.
    let Configuration { remarks, files, .. } = &mut found;
    remarks.sort_by_key(|Remark { place, .. }| {
        (files.iter().position(|file| *file == place.file), place.line)
    });
    Ok(found)
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Names are letters, digits and a few signs.
fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Configuration {
    /// The port that a name means: one with `/` at its start is whole, any other is the last parts of the first that fits.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|port| config::is_named(port.name.as_bytes(), name.as_bytes()))
    }

    fn take(&mut self, said: &Said<'_>, pools: &mut Vec<Pool>, directory: &mut Option<PathBuf>) {
        let place = Place { file: path(said.file), line: said.line };
        let is_built_in = said.file.is_empty();
        if !is_built_in && !self.files.contains(&place.file) {
            self.files.push(place.file.clone());
        }
        let why = match said.said {
            Err(wrong) => Useless::Wrong(wrong),
            Ok(Line::Port(port)) if self.ports.iter().any(|one| one.name == name(port.name)) => {
                Useless::PortAgain
            }
            Ok(Line::Pool(pool)) if pools.iter().any(|one| one.name == name(pool.name)) => {
                Useless::PoolAgain
            }
            Ok(Line::Directory(_)) if directory.is_some() => Useless::DirectoryAgain,
            Ok(Line::Directory(named)) => return *directory = Some(path(named)),
            Ok(Line::Port(port)) => return self.ports.push(Port::of(&port, place)),
            Ok(Line::Pool(pool)) => return pools.push(Pool::of(&pool, directory.clone(), place)),
            Ok(_) => return,
        };
        // What is built in gives way to what is configured.
        if !is_built_in {
            self.remarks.push(Remark { place, why });
        }
    }
}

impl Port {
    fn of(port: &config::Port<'_>, place: Place) -> Self {
        let config::Port { writes, allocatable, .. } = *port;
        let (name, pool_name) = (name(port.name), name(port.pool));
        Self { name, pool_name, pool: None, writes, allocatable, place }
    }
}

/// How a pool is.
#[derive(Debug)]
pub enum State {
    /// Nobody has opened it yet: what it would be.
    Unused(Planned),
    /// Nobody has opened it yet, and this process may not make it: the directory of its table, or its hugetlbfs, is not one
    /// that it may write to.
    Unmade(Planned),
    /// It has a table.
    InUse(Look),
}

impl Pool {
    fn of(pool: &config::Pool<'_>, directory: Option<PathBuf>, place: Place) -> Self {
        let kind = match pool.kind {
            config::Kind::Node(node) => Kind::Node(node),
            config::Kind::Huge { page, path: at } => Kind::Huge { page, path: at.map(path) },
            config::Kind::Store(at) => Kind::Store(path(at)),
            config::Kind::Dax(at) => Kind::Dax(path(at)),
            _ => Kind::Shm,
        };
        let config::Pool { size, mode, commit, .. } = *pool;
        Self { name: name(pool.name), kind, size, mode, commit, directory, place }
    }

    /// Looks at it.
    ///
    /// # Errors
    ///
    /// `EACCES` where its table may not be read, its object not be opened, or its directory is one that others may write to;
    /// `ENODEV` where the machine lacks what it is made of, or that is something else; `EIO` where the table is damaged;
    /// `ENOMEM`.
    pub fn look(&self) -> Result<State> {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let directory = self.directory.as_deref().map(bytes);
        let path = match &self.kind {
            Kind::Huge { path, .. } => path.as_deref().map(bytes),
            Kind::Store(path) | Kind::Dax(path) => Some(bytes(path)),
            Kind::Shm | Kind::Node(_) => None,
        };
        let at = path.as_deref();
        let kind = match self.kind {
            Kind::Shm => config::Kind::Shm,
            Kind::Node(node) => config::Kind::Node(node),
            Kind::Huge { page, .. } => config::Kind::Huge { page, path: at },
            Kind::Store(_) => config::Kind::Store(at.unwrap_or_default()),
            Kind::Dax(_) => config::Kind::Dax(at.unwrap_or_default()),
        };
        let Self { size, mode, commit, .. } = *self;
        let pool = config::Pool { name: self.name.as_bytes(), kind, size, mode, commit };
        let looked = mman_typed::Look::at(&pool, directory.as_deref());
        let failed = |failure| refused(Operation::Inspect, failure);
        match looked.map_err(failed)? {
            Some(look) => Ok(State::InUse(Look(Box::new(look)))),
            None => {
                let planned = mman_typed::planned(&pool, directory.as_deref());
                let planned = planned.map_err(failed)?;
                there::look(self).map_err(failed)?;
                let state = if there::may_be_made(self) { State::Unused } else { State::Unmade };
                Ok(state(planned))
            }
        }
    }
}

/// A pool as it was when it was looked at.
#[derive(Debug)]
pub struct Look(Box<mman_typed::Look>);

/// Who holds memory of a pool, and which.
#[derive(Clone, Debug)]
pub struct Held {
    /// Who.
    pub holder: Holder,
    /// The ranges, in bytes of the pool and in their order; one that is mapped twice is there twice.
    pub ranges: Vec<Range<u64>>,
}

impl Look {
    /// Its sizes, in bytes.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.0.sizes()
    }

    /// Tells the free runs, in order, in bytes of the pool.
    pub fn free_runs(&self, mut tell: impl FnMut(Range<u64>)) {
        self.0.each_free_run(&mut tell);
    }

    /// Who holds memory of it; those too that have it open and hold none.
    #[must_use]
    pub fn holders(&self) -> Vec<Held> {
        let mut all = Vec::new();
        self.0.each_holder(&mut |holder, ranges| {
            let mut ranges: Vec<Range<u64>> = ranges.collect();
            ranges.sort_unstable_by_key(|range| (range.start, range.end));
            all.push(Held { holder: *holder, ranges });
        });
        all
    }

    /// What was ever wrong with its table.
    #[must_use]
    pub fn repairs(&self) -> Repairs {
        self.0.repairs()
    }

    /// The process that was changing the table when it was read.
    #[must_use]
    pub fn changed_by(&self) -> Option<i32> {
        self.0.changed_by()
    }

    /// Whether the table agrees with itself; it is read again for this.
    ///
    /// # Errors
    ///
    /// Those of reading it.
    pub fn agreement(&self) -> Result<Agreement> {
        self.0.agreement().map_err(|failure| refused(Operation::Inspect, failure))
    }
}
