//! What `mman lock` takes.

use super::{Output, Select};
use crate::range::Asked;
use std::path::PathBuf;

/// Hold files in memory, locked, until it is interrupted
#[derive(Debug, clap::Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    pub(crate) select: Select,

    /// Only these bytes of each file, rounded outwards to pages: A-B, A-, A+LEN, -N
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<Asked>,

    /// Lock pages as they come into memory, and bring none in
    #[arg(long)]
    pub(crate) on_fault: bool,

    /// Follow files that grow, shrink, come or are replaced
    #[arg(long)]
    pub(crate) follow_changes: bool,

    /// End when this process ends
    #[arg(long, value_name = "PID")]
    pub(crate) until: Option<u32>,

    /// Write the process number to FILE once all is locked; it is removed at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) pidfile: Option<PathBuf>,

    /// Print a unit file for systemd that runs this command, and lock nothing
    #[arg(long)]
    pub(crate) systemd_unit: bool,

    /// Say what would be locked, and lock nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}
