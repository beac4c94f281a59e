//! What may be copied, and how much.

/// How many bytes may be copied, to have them frozen or to keep them when somebody writes to their file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyLimit(pub(super) u64);

impl CopyLimit {
    /// Any number.
    pub const NONE: Self = Self(u64::MAX);
    /// No copy: only what is immutable already.
    pub const NO_COPY: Self = Self(0);

    /// So many.
    #[must_use]
    pub const fn bytes(limit: u64) -> Self {
        Self(limit)
    }
}

/// What [`Frozen::open_within`](crate::Frozen::open_within) may copy: how much, and whether also a file that nobody can
/// write to but whose storage can fail. A [`CopyLimit`] alone is one too.
///
/// ```
/// use mman::{CopyLimit, CopyPolicy, Frozen};
///
/// // Never a signal, whatever the disk does; and no more than a MiB of memory.
/// let policy = CopyPolicy::within(CopyLimit::bytes(1 << 20)).verity_too();
/// let manifest = Frozen::open_within("Cargo.toml", policy)?;
/// assert!(manifest.starts_with(b"[package]"));
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyPolicy {
    pub(super) limit: CopyLimit,
    pub(super) verity_too: bool,
}

impl CopyPolicy {
    /// So many bytes, of what others could change. What nobody can is mapped.
    #[must_use]
    pub const fn within(limit: CopyLimit) -> Self {
        Self { limit, verity_too: false }
    }

    /// Files with fs-verity too: a failing disk is an error of the copy then, and no SIGBUS later.
    #[must_use]
    pub const fn verity_too(self) -> Self {
        Self { verity_too: true, ..self }
    }
}

impl From<CopyLimit> for CopyPolicy {
    fn from(limit: CopyLimit) -> Self {
        Self::within(limit)
    }
}
