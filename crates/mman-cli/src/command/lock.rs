//! `mman lock`: holding files in memory.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Lock) -> ExitCode {
    exit_code([Err(Failure::line("lock: not built yet"))])
}
