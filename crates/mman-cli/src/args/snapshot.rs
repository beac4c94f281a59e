//! What `mman save`, `mman restore` and `mman diff` take.

use super::{Bytes, Output, Select};
use std::ffi::OsString;
use std::path::PathBuf;

/// Remember which parts of files are in memory
#[derive(Debug, clap::Args)]
pub(crate) struct Save {
    #[command(flatten)]
    pub(crate) select: Select,

    /// The snapshot to write; - is standard output
    #[arg(short, long, value_name = "FILE", required = true)]
    pub(crate) out: PathBuf,

    /// Only pages that were used since the last look at them (needs root)
    #[arg(long)]
    pub(crate) hot: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Read in again what a snapshot remembers
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The snapshot
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) snapshot: PathBuf,

    /// Only these files and what is below these directories
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The files are elsewhere now: OLD is NEW
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) rebase: Vec<OsString>,

    /// Exit with 1, and read in nothing, if any file has changed or is gone
    #[arg(long)]
    pub(crate) strict: bool,

    /// Read in at most so many bytes
    #[arg(long, value_name = "SIZE")]
    pub(crate) budget: Option<Bytes>,

    /// How many readers [default: 32]
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,

    /// Say what would be read in, and read nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Compare two snapshots, or a snapshot with what is in memory now
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The earlier snapshot
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) before: PathBuf,

    /// The later one [default: now]
    #[arg(value_name = "SNAPSHOT")]
    pub(crate) after: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: Output,
}
