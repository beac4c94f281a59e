//! Which view do I want?
//!
//! | I want | and | take |
//! |---|---|---|
//! | a `&[u8]` of a file | its size in memory may be spent | [`Frozen::open`](crate::Frozen::open): a copy, shared by all clones |
//! | a `&[u8]` of a file | no copy, and I know that nobody writes to it or cuts it | `unsafe` [`Shared::assume_immutable`](crate::Shared::assume_immutable) |
//! | a `&[u8]` of what another process made | it can seal a memfd | [`Frozen::sealed`](crate::Frozen::sealed): no copy |
//! | a file as it is now, without a copy | somebody may want to write to it some day | [`Leased`](crate::Leased): told before he does |
//! | to read here and there in a large file | others may write to it or cut it | [`Shared`](crate::Shared) |
//! | to read it line by line, once | | [`Shared::reader`](crate::Shared::reader), or plain `read` |
//! | to replace a whole file | and never be seen half-way | no view: [`write_file`](crate::write_file()) |
//! | to append to a file through a mapping | | [`GrowableFile`](crate::GrowableFile): its addresses stay |
//! | to change a file in place | | [`SharedMut`](crate::SharedMut) |
//! | to keep a log | it is to survive `kill -9` | no view: [`AppendLog`](crate::log::AppendLog) |
//! | to send bytes or messages to processes | one reader; many | no view: [`SharedRing`](crate::SharedRing); [`Broadcast`](crate::Broadcast) |
//! | to share counters and flags with processes | | [`SharedMut`](crate::SharedMut) of a [`ShmObject`](crate::ShmObject) or [`MemFd`](crate::MemFd), and its atomics |
//! | to change a file here and not there | | [`Private`](crate::Private); [`detach`](crate::Private::detach) for a slice |
//! | memory | | [`Memory`](crate::Memory): a `&mut [u8]` |
//! | memory that nobody may read | not even the kernel | [`Memory::secret`](crate::Memory::secret) |
//! | pages to protect, seal, move, discard | | no view: a [`Mapping`](crate::Mapping) |
//!
//! # What each promises
//!
//! | view | the bytes may change | they may go away | gives | costs |
//! |---|---|---|---|---|
//! | [`Frozen`](crate::Frozen) | no | no | `&[u8]` | a copy, unless sealed or kept by fs-verity |
//! | [`Memory`](crate::Memory) | by `&mut` only | no | `&mut [u8]` | memory |
//! | [`Shared`](crate::Shared) | yes, by anybody | yes: an error | copies, words, search | nothing per byte |
//! | [`Leased`](crate::Leased) | no, unless the process is stopped for 45 s | no, or an error: storage, no copy allowed | as `Shared` | a descriptor; a copy when somebody writes |
//! | [`SharedMut`](crate::SharedMut) | yes, by anybody | yes: an error | the same, stores, atomics | the blocks of the file |
//! | [`Private`](crate::Private) | by us, and where we have not written by anybody | yes: an error | the same, stores | a copy of each page written to |
//!
//! # An example each
//!
//! A file as it is now, for many threads:
//!
//! ```
//! let words = mman::Frozen::open("Cargo.toml")?;
//! let threads: Vec<_> = (0..2)
//!     .map(|_| {
//!         let words = words.clone(); // no bytes are copied
//!         std::thread::spawn(move || words.iter().filter(|byte| **byte == b'\n').count())
//!     })
//!     .collect();
//! let counts: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
//! assert_eq!(counts[0], counts[1]);
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! A log that another process writes to, and may cut at any moment:
//!
//! ```
//! use mman::{Cause, Shared};
//! use std::io::BufRead;
//!
//! let path = std::env::temp_dir().join(format!("mman-log-{}", std::process::id()));
//! std::fs::write(&path, "first\nsecond\n".repeat(1000))?;
//! let log = Shared::open(&path)?;
//! assert_eq!(log.reader().lines().next().unwrap()?, "first");
//! std::fs::write(&path, "")?; // somebody rotates it
//! let error = log.read_at(8192, &mut [0; 6]).unwrap_err();
//! assert_eq!(error.cause(), Cause::Truncated { at: 8192 });
//! std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A counter that processes share:
//!
//! ```
//! use mman::{MemFd, SharedMut};
//! use std::sync::atomic::Ordering;
//!
//! let memfd = MemFd::new(4096)?; // its descriptor goes to the others
//! let view = SharedMut::new(&memfd)?;
//! let requests = view.atomic_u64(0)?; // no reference: each step is one instruction
//! requests.fetch_add(1, Ordering::Relaxed);
//! assert_eq!(view.load::<u64>(0)?, 1);
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! A file to be patched in memory only, and then looked at as a slice:
//!
//! ```
//! let patched = mman::Private::open("Cargo.toml")?;
//! patched.write_at(1, b"PACKAGE")?;
//! let bytes = patched.detach()?;
//! assert!(bytes.starts_with(b"[PACKAGE]"));
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! A secret that is locked, in no core dump, and gone in children:
//!
//! ```
//! use mman::{Hint, MapOptions, Memory, OnFork};
//!
//! let options = MapOptions::private().locked().on_fork(OnFork::Wipe);
//! let mut key = Memory::map(&options, 32)?;
//! key.pages().advise(.., Hint::NoDump)?;
//! key.copy_from_slice(&[7; 32]);
//! key.fill(0); // before it is given back
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! (A guard of [`Pages::lock`](crate::Pages::lock) borrows its owner, so it is for what is only read; `locked` is for what is
//! written too. [`Memory::secret`](crate::Memory::secret) hides it from the kernel as well.)
//!
//! Records in memory, as types: bytes of [`Frozen`](crate::Frozen) and [`Memory`](crate::Memory) begin at a page, so
//! every alignment fits, and crates that check casts (`zerocopy`, `bytemuck`) work on them as on any slice.
//!
//! ```
//! use zerocopy::FromBytes;
//!
//! let mut memory = mman::Memory::new(4096)?;
//! let numbers = <[u64]>::mut_from_bytes(&mut memory[..]).unwrap();
//! numbers[3] = 7;
//! assert_eq!(memory[24], 7_u64.to_ne_bytes()[0]);
//! # Ok::<(), mman::Error>(())
//! ```
