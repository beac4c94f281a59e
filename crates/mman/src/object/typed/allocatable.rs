//! A pool as it is mapped without allocating.

use super::{KIND, TypedMemory};
use crate::error::{ObjectKind, Result};
use crate::object::{Backed, Described, MemoryObject};
use mman_typed::TypedFlags;

/// All of a pool, whose mappings change nothing of what is allocated: see
/// [`TypedMemory::map_allocatable`].
///
/// ```
/// use mman::{MapOptions, Shared, TypedMemory};
///
/// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
/// # pools.use_here();
/// let pool = TypedMemory::open("/shm")?;
/// let block = pool.allocate(4096)?;
/// let piece = block.typed_pieces(..)?.remove(0);
/// let view = Shared::map(&MapOptions::shared().range(piece), &pool.allocatable())?;
/// assert_eq!(view.load::<u8>(0)?, 0);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TypedAllocatable<'port> {
    port: &'port TypedMemory,
}

impl<'port> TypedAllocatable<'port> {
    pub(super) const fn new(port: &'port TypedMemory) -> Self {
        Self { port }
    }
}

impl MemoryObject for TypedAllocatable<'_> {
    fn kind(&self) -> ObjectKind {
        KIND
    }
}

impl Backed for TypedAllocatable<'_> {
    fn describe(&self) -> Result<Described<'_>> {
        self.port.described(TypedFlags::MAP_ALLOCATABLE)
    }
}
