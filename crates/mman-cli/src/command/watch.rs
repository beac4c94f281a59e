//! `mman watch`: what is in memory, live.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Watch) -> ExitCode {
    exit_code([Err(Failure::line("watch: not built yet"))])
}
