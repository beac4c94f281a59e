//! Memfds: memory objects without a name, with what is sealed as their type.

use super::blocks;
use super::descriptor::{self, failed};
use super::{Backed, Described, Immutability, MemoryObject};
use crate::error::{Cause, Error, ObjectKind, Operation, Refused, Result};
use crate::mapping::Mapping;
use crate::options::MapOptions;
use crate::page::{HugePageSize, PageSize};
use core::marker::PhantomData;
use core::ops::RangeBounds;
use rustix::fs::{MemfdFlags, OFlags, SealFlags};
use rustix::io::Errno as Answer;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

const KIND: ObjectKind = ObjectKind::MemFd;
/// `MFD_HUGE_SHIFT` (`linux/memfd.h`): log2 of the page size stands from this bit on.
const HUGE_SHIFT: u32 = 26;
/// The longest label, without what the kernel writes before it.
const NAME_MAX: usize = 249;

/// Nothing is sealed, as far as the type knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unsealed {}
/// The length is sealed: it becomes neither shorter nor longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FixedSize {}
/// Length and bytes are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Immutable {}

/// What is sealed of a [`MemFd`]: [`Unsealed`], [`FixedSize`] or [`Immutable`]. The trait is sealed too.
pub trait SealState: State {}

/// The sealed half of [`SealState`].
pub trait State {
    /// The seals that such an object has at least.
    const SEALS: SealFlags;
    /// Whether it can be written.
    const WRITABLE: bool;
}

const SIZE: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);
/// What freezing adds: nothing is left to be sealed, so no further seal is allowed either.
const FROZEN: SealFlags = SIZE.union(SealFlags::WRITE).union(SealFlags::SEAL);

impl State for Unsealed {
    const SEALS: SealFlags = SealFlags::empty();
    const WRITABLE: bool = true;
}
impl State for FixedSize {
    const SEALS: SealFlags = SIZE;
    const WRITABLE: bool = true;
}
impl State for Immutable {
    const SEALS: SealFlags = SIZE.union(SealFlags::WRITE);
    const WRITABLE: bool = false;
}
impl<S: State> SealState for S {}

/// A memory object without a name. [memfd_create(2)](https://man7.org/linux/man-pages/man2/memfd_create.2.html)
///
/// It lives as long as somebody has its descriptor or maps it, and another process may be given the descriptor.
/// What is sealed stays sealed for everybody, and is the type: [`fix_size`](MemFd::fix_size) and
/// [`freeze`](MemFd::freeze) seal, [`from_fd`](MemFd::from_fd) asks the seals of one that comes from elsewhere.
///
/// ```
/// use mman::{Immutable, MemFd};
/// use std::os::fd::OwnedFd;
///
/// let memory = MemFd::new(4096)?;
/// memory.map()?.write_at(0, b"for whoever gets it")?;
/// let frozen = memory.freeze()?;
///
/// // In the process that receives the descriptor:
/// let received = MemFd::<Immutable>::from_fd(OwnedFd::from(frozen))?;
/// let mut bytes = [0; 3];
/// received.map()?.read_at(0, &mut bytes)?;
/// assert_eq!(&bytes, b"for");
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Debug)]
pub struct MemFd<S = Unsealed> {
    /// F1: a memfd, open for reading, with the seals of `S`.
    fd: OwnedFd,
    seals: PhantomData<S>,
}

/// How a memfd is to be made: begins with its length, ends with [`create`](Self::create).
///
/// ```
/// let code = mman::MemFdOptions::new(8192).name("generated code").executable().create()?;
/// assert_eq!(code.map()?.len(), 8192);
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is made until `create` is called"]
pub struct MemFdOptions<'name> {
    name: &'name str,
    len: u64,
    huge: Option<HugePageSize>,
    executable: bool,
}

impl<'name> MemFdOptions<'name> {
    /// So many bytes of zeros. It can be sealed and cannot be executed; exec closes it.
    pub const fn new(len: u64) -> Self {
        Self { name: "mman", len, huge: None, executable: false }
    }

    /// The label under `/proc`, 249 bytes at most. It names nothing: two objects may have the same.
    pub const fn name(self, name: &'name str) -> Self {
        Self { name, ..self }
    }

    /// Of huge pages from the pool. The length is rounded up to whole ones: the kernel has no other.
    pub const fn huge_pages(self, size: HugePageSize) -> Self {
        Self { huge: Some(size), ..self }
    }

