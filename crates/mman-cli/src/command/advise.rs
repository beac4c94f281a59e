//! `mman advise`: steering the memory of another process.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Advise) -> ExitCode {
    exit_code([Err(Failure::line("advise: not built yet"))])
}
