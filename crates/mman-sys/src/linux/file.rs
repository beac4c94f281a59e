//! Files, as far as memory objects need them where there is no std.
#![expect(unsafe_code, reason = "makes system calls")]

use super::ioctl::{ioctl, ior};
use super::syscall::{as_int, call1, call2, call3, call4, int, long, pointer, pointer_mut, word};
use crate::{Errno, FallocateFlags, OpenFlags, RawFd, Seals, Stat};
use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;
use linux_raw_sys::general as nr;

/// A directory descriptor that means the working directory (`linux/fcntl.h`).
pub const AT_FDCWD: RawFd = nr::AT_FDCWD as c_int;

/// Size of a block device in bytes (`linux/fs.h`; the header says `size_t` and means 64 bits).
const BLKGETSIZE64: u32 = ior::<usize>(0x12, 114);

/// Opens a file. [openat(2)](https://man7.org/linux/man-pages/man2/open.2.html)
///
/// # Errors
///
/// Those of the manual page.
///
/// # Safety
///
/// The rules of the crate for `dir`.
#[inline]
pub unsafe fn openat(dir: RawFd, path: &CStr, flags: OpenFlags, mode: u32) -> Result<RawFd, Errno> {
    let arguments = [int(dir), pointer(path.as_ptr()), word(flags.bits()), word(mode)];
    // SAFETY: the kernel reads the path only; the descriptor is the caller's promise.
    unsafe { call4(nr::__NR_openat, arguments) }.map(as_int)
}

/// Makes a symbolic link. [symlinkat(2)](https://man7.org/linux/man-pages/man2/symlink.2.html)
///
/// The kernel reads the target first, whatever else is wrong: a pointer that cannot be read is `EFAULT`.
///
/// # Errors
///
/// Those of the manual page.
///
/// # Safety
///
/// The rules of the crate for `dir`. `target` ends with a zero, or cannot be read at all.
#[inline]
pub unsafe fn symlinkat(target: *const c_char, dir: RawFd, path: &CStr) -> Result<(), Errno> {
    let path = pointer(path.as_ptr());
    // SAFETY: the kernel reads the strings only; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_symlinkat, pointer(target), int(dir), path) }.map(drop)
}

/// Removes a name. [unlinkat(2)](https://man7.org/linux/man-pages/man2/unlink.2.html)
///
/// # Errors
///
/// Those of the manual page.
///
/// # Safety
///
/// The rules of the crate for `dir`.
#[inline]
pub unsafe fn unlinkat(dir: RawFd, path: &CStr, flags: u32) -> Result<(), Errno> {
    // SAFETY: the kernel reads the path only; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_unlinkat, int(dir), pointer(path.as_ptr()), word(flags)) }.map(drop)
}

/// Closes a descriptor. It is closed whatever the answer. [close(2)](https://man7.org/linux/man-pages/man2/close.2.html)
///
/// # Errors
///
/// `EBADF`, `EINTR`, `EIO`, `ENOSPC`, `EDQUOT`.
///
/// # Safety
///
/// The descriptor is the caller's alone, and is not used after.
#[inline]
pub unsafe fn close(fd: RawFd) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call1(nr::__NR_close, int(fd)) }.map(drop)
}

/// Writes memory to a descriptor, and answers how many bytes went. Memory that cannot be read is `EFAULT`
/// and never a signal, which makes this the way to copy out of a mapping whose object may shrink.
/// [write(2)](https://man7.org/linux/man-pages/man2/write.2.html)
///
/// # Errors
///
/// `EAGAIN`, `EBADF`, `EFAULT`, `EINTR`, `EINVAL`, `EIO`, `ENOSPC`, `EPIPE` (after SIGPIPE, unless that is
/// ignored).
///
/// # Safety
///
/// The rules of the crate for the descriptor. The memory may change meanwhile: the kernel copies what it finds.
#[inline]
pub unsafe fn write(fd: RawFd, bytes: *const u8, len: usize) -> Result<usize, Errno> {
    // SAFETY: the kernel reads the memory, or answers EFAULT; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_write, int(fd), pointer(bytes), len) }
}

/// Reads from where a descriptor stands, and answers how many bytes came. [read(2)](https://man7.org/linux/man-pages/man2/read.2.html)
///
/// # Errors
///
/// `EAGAIN`, `EBADF`, `EINTR`, `EINVAL`, `EIO`, `EISDIR`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn read(fd: RawFd, into: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes `into` only; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_read, int(fd), pointer_mut(into.as_mut_ptr()), into.len()) }
}

