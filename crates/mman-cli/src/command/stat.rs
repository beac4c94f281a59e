//! `mman stat`: how much of files is in the page cache.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Stat) -> ExitCode {
    exit_code([Err(Failure::line("stat: not built yet"))])
}
