//! Why a file was not mapped by safe code.

use std::io;
use std::{error, fmt};

/// What [`MmapOptions::map_if_safe`](crate::MmapOptions::map_if_safe) answers: which of three things was wrong.
///
/// It converts to [`std::io::Error`], for who does not ask.
pub struct MapIfSafeError {
    why: Why,
}

#[derive(Debug)]
enum Why {
    NotSafe(io::Error),
    MapFailed(io::Error),
}

impl Why {
    const fn error(&self) -> &io::Error {
        match self {
            Self::NotSafe(error) | Self::MapFailed(error) => error,
        }
    }
}

impl MapIfSafeError {
    pub(crate) const fn of_unsafe(error: io::Error) -> Self {
        Self { why: Why::NotSafe(error) }
    }

    pub(crate) const fn of_map(error: io::Error) -> Self {
        Self { why: Why::MapFailed(error) }
    }

    /// Whether the platform can prove nothing about files. Never on Linux.
    #[must_use]
    pub fn not_supported(&self) -> bool {
        false
    }

    /// Whether it is not proved that the bytes stay as they are.
    #[must_use]
    pub fn not_safe(&self) -> bool {
        matches!(self.why, Why::NotSafe(_))
    }

    /// Whether mapping itself failed.
    #[must_use]
    pub fn map_failed(&self) -> bool {
        matches!(self.why, Why::MapFailed(_))
    }
}

impl error::Error for MapIfSafeError {}

impl fmt::Display for MapIfSafeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.error().fmt(f)
    }
}

impl fmt::Debug for MapIfSafeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl From<MapIfSafeError> for io::Error {
    fn from(error: MapIfSafeError) -> Self {
        match error.why {
            Why::NotSafe(error) | Why::MapFailed(error) => error,
        }
    }
}
