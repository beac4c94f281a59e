//! A word of shared memory that threads wait on: what the calls answer, and that reading rights are enough to wait.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "memory and descriptors are plain numbers in the seam; a test may stop at what it does not expect"
)]

use mman_sys::{Errno, Timespec, futex_wait, futex_wake};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[test]
fn who_waits_is_woken_and_counted() {
    let word = AtomicU32::new(7);
    let at = word.as_ptr().cast_const();
    assert_eq!(futex_wait(at, 8, None), Err(Errno::EAGAIN));
    let soon = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    assert_eq!(futex_wait(at, 7, Some(&soon)), Err(Errno::ETIMEDOUT));
    assert_eq!(futex_wait(at.wrapping_byte_add(1), 7, None), Err(Errno::EINVAL));
    assert_eq!(futex_wait(std::ptr::null(), 7, None), Err(Errno::EFAULT));
    assert_eq!(futex_wake(at, 1), Ok(0));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| futex_wait(word.as_ptr().cast_const(), 7, None));
        while futex_wake(word.as_ptr().cast_const(), u32::MAX).unwrap() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
    assert_eq!(word.load(Ordering::Relaxed), 7);
}
