//! POSIX typed memory objects on Linux: pools of memory by name, allocated between processes.
#![no_std]

#[cfg(test)]
extern crate std;

mod attach;
mod bits;
pub mod config;
mod damage;
#[cfg(test)]
mod dying;
#[cfg(test)]
mod dying_tests;
mod entries;
mod failure;
mod file;
mod layout;
mod lock;
mod mapping;
mod memory;
mod nodes;
mod number;
mod object;
mod path;
mod pool;
mod process;
mod report;
mod space;
mod store;
mod witness;
mod words;

pub use damage::Damage;
pub use failure::{Cause, Failure};
pub use mapping::{Found, map, offset, remap, taking_away, unmap};
pub use object::{Info, Told, TypedFlags, closed, each_port, info, may_be_typed, open};
pub use process::{after_fork_in_child, after_fork_in_parent, before_fork, may_be_in};
pub use report::{Holder, Repairs, each_free_run, each_holder, repairs};
