//! Block devices made of files, by `losetup`.

use crate::require::{self, skip};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A block device whose content is a file, detached when it is dropped.
#[derive(Debug)]
pub struct LoopDevice {
    device: PathBuf,
}

impl LoopDevice {
    /// The device of a file; `None`, and said so, where the machine has none.
    ///
    /// # Panics
    ///
    /// Where `losetup` cannot be started.
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        if !require::root() || !require::program("losetup") || !require::file("/dev/loop-control") {
            return None;
        }
        let made = Command::new("losetup").args(["--find", "--show"]).arg(file).output();
        let made = made.expect("losetup");
        if !made.status.success() {
            skip("a free loop device");
            return None;
        }
        let name = String::from_utf8(made.stdout).expect("a name");
        Some(Self { device: PathBuf::from(name.trim()) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.device
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        drop(Command::new("losetup").arg("--detach").arg(&self.device).status());
    }
}
