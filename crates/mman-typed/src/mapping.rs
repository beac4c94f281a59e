//! Mapping typed memory, and unmapping it: the calls of a program, with what they do to the pools.
#![expect(unsafe_code, reason = "maps and unmaps memory for its caller")]

use crate::attach::Attached;
use crate::descriptor::mark_of;
use crate::entries::range_of;
use crate::failure::{Cause, Failure};
use crate::nodes::NIL;
use crate::number::{size, word};
use crate::object::{TypedFlags, recognise};
use crate::pieces::{Refused, Request, cover, is_mapped, map_pieces, offset_of};
use crate::pool::Wanted;
use crate::process::{Held, hold, note, whole_pages};
use core::ffi::c_void;
use core::ops::Range;
use mman_sys::{Errno, MapFlags, Prot, RawFd, RemapFlags, mremap, munmap};

/// The typed memory that an address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Offset in the object, in bytes.
    pub offset: u64,
    /// How many bytes from the address on are one run of the object, at most as many as were asked for.
    pub len: usize,
    /// The descriptor that it was mapped by; -1 where that is closed.
    pub fd: RawFd,
}

/// Maps typed memory, as `mmap` of POSIX does: what the descriptor's flag says is allocated, and given back when nobody maps
/// it any more. The length is rounded up to whole units of the pool.
///
/// # Errors
///
/// Those of `mmap`, and: `ENODEV` (not typed: nothing was done), `ENOMEM` (the pool has not enough), `EINVAL` (an offset
/// for what is to be allocated, or not one of whole units; length 0), `ENXIO` (outside the pool; or of a pool that this
/// process's configuration does not have), `EAGAIN`, `EIO`.
///
/// # Safety
///
/// With `MAP_FIXED`, the caller owns what is at the address. Who else maps the object can change the memory.
pub unsafe fn map(
    addr: *mut c_void,
    len: usize,
    prot: Prot,
    flags: MapFlags,
    fd: RawFd,
    offset: u64,
) -> Result<*mut c_void, Failure> {
    let mut held = hold()?;
    let (at, tflag) = recognise(&mut held, fd)?;
    let request = Request { addr, prot, flags, fd };
    let pool = held.pool(at).ok_or(not_typed())?;
    let wanted = wanted(pool, tflag, len, offset)?;
    let bytes = pool.units(len).saturating_mul(pool.unit);
    if request.is_fixed() && !addr.addr().is_multiple_of(pool.unit) {
        return Err(Failure::new(Errno::EINVAL, Cause::Range));
    }
    // What is to be replaced leaves the trees first, and comes back where the call fails.
    let place = addr.addr()..addr.addr().saturating_add(bytes);
    let replaced = if request.is_fixed() { take_out(&mut held, &place)? } else { Lists::NONE };
    // SAFETY: the caller's promise.
    let mapped = unsafe { map_units(&mut held, at, wanted, tflag, &request, bytes) };
    // What is mapped is the caller's, whatever became of what was there: that waits for the next call.
    let is_gone = mapped.as_ref().map_or_else(|refused| refused.is_gone, |_| true);
    let _given_or_waiting = settle(&mut held, replaced, is_gone);
    mapped.map_err(|refused| refused.failure)
}

fn not_typed() -> Failure {
    Failure::new(Errno::ENODEV, Cause::NotTyped)
}

/// What a call asks of the pool.
fn wanted(pool: &Attached, tflag: TypedFlags, len: usize, offset: u64) -> Result<Wanted, Failure> {
    let wrong = Failure::new(Errno::EINVAL, Cause::Range);
    let units = pool.units(len);
    let unit = word(pool.unit);
    let first = offset.checked_div(unit).filter(|first| first.checked_mul(unit) == Some(offset));
    let first = size(first.ok_or(wrong)?);
    if units == 0 {
        // Of length 0, or too long to be rounded up.
        let full = Failure::new(Errno::ENOMEM, pool.full().cause);
        return Err(if len == 0 { wrong } else { full });
    }
    let allocates = tflag == TypedFlags::ALLOCATE || tflag == TypedFlags::ALLOCATE_CONTIG;
    if allocates && offset != 0 {
        return Err(wrong);
    }
    let end = first.checked_add(units);
    if !allocates && end.is_none_or(|end| end > pool.table.layout.units) {
        return Err(Failure::new(Errno::ENXIO, Cause::Range));
    }
    Ok(match tflag {
        TypedFlags::ALLOCATE => Wanted::Any(units),
        TypedFlags::ALLOCATE_CONTIG => Wanted::Run(units),
        _ => Wanted::At(first, units),
    })
}

