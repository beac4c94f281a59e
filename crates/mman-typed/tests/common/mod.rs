//! What the tests share: a configuration of their own, and calls that read as sentences.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "test code: it may panic, and maps memory of its own"
)]

use mman_sys::{Errno, MapFlags, OpenFlags, Prot, RawFd};
use mman_typed::{Cause, Failure, Found, Info, TypedFlags};
use std::ffi::c_void;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::ptr::null_mut;
use tempfile::TempDir;

pub(crate) const UNIT: usize = 4096;
pub(crate) const RW: Prot = Prot::READ.union(Prot::WRITE);

/// A configuration that only this test knows, in a directory that goes away.
pub(crate) struct Setup {
    pub(crate) directory: TempDir,
}

impl Setup {
    /// These lines, and tables in a directory of ours; this process reads them from now on.
    pub(crate) fn new(lines: &str) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let setup = Self { directory };
        let tables = setup.directory.path().display().to_string();
        fs::write(setup.file(), format!("directory {tables}\ndefaults no\n{lines}\n")).unwrap();
        setup.use_it();
        setup
    }

    /// One pool of so many units, with a port `/a`, and a second one `/b`.
    pub(crate) fn pool(units: usize) -> Self {
        let size = units * UNIT;
        Self::new(&format!("pool p kind=shm size={size}\nport /a pool=p\nport /b pool=p"))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("conf")
    }

    pub(crate) fn table(&self) -> PathBuf {
        self.directory.path().join("p.table")
    }

    pub(crate) fn use_it(&self) {
        mman_typed::config::use_configuration(self.file().to_str().unwrap().as_bytes()).unwrap();
    }
}

pub(crate) fn open(name: &str, flags: TypedFlags) -> Result<RawFd, Failure> {
    mman_typed::open(name.as_bytes(), OpenFlags::RDWR, flags)
}

pub(crate) fn try_map(fd: RawFd, units: usize, first: usize) -> Result<*mut u8, Failure> {
    let (len, offset) = (units * UNIT, (first * UNIT) as u64);
    // SAFETY: the kernel chooses the place.
    let at = unsafe { mman_typed::map(null_mut(), len, RW, MapFlags::SHARED, fd, offset) };
    at.map(<*mut c_void>::cast)
}

/// Allocates, by a descriptor that allocates.
pub(crate) fn allocate(fd: RawFd, units: usize) -> *mut u8 {
    try_map(fd, units, 0).unwrap()
}

pub(crate) fn try_unmap(at: *mut u8, len: usize) -> Result<(), Failure> {
    // SAFETY: mapped by a test, which uses it no more.
    unsafe { mman_typed::unmap(at.cast(), len) }
}

pub(crate) fn unmap(at: *mut u8, units: usize) {
    try_unmap(at, units * UNIT).unwrap();
}

pub(crate) fn offset(at: *const u8, units: usize) -> Found {
    mman_typed::offset(at.cast(), units * UNIT).unwrap()
}

pub(crate) fn info(fd: RawFd) -> Info {
    mman_typed::info(fd).unwrap()
}

/// Free units, and the longest run of them.
pub(crate) fn free(fd: RawFd) -> (usize, usize) {
    let info = info(fd);
    let units = |bytes: u64| usize::try_from(bytes / info.unit).unwrap();
    (units(info.free), units(info.longest))
}

pub(crate) fn is_full(failure: Failure) -> bool {
    failure.errno == Errno::ENOMEM && matches!(failure.cause, Cause::Full { .. })
}

/// Writes a byte to each unit.
pub(crate) fn fill(at: *mut u8, units: usize, byte: u8) {
    for unit in 0..units {
        // SAFETY: the test has mapped it.
        unsafe { at.wrapping_add(unit * UNIT).write_volatile(byte) }
    }
}

/// The byte at the start of a unit.
pub(crate) fn byte(at: *const u8, unit: usize) -> u8 {
    // SAFETY: the test has mapped it.
    unsafe { at.wrapping_add(unit * UNIT).read_volatile() }
}

pub(crate) fn close(fd: RawFd) {
    // SAFETY: the test's own descriptor.
    unsafe { mman_sys::close(fd) }.unwrap();
}
