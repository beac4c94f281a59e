//! Files: opened, read, and closed, with descriptors that are owned.
#![expect(unsafe_code, reason = "passes descriptors that it owns, and maps memory of its own")]

use crate::path::Path;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use mman_sys::{
    AT_FDCWD, Errno, FallocateFlags, MapFlags, OpenFlags, Prot, RawFd, Stat, dup_from, fallocate,
    fchmod, file_size_limit, fstat, ftruncate, getdents64, has_ended, huge_page_size,
    is_byte_locked, mkdirat, mmap, munmap, next_data, openat, pread, read, try_lock_byte, unlinkat,
    unlock_byte,
};

/// Where descriptors begin that a program does not meet: programs look at the lowest numbers, and `select` at none above
/// 1023.
const HIGH: RawFd = 800;

/// A descriptor that is closed with the value.
#[derive(Debug)]
pub(crate) struct File(RawFd);

impl File {
    /// Opens a file, closed by exec, not through a symbolic link.
    pub(crate) fn open(path: &Path, flags: OpenFlags, mode: u32) -> Result<Self, Errno> {
        Self::open_through(path, flags | OpenFlags::NOFOLLOW, mode)
    }

    /// The same through symbolic links, as those of `/proc/PID/fd` are.
    pub(crate) fn open_through(path: &Path, flags: OpenFlags, mode: u32) -> Result<Self, Errno> {
        let path = path.c().ok_or(Errno::ENAMETOOLONG)?;
        // SAFETY: the working directory is nobody's descriptor.
        unsafe { openat(AT_FDCWD, path, flags | OpenFlags::CLOEXEC, mode) }.map(Self)
    }

    /// The same, and left open by exec.
    pub(crate) fn open_for_exec(path: &Path, flags: OpenFlags) -> Result<Self, Errno> {
        let path = path.c().ok_or(Errno::ENAMETOOLONG)?;
        // SAFETY: as above.
        unsafe { openat(AT_FDCWD, path, flags, 0) }.map(Self)
    }

    /// A descriptor that is ours from now on.
    pub(crate) const fn owned(fd: RawFd) -> Self {
        Self(fd)
    }

    /// Of a descriptor of a thread or of a process: whether that has ended, as far as can be told.
    pub(crate) fn has_ended(&self) -> bool {
        // SAFETY: the descriptor is ours.
        unsafe { has_ended(self.0) }.unwrap_or(false)
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.0
    }

    /// Gives the descriptor away.
    pub(crate) fn keep(self) -> RawFd {
        let fd = self.0;
        #[expect(clippy::mem_forget, reason = "the descriptor is the caller's from now on")]
        core::mem::forget(self);
        fd
    }

    /// The same under a high number, so that the low ones are the program's; as it is, where there is none.
    pub(crate) fn out_of_the_way(self) -> Self {
        // SAFETY: the descriptor is ours.
        unsafe { dup_from(self.0, HIGH) }.map_or(self, Self)
    }

    pub(crate) fn stat(&self) -> Result<Stat, Errno> {
        stat(self.0)
    }

    /// The size of its pages, if it is made of huge ones.
    pub(crate) fn huge_page(&self) -> Option<u64> {
        // SAFETY: the descriptor is ours, and the call changes nothing.
        unsafe { huge_page_size(self.0) }.ok().flatten()
    }

    /// Makes it so long; `EFBIG` where the process may not, instead of the signal of that.
    pub(crate) fn set_len(&self, len: u64) -> Result<(), Errno> {
        if file_size_limit().is_ok_and(|limit| len > limit) {
            return Err(Errno::EFBIG);
        }
        // SAFETY: the descriptor is ours; files are made longer here only.
        unsafe { ftruncate(self.0, len) }
    }

