//! Typed memory objects of POSIX: ports to pools of memory, which processes allocate from and share.

mod allocatable;
mod allocation;
mod commit;
mod configuration;
mod descriptors;
mod failure;
mod fork;
mod info;

pub use allocatable::TypedAllocatable;
pub use allocation::TypedAllocation;
pub(crate) use commit::commit;
pub(crate) use failure::{cause, refused};
pub use info::TypedInfo;

use super::descriptor::{identity, stat_of};
use super::file::page_size;
use super::{Backed, Backing, Described, Identity, MemoryObject};
use crate::error::{Cause, Error, ObjectKind, Operation, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::PageSize;
use core::ops::RangeBounds;
use descriptors::Descriptors;
use mman_typed::TypedFlags;
use std::ffi::OsStr;

const KIND: ObjectKind = ObjectKind::TypedMemory;

/// A typed memory object: a port, by its name, to a pool of memory of one kind.
/// [posix_typed_mem_open](https://pubs.opengroup.org/onlinepubs/9799919799/functions/posix_typed_mem_open.html)
///
/// Which pools there are (shared memory, huge pages, the memory of a NUMA node, a device) and by which names they are
/// opened is configured. Without a word of configuration there are `/shm`, half of the machine's memory for each user;
/// `/huge/2M` and so on, where there are such pages; `/node/0` and so on; `/dax/0.0` and so on. A name without a slash
/// at its start is that of the first port whose last parts it is. [`use_configuration`](Self::use_configuration) brings
/// other ones.
///
/// Mapping allocates: [`allocate`](Self::allocate) takes any free memory of the pool, in several pieces if need be,
/// [`allocate_contiguous`](Self::allocate_contiguous) one run, and [`map`](Self::map) the very range that it names, also
/// where others have it, which is how memory is shared. What is mapped is nobody else's to allocate, until all who have
/// mapped it have unmapped it or have ended, however they end.
///
/// The memory comes as zeros, but for that of a device, and is there when it has been mapped for writing: a lack of it is
/// [`Cause::NoSpace`] or [`Cause::PoolFull`], and no signal later ([`MapOptions::sparse`] leaves that out). Others may
/// change it if they map it too, so views of it are [`Shared`](crate::Shared) and [`SharedMut`](crate::SharedMut).
/// Mappings do not need the port that they came by. They shrink and move, and do not grow: [`Mapping::resize`] to more is
/// [`Cause::Range`]. Errors speak of "a typed memory object", and do not say by which name it was opened.
///
/// ```
/// use mman::TypedMemory;
///
/// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
/// # pools.use_here();
/// let pool = TypedMemory::open("/shm")?;
/// let block = pool.allocate(10_000)?;
/// block.write_at(0, b"for another process")?;
///
/// // What is to be sent to the other process, which maps it through a port of its own.
/// let pieces = block.typed_pieces(..)?;
/// let other = TypedMemory::open("/shm")?;
/// let first = other.map(pieces[0].clone())?;
/// drop(block); // `first` keeps what it has mapped of it
/// let mut bytes = [0; 19];
/// first.read_at(0, &mut bytes)?;
/// assert_eq!(&bytes, b"for another process");
/// # Ok::<(), mman::Error>(())
/// ```
///
/// As an object of [`MapOptions`], a port is the pool whole, whose ranges are mapped as by [`map`](Self::map);
/// [`allocation`](Self::allocation) and the others make objects of what else there is. Private mappings are refused
/// ([`Cause::NotShared`]): what is stored to them would be other memory, while the pool's could be used by nobody.
///
/// ```
/// use mman::{MapOptions, SharedMut, TypedMemory};
///
/// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
/// # pools.use_here();
/// let pool = TypedMemory::open("/shm")?;
/// let view = SharedMut::map(&MapOptions::shared().populate(), &pool.allocation(65_536))?;
/// view.store(0, 7_u64)?;
/// # Ok::<(), mman::Error>(())
/// ```
///
/// # Forks
///
/// A child has what its parent had mapped, and holds it: it is free when both are done with it. Children that `fork` makes are
/// told of at once. Others (a plain `clone`) find out at their first call, and until then, or their end, what the parent
/// unmaps waits.
#[derive(Debug)]
pub struct TypedMemory {
    descriptors: Descriptors,
    /// Of the pool, in bytes.
    size: u64,
    identity: Identity,
    unit: PageSize,
}

impl TypedMemory {
    /// Opens a port for reading and writing.
    ///
    /// What processes that have ended have left in the pool is given back first. So it is by every call that lacks memory,
    /// asks ([`info`](Self::info)) or opens.
    ///
    /// The port is opened once for each way of mapping, when it is first used so: [`allocate`](Self::allocate),
    /// [`allocate_contiguous`](Self::allocate_contiguous) and [`map_allocatable`](Self::map_allocatable) can fail as `open`
    /// can, if the configuration was changed since.
    ///
    /// # Errors
    ///
    /// [`Cause::NotFound`]; [`Cause::BadName`] for more than 255 bytes; [`Cause::PortAccess`] for a port that is for reading
    /// only, or a pool that is another user's; [`Cause::PoolLacks`] where what the pool is made of is not there;
    /// [`Cause::PoolConfiguration`], [`Cause::PoolDamaged`], [`Cause::PoolFolder`], [`Cause::PoolTableFull`],
    /// [`Cause::PoolBusy`]; what `open` answers.
    pub fn open(name: impl AsRef<OsStr>) -> Result<Self> {
        Self::open_for(name.as_ref(), true)
    }

    /// Opens a port for reading.
    ///
    /// # Errors
    ///
    /// Those of [`TypedMemory::open`].
    pub fn open_read_only(name: impl AsRef<OsStr>) -> Result<Self> {
        Self::open_for(name.as_ref(), false)
    }

    fn open_for(name: &OsStr, writable: bool) -> Result<Self> {
        fork::tell();
        let descriptors = Descriptors::new(name, writable);
        let fd = descriptors.get(TypedFlags::NONE, None)?;
        let info = info::of(Operation::Open, fd)?;
        let stat = stat_of(Operation::Open, fd, KIND)?;
        // A unit is whole pages of the store: a mapping is as long as the pool believes.
        if !page_size(fd, KIND, &stat).divides(info.unit.bytes()) {
            return Err(Error::new(Operation::Open, KIND, Cause::NotMappable));
        }
        let identity = identity(&stat);
        Ok(Self { descriptors, size: info.size, identity, unit: info.unit })
    }

    /// What the pool has, and what of it is free. What processes that have ended have left is given back first.
    ///
    /// ```
    /// use mman::TypedMemory;
    ///
    /// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
    /// # pools.use_here();
    /// let pool = TypedMemory::open("/shm")?;
    /// let info = pool.info()?;
    /// assert!(info.longest <= info.free && info.free <= info.size);
    /// assert!(info.unit.divides(usize::try_from(info.size).unwrap()));
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::PoolBusy`]; [`Cause::PoolDamaged`].
    pub fn info(&self) -> Result<TypedInfo> {
        info::of(Operation::Inspect, self.descriptors.get(TypedFlags::NONE, None)?)
    }

    /// Allocates and maps so many bytes of any free memory of the pool, as few pieces as can be, one behind the other in the
    /// address space: for reading and writing, or for reading where the port was opened so. They are whole
    /// [units](TypedInfo::unit), of which [`Mapping::page_size`] tells. No bytes are an empty mapping, which takes nothing
    /// of the pool. (`POSIX_TYPED_MEM_ALLOCATE`)
    ///
    /// Memory that is there takes its time: 0.1 ms for a MiB of shared memory, as measured, where
    /// [`sparse`](MapOptions::sparse) takes 3 us for any of these lengths.
    ///
    /// # Errors
    ///
    /// [`Cause::PoolFull`]; [`Cause::NoSpace`] where the file system of the pool is full; [`Cause::PoolTableFull`],
    /// [`Cause::PoolBusy`], [`Cause::PoolDamaged`]; those of [`open`](Self::open), by the first call; those of
    /// [`MapOptions::map`].
    pub fn allocate(&self, len: usize) -> Result<Mapping> {
        self.options().map(&self.allocation(len))
    }

    /// As [`allocate`](Self::allocate), one run of the pool. (`POSIX_TYPED_MEM_ALLOCATE_CONTIG`)
    ///
    /// ```
    /// use mman::TypedMemory;
    ///
    /// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
    /// # pools.use_here();
    /// let pool = TypedMemory::open("/shm")?;
    /// assert_eq!(pool.allocate_contiguous(1 << 20)?.typed_pieces(..)?.len(), 1);
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`allocate`](Self::allocate).
    pub fn allocate_contiguous(&self, len: usize) -> Result<Mapping> {
        self.options().map(&self.contiguous_allocation(len))
    }

    /// Maps a range of the pool, for reading and writing, or for reading where the port was opened so. It is held from now
    /// on, whole units of it, whether somebody has it already or it was free. (No flag of POSIX.)
    ///
    /// The range is told by who has it: [`Pages::typed_pieces`](crate::Pages::typed_pieces). The memory stays what it is as
    /// long as one of the two has it mapped.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`], also for an empty range; [`Cause::MappedTooOften`]; those of [`allocate`](Self::allocate).
    pub fn map(&self, range: impl RangeBounds<u64>) -> Result<Mapping> {
        self.options().range(range).map(self)
    }

    /// Maps a range of the pool and leaves the pool as it is: whoever has the range or is given it later shares it with this
    /// mapping, and unmapping gives nothing back. For debuggers. (`POSIX_TYPED_MEM_MAP_ALLOCATABLE`)
    ///
    /// ```
    /// use mman::TypedMemory;
    ///
    /// # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
    /// # pools.use_here();
    /// let pool = TypedMemory::open("/shm")?;
    /// let block = pool.allocate(4096)?;
    /// block.write_at(0, b"seen")?;
    /// let window = pool.map_allocatable(block.typed_pieces(..)?[0].clone())?;
    /// let mut bytes = [0; 4];
    /// window.read_at(0, &mut bytes)?;
    /// assert_eq!(&bytes, b"seen");
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::AllocatableRight`]; [`Cause::Range`], also for an empty range; those of [`open`](Self::open), by the first call; those of
    /// [`MapOptions::map`].
    pub fn map_allocatable(&self, range: impl RangeBounds<u64>) -> Result<Mapping> {
        self.options().range(range).map(&self.allocatable())
    }

    /// So many bytes of any free memory, to be mapped by [`MapOptions`]: each mapping allocates anew.
    #[must_use]
    pub const fn allocation(&self, len: usize) -> TypedAllocation<'_> {
        TypedAllocation::new(self, len, TypedFlags::ALLOCATE)
    }

    /// So many bytes of one run, to be mapped by [`MapOptions`]: each mapping allocates anew.
    #[must_use]
    pub const fn contiguous_allocation(&self, len: usize) -> TypedAllocation<'_> {
        TypedAllocation::new(self, len, TypedFlags::ALLOCATE_CONTIG)
    }

    /// The pool whole, to be mapped by [`MapOptions`] without changing what is allocated.
    #[must_use]
    pub const fn allocatable(&self) -> TypedAllocatable<'_> {
        TypedAllocatable::new(self)
    }

    const fn options(&self) -> MapOptions {
        let options = MapOptions::shared();
        if self.descriptors.is_writable() { options.read_write() } else { options }
    }

    /// What a descriptor with this flag maps.
    fn described(&self, flags: TypedFlags) -> Result<Described<'_>> {
        let fd = self.descriptors.get(flags, Some(self.identity))?;
        let allocates = flags == TypedFlags::ALLOCATE || flags == TypedFlags::ALLOCATE_CONTIG;
        let holds = flags != TypedFlags::MAP_ALLOCATABLE;
        Ok(Described {
            backing: Backing::Typed { fd, allocates, holds },
            size: Some(self.size),
            identity: Some(self.identity),
            page: self.unit,
        })
    }
}

impl MemoryObject for TypedMemory {
    fn kind(&self) -> ObjectKind {
        KIND
    }
}

impl Backed for TypedMemory {
    fn describe(&self) -> Result<Described<'_>> {
        self.described(TypedFlags::NONE)
    }
}
