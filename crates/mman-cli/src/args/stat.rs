//! What `mman stat` takes.

use super::{Output, Percent, Select};
use clap::ValueEnum;

/// Show how much of files is in the page cache, like du
#[derive(Debug, clap::Args)]
pub(crate) struct Stat {
    #[command(flatten)]
    pub(crate) select: Select,

    /// Only files with changed pages that are not written back yet
    #[arg(long)]
    pub(crate) dirty: bool,

    /// Only files of which something is in the cache
    #[arg(long)]
    pub(crate) only_cached: bool,

    /// Exit with 1 unless at least this share of all is in the cache
    #[arg(long, value_name = "SHARE")]
    pub(crate) min: Option<Percent>,

    /// Only the N with the most in the cache
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,

    /// A line for each file, directory or extension
    #[arg(long, value_name = "WHAT", default_value = "file")]
    pub(crate) by: By,

    /// Draw which parts are in the cache
    #[arg(short, long)]
    pub(crate) map: bool,

    /// Show in which sizes the cache has the pages (needs root)
    #[arg(long)]
    pub(crate) folios: bool,

    /// Only these bytes of each file: A-B, A-, A+LEN, -N
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<crate::range::Asked>,

    /// Order of the lines
    #[arg(long, value_name = "WHAT", default_value = "path")]
    pub(crate) sort: Sort,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    File,
    Dir,
    Ext,
}

/// What lines are ordered by: the largest first, but for paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Path,
    Cached,
    Size,
    Share,
    Dirty,
    /// As they are found
    None,
}
