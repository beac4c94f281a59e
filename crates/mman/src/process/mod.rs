//! What concerns a process as a whole.
//!
//! # For real-time programs
//!
//! A thread that must not wait for a page does this before its deadlines begin:
//!
//! 1. [`lock_all`]`(`[`LockAll::Both`]`)`: what is mapped is read in and stays, and so is what will be mapped;
//! 2. touch as much stack as it will ever need: the pages below are mapped on the first touch only;
//! 3. touch as much heap, and keep the allocator from giving memory back (for the GNU C library, `mallopt` with
//!    `M_TRIM_THRESHOLD` -1 and `M_MMAP_MAX` 0), or allocate everything before;
//! 4. start all threads before too: the stack of a new thread is new memory, read in when it is mapped.
//!
//! A fork undoes it: a child has no locks, and the first store to each private page copies it, in the parent too.

mod lock_all;

pub use lock_all::{LockAll, lock_all, lock_all_on_fault, unlock_all};