/// Allocates, and maps.
///
/// # Safety
///
/// As [`map`].
unsafe fn map_units(
    held: &mut Held,
    at: usize,
    wanted: Wanted,
    tflag: TypedFlags,
    request: &Request,
    bytes: usize,
) -> Result<*mut c_void, Refused> {
    let pool = held.pool(at).ok_or(not_typed())?;
    if pool.is_torn {
        return Err(Failure::new(Errno::EAGAIN, Cause::Torn).into());
    }
    let nodes = match wanted {
        Wanted::At(first, units) if tflag == TypedFlags::MAP_ALLOCATABLE => {
            pool.uncounted(&(first..first.saturating_add(units)))?
        }
        wanted => pool.allocate(wanted)?,
    };
    let is_counted = tflag != TypedFlags::MAP_ALLOCATABLE;
    let committed = if is_counted { commit(pool, nodes) } else { Ok(()) };
    let mapped = committed.map_err(Refused::from).and_then(|()| {
        // SAFETY: the caller's promise.
        unsafe { map_pieces(pool, nodes, request, bytes) }
    });
    match mapped {
        Ok(start) => {
            let _none =
                book(pool, nodes, &(start.addr()..start.addr().saturating_add(bytes)), request.fd);
            Ok(start)
        }
        Err(refused) => {
            let rest = book(pool, nodes, &refused.mapped, request.fd);
            match release_list(pool, rest) {
                Ok(()) => Err(refused),
                Err(failure) => Err(Refused { failure, ..refused }),
            }
        }
    }
}

/// Puts the nodes of a list that are mapped one behind the other into the tree; answers the rest of the list.
fn book(pool: &mut Attached, mut node: u32, mapped: &Range<usize>, fd: RawFd) -> u32 {
    if mapped.is_empty() {
        return node;
    }
    note(mapped.start, mapped.len());
    let (mut address, mark) = (mapped.start, mark_of(fd));
    while node != NIL && address < mapped.end {
        let next = pool.nodes.get(node).right;
        pool.nodes.change(node, |node| (node.address, node.fd, node.mark) = (address, fd, mark));
        address = pool.nodes.addresses(node).end;
        pool.nodes.insert(node);
        node = next;
    }
    node
}

/// Gives the units of a list of nodes their memory, in a pool that promises that.
fn commit(pool: &Attached, mut node: u32) -> Result<(), Failure> {
    if !pool.commits {
        return Ok(());
    }
    if !pool.has_store() {
        return Err(Failure::new(Errno::EAGAIN, Cause::Kernel("fallocate")));
    }
    while node != NIL {
        let len = range_of(pool.nodes.get(node).entry).len().saturating_mul(pool.unit);
        let given = pool.store.allocate(offset_of(pool, node), word(len));
        given.map_err(|errno| match errno {
            Errno::ENOSPC => Failure::new(Errno::ENOMEM, Cause::NoMemory),
            errno => Failure::new(errno, Cause::Kernel("fallocate")),
        })?;
        node = pool.nodes.get(node).right;
    }
    Ok(())
}

/// Nodes that are out of the trees, as a list for each pool.
struct Lists([u32; 64]);

impl Lists {
    const NONE: Self = Self([NIL; 64]);

    fn is_empty(&self) -> bool {
        self.0.iter().all(|first| *first == NIL)
    }
}

/// Takes what lies in a range of addresses out of the trees; nodes that reach over its ends are cut.
fn take_out(held: &mut Held, place: &Range<usize>) -> Result<Lists, Failure> {
    let mut lists = Lists::NONE;
    if place.is_empty() {
        return Ok(lists);
    }
    let mut failed = None;
    for (at, list) in lists.0.iter_mut().enumerate() {
        let Some(pool) = held.pool(at) else { break };
        if let Err(failure) = take_out_of(pool, place, list) {
            failed = Some(failure);
            break;
        }
    }
    match failed {
        None => Ok(lists),
        Some(failure) => {
            put_back(held, &lists);
            Err(failure)
        }
    }
}

