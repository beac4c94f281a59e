//! How to map: the one builder, with a method for every flag.
#![expect(unsafe_code, reason = "makes mappings, and offers the flags that replace memory")]

pub(crate) mod finish;

use crate::area::{Place, Request, range_error};
use crate::error::{Cause, Error, Operation, Result};
use crate::explain::{self, Asked};
use crate::mapping::fork::OnFork;
use crate::mapping::{Mapping, Shape};
use crate::object::{Backing, Blocks, Described, Identity, MemoryObject, typed};
use crate::options::finish::Steps;
use crate::page::{HugePageSize, PageRange, PageSize, RangeError, resolve};
use crate::pages::numa::NumaPolicy;
use crate::stack;
use core::ops::{Bound, RangeBounds};
use mman_sys::{MapFlags, Prot};
use mman_typed::Failure;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How an object is to be mapped. [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html)
///
/// It begins with one of two words, [`MapOptions::shared`] or [`MapOptions::private`], and ends with
/// [`MapOptions::map`]. Unless told otherwise it maps the whole object, for reading.
///
/// ```
/// use mman::{FileObject, MapOptions};
///
/// let file = FileObject::open("Cargo.toml")?;
/// let name = MapOptions::shared().range(1..8).map(&file)?; // need not be page boundaries
/// let mut bytes = [0; 7];
/// name.read_at(0, &mut bytes)?;
/// assert_eq!(&bytes, b"package");
/// # Ok::<(), mman::Error>(())
/// ```
///
/// | flag of `mmap` | method |
/// |---|---|
/// | `MAP_SHARED`, `MAP_PRIVATE` | [`shared`](Self::shared), [`private`](Self::private) |
/// | `MAP_SHARED_VALIDATE` | [`validate`](Self::validate) |
/// | `MAP_DROPPABLE` | [`droppable`](Self::droppable) |
/// | `MAP_ANONYMOUS` | by the object, [`Anonymous`](crate::Anonymous) |
/// | `MAP_FIXED_NOREPLACE` | [`at`](Self::at) |
/// | `MAP_FIXED` | [`replacing`](Self::replacing) (unsafe); [`Reservation::place`](crate::Reservation::place) |
/// | a hint address | [`near`](Self::near) |
/// | `MAP_POPULATE` | [`populate`](Self::populate), [`populate_checked`](Self::populate_checked) |
/// | `MAP_LOCKED` | [`locked`](Self::locked) |
/// | `MAP_NORESERVE` | [`no_reserve`](Self::no_reserve) |
/// | `MAP_HUGETLB`, `MAP_HUGE_*` | [`huge_pages`](Self::huge_pages) |
/// | `MAP_STACK`, `MAP_GROWSDOWN` | [`stack`](Self::stack), [`grows_down`](Self::grows_down) |
/// | `MAP_32BIT`, `MAP_ABOVE4G` | [`in_low_2_gib`](Self::in_low_2_gib), [`above_4_gib`](Self::above_4_gib) |
/// | `MAP_SYNC` | [`dax_sync`](Self::dax_sync) |
/// | `MAP_NONBLOCK`, `MAP_DENYWRITE`, `MAP_EXECUTABLE`, `MAP_UNINITIALIZED`, newer ones | [`flags`](Self::flags) (unsafe) |
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped until `map` is called"]
pub struct MapOptions {
    start: Bound<u64>,
    end: Bound<u64>,
    past_end: bool,
    validate: bool,
    sparse: bool,
    random: bool,
    prot: Prot,
    flags: MapFlags,
    huge: Option<HugePageSize>,
    place: Place,
    steps: Steps,
}

/// What is to be done to map an object, and what comes of it.
#[derive(Debug)]
pub(crate) struct Plan<'object> {
    pub(crate) request: Request,
    pub(crate) shape: Shape,
    /// What is to be reserved before.
    pub(crate) blocks: Option<Blocks<'object>>,
    /// The store of typed memory that is to be there once it is mapped.
    pub(crate) committed: Option<BorrowedFd<'object>>,
}

