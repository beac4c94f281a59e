//! File systems of a test's own, in a child that alone sees them.

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::ffi::CStr;
use std::path::{Path, PathBuf};

/// From here on nobody else sees what this process mounts, and all of it goes when the process ends.
///
/// # Panics
///
/// Where the kernel refuses: it takes root.
pub fn be_alone() {
    // SAFETY: the mounts of this thread are its own afterwards; no memory and no descriptor changes.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.expect("mounts of our own");
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).expect("mounts that nobody follows");
}

/// A mounted file system, unmounted when it is dropped.
#[derive(Debug)]
pub struct Mount {
    place: PathBuf,
}

impl Mount {
    /// Mounts a file system without a device on a folder.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn new(kind: &str, folder: &Path, data: &CStr) -> std::io::Result<Self> {
        Self::with_flags(kind, folder, data, MountFlags::empty())
    }

    /// Mounts a tmpfs that runs no program.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn without_execution(folder: &Path) -> std::io::Result<Self> {
        Self::with_flags("tmpfs", folder, c"size=1m", MountFlags::NOEXEC)
    }

    /// Mounts the file system of a block device on a folder.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn of_device(device: &Path, folder: &Path, kind: &str) -> std::io::Result<Self> {
        mount(device, folder, kind, MountFlags::empty(), None::<&CStr>)?;
        Ok(Self { place: folder.to_owned() })
    }

    fn with_flags(
        kind: &str,
        folder: &Path,
        data: &CStr,
        flags: MountFlags,
    ) -> std::io::Result<Self> {
        mount("none", folder, kind, flags, data)?;
        Ok(Self { place: folder.to_owned() })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _gone_with_the_child = unmount(&self.place, UnmountFlags::DETACH);
    }
}