fn take_out_of(pool: &mut Attached, place: &Range<usize>, list: &mut u32) -> Result<(), Failure> {
    while let Some(node) = pool.nodes.first_in(place) {
        if pool.is_torn {
            return Err(Failure::new(Errno::EAGAIN, Cause::Torn));
        }
        let addresses = pool.nodes.addresses(node);
        if addresses.end > place.end {
            pool.cut(node, place.end)?;
        }
        if addresses.start < place.start {
            // The part in the range is a node of its own now, and the next one found.
            pool.cut(node, place.start)?;
            continue;
        }
        pool.nodes.remove(node);
        let next = *list;
        pool.nodes.change(node, |node| node.right = next);
        *list = node;
    }
    Ok(())
}

fn put_back(held: &mut Held, lists: &Lists) {
    for (at, first) in lists.0.iter().enumerate() {
        let (Some(pool), mut node) = (held.pool(at), *first) else { return };
        while node != NIL {
            let next = pool.nodes.get(node).right;
            pool.nodes.insert(node);
            node = next;
        }
    }
}

/// After the kernel's call: what was taken out is given back to its pools, or put back where it failed.
fn settle(held: &mut Held, lists: Lists, is_done: bool) -> Result<(), Failure> {
    if lists.is_empty() {
        return Ok(());
    }
    if !is_done {
        put_back(held, &lists);
        return Ok(());
    }
    let mut first_failure = Ok(());
    for (at, first) in lists.0.iter().enumerate() {
        let Some(pool) = held.pool(at) else { break };
        let released = release_list(pool, *first);
        first_failure = first_failure.and(released);
    }
    first_failure
}

/// Gives back a list of nodes that are mapped nowhere in this process.
fn release_list(pool: &mut Attached, mut node: u32) -> Result<(), Failure> {
    if node == NIL {
        return Ok(());
    }
    // Asked after the unmapping: a child that was forked before it still counts.
    let is_alone = pool.is_alone();
    let mut done = if is_alone { pool.settle() } else { Ok(()) };
    while node != NIL {
        let next = pool.nodes.get(node).right;
        done = done.and(pool.release(node, is_alone));
        node = next;
    }
    done
}

/// Does something that takes away whatever is mapped in a range of addresses, and gives typed memory that was there back to
/// its pools. For a call that unmaps or replaces memory; where [`may_be_in`](crate::may_be_in) says no, it may be called
/// plainly.
///
/// # Errors
///
/// The call's own: nothing has changed then. `EINVAL` where the range cuts a unit in two, `ENOMEM` where the table has no
/// room for the two parts of what is cut, `EAGAIN`, `EIO`, all before the call. After it `EAGAIN` and `EIO` again: what could
/// not be given back waits for the next call. Whether the call was made, the call knows.
pub fn taking_away<R>(
    address: usize,
    len: usize,
    call: impl FnOnce() -> Result<R, Errno>,
) -> Result<R, Failure> {
    let mut held = hold()?;
    // Whole pages go, as the kernel rounds.
    let end = address.saturating_add(whole_pages(len));
    let lists = take_out(&mut held, &(address..end))?;
    let answer = call().map_err(Failure::of("the call"));
    settle(&mut held, lists, answer.is_ok())?;
    answer
}

/// Unmaps a range of addresses, typed memory or not, as `munmap` does.
///
/// # Errors
///
/// Those of `munmap` and of [`taking_away`].
///
/// # Safety
///
/// The caller owns the range.
pub unsafe fn unmap(addr: *mut c_void, len: usize) -> Result<(), Failure> {
    taking_away(addr.addr(), len, || {
        // SAFETY: the caller's promise is that of this call.
        unsafe { munmap(addr, len) }
    })
}