impl MapOptions {
    /// Stores reach the object, and everybody else who maps or reads it.
    pub const fn shared() -> Self {
        Self::with(MapFlags::SHARED)
    }

    /// Stores stay here, on a copy of the page. It is no snapshot: a page that was not stored to may follow
    /// later changes of the object.
    pub const fn private() -> Self {
        Self::with(MapFlags::PRIVATE)
    }

    /// Memory that the kernel may turn to zeros when memory is short (6.11). Anonymous only.
    pub const fn droppable() -> Self {
        Self::with(MapFlags::DROPPABLE)
    }

    const fn with(flags: MapFlags) -> Self {
        Self {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
            past_end: false,
            validate: false,
            sparse: false,
            random: false,
            prot: Prot::READ,
            flags,
            huge: None,
            place: Place::Anywhere,
            steps: Steps::NONE,
        }
    }

    pub(crate) const fn steps(&self) -> Steps {
        self.steps
    }

    /// These bytes of the object. They need not be page boundaries; they must be in the object.
    pub fn range(self, bytes: impl RangeBounds<u64>) -> Self {
        Self { start: bytes.start_bound().cloned(), end: bytes.end_bound().cloned(), ..self }
    }

    /// The range may end past the end of the object, whose bytes appear when it grows. Until then nothing is
    /// there: reading gives [`Cause::Truncated`].
    pub const fn past_end(self) -> Self {
        Self { past_end: true, ..self }
    }

    /// Reserve no blocks. A shared writable mapping of a regular file reserves those that its bytes lack, as far as
    /// the file goes now: a full disk is [`Cause::NoSpace`] then, where without it a store finds no block later, and
    /// raises a signal. What a mapping grows by later is not reserved, nor is what a file system copies on write. So it is
    /// with what a mapping holds of [`TypedMemory`](crate::TypedMemory).
    ///
    /// Where nothing is missing, the file is left as it is. (File systems that do not tell where a file has storage,
    /// other than tmpfs, are asked to reserve all of the range anew, which may change the file's times.)
    pub const fn sparse(self) -> Self {
        Self { sparse: true, ..self }
    }

    /// Pages are touched here and there: nothing is read in around them, and what is read in is cached page by page.
    ///
    /// For writing this is more than a hint. The kernel caches what it reads in sequence in pieces of up to 2 MiB, and counts as
    /// changed the whole piece of which a byte was stored through a mapping: a sync writes hundreds of times the bytes.
    /// What is in the cache already stays as it is cached. It is said of the descriptor too (`POSIX_FADV_RANDOM`), for
    /// all who share it. [posix_fadvise(2)](https://man7.org/linux/man-pages/man2/posix_fadvise.2.html)
    pub const fn random_access(self) -> Self {
        Self { random: true, ..self }
    }

    pub(crate) const fn asks_random_access(&self) -> bool {
        self.random
    }

    /// What the pages may be used for.
    pub const fn protection(self, prot: Prot) -> Self {
        Self { prot, ..self }
    }

    /// For reading and writing.
    pub const fn read_write(self) -> Self {
        self.protection(Prot::READ.union(Prot::WRITE))
    }

    const fn flag(self, flag: MapFlags) -> Self {
        Self { flags: self.flags.union(flag), ..self }
    }

    /// A flag that the kernel does not know is [`Cause::UnknownFlag`] instead of being ignored. For shared mappings;
    /// others are refused with [`Cause::NotShared`].
    pub const fn validate(self) -> Self {
        Self { validate: true, ..self }
    }

    /// Read in and map all pages now. That a page could not be is not an error.
    pub const fn populate(self) -> Self {
        self.flag(MapFlags::POPULATE)
    }

