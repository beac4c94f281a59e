//! How much a record matters.

use core::fmt;

/// How much a record matters. The lowest, [`Error`](Level::Error), matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something may fail.
    Warn = 2,
    /// What the program does.
    Info = 3,
    /// What helps to find a fault.
    Debug = 4,
    /// Every step.
    Trace = 5,
}

impl Level {
    /// All of them, the most important first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Its number in the file; 0 is a record without a level.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The level of a number in the file.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        })
    }
}
