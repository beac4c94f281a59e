//! `mman maps`: what processes have mapped.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Maps) -> ExitCode {
    exit_code([Err(Failure::line("maps: not built yet"))])
}
