//! How to map: memmap2's builder.
#![expect(unsafe_code, reason = "exports unsafe constructors")]

use crate::descriptor::MmapAsRawDesc;
use crate::error::{bad_input, bad_length, os};
use crate::held::Held;
use crate::if_safe::MapIfSafeError;
use crate::mmap::Mmap;
use crate::mmap_mut::MmapMut;
use crate::mmap_raw::MmapRaw;
use core::ops::Range;
use mman::{
    Cause, Errno, FileObject, HugePageSize, Immutability, MapOptions, Memory, MemoryObject,
    PageSize, Protection,
};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

/// How a map is to be made: begins with [`new`](Self::new), ends with one of the methods that map.
///
/// Those that map a file as a slice are unsafe: see [`map`](Self::map).
///
/// ```
/// use mman_memmap2::MmapOptions;
/// use std::fs::File;
///
/// let file = File::open("Cargo.toml")?;
/// // SAFETY: nobody writes to the file, or makes it shorter, while it is mapped.
/// let name = unsafe { MmapOptions::new().offset(1).len(7).populate().map(&file)? };
/// assert_eq!(&name[..], b"package");
///
/// let memory = MmapOptions::new().len(36).map_anon()?;
/// assert_eq!(&memory[..], [0; 36]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MmapOptions {
    offset: u64,
    len: Option<usize>,
    huge: Option<u8>,
    stack: bool,
    populate: bool,
    no_reserve_swap: bool,
}

impl MmapOptions {
    /// The whole object, and nothing special.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From this byte of the file on, which need not be a page boundary. Anonymous memory has none.
    pub fn offset(&mut self, offset: u64) -> &mut Self {
        self.offset = offset;
        self
    }

    /// So many bytes. Without it, to the end of the file; and no byte of anonymous memory.
    ///
    /// It may be more than the file has: what lies past the end must not be touched (SIGBUS).
    pub fn len(&mut self, len: usize) -> &mut Self {
        self.len = Some(len);
        self
    }

    /// Fit for the stack of a thread. Anonymous memory only; otherwise ignored.
    pub fn stack(&mut self) -> &mut Self {
        self.stack = true;
        self
    }

    /// From the pool of huge pages whose size has this log2 (21 for 2 MiB), or of the usual ones. Anonymous memory only;
    /// otherwise ignored.
    ///
    /// What is mapped is a whole number of them, and all of it goes back to the pool when the map is dropped.
    pub fn huge(&mut self, page_bits: Option<u8>) -> &mut Self {
        self.huge = Some(page_bits.unwrap_or(0));
        self
    }

    /// Read in and map all pages now. That a page could not be is not an error.
    pub fn populate(&mut self) -> &mut Self {
        self.populate = true;
        self
    }

    /// Promise no memory: an access may find that there is none, and kill the process.
    ///
    /// Huge pages are promised all the same. They are never swapped, and one that is missing would be SIGBUS.
    pub fn no_reserve_swap(&mut self) -> &mut Self {
        self.no_reserve_swap = true;
        self
    }

    /// Nothing: it is about the handles of another platform.
    pub fn no_probe_handle(&mut self) -> &mut Self {
        self
    }

    /// Maps a file for reading.
    ///
    /// # Errors
    ///
    /// What the kernel answers, with its number; `InvalidData` for an offset past the end of the file, and for more
    /// bytes than a slice can have.
    ///
    /// # Safety
    ///
    /// A number that is given as the file is an open descriptor. As long as the map lives, nobody in any process writes
    /// to the mapped bytes of the file (undefined behaviour) or makes it shorter (SIGBUS), and its storage does not
    /// fail (SIGBUS). Bytes past the end of the file are not touched (SIGBUS).
    pub unsafe fn map<T: MmapAsRawDesc>(&self, file: T) -> io::Result<Mmap> {
        // SAFETY: the caller's promise.
        let file = unsafe { file.as_raw_desc().borrow() }?;
        self.of_file(MapOptions::shared(), file).map(Mmap::new)
    }

