//! System V shared memory as a counter that the kernel keeps: of the address spaces that came from this one.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    unsafe_code,
    reason = "test code: it may panic, and forks"
)]

use mman_sys::{
    Errno, IPC_CREAT, IPC_PRIVATE, shm_last_index, shm_remove, shm_stat, shm_stat_at, shmat, shmdt,
    shmget,
};
use std::ffi::c_int;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn fork() -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    safe fn pause() -> c_int;
}

/// An object is attached once for each address space that has it, whoever knows of it, and is gone with the last.
#[test]
fn the_kernel_counts_children_that_nobody_told_of() {
    let id = match shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0o600) {
        Ok(id) => id,
        Err(Errno::ENOSYS) => return eprintln!("skipped: needs System V shared memory"),
        Err(other) => panic!("{other}"),
    };
    let attached = shmat(id).unwrap();
    shm_remove(id).unwrap();
    let count = || shm_stat(id).unwrap().attached;
    assert_eq!(count(), 1);
    // SAFETY: the child makes one call, and is killed.
    let child = unsafe { fork() };
    if child == 0 {
        loop {
            pause();
        }
    }
    assert_eq!(count(), 2);
    // SAFETY: the child is ours.
    unsafe { kill(child, 9) };
    // SAFETY: as above; the call writes nothing.
    unsafe { waitpid(child, std::ptr::null_mut(), 0) };
    assert_eq!(count(), 1);
    // SAFETY: attached above, and nobody has a reference into it.
    unsafe { shmdt(attached) }.unwrap();
    assert_eq!(shm_stat(id).unwrap_err(), Errno::EINVAL);
    // SAFETY: nothing is there, and nothing is taken away.
    assert_eq!(unsafe { shmdt(attached) }, Err(Errno::EINVAL));
}

/// All objects can be told of by an index: whose they are, who made them, how large they are.
#[test]
fn objects_are_found_by_their_places() {
    let id = match shmget(IPC_PRIVATE, 1234, IPC_CREAT | 0o640) {
        Ok(id) => id,
        Err(Errno::ENOSYS) => return eprintln!("skipped: needs System V shared memory"),
        Err(other) => panic!("{other}"),
    };
    let last = shm_last_index().unwrap();
    let found = (0..=last).filter_map(|at| shm_stat_at(at).ok()).find(|(there, _)| *there == id);
    shm_remove(id).unwrap();
    let (_, stat) = found.unwrap();
    assert_eq!((stat.key, stat.owner, stat.mode & 0o777), (0, mman_sys::geteuid(), 0o640));
    assert_eq!((stat.size, stat.creator, stat.attached), (1234, mman_sys::getpid(), 0));
    assert_eq!(shm_stat_at(-1).unwrap_err(), Errno::EINVAL);
}