    /// It may be mapped for executing, and be executed as a program.
    pub const fn executable(self) -> Self {
        Self { executable: true, ..self }
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// [`Cause::BadName`]; [`Cause::HugePageSize`]; [`Cause::TooLong`]; `EACCES` where the machine allows no
    /// executable ones (`vm.memfd_noexec`); `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn create(self) -> Result<MemFd> {
        if self.name.len() > NAME_MAX || self.name.contains('\0') {
            return Err(Error::new(Operation::Create, KIND, Cause::BadName));
        }
        let mut flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        if let Some(huge) = self.huge {
            let page = huge.page_size();
            if page <= PageSize::base() {
                return Err(self.no_such_pages(page));
            }
            flags |= huge_flags(page);
        }
        // Kernels before 6.3 know neither word.
        let word = if self.executable { MemfdFlags::EXEC } else { MemfdFlags::NOEXEC_SEAL };
        let made = match rustix::fs::memfd_create(self.name, flags | word) {
            Err(Answer::INVAL) => rustix::fs::memfd_create(self.name, flags),
            other => other,
        };
        let fd = made.map_err(|errno| match self.huge {
            Some(huge) if !HugePageSize::available().contains(&huge) => {
                let cause = Cause::HugePageSize { page: huge.page_size().bytes() };
                failed(Operation::Create, KIND, errno).because(cause)
            }
            _ => failed(Operation::Create, KIND, errno),
        })?;
        let memory = MemFd { fd, seals: PhantomData };
        memory.resize(Operation::Create, self.len)?;
        Ok(memory)
    }

    fn no_such_pages(&self, page: PageSize) -> Error {
        Error::new(Operation::Create, KIND, Cause::HugePageSize { page: page.bytes() })
    }
}

fn huge_flags(page: PageSize) -> MemfdFlags {
    MemfdFlags::HUGETLB | MemfdFlags::from_bits_retain(page.log2().wrapping_shl(HUGE_SHIFT))
}

impl MemFd {
    /// So many bytes of zeros: see [`MemFdOptions`].
    ///
    /// # Errors
    ///
    /// Those of [`MemFdOptions::create`].
    pub fn new(len: u64) -> Result<Self> {
        MemFdOptions::new(len).create()
    }

    /// Makes it longer or shorter. Of huge pages it has whole ones: the length is rounded up.
    ///
    /// # Errors
    ///
    /// [`Cause::Sealed`]; [`Cause::NotWritable`]; [`Cause::TooLong`].
    pub fn set_size(&self, len: u64) -> Result<()> {
        self.resize(Operation::SetSize, len)
    }

    fn resize(&self, operation: Operation, len: u64) -> Result<()> {
        let page = self.describe()?.page;
        let whole = match page > PageSize::base() {
            true => len.checked_next_multiple_of(page.bytes() as u64),
            false => Some(len),
        };
        let too_long = || Error::new(operation, KIND, Cause::TooLong).on(0, len);
        descriptor::set_size(operation, self.fd.as_fd(), KIND, whole.ok_or_else(too_long)?)
    }

    /// Seals the length, for everybody and for good.
    ///
    /// # Errors
    ///
    /// [`Cause::Sealed`] where no seal may be added; [`Cause::NotWritable`]. The object comes back.
    pub fn fix_size(self) -> Result<MemFd<FixedSize>, Refused<Self>> {
        self.sealed(SIZE)
    }

    /// Seals bytes and length, and against further seals, for everybody and for good.
    ///
    /// # Errors
    ///
    /// [`Cause::MappedWritable`] while somebody maps it shared and writable; [`Cause::Sealed`],
    /// [`Cause::NotWritable`]. The object comes back.
    pub fn freeze(self) -> Result<MemFd<Immutable>, Refused<Self>> {
        self.sealed(FROZEN)
    }
}

