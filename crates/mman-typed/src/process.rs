//! The pools that this process has attached, under one lock; and forks.
#![expect(unsafe_code, reason = "keeps what the process has attached in mappings that stay")]

use crate::attach::{Attached, claim};
use crate::failure::{Cause, Failure};
use crate::layout::BLOCK;
use crate::nodes::NIL;
use crate::witness::{Counter, milliseconds_of};
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
use mman_sys::{Advice, Errno, MapFlags, Prot, futex_wait, futex_wake, gettid, madvise, mmap};

/// Pools that a process can attach.
const MOST: usize = 64;
/// How often the lock of the process is waited for, a millisecond each time.
const PATIENCE: u32 = 5000;

/// 0 free, 1 held, 2 held and waited for.
static LOCK: AtomicU32 = AtomicU32::new(0);
/// The thread that forks, which holds the lock meanwhile; 0 for none.
static FORKING: AtomicI32 = AtomicI32::new(0);
/// A bit for each pool that lacks a slot of this process's own, which was forked when there was none to be had.
static LACKING: AtomicU64 = AtomicU64::new(0);
/// The size of a page, as far as it was asked.
static PAGE: AtomicUsize = AtomicUsize::new(4096);
static POOLS: Pools = Pools(UnsafeCell::new([const { None }; MOST]));
/// A word that a forked child finds to be 0.
static MARK: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());
/// Every address that typed memory was ever mapped at lies between these.
static LOWEST: AtomicUsize = AtomicUsize::new(usize::MAX);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

/// P1: reached by who holds `LOCK` only.
struct Pools(UnsafeCell<[Option<NonNull<Attached>>; MOST]>);

// SAFETY: P1.
unsafe impl Sync for Pools {}

/// Everything that the process has attached, for as long as the lock is held.
pub(crate) struct Held {
    pools: &'static mut [Option<NonNull<Attached>>; MOST],
    /// This thread forks, and lets go of the lock then.
    is_forking: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.each(&mut |pool| pool.is_changing = false);
        if !self.is_forking {
            release();
        }
    }
}

fn release() {
    if LOCK.swap(0, Release) == 2 {
        let _woken = futex_wake(LOCK.as_ptr(), 1);
    }
}

fn acquire() -> Result<(), Failure> {
    if LOCK.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
        return Ok(());
    }
    for _ in 0..PATIENCE {
        if LOCK.swap(2, Acquire) == 0 {
            return Ok(());
        }
        let _again = futex_wait(LOCK.as_ptr(), 2, Some(&milliseconds_of(1)));
    }
    Err(Failure::new(Errno::EAGAIN, Cause::Busy))
}

/// Whether typed memory may be in a range of addresses: two loads, for whoever is about to unmap or replace it.
#[must_use]
pub fn may_be_in(address: usize, len: usize) -> bool {
    address < HIGHEST.load(Relaxed) && address.saturating_add(len) > LOWEST.load(Relaxed)
}

/// Notes that typed memory is in a range of addresses.
pub(crate) fn note(address: usize, len: usize) {
    LOWEST.fetch_min(address, Relaxed);
    HIGHEST.fetch_max(address.saturating_add(len), Relaxed);
}

/// A length in whole pages, as the kernel rounds it.
pub(crate) fn whole_pages(len: usize) -> usize {
    len.checked_next_multiple_of(PAGE.load(Relaxed)).unwrap_or(len)
}

/// Takes the lock of the process; in a child that nobody told of, the slots of its own first.
pub(crate) fn hold() -> Result<Held, Failure> {
    let mark = NonNull::new(MARK.load(Acquire));
    // SAFETY: a mark is mapped for ever once it is there.
    let is_child = mark.is_some_and(|mark| unsafe { mark.as_ref() }.load(Acquire) == 0);
    if is_child {
        after_fork_in_child();
    }
    // A handler of the program's, of the same fork: it runs between ours.
    let forking = FORKING.load(Relaxed);
    let is_forking = forking != 0 && forking == gettid();
    if !is_forking {
        acquire()?;
    }
    if LACKING.load(Relaxed) != 0 {
        take_slots();
    }
    let mut held = Held { pools: pools(), is_forking };
    held.each(&mut |pool| pool.is_changing = true);
    Ok(held)
}

