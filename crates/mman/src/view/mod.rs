//! Views: ways to reach the bytes of a mapping, each offering what can be proved about its object.
//!
//! | view | of | gives |
//! |---|---|---|
//! | [`Frozen`] | bytes that nobody can change | `&[u8]` |
//! | [`Memory`] | private anonymous memory, secret memory | `&mut [u8]` |
//! | [`Shared`] | any object, for reading | copies, words, search; errors instead of signals |
//! | [`Leased`] | a file under a lease | the same, of bytes that stay as they were |
//! | [`SharedMut`] | any object, for reading and writing | the same, and stores, atomics |
//! | [`Private`] | any object, with changes kept here | the same; [`Private::detach`] gives a [`Memory`] |

mod atomic;
mod frozen;
mod futex;
mod guarded;
mod lease;
mod lease_thread;
mod leased;
mod memory;
mod policy;
mod private;
mod reader;
mod search;
mod shared;
mod shared_mut;
mod verity;
mod watch;
mod word;
#[cfg(target_arch = "aarch64")]
#[path = "words_aarch64.rs"]
mod words;
#[cfg(target_arch = "x86_64")]
#[path = "words_x86_64.rs"]
mod words;
#[cfg(test)]
mod words_tests;
mod writer;

pub use atomic::{SharedAtomic, SharedInteger};
pub use frozen::{Frozen, Proof};
pub use futex::Wait;
pub use lease::LeaseState;
pub use leased::Leased;
pub use memory::Memory;
pub use policy::{CopyLimit, CopyPolicy};
pub use private::Private;
pub use reader::Reader;
pub use shared::Shared;
pub use shared_mut::SharedMut;
pub use word::Word;
pub use writer::Writer;
