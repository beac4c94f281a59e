//! Every flag, advice and option word of the calls, as open numbers.
//!
//! Names are those of the headers without their prefix (`MAP_`, `PROT_`, `MADV_` ...). The numbers come
//! from the kernel's own headers by way of `linux-raw-sys`, unless a comment names another header.

mod advice;
mod memory;
mod numa;
mod object;
mod pagemap;
mod signal;
mod userfault;

pub use advice::*;
pub use memory::*;
pub use numa::*;
pub use object::*;
pub use pagemap::*;
pub use signal::*;
pub use userfault::*;

/// `prctl` operation that names anonymous memory (`linux/prctl.h`, 5.17).
pub(crate) const PR_SET_VMA: u32 = linux_raw_sys::prctl::PR_SET_VMA;
/// Its argument (`linux/prctl.h`, 5.17).
pub(crate) const PR_SET_VMA_ANON_NAME: u32 = linux_raw_sys::prctl::PR_SET_VMA_ANON_NAME;
