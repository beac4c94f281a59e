//! What `mman log` takes.

use clap::Subcommand;
use std::path::PathBuf;

/// Read and check logs in mapped files, while they are written too
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Write the records of a log to standard output, a line each
    Cat(LogCat),
    /// Write the last records of a log, and with -f those that come, across rotation
    Tail(LogTail),
    /// Check every record of files of logs, count them, and name the bad ones by offset
    Verify(LogVerify),
}

/// Write the records of a log to standard output, a line each
#[derive(Debug, clap::Args)]
pub(crate) struct LogCat {
    /// The file of the log, or one that was rotated
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Write the contents alone, without time, level and process
    #[arg(long)]
    pub(crate) raw: bool,

    /// Begin with the oldest rotated file that is kept
    #[arg(long)]
    pub(crate) all: bool,
}

/// Write the last records of a log, and with -f those that come, across rotation
#[derive(Debug, clap::Args)]
pub(crate) struct LogTail {
    /// The file of the log
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Go on, as records come
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// How many of the last records
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,

    /// Write the contents alone, without time, level and process
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Check every record of files of logs, count them, and name the bad ones by offset
#[derive(Debug, clap::Args)]
pub(crate) struct LogVerify {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}
