//! `mman restore`: reading in again what a snapshot remembers.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Restore) -> ExitCode {
    exit_code([Err(Failure::line("restore: not built yet"))])
}