    /// Read in and map all pages now, and fail where one cannot come: see
    /// [`Pages::populate`](crate::Pages::populate). Private writable pages become copies of our own; all others are
    /// made ready for reading.
    pub const fn populate_checked(self) -> Self {
        Self { steps: Steps { checked: true, ..self.steps }, ..self }
    }

    /// From these nodes: said before any page is touched, [`populate`](Self::populate) and
    /// [`locked`](Self::locked) included. (Where all future memory of the process is locked, pages come before that.)
    pub const fn numa(self, policy: NumaPolicy) -> Self {
        Self { steps: Steps { numa: Some(policy), ..self.steps }, ..self }
    }

    /// What a fork does with the whole mapping: see [`Mapping::on_fork`].
    pub const fn on_fork(self, how: OnFork) -> Self {
        Self { steps: Steps { on_fork: Some(how), ..self.steps }, ..self }
    }

    /// Lock the pages into memory. That a page could not be read in is not an error; being over the limit is.
    pub const fn locked(self) -> Self {
        self.flag(MapFlags::LOCKED)
    }

    /// Promise no memory: an access may find that there is none, and kill the process.
    pub const fn no_reserve(self) -> Self {
        self.flag(MapFlags::NORESERVE)
    }

    /// From the pool of huge pages of this size. The mapping is a whole number of them.
    pub const fn huge_pages(self, size: HugePageSize) -> Self {
        Self { huge: Some(size), ..self }
    }

    /// Fit for the stack of a thread.
    pub const fn stack(self) -> Self {
        self.flag(MapFlags::STACK)
    }

    /// Grows downwards when it is touched just below its start. What it grows by is nobody's to unmap:
    /// dropping the mapping leaves it behind.
    pub const fn grows_down(self) -> Self {
        self.flag(MapFlags::GROWSDOWN)
    }

    /// In the first 2 GiB of the address space (x86 only).
    pub const fn in_low_2_gib(self) -> Self {
        self.flag(MapFlags::MAP_32BIT)
    }

    /// Above the first 4 GiB of the address space (x86 only).
    pub const fn above_4_gib(self) -> Self {
        self.flag(MapFlags::ABOVE4G)
    }

    /// Stores to a DAX file are durable when they are flushed from the processor. Implies
    /// [`validate`](Self::validate).
    pub const fn dax_sync(self) -> Self {
        self.validate().flag(MapFlags::SYNC)
    }

    /// Near this address, if there is room. Not in the room that the stack grows into: [`Cause::StackRoom`].
    pub const fn near(self, address: usize) -> Self {
        Self { place: Place::Hint(address), ..self }
    }

    /// At this address, a page boundary and not 0, where nothing may be mapped: else [`Cause::AddressTaken`]. Not
    /// in the room that the stack grows into either: [`Cause::StackRoom`].
    pub const fn at(self, address: usize) -> Self {
        Self { place: Place::Exactly(address), ..self }
    }

    /// At this address, a page boundary, whatever is mapped there. The safe way to do this is
    /// [`Reservation::place`](crate::Reservation::place).
    ///
    /// # Safety
    ///
    /// What is mapped at the address is the caller's to lose: no reference into it is used again, and no
    /// owner of this crate or another still counts on it.
    pub const unsafe fn replacing(self, address: usize) -> Self {
        Self { place: Place::Replacing(address), ..self }
    }

    /// Flags that have no method: the kernel's own numbers.
    ///
    /// # Safety
    ///
    /// The flags do not make `mmap` replace anything (`MAP_FIXED` does) or mean another object or type.
    pub const unsafe fn flags(self, flags: MapFlags) -> Self {
        self.flag(flags)
    }

