//! `mman who`: which processes map, lock or hold a file open.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Who) -> ExitCode {
    exit_code([Err(Failure::line("who: not built yet"))])
}
