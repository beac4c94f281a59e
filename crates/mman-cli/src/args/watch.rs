//! What `mman watch` takes.

use super::{Output, Select};

/// Show live what of files or of a process is in memory, and what comes and goes
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) select: Select,

    /// Watch a process instead of files: its number or name
    #[arg(short, long, value_name = "PID|NAME", conflicts_with = "paths")]
    pub(crate) process: Option<String>,

    /// Seconds between two looks
    #[arg(short = 'n', long, value_name = "SECONDS", default_value = "1")]
    pub(crate) interval: f64,

    /// How many looks, then end
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) output: Output,
}