    /// Maps a file for reading and executing.
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    ///
    /// # Safety
    ///
    /// That of [`map`](Self::map).
    pub unsafe fn map_exec<T: MmapAsRawDesc>(&self, file: T) -> io::Result<Mmap> {
        // SAFETY: the caller's promise.
        let file = unsafe { file.as_raw_desc().borrow() }?;
        let options = MapOptions::shared().protection(Protection::READ | Protection::EXEC);
        self.of_file(options, file).map(Mmap::new)
    }

    /// Maps a file for reading and writing. What is written reaches the file.
    ///
    /// No block of the file is reserved: writing to a hole on a full disk is SIGBUS.
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    ///
    /// # Safety
    ///
    /// That of [`map`](Self::map). Nobody else reads the bytes through a map of this process either.
    pub unsafe fn map_mut<T: MmapAsRawDesc>(&self, file: T) -> io::Result<MmapMut> {
        // SAFETY: the caller's promise.
        let file = unsafe { file.as_raw_desc().borrow() }?;
        self.of_file(MapOptions::shared().read_write(), file).map(MmapMut::new)
    }

    /// Maps a file for reading and writing. What is written stays in this process, on a copy of the page.
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    ///
    /// # Safety
    ///
    /// That of [`map`](Self::map): a page that was not written to follows the file.
    pub unsafe fn map_copy<T: MmapAsRawDesc>(&self, file: T) -> io::Result<MmapMut> {
        // SAFETY: the caller's promise.
        let file = unsafe { file.as_raw_desc().borrow() }?;
        self.of_file(MapOptions::private().read_write(), file).map(MmapMut::new)
    }

    /// As [`map_copy`](Self::map_copy), for reading until [`Mmap::make_mut`].
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    ///
    /// # Safety
    ///
    /// That of [`map_copy`](Self::map_copy).
    pub unsafe fn map_copy_read_only<T: MmapAsRawDesc>(&self, file: T) -> io::Result<Mmap> {
        // SAFETY: the caller's promise.
        let file = unsafe { file.as_raw_desc().borrow() }?;
        self.of_file(MapOptions::private(), file).map(Mmap::new)
    }

    /// Maps a file for reading, if it is proved that its bytes stay as they are: a memfd that is sealed against writing
    /// and shrinking, and what else [`mman::Immutability::Bytes`] is said of.
    ///
    /// ```
    /// use mman::MemFd;
    /// use mman_memmap2::Mmap;
    ///
    /// let memory = MemFd::new(100)?;
    /// assert!(Mmap::map_if_safe(&memory).unwrap_err().not_safe());
    /// let sealed = memory.freeze()?;
    /// assert_eq!(&Mmap::map_if_safe(&sealed)?[..], [0; 100]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`MapIfSafeError::not_safe`] where that is not proved, which is asked first, and for a range that ends past the
    /// end; else [`MapIfSafeError::map_failed`].
    pub fn map_if_safe<T: AsFd>(&self, file: T) -> Result<Mmap, MapIfSafeError> {
        let failed = |error: mman::Error| MapIfSafeError::of_map(os(error));
        let object = match FileObject::new(file.as_fd()) {
            Err(error) if error.cause() == Cause::NotMappable => {
                return Err(MapIfSafeError::of_unsafe(error.into()));
            }
            answer => answer.map_err(failed)?,
        };
        // First of all: a length that is asked before the seals may be untrue when they come.
        if object.immutability().map_err(failed)? != Immutability::Bytes {
            let error = bad_input("nothing proves that the bytes of the file stay as they are");
            return Err(MapIfSafeError::of_unsafe(error));
        }
        let size = object.size().map_err(failed)?.unwrap_or(0);
        let len = self.length(size).map_err(MapIfSafeError::of_map)?;
        let bytes = self.bytes(len).map_err(MapIfSafeError::of_map)?;
        if len > 0 && bytes.end > size {
            let error = bad_input("the range ends past the end of the file");
            return Err(MapIfSafeError::of_unsafe(error));
        }
        let map = |options| self.with_flags(options).range(bytes.clone()).past_end().map(&object);
        let mapping = match map(MapOptions::shared()) {
            // Kernels before 6.7 refuse a shared mapping of what nobody may write.
            Err(error) if error.errno() == Some(Errno::EPERM) => map(MapOptions::private()),
            mapped => mapped,
        };
        Ok(Mmap::new(Held::new(mapping.map_err(failed)?, len)))
    }

