//! Anonymous memory: zeros without a file.

use super::{Backed, Backing, Described, MemoryObject};
use crate::error::{ObjectKind, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::PageSize;

/// So many bytes of zeros. Each mapping of it is memory of its own.
///
/// Mapped private, it is what an allocator uses; mapped shared, children share it after a fork.
///
/// ```
/// let memory = mman::Anonymous::new(10_000).map()?;
/// memory.write_at(9_000, b"hello")?;
/// let mut bytes = [0; 5];
/// memory.read_at(9_000, &mut bytes)?;
/// assert_eq!(&bytes, b"hello");
/// assert_eq!((memory.len(), memory.mapped_len()), (10_000, 12_288));
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anonymous {
    len: usize,
}

impl Anonymous {
    /// So many bytes.
    #[must_use]
    pub const fn new(len: usize) -> Self {
        Self { len }
    }

    /// Maps all of it, private, for reading and writing.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn map(&self) -> Result<Mapping> {
        MapOptions::private().read_write().map(self)
    }
}

impl MemoryObject for Anonymous {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Anonymous
    }
}

impl Backed for Anonymous {
    fn describe(&self) -> Result<Described<'_>> {
        Ok(Described {
            backing: Backing::Nothing,
            size: Some(self.len as u64),
            identity: None,
            page: PageSize::base(),
        })
    }
}
