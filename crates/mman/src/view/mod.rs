//! Views: ways to reach the bytes of a mapping, each offering what can be proved about its object.
//!
//! | view | of | gives |
//! |---|---|---|
//! | [`Frozen`] | bytes that nobody can change | `&[u8]` |
//! | [`Memory`] | private anonymous memory, secret memory | `&mut [u8]` |
//! | [`Shared`] | any object, for reading | copies, words, search; errors instead of signals |
//! | [`SharedMut`] | any object, for reading and writing | the same, and stores, atomics |
//! | [`Private`] | any object, with changes kept here | the same; [`Private::detach`] gives a [`Memory`] |

mod atomic;
mod frozen;
mod futex;
mod guarded;
mod memory;
mod private;
mod reader;
mod search;
mod shared;
mod shared_mut;
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
pub use frozen::{CopyLimit, Frozen, Proof};
pub use futex::Wait;
pub use memory::Memory;
pub use private::Private;
pub use reader::Reader;
pub use shared::Shared;
pub use shared_mut::SharedMut;
pub use word::Word;
pub use writer::Writer;
