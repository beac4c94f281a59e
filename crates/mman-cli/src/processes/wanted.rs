//! Files that are looked for in the mappings of processes.
//!
//! A line of `maps` tells the device of its file as it was mounted, which on btrfs and others is not the one that
//! `stat` tells; on overlayfs, older kernels tell the file below. Such a file is compared by `stat`: through
//! `/proc/PID/map_files`, which root may, or else through the path of the line.

use super::folder::Folder;
use super::holders::FileId;
use mman::inspect::{Entry, Name};
use rustix::fs::{AtFlags, major, makedev, minor, statat};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Whether a mapping is of a wanted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes(FileId),
    No,
    /// It may be, and there is no way to tell.
    Unsure,
}

/// The files that are wanted.
pub(super) struct Wanted {
    by_inode: HashMap<u64, Vec<FileId>>,
    /// Devices that maps and stat tell alike.
    plain: HashSet<(u32, u32)>,
}

impl Wanted {
    pub(super) fn new(files: &[FileId]) -> Self {
        let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        Self::with_mounts(files, &String::from_utf8_lossy(&mounts))
    }

    fn with_mounts(files: &[FileId], mounts: &str) -> Self {
        let mut by_inode: HashMap<u64, Vec<FileId>> = HashMap::new();
        for file in files {
            let same = by_inode.entry(file.inode).or_default();
            if !same.contains(file) {
                same.push(*file);
            }
        }
        Self { by_inode, plain: plain_in(mounts) }
    }

    /// By what `stat` tells.
    pub(super) fn contains(&self, file: FileId) -> bool {
        self.by_inode.get(&file.inode).is_some_and(|same| same.contains(&file))
    }

    /// By what a line of `maps` tells, and where that is not enough by looking into the process's folder.
    pub(super) fn matched(&self, entry: &Entry, folder: &Folder) -> Match {
        let Some(same) = self.by_inode.get(&entry.inode()) else { return Match::No };
        let (major, minor) = entry.device();
        let told = FileId { device: makedev(major, minor), inode: entry.inode() };
        if same.contains(&told) {
            return Match::Yes(told);
        }
        let strange = same.iter().any(|file| !self.is_plain(*file));
        if !strange || !matches!(entry.name(), Name::File(_)) {
            return Match::No;
        }
        match compared(entry, folder) {
            Some(found) if same.contains(&found) => Match::Yes(found),
            Some(_) => Match::No,
            None => Match::Unsure,
        }
    }

    fn is_plain(&self, file: FileId) -> bool {
        self.plain.contains(&(major(file.device), minor(file.device)))
    }
}

/// The mapped file by `stat`; `None` where there is no way to it.
fn compared(entry: &Entry, folder: &Folder) -> Option<FileId> {
    let addresses = entry.addresses();
    let link = format!("map_files/{:x}-{:x}", addresses.start, addresses.end);
    let found = statat(folder, &link, AtFlags::empty()).or_else(|_| {
        let path = entry.kernel_name().as_bytes();
        let path = [b"root", path].concat();
        let found = statat(folder, OsStr::from_bytes(&path), AtFlags::empty())?;
        // Another file may have the path now.
        if found.st_ino == entry.inode() { Ok(found) } else { Err(Errno::NOENT) }
    });
    found.ok().map(|stat| FileId::of_stat(&stat))
}

/// The devices of mounted file systems, overlays left out. What `stat` tells on btrfs is none of them.
fn plain_in(mounts: &str) -> HashSet<(u32, u32)> {
    let device = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let (major, minor) = mount.split(' ').nth(2)?.split_once(':')?;
        let overlay = filesystem.split(' ').next()?.contains("overlay");
        (!overlay).then_some((major.parse().ok()?, minor.parse().ok()?))
    };
    mounts.lines().filter_map(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mman::inspect::Maps;
    use mman::process::Process;

    const MOUNTS: &str = "\
20 1 253:0 / / rw,relatime - ext4 /dev/vda rw
21 20 0:30 /sub /data rw shared:1 - btrfs /dev/vdb rw
22 20 0:40 / /merged rw - overlay overlay rw
";

    fn entry(line: &str) -> Entry {
        Maps::of_text(line.as_bytes()).next().unwrap().unwrap()
    }

    #[test]
    fn devices_of_mounts_are_those_of_maps_but_for_overlays() {
        assert_eq!(plain_in(MOUNTS), HashSet::from([(253, 0), (0, 30)]));
    }

    /// On btrfs stat tells a device that no mount has.
    #[test]
    fn a_device_that_differs_is_no_reason_to_say_no() {
        let folder = Folder::of(&Process::myself()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let id = FileId::of(&file.as_file().metadata().unwrap());
        let path = file.path().display();
        let line = format!("1000-2000 r--s 00000000 0:30 {} {path}\n", id.inode);
        // The file is on a file system that no mount line tells of: the path decides.
        let strange = Wanted::with_mounts(&[id], "");
        assert_eq!(strange.matched(&entry(&line), &folder), Match::Yes(id));
        let plain = format!("20 1 {}:{} / / rw - ext4 d rw", major(id.device), minor(id.device));
        let plain = Wanted::with_mounts(&[id], &plain);
        assert_eq!(plain.matched(&entry(&line), &folder), Match::No);
        let gone = line.replace("\n", " (deleted)\n");
        assert_eq!(strange.matched(&entry(&gone), &folder), Match::Unsure);
        let memory = format!("1000-2000 rw-s 00000000 0:1 {} /memfd:x (deleted)\n", id.inode);
        assert_eq!(strange.matched(&entry(&memory), &folder), Match::No);
    }

    #[test]
    fn another_file_of_the_number_is_another_file() {
        let folder = Folder::of(&Process::myself()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let id = FileId::of(&file.as_file().metadata().unwrap());
        let other = FileId { device: id.device.wrapping_add(1 << 8), inode: id.inode };
        let path = file.path().display();
        let line = format!("1000-2000 r--s 00000000 0:30 {} {path}\n", id.inode);
        assert_eq!(Wanted::with_mounts(&[other], "").matched(&entry(&line), &folder), Match::No);
        assert!(Wanted::new(&[id]).contains(id) && !Wanted::new(&[id]).contains(other));
    }
}
