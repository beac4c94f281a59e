//! How a log is to be kept: how long its files may be, and how many of them.

use super::append_log::AppendLog;
use crate::error::Result;
use std::path::Path;

/// How a log is kept. What an existing file says of itself (its greatest length) wins.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("mman-doc-options-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// use mman::log::LogOptions;
///
/// let log = LogOptions::new().capacity(1 << 20).rotate(3).open(folder.join("app.log"))?;
/// log.append(b"started")?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nothing is opened until `open` is called"]
pub struct LogOptions {
    pub(crate) capacity: u64,
    pub(crate) keep: Option<u32>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl LogOptions {
    /// One file of at most 16 GiB, which is as long as what is in it.
    pub const fn new() -> Self {
        Self { capacity: 16 << 30, keep: None }
    }

    /// The greatest length of a file in bytes, its first page of 4096 included: rounded up to a multiple of 8, at
    /// least 8192. As much address space is held; disk space is taken as it is needed, a MiB at a time, or two while
    /// the log is written fast.
    pub const fn capacity(self, bytes: u64) -> Self {
        let bytes = if bytes < 8192 { 8192 } else { bytes };
        Self { capacity: bytes.saturating_add(7) & !7, ..self }
    }

    /// When a file is full, go on in a new one. The full one `NAME` becomes `NAME.N`, `N` counting up, and so many
    /// of those are kept.
    pub const fn rotate(self, keep: u32) -> Self {
        Self { keep: Some(keep), ..self }
    }

    /// Opens a log, or makes it.
    ///
    /// # Errors
    ///
    /// See [`AppendLog::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<AppendLog> {
        AppendLog::open_with(path.as_ref(), self)
    }
}
