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
        Self::Line(format!("standard output: {}", text_of(error)))
    }
}

/// Says on standard error what went wrong, where there is something to say.
#[expect(clippy::print_stderr, reason = "this is where errors are told")]
pub(crate) fn report(failure: &Failure) {
    if let Failure::Line(text) = failure {
        eprintln!("mman: {}", on_one_line(text));
    }
}

/// Names may hold line breaks and terminal escapes: they are shown, not sent.
fn on_one_line(text: &str) -> String {
    let show = |letter: char| {
        let escaped = letter.is_control().then(|| letter.escape_default());
        escaped.map_or_else(|| letter.to_string(), |escaped| escaped.to_string())
    };
    text.chars().map(show).collect()
}

/// What an error of the standard library says, in the library's own style.
pub(crate) fn text_of(error: &io::Error) -> String {
    let text = error.to_string();
    match (text.rfind(" (os error"), error.raw_os_error()) {
        (Some(end), Some(number)) => {
            let sentence = text.get(..end).unwrap_or(&text);
            format!("{sentence} ({})", Errno::from_raw(number))
        }
        _ => text,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_break_is_told_on_one_line() {
        assert_eq!(on_one_line("a\nb\x1b[31m: é"), "a\\nb\\u{1b}[31m: é");
    }

    #[test]
    fn errors_of_the_system_have_their_name() {
        let error = io::Error::from_raw_os_error(Errno::ENOSPC.raw());
        assert_eq!(text_of(&error), "No space left on device (ENOSPC)");
    }
}
