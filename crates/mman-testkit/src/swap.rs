//! A swap file, switched on for a test and off again also when the test fails.

use crate::require::skip;
use std::ffi::{CString, c_char, c_int};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

// SAFETY: the C library's own declarations.
unsafe extern "C" {
    fn swapon(path: *const c_char, flags: c_int) -> c_int;
    fn swapoff(path: *const c_char) -> c_int;
}

/// Swap in a file, off and gone when this is dropped.
#[derive(Debug)]
pub struct SwapFile {
    path: CString,
    _folder: tempfile::TempDir,
}

impl SwapFile {
    /// So many bytes of swap; `None`, and said so, where the machine refuses.
    ///
    /// # Panics
    ///
    /// Where the file cannot be written.
    #[must_use]
    pub fn on(len: usize) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("swap");
        write(&path, len);
        let path = CString::new(path.as_os_str().as_bytes()).expect("a path without zeros");
        // SAFETY: the path ends with a zero.
        if unsafe { swapon(path.as_ptr(), 0) } != 0 {
            skip("root and a file system that swap files can be on");
            return None;
        }
        Some(Self { path, _folder: folder })
    }
}

/// A file of swap space, version 1 (`union swap_header`, `linux/swap.h`). Without holes: swap needs its blocks.
fn write(path: &Path, len: usize) {
    let page = crate::page();
    let mut file = File::create_new(path).expect("a swap file");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("a private file");
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..len.div_ceil(zeros.len()) {
        file.write_all(&zeros).expect("room for a swap file");
    }
    let last = u32::try_from(len / page - 1).expect("a small file");
    file.write_all_at(&1_u32.to_ne_bytes(), 1024).expect("the version");
    file.write_all_at(&last.to_ne_bytes(), 1028).expect("the last page");
    file.write_all_at(b"SWAPSPACE2", page as u64 - 10).expect("the signature");
    file.sync_all().expect("the file on its disk");
}

impl Drop for SwapFile {
    fn drop(&mut self) {
        // SAFETY: the path ends with a zero.
        let off = unsafe { swapoff(self.path.as_ptr()) };
        if off != 0 {
            eprintln!("swap is still on: {}", std::io::Error::last_os_error());
        }
    }
}
