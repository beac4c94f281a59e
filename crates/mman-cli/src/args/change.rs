//! What `mman touch` and `mman evict` take.

use super::{Bytes, Output, Select};
use crate::range::Asked;

/// Read files into the page cache: only what is missing
#[derive(Debug, clap::Args)]
pub(crate) struct Touch {
    #[command(flatten)]
    pub(crate) select: Select,

    /// Only these bytes of each file, rounded outwards to pages: A-B, A-, A+LEN, -N
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<Asked>,

    /// Read in at most so many bytes
    #[arg(long, value_name = "SIZE")]
    pub(crate) budget: Option<Bytes>,

    /// Read in at most so many bytes a second
    #[arg(long, value_name = "SIZE")]
    pub(crate) rate: Option<Bytes>,

    /// Give way to everybody else's reading (the idle class of ioprio_set(2))
    #[arg(long)]
    pub(crate) idle: bool,

    /// Ask the kernel and do not wait until it has read
    #[arg(long)]
    pub(crate) no_wait: bool,

    /// Say what would be read in, and read nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// Drop files from the page cache, and say what remains and why
#[derive(Debug, clap::Args)]
pub(crate) struct Evict {
    #[command(flatten)]
    pub(crate) select: Select,

    /// Only these bytes of each file, rounded inwards to pages: A-B, A-, A+LEN, -N
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<Asked>,

    /// Keep the last bytes of each file
    #[arg(long, value_name = "SIZE", conflicts_with = "range")]
    pub(crate) keep_tail: Option<Bytes>,

    /// Write changed pages back first, so that they can go too
    #[arg(long)]
    pub(crate) sync: bool,

    /// Page them out of the processes that map them, so that they can go too
    #[arg(long)]
    pub(crate) force_mapped: bool,

    /// Say what would be dropped, and drop nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}