/// Moves or shrinks mappings, typed memory or not, as `mremap` does. Typed memory does not grow, and is not doubled.
///
/// # Errors
///
/// Those of `mremap` and of [`taking_away`] before the call; of typed memory: `ENOMEM` to grow it, `EINVAL` to double it (an
/// old length of 0, or `MREMAP_DONTUNMAP`). What cannot be given back after the call is no error, which would hide where the
/// memory is now: it waits for the next call.
///
/// # Safety
///
/// The caller owns the old range, and with `MREMAP_FIXED` the new one.
pub unsafe fn remap(
    old: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: RemapFlags,
    new: *mut c_void,
) -> Result<*mut c_void, Failure> {
    let mut held = hold()?;
    let place = old.addr()..old.addr().saturating_add(whole_pages(old_len.max(1)));
    let is_typed = held.find(|pool| pool.nodes.first_in(&place).is_some()).is_some();
    if is_typed && (old_len == 0 || flags.contains(RemapFlags::DONTUNMAP)) {
        return Err(Failure::new(Errno::EINVAL, Cause::NotSo));
    }
    if is_typed && new_len > old_len {
        return Err(Failure::new(Errno::ENOMEM, Cause::NotSo));
    }
    let end_of = |at: usize| at.saturating_add(whole_pages(new_len));
    let is_fixed = flags.contains(RemapFlags::FIXED);
    let tail = end_of(old.addr())..place.end;
    let gone = if is_typed { take_out(&mut held, &tail)? } else { Lists::NONE };
    let target = if is_fixed { new.addr()..end_of(new.addr()) } else { 0..0 };
    let replaced = match take_out(&mut held, &target) {
        Ok(replaced) => replaced,
        Err(failure) => {
            put_back(&mut held, &gone);
            return Err(failure);
        }
    };
    let list = match take_out(&mut held, &(old.addr()..end_of(old.addr()).min(place.end))) {
        Ok(moved) => moved,
        Err(failure) => {
            put_back(&mut held, &gone);
            put_back(&mut held, &replaced);
            return Err(failure);
        }
    };
    // Several mappings are moved one after the other, each with its part of the target: that goes in one step before.
    let can_be = flags.contains(RemapFlags::MAYMOVE) && can_move(&place, &target);
    let is_gone = can_be && !replaced.is_empty() && has_several(&mut held, &list);
    if is_gone {
        // SAFETY: the caller's promise.
        let covered = unsafe { cover(new, target.len()) };
        if let Err(failure) = covered {
            for list in [gone, replaced, list] {
                put_back(&mut held, &list);
            }
            return Err(failure);
        }
    }
    // SAFETY: the caller's promise is that of this call.
    let answer = unsafe { mremap(old, old_len, new_len, flags, new) };
    let answer = answer.map_err(Failure::of("mremap"));
    let Ok(at) = answer else {
        let has_moved = is_fixed && !list.is_empty() && !is_mapped(old.addr());
        let lists = Unmoved { gone, replaced, list, is_gone };
        book_half(&mut held, lists, has_moved.then_some((old.addr(), new.addr())));
        if has_moved {
            note(target.start, target.len());
        }
        return answer;
    };
    move_nodes(&mut held, &list, old.addr(), at.addr());
    note(at.addr(), new_len);
    put_back(&mut held, &list);
    for list in [gone, replaced] {
        let _given_or_waiting = settle(&mut held, list, true);
    }
    answer
}

/// What cannot be is refused by the kernel, before it does anything.
fn can_move(from: &Range<usize>, to: &Range<usize>) -> bool {
    let is_apart = to.end <= from.start || from.end <= to.start;
    let is_whole = |at: usize| at.is_multiple_of(whole_pages(1));
    is_apart && !to.is_empty() && is_whole(from.start) && is_whole(to.start)
}

/// What a move that failed was about.
struct Unmoved {
    /// Was to be cut off.
    gone: Lists,
    /// Was at the target.
    replaced: Lists,
    /// Was to be moved.
    list: Lists,
    /// What was at the target is gone.
    is_gone: bool,
}

/// After a move that failed; with two addresses, when a part was moved from the one to the other.
fn book_half(held: &mut Held, lists: Unmoved, moved: Option<(usize, usize)>) {
    let Unmoved { mut gone, mut replaced, mut list, is_gone } = lists;
    // What was covered stays covered: the addresses are their owner's.
    if is_gone {
        let _given_or_waiting = settle(held, replaced, true);
    } else if moved.is_none() {
        after_half(held, &mut replaced, None);
        put_back(held, &replaced);
    } // Else it cannot be told what is left of it: it is held until the process ends.
    if moved.is_some() {
        after_half(held, &mut list, moved);
    }
    // What is cut off goes first.
    after_half(held, &mut gone, None);
    put_back(held, &list);
    put_back(held, &gone);
}

fn has_several(held: &mut Held, lists: &Lists) -> bool {
    let mut count = 0_usize;
    for (at, first) in lists.0.iter().enumerate() {
        let (Some(pool), mut node) = (held.pool(at), *first) else { break };
        while node != NIL && count < 2 {
            count = count.saturating_add(1);
            node = pool.nodes.get(node).right;
        }
    }
    count > 1
}

