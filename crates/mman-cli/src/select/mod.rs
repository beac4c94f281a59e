//! Which files are meant: the words of the command line, and what lies below the directories among them.
//!
//! Every file comes once, however many names and ways lead to it, open for reading. Nothing is opened that could notice:
//! no FIFO, no socket, no device but a block device that was named.

mod filter;
mod found;
mod ignored;
mod inodes;
mod named;
mod open;
mod problem;
mod pseudo;
mod queue;
mod roots;
mod walk;

pub(crate) use found::{Counts, Found};
pub(crate) use problem::{Problem, What};

use crate::args;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use std::path::PathBuf;

/// What looks at files as they are found. Each thread of the search has one of its own.
pub(crate) trait Visitor: Send {
    /// A file. It is open; whoever keeps it keeps a descriptor.
    fn file(&mut self, found: Found<'_>);

    /// Something that could not be looked at, or into. Not called for what has vanished meanwhile: that is counted.
    fn problem(&mut self, problem: &Problem<'_>);

    /// The search is over: called once, in the thread of the visitor.
    fn finish(&mut self) {}
}

/// The files that the arguments mean.
#[derive(Debug)]
pub(crate) struct Selection {
    roots: roots::Roots,
    filter: filter::Filter,
    rules: walk::Rules,
    threads: usize,
}

impl Selection {
    /// Reads the arguments. Where no path is given, that is the current directory.
    pub(crate) fn new(args: &args::Select) -> Result<Self, Failure> {
        let threads = match args.threads {
            Some(threads) => threads.get(),
            None => std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        };
        Ok(Self {
            roots: roots::Roots::new(args)?,
            filter: filter::Filter::new(args)?,
            rules: walk::Rules::new(args),
            threads,
        })
    }

    /// The same with another number of threads.
    pub(crate) fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Whether a single directory is searched: the names of its files may then be shown from there on
    /// ([`Found::below`]).
    pub(crate) fn is_one_directory(&self) -> bool {
        self.roots.is_one_directory()
    }

    /// Finds the files, on several threads, each of which tells its own visitor. They come in no order.
    ///
    /// Ends early where the interrupt is set. Gives the visitors back, and what was counted.
    pub(crate) fn visit<V: Visitor>(
        &self,
        interrupt: &Interrupt,
        visitor: impl Fn() -> V + Sync,
    ) -> (Vec<V>, Counts) {
        walk::walk(self, interrupt, visitor)
    }

    /// Finds the files, makes something of each, on several threads, and gives that in the order of the paths.
    pub(crate) fn collect<T: Send>(
        &self,
        interrupt: &Interrupt,
        look: impl Fn(Found<'_>) -> T + Sync,
    ) -> Collected<T> {
        let (parts, counts) = self.visit(interrupt, || Collector {
            look: &look,
            files: Vec::new(),
            problems: Vec::new(),
        });
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for part in parts {
            files.extend(part.files);
            problems.extend(part.problems);
        }
        files.sort_by(|a: &(PathBuf, T), b| a.0.cmp(&b.0));
        problems.sort_by(|a: &(PathBuf, What), b| a.0.cmp(&b.0));
        Collected { files, problems, counts }
    }
}

/// What [`Selection::collect`] found, in the order of the paths.
#[derive(Debug)]
pub(crate) struct Collected<T> {
    pub(crate) files: Vec<(PathBuf, T)>,
    /// What could not be looked at, or into.
    pub(crate) problems: Vec<(PathBuf, What)>,
    pub(crate) counts: Counts,
}

struct Collector<'look, L, T> {
    look: &'look L,
    files: Vec<(PathBuf, T)>,
    problems: Vec<(PathBuf, What)>,
}

impl<L: Fn(Found<'_>) -> T + Sync, T: Send> Visitor for Collector<'_, L, T> {
    fn file(&mut self, found: Found<'_>) {
        let path = found.path.to_owned();
        self.files.push((path, (self.look)(found)));
    }

    fn problem(&mut self, problem: &Problem<'_>) {
        self.problems.push((problem.path.to_owned(), problem.what));
    }
}
