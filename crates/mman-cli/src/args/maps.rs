//! What `mman maps` takes.

use super::{Bytes, Output};
use clap::ValueEnum;

/// Show what processes have mapped: how much is in memory, shared, swapped, locked, huge, dirty
#[derive(Debug, clap::Args)]
pub(crate) struct Maps {
    /// Process numbers or names (all processes of the name)
    #[arg(required_unless_present = "columns", value_name = "PID|NAME")]
    pub(crate) processes: Vec<String>,

    /// A line for each mapping, file or kind of memory
    #[arg(long, value_name = "WHAT", default_value = "mapping")]
    pub(crate) by: Grouping,

    /// The columns, by name, in this order (`--columns help` lists them)
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// The column to order by, the largest first [default: rss]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) sort: Option<String>,

    /// Only lines with at least so much in memory
    #[arg(long, value_name = "SIZE")]
    pub(crate) min: Option<Bytes>,

    /// Show on which nodes the pages are
    #[arg(long)]
    pub(crate) numa: bool,

    /// Show huge pages of each kind
    #[arg(long)]
    pub(crate) huge: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grouping {
    Mapping,
    File,
    Kind,
}
