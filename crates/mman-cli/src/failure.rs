//! How a command ends when it cannot do what was asked: one line, and an exit code.

use mman::Errno;
use std::io;
use std::process::ExitCode;

/// Error or unknown.
const ERROR: u8 = 2;

/// Why a command stops.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of our output went away: nothing is wrong, and nothing is left to do.
    ReaderGone,
    /// Something to tell, without a line break.
    Line(String),
}

impl Failure {
    pub(crate) fn line(text: impl Into<String>) -> Self {
        Self::Line(text.into())
    }

    /// An error of the library about an object.
    pub(crate) fn of(object: &str, error: &mman::Error) -> Self {
        if error.errno() == Some(Errno::EPIPE) {
            return Self::ReaderGone;
        }
        Self::Line(format!("{object}: {error}"))
    }

    /// An error of writing to standard output.
    pub(crate) fn writing(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::Line(format!("standard output: {error}"))
    }
}

/// Says on standard error what went wrong, where there is something to say.
#[expect(clippy::print_stderr, reason = "this is where errors are told")]
pub(crate) fn report(failure: &Failure) {
    if let Failure::Line(text) = failure {
        eprintln!("mman: {text}");
    }
}

/// The exit code of a command that did several things.
pub(crate) fn exit_code(results: impl IntoIterator<Item = Result<(), Failure>>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for result in results {
        match result {
            Ok(()) => {}
            Err(Failure::ReaderGone) => return code,
            Err(failure) => {
                report(&failure);
                code = ExitCode::from(ERROR);
            }
        }
    }
    code
}
