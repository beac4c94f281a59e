//! `mman evict`: dropping files from the page cache.

use crate::args;
use crate::failure::{Failure, exit_code};
use std::process::ExitCode;

/// Does it.
pub(crate) fn run(_args: &args::Evict) -> ExitCode {
    exit_code([Err(Failure::line("evict: not built yet"))])
}
