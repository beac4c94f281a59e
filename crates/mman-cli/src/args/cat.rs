//! What `mman cat` takes.

use std::ffi::OsString;

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
