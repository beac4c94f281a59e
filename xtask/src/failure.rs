//! The one error of this program: a line that says what went wrong and what to do.

use std::fmt;

/// Why a command could not do its work, or what it found to be wrong.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What a step of a command ends in.
pub(crate) type Done<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
