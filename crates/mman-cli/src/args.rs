//! The command line: what clap parses, and what `--help` says.

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// See and steer what Linux keeps in memory.
#[derive(Debug, Parser)]
#[command(name = "mman", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Cat(Cat),
    #[command(subcommand)]
    Log(Log),
    /// Say what this kernel, this process's rights and its limits allow, and what each means
    Doctor,
}

/// Write a slice of a file, a device or a process's memory to standard output, through a mapping
#[derive(Debug, clap::Args)]
#[command(after_help = OBJECTS)]
pub(crate) struct Cat {
    /// What to write: OBJECT or OBJECT@RANGE
    #[arg(required = true, value_name = "OBJECT[@RANGE]")]
    pub(crate) objects: Vec<OsString>,

    /// Write offsets, bytes in hexadecimal and characters
    #[arg(long)]
    pub(crate) hex: bool,
}

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

const OBJECTS: &str = "\
Objects:
  PATH            a regular file, a block device, a file of /proc or /sys
  shm:NAME        a POSIX shared memory object
  pid:PID@RANGE   memory of a process, by address

Ranges, exact to the byte:
  A-B   from A up to but not with B         A+LEN   LEN bytes from A
  A-    from A to the end                   -N      the last N bytes
Numbers are decimal, with K M G T (powers of 1024), or hexadecimal with 0x.

The last @ divides. A path that exists as written wins; ./ in front makes anything a path.

Examples:
  mman cat data.bin@4096+64 --hex
  mman cat /dev/sda@0+512
  mman cat pid:812@0x7ffd1000+4K > stack.bin";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Args::command().debug_assert();
    }
}
