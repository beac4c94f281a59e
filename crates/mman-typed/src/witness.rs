//! Who is alive: what the kernel says of processes, and of the address spaces that came from this one.
#![expect(unsafe_code, reason = "attaches a System V object, and detaches it")]

use crate::entries::Who;
use crate::file::File;
use crate::number::{number_of, size};
use crate::path::Path;
use core::ffi::c_void;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use mman_sys::{
    Errno, IPC_CREAT, IPC_PRIVATE, OpenFlags, Signal, Timespec, futex_wait, geteuid, getpid,
    shm_last_index, shm_remove, shm_stat, shm_stat_at, shmat, shmdt, shmget, tgkill,
};

/// Sizes of the counters of this process, and of those it was forked from, so far; 0 before the first.
static COUNTED: AtomicU64 = AtomicU64::new(0);
/// A counter is no larger than this, less than a page, and costs a page as any other.
const LARGEST: u64 = 4095;
/// The mode of a counter: only its user reads it; the kernel gives the lowest bit no meaning, and few have it.
const MODE: u32 = 0o700;

/// A size that no other counter of this process has, until 4095 of them are made.
fn new_size() -> u64 {
    // Another process, in another namespace, begins elsewhere.
    let first = u64::try_from(getpid()).unwrap_or(0).max(1);
    let _begun = COUNTED.compare_exchange(0, first, Relaxed, Relaxed);
    let number = COUNTED.fetch_add(1, Relaxed);
    (number % LARGEST).saturating_add(1)
}

/// Counts the address spaces that came from this one: an object that each of them has attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter {
    id: i32,
    at: *mut c_void,
    /// Numbers are those of a namespace: in another one this one may be another object, which has another size.
    size: u64,
}

impl Counter {
    pub(crate) fn new() -> Result<Self, Errno> {
        let size = new_size();
        let id = match get(size) {
            Err(Errno::ENOSPC) => {
                sweep();
                get(size)
            }
            id => id,
        }?;
        let at = shmat(id);
        // It goes with its last attachment, also where there is none.
        shm_remove(id)?;
        Ok(Self { id, at: at?, size })
    }

    /// Whether this address space alone has it.
    pub(crate) fn is_alone(&self) -> bool {
        shm_stat(self.id).is_ok_and(|stat| stat.attached == 1 && stat.size == self.size)
    }

    /// Detaches it: this address space is not counted any more.
    pub(crate) fn leave(self) {
        // SAFETY: attached by `new`, in this address space or in the one that it was forked from; nobody reads it.
        let _left = unsafe { shmdt(self.at) };
    }
}

fn get(len: u64) -> Result<i32, Errno> {
    shmget(IPC_PRIVATE, size(len), IPC_CREAT | i32::try_from(MODE).unwrap_or(0))
}

/// Removes the counters of this user whose process was killed before it could say that they go with it.
fn sweep() {
    let me = geteuid();
    for index in 0..=shm_last_index().unwrap_or(-1) {
        let Ok((id, stat)) = shm_stat_at(index) else { continue };
        let is_counter =
            stat.key == IPC_PRIVATE && stat.mode & 0o777 == MODE && stat.size <= LARGEST;
        let is_left = stat.owner == me && stat.attached == 0 && stat.creator > 0;
        let signal = Signal::from_raw(0);
        if is_counter && is_left && tgkill(stat.creator, stat.creator, signal) == Err(Errno::ESRCH)
        {
            let _gone = shm_remove(id);
        }
    }
}

/// Sleeps.
pub(crate) fn sleep(milliseconds: i64) {
    let (same, time) = (0_u32, milliseconds_of(milliseconds));
    let _over = futex_wait(&raw const same, 0, Some(&time));
}

pub(crate) fn milliseconds_of(milliseconds: i64) -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: milliseconds.clamp(0, 999).saturating_mul(1_000_000) }
}

/// This process.
pub(crate) fn me() -> Who {
    let process = getpid();
    let started = stat(process).map_or(0, |(_, started)| started);
    Who { process, started, namespace: namespace() }
}

/// The namespace of our process numbers; 0 where it cannot be told.
fn namespace() -> u64 {
    let path = Path::of(&[b"/proc/self/ns/pid"]);
    let opened = File::open_through(&path, OpenFlags::empty(), 0);
    opened.and_then(|file| file.stat()).map_or(0, |stat| stat.st_ino)
}

/// Whether a process has ended, as far as can be told from here; where not, it has not.
pub(crate) fn is_gone(who: &Who) -> bool {
    if who.process <= 0 || who.namespace == 0 || who.namespace != namespace() {
        return false;
    }
    if tgkill(who.process, who.process, Signal::from_raw(0)) == Err(Errno::ESRCH) {
        return true;
    }
    match stat(who.process) {
        Some((state, started)) => {
            let is_another = who.started != 0 && started != who.started;
            is_another || matches!(state, b'Z' | b'X')
        }
        None => false,
    }
}

/// Whether the number of a process means that process here: it is of our namespace, and runs.
pub(crate) fn is_here(who: &Who) -> bool {
    let is_ours = who.process > 0 && who.namespace != 0 && who.namespace == namespace();
    is_ours && stat(who.process).is_some() && !is_gone(who)
}

/// State and start of a process (proc_pid_stat(5)): fields 3 and 22, counted behind the name, which may have anything in it.
fn stat(process: i32) -> Option<(u8, u64)> {
    let mut path = Path::new();
    path.push(b"/proc/");
    path.push_number(u64::try_from(process).ok()?);
    path.push(b"/stat");
    let mut text = [0_u8; 1024];
    let len = File::open(&path, OpenFlags::empty(), 0).ok()?.read(&mut text).ok()?;
    let text = text.get(..len)?;
    let behind = text.iter().rposition(|byte| *byte == b')')?.checked_add(1)?;
    let mut fields = text.get(behind..)?.split(u8::is_ascii_whitespace).skip(1);
    let state = *fields.next()?.first()?;
    let started = number_of(fields.nth(18)?)?;
    Some((state, started))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code: it may panic")]

    use super::*;

    #[test]
    fn this_process_is_not_gone_and_another_with_its_number_is() {
        let me = me();
        assert!(me.started > 0 && me.namespace > 0);
        assert!(!is_gone(&me) && is_here(&me));
        assert!(!is_here(&Who { namespace: 1, ..me }) && !is_here(&Who { process: 1 << 30, ..me }));
        assert!(is_gone(&Who { started: me.started.wrapping_add(1), ..me }));
        // Above the largest number that the kernel gives.
        assert!(is_gone(&Who { process: 1 << 30, ..me }));
        assert!(!is_gone(&Who { namespace: 1, process: 1 << 30, ..me }), "of elsewhere");
    }

    #[test]
    fn it_is_counted_once() {
        let counter = Counter::new().unwrap();
        assert!(counter.is_alone());
        counter.leave();
        assert!(!counter.is_alone());
    }
}