/// The caller holds `LOCK`, and is the only one to call until it lets it go.
fn pools() -> &'static mut [Option<NonNull<Attached>>; MOST] {
    // SAFETY: P1.
    unsafe { &mut *POOLS.0.get() }
}

impl Held {
    /// The pool at a place.
    pub(crate) fn pool(&mut self, at: usize) -> Option<&mut Attached> {
        let place = self.pools.get_mut(at)?.as_mut()?;
        // SAFETY: P1, and `&mut self`; it stays mapped.
        Some(unsafe { place.as_mut() })
    }

    pub(crate) fn each(&mut self, with: &mut dyn FnMut(&mut Attached)) {
        for place in self.pools.iter_mut().map_while(Option::as_mut) {
            // SAFETY: as in `pool`.
            with(unsafe { place.as_mut() });
        }
    }

    /// Where the first pool is that something holds of.
    pub(crate) fn find(&mut self, is_it: impl Fn(&Attached) -> bool) -> Option<usize> {
        (0..MOST).find(|at| self.pool(*at).is_some_and(|pool| is_it(pool)))
    }

    /// Keeps a pool, for as long as the process is there.
    pub(crate) fn keep(&mut self, pool: Attached) -> Result<usize, Failure> {
        make_mark()?;
        PAGE.store(crate::store::page(), Relaxed);
        let full = Failure::new(Errno::ENOMEM, Cause::NoRoom);
        let at = self.pools.iter().position(Option::is_none).ok_or(full)?;
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        let prot = Prot::READ | Prot::WRITE;
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let room = unsafe { mmap(null_mut(), size_of::<Attached>(), prot, flags, -1, 0) };
        let room = NonNull::new(room.map_err(Failure::of("mmap"))?).ok_or(full)?.cast();
        // SAFETY: new memory of this size, aligned to a page.
        unsafe { room.write(pool) };
        if let Some(place) = self.pools.get_mut(at) {
            *place = Some(room);
        }
        if let Some(pool) = self.pool(at) {
            pool.is_changing = true;
        }
        Ok(at)
    }
}

/// A page that a forked child finds empty.
fn make_mark() -> Result<(), Failure> {
    if !MARK.load(Acquire).is_null() {
        return Ok(());
    }
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
    // SAFETY: the kernel chooses the place: nothing is taken away.
    let page = unsafe { mmap(null_mut(), 4096, Prot::READ | Prot::WRITE, flags, -1, 0) };
    let page = page.map_err(Failure::of("mmap"))?;
    // SAFETY: the page is ours.
    let wiped = unsafe { madvise(page, 4096, Advice::WIPEONFORK) };
    wiped.map_err(Failure::of("madvise"))?;
    let mark = page.cast::<AtomicU32>();
    // SAFETY: new memory, aligned to a page, of zeros.
    unsafe { &*mark }.store(1, Release);
    MARK.store(mark, Release);
    Ok(())
}

/// Before `fork`: no other thread is in the middle of a call then. For `pthread_atfork`; without it a child finds out by
/// itself, at its first call.
pub fn before_fork() {
    // Where a call takes five seconds, the child finds that it was forked in the middle of it.
    if acquire().is_ok() {
        FORKING.store(gettid(), Relaxed);
    }
}

/// After `fork`, in the parent.
pub fn after_fork_in_parent() {
    if FORKING.swap(0, Relaxed) != 0 {
        release();
    }
}

