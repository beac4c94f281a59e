//! The pieces of one mapping: put behind each other, where the caller wants them or anywhere; and what is left of them where
//! one does not come.
#![expect(unsafe_code, reason = "maps memory for its caller, and unmaps what it mapped")]

use crate::attach::Attached;
use crate::entries::range_of;
use crate::failure::{Cause, Failure};
use crate::nodes::NIL;
use crate::number::word;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::null_mut;
use mman_sys::{Errno, MapFlags, Prot, RawFd, mincore, mmap, munmap};

/// What is to be mapped.
pub(crate) struct Request {
    pub(crate) addr: *mut c_void,
    pub(crate) prot: Prot,
    pub(crate) flags: MapFlags,
    pub(crate) fd: RawFd,
}

impl Request {
    /// Whether what is at the address goes.
    pub(crate) fn is_fixed(&self) -> bool {
        self.flags.contains(MapFlags::FIXED) && !self.flags.contains(MapFlags::FIXED_NOREPLACE)
    }

    fn has_place(&self) -> bool {
        self.flags.contains(MapFlags::FIXED) || self.flags.contains(MapFlags::FIXED_NOREPLACE)
    }

    fn without(&self, gone: MapFlags) -> MapFlags {
        MapFlags::from_bits(self.flags.bits() & !gone.bits())
    }
}

/// A mapping that failed.
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    /// What was at its place is gone, whatever is there now.
    pub(crate) is_gone: bool,
    /// The addresses of pieces that could not be taken away again.
    pub(crate) mapped: Range<usize>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, is_gone: false, mapped: 0..0 }
    }
}

/// Where the units of a node are in the object.
pub(crate) fn offset_of(pool: &Attached, node: u32) -> u64 {
    word(range_of(pool.nodes.get(node).entry).start).saturating_mul(word(pool.unit))
}

/// Maps the units of a list of nodes, one piece behind the other.
///
/// # Safety
///
/// As [`map`](crate::map).
pub(crate) unsafe fn map_pieces(
    pool: &Attached,
    nodes: u32,
    request: &Request,
    bytes: usize,
) -> Result<*mut c_void, Refused> {
    let Request { addr, prot, flags, fd } = *request;
    if pool.nodes.get(nodes).right == NIL && !request.is_fixed() {
        let offset = offset_of(pool, nodes);
        // SAFETY: the caller's promise is that of this call.
        let mapped = unsafe { mmap(addr, bytes, prot, flags, fd, offset) };
        return Ok(mapped.map_err(Failure::of("mmap"))?);
    }
    // SAFETY: the caller's promise.
    let (start, spare) = unsafe { place_of(pool, nodes, request, bytes) }?;
    let flags = request.without(MapFlags::FIXED_NOREPLACE) | MapFlags::FIXED;
    let (mut node, mut at) = (nodes, start);
    while node != NIL {
        let len = pool.nodes.addresses(node).len();
        // SAFETY: within what was reserved for this.
        let piece = unsafe { mmap(at, len, prot, flags, fd, offset_of(pool, node)) };
        if let Err(errno) = piece {
            // SAFETY: what is there is what was just put there.
            let is_clean = unsafe { take_away(start, bytes.saturating_add(spare)) };
            let mapped = if is_clean { 0..0 } else { start.addr()..at.addr() };
            let failure = Failure::of("mmap")(errno);
            return Err(Refused { failure, is_gone: request.is_fixed(), mapped });
        }
        at = at.wrapping_byte_add(len);
        node = pool.nodes.get(node).right;
    }
    if spare > 0 {
        // SAFETY: the end of what was reserved, which nothing was mapped over.
        let _kept = unsafe { munmap(at, spare) };
    }
    Ok(start)
}

/// Addresses that nothing is at, in one call that does all or nothing.
///
/// # Safety
///
/// The caller owns what is there.
pub(crate) unsafe fn cover(addr: *mut c_void, len: usize) -> Result<(), Failure> {
    let flags = anonymous() | MapFlags::FIXED;
    // SAFETY: the caller's promise.
    unsafe { mmap(addr, len, Prot::NONE, flags, -1, 0) }.map_err(Failure::of("mmap"))?;
    Ok(())
}

