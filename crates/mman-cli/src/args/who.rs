//! What `mman who` takes.

use super::Output;
use std::path::PathBuf;

/// Show which processes map a file, lock it or hold it open
#[derive(Debug, clap::Args)]
pub(crate) struct Who {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Only processes that have pages of it locked
    #[arg(long)]
    pub(crate) locked: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}
