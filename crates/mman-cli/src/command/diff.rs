//! `mman diff`: comparing two moments.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Diff) -> ExitCode {
    exit_code([Err(Failure::line("diff: not built yet"))])
}
