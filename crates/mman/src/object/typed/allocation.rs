//! What a mapping takes from the free memory of a pool.

use super::{KIND, TypedMemory};
use crate::error::{ObjectKind, Result};
use crate::object::{Backed, Described, MemoryObject};
use mman_typed::TypedFlags;

/// So many bytes of a pool that nobody has yet. Each mapping of it is memory of its own, as with
/// [`Anonymous`](crate::Anonymous).
///
/// ```
/// use mman::{MapOptions, TypedMemory};
///
/// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
/// # pools.use_here();
/// let pool = TypedMemory::open("/shm")?;
/// let object = pool.contiguous_allocation(4096);
/// let options = MapOptions::shared().read_write();
/// let (one, other) = (options.map(&object)?, options.map(&object)?);
/// assert_ne!(one.typed_pieces(..)?, other.typed_pieces(..)?);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TypedAllocation<'port> {
    port: &'port TypedMemory,
    len: usize,
    flags: TypedFlags,
}

impl<'port> TypedAllocation<'port> {
    pub(super) const fn new(port: &'port TypedMemory, len: usize, flags: TypedFlags) -> Self {
        Self { port, len, flags }
    }
}

impl MemoryObject for TypedAllocation<'_> {
    fn kind(&self) -> ObjectKind {
        KIND
    }
}

impl Backed for TypedAllocation<'_> {
    fn describe(&self) -> Result<Described<'_>> {
        let described = self.port.described(self.flags)?;
        Ok(Described { size: Some(self.len as u64), identity: None, ..described })
    }
}