/// Reads from a place of a file, wherever the descriptor stands, and answers how many bytes came. [pread(2)](https://man7.org/linux/man-pages/man2/pread.2.html)
///
/// # Errors
///
/// Those of [`read`], and `ESPIPE`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn pread(fd: RawFd, into: &mut [u8], at: u64) -> Result<usize, Errno> {
    let arguments = [int(fd), pointer_mut(into.as_mut_ptr()), into.len(), long(at)];
    // SAFETY: the kernel writes `into` only; the descriptor is the caller's promise.
    unsafe { call4(nr::__NR_pread64, arguments) }
}

/// A second descriptor of the same open file, closed by exec: the lowest free number from one on.
/// [F_DUPFD_CLOEXEC(2const)](https://man7.org/linux/man-pages/man2/F_DUPFD.2const.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL` (no such number is allowed), `EMFILE`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn dup_from(fd: RawFd, least: RawFd) -> Result<RawFd, Errno> {
    let command = word(nr::F_DUPFD_CLOEXEC);
    // SAFETY: a new descriptor takes nothing away; the old one is the caller's promise.
    unsafe { call3(nr::__NR_fcntl, int(fd), command, int(least)) }.map(as_int)
}

/// Where a descriptor stands. [lseek(2)](https://man7.org/linux/man-pages/man2/lseek.2.html)
///
/// # Errors
///
/// `EBADF`, `ESPIPE` (a pipe, a socket).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn position(fd: RawFd) -> Result<u64, Errno> {
    // 1 is SEEK_CUR.
    // SAFETY: the call changes nothing; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_lseek, int(fd), 0, 1) }.map(|at| at as u64)
}

/// Has a descriptor stand somewhere else. [lseek(2)](https://man7.org/linux/man-pages/man2/lseek.2.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL`, `ESPIPE` (a pipe, a socket).
///
/// # Safety
///
/// The rules of the crate for the descriptor; who reads or writes by it does so from there.
#[inline]
pub unsafe fn set_position(fd: RawFd, at: u64) -> Result<(), Errno> {
    // 0 is SEEK_SET.
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_lseek, int(fd), long(at), 0) }.map(drop)
}

/// Reads names of a directory, as many whole records (`linux_dirent64`) as there is room for, and answers how many bytes
/// they take; 0 at the end. [getdents64(2)](https://man7.org/linux/man-pages/man2/getdents.2.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL` (no room for one), `ENOENT` (removed), `ENOTDIR`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn getdents64(fd: RawFd, into: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes `into` only; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_getdents64, int(fd), pointer_mut(into.as_mut_ptr()), into.len()) }
}

/// Makes a directory. [mkdirat(2)](https://man7.org/linux/man-pages/man2/mkdir.2.html)
///
/// # Errors
///
/// Those of the manual page.
///
/// # Safety
///
/// The rules of the crate for `dir`.
#[inline]
pub unsafe fn mkdirat(dir: RawFd, path: &CStr, mode: u32) -> Result<(), Errno> {
    let path = pointer(path.as_ptr());
    // SAFETY: the kernel reads the path only; the descriptor is the caller's promise.
    unsafe { call3(nr::__NR_mkdirat, int(dir), path, word(mode)) }.map(drop)
}

/// Sets who may do what with a file. [fchmod(2)](https://man7.org/linux/man-pages/man2/chmod.2.html)
///
/// # Errors
///
/// `EBADF`, `EIO`, `EPERM`, `EROFS`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn fchmod(fd: RawFd, mode: u32) -> Result<(), Errno> {
    // SAFETY: the call changes no memory; the descriptor is the caller's promise.
    unsafe { call2(nr::__NR_fchmod, int(fd), word(mode)) }.map(drop)
}

/// Gives a range of a file its blocks, or takes them away. [fallocate(2)](https://man7.org/linux/man-pages/man2/fallocate.2.html)
///
/// # Errors
///
/// `EBADF`, `EFBIG`, `EINTR`, `EINVAL`, `EIO`, `ENODEV`, `ENOSPC`, `EOPNOTSUPP`, `EPERM` (sealed), `ETXTBSY`.
///
/// # Safety
///
/// The rules of the crate: bytes that are punched out are nobody's to read.
#[inline]
pub unsafe fn fallocate(
    fd: RawFd,
    mode: FallocateFlags,
    offset: u64,
    len: u64,
) -> Result<(), Errno> {
    let arguments = [int(fd), word(mode.bits()), long(offset), long(len)];
    // SAFETY: the caller's promise is that of this call.
    unsafe { call4(nr::__NR_fallocate, arguments) }.map(drop)
}

/// Where the next byte of a file is, from an offset on, that is not in a hole. The position of the description goes there.
/// [lseek(2)](https://man7.org/linux/man-pages/man2/lseek.2.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL`, `ENXIO` (nothing but a hole from there on, or the file ends before), `ESPIPE`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn next_data(fd: RawFd, from: u64) -> Result<u64, Errno> {
    // SAFETY: the call changes no memory; the descriptor is the caller's promise.
    let at = unsafe { call3(nr::__NR_lseek, int(fd), long(from), word(nr::SEEK_DATA)) }?;
    Ok(at as u64)
}

