//! `mman save`: remembering what is in memory.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Save) -> ExitCode {
    exit_code([Err(Failure::line("save: not built yet"))])
}