/// Takes pieces away again; whether none of them is there any more.
///
/// # Safety
///
/// As [`cover`].
unsafe fn take_away(start: *mut c_void, len: usize) -> bool {
    // Over them first: one mapping goes where several would need another one in between.
    // SAFETY: the caller's promise.
    let is_covered = unsafe { cover(start, len) }.is_ok();
    // SAFETY: as above.
    let is_unmapped = unsafe { munmap(start, len) }.is_ok();
    is_covered || is_unmapped
}

/// Whether anything is mapped at an address.
pub(crate) fn is_mapped(address: usize) -> bool {
    let (mut told, at) = (0_u8, core::ptr::without_provenance(address));
    // SAFETY: a byte for the one page, of which nothing is read.
    let answer = unsafe { mincore(at, 1, &raw mut told) };
    answer != Err(Errno::ENOMEM)
}

fn anonymous() -> MapFlags {
    MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::NORESERVE
}

/// Maps anywhere what is about to replace something, and unmaps it again: what the kernel refuses it refuses here, before
/// anything is gone. Huge pages are promised to the object then.
fn try_elsewhere(pool: &Attached, nodes: u32, request: &Request) -> Result<(), Failure> {
    let flags = request.without(MapFlags::FIXED | MapFlags::LOCKED | MapFlags::POPULATE);
    let is_huge = pool.unit > crate::process::whole_pages(1);
    let mut node = nodes;
    while node != NIL {
        let len = if is_huge { pool.nodes.addresses(node).len() } else { pool.unit };
        let (prot, fd, offset) = (request.prot, request.fd, offset_of(pool, node));
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let at = unsafe { mmap(null_mut(), len, prot, flags, fd, offset) };
        let at = at.map_err(Failure::of("mmap"))?;
        // SAFETY: mapped by the line above, and nobody knows of it.
        unsafe { munmap(at, len) }.map_err(Failure::of("munmap"))?;
        if !is_huge {
            break;
        }
        node = pool.nodes.get(node).right;
    }
    Ok(())
}

/// Addresses for the pieces, where the caller wants them or anywhere; and how many bytes behind them are to go. With
/// `MAP_FIXED` what was there is gone where this succeeds, and there where it does not.
///
/// # Safety
///
/// As [`map`](crate::map).
unsafe fn place_of(
    pool: &Attached,
    nodes: u32,
    request: &Request,
    bytes: usize,
) -> Result<(*mut c_void, usize), Failure> {
    let failed = Failure::of("mmap");
    let Request { addr, flags, .. } = *request;
    if request.has_place() && !addr.addr().is_multiple_of(pool.unit) {
        return Err(Failure::new(Errno::EINVAL, Cause::Range));
    }
    if request.is_fixed() {
        try_elsewhere(pool, nodes, request)?;
        // SAFETY: the caller's promise.
        unsafe { cover(addr, bytes) }?;
        return Ok((addr, 0));
    }
    if request.has_place() {
        let flags = anonymous() | MapFlags::FIXED_NOREPLACE;
        // SAFETY: nothing is replaced.
        let at = unsafe { mmap(addr, bytes, Prot::NONE, flags, -1, 0) }.map_err(failed)?;
        return Ok((at, 0));
    }
    // Room to begin at a whole unit.
    let low = MapFlags::from_bits(flags.bits() & MapFlags::MAP_32BIT.bits());
    let room = bytes.saturating_add(pool.unit);
    // SAFETY: the kernel chooses the place.
    let at = unsafe { mmap(addr, room, Prot::NONE, anonymous() | low, -1, 0) }.map_err(failed)?;
    let whole = at.addr().checked_next_multiple_of(pool.unit).unwrap_or(at.addr());
    let before = whole.saturating_sub(at.addr());
    let start = at.wrapping_byte_add(before);
    if before > 0 {
        // SAFETY: the beginning of what was just reserved.
        let _gone = unsafe { munmap(at, before) };
    }
    Ok((start, pool.unit.saturating_sub(before)))
}
