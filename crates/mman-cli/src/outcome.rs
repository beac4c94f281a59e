//! How a command ended, and the exit code that says so to scripts.

use std::process::ExitCode;

/// From the best to the worst: the worst of several is that of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Done, or true.
    #[default]
    Done,
    /// It ran, and the condition is false: below the minimum, pages left, differs.
    False,
    /// Something could not be done, or is not known.
    Error,
    /// It was interrupted.
    Interrupted,
}

impl Outcome {
    pub(crate) fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::False => 1,
            Outcome::Error => 2,
            Outcome::Interrupted => 130,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_wins() {
        assert_eq!(Outcome::False.and(Outcome::Done), Outcome::False);
        assert_eq!(Outcome::Error.and(Outcome::False), Outcome::Error);
        assert_eq!(Outcome::Error.and(Outcome::Interrupted), Outcome::Interrupted);
    }
}