impl<S: SealState> MemFd<S> {
    /// The memfd of a descriptor, such as one that another process sent. The seals are asked first; what they
    /// promise is true of all that is asked afterwards.
    ///
    /// # Errors
    ///
    /// [`Cause::NotMappable`] for what is no memfd; [`Cause::NotImmutable`] where a seal of the type is missing;
    /// [`Cause::NotReadable`]. The descriptor comes back.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, Refused<OwnedFd>> {
        match examine(fd.as_fd(), S::SEALS) {
            Ok(()) => Ok(Self { fd, seals: PhantomData }), // F1
            Err(error) => Err(Refused { error, given: fd }),
        }
    }

    /// Maps all of it: shared for reading and writing, or, where it is immutable, private for reading.
    ///
    /// Kernels before 6.7 refuse shared mappings of what is sealed against writing; of bytes that do not change, a
    /// private one shows the same.
    ///
    /// # Errors
    ///
    /// Those of [`MapOptions::map`].
    pub fn map(&self) -> Result<Mapping> {
        if S::WRITABLE {
            return MapOptions::shared().read_write().map(self);
        }
        let options = MapOptions::private();
        // No page is ever copied: none is to be set aside for that.
        if self.describe()?.page > PageSize::base() { options.no_reserve() } else { options }
            .map(self)
    }

    /// Gives memory to bytes of it now, so that no later access finds that there is none.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NoSpace`]; [`Cause::HugePagePool`].
    pub fn reserve(&self, range: impl RangeBounds<u64>) -> Result<()> {
        blocks::reserve(&self.describe()?, KIND, &range)
    }

    /// Adds seals, all of them or none.
    fn sealed<T: SealState>(self, seals: SealFlags) -> Result<MemFd<T>, Refused<Self>> {
        match rustix::fs::fcntl_add_seals(&self.fd, seals) {
            Ok(()) => Ok(MemFd { fd: self.fd, seals: PhantomData }), // F1
            Err(errno) => {
                let cause = match errno {
                    Answer::BUSY => Cause::MappedWritable,
                    Answer::PERM if !descriptor::is_writable(self.fd.as_fd()) => Cause::NotWritable,
                    Answer::PERM => Cause::Sealed,
                    _ => Cause::Kernel,
                };
                let error = failed(Operation::Seal, KIND, errno).because(cause);
                Err(Refused { error, given: self })
            }
        }
    }
}

impl MemFd<FixedSize> {
    /// Seals the bytes too: see [`MemFd::freeze`](MemFd::freeze).
    ///
    /// # Errors
    ///
    /// Those of the other one.
    pub fn freeze(self) -> Result<MemFd<Immutable>, Refused<Self>> {
        self.sealed(FROZEN)
    }
}

impl<S> MemoryObject for MemFd<S> {
    fn kind(&self) -> ObjectKind {
        KIND
    }

    fn immutability(&self) -> Result<Immutability> {
        Ok(Immutability::of_descriptor(&self.fd))
    }
}

impl<S> Backed for MemFd<S> {
    fn describe(&self) -> Result<Described<'_>> {
        descriptor::describe(self.fd.as_fd(), KIND)
    }
}

impl<S> AsFd for MemFd<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<S> From<MemFd<S>> for OwnedFd {
    fn from(memory: MemFd<S>) -> Self {
        memory.fd
    }
}

/// Whether a descriptor is a memfd that has these seals, and can be mapped.
fn examine(fd: BorrowedFd<'_>, wanted: SealFlags) -> Result<()> {
    let refused = |kind, cause| Err(Error::new(Operation::Open, kind, cause));
    // First of all: what is asked before the seals may be untrue when they come.
    let seals = rustix::fs::fcntl_get_seals(fd);
    let mode = descriptor::mode(Operation::Open, fd, ObjectKind::Other)?;
    let stat = descriptor::stat_of(Operation::Open, fd, ObjectKind::Other)?;
    let kind = super::file::kind_of(&stat, mode);
    let page = super::file::page_size(fd, kind, &stat);
    let device = descriptor::identity(&stat).device;
    // Files of tmpfs and hugetlbfs have seals too: a memfd is on a device of the kernel's own.
    let own = if page > PageSize::base() { huge_device(page) } else { device_of_memfds() };
    let own = own.map_err(|errno| {
        Error::kernel(Operation::Open, kind, crate::Errno::from_raw(errno.raw_os_error()))
    })?;
    let seals = match seals {
        Ok(seals) if device == own => seals,
        _ => return refused(kind, Cause::NotMappable),
    };
    if mode & OFlags::ACCMODE == OFlags::WRONLY {
        return refused(KIND, Cause::NotReadable);
    }
    if seals.contains(wanted) { Ok(()) } else { refused(KIND, Cause::NotImmutable) }
}

/// The device on which the kernel has memfds, and no file that has a name. It stays while the machine runs.
pub(super) fn device_of_memfds() -> rustix::io::Result<u64> {
    static DEVICE: OnceLock<u64> = OnceLock::new();
    if let Some(known) = DEVICE.get() {
        return Ok(*known);
    }
    let found = device_of(MemfdFlags::CLOEXEC)?;
    Ok(*DEVICE.get_or_init(|| found))
}

/// As [`device_of_memfds`], for those of huge pages: each size has its own.
fn huge_device(page: PageSize) -> rustix::io::Result<u64> {
    device_of(MemfdFlags::CLOEXEC | huge_flags(page))
}

fn device_of(flags: MemfdFlags) -> rustix::io::Result<u64> {
    let fd = rustix::fs::memfd_create("mman-probe", flags)?;
    Ok(descriptor::identity(&rustix::fs::fstat(fd)?).device)
}
