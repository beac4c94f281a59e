//! POSIX typed memory objects on Linux: pools of memory by name, allocated between processes.
//!
//! A *pool* is memory of one kind: shared memory, huge pages, a NUMA node's, a device's. A *port* is a name for it. A
//! program opens a port ([`open`]), maps memory through the descriptor ([`map`]), which allocates it from the pool,
//! and gives it back by unmapping ([`unmap`]), or by ending. Which pools there are is configured ([`config`]);
//! without a configuration there are those that the machine has. There is no daemon, nothing is allocated here, and
//! no C library is needed.
//!
//! ```
//! use mman_sys::{MapFlags, OpenFlags, Prot};
//! use mman_typed::{TypedFlags, info, map, offset, open, unmap};
//!
//! # fn main() -> Result<(), mman_typed::Failure> {
//! # let directory = tempfile::tempdir_in("/dev/shm").expect("a directory");
//! # let file = directory.path().join("conf");
//! # let tables = directory.path().display();
//! # let lines = format!("directory {tables}\npool p kind=shm size=1M\nport /shm pool=p\n");
//! # std::fs::write(&file, lines).expect("a file");
//! # mman_typed::config::use_configuration(file.to_str().expect("a path").as_bytes()).expect("a path");
//! let fd = open(b"/shm", OpenFlags::RDWR, TypedFlags::ALLOCATE)?;
//! let free = info(fd)?.length;
//! let prot = Prot::READ | Prot::WRITE;
//! // SAFETY: the kernel chooses the place, and nobody else knows of the memory.
//! let at = unsafe { map(std::ptr::null_mut(), 8192, prot, MapFlags::SHARED, fd, 0) }?;
//! assert_eq!(info(fd)?.length, free - 8192);
//! assert_eq!(offset(at, 4096)?.len, 4096);
//! // SAFETY: mapped above, and nobody has a reference into it.
//! unsafe { unmap(at, 8192) }?;
//! assert_eq!(info(fd)?.length, free);
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! A pool has two files. Its *store* is its memory: byte `n` of the object is byte `n` of that file, for every
//! process and every port, so the kernel's own `/proc/PID/maps` tells the truth about offsets. Its *table*
//! (`layout.rs`) is mapped by all who use the pool:
//!
//! - a *slot* for each address space that holds memory of it,
//! - *entries* in the slots, one word for each mapped range: the truth about who holds what (`entries.rs`),
//! - a map of the used units, of those that several hold, how many more hold them, and a tree of the free runs: all
//!   of it follows from the entries (`space.rs`, `tree.rs`).
//!
//! ```text
//!   a unit (space.rs):
//!
//!         +--- find, mark: allocated ------------------+
//!         |                                            v     add: mapped again, or by a fork
//!       FREE --- add: a range that nobody has ---> HELD ONCE -------------------------------> HELD n TIMES
//!         ^                                            |    <-------------------------------
//!         +--- remove: the last entry goes; its -------+     remove: an entry goes
//!              bytes before it, its bit after it
//!
//!   a range that a process unmaps (pool.rs):
//!
//!        MAPPED --- unmap, then is_alone? --- yes: release_now ---> GIVEN BACK
//!                                 |                                     ^
//!                                 | no: a child that nobody             | settle, at any call: the child has ended,
//!                                 v told of may have it                 | or has a slot of its own
//!                              WAITING ---------------------------------+
//! ```
//!
//! # Who is alive is the kernel's to say
//!
//! Two objects of the kernel live exactly as long as an address space and those that were forked from it, whatever
//! ends them (`attach.rs`):
//!
//! - *A lock that a mapping keeps.* A process opens the table, locks its slot's byte for that open file description,
//!   maps the table by it, and closes the descriptor. The mapping keeps the description, and the description the
//!   lock. A fork copies the mapping; unmapping, exit, exec and kill take it away. Anybody asks by one call whether
//!   the byte is locked, which takes no right but that to read the file. No lock: nobody is left who could use what
//!   the slot holds, and it is given back by whoever finds it, step by step.
//! - *A count of address spaces.* A System V object that is attached to the same address spaces counts them. After
//!   unmapping something a process asks for the count, 0.13 us: 1 means that no child has a copy of what was just
//!   unmapped, and it is given back at once. Otherwise it waits. Children that were told of (`pthread_atfork` with
//!   [`before_fork`] and the two others), or find out by themselves at their first call, take a slot of their own and
//!   leave the count of their parent.
//!
//! So a byte is never free while any process that came by it through this library can reach it, also by way of a
//! plain `clone` or `vfork`, in any order of deaths.
//!
//! # Dying in the middle
//!
//! Changes are made under a lock whose word names its owner (`lock.rs`): a claim of a slot, and the thread. Who waits for
//! it longer than a millisecond asks whether anybody is left who has the slot, and whether the thread is (a child that
//! nobody told of keeps the slot of its dead parent), and takes the lock over from the dead in one step. As the
//! entries are one word each, they are there or not; the rest is then made anew from them (`rebuild.rs`), which is what
//! healing is: there is no log to replay and no order of stores to get right but these two: a unit's bytes go before
//! its last entry, and an entry of two halves is written before the whole one is cut. Tests look at orders of
//! processes of which one dies before any store (`loom_tests.rs`, `dying_tests.rs`).
//!
//! # Damage
//!
//! Numbers of the table are looked at before they are used, lengths of its files before each change. A head that is
//! none refuses the pool; entries that cannot be are dropped and counted ([`repairs`]); a map or a tree that
//! contradicts the entries is said once, as `EIO` with what it was, and made anew. Other pools do not notice. A node of
//! the tree has a seal, and bits have to make the runs that their node tells. What cannot be seen is a changed bit that
//! leaves those runs as they were, before its unit is given back, and an entry of *another* process that was changed
//! into a possible one. Who cuts the table short in the very moment of a change can still cause a SIGBUS, and so can who
//! cuts the store short, as its length is looked at when a process attaches the pool, and not again: who may write to the
//! files of a pool is trusted that far. Directories of tables that others may write to are refused.
//!
//! # Looking from outside
//!
//! [`Look`] reads a table as a file, into memory of its own: no slot, no lock, no mapping, nothing made. So it works for
//! who may only read, beside a process that is stopped with the lock, and while somebody cuts the file short. What the
//! dead have left is told, and stays for the next call that lacks memory, asks or opens. As there is no moment at which
//! all of it is read, a contradiction within the table counts where every reading has it ([`Look::agreement`]).
//!
//! # Why not one file for each allocation
//!
//! With a file for each extent and a lease to probe it, the kernel counts the users of each extent by itself. Weighed
//! against one store for the pool, it costs five calls for an allocation and its release where this has four cheaper
//! ones, an inode for each allocation, and a cut of files wherever somebody maps a range that is not one of theirs;
//! device memory has no such files at all; a debugger's mapping counts as a user; and a lease is given to the owner
//! of a file only, so that one user could not heal after another.
//!
//! # What it costs
//!
//! `cargo xtask bench typed`, beside anonymous memory of the same size: 1.9 to 3.2 times for what is not touched, 1.4 to
//! 2.3 times for what is touched, from 4 KiB to 256 MiB. With 100,000 live allocations of the pool and a hole behind
//! each it takes up to 1.5 times as long as from an empty pool. A large range is marked by a few nodes of the tree, and
//! not by a bit for each unit; what several map is counted unit by unit.
//!
//! # Limits
//!
//! 1024 address spaces and two million ranges for each pool; 2^31 units; 65,536 mappings of one unit; 64 pools in a
//! process. Each pool that a process has attached takes one System V object of the machine's 4096; one that a process
//! leaves, which is killed between making it and saying that it goes with its last user, is removed when there are none
//! left for another process of that user. Where a process goes to another namespace of such objects (`unshare`), what
//! it unmaps of pools that it had opened before is free for others when it ends. A call waits five
//! seconds at most for a lock, and says `EAGAIN` then. Without System V shared memory (a sandbox, or no more
//! objects), what is unmapped is free for others only when the process ends. Memory of the dead is given back by the
//! next call that lacks memory, asks ([`info`]) or opens. Device memory is not emptied. The kernel's promise of huge
//! pages that nobody touched stays with the pool. What is free in a pool of huge pages may be more than the machine has.
//!
//! # For a C library
//!
//! `posix_typed_mem_open` is [`open`]; `posix_typed_mem_get_info` is [`info`], `posix_mem_offset` is [`offset`]: both
//! *return* the number of the error. `mmap` with a descriptor for which [`may_be_typed`] says yes is [`map`]; with
//! `MAP_FIXED` over what [`may_be_in`] says, [`taking_away`]; `munmap` and `mremap` there are [`unmap`] and
//! [`remap`]. `close` and `dup2` need not be known. `pthread_atfork` gets the three hooks. A program that never opened a
//! port pays relaxed loads for each call: one for [`may_be_typed`], two for [`may_be_in`] or, where the first decides,
//! one. Where it has typed memory, [`may_be_typed`] is a short system call.
#![no_std]

#[cfg(test)]
extern crate std;

mod attach;
mod bits;
pub mod config;
mod damage;
mod descriptor;
#[cfg(test)]
mod dying;
#[cfg(test)]
mod dying_tests;
mod entries;
mod failure;
mod file;
mod layout;
mod lock;
mod look;
#[cfg(test)]
mod loom_tests;
mod mapping;
mod memory;
mod nodes;
mod number;
mod object;
mod path;
mod pieces;
mod pool;
mod process;
mod rebuild;
mod report;
mod space;
mod store;
mod tree;
mod turn;
mod witness;
mod words;

pub use damage::Damage;
pub use descriptor::may_be_typed;
pub use failure::{Cause, Failure};
pub use look::{Agreement, Look, Planned, Sizes, planned};
pub use mapping::{Found, map, offset, remap, taking_away, unmap};
pub use object::{Info, Told, TypedFlags, each_port, info, open};
pub use process::{after_fork_in_child, after_fork_in_parent, before_fork, may_be_in};
pub use report::{Holder, Repairs, each_free_run, each_holder, repairs};