    /// Anonymous memory, of as many bytes as [`len`](Self::len) says: zeros, that nobody else has.
    ///
    /// # Errors
    ///
    /// `InvalidData` for more bytes than a slice can have; `InvalidInput` for a page size that is none; what the kernel
    /// answers, with its number.
    pub fn map_anon(&self) -> io::Result<MmapMut> {
        let len = fits(self.len.unwrap_or(0))?;
        let mut options = MapOptions::private();
        if self.stack {
            options = options.stack();
        }
        if self.populate {
            options = options.populate();
        }
        options = match self.huge {
            Some(bits) => options.huge_pages(huge_page_size(bits)?),
            None if self.no_reserve_swap => options.no_reserve(),
            None => options,
        };
        let memory = Memory::map(&options, len.max(1)).map_err(os)?;
        Ok(MmapMut::new(Held::new(memory.into_mapping(), len)))
    }

    /// Maps a file for reading and writing, without ever forming a reference to its bytes.
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    pub fn map_raw<T: AsFd>(&self, file: T) -> io::Result<MmapRaw> {
        self.of_file(MapOptions::shared().read_write(), file.as_fd()).map(MmapRaw::new)
    }

    /// Maps a file for reading, without ever forming a reference to its bytes.
    ///
    /// # Errors
    ///
    /// Those of [`map`](Self::map).
    pub fn map_raw_read_only<T: AsFd>(&self, file: T) -> io::Result<MmapRaw> {
        self.of_file(MapOptions::shared(), file.as_fd()).map(MmapRaw::new)
    }

    /// Maps a file of any kind.
    fn of_file(&self, options: MapOptions, file: BorrowedFd<'_>) -> io::Result<Held> {
        // SAFETY: nothing is stored here. Who does it has an unsafe constructor's promise to keep, or a raw pointer.
        let object = unsafe { FileObject::of_any_kind(file) }.map_err(os)?;
        let size = match self.len {
            Some(_) => 0, // not asked for
            None => object.size().map_err(os)?.unwrap_or(0),
        };
        let len = self.length(size)?;
        // Holes stay holes: no blocks are reserved.
        let options = self.with_flags(options).range(self.bytes(len)?).past_end().sparse();
        Ok(Held::new(options.map(&object).map_err(os)?, len))
    }

    fn with_flags(&self, mut options: MapOptions) -> MapOptions {
        if self.populate {
            options = options.populate();
        }
        if self.no_reserve_swap {
            options = options.no_reserve();
        }
        options
    }

    /// The length of the map, of a file of this size.
    fn length(&self, size: u64) -> io::Result<usize> {
        if let Some(len) = self.len {
            return fits(len);
        }
        let Some(rest) = size.checked_sub(self.offset) else {
            return Err(bad_length("the offset is past the end of the file"));
        };
        fits(usize::try_from(rest).unwrap_or(usize::MAX))
    }

    /// The bytes of the file to map: one at least.
    fn bytes(&self, len: usize) -> io::Result<Range<u64>> {
        let end = self.offset.checked_add(len.max(1) as u64);
        // What the kernel answers for offsets that it has not.
        let end = end.ok_or_else(|| io::Error::from_raw_os_error(Errno::EOVERFLOW.raw()))?;
        Ok(self.offset..end)
    }
}

/// A slice can have so many bytes.
fn fits(len: usize) -> io::Result<usize> {
    match isize::try_from(len) {
        Ok(_) => Ok(len),
        Err(_) => Err(bad_length("longer than any slice can be")),
    }
}

/// The size of huge pages by its log2, where 0 stands for the usual ones.
fn huge_page_size(bits: u8) -> io::Result<HugePageSize> {
    if bits == 0 {
        let none = || io::Error::new(ErrorKind::Unsupported, "the kernel has no huge pages");
        return HugePageSize::usual().ok_or_else(none);
    }
    1_usize
        .checked_shl(u32::from(bits))
        .and_then(PageSize::new)
        .map(HugePageSize::new)
        .ok_or_else(|| bad_input("the page size is past the largest address"))
}
