//! What can be mapped, with an example each.
//!
//! # Files: [`FileObject`](crate::FileObject)
//!
//! Regular files, block devices, and the character devices that take it. A writable shared mapping of a file reserves
//! its blocks first, so that a full disk is an error when it is mapped, and no lost store later
//! ([`sparse`](crate::MapOptions::sparse) leaves that out).
//!
//! ```
//! use mman::{FileObject, MemoryObject, SharedMut};
//!
//! let path = std::env::temp_dir().join(format!("mman-guide-{}", std::process::id()));
//! std::fs::write(&path, [0; 8192])?;
//! let file = FileObject::open_read_write(&path)?;
//! let view = SharedMut::new(&file)?;
//! view.write_at(5000, b"in the file at once")?;
//! assert!(std::fs::read(&path)?[5000..].starts_with(b"in the file"));
//! assert_eq!(file.size()?, Some(8192));
//! std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Anonymous memory: [`Anonymous`](crate::Anonymous)
//!
//! Zeros without a file. Private, it is what [`Memory`](crate::Memory) is made of; shared, it is memory that children
//! share after a fork.
//!
//! ```
//! use mman::{Anonymous, MapOptions, Memory, SharedMut};
//!
//! let mut own = Memory::new(10_000)?;
//! own[9_999] = 1;
//! let with_children = SharedMut::map(&MapOptions::shared(), &Anonymous::new(4096))?;
//! with_children.store(0, 42_u64)?;
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # Huge pages
//!
//! From a pool ([`huge_pages`](crate::MapOptions::huge_pages), for anonymous memory and memfds, and files of hugetlbfs),
//! or transparent ([`Hint::HugePages`](crate::Hint::HugePages), [`Hint::Collapse`](crate::Hint::Collapse)). The pool is
//! empty unless somebody filled it, which is an error that says so:
//!
//! ```
//! use mman::{Cause, HugePageSize, MapOptions, Memory};
//!
//! for size in HugePageSize::available() {
//!     match Memory::map(&MapOptions::private().huge_pages(size), 1) {
//!         Ok(memory) => assert_eq!(memory.pages().page_size(), size.page_size()),
//!         Err(error) => assert!(matches!(error.cause(), Cause::HugePagePool { .. })),
//!     }
//! }
//! ```
//!
//! # Memfds: [`MemFd`](crate::MemFd)
//!
//! Files without a name, in memory, to be handed to other processes. Their seals are types: what nobody can change any
//! more can be looked at as a slice.
//!
//! ```
//! use mman::{Frozen, MemFd, SharedMut};
//!
//! let memfd = MemFd::new(4096)?;
//! let view = SharedMut::new(&memfd)?;
//! view.write_at(0, b"for everybody")?;
//! drop(view); // nobody may be able to write when it is sealed
//! let sealed = memfd.freeze()?;
//! let bytes = Frozen::sealed(&sealed)?;
//! assert!(bytes.starts_with(b"for everybody"));
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # POSIX shared memory: [`ShmObject`](crate::ShmObject)
//!
//! Memory with a name that all processes know, until it is unlinked.
//!
//! ```
//! use mman::{ShmObject, SharedMut};
//!
//! let name = format!("/mman-guide-{}", std::process::id());
//! let ours = SharedMut::new(&ShmObject::create_new(&name, 4096)?)?;
//! let theirs = SharedMut::new(&ShmObject::open(&name)?)?; // in another process, usually
//! ours.store(0, 7_u32)?;
//! assert_eq!(theirs.load::<u32>(0)?, 7);
//! ShmObject::unlink(&name)?;
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # Typed memory: [`TypedMemory`](crate::TypedMemory)
//!
//! A pool of memory of one kind, opened by name, that processes allocate from: shared memory, huge pages, the memory of a
//! NUMA node, a device. Which pools there are is configured; without a configuration there is `/shm`, and what the
//! machine has. Mapping allocates, and the memory is free again when nobody has it mapped any more, however its users
//! ended. What one process has allocated another one maps by its pieces.
//!
//! ```
//! use mman::{MapOptions, SharedMut, TypedMemory};
//!
//! # let pools = mman_testkit::typed::Pools::new("pool shm kind=shm size=64M\nport /shm pool=shm");
//! # pools.use_here();
//! let pool = TypedMemory::open("/shm")?;
//! let ours = SharedMut::map(&MapOptions::shared(), &pool.allocation(10_000))?;
//! let pieces = ours.pages().typed_pieces(..)?; // to be sent to the other process
//! let other = TypedMemory::open("/shm")?; // a port of its own
//! let first = MapOptions::shared().range(pieces[0].clone());
//! let theirs = SharedMut::map(&first, &other)?;
//! ours.store(0, 7_u64)?;
//! assert_eq!(theirs.load::<u64>(0)?, 7);
//! # Ok::<(), mman::Error>(())
//! ```
//!
//! # Secret memory: [`SecretMem`](crate::SecretMem)
//!
//! Pages that the kernel itself does not map, and that are never swapped. [`Memory::secret`](crate::Memory::secret) is
//! a slice of them.
//!
//! ```
//! use mman::{Cause, Memory};
//!
//! match Memory::secret(32) {
//!     Ok(mut key) => key.copy_from_slice(&[7; 32]),
//!     Err(error) => assert_eq!(error.cause(), Cause::NotSupported), // switched off, here
//! }
//! ```
//!
//! # Address space: [`Reservation`](crate::Reservation)
//!
//! No object, but the place for objects: held first, filled later, with addresses that stay.
//!
//! ```
//! use mman::{FileObject, MapOptions, Reservation};
//!
//! let mut space = Reservation::new(1 << 40)?;
//! space.commit(..1 << 20)?;
//! space.place(1 << 30, &MapOptions::shared(), &FileObject::open("Cargo.toml")?)?;
//! # Ok::<(), mman::Error>(())
//! ```
