//! What a pool looks like: who holds what, and which runs are free.

use crate::entries::range_of;
use crate::failure::{Cause, Failure};
use crate::layout::{SLOTS, slot};
use crate::number::word;
use crate::object::recognise;
use crate::process::hold;
use mman_sys::{Errno, RawFd};

/// An address space, with what came from it by forks that nobody told of, and what it holds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process that took the slot; its number may be one of another namespace.
    pub process: i32,
    /// Whether it is this one.
    pub is_this: bool,
    /// Whether no address space is left that came from it: the next call that lacks memory, asks or opens gives its memory back.
    pub is_dead: bool,
    /// Whether its number means a process that runs here: not where that has ended and children of it hold what it had,
    /// and not in another namespace.
    pub is_here: bool,
    /// How many ranges it holds.
    pub ranges: usize,
    /// How many bytes, those mapped twice counted twice.
    pub bytes: u64,
}

/// What was ever wrong with a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// How often its derived part was made anew: after a death in the middle of a change, or after damage.
    pub rebuilt: usize,
    /// How many entries could not be, and were dropped.
    pub dropped: usize,
}

fn not_typed() -> Failure {
    Failure::new(Errno::ENODEV, Cause::NotTyped)
}

/// Tells who holds memory of the pool of a descriptor, as it is at a moment of each.
///
/// # Errors
///
/// As [`info`](crate::info).
pub fn each_holder(fd: RawFd, tell: &mut dyn FnMut(&Holder)) -> Result<(), Failure> {
    let mut held = hold()?;
    let (at, _) = recognise(&mut held, fd)?;
    let pool = held.pool(at).ok_or(not_typed())?;
    pool.look()?;
    for each in 0..SLOTS {
        let (state, is_this) = (pool.table.state(each), each == pool.slot);
        if state == slot::FREE {
            continue;
        }
        let (mut ranges, mut units) = (0_usize, 0_usize);
        for (_, entry) in pool.table.entries(each) {
            ranges = ranges.saturating_add(1);
            units = units.saturating_add(range_of(entry).len());
        }
        let who = pool.table.who(each);
        tell(&Holder {
            process: who.process,
            is_this,
            is_dead: state == slot::DEAD || pool.is_abandoned(each),
            is_here: crate::witness::is_here(&who),
            ranges,
            bytes: word(units.saturating_mul(pool.unit)),
        });
    }
    Ok(())
}

/// Tells the free runs of the pool of a descriptor, in order: offset and length in bytes.
///
/// # Errors
///
/// As [`info`](crate::info).
pub fn each_free_run(fd: RawFd, tell: &mut dyn FnMut(u64, u64)) -> Result<(), Failure> {
    let mut held = hold()?;
    let (at, _) = recognise(&mut held, fd)?;
    let pool = held.pool(at).ok_or(not_typed())?;
    let (unit, units) = (pool.unit, pool.table.layout.units);
    let bytes = |units: usize| word(units.saturating_mul(unit));
    pool.look()?;
    let (mut run, mut at) = (0_usize, 0_usize);
    while at < units {
        let (is_used, end) = pool.table.stretch(at).map_err(Failure::damaged)?;
        let end = end.min(units);
        if is_used && run > 0 {
            tell(bytes(at.saturating_sub(run)), bytes(run));
            run = 0;
        } else if !is_used {
            run = run.saturating_add(end.saturating_sub(at));
        }
        at = end;
    }
    if run > 0 {
        tell(bytes(units.saturating_sub(run)), bytes(run));
    }
    Ok(())
}

/// Tells what was ever wrong with the table of a descriptor's pool.
///
/// # Errors
///
/// As [`info`](crate::info).
pub fn repairs(fd: RawFd) -> Result<Repairs, Failure> {
    let mut held = hold()?;
    let (at, _) = recognise(&mut held, fd)?;
    let pool = held.pool(at).ok_or(not_typed())?;
    pool.look()?;
    let (rebuilt, dropped) = pool.repairs();
    Ok(Repairs { rebuilt, dropped })
}