    /// Maps the object.
    ///
    /// An object of length 0, mapped whole, is an empty mapping: no call is made.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`] for a range that is not in the object, is empty or overflows; [`Cause::NoSpace`]: see
    /// [`sparse`](Self::sparse); else what the kernel refused, with which of its causes it was.
    pub fn map(&self, object: &impl MemoryObject) -> Result<Mapping> {
        let Some(plan) = self.plan(object)? else {
            return Ok(Mapping::empty(object.kind(), PageSize::base()));
        };
        self.check_place(&plan.request, plan.shape)?;
        // SAFETY: `replacing` was promised by who called it.
        let area = unsafe { self.make(Operation::Map, object, &plan, self.place) }?;
        Ok(Mapping::new(area, plan.shape))
    }

    /// The flags that were asked for, the map type among them.
    pub(crate) const fn asked_flags(&self) -> MapFlags {
        self.flags
    }

    /// Whether children of a fork are not to have it.
    pub(crate) fn leaves_out_children(&self) -> bool {
        self.steps.on_fork == Some(OnFork::Leave)
    }

    /// Whether the range may end past the end of the object.
    pub(crate) const fn asks_past_end(&self) -> bool {
        self.past_end
    }

    /// Whether pages of a pool of huge pages are asked for.
    pub(crate) const fn asks_huge_pages(&self) -> bool {
        self.huge.is_some() || self.flags.contains(MapFlags::HUGETLB)
    }

    /// An address of the caller's choice is a page boundary, and no null pointer.
    fn check_place(&self, request: &Request, shape: Shape) -> Result<()> {
        let (Place::Exactly(address) | Place::Replacing(address) | Place::Hint(address)) =
            self.place
        else {
            return Ok(());
        };
        let is_hint = matches!(self.place, Place::Hint(_));
        let page = request.page;
        let cause = match address {
            _ if !matches!(self.place, Place::Replacing(_))
                && stack::is_in_room(address, request.len) =>
            {
                Cause::StackRoom
            }
            _ if is_hint => return Ok(()),
            0 => Cause::AddressOutOfBounds,
            _ if page.divides(address) => return Ok(()),
            _ => Cause::Range(RangeError::Unaligned { value: address as u64, page: page.bytes() }),
        };
        let start = request.offset.saturating_add(shape.lead as u64);
        Err(Error::new(Operation::Map, request.kind, cause).on(start, shape.len as u64))
    }

    /// The pages that the kernel will map: those of a file of huge pages are its own, whatever size is asked for.
    fn page_size(&self, own: PageSize, backing: &Backing<'_>) -> Result<PageSize, Cause> {
        let Some(asked) = self.huge.map(HugePageSize::page_size) else { return Ok(own) };
        let base = PageSize::base();
        let is_huge_file = backing.fd().is_some() && own > base;
        if asked <= base || (is_huge_file && asked != own) {
            return Err(Cause::HugePageSize { page: asked.bytes() });
        }
        Ok(asked)
    }

    /// The flags, with the map type that was asked for.
    fn typed_flags(&self) -> Result<MapFlags, Cause> {
        match self.flags.map_type() {
            _ if !self.validate => Ok(self.flags),
            MapFlags::SHARED => Ok(self.flags | MapFlags::SHARED_VALIDATE),
            _ => Err(Cause::NotShared),
        }
    }

    /// Why the kernel refused what was planned.
    pub(crate) fn refused(
        &self,
        operation: Operation,
        object: &impl MemoryObject,
        request: &Request,
        shape: Shape,
        why: Failure,
    ) -> Error {
        let (start, len) = (request.offset.saturating_add(shape.lead as u64), shape.len as u64);
        if let Some(cause) = typed::cause(why, request.page) {
            let error = Error::kernel(operation, object.kind(), why.errno);
            return error.because(cause).on(start, len);
        }
        let fixed = match self.place {
            Place::Exactly(address) | Place::Replacing(address) => Some(address),
            Place::Anywhere | Place::Hint(_) => None,
        };
        let asked = Asked {
            prot: request.prot,
            flags: request.flags,
            len: request.len,
            page: request.page.bytes(),
            fixed,
        };
        let backing = object.describe().map_or(Backing::Nothing, |described| described.backing);
        explain::map(operation, object.kind(), why.errno, asked, &backing).on(start, len)
    }

