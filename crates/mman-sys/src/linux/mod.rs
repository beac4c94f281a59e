//! The Linux backend: one file for each group of calls, one trap layer below them all.

mod advise;
mod fiemap;
mod file;
mod file_lock;
mod futex;
mod ioctl;
mod lease;
mod lock;
mod map;
mod numa;
mod object;
mod pagemap;
mod pkey;
#[cfg(target_arch = "x86_64")]
#[path = "pkru_x86_64.rs"]
mod pkru;
#[cfg(target_arch = "aarch64")]
#[path = "pkru_none.rs"]
mod pkru;
mod process;
mod residency;
#[cfg(target_arch = "x86_64")]
#[path = "restorer_x86_64.rs"]
mod restorer;
#[cfg(target_arch = "aarch64")]
#[path = "restorer_aarch64.rs"]
mod restorer;
mod signal;
mod sync;
mod syscall;
mod system_v;
mod uffd;
mod verity;

pub use advise::*;
pub use fiemap::*;
pub use file::*;
pub use file_lock::*;
pub use futex::*;
pub use lease::*;
pub use lock::*;
pub use map::*;
pub use numa::*;
pub use object::*;
pub use pagemap::*;
pub use pkey::*;
pub use process::*;
pub use residency::*;
pub use signal::*;
pub use sync::*;
pub use system_v::*;
pub use uffd::*;
pub use verity::*;