/// After a call that failed half way: nodes that are not where they were any more. With two addresses, they were moved from
/// the one to the other, and go into the tree there; else they are given back. What is where it was stays in the list.
fn after_half(held: &mut Held, lists: &mut Lists, moved: Option<(usize, usize)>) {
    for (at, list) in lists.0.iter_mut().enumerate() {
        let Some(pool) = held.pool(at) else { return };
        let (mut node, mut gone) = (*list, NIL);
        *list = NIL;
        while node != NIL {
            let next = pool.nodes.get(node).right;
            let Range { start, end } = pool.nodes.addresses(node);
            let stays = first_mapped(&(start..end), pool.unit);
            if start < stays && stays < end {
                pool.nodes.insert(node);
                // Where the table has no room for a second part, the whole of it is held until the process ends.
                let rest = pool.cut(node, stays).ok();
                pool.nodes.remove(node);
                let Some(rest) = rest else {
                    node = next;
                    continue;
                };
                pool.nodes.remove(rest);
                pool.nodes.change(rest, |rest| rest.right = *list);
                *list = rest;
            }
            match moved {
                _ if stays == start => {
                    pool.nodes.change(node, |node| node.right = *list);
                    *list = node;
                }
                Some((from, to)) => {
                    let address = start.wrapping_sub(from).wrapping_add(to);
                    pool.nodes.change(node, |node| node.address = address);
                    pool.nodes.insert(node);
                }
                None => {
                    pool.nodes.change(node, |node| node.right = gone);
                    gone = node;
                }
            }
            node = next;
        }
        let _given_or_waiting = release_list(pool, gone);
    }
}

/// Where what is still mapped begins in a range of whole units, of which the first ones may have gone.
fn first_mapped(range: &Range<usize>, unit: usize) -> usize {
    if is_mapped(range.start) {
        return range.start;
    }
    let address = |at: usize| range.start.saturating_add(at.saturating_mul(unit));
    let (mut gone, mut there) = (0, range.len().checked_div(unit).unwrap_or(0));
    while there.saturating_sub(gone) > 1 {
        let middle = gone.midpoint(there);
        if is_mapped(address(middle)) {
            there = middle;
        } else {
            gone = middle;
        }
    }
    address(there)
}

fn move_nodes(held: &mut Held, lists: &Lists, from: usize, to: usize) {
    for (at, first) in lists.0.iter().enumerate() {
        let (Some(pool), mut node) = (held.pool(at), *first) else { return };
        while node != NIL {
            pool.nodes.change(node, |node| {
                node.address = node.address.wrapping_sub(from).wrapping_add(to);
            });
            node = pool.nodes.get(node).right;
        }
    }
}

/// Which typed memory is mapped at an address, as `posix_mem_offset` tells.
///
/// # Errors
///
/// `EACCES` (none is), `EAGAIN`.
pub fn offset(addr: *const c_void, len: usize) -> Result<Found, Failure> {
    let mut held = hold()?;
    let address = addr.addr();
    let here = address..address.saturating_add(1);
    let at = held.find(|pool| pool.nodes.first_in(&here).is_some());
    let none = Failure::new(Errno::EACCES, Cause::NotTyped);
    let pool = held.pool(at.ok_or(none)?).ok_or(none)?;
    let first = pool.nodes.first_in(&here).ok_or(none)?;
    let value = pool.nodes.get(first);
    let start = offset_of(pool, first).saturating_add(word(address.saturating_sub(value.address)));
    // Nodes that follow each other in the addresses and in the object are one run.
    let (mut node, mut end) = (first, pool.nodes.addresses(first).end);
    while end.saturating_sub(address) < len {
        let next = end..end.saturating_add(1);
        let Some(following) = pool.nodes.first_in(&next) else { break };
        let after = offset_of(pool, node).saturating_add(word(pool.nodes.addresses(node).len()));
        if offset_of(pool, following) != after {
            break;
        }
        node = following;
        end = pool.nodes.addresses(node).end;
    }
    let is_open = mark_of(value.fd) == value.mark && pool.is_store(value.fd);
    let fd = if is_open { value.fd } else { -1 };
    Ok(Found { offset: start, len: len.min(end.saturating_sub(address)), fd })
}