    pub(crate) fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        // SAFETY: the descriptor is ours.
        unsafe { fchmod(self.0, mode) }
    }

    pub(crate) fn allocate(&self, from: u64, len: u64) -> Result<(), Errno> {
        let keep = FallocateFlags::KEEP_SIZE;
        // SAFETY: the descriptor is ours; no bytes change.
        unsafe { fallocate(self.0, keep, from, len) }
    }

    /// Gives the bytes of a range back: zeros are read there. Who calls knows that they are nobody's.
    pub(crate) fn punch(&self, from: u64, len: u64) -> Result<(), Errno> {
        let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // SAFETY: the descriptor is ours. Who maps the range has memory that others may change, by the contract of `map`.
        unsafe { fallocate(self.0, mode, from, len) }
    }

    /// Where the next byte is that was ever touched, from an offset on; `ENXIO` where there is none.
    pub(crate) fn next_data(&self, from: u64) -> Result<u64, Errno> {
        // SAFETY: the descriptor is ours, and nobody uses the position of its description.
        unsafe { next_data(self.0, from) }
    }

    pub(crate) fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let mut filled = 0_usize;
        while let Some(room) = into.get_mut(filled..).filter(|room| !room.is_empty()) {
            // SAFETY: the descriptor is ours.
            match unsafe { read(self.0, room) } {
                Ok(0) => break,
                Ok(more) => filled = filled.saturating_add(more),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(filled)
    }

    /// Reads from a place on, until the room is filled or the file ends.
    pub(crate) fn read_at(&self, into: &mut [u8], at: u64) -> Result<usize, Errno> {
        let mut filled = 0_usize;
        while let Some(room) = into.get_mut(filled..).filter(|room| !room.is_empty()) {
            let at = at.saturating_add(crate::number::word(filled));
            // SAFETY: the descriptor is ours.
            match unsafe { pread(self.0, room, at) } {
                Ok(0) => break,
                Ok(more) => filled = filled.saturating_add(more),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(filled)
    }

    /// Tells the names of a directory.
    pub(crate) fn each_name(&self, tell: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
        let mut records = [0_u8; 1024]; // a call of mmap comes here, maybe on a small stack
        loop {
            // SAFETY: the descriptor is ours.
            let len = unsafe { getdents64(self.0, &mut records) }?;
            if len == 0 {
                return Ok(());
            }
            let mut rest = records.get(..len).unwrap_or(&[]);
            // A record: inode and place of 8 bytes, its own length of 2, a type of 1, the name and a zero.
            while let Some([low, high]) = rest.get(16..18).and_then(|len| len.as_array()) {
                let (record, more) = rest
                    .split_at_checked(usize::from(u16::from_ne_bytes([*low, *high])).max(19))
                    .unwrap_or((rest, &[]));
                rest = more;
                let name = record.get(19..).unwrap_or(&[]);
                tell(name.split(|byte| *byte == 0).next().unwrap_or(&[]));
            }
        }
    }

    pub(crate) fn try_lock(&self, at: i64) -> Result<(), Errno> {
        // SAFETY: the descriptor is ours.
        unsafe { try_lock_byte(self.0, at) }
    }

    pub(crate) fn unlock(&self, at: i64) -> Result<(), Errno> {
        // SAFETY: the descriptor is ours.
        unsafe { unlock_byte(self.0, at) }
    }

    pub(crate) fn is_locked(&self, at: i64) -> Result<bool, Errno> {
        // SAFETY: the descriptor is ours.
        unsafe { is_byte_locked(self.0, at) }
    }

    /// Maps the first bytes of the file, shared.
    pub(crate) fn map(&self, len: usize) -> Result<NonNull<c_void>, Errno> {
        let prot = Prot::READ | Prot::WRITE;
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let at = unsafe { mmap(null_mut(), len, prot, MapFlags::SHARED, self.0, 0) }?;
        NonNull::new(at).ok_or(Errno::ENOMEM)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, and this is its end.
        let _closed = unsafe { mman_sys::close(self.0) };
    }
}

/// Tells of any descriptor; one that is not open is EBADF.
pub(crate) fn stat(fd: RawFd) -> Result<Stat, Errno> {
    // SAFETY: the call changes nothing.
    unsafe { fstat(fd) }
}

/// Makes a directory; that it is there already is fine.
pub(crate) fn make_directory(path: &Path, mode: u32) -> Result<(), Errno> {
    let path = path.c().ok_or(Errno::ENAMETOOLONG)?;
    // SAFETY: the working directory is nobody's descriptor.
    match unsafe { mkdirat(AT_FDCWD, path, mode) } {
        Err(errno) if errno != Errno::EEXIST => Err(errno),
        _ => Ok(()),
    }
}

/// Removes the name of a file.
pub(crate) fn remove(path: &Path) -> Result<(), Errno> {
    let path = path.c().ok_or(Errno::ENAMETOOLONG)?;
    // SAFETY: the working directory is nobody's descriptor; who has the file mapped keeps it.
    unsafe { unlinkat(AT_FDCWD, path, 0) }
}

/// Memory of this process alone, zeros at first, unmapped with the value.
#[derive(Debug)]
pub(crate) struct Room {
    at: NonNull<u8>,
    len: usize,
}

impl Room {
    pub(crate) fn new(len: usize) -> Result<Self, Errno> {
        let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
        // SAFETY: the kernel chooses the place: nothing is taken away.
        let at = unsafe { mmap(null_mut(), len, Prot::READ | Prot::WRITE, flags, -1, 0) }?;
        let at = NonNull::new(at.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Self { at, len })
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: mapped by `new` with this length, ours alone, and made of bytes that are all written.
        unsafe { core::slice::from_raw_parts_mut(self.at.as_ptr(), self.len) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody has a reference into it any more.
        let _unmapped = unsafe { munmap(self.at.as_ptr().cast(), self.len) };
    }
}