    /// What to ask the kernel for; `None` for an empty mapping.
    pub(crate) fn plan<'object>(
        &self,
        object: &'object impl MemoryObject,
    ) -> Result<Option<Plan<'object>>> {
        let kind = object.kind();
        let refuse = |error| range_error(Operation::Map, kind, error);
        let described = object.describe()?;
        let Described { backing, size, identity, page: own_page } = described;
        let limit = if self.past_end { None } else { size };
        let open_end = self.past_end && self.end == Bound::Unbounded;
        let bounds = (self.start, self.end);
        let range = resolve(&bounds, if open_end { size } else { limit }).map_err(refuse)?;
        let (start, length) = (range.start, range.end.saturating_sub(range.start));
        if length == 0 {
            return match size {
                Some(0) if start == 0 => Ok(None),
                _ => Err(refuse(RangeError::Empty).on(start, length)),
            };
        }
        let at = |error: Error| error.on(start, length);
        let refused = |cause| at(Error::new(Operation::Map, kind, cause));
        let page = self.page_size(own_page, &backing).map_err(refused)?;
        let flags = self.typed_flags().map_err(refused)?;
        let lead_of = |offset: u64| offset & (page.bytes() as u64).wrapping_sub(1);
        let lead = lead_of(start);
        let too_long = || refused(Cause::TooLong);
        let bytes = usize::try_from(length.checked_add(lead).ok_or_else(too_long)?);
        let pages =
            PageRange::covering(0..bytes.map_err(|_| too_long())?, page).map_err(|_| too_long())?;
        if isize::try_from(pages.len()).is_err() {
            return Err(too_long()); // more than any object of Rust, and than any address space
        }

        let fd = backing.fd().map_or(-1, |fd| fd.as_raw_fd());
        let anonymous = if fd < 0 { MapFlags::ANONYMOUS } else { MapFlags::empty() };
        if matches!(backing, Backing::Typed { .. }) && !is_shared(flags) {
            // Stores to it would go to other memory, while nobody else could have the pool's.
            return Err(refused(Cause::NotShared));
        }
        let huge = self.huge.map_or(MapFlags::empty(), |size| {
            MapFlags::HUGETLB | MapFlags::huge_log2(size.page_size().log2())
        });
        let request = Request {
            kind,
            len: pages.len(),
            page,
            prot: self.prot,
            flags: flags | anonymous | huge,
            fd,
            // What is new has no place in an object yet; the kernel wants 0, or a page boundary.
            offset: if backing.is_new() { 0 } else { start.saturating_sub(lead) },
        };
        // Both are at most the length of the pages.
        let narrow = |value: u64| usize::try_from(value).map_err(|_| too_long());
        let shape = Shape {
            lead: narrow(lead)?,
            len: narrow(length)?,
            sharing: flags.map_type(),
            offset: request.offset,
            identity: identity.or_else(|| own_identity(flags)),
        };
        let to_storage = !self.sparse && self.prot.contains(Prot::WRITE) && is_shared(flags);
        let blocks = match to_storage {
            true => Blocks::under(&described, kind, request.offset, request.len),
            false => None,
        };
        // Huge pages are promised when they are mapped.
        let committed = backing.held().filter(|_| to_storage && page == PageSize::base());
        Ok(Some(Plan { request, shape, blocks, committed }))
    }
}

/// Each mapping of shared anonymous memory is an object of its own. Private memory has nothing to be told apart by:
/// neighbours can be merged whatever they were mapped as.
fn own_identity(flags: MapFlags) -> Option<Identity> {
    is_shared(flags).then(Identity::fresh)
}

fn is_shared(flags: MapFlags) -> bool {
    matches!(flags.map_type(), MapFlags::SHARED | MapFlags::SHARED_VALIDATE)
}
