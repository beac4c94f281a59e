//! `mman` alone: what there is, by example.

use crate::failure::{Failure, exit_code};
use std::io::{self, Write};
use std::process::ExitCode;

const EXAMPLES: &str = "
  mman stat data/              how much of data/ is in the page cache
  mman touch model.gguf        read it in now (only what is missing)
  mman evict backup.tar        give the memory back
  mman lock index/             keep it in memory while this runs
  mman maps postgres           what a process has mapped, largest first
  mman who /lib/libc.so.6      which processes map this file
  mman advise 812 pageout      steer another process's memory
  mman watch data/             live: what comes in and what goes out
  mman save db/ -o db.warm     remember what is hot; mman restore db.warm
  mman diff db.warm            what came and went since
  mman cat data.bin@4096+64    write bytes 4096 to 4160, through a mapping
  mman log tail -f app.log     the records of a log, as they come
  mman typed                   pools of typed memory: how full, and who holds them
  mman doctor                  what this kernel, your rights and limits allow

mman COMMAND -h says more; mman COMMAND --help says all.
";

/// Prints it.
pub(crate) fn run() -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let head = format!("mman {version}: see and steer what Linux keeps in memory\n");
    let written = io::stdout().write_all(&[head.as_bytes(), EXAMPLES.as_bytes()].concat());
    exit_code([written.map_err(|error| Failure::writing(&error))])
}
