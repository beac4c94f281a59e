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
    Errno, IPC_CREAT, IPC_PRIVATE, OpenFlags, PIDFD_THREAD, Signal, Timespec, futex_wait, geteuid,
    getpid, pidfd_open, shm_last_index, shm_remove, shm_stat, shm_stat_at, shmat, shmdt, shmget,
    tgkill,
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
    let started = stat(process).map_or(0, |stat| stat.started);
    Who { process, started, namespace: namespace() }
}

/// The namespace of our process numbers; 0 where it cannot be told.
fn namespace() -> u64 {
    let path = Path::of(&[b"/proc/self/ns/pid"]);
    let opened = File::open_through(&path, OpenFlags::empty(), 0);
    opened.and_then(|file| file.stat()).map_or(0, |stat| stat.st_ino)
}

/// Whether a thread of a process of this namespace has ended; where that cannot be told from here, it has not.
///
/// Nothing that `/proc` says is asked: a process goes on when its first thread has ended, which is a zombie then, and times and
/// numbers there may be of another namespace.
pub(crate) fn is_over(of: u64, thread: u32) -> bool {
    let Ok(thread @ 1..) = i32::try_from(thread) else { return false };
    if of == 0 || of != namespace() {
        return false;
    }
    match pidfd_open(thread, PIDFD_THREAD) {
        Ok(pidfd) => File::owned(pidfd).has_ended(),
        Err(Errno::ESRCH) => true,
        // A kernel without descriptors of threads.
        Err(_) => pidfd_open(thread, 0).map(File::owned).is_err_and(|errno| errno == Errno::ESRCH),
    }
}

/// Whether the number of a process means that process here: it is of our namespace, and runs. For people to look at.
pub(crate) fn is_here(who: &Who) -> bool {
    let is_ours = who.process > 0 && who.namespace != 0 && who.namespace == namespace();
    is_ours
        && stat(who.process).is_some_and(|stat| {
            let is_it = who.started == 0 || stat.started == who.started;
            // Its first thread may have ended, and others go on.
            is_it && (stat.threads > 1 || !matches!(stat.state, b'Z' | b'X'))
        })
}

/// What the kernel tells of a process (proc_pid_stat(5)).
struct Told {
    state: u8,
    threads: u64,
    started: u64,
}

/// Fields 3, 20 and 22, counted behind the name, which may have anything in it.
fn stat(process: i32) -> Option<Told> {
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
    let threads = number_of(fields.nth(16)?)?;
    let started = number_of(fields.nth(1)?)?;
    Some(Told { state, threads, started })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code: it may panic")]

    use super::*;

    #[test]
    fn this_process_is_not_gone_and_another_with_its_number_is() {
        let me = me();
        assert!(me.started > 0 && me.namespace > 0);
        assert!(is_here(&me));
        assert!(!is_here(&Who { namespace: 1, ..me }) && !is_here(&Who { process: 1 << 30, ..me }));
        assert!(!is_here(&Who { started: me.started.wrapping_add(1), ..me }));
    }

    #[test]
    fn a_thread_that_has_ended_is_over() {
        let of = namespace();
        let here = mman_sys::gettid().cast_unsigned();
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tell.send(mman_sys::gettid().cast_unsigned()).unwrap();
            ended.recv().unwrap_err();
        });
        let there = told.recv().unwrap();
        assert!(!is_over(of, here) && !is_over(of, there));
        drop(end);
        thread.join().unwrap();
        // It is joined a moment before the kernel has taken it away.
        while !is_over(of, there) {
            std::thread::yield_now();
        }
        // Above the largest number that the kernel gives; of elsewhere; none.
        assert!(is_over(of, 1 << 30) && !is_over(1, 1 << 30) && !is_over(of, 0));
    }

    #[test]
    fn it_is_counted_once() {
        let counter = Counter::new().unwrap();
        assert!(counter.is_alone());
        counter.leave();
        assert!(!counter.is_alone());
    }
}