/// After `fork`, in the child: it takes slots of its own, with an entry for all that it has mapped, and lets those of its
/// parent go. What the parent unmaps meanwhile waits for that.
pub fn after_fork_in_child() {
    let Some(mark) = NonNull::new(MARK.load(Acquire)) else {
        // Nothing was ever attached: there is the lock to let go.
        return after_fork_in_parent();
    };
    // SAFETY: a mark is mapped for ever once it is there.
    let mark = unsafe { mark.as_ref() };
    if mark.compare_exchange(0, 2, AcqRel, Acquire).is_err() {
        // Another thread is at it, or it is done, or this is no child.
        for _ in 0..PATIENCE {
            if mark.load(Acquire) != 2 {
                return;
            }
            let _again = futex_wait(mark.as_ptr(), 2, Some(&milliseconds_of(1)));
        }
        return;
    }
    // The lock is that of a thread of the parent, or of the one that forked: of nobody here.
    FORKING.store(0, Relaxed);
    LOCK.store(1, Release);
    let mut lacking = LACKING.load(Relaxed);
    for (at, place) in pools().iter_mut().map_while(Option::as_mut).enumerate() {
        // SAFETY: the lock is ours, by the line above, and there was no other thread when it was written.
        let pool = unsafe { place.as_mut() };
        let bit = bit(at);
        let was_lacking = lacking & bit != 0;
        lacking &= !bit;
        // In the middle of a call: what it has of its parent it keeps until it ends, and can do nothing with this pool.
        if !pool.is_changing && (was_lacking || !pool.is_torn) {
            lacking |= bit;
        }
        pool.is_torn = true;
        pool.is_changing = false;
    }
    LACKING.store(lacking, Relaxed);
    take_slots();
    release();
    mark.store(1, Release);
    let _woken = futex_wake(mark.as_ptr(), u32::MAX);
}

fn bit(at: usize) -> u64 {
    u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
}

/// Under the lock of the process: a slot for each pool that lacks one. Where there is none to be had, the next call tries.
fn take_slots() {
    for (at, place) in pools().iter_mut().map_while(Option::as_mut).enumerate() {
        let lacking = LACKING.load(Relaxed);
        if lacking & bit(at) == 0 {
            continue;
        }
        // SAFETY: the lock is ours.
        let pool = unsafe { place.as_mut() };
        // What a child finds that is forked meanwhile, by a thread that tells nobody.
        pool.is_changing = true;
        if pool.become_child().is_ok() {
            LACKING.store(lacking & !bit(at), Relaxed);
        }
        pool.is_changing = false;
    }
}

impl Attached {
    /// In a child: a slot of its own. Where that fails, it has what it had of its parent, and can do nothing with this pool
    /// until it is tried again.
    fn become_child(&mut self) -> Result<(), Failure> {
        let (table, slot) = claim(&self.path, self.table.layout, self.table_identity)?;
        self.waiting = NIL;
        // What waits in the parent is not mapped here.
        self.nodes.make_anew(|node| node.address != 0);
        let counter = Counter::new().ok();
        let parent = (core::mem::replace(&mut self.table, table), self.slot, self.counter);
        let blocks = self.blocks;
        (self.slot, self.counter, self.is_torn) = (slot, counter, false);
        let entered = self.locked(Self::enter_all);
        if entered.is_err() {
            // What was entered goes with the slot: nobody has it any more when the table is unmapped.
            self.table.memory.end();
            if let Some(counter) = counter {
                counter.leave();
            }
            (self.table, self.slot, self.counter) = parent;
            (self.blocks, self.is_torn) = (blocks, true);
            return entered;
        }
        // Nothing of the parent is kept any more: it can be told that it is alone.
        if let Some(counter) = parent.2 {
            counter.leave();
        }
        parent.0.memory.end();
        Ok(())
    }

    /// Under the lock of the table: an entry for each node that has one in the parent.
    fn enter_all(&mut self) -> Result<(), Failure> {
        for ours in 0..(self.nodes.ready() / BLOCK) {
            let full = Failure::new(Errno::ENOMEM, Cause::NoRoom);
            let block = self.table.free_block().ok_or(full)?;
            self.take_block(block, ours)?;
        }
        for node in 0..self.nodes.ready() {
            let node = u32::try_from(node).unwrap_or(NIL);
            let value = self.nodes.get(node);
            if value.in_use && value.counts {
                self.enter(node, value.entry)?;
            }
        }
        Ok(())
    }
}