/// How long this process may make a file: making it longer raises `SIGXFSZ`. [getrlimit(2)](https://man7.org/linux/man-pages/man2/getrlimit.2.html)
///
/// # Errors
///
/// None that is known.
#[inline]
pub fn file_size_limit() -> Result<u64, Errno> {
    let mut limit = nr::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let arguments = [0, word(nr::RLIMIT_FSIZE), 0, pointer_mut(&raw mut limit)];
    // SAFETY: the kernel writes one `rlimit64`; nothing is set.
    unsafe { call4(nr::__NR_prlimit64, arguments) }?;
    Ok(limit.rlim_cur)
}

/// The size of the pages of an object of huge pages; `None` for any other. [fstatfs(2)](https://man7.org/linux/man-pages/man2/statfs.2.html)
///
/// # Errors
///
/// `EBADF`, `EINTR`, `EIO`, `ENOSYS`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn huge_page_size(fd: RawFd) -> Result<Option<u64>, Errno> {
    let mut told = MaybeUninit::<nr::statfs64>::uninit();
    // SAFETY: the kernel writes the struct only; the descriptor is the caller's promise.
    unsafe { call2(nr::__NR_fstatfs, int(fd), pointer_mut(told.as_mut_ptr())) }?;
    // SAFETY: the call has filled it.
    let told = unsafe { told.assume_init() };
    let is_huge = told.f_type.cast_unsigned() == u64::from(nr::HUGETLBFS_MAGIC);
    Ok(is_huge.then_some(told.f_bsize.cast_unsigned()))
}

/// Tells length, kind and owner of a file. [fstat(2)](https://man7.org/linux/man-pages/man2/stat.2.html)
///
/// # Errors
///
/// `EBADF`, `EFAULT`, `ENOMEM`, `EOVERFLOW`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn fstat(fd: RawFd) -> Result<Stat, Errno> {
    let mut stat = MaybeUninit::<Stat>::zeroed();
    // SAFETY: the kernel writes one `Stat`, and `stat` has room for it.
    unsafe { call2(nr::__NR_fstat, int(fd), pointer_mut(stat.as_mut_ptr())) }?;
    // SAFETY: every field is an integer, for which zeros, and what the kernel wrote over them, are values.
    Ok(unsafe { stat.assume_init() })
}

/// Sets the length of a file. [ftruncate(2)](https://man7.org/linux/man-pages/man2/truncate.2.html)
///
/// # Errors
///
/// `EBADF`, `EFBIG`, `EINVAL`, `EIO`, `EPERM` (sealed), `ETXTBSY`.
///
/// # Safety
///
/// The rules of the crate: bytes that are cut off are nobody's to read.
#[inline]
pub unsafe fn ftruncate(fd: RawFd, len: u64) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call2(nr::__NR_ftruncate, int(fd), long(len)) }.map(drop)
}

/// The size of a block device in bytes (`BLKGETSIZE64`, `linux/fs.h`).
///
/// # Errors
///
/// `EBADF`, `ENOTTY` (no block device).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn block_device_size(fd: RawFd) -> Result<u64, Errno> {
    let mut size = 0_u64;
    // SAFETY: the kernel writes one 64-bit word, and `size` is one.
    unsafe { ioctl(fd, BLKGETSIZE64, pointer_mut(&raw mut size)) }?;
    Ok(size)
}

/// Adds seals to a memfd. [F_ADD_SEALS(2const)](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)
///
/// # Errors
///
/// `EBUSY` (`WRITE` while a writable shared mapping exists), `EINVAL` (no memfd), `EPERM`.
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn add_seals(fd: RawFd, seals: Seals) -> Result<(), Errno> {
    // SAFETY: the caller's promise is that of this call.
    unsafe { call3(nr::__NR_fcntl, int(fd), word(nr::F_ADD_SEALS), word(seals.bits())) }.map(drop)
}

/// The seals of a memfd. [F_GET_SEALS(2const)](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html)
///
/// # Errors
///
/// `EBADF`, `EINVAL` (no memfd).
///
/// # Safety
///
/// The rules of the crate for the descriptor.
#[inline]
pub unsafe fn get_seals(fd: RawFd) -> Result<Seals, Errno> {
    // SAFETY: the call reads only; the descriptor is the caller's promise.
    let seals = unsafe { call2(nr::__NR_fcntl, int(fd), word(nr::F_GET_SEALS)) }?;
    Ok(Seals::from_bits(as_int(seals).cast_unsigned()))
}
