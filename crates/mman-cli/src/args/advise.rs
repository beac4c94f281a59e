//! What `mman advise` takes.

use super::Output;
use clap::ValueEnum;

/// Steer the memory of another process (process_madvise(2))
#[derive(Debug, clap::Args)]
pub(crate) struct Advise {
    /// Process number or name (all processes of the name)
    #[arg(value_name = "PID|NAME")]
    pub(crate) process: String,

    /// What is to become of it
    #[arg(value_name = "ADVICE")]
    pub(crate) how: How,

    /// Only mappings of files whose name, or path where GLOB has a slash, matches
    #[arg(long, value_name = "GLOB")]
    pub(crate) file: Vec<String>,

    /// Only these addresses, rounded to pages: A-B, A-, A+LEN
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<crate::range::Asked>,

    /// Say which mappings it would be, and change nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is to become of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// The first to go when memory is short
    Cold,
    /// Reclaimed now: written to its file or to swap
    Pageout,
    /// Read in
    Willneed,
    /// Made of huge pages where that can be
    Collapse,
}
