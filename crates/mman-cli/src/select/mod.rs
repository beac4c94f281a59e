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
}
