//! `mman` alone: what there is, by example.

use crate::failure::{Failure, exit_code};
use std::io::{self, Write};
use std::process::ExitCode;

const EXAMPLES: &str = "
  mman cat data.bin@4096+64        write bytes 4096 to 4160, through a mapping
  mman cat --hex /dev/sda@0+512    the same of a device, in hexadecimal
  mman cat pid:812@0x7ffd1000+4K   memory of a process
  mman log tail -f app.log         the records of a log, as they come
  mman doctor                      what this kernel, your rights and limits allow

mman COMMAND --help says more.
";

/// Prints it.
pub(crate) fn run() -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let head = format!("mman {version}: see and steer what Linux keeps in memory\n");
    let written = io::stdout().write_all(&[head.as_bytes(), EXAMPLES.as_bytes()].concat());
    exit_code([written.map_err(|error| Failure::writing(&error))])
}
