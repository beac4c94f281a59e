//! From `read()` to a mapping, object by object and view by view. Documentation only.
//!
//! - [`objects`]: what can be mapped, an example each
//! - [`which_view`]: how to reach the bytes, an example each
//! - [`header`]: every function and flag of `<sys/mman.h>`, and its name here
//!
//! # From `read()` to a mapping
//!
//! Reading copies the whole file into memory of one's own, before anything can be looked at:
//!
//! ```
//! let all = std::fs::read("Cargo.toml")?;
//! assert!(all.starts_with(b"[package]"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! If that is what you want (bytes that stay as they are, whatever happens to the file), [`Frozen`](crate::Frozen) is
//! the same, and for large files in a third of the time (measured in the README):
//!
//! ```
//! let all = mman::Frozen::open("Cargo.toml")?; // a `&[u8]`, for all threads, cheap to clone
//! assert!(all.starts_with(b"[package]"));
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! A mapping copies nothing. The file's own pages appear in memory, as they are touched, and are given back when
//! memory is short. It is for files that are larger than what is looked at, that many processes look at, or that are
//! looked at here and there:
//!
//! ```
//! let file = mman::Shared::open("Cargo.toml")?;
//! let mut head = [0; 9];
//! file.read_at(0, &mut head)?;
//! assert_eq!(&head, b"[package]");
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! Why `read_at`, and no `&[u8]`? The pages are the file's: others may write to them, which makes a slice undefined
//! behaviour, or take them away by truncating the file, which makes a touch SIGBUS. A view copies what is asked for, at
//! the speed of memory, and answers with an error where a touch would be a signal.
//!
//! How a mapping is made (which bytes, where, with which pages, locked or not) is said by
//! [`MapOptions`](crate::MapOptions):
//!
//! ```
//! use mman::{FileObject, Hint, MapOptions, Shared};
//!
//! let object = FileObject::open("Cargo.toml")?;
//! let part = Shared::map(&MapOptions::shared().range(1..8).populate(), &object)?;
//! assert!(part.equals(0, b"package")?);
//! part.pages().advise(.., Hint::Random)?;
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! And who needs the pages themselves, without a view (to protect, discard, seal, move, or hand to other code), has a
//! [`Mapping`](crate::Mapping), and gets to its bytes by system calls or by a pointer.
//!
//! # What an operation may do
//!
//! | it | stands on | so |
//! |---|---|---|
//! | changes no byte and takes no access | [`Pages`](crate::Pages), lent by every owner | it can be done while others look |
//! | takes bytes or access away | [`Mapping`](crate::Mapping), `&mut self` | a view has to end first: `into_mapping` |
//! | can make other code undefined | `unsafe fn` | the caller proves |

pub mod header;
pub mod objects;
pub mod which_view;
