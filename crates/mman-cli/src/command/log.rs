//! `mman log`: the records of logs in mapped files, on standard output.

mod line;
mod show;
mod verify;

use crate::args::Log;
use crate::failure::exit_code;
use std::process::ExitCode;

/// Does what is asked of each file in its turn.
pub(crate) fn run(args: &Log) -> ExitCode {
    match args {
        Log::Cat(args) => exit_code(args.files.iter().map(|file| show::cat(file, args))),
        Log::Tail(args) => exit_code([show::tail(args)]),
        Log::Verify(args) => exit_code(args.files.iter().map(|file| verify::run(file))),
    }
}
